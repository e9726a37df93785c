"What is answered while a cell runs, in which order, and what is told meanwhile"
import pytest, time
from helpers import begun, connect
from queue import Empty

first_cell = "import asyncio, time"

quick = dict(complete=dict(code="pri", cursor_pos=3), inspect=dict(code="print", cursor_pos=5, detail_level=0), is_complete=dict(code="1"),
    history=dict(hist_access_type="tail", n=2, raw=True, output=False), kernel_info={}, comm_info={})
busy = dict(loop="while not go: pass", sleep="while not go: time.sleep(.02)",
    wait="while not go: await asyncio.sleep(.02)",
    nested="async def g():\n    while not go: await asyncio.sleep(.02)\nasyncio.run(g())",
    task="await asyncio.to_thread(lambda: [time.sleep(.02) for _ in iter(lambda: bool(go), True)])")

@pytest.fixture(params=busy)
def running(kc, request):
    "A kernel in a cell of each kind that runs until the test ends; `kc.now` is its id"
    kc.run("go = []", silent=True)
    kc.now = kc.cell(f"print('begun')\n{busy[request.param]}")
    begun(kc, kc.now)
    yield kc
    kc.run("go.append(1)", subshell=kc.subshell())
    r = kc.wait(kc.now)
    assert r.status == "ok" and r.states[0] == "busy" and r.states.count("idle") == 1 and r.idle

def framed(r):
    return r.types[0] == r.types[-1] == "status" and r.states[0] == "busy" and r.states.count("idle") == 1 and r.idle and len(r.replies) == 1

@pytest.mark.parametrize("type", quick)
def test_it_is_answered_beside_a_running_cell(running, type):
    r = running.request(f"{type}_request", quick[type])
    assert framed(r) and r.reply["msg_type"] == f"{type}_reply" and r.status in ("ok", "complete")
    assert not running.held[running.now].replies

def statuses(eye, *lasts, timeout=60):
    "(parent, state) of what `eye` has seen, in order, until `lasts` are among it, one behind the other"
    got,end,lasts = [],time.monotonic()+timeout,list(lasts)
    while lasts:
        assert time.monotonic() < end, f"{timeout} s passed: waited for {lasts}, have {got}"
        try: m = eye.get_iopub_msg(timeout=.1)
        except Empty: continue
        if m["msg_type"] == "status": got.append((m["parent_header"]["msg_id"], m["content"]["execution_state"]))
        if got[-1:] == lasts[:1]: lasts.pop(0)
    return got

@pytest.fixture
def eye(kc):
    "A second client, which sees what order things are published in"
    eye = connect(kc.file)
    yield eye
    eye.stop_channels()

@pytest.mark.parametrize("type", quick)
def test_after_such_an_answer_the_cell_is_busy_again(eye, running, type):
    id = running.submit(f"{type}_request", quick[type])
    got = statuses(eye, (id, "idle"), (running.now, "busy"))
    assert got[-3:] == [(id, "busy"), (id, "idle"), (running.now, "busy")]

def test_after_a_comm_message_beside_an_awaiting_cell_the_cell_is_busy_again(kc, eye):
    id = kc.cell("heard = asyncio.Event(); print('begun'); await heard.wait()")
    begun(kc, id)
    said = kc.submit("comm_msg", dict(comm_id="none", data={}))
    try:
        assert statuses(eye, (said, "idle"), (id, "busy"))[-3:] == [(said, "busy"), (said, "idle"), (id, "busy")]
    finally: kc.run("heard._loop.call_soon_threadsafe(heard.set)", subshell=kc.subshell())
    assert kc.wait(id).states.count("idle") == 1 and kc.held[id].idle

@pytest.mark.slow
def test_no_busy_follows_the_idle_of_a_cell(kc):
    ids = []
    for i in range(30):
        ids.append(kc.cell(f"time.sleep({.045+i%10*.002})"))
        ids += [kc.submit(f"{type}_request", quick[type]) for type in ("complete", "kernel_info", "is_complete")]
    rs = [kc.wait(id) for id in ids]
    assert all(r.states[0] == "busy" and r.states.count("idle") == 1 and r.idle and len(r.replies) == 1
        for r in rs), [r.states for r in rs]

def test_the_last_status_is_idle_once_all_is_answered(kc, eye):
    ids = []
    for i in range(10): ids += [kc.cell(f"time.sleep({.046+i*.001})"), kc.submit("complete_request", quick["complete"])]
    for id in ids: kc.wait(id)
    last = kc.request("kernel_info_request")
    states = {}
    for id,state in statuses(eye, (last.id, "idle")): states[id] = state
    assert set(states.values()) == {"idle"}

def test_order_is_kept_while_the_shell_is_free(kc):
    for i in range(20):
        kc.cell(f"fresh_name_{i} = {i}")
        id = kc.submit("complete_request", dict(code=f"fresh_name_{i}", cursor_pos=len(f"fresh_name_{i}")))
        assert f"fresh_name_{i}" in kc.wait(id).content["matches"]

def test_a_short_cell_ends_before_what_came_behind_it_is_answered(kc, eye):
    cell = kc.cell("time.sleep(.01); short_one = 1")
    id = kc.submit("inspect_request", dict(code="short_one", cursor_pos=3, detail_level=0))
    assert kc.wait(id).content["found"]
    assert statuses(eye, (id, "idle")) == [(cell, "busy"), (cell, "idle"), (id, "busy"), (id, "idle")]

def test_answers_come_in_the_order_of_the_requests(running):
    ids = [running.submit(f"{type}_request", quick[type]) for _ in range(4) for type in quick]
    order = {id: running.wait(id).reply["header"]["date"] for id in ids}
    assert sorted(order, key=order.get) == ids

def test_cells_that_wait_keep_their_order_while_others_are_answered(running):
    first,info,second = running.cell("seen = [1]"), running.submit("kernel_info_request"), running.cell("seen.append(2); seen")
    assert running.wait(info).status == "ok" and not running.wait(first, reply=False, idle=False).replies
    running.run("go.append(1)", subshell=running.subshell())
    assert running.wait(second).result == "[1, 2]"

def test_a_running_cell_changes_the_namespace_while_names_are_completed(kc):
    kc.run("go = []", silent=True)
    id = kc.cell(
        "print('begun')\n"
        "i = 0\n"
        "while not go:\n"
        "    i += 1\n"
        "    globals()[f'churn_{i}'] = i\n"
        "    if i > 50: del globals()[f'churn_{i-50}']")
    begun(kc, id)
    asked = ("complete", dict(code="churn_", cursor_pos=6)), ("inspect", dict(code="churn_1", cursor_pos=3))
    rs = [kc.request(f"{type}_request", content) for _ in range(10) for type,content in asked]
    kc.run("go.append(1)", subshell=kc.subshell())
    assert all(r.status == "ok" and framed(r) for r in rs)
    assert any(r.content.get("matches") for r in rs)
    assert kc.wait(id).status == "ok"
    kc.run("for k in [k for k in globals() if k.startswith('churn_')]: del globals()[k]")

def test_what_a_running_cell_has_defined_is_completed(kc):
    kc.run("go = []", silent=True)
    id = kc.cell("half_done = dict(first_key=1); print('begun')\nwhile not go: time.sleep(.01)")
    begun(kc, id)
    assert "half_done" in kc.request("complete_request", dict(code="half_d", cursor_pos=6)).content["matches"]
    assert any("first_key" in o for o in kc.request("complete_request",
        dict(code="half_done['", cursor_pos=11)).content["matches"])
    kc.run("go.append(1)", subshell=kc.subshell())
    kc.wait(id)

def test_answers_while_a_cell_asks(kc):
    id = kc.cell("input('?')", allow_stdin=True)
    kc.prompt()
    assert all(framed(kc.request(f"{type}_request", content)) for type,content in quick.items())
    kc.input("yes")
    assert kc.wait(id).result == "'yes'"

def test_answers_on_a_busy_subshell(kc):
    sub = kc.subshell()
    kc.run("go = []", silent=True)
    id = kc.cell("print('begun')\nwhile not go: time.sleep(.01)", subshell=sub)
    begun(kc, id)
    assert all(framed(kc.request(f"{type}_request", content, subshell=sub)) for type,content in quick.items())
    kc.run("go.append(1)")
    r = kc.wait(id)
    assert r.status == "ok" and r.idle and r.states.count("idle") == 1

def test_nothing_is_answered_twice(kc):
    "A request that its shell and the side thread both could take"
    ids = [i for _ in range(15) for i in (kc.cell("time.sleep(.05)"), kc.submit("complete_request", quick["complete"]))]
    kc.wait(ids[-1], timeout=30)
    kc.request("kernel_info_request")
    assert all(len(kc.wait(id).replies) == 1 for id in ids)

def test_an_unloaded_kernel_answers_in_full(own_kc):
    "The first requests of a kernel, sent while IPython loads"
    rs = [own_kc.wait(id) for id in [own_kc.submit(f"{type}_request", content) for type,content in quick.items()]]
    assert all(framed(r) and r.status in ("ok", "complete") for r in rs)
