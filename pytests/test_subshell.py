"""Subshells (JEP 91): made and ended on control, addressed by the header; what they share with the main shell and what is their own

`kc` is one kernel for the whole module; `sub` is the id of a subshell that ends with its test."""
import os, random, time
import pytest
from helpers import start, until

shell_requests = dict(execute_request=dict(code="1"), complete_request=dict(code="pri", cursor_pos=3), inspect_request=dict(code="print", cursor_pos=5),
    is_complete_request=dict(code="1"), history_request=dict(hist_access_type="tail", n=1), kernel_info_request={}, comm_info_request={})
no_id = "0123456789abcdef"

def control(kc, type, **content): return kc.request(f"{type}_subshell_request", content, channel="control")

def listed(kc): return control(kc, "list").content["subshell_id"]

def told_in_full(c):
    "True if `c` is an error reply with all that one has"
    return c["status"] == "error" and bool(c["ename"]) and isinstance(c["evalue"], str) and c["traceback"] and all(isinstance(s, str) for s in c["traceback"])

def framed(r, late=False):
    "True if `r` has one reply at most, one idle, which is the last it says, `late` streams of a task left behind apart, and begins with busy"
    types = r.types
    while late and types[-1:] == ["stream"]: types.pop()
    return len(r.replies) <= 1 and types[0] == types[-1] == "status" and r.states[0] == "busy" and r.states.count("idle") == 1 and r.idle

def begun(kc, id, sign="begun"):
    "Wait until the cell `id` has printed `sign`"
    return kc.wait(id, until=lambda r: sign in r.stdout)

@pytest.fixture
def sub(kc):
    id = kc.subshell()
    yield id
    if id in listed(kc): control(kc, "delete", subshell_id=id)

@pytest.fixture
def own():
    "A kernel of the test's own"
    kc = start()
    yield kc
    kc.stop()

# -- create, list, delete

def test_none_at_the_start(kc): assert listed(kc) == []

def test_create_gives_an_id(kc):
    r = control(kc, "create")
    assert r.reply["msg_type"] == "create_subshell_reply" and r.status == "ok" and len(r.content["subshell_id"]) > 8
    assert r.states == ["busy", "idle"]
    control(kc, "delete", subshell_id=r.content["subshell_id"])

def test_list_tells_all_but_the_main_shell(kc):
    ids = [kc.subshell() for _ in range(3)]
    r = control(kc, "list")
    assert (r.reply["msg_type"], r.status, r.states, sorted(r.content["subshell_id"])) == ("list_subshell_reply", "ok", ["busy", "idle"], sorted(ids))
    for id in ids: assert control(kc, "delete", subshell_id=id).content == dict(status="ok")
    assert listed(kc) == []

def test_the_thread_of_a_deleted_subshell_ends(kc):
    r = kc.run("import threading; threading.get_native_id()", subshell=(id := kc.subshell()))
    control(kc, "delete", subshell_id=id)
    until(lambda: not os.path.exists(f"/proc/{kc.proc.pid}/task/{r.result}"), "the end of a thread")

@pytest.mark.slow
def test_hundreds_come_and_go(kc):
    fds = lambda: len(os.listdir(f"/proc/{kc.proc.pid}/fd"))
    control(kc, "delete", subshell_id=kc.subshell())
    before = fds()
    for i in range(100):
        id = kc.subshell()
        if i % 10 == 0: assert kc.run("1+1", subshell=id).result == "2"
        control(kc, "delete", subshell_id=id)
    until(lambda: fds() <= before, "the file descriptors of a hundred subshells to be closed")

# -- errors

@pytest.mark.parametrize("content", [dict(subshell_id=no_id), {}, *(dict(subshell_id=o) for o in (None, 5, True, "", [], {}, [no_id], {"a": 1}))], ids=repr)
def test_delete_of_what_is_not_there(kc, content):
    r = control(kc, "delete", **content)
    assert r.reply["msg_type"] == "delete_subshell_reply" and told_in_full(r.content) and r.states == ["busy", "idle"]
    assert kc.run("'main is there'").status == "ok"

def test_delete_twice(kc):
    id = kc.subshell()
    assert [control(kc, "delete", subshell_id=id).status for _ in range(2)] == ["ok", "error"]

def test_the_error_names_the_subshell(kc):
    c = control(kc, "delete", subshell_id=no_id).content
    assert c["ename"] == "UnknownSubshellError" and no_id in c["evalue"]

@pytest.mark.parametrize("type", shell_requests)
def test_request_to_an_unknown_subshell(kc, type):
    r = kc.request(type, shell_requests[type], subshell=no_id)
    assert r.reply["msg_type"] == type.removesuffix("request")+"reply" and told_in_full(r.content) and r.states == ["busy", "idle"]
    assert r.content["ename"] == "UnknownSubshellError" and no_id in r.content["evalue"]
    assert "execute_input" not in r.types

@pytest.mark.parametrize("type", ["comm_open", "comm_msg", "comm_close"])
def test_comm_message_to_an_unknown_subshell(kc, type):
    r = kc.request(type, dict(comm_id="c", target_name="t", data={}), subshell=no_id)
    assert r.states == ["busy", "idle"] and not r.replies and set(r.types) == {"status"}

@pytest.mark.parametrize("id", [5, 0, True, False, 1.5, "", [], [1], {}, {"a": 1}], ids=repr)
def test_subshell_id_that_is_none(kc, id):
    r = kc.request("execute_request", dict(code="1"), subshell_id=id)
    assert told_in_full(r.content) and r.states == ["busy", "idle"]

def test_null_is_the_main_shell(kc):
    r = kc.request("execute_request", dict(code="import threading; threading.current_thread() is threading.main_thread()"), subshell_id=None)
    assert r.result == "True"

@pytest.mark.parametrize("type", ["create", "list", "delete"])
def test_not_on_the_shell_channel(kc, type):
    r = kc.request(f"{type}_subshell_request", dict(subshell_id=no_id), reply=False)
    assert r.states == ["busy", "idle"] and listed(kc) == []

def test_an_id_of_an_earlier_kernel(own):
    id = own.subshell()
    kc = start()
    try: assert told_in_full(kc.run("1", subshell=id).content)
    finally: kc.stop()

# -- routing, what is shared

def test_a_subshell_is_one_thread_and_not_the_main_one(kc, sub):
    code = "import threading; (threading.get_ident(), threading.current_thread() is threading.main_thread())"
    one,two,other,main = (kc.run(code, subshell=o).result for o in (sub, sub, kc.subshell(), None))
    assert one == two and len({one, other, main}) == 3 and "False" in one and "True" in main

def test_parent_header_is_a_copy_with_the_subshells_id(kc, sub):
    r = kc.run("1", subshell=sub)
    assert {m["parent_header"]["subshell_id"] for m in [r.reply, *r.msgs]} == {sub}
    assert "subshell_id" not in kc.run("1").reply["parent_header"]

@pytest.mark.parametrize("type", shell_requests)
def test_every_request_of_the_shell_is_answered(kc, sub, type):
    r = kc.request(type, shell_requests[type], subshell=sub)
    assert framed(r) and r.reply["msg_type"] == type.removesuffix("request")+"reply" and r.status in ("ok", "complete")

def test_namespace_is_shared(kc, sub):
    kc.run("from_main = 1")
    assert kc.run("from_sub = from_main+1; from_sub", subshell=sub).result == "2"
    assert kc.run("from_sub").result == "2"

def test_context_variables_last_within_a_subshell(kc, sub):
    kc.run("from contextvars import ContextVar; v = ContextVar('v', default='unset'); v.set('main')")
    assert kc.run("v.get()", subshell=sub).result == "'unset'"
    kc.run("v.set('sub')", subshell=sub)
    assert (kc.run("v.get()", subshell=sub).result, kc.run("v.get()").result) == ("'sub'", "'main'")

@pytest.mark.parametrize("busy", ["import time\nprint('begun')\nwhile not go: time.sleep(.01)", "import asyncio\nprint('begun')\nwhile not go: await asyncio.sleep(.01)",
    "print('begun')\nwhile not go: pass"], ids=["sleep", "await", "loop"])
@pytest.mark.parametrize("where", ["main", "sub"])
def test_one_runs_beside_the_other(kc, sub, busy, where):
    one,two = (None, sub) if where == "main" else (sub, None)
    kc.run("go = []")
    id = kc.cell(busy+"\nprint('ended')", subshell=one)
    begun(kc, id)
    r = kc.run("print('beside'); 7", subshell=two, timeout=5)
    assert (r.stdout, r.result) == ("beside\n", "7") and framed(r)
    assert not kc.held[id].replies
    kc.run("go.append(1)", subshell=two)
    r = kc.wait(id)
    assert framed(r) and r.stdout == "begun\nended\n" and r.status == "ok"

def test_cells_of_one_subshell_run_in_order(kc, sub):
    kc.run("seen = []")
    ids = [kc.cell(f"import time; time.sleep({.02 if i % 3 == 0 else 0}); seen.append({i})", subshell=sub) for i in range(20)]
    for id in ids: kc.wait(id)
    assert kc.run("seen == list(range(20))").result == "True"

def test_subshell_magic(kc, sub):
    r = kc.run("%subshell", subshell=sub)
    assert r.status == "ok" and sub in r.stdout and "thread" in r.stdout
    assert kc.run("%subshell").stdout.count(sub) == 1

def test_code_that_looks_for_the_loop_finds_the_subshells(kc, sub):
    code = "import asyncio; loop{0} = asyncio.get_running_loop(); loop{0}.is_running()"
    assert [kc.run(code.format(i), subshell=o).result for i,o in enumerate((sub, sub, None))] == ["True"]*3
    assert kc.run("loop0 is loop1, loop0 is loop2").result == "(True, False)"

# -- delete while busy

@pytest.mark.parametrize("code", ["import time\nfor i in range(80): time.sleep(.01)", "import asyncio; await asyncio.sleep(20)", "input()", "while not go: pass"],
    ids=["sync", "await", "input", "loop"])
def test_delete_while_busy_answers_at_once_and_stops_no_channel(kc, sub, code):
    kc.run("go = []")
    id = kc.cell(f"print('begun')\n{code}\nprint('ended')", subshell=sub, allow_stdin=True)
    begun(kc, id)
    if "input" in code: kc.prompt()
    queued = [kc.cell("print('not run')", subshell=sub), kc.submit("complete_request", dict(code="pri", cursor_pos=3), subshell=sub),
        kc.cell("print('nor this')", subshell=sub, stop_on_error=False)]
    t0 = time.monotonic()
    assert control(kc, "delete", subshell_id=sub).content == dict(status="ok")
    assert kc.request("kernel_info_request", channel="control").status == kc.request("kernel_info_request").status == kc.run("1").status == "ok"
    assert time.monotonic()-t0 < 1 and sub not in listed(kc)
    refused = [kc.wait(id, timeout=3) for id in queued]
    assert all(framed(r) and r.replies and set(r.types) == {"status"} for r in refused)
    assert [r.status for r in (refused[0], refused[2])] in (["error"]*2, ["aborted"]*2) and all({"ename", "evalue", "traceback"} <= set(r.content) for r in refused if r.status != "ok")
    assert told_in_full(kc.run("1", subshell=sub).content)
    kc.run("go.append(1)")
    r = kc.wait(id, timeout=5)
    assert framed(r) and len(r.replies) == 1

def test_a_deleted_subshells_cell_may_end_what_it_does(kc, sub):
    id = kc.cell("import time\nprint('begun')\ntime.sleep(.5)\nprint('ended')\n'result'", subshell=sub)
    begun(kc, id)
    control(kc, "delete", subshell_id=sub)
    r = kc.wait(id)
    assert (r.status, r.stdout, r.result) == ("ok", "begun\nended\n", "'result'")

def test_a_deleted_subshells_awaiting_cell_is_told_so(kc, sub):
    id = kc.cell("import asyncio\nprint('begun')\ntry: await asyncio.sleep(20)\nfinally: print('cleaned up')", subshell=sub)
    begun(kc, id)
    control(kc, "delete", subshell_id=sub)
    r = kc.wait(id, timeout=3)
    assert told_in_full(r.content) and "cleaned up" in r.stdout and framed(r) and r.error["ename"] == r.content["ename"]

def test_background_tasks_end_with_their_subshell(kc, sub):
    r = kc.run("import asyncio\nasync def f():\n    try: await asyncio.sleep(20)\n    finally: print('cancelled')\nt = asyncio.create_task(f()); await asyncio.sleep(0)", subshell=sub)
    control(kc, "delete", subshell_id=sub)
    assert kc.wait(r.id, until=lambda r: r.stdout).stdout == "cancelled\n"

def test_interrupt_after_the_deletion_ends_the_cell_all_the_same(kc, sub):
    id = kc.cell("import time\nprint('begun')\nwhile True: time.sleep(.01)", subshell=sub)
    begun(kc, id)
    control(kc, "delete", subshell_id=sub)
    kc.interrupt("message")
    assert kc.wait(id, timeout=3).content["ename"] == "KeyboardInterrupt"

def test_comm_messages_queued_on_a_deleted_subshell_get_their_idle(kc, sub):
    kc.run("go = []")
    id = kc.cell("import time\nprint('begun')\nwhile not go: time.sleep(.01)", subshell=sub)
    begun(kc, id)
    msg = kc.submit("comm_msg", dict(comm_id="none", data={}), subshell=sub)
    control(kc, "delete", subshell_id=sub)
    r = kc.wait(msg, reply=False, timeout=3)
    assert r.states == ["busy", "idle"] and not r.replies
    kc.run("go.append(1)")
    kc.wait(id)

# -- counts, Out, payload, traceback, abort: each request its own

def overlap(kc, sub, first, second, **kw):
    "Run `first` on the subshell; when it has begun run `second` on the main shell to its end, then let `first` end; both Results"
    kc.run("go = []", store_history=False)
    id = kc.cell(f"print('begun')\nimport time\nwhile not go: time.sleep(.005)\n{first}", subshell=sub, **kw)
    begun(kc, id)
    r = kc.run(second, **kw)
    kc.run("go.append(1)", silent=True)
    return kc.wait(id),r

def number(r):
    "The execution counts that `r` was told, as a set"
    return {c["execution_count"] for t in ("execute_input", "execute_result") for c in r.of(t)} | {r.content["execution_count"]}

def test_numbers_of_overlapping_cells(kc, sub):
    one,two = overlap(kc, sub, "'one'", "'two'")
    (n,),(m,) = number(one),number(two)
    assert m == n+1
    assert kc.run(f"Out[{n}], Out[{m}], In[{n}].endswith(\"'one'\"), In[{m}]").result == f"('one', 'two', True, \"'two'\")"
    assert number(kc.run("'three'")) == {m+2}

def test_numbers_when_many_overlap(kc):
    subs = [kc.subshell() for _ in range(6)]
    ids = {kc.cell(f"import time; time.sleep({random.random()/20}); 'cell {i}'", subshell=random.choice([None, *subs])): i for i in range(60)}
    rs = {i: kc.wait(id) for id,i in ids.items()}
    assert all(len(number(r)) == 1 and r.result == f"'cell {i}'" for i,r in rs.items())
    ns = [number(r).pop() for r in rs.values()]
    assert len(set(ns)) == 60 and max(ns)-min(ns) == 59
    outs = kc.run(f"[Out[n] for n in {ns}] == [f'cell {{i}}' for i in {[*rs]}], [i for n,i in zip({ns}, {[*rs]}) if f'cell {{i}}' not in In[n]]")
    assert outs.result == "(True, [])"
    for id in subs: control(kc, "delete", subshell_id=id)

def test_history_has_overlapping_cells_under_their_numbers(kc, sub):
    one,two = overlap(kc, sub, "'h1'", "'h2'")
    (n,),(m,) = number(one),number(two)
    rows = kc.request("history_request", dict(hist_access_type="range", session=0, start=n, stop=m+1, output=True, raw=True)).content["history"]
    assert [(line, src.endswith("'h1'"), src == "'h2'", out) for _,line,(src,out) in rows] == [(n, True, False, "'h1'"), (m, False, True, "'h2'")]

def test_silent_and_unstored_cells_that_overlap_use_no_number(kc, sub):
    one,two = overlap(kc, sub, "'one'", "'two'", store_history=False)
    three = kc.run("3")
    assert number(three) == {c["execution_count"] for c in one.of("execute_input")} == {c["execution_count"] for c in two.of("execute_input")}

def test_payloads_of_overlapping_cells(kc, sub):
    ask = "get_ipython().set_next_input({!r})"
    one,two = overlap(kc, sub, ask.format("one"), ask.format("two"))
    assert [[p["text"] for p in r.content["payload"]] for r in (one, two)] == [["one"], ["two"]]

def test_pages_of_overlapping_cells(kc, sub):
    one,two = overlap(kc, sub, "get_ipython().run_line_magic('pinfo', 'len')", "print?")
    assert "number of items" in str(one.content["payload"]) and "number of items" not in str(two.content["payload"]) and len(two.content["payload"]) == 1

def test_tracebacks_of_overlapping_cells(kc, sub):
    one,two = overlap(kc, sub, "raise ValueError('one')", "raise KeyError('two')")
    assert [(r.content["ename"], r.error["ename"], r.content["traceback"] == r.error["traceback"]) for r in (one, two)] == [("ValueError",)*2+(True,), ("KeyError",)*2+(True,)]
    assert "two" not in "".join(one.content["traceback"]) and "one" not in "".join(two.content["traceback"])

def test_traceback_of_a_cell_that_ends_while_another_fails(kc, sub):
    one,two = overlap(kc, sub, "1", "1/0")
    assert (one.status, one.error, two.content["ename"]) == ("ok", None, "ZeroDivisionError")

def test_user_expressions_of_overlapping_cells(kc, sub):
    one,two = overlap(kc, sub, "a = 1", "b = 2", user_expressions=dict(e="a if 'a' in globals() else None", f="1/0"))
    assert one.content["user_expressions"]["e"]["data"]["text/plain"] == "1" and one.content["user_expressions"]["f"]["ename"] == "ZeroDivisionError"

@pytest.mark.parametrize("where", ["main", "sub"])
def test_an_error_aborts_the_queue_of_its_own_shell_only(kc, sub, where):
    here,there = (None, sub) if where == "main" else (sub, None)
    kc.run("go = []")
    bad = kc.cell("print('begun')\nimport time\nwhile not go: time.sleep(.005)\n1/0", subshell=here)
    begun(kc, bad)
    other = kc.cell("while len(go) < 2: time.sleep(.005)", subshell=there)
    mine,theirs = [[kc.cell(f"'{i}'", subshell=o) for i in range(3)] for o in (here, there)]
    third = kc.subshell()
    kc.run("go.append(1)", subshell=third)
    assert kc.wait(bad).status == "error"
    assert all(kc.wait(o).status == "aborted" and set(kc.held[o].types) == {"status"} for o in mine)
    kc.run("go.append(2)", subshell=third)
    assert kc.wait(other).status == "ok" and all(kc.wait(o).status == "ok" for o in theirs)
    assert kc.run("'runs again'", subshell=here).status == "ok"
    control(kc, "delete", subshell_id=third)

# -- await, input, displays, interrupts

def test_await(kc, sub):
    r = kc.run("import asyncio; await asyncio.sleep(.01, 'slept')", subshell=sub)
    assert r.result == "'slept'" and framed(r)

def test_tasks_go_on_between_cells(kc, sub):
    r = kc.run("import asyncio\nasync def f():\n    await asyncio.sleep(.2)\n    print('later')\nt = asyncio.create_task(f())", subshell=sub)
    new = kc.run("'another cell'", subshell=sub)
    assert kc.wait(r.id, until=lambda r: r.stdout).stdout == "later\n" and new.stdout == ""

def test_asyncio_run_in_a_plain_cell(kc, sub):
    assert kc.run("import asyncio\nasync def f(): return await asyncio.sleep(.01, 'ran')\nasyncio.run(f())", subshell=sub).result == "'ran'"
    assert kc.run("await f()", subshell=sub).result == "'ran'"

def test_input(kc, sub):
    id = kc.cell("input('name? ')", subshell=sub, allow_stdin=True)
    m = kc.prompt()
    assert m["content"] == dict(prompt="name? ", password=False) and m["parent_header"]["msg_id"] == id
    kc.input("Ada")
    assert kc.wait(id).result == "'Ada'"

def test_prompts_come_one_after_the_other(kc, sub):
    ids = [kc.cell(f"input('{n}')", subshell=o, allow_stdin=True) for n,o in (("main", None), ("sub", sub))]
    seen = set()
    for _ in ids:
        m = kc.prompt()
        seen.add(m["parent_header"]["msg_id"])
        kc.input(f"for {m['content']['prompt']}")
    assert seen == set(ids) and [kc.wait(id).result for id in ids] == ["'for main'", "'for sub'"]

def test_input_flags_of_overlapping_cells(kc, sub):
    kc.run("go = []")
    id = kc.cell("print('begun')\nimport time\nwhile not go: time.sleep(.005)\ninput('may')", subshell=sub, allow_stdin=True)
    begun(kc, id)
    assert kc.run("go.append(1)\ninput('may not')").content["ename"] == "StdinNotImplementedError"
    assert kc.prompt()["content"]["prompt"] == "may"
    kc.input("yes")
    assert kc.wait(id).result == "'yes'"

def test_displays_have_the_right_parent(kc, sub):
    code = "h_{0} = display('first', display_id='{0}'); go.append(1)\nwhile len(go) < 2: time.sleep(.002)\nh_{0}.update('second {0}'); display('{0}'); print('{0}'); 'res {0}'"
    kc.run("import time; go = []")
    ids = dict(main=kc.cell(code.format("main")), sub=kc.cell(code.format("sub"), subshell=sub))
    for name,id in ids.items():
        r = kc.wait(id)
        assert [c["data"]["text/plain"] for t in ("display_data", "update_display_data") for c in r.of(t)] == ["'first'", f"'{name}'", f"'second {name}'"]
        assert (r.stdout, r.result) == (f"{name}\n", f"'res {name}'")

def test_threads_of_a_subshells_cell_write_to_it(kc, sub):
    r = kc.run("import threading, time\ndef f():\n    time.sleep(.1)\n    print('from a thread')\nt = threading.Thread(target=f); t.start()", subshell=sub, allow_stdin=True)
    kc.run("'newer'")
    assert kc.wait(r.id, until=lambda r: r.stdout).stdout == "from a thread\n"

waits = dict(loop="while True: pass", sleeps="import time\nwhile True: time.sleep(.01)", wait="import asyncio; await asyncio.sleep(20)", input="input()",
    nested="import asyncio\nasyncio.run(asyncio.sleep(20))", event="import asyncio; await asyncio.Event().wait()",
    executor="import asyncio, time; await asyncio.to_thread(time.sleep, 1.5)", caught="import time\ntry:\n    while True: time.sleep(.01)\nexcept KeyboardInterrupt: print('caught'); raise")

@pytest.mark.parametrize("how", ["signal", "message"])
@pytest.mark.parametrize("code", waits.values(), ids=waits.keys())
def test_interrupt(kc, sub, code, how):
    id = kc.cell(f"print('begun')\n{code}", subshell=sub, allow_stdin=True)
    begun(kc, id)
    if "input" in code: kc.prompt()
    kc.interrupt(how)
    r = kc.wait(id, timeout=3)
    assert r.content["ename"] == r.error["ename"] == "KeyboardInterrupt" and framed(r)
    assert kc.run("'next'", subshell=sub).result == kc.run("'next'").result == "'next'"

def test_interrupt_reaches_all_that_run(kc):
    subs = [kc.subshell() for _ in range(3)]
    ids = [kc.cell(f"print('begun')\n{code}", subshell=o) for o,code in zip([None, *subs], [waits["loop"], waits["sleeps"], waits["wait"], waits["nested"]])]
    for id in ids: begun(kc, id)
    kc.interrupt("message")
    assert [kc.wait(id, timeout=3).content["ename"] for id in ids] == ["KeyboardInterrupt"]*4
    for o in subs:
        assert kc.run("1", subshell=o).status == "ok"
        control(kc, "delete", subshell_id=o)

def test_interrupt_does_nothing_to_an_idle_subshell(kc, sub):
    kc.run("1", subshell=sub)
    for how in ("signal", "message"):
        kc.interrupt(how)
        kc.request("kernel_info_request", channel="control")  # behind the interrupt
        assert kc.run("'unharmed'", subshell=sub).result == "'unharmed'"

def test_interrupt_storm_loses_no_reply(kc, sub):
    ids = [kc.cell("import time; time.sleep(.003)", subshell=o, stop_on_error=False) for _ in range(60) for o in (sub, None)]
    for _ in range(40):
        kc.interrupt("message")
        kc.collect("shell", .002)
    for id in ids: assert framed(r := kc.wait(id)) and (r.status == "ok" or r.content["ename"] == "KeyboardInterrupt"), r
    assert [kc.run("'alive'", subshell=o, stop_on_error=False).result for o in (sub, None)] == ["'alive'"]*2

def test_exit_in_a_subshell_ends_the_kernel(own):
    r = own.run("exit", subshell=own.subshell())
    assert r.content["payload"] == [dict(source="ask_exit", keepkernel=False)] and own.proc.wait(5) == 0

# -- the end

@pytest.mark.parametrize("code", ["import time; time.sleep(100)", "import asyncio; await asyncio.sleep(100)", "while True: pass", "input()", "1"], ids=["sleep", "await", "loop", "input", "idle"])
def test_all_end_at_shutdown(own, code):
    for _ in range(3):
        id = own.cell(f"print('begun')\n{code}", subshell=own.subshell(), allow_stdin=True)
        begun(own, id)
    t0 = time.monotonic()
    assert own.request("shutdown_request", dict(restart=False), channel="control").content == dict(status="ok", restart=False)
    assert own.proc.wait(5) == 0 and time.monotonic()-t0 < 2

# -- all at once

class Load:
    "Eight subshells and the main shell under load; `tick` sends cells, answers prompts and interrupts, `check` looks at what came"
    def __init__(self, kc, seed):
        self.kc,self.rnd,self.sent,self.answered = kc,random.Random(seed),{},0
        self.shells = [None, *(kc.subshell() for _ in range(8))]
        self.controls = []

    def kinds(self, tok):
        "Code of a cell by name, and what it puts out when nobody interrupts it"
        return dict(
            stdout=(f"for i in range(20): print('{tok}', i); time.sleep(.001)", "".join(f"{tok} {i}\n" for i in range(20))),
            display=(f"for i in range(5): display('{tok}'); print('{tok}')", f"<'{tok}'>{tok}\n"*5),
            error=(f"print('{tok}'); raise ValueError('{tok}')", f"{tok}\n<ValueError {tok}>"),
            ask=(f"print('{tok}'); print(input('{tok}'))", f"{tok}\nanswer to {tok}\n"),
            awaits=(f"for i in range(5): print('{tok}'); await asyncio.sleep(.01)", f"{tok}\n"*5),
            thread=(f"{tok} = threading.Thread(target=print, args=['{tok}']); {tok}.start(); {tok}.join(); '{tok}'", f"{tok}\n<'{tok}'>"),
            task=(f"async def f_{tok}():\n    await asyncio.sleep(.02)\n    print('{tok}')\nawait asyncio.gather(*(f_{tok}() for _ in range(3)));", f"{tok}\n"*3),
            stderr=(f"import sys; print('{tok}', file=sys.stderr); print('{tok}')", f"{tok}\n"*2),
            burst=(f"print('{tok} '*5000)", f"{tok} "*5000+"\n"))

    def send(self, shell):
        tok = f"t{len(self.sent):05}"
        if self.rnd.random() < .15:
            id,want = self.kc.submit("complete_request", dict(code=f"{tok} = pri", cursor_pos=12), subshell=shell), None
        else:
            code,want = self.rnd.choice(list(self.kinds(tok).values()))
            id = self.kc.cell(code, subshell=shell, allow_stdin=True, stop_on_error=False)
        self.sent[id] = tok,want,shell

    def waiting(self, shell): return sum(1 for id,(_,_,s) in self.sent.items() if s == shell and not (id in self.kc.held and self.kc.held[id].idle))

    def tick(self, send):
        if send:
            for o in self.shells:
                if self.waiting(o) < 3: self.send(o)
            if self.rnd.random() < .03: self.controls.append(self.kc.submit("interrupt_request", {}, "control"))
        for ch in ("control", "shell"): self.kc.collect(ch, .005)
        while self.kc.stdin_channel.msg_ready():
            m = self.kc.get_stdin_msg(timeout=0)
            tok = self.sent[m["parent_header"]["msg_id"]][0]
            assert m["content"]["prompt"] == tok
            self.kc.session.send(self.kc.stdin_channel.socket, "input_reply", dict(value=f"answer to {tok}"), parent=m["header"])
            self.answered += 1

    def run(self, secs):
        end = time.monotonic()+secs
        while time.monotonic() < end: self.tick(True)
        end = time.monotonic()+20
        while (left := [id for id in self.sent if not ((r := self.kc.held.get(id)) and r.replies and r.idle)]) and time.monotonic() < end: self.tick(False)
        assert not left, f"no reply or no idle: {[(self.sent[id], self.kc.held.get(id)) for id in left[:3]]} of {len(left)}"
        for id in self.controls: self.kc.wait(id, "control")

    def faults(self):
        "What is wrong with the results, in words"
        for id,(tok,want,shell) in self.sent.items():
            r = self.kc.held[id]
            got = put_out(r).partition("\nStill running after an interrupt")[0].replace("\nKeyboardInterrupt\n\n", "")  # IPython's, of a traceback in the making
            hit = r.reply["msg_type"] == "execute_reply" and r.content.get("ename") == "KeyboardInterrupt"
            if not framed(r, hit) or len(r.replies) != 1: yield f"{tok} in {shell}: {len(r.replies)} replies, {r}"
            if want is not None and got != want and not hit: yield f"{tok} in {shell}: {got[:200]!r} instead of {want[:200]!r}, {r.content}"
            if r.status == "error" and r.content["ename"] not in [c["ename"] for c in r.of("error")]: yield f"{tok} in {shell}: no message of its error: {r}"
            if foreign := [w for w in words(got) if w != tok]: yield f"{tok} in {shell} has output of {foreign[:3]}"
        ns = [number(r) for id,r in self.kc.held.items() if id in self.sent and r.of("execute_input")]
        if len(set().union(*ns)) != len(ns): yield "a number that was given twice, or two to one cell"
        if strays := [o for o in self.kc.others if o["content"] != dict(execution_state="starting")]: yield f"messages without a parent: {strays[:3]}"
        if strays := [r for id,r in self.kc.held.items() if id not in self.sent and id not in self.controls and not framed(r)]: yield f"others: {strays[:3]}"

def words(text): return [w for w in text.replace("<", " ").replace(">", " ").replace("'", " ").split() if w[:1] == "t" and w[1:].isdigit()]

def put_out(r):
    "All that a cell put out, in order, in one string"
    def text(m):
        c,t = m["content"],m["msg_type"]
        if t == "stream": return c["text"]
        if t in ("display_data", "execute_result"): return f"<{c['data']['text/plain']}>"
        return f"<{c['ename']} {c['evalue']}>" if t == "error" else ""
    return "".join(map(text, r.msgs))

@pytest.mark.slow
@pytest.mark.timeout(180)
def test_eight_at_once(own):
    load = Load(own, 7)
    own.run("import asyncio, threading, time")
    load.run(float(os.environ.get("IPYMINI_LOAD_SECONDS", 20)))
    faults = list(load.faults())
    hits = sum(r.of("error")[-1:] != [] and r.error["ename"] == "KeyboardInterrupt" for r in own.held.values())
    print(f"{len(load.sent)} requests, {load.answered} prompts answered, {len(load.controls)} interrupts hit {hits} cells")
    assert not faults, "\n".join([f"{len(faults)} faults", *faults[:20]])
    assert len(load.sent) > 300 and load.answered > 20 and hits > 10
    assert all(own.run("1+1", subshell=o).result == "2" for o in load.shells)
