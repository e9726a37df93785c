"""Comms: messages both ways, when callbacks run and what they show; and widgets, driven by a page that plays the frontend

`kc` is one kernel for the whole module. `Page` does what JupyterLab does with comms, over the shell or over subshells, by its setting commsOverSubshells."""
import re, time
from importlib.util import find_spec
from queue import Empty
from textwrap import indent
from urllib.request import urlopen
from uuid import uuid4
import pytest
from helpers import connect, start

view = "application/vnd.jupyter.widget-view+json"
ways = "disabled", "perCommTarget", "perComm"

def need(*names):
    "Skip the test where a library is missing"
    for o in names:
        if not find_spec(o): pytest.skip(f"{o} is not installed: its messages are not tested")

def begun(kc, id, sign="begun"):
    "Wait until the cell `id` has printed `sign`"
    return kc.wait(id, until=lambda r: sign in r.stdout)

@pytest.fixture(scope="module")
def kc():
    kc = start()
    kc.run("import asyncio, comm, time")
    yield kc
    kc.stop()

@pytest.fixture
def own():
    "A kernel of the test's own"
    kc = start()
    yield kc
    kc.stop()

@pytest.fixture
def sub(kc):
    id = kc.subshell()
    yield id
    kc.request("delete_subshell_request", dict(subshell_id=id), channel="control")

def talk(kc, body):
    "The id of a comm whose messages the kernel answers with the lines `body`: `c` is the comm, `m` the message, `data` its data"
    kc.run("def opened(c, msg):\n    def answer(m):\n        data = m['content']['data']\n" + indent(body, " "*8) + "\n    c.on_msg(answer)\ncomm.get_comm_manager().register_target('talk', opened)")
    id = uuid4().hex
    kc.request("comm_open", dict(comm_id=id, target_name="talk", data={}))
    return id

def say(kc, id, data=None, wait=True, **kw):
    "Send `data` on the comm `id`"
    return (kc.request if wait else kc.submit)("comm_msg", dict(comm_id=id, data=data or {}), **kw)

def comms(kc): return kc.request("comm_info_request").content["comms"]

def images(r): return sum("image/png" in c["data"] for c in r.of("display_data"))

# -- messages

def test_an_unknown_target_is_closed_and_named_on_stderr(kc):
    r = kc.request("comm_open", dict(comm_id="u1", target_name="no_such_target", data={}))
    assert r.of("comm_close") == [dict(comm_id="u1", data={})] and "no_such_target" in r.stderr and "u1" not in comms(kc)

def test_an_error_in_a_target_is_shown_with_its_traceback_and_closes_the_comm(kc):
    kc.run("def broken(c, msg): raise ValueError('while opening')\ncomm.get_comm_manager().register_target('broken', broken)")
    r = kc.request("comm_open", dict(comm_id="b1", target_name="broken", data={}))
    assert "ValueError: while opening" in r.stderr and "in broken" in r.stderr and r.of("comm_close") and "b1" not in comms(kc)

def test_an_error_in_a_callback_is_shown_with_its_traceback_and_the_comm_lives_on(kc):
    id = talk(kc, "if data: raise ValueError('in a callback')\nprint('fine')")
    r = say(kc, id, dict(a=1))
    assert "ValueError: in a callback" in r.stderr and "in answer" in r.stderr and r.states == ["busy", "idle"]
    assert say(kc, id).stdout == "fine\n" and id in comms(kc)

def test_an_error_in_a_callback_leaves_the_queue_of_cells_alone(kc):
    id = talk(kc, "1/0")
    ids = [kc.cell("time.sleep(.1)"), say(kc, id, wait=False), kc.cell("'still run'")]
    assert kc.wait(ids[2]).result == "'still run'"

@pytest.mark.parametrize("raised", ["SystemExit", "KeyboardInterrupt", "asyncio.CancelledError", "BaseException('b')", "GeneratorExit"])
def test_whatever_a_callback_raises_the_kernel_goes_on(kc, raised):
    r = say(kc, talk(kc, f"raise {raised}"))
    assert r.states == ["busy", "idle"] and kc.run("'alive'").result == "'alive'"

def test_an_error_when_a_comm_is_closed_is_shown(kc):
    kc.run("c = comm.create_comm('t', comm_id='close1'); c.on_close(lambda m: 1/0)")
    r = kc.request("comm_close", dict(comm_id="close1", data={}))
    assert "ZeroDivisionError" in r.stderr and "close1" not in comms(kc)

def test_a_close_of_the_frontends_is_not_answered(kc):
    kc.run("c = comm.create_comm('t', comm_id='close2'); c.on_close(lambda m: print('closed', m['content']['data']))")
    r = kc.request("comm_close", dict(comm_id="close2", data=dict(z=1)))
    assert (r.stdout, r.of("comm_close")) == ("closed {'z': 1}\n", [])
    assert not kc.run("c.close()").of("comm_close")

def test_buffers_reach_the_callback(kc):
    id = talk(kc, "print([bytes(b) for b in m['buffers']], [len(b) for b in m['buffers']])")
    assert say(kc, id, buffers=[b"\x00\xff", b"", b"abc"]).stdout == "[b'\\x00\\xff', b'', b'abc'] [2, 0, 3]\n"

def test_buffers_reach_the_frontend(kc):
    r = kc.run("import array\nc = comm.create_comm('t'); c.send(buffers=[b'\\x00\\xff', bytearray(b'ab'), memoryview(b'cd'), memoryview(array.array('H', [1, 2])), b'']); c.close()")
    (m,) = [m for m in r.msgs if m["msg_type"] == "comm_msg"]
    assert [bytes(b) for b in m["buffers"]] == [b"\x00\xff", b"ab", b"cd", b"\x01\x00\x02\x00", b""]

def test_large_buffers_pass_both_ways(kc):
    id = talk(kc, "c.send(dict(n=len(m['buffers'][0])), buffers=[m['buffers'][0]])")
    big = bytes(range(256))*2**15
    r = say(kc, id, buffers=[big])
    (m,) = [m for m in r.msgs if m["msg_type"] == "comm_msg"]
    assert m["content"]["data"] == dict(n=len(big)) and bytes(m["buffers"][0]) == big

def test_what_becomes_of_a_buffer_after_it_was_sent_does_not_change_the_message(kc):
    r = kc.run("b = bytearray(b'x'*100); c = comm.create_comm('t'); c.send(buffers=[b]); b[:] = b'y'*100; c.close()")
    (m,) = [m for m in r.msgs if m["msg_type"] == "comm_msg"]
    assert bytes(m["buffers"][0]) == b"x"*100

def test_metadata_is_carried_both_ways(kc):
    id = talk(kc, "c.send(dict(got=m['metadata']['v']), metadata=dict(w=[1, {'a': None}]))")
    r = say(kc, id, metadata=dict(v=dict(x=1)))
    (m,) = [m for m in r.msgs if m["msg_type"] == "comm_msg"]
    assert m["content"]["data"] == dict(got=dict(x=1)) and m["metadata"]["w"] == [1, dict(a=None)]

def test_a_callback_sees_the_whole_message(kc):
    id = talk(kc, "print(sorted(m), m['header']['msg_type'], m['content']['comm_id'] == c.comm_id, m['msg_id'] == m['header']['msg_id'])")
    assert "'buffers'" in (out := say(kc, id).stdout) and "comm_msg True True" in out

def test_a_comm_message_without_data_is_one_with_none(kc):
    id = talk(kc, "print('data', data)")
    assert kc.request("comm_msg", dict(comm_id=id)).stdout == "data {}\n"

def test_what_a_callback_says_has_the_comm_message_as_parent(kc):
    id = talk(kc, "print('out'); display('shown'); c.send(dict(r=1)); comm.create_comm('new', comm_id='made').close()")
    r = say(kc, id)
    assert r.types == ["status", "stream", "display_data", "comm_msg", "comm_open", "comm_close", "status"]

def test_messages_come_in_order(kc):
    id = talk(kc, "heard.append(data['i'])")
    kc.run("heard = []")
    ids = [say(kc, id, dict(i=i), wait=False) for i in range(200)]
    for o in ids: kc.wait(o, reply=False)
    assert kc.run("heard == list(range(200))").result == "True"

def test_a_comm_that_is_dropped_is_closed(kc):
    r = kc.run("from comm.base_comm import BaseComm\nc = comm.create_comm('t', comm_id='gc1'); comm.get_comm_manager().unregister_comm(c); del c; import gc; gc.collect()")
    assert r.of("comm_close") == [dict(comm_id="gc1", data={})] and r.stderr == ""

@pytest.mark.parametrize("end", ["exit", "shutdown"])
def test_comms_that_are_open_at_the_end_are_quiet(tmp_path, end):
    with open(tmp_path/"err", "w") as err:
        kc = start(stderr=err, stdout=err)
        kc.run("import comm\nkept = [comm.create_comm('t') for _ in range(5)]\nfor c in kept[:2]: comm.get_comm_manager().unregister_comm(c)")
        kc.run("exit") if end == "exit" else kc.request("shutdown_request", dict(restart=False), channel="control")
        try: assert kc.proc.wait(5) == 0
        finally: kc.stop()
    assert (tmp_path/"err").read_text() == ""

def test_a_task_that_a_callback_starts_goes_on(kc):
    id = talk(kc, "async def later():\n    await asyncio.sleep(.02)\n    print('later')\ntasks.append(asyncio.create_task(later()))")
    kc.run("tasks = []")
    r = say(kc, id)
    assert kc.wait(r.id, reply=False, until=lambda r: r.stdout).stdout == "later\n"

def test_asyncio_run_works_in_a_callback(kc):
    id = talk(kc, "async def f(): return await asyncio.sleep(.01, 'ran')\nprint(asyncio.run(f()))")
    assert say(kc, id).stdout == "ran\n"

def test_a_callback_sees_the_context_variables_of_cells(kc):
    "numpy.seterr and decimal's precision are such"
    kc.run("from contextvars import ContextVar; v = ContextVar('v', default='unset'); v.set('by a cell')")
    id = talk(kc, "print(v.get())")
    assert say(kc, id).stdout == "by a cell\n"

def test_a_cell_sees_the_context_variables_of_callbacks(kc):
    kc.run("from contextvars import ContextVar; v = ContextVar('v', default='unset')")
    say(kc, talk(kc, "v.set('by a callback')"))
    assert kc.run("v.get()").result == "'by a callback'"

def test_a_callback_runs_a_cell(kc):
    id = talk(kc, "get_ipython().run_cell('print(1)\\n2')")
    r = say(kc, id)
    assert (r.stdout, r.result) == ("1\n", "2")

def test_a_kernels_comm_may_be_opened_with_an_id_of_its_own(kc):
    kc.run("c = comm.create_comm('t', comm_id='mine', data=dict(a=1))")
    assert comms(kc)["mine"] == dict(target_name="t")
    kc.run("c.close()")

# -- events and figures

def test_callbacks_run_between_pre_and_post_execute_and_no_run_cell_events(kc):
    id = talk(kc, "seen.append('callback')")
    kc.run("seen = []; hooks = {e: (lambda *a, e=e: seen.append(e)) for e in ('pre_execute', 'post_execute', 'pre_run_cell', 'post_run_cell')}\n"
        "for e,f in hooks.items(): get_ipython().events.register(e, f)")
    kc.run("seen.clear()", silent=True)
    say(kc, id)
    got = kc.run("print(seen)\nfor e,f in hooks.items(): get_ipython().events.unregister(e, f)", store_history=False).stdout
    assert "'pre_execute', 'callback', 'post_execute'" in got and "run_cell', 'callback'" not in got.replace("'pre_run_cell', 'pre_execute'", "")

figure = dict(plain="plt.plot([1])", awaits="await asyncio.sleep(0); plt.plot([1]); await asyncio.sleep(0)", fails="plt.plot([1]); 1/0", awaits_and_fails="await asyncio.sleep(0); plt.plot([1]); 1/0")

@pytest.fixture
def plots(kc):
    need("matplotlib")
    assert kc.run("import matplotlib.pyplot as plt", timeout=60).status == "ok"
    return kc

@pytest.mark.parametrize("kind", figure)
@pytest.mark.parametrize("where", ["main", "sub"])
def test_a_figure_appears_at_the_end_of_its_cell(plots, sub, kind, where):
    r = plots.run(figure[kind], subshell=sub if where == "sub" else None)
    assert images(r) == 1 and r.types[-1] == "status" and r.status == ("error" if "fails" in kind else "ok")
    assert images(plots.run("1")) == 0

def test_a_figure_appears_at_the_end_of_a_callback(plots):
    r = say(plots, talk(plots, "plt.plot([1])"))
    assert images(r) == 1 and r.types[-1] == "status"

def test_a_figure_appears_at_the_end_of_a_callback_over_a_subshell(plots, sub): assert images(say(plots, talk(plots, "plt.plot([1])"), subshell=sub)) == 1

def test_a_figure_appears_at_the_end_of_a_callback_beside_an_awaiting_cell(plots):
    id = talk(plots, "plt.plot([1]); heard.set()")
    cell = plots.cell("heard = asyncio.Event(); print('begun'); await heard.wait()")
    begun(plots, cell)
    assert images(say(plots, id)) == 1 and images(plots.wait(cell)) == 0

# -- callbacks beside cells

def test_an_awaiting_cell_hears_of_a_message(kc):
    id = talk(kc, "heard.set_result(data)")
    cell = kc.cell("heard = asyncio.get_running_loop().create_future(); print('begun'); await heard")
    begun(kc, cell)
    r = say(kc, id, dict(a=1))
    assert r.states == ["busy", "idle"] and kc.wait(cell).result == "{'a': 1}"

def test_messages_come_in_order_beside_an_awaiting_cell(kc):
    id = talk(kc, "heard.append(data['i'])")
    cell = kc.cell("heard = []; print('begun')\nwhile len(heard) < 200: await asyncio.sleep(.001)\nheard == list(range(200))")
    begun(kc, cell)
    for i in range(200): say(kc, id, dict(i=i), wait=False)
    assert kc.wait(cell).result == "True"

def test_messages_that_came_before_the_awaiting_cell_began_are_heard_in_it(kc):
    id = talk(kc, "heard.append(1)")
    kc.run("heard = []")
    first = kc.cell("print('begun'); time.sleep(.3)")
    begun(kc, first)
    cell = kc.cell("while not heard: await asyncio.sleep(.001)\nheard")
    say(kc, id, wait=False)
    assert kc.wait(cell, timeout=5).result == "[1]"

def test_a_cell_is_not_overtaken_by_cells_when_messages_are_heard_in_it(kc):
    id = talk(kc, "order.append('callback'); heard.set()")
    cell = kc.cell("order,heard = [],asyncio.Event(); print('begun'); await heard.wait(); await asyncio.sleep(.05); order.append('first')")
    begun(kc, cell)
    second = kc.cell("order.append('second'); order")
    say(kc, id)
    assert kc.wait(second).result == "['callback', 'first', 'second']"

def test_what_a_callback_says_beside_an_awaiting_cell_is_its_own(kc):
    id = talk(kc, "print('callback'); heard.set()")
    cell = kc.cell("heard = asyncio.Event(); print('begun'); await heard.wait(); print('cell')")
    begun(kc, cell)
    assert say(kc, id).stdout == "callback\n" and kc.wait(cell).stdout == "begun\ncell\n"

def test_an_error_in_a_callback_leaves_the_awaiting_cell_alone(kc):
    id = talk(kc, "heard.set(); 1/0")
    cell = kc.cell("heard = asyncio.Event(); print('begun'); await heard.wait(); 'fine'")
    begun(kc, cell)
    r = say(kc, id)
    assert "ZeroDivisionError" in r.stderr and kc.wait(cell).result == "'fine'" and kc.held[cell].stderr == ""

def test_a_message_waits_for_a_busy_cell(kc):
    id = talk(kc, "order.append('callback')")
    cell = kc.cell("order = []; print('begun'); time.sleep(.2); order.append('cell')")
    begun(kc, cell)
    say(kc, id)
    assert kc.run("order").result == "['cell', 'callback']"

def test_a_message_over_a_subshell_is_heard_during_a_busy_cell(kc, sub):
    id = talk(kc, "heard.append(data)")
    cell = kc.cell("heard = []; print('begun')\nwhile not heard: pass\nheard")
    begun(kc, cell)
    r = say(kc, id, dict(a=1), subshell=sub)
    assert r.states == ["busy", "idle"] and kc.wait(cell).result == "[{'a': 1}]"

def test_a_comm_may_be_opened_over_a_subshell_during_a_busy_cell(kc, sub):
    talk(kc, "pass")
    kc.run("def opened(c, msg): go.append(1)\ncomm.get_comm_manager().register_target('talk', opened); go = []")
    cell = kc.cell("print('begun')\nwhile not go: time.sleep(.01)\n'ended'")
    begun(kc, cell)
    kc.request("comm_open", dict(comm_id="over", target_name="talk", data={}), subshell=sub)
    assert kc.wait(cell).result == "'ended'"

def made(kc, body, **kw):
    "The id of a comm made by a cell; `body`: lines that answer the message `m`"
    return kc.run("def answer(m):\n" + indent(body, "    ") + "\nmade = comm.create_comm(target_name='made')\nmade.on_msg(answer)\nprint(made.comm_id)", **kw).stdout.strip()

where = "import threading; print(threading.current_thread() is threading.main_thread())"

def test_a_callback_runs_on_the_main_thread_though_the_message_names_a_subshell(kc, sub):
    for id in (made(kc, where), talk(kc, where)): assert say(kc, id, subshell=sub).stdout == "True\n"

def test_a_callback_runs_where_a_cell_used_the_comm_last(kc, sub):
    id = made(kc, where, subshell=sub)
    assert (say(kc, id, subshell=sub).stdout, kc.run("made.send({})").status, say(kc, id, subshell=sub).stdout) == ("False\n", "ok", "True\n")

def test_a_callback_runs_on_the_subshell_that_made_the_comm(kc, sub):
    id = made(kc, "import threading; print(threading.current_thread().name)", subshell=sub)
    assert say(kc, id).stdout == say(kc, id, subshell=sub).stdout == f"subshell {sub}\n"

def test_the_comm_of_a_subshell_that_is_gone_is_heard(kc):
    gone = kc.subshell()
    id = made(kc, where, subshell=gone)
    kc.request("delete_subshell_request", dict(subshell_id=gone), channel="control")
    assert say(kc, id).stdout == "True\n"

@pytest.mark.parametrize("kind", ["future", "event"])
def test_a_cell_may_await_what_a_message_over_a_subshell_brings(kc, sub, kind):
    wait = dict(future="await fut", event="await asyncio.wait_for(ev.wait(), 10)")[kind]
    id = made(kc, "assert asyncio.get_running_loop() is fut.get_loop()\nfut.set_result(1)\nev.set()")
    cell = kc.cell(f"fut,ev = asyncio.get_running_loop().create_future(),asyncio.Event()\nprint('begun')\n{wait}")
    begun(kc, cell)
    say(kc, id, subshell=sub)
    assert kc.wait(cell).result in ("1", "True")

def test_a_background_task_may_await_what_a_message_over_a_subshell_brings(kc, sub):
    id = made(kc, "assert asyncio.get_running_loop() is fut.get_loop()\nfut.set_result('came')")
    cell = kc.cell("fut = asyncio.get_running_loop().create_future()\nasync def f(): print(await fut)\nt = asyncio.create_task(f())")
    kc.wait(cell)
    say(kc, id, subshell=sub)
    assert kc.wait(cell, until=lambda r: "\n" in r.stdout).stdout == "came\n"

def test_messages_over_a_subshell_keep_their_order_when_a_cell_begins_and_ends_between_them(kc, sub):
    id = made(kc, "order.append(m['content']['data']['n'])\ntime.sleep(.002)")
    kc.run("order = []")
    ids = []
    for n in range(120):
        if n % 40 == 20: ids.append(kc.cell("time.sleep(.15)"))
        ids.append(say(kc, id, dict(n=n), wait=False, subshell=sub))
    for o in ids: kc.wait(o, until=lambda r: r.idle)
    assert kc.run("order == list(range(120)), order").result.startswith("(True")

@pytest.mark.parametrize("how", ["signal", "message"])
def test_an_interrupt_ends_a_callback_and_not_the_kernel(kc, how):
    id = say(kc, talk(kc, "print('begun')\ntime.sleep(30)"), wait=False)
    begun(kc, id)
    kc.interrupt(how)
    assert kc.wait(id, reply=False, timeout=5).idle and kc.run("'alive'").result == "'alive'"

# -- wait_until

def test_wait_until_hears_of_messages(kc):
    id = talk(kc, "heard.append(data)")
    cell = kc.cell("from ipymini import wait_until; heard = []; print('begun'); wait_until(lambda: heard), heard")
    begun(kc, cell)
    assert say(kc, id, dict(a=1)).states == ["busy", "idle"] and kc.wait(cell).result == "(True, [{'a': 1}])"

def test_wait_until_is_true_at_once_where_the_condition_is(kc): assert kc.run("from ipymini import wait_until; wait_until(lambda: True, timeout=0)").result == "True"

def test_wait_until_is_false_after_its_timeout(kc):
    assert kc.run("from ipymini import wait_until; t0 = time.monotonic(); wait_until(lambda: False, timeout=.1), .1 <= time.monotonic()-t0 < 1").result == "(False, True)"

def test_wait_until_raises_what_the_condition_raises(kc): assert kc.run("from ipymini import wait_until; wait_until(lambda: 1/0)").content["ename"] == "ZeroDivisionError"

def test_wait_until_begins_no_cell(kc):
    id = talk(kc, "order.append('callback')")
    cell = kc.cell("from ipymini import wait_until; order = []; print('begun'); wait_until(lambda: order); order.append('first')")
    begun(kc, cell)
    second = kc.cell("order.append('second'); order")
    say(kc, id)
    assert kc.wait(second).result == "['callback', 'first', 'second']"

@pytest.mark.parametrize("how", ["signal", "message"])
def test_an_interrupt_ends_wait_until(kc, how):
    cell = kc.cell("from ipymini import wait_until; print('begun'); wait_until(lambda: False)")
    begun(kc, cell)
    kc.interrupt(how)
    assert kc.wait(cell, timeout=5).content["ename"] == "KeyboardInterrupt"

def test_wait_until_works_in_a_subshell(kc, sub):
    id = talk(kc, "heard.append(data)")
    cell = kc.cell("from ipymini import wait_until; heard = []; print('begun'); wait_until(lambda: heard, 10)", subshell=sub)
    begun(kc, cell)
    say(kc, id, subshell=sub)
    assert kc.wait(cell).result == "True"

def test_wait_until_shows_the_error_of_a_callback_and_waits_on(kc):
    id = talk(kc, "heard.append(data)\nif data: 1/0")
    cell = kc.cell("from ipymini import wait_until; heard = []; print('begun'); wait_until(lambda: len(heard) == 2, 10)")
    begun(kc, cell)
    assert "ZeroDivisionError" in say(kc, id, dict(a=1)).stderr
    say(kc, id)
    assert kc.wait(cell).result == "True"

def test_a_callback_may_wait_until_another_is_called(kc):
    id = talk(kc, "from ipymini import wait_until\nheard.append(data['i'])\nif data['i'] == 1: print('begun'); print(wait_until(lambda: 2 in heard, 10))")
    kc.run("heard = []")
    one = say(kc, id, dict(i=1), wait=False)
    begun(kc, one)
    say(kc, id, dict(i=2))
    assert kc.wait(one, reply=False).stdout == "begun\nTrue\n"

def test_the_cell_that_waits_keeps_its_parent(kc):
    id = talk(kc, "print('callback'); heard.append(1)")
    cell = kc.cell("from ipymini import wait_until; heard = []; print('begun'); wait_until(lambda: heard); print('cell')")
    begun(kc, cell)
    assert say(kc, id).stdout == "callback\n" and kc.wait(cell).stdout == "begun\ncell\n"

# -- a page with widgets

class Page:
    """What JupyterLab does with comms: a model for each, `models[id]`, that follows the kernel's; changes by the user go to the kernel

    way: the setting commsOverSubshells. The outputs of what an Output widget captures end in its model, all others in `outputs`."""
    def __init__(self, kc, way):
        self.kc,self.way,self.eye = kc,way,connect(kc.file)
        self.models,self.targets,self.shells,self.custom,self.outputs,self.captures = {},{},{},[],[],{}
        self.on = dict(comm_open=self.opened, comm_msg=self.told, comm_close=self.closed, **dict.fromkeys("stream display_data execute_result error clear_output".split(), self.put))

    def stop(self):
        for id in list(self.targets): self.forget(id)
        self.eye.stop_channels()

    def read(self, timeout=0):
        "Take in what the kernel has published"
        try:
            while True:
                m = self.eye.get_iopub_msg(timeout=timeout)
                if m["msg_type"] in self.on: self.on[m["msg_type"]](m, m["content"])
                timeout = 0
        except Empty: pass

    def see(self, cond, what, timeout=10):
        "Read until `cond()` is true; its value"
        end = time.monotonic()+timeout
        while not (res := cond()):
            assert time.monotonic() < end, f"{timeout} s passed: waited for {what}, have {self.models}, {self.outputs}"
            self.read(.05)
        return res

    def opened(self, m, c):
        self.targets[c["comm_id"]],self.models[c["comm_id"]] = c["target_name"],{}
        self.shell(c["comm_id"])
        if "state" in c["data"]: self.take(m, c["comm_id"], c["data"])

    def told(self, m, c):
        data = c["data"]
        method = data.get("method") if isinstance(data, dict) else None
        if method in ("update", "echo_update"): self.take(m, c["comm_id"], data)
        else: self.custom.append((c["comm_id"], data["content"] if method == "custom" else data, [bytes(b) for b in m["buffers"]]))

    def take(self, m, id, data):
        model = self.models.setdefault(id, {})
        model.update(data["state"])
        for path,b in zip(data.get("buffer_paths", ()), m["buffers"]):
            o = model
            for k in path[:-1]: o = o[k]
            o[path[-1]] = bytes(b)
        if "msg_id" in data["state"]:
            self.captures = {k: v for k,v in self.captures.items() if v != id}
            if data["state"]["msg_id"]: self.captures[data["state"]["msg_id"]] = id

    def closed(self, m, c):
        self.models.pop(c["comm_id"], None)
        self.forget(c["comm_id"])

    def forget(self, id):
        "Delete the subshell that was for the comm `id`, if it was the last"
        key = self.key(id)
        self.targets.pop(id, None)
        if key in self.shells and not any(self.key(o) == key for o in self.targets):
            self.kc.request("delete_subshell_request", dict(subshell_id=self.shells.pop(key)), channel="control")

    def put(self, m, c):
        id = self.captures.get(m["parent_header"].get("msg_id"))
        if not id: return self.outputs.append((m["msg_type"], c))
        old = self.models[id].get("outputs", [])
        self.set(id, wait=False, outputs=[] if m["msg_type"] == "clear_output" else [*old, dict(c, output_type=m["msg_type"])])

    def key(self, id): return dict(disabled=None, perCommTarget=self.targets.get(id), perComm=id)[self.way]

    def shell(self, id):
        "The subshell for the comm `id`, made for the first message"
        key = self.key(id)
        if key and key not in self.shells: self.shells[key] = self.kc.subshell()
        return self.shells.get(key)

    def send(self, id, data, wait=True, **kw): return say(self.kc, id, data, wait, subshell=self.shell(id), **kw)

    def set(self, id, wait=True, **state):
        "The user changes what the widget shows"
        self.models[id].update(state)
        return self.send(id, dict(method="update", state=state, buffer_paths=[]), wait)

    def event(self, model, wait=True, buffers=None, **content): return self.send(model, dict(method="custom", content=content), wait, buffers=buffers)

    def click(self, id, wait=True): return self.event(id, wait, event="click")

    def open(self, target, data, version):
        "The frontend opens a comm; its id"
        id = uuid4().hex
        self.targets[id],self.models[id] = target,{}
        self.kc.request("comm_open", dict(comm_id=id, target_name=target, data=data), subshell=self.shell(id), metadata=dict(version=version))
        return id

    def run(self, code, timeout=60):
        r = self.kc.run(code, timeout=timeout)
        assert r.status == "ok", r
        return r

    def show(self, code):
        "Run `code`; the id of the model of the last widget that it shows"
        r = self.run(code)
        data = [c["data"] for t in ("display_data", "execute_result") for c in r.of(t) if view in c["data"]]
        assert data, f"no widget in {r}"
        id = data[-1][view]["model_id"]
        self.see(lambda: id in self.models and "_model_name" in self.models[id], f"the model {id}")
        return id

    def find(self, name, **state):
        "The id of the model called `name` with these values, which is there soon"
        def found(): return [k for k,m in self.models.items() if m.get("_model_name") == name and all(m.get(a) == v for a,v in state.items())]
        return self.see(found, f"a {name} with {state}")[-1]

    def model(self, ref): return ref.removeprefix("IPY_MODEL_")

@pytest.fixture(params=ways)
def page(kc, request):
    need("ipywidgets")
    page = Page(kc, request.param)
    page.run("import ipywidgets as w\nfrom ipywidgets import interact\nfrom IPython.display import display")
    yield page
    page.stop()

def test_a_slider_is_shown_with_its_state(page):
    m = page.models[page.show("w.IntSlider(value=7, description='n')")]
    assert (m["value"], m["description"], m["_view_name"]) == (7, "n", "IntSliderView")

def test_the_user_moves_a_slider(page):
    id = page.show("s = w.IntSlider(); s.observe(lambda c: print('now', c.new), 'value'); s")
    assert page.set(id, value=42).stdout == "now 42\n" and page.run("s.value").result == "42"

def test_a_cell_moves_a_slider(page):
    id = page.show("s = w.IntSlider(); s")
    page.run("s.value = 5")
    page.see(lambda: page.models[id]["value"] == 5, "the slider to move")

def test_a_slider_keeps_within_its_bounds(page):
    id = page.show("s = w.IntSlider(max=10); s")
    page.set(id, value=99)
    page.see(lambda: page.models[id]["value"] == 10, "the kernel to put the slider right")

def test_a_hundred_moves_arrive_in_order(page):
    id = page.show("s = w.IntSlider(max=200); seen = []; s.observe(lambda c: seen.append(c.new), 'value'); s")
    ids = [page.set(id, wait=False, value=i) for i in range(1, 101)]
    for o in ids: page.kc.wait(o, reply=False)
    assert page.run("seen == list(range(1, 101))").result == "True"

def test_a_button_is_clicked(page):
    id = page.show("b = w.Button(description='go'); b.on_click(lambda b: print('clicked', b.description)); b")
    assert [page.click(id).stdout for _ in range(3)] == ["clicked go\n"]*3

def test_an_error_in_a_click_is_shown_and_the_next_click_works(page):
    id = page.show("n = []\ndef click(b):\n    n.append(1)\n    if len(n) == 1: raise ValueError('first click')\n    print('fine')\nb = w.Button(); b.on_click(click); b")
    r = page.click(id)
    assert "first click" in r.stderr + str(r.error) and page.click(id).stdout == "fine\n"

def test_output_captures_a_cells_output(page):
    id = page.show("out = w.Output(); out")
    page.run("with out: print('inside'); display('shown')\nprint('outside')")
    page.see(lambda: len(page.models[id].get("outputs", ())) == 2, "two captured outputs")
    assert [o["output_type"] for o in page.models[id]["outputs"]] == ["stream", "display_data"]
    page.see(lambda: ("stream", dict(name="stdout", text="outside\n")) in page.outputs, "what is printed outside")

def test_output_captures_what_a_click_prints(page):
    page.run("out = w.Output(); b = w.Button()\n@b.on_click\n@out.capture()\ndef _(b): print('clicked'); 1/0\ndisplay(out)")
    id,button = page.find("OutputModel"),page.show("b")
    page.click(button)
    page.see(lambda: [o["output_type"] for o in page.models[id].get("outputs", ())] == ["stream", "error"], "the output and the error of the click")

def test_output_is_cleared(page):
    id = page.show("out = w.Output(); out")
    page.run("with out: print('a')")
    page.see(lambda: page.models[id].get("outputs"), "an output")
    page.run("out.clear_output()")
    page.see(lambda: not page.models[id]["outputs"], "no output")

def test_the_kernel_hears_what_an_output_holds(page):
    id = page.show("out = w.Output(); out")
    page.run("with out: print('a')")
    page.see(lambda: page.models[id].get("outputs"), "an output")
    assert page.kc.wait(page.kc.cell("while not out.outputs: await asyncio.sleep(.01)\nout.outputs[0]['text']"), timeout=5).result == r"'a\n'"

def test_interact_calls_again_when_the_slider_moves(page):
    page.run("@interact(x=(0, 10))\ndef f(x):\n    print('x is', x); return x*2")
    slider,out = page.find("IntSliderModel", max=10),page.find("OutputModel")
    text = lambda: "".join(o.get("text", "") + o.get("data", {}).get("text/plain", "") for o in page.models[out].get("outputs", ()))
    page.see(lambda: text() == "x is 5\n10", "the first call")
    page.set(slider, value=8)
    page.see(lambda: text() == "x is 8\n16", "the second call, in place of the first")

def test_interact_draws_a_figure_again(page):
    need("matplotlib")
    page.run("import matplotlib.pyplot as plt\n@interact(x=(0, 6))\ndef f(x): plt.plot([x])")
    slider,out = page.find("IntSliderModel", max=6),page.find("OutputModel")
    page.set(slider, value=1)
    page.see(lambda: sum("image/png" in o.get("data", {}) for o in page.models[out].get("outputs", ())) == 1, "one figure")

def test_progress_moves_during_a_running_cell(page):
    id = page.show("p = w.IntProgress(max=20); p")
    cell = page.kc.cell("go = []\nfor i in range(20):\n    p.value = i+1\n    while i == 9 and not go: time.sleep(.01)")
    page.see(lambda: page.models[id]["value"] == 10, "half of the progress")
    assert not page.kc.wait(cell, reply=False, idle=False).replies
    page.kc.run("go.append(1)", subshell=page.kc.subshell())
    page.kc.wait(cell)
    page.see(lambda: page.models[id]["value"] == 20, "all of the progress")

def test_a_widget_made_in_a_callback_is_shown(page):
    id = page.show("b = w.Button(); b.on_click(lambda _: display(w.Text('made')));b")
    r = page.click(id)
    made = r.of("display_data")[0]["data"][view]["model_id"]
    page.see(lambda: page.models.get(made, {}).get("value") == "made", "the widget that the click made")

def test_a_page_that_is_loaded_again_gets_all_states(page):
    id = page.show("s = w.IntSlider(value=3); i = w.Image(value=b'\\x00\\xff', format='png'); s")
    control = page.open("jupyter.widget.control", {}, "1.0.0")
    page.send(control, dict(method="request_states"))
    def states(): return [c["states"] for o,c,_ in page.custom if o == control and c.get("method") == "update_states"]
    got = page.see(states, "the states")[0]
    assert got[id]["state"]["value"] == 3 and len(got) > 3

def test_binary_values_pass_both_ways(page):
    id = page.show("i = w.Image(value=b'\\x00\\xff', format='png'); i")
    assert page.models[id]["value"] == b"\x00\xff"
    page.send(id, dict(method="update", state={}, buffer_paths=[["value"]]), buffers=[b"\x01\x02"])
    assert page.run("bytes(i.value)").result == r"b'\x01\x02'"

def test_a_closed_widget_is_gone(page):
    id = page.show("s = w.IntSlider(); s")
    page.run("s.close()")
    page.see(lambda: id not in page.models, "the model to go")
    assert id not in comms(page.kc)

def test_a_cell_awaits_a_click(page):
    id = page.show("clicked = asyncio.get_running_loop().create_future(); b = w.Button(); b.on_click(lambda b: clicked.get_loop().call_soon_threadsafe(clicked.set_result, 'clicked')); b")
    cell = page.kc.cell("print('begun'); await clicked")
    begun(page.kc, cell)
    page.click(id)
    assert page.kc.wait(cell).result == "'clicked'"

def test_a_cell_waits_until_a_slider_has_moved(page):
    id = page.show("from ipymini import wait_until; s = w.IntSlider(); s")
    cell = page.kc.cell("print('begun'); wait_until(lambda: s.value == 3, 10)")
    begun(page.kc, cell)
    page.set(id, value=3)
    assert page.kc.wait(cell).result == "True"

def test_clicks_reach_a_busy_cell_over_subshells_and_else_wait_for_it(page):
    id = page.show("seen = []; b = w.Button(); b.on_click(lambda b: seen.append(1)); b")
    cell = page.kc.cell("print('begun'); t0 = time.monotonic()\nwhile not seen and time.monotonic()-t0 < 1: pass\nlen(seen)")
    begun(page.kc, cell)
    page.click(id)
    assert page.kc.wait(cell).result == ("0" if page.way == "disabled" else "1") and page.run("seen").result == "[1]"

def test_subshells_end_with_their_comms(page):
    listed = lambda: page.kc.request("list_subshell_request", channel="control").content["subshell_id"]
    page.show("s = w.IntSlider(); s")
    mine = set(page.shells.values())
    assert mine <= set(listed()) and bool(mine) == (page.way != "disabled")
    page.run("w.Widget.close_all()")
    page.see(lambda: not any(t == "jupyter.widget" for t in page.targets.values()), "all widgets to close")
    assert not mine & set(listed())

# -- anywidget

any_code = "import anywidget, traitlets\nclass Counter(anywidget.AnyWidget):\n    _esm = 'export default {}'\n    n = traitlets.Int(3).tag(sync=True)\n    b = traitlets.Bytes(b'\\x01').tag(sync=True)\n"

@pytest.fixture
def anys(page):
    need("anywidget")
    return page

def test_anywidget_follows_both_ways(anys):
    id = anys.show(any_code + "c = Counter(); c.observe(lambda c: print('n is', c.new), 'n'); c")
    assert (anys.models[id]["n"], anys.models[id]["b"], anys.models[id]["_esm"]) == (3, b"\x01", "export default {}")
    assert anys.set(id, n=8).stdout == "n is 8\n"
    anys.run("c.n = 9")
    anys.see(lambda: anys.models[id]["n"] == 9, "n to follow")

def test_anywidget_custom_messages_pass_both_ways_with_buffers(anys):
    id = anys.show(any_code + "c = Counter(); c.on_msg(lambda w, m, bufs: w.send(dict(echo=m), buffers=[bytes(b)*2 for b in bufs])); c")
    anys.event(id, buffers=[b"ab"], hello=1)
    assert anys.see(lambda: [(c, b) for o,c,b in anys.custom if o == id], "the echo") == [(dict(echo=dict(hello=1)), [b"abab"])]

def test_anywidget_commands_are_answered(anys):
    id = anys.show("import anywidget\nfrom anywidget.experimental import command\nclass Cmd(anywidget.AnyWidget):\n    _esm = 'export default {}'\n"
        "    @command\n    def double(self, msg, buffers): return msg*2, buffers\nCmd()")
    anys.event(id, id="q1", kind="anywidget-command", name="double", msg=21)
    assert anys.see(lambda: [c for o,c,_ in anys.custom if o == id], "the answer")[0]["response"] == 42

# -- ipympl

@pytest.fixture
def canvas(page):
    "A page with a figure of ipympl, ready; `page.canvas` is its model"
    need("ipympl", "matplotlib")
    page.run("%matplotlib widget\nimport matplotlib.pyplot as plt")
    page.canvas = page.show("plt.close('all'); fig,ax = plt.subplots(); ax.plot([1, 2]); clicks = []; cid = fig.canvas.mpl_connect('button_press_event', lambda e: clicks.append(e.button)); fig.canvas")
    for t in ("send_image_mode", "initialized"): page.event(page.canvas, type=t)
    page.event(page.canvas, type="set_device_pixel_ratio", device_pixel_ratio=1)
    yield page
    page.run("plt.close('all')\n%matplotlib inline")

def pictures(page): return [b[0] for o,c,b in page.custom if o == page.canvas and b]

def test_ipympl_draws_a_picture_when_asked(canvas):
    for t in ("refresh", "draw"): canvas.event(canvas.canvas, type=t)
    assert canvas.see(lambda: pictures(canvas), "a picture")[-1].startswith(b"\x89PNG")

def test_ipympl_draws_again_after_a_cell(canvas):
    canvas.event(canvas.canvas, type="draw")
    n = len(canvas.see(lambda: pictures(canvas), "a picture"))
    canvas.event(canvas.canvas, type="ack")
    canvas.run("ax.plot([3, 1]); fig.canvas.draw_idle()")
    canvas.event(canvas.canvas, type="draw")
    canvas.see(lambda: len(pictures(canvas)) > n, "another picture")

def test_ipympl_hears_of_the_mouse(canvas):
    canvas.event(canvas.canvas, type="button_press", x=50, y=50, button=0, buttons=1, modifiers=[], step=0, guiEvent={})
    assert canvas.run("clicks").result in ("[1]", "[<MouseButton.LEFT: 1>]")

# -- bokeh

@pytest.fixture
def bokeh(page):
    need("bokeh")
    page.run("from bokeh.plotting import figure\nfrom bokeh.io import output_notebook, push_notebook, show\noutput_notebook(hide_banner=True)")
    return page

def test_bokeh_pushes_changes_into_a_plot(bokeh):
    before = set(bokeh.targets)
    bokeh.run("p = figure(); g = p.scatter([1, 2], [3, 4]); h = show(p, notebook_handle=True)")
    (id,) = bokeh.see(lambda: set(bokeh.targets)-before, "the comm of the plot")
    bokeh.run("p.title.text = 'New Title'; push_notebook(handle=h)")
    said = lambda: [c for o,c,_ in bokeh.custom if o == id]
    assert bokeh.see(lambda: len(said()) >= 3 and said(), "a message in three parts") and "New Title" in str(said()) and "PATCH-DOC" in str(said())

def test_bokeh_pushes_from_a_widgets_callback(bokeh):
    before = set(bokeh.targets)
    bokeh.run("p = figure(); h = show(p, notebook_handle=True)\ndef f(c): p.title.text = f'at {c.new}'; push_notebook(handle=h)\ns = w.IntSlider(); s.observe(f, 'value')")
    (id,) = bokeh.see(lambda: {o for o in set(bokeh.targets)-before if bokeh.targets[o] != "jupyter.widget"}, "the comm of the plot")
    bokeh.set(bokeh.show("s"), value=6)
    bokeh.see(lambda: "at 6" in str([c for o,c,_ in bokeh.custom if o == id]), "the new title")

def test_bokeh_serves_an_app_between_cells(bokeh):
    r = bokeh.run("show(lambda doc: doc.add_root(figure()), notebook_url='http://localhost:8888')")
    url = re.search(r"http://localhost:(\d+)/", str(r.of("display_data")))
    assert url and b"bokeh" in urlopen(f"http://localhost:{url[1]}/autoload.js?bokeh-autoload-element=1", timeout=10).read()
