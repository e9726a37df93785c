"When callbacks of comms run, and what they show: events, figures, beside cells that await or are busy, in `wait_until`"
import pytest
from comm_talk import say, talk
from helpers import begun, need
from textwrap import indent

first_cell = "import asyncio, comm, time"

def images(r): return sum("image/png" in c["data"] for c in r.of("display_data"))

# -- events and figures

def test_callbacks_run_between_pre_and_post_execute_and_no_run_cell_events(kc):
    id = talk(kc, "seen.append('callback')")
    kc.run("seen = []; hooks = {e: (lambda *a, e=e: seen.append(e)) for e in ('pre_execute', 'post_execute', 'pre_run_cell', 'post_run_cell')}\n"
        "for e,f in hooks.items(): get_ipython().events.register(e, f)")
    kc.run("seen.clear()", silent=True)
    say(kc, id)
    got = kc.run("print(seen)\nfor e,f in hooks.items(): get_ipython().events.unregister(e, f)",
        store_history=False).stdout
    assert "'pre_execute', 'callback', 'post_execute'" in got
    assert "run_cell', 'callback'" not in got.replace("'pre_run_cell', 'pre_execute'", "")

figure = dict(plain="plt.plot([1])", awaits="await asyncio.sleep(0); plt.plot([1]); await asyncio.sleep(0)", fails="plt.plot([1]); 1/0",
    awaits_and_fails="await asyncio.sleep(0); plt.plot([1]); 1/0")

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

def test_a_figure_appears_at_the_end_of_a_callback_over_a_subshell(plots, sub):
    assert images(say(plots, talk(plots, "plt.plot([1])"), subshell=sub)) == 1

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
    cell = kc.cell(
        "heard = []; print('begun')\n"
        "while len(heard) < 200: await asyncio.sleep(.001)\n"
        "heard == list(range(200))")
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
    assert kc.wait(cell).result == "[1]"

def test_a_cell_is_not_overtaken_by_cells_when_messages_are_heard_in_it(kc):
    id = talk(kc, "order.append('callback'); heard.set()")
    cell = kc.cell("order,heard = [],asyncio.Event(); print('begun'); await heard.wait(); await asyncio.sleep(.05); "
        "order.append('first')")
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
    return kc.run("def answer(m):\n" + indent(body,
        "    ") + "\nmade = comm.create_comm(target_name='made')\nmade.on_msg(answer)\nprint(made.comm_id)",
        **kw).stdout.strip()

where = "import threading; print(threading.current_thread() is threading.main_thread())"

def test_a_callback_runs_on_the_main_thread_though_the_message_names_a_subshell(kc, sub):
    for id in (made(kc, where), talk(kc, where)): assert say(kc, id, subshell=sub).stdout == "True\n"

def test_a_callback_runs_where_a_cell_used_the_comm_last(kc, sub):
    id = made(kc, where, subshell=sub)
    assert (say(kc, id, subshell=sub).stdout, kc.run("made.send({})").status,
        say(kc, id, subshell=sub).stdout) == ("False\n", "ok", "True\n")

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
    cell = kc.cell(
        "fut = asyncio.get_running_loop().create_future()\n"
        "async def f(): print(await fut)\n"
        "t = asyncio.create_task(f())")
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
    id = say(kc, talk(kc, "print('begun')\ntime.sleep(600)"), wait=False)
    begun(kc, id)
    kc.interrupt(how)
    assert kc.wait(id, reply=False).idle and kc.run("'alive'").result == "'alive'"

# -- wait_until

def test_wait_until_hears_of_messages(kc):
    id = talk(kc, "heard.append(data)")
    cell = kc.cell("from ipymini import wait_until; heard = []; print('begun'); wait_until(lambda: heard), heard")
    begun(kc, cell)
    assert say(kc, id, dict(a=1)).states == ["busy", "idle"] and kc.wait(cell).result == "(True, [{'a': 1}])"

def test_wait_until_is_true_at_once_where_the_condition_is(kc):
    assert kc.run("from ipymini import wait_until; wait_until(lambda: True, timeout=0)").result == "True"

def test_wait_until_is_false_after_its_timeout(kc):
    assert kc.run("from ipymini import wait_until; t0 = time.monotonic(); "
        "wait_until(lambda: False, timeout=.1), .1 <= time.monotonic()-t0 < 1").result == "(False, True)"

def test_wait_until_raises_what_the_condition_raises(kc):
    assert kc.run("from ipymini import wait_until; wait_until(lambda: 1/0)").content["ename"] == "ZeroDivisionError"

def test_wait_until_says_that_it_works_on_the_threads_of_cells_only(kc):
    r = kc.run("from ipymini import wait_until; await asyncio.to_thread(wait_until, lambda: True)")
    assert (r.content["ename"], "on the thread of a cell" in r.content["evalue"]) == ("RuntimeError", True)

def test_wait_until_begins_no_cell(kc):
    id = talk(kc, "order.append('callback')")
    cell = kc.cell("from ipymini import wait_until; order = []; print('begun'); wait_until(lambda: order); "
        "order.append('first')")
    begun(kc, cell)
    second = kc.cell("order.append('second'); order")
    say(kc, id)
    assert kc.wait(second).result == "['callback', 'first', 'second']"

@pytest.mark.parametrize("how", ["signal", "message"])
def test_an_interrupt_ends_wait_until(kc, how):
    cell = kc.cell("from ipymini import wait_until; print('begun'); wait_until(lambda: False)")
    begun(kc, cell)
    kc.interrupt(how)
    assert kc.wait(cell).content["ename"] == "KeyboardInterrupt"

def test_wait_until_works_in_a_subshell(kc, sub):
    id = talk(kc, "heard.append(data)")
    cell = kc.cell("from ipymini import wait_until; heard = []; print('begun'); wait_until(lambda: heard, 10)", subshell=sub)
    begun(kc, cell)
    say(kc, id, subshell=sub)
    assert kc.wait(cell).result == "True"

def test_wait_until_shows_the_error_of_a_callback_and_waits_on(kc):
    id = talk(kc, "heard.append(data)\nif data: 1/0")
    cell = kc.cell("from ipymini import wait_until; heard = []; print('begun'); " "wait_until(lambda: len(heard) == 2, 10)")
    begun(kc, cell)
    assert "ZeroDivisionError" in say(kc, id, dict(a=1)).stderr
    say(kc, id)
    assert kc.wait(cell).result == "True"

def test_a_callback_may_wait_until_another_is_called(kc):
    id = talk(kc,
        "from ipymini import wait_until\n"
        "heard.append(data['i'])\n"
        "if data['i'] == 1: print('begun'); print(wait_until(lambda: 2 in heard, 10))")
    kc.run("heard = []")
    one = say(kc, id, dict(i=1), wait=False)
    begun(kc, one)
    say(kc, id, dict(i=2))
    assert kc.wait(one, reply=False).stdout == "begun\nTrue\n"

def test_the_cell_that_waits_keeps_its_parent(kc):
    id = talk(kc, "print('callback'); heard.append(1)")
    cell = kc.cell("from ipymini import wait_until; heard = []; print('begun'); wait_until(lambda: heard); " "print('cell')")
    begun(kc, cell)
    assert say(kc, id).stdout == "callback\n" and kc.wait(cell).stdout == "begun\ncell\n"
