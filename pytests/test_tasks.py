"Tasks, callbacks, servers and signal handlers of the kernel's loop between cells; who is told of exceptions that nobody awaits; context variables"
import pytest, signal, socket
from helpers import begun

first_cell = """
import asyncio, time
async def f(): return await asyncio.sleep(.01, 'ran')
"""

# -- tasks between cells

def test_a_task_goes_on_between_cells(kc):
    id = kc.cell(
        "async def tick():\n"
        "    for i in range(5):\n"
        "        await asyncio.sleep(.1)\n"
        "        print(i)\n"
        "t = asyncio.create_task(tick())")
    assert kc.wait(id).stdout == ""
    assert kc.wait(id, until=lambda r: r.stdout.count("\n") == 5).stdout == "0\n1\n2\n3\n4\n"

def test_a_task_goes_on_while_a_later_cell_awaits(kc):
    kc.run("async def g():\n"
        "    await e.wait()\n"
        "    d.set()\n"
        "e,d = asyncio.Event(),asyncio.Event(); t = asyncio.create_task(g())")
    assert kc.run("e.set(); await asyncio.wait_for(d.wait(), 5)").result == "True"

def test_a_task_says_later_what_it_says_in_its_own_cell(kc):
    one = kc.run(
        "async def g():\n"
        "    await e.wait()\n"
        "    print('from one'); display('shown')\n"
        "e = asyncio.Event(); t = asyncio.create_task(g())")
    two = kc.run("print('from two'); e.set(); await t")
    one = kc.wait(one.id, until=lambda r: r.of("display_data"))
    assert (one.stdout, two.stdout) == ("from one\n", "from two\n") and not two.of("display_data")

@pytest.mark.parametrize("code",
    ["asyncio.create_task(f())", "asyncio.ensure_future(f())", "asyncio.get_running_loop().create_task(f())",
        "asyncio.get_event_loop().create_task(f())",
        "asyncio.gather(f())", "asyncio.shield(f())"])
def test_tasks_are_made_in_plain_cells_and_awaited_in_later_ones(kc, code):
    assert kc.run(f"t = {code}").status == "ok"
    assert kc.run("await t").result in ("'ran'", "['ran']")

@pytest.mark.parametrize("code",
    ["asyncio.get_running_loop()", "asyncio.get_event_loop()", "asyncio.get_event_loop_policy().get_event_loop()",
        "await asyncio.sleep(0, asyncio.get_running_loop())"])
def test_every_cell_finds_the_same_running_loop(kc, code):
    kc.run("loop = asyncio.get_running_loop()")
    assert kc.run(f"l = {code}; l is loop, l.is_running()").result == "(True, True)"

def test_callbacks_run_between_cells(kc):
    id = kc.cell("l = asyncio.get_running_loop(); l.call_soon(print, 'soon'); l.call_later(.05, print, 'later'); "
        "l.call_soon_threadsafe(print, 'safe');")
    assert kc.wait(id, until=lambda r: "later" in r.stdout).stdout == "soon\nsafe\nlater\n"

def test_another_cell_cancels_a_task(kc):
    one = kc.run(
        "async def g():\n"
        "    try: await asyncio.sleep(60)\n"
        "    except asyncio.CancelledError: print('cancelled'); raise\n"
        "t = asyncio.create_task(g())")
    two = kc.run("t.cancel()\ntry: await t\nexcept asyncio.CancelledError: print('seen')")
    assert kc.wait(one.id, until=lambda r: r.stdout).stdout == "cancelled\n" and two.stdout == "seen\n"

def test_a_cancelled_task_that_a_cell_awaits_ends_only_the_cell(kc):
    r = kc.run("t = asyncio.create_task(asyncio.sleep(60)); asyncio.get_running_loop().call_later(.02, t.cancel); "
        "await t")
    assert r.content["ename"] == "CancelledError" and kc.run("await f()").result == "'ran'"

@pytest.mark.parametrize("code,result", [
    ("async with asyncio.timeout(5): await f()\n1", "1"),
    ("try: await asyncio.wait_for(asyncio.sleep(9), .01)\nexcept TimeoutError: print('late')\n2", "2"),
    ("async with asyncio.TaskGroup() as tg: ts = [tg.create_task(f()) for _ in range(3)]\n[t.result() for t in ts]",
        "['ran', 'ran', 'ran']"),
    ("await asyncio.to_thread(lambda: 3)", "3"),
    ("await asyncio.get_running_loop().run_in_executor(None, lambda: 4)", "4"),
    ("async def gen():\n    for i in range(3): yield i\n[i async for i in gen()]", "[0, 1, 2]"),
    ("p = await asyncio.create_subprocess_exec('echo', 'hi', stdout=asyncio.subprocess.PIPE); "
        "(await p.communicate())[0]", r"b'hi\n'"),
    ("(await f(), [await f() for _ in range(2)])", "('ran', ['ran', 'ran'])"),
    ("q = asyncio.Queue(); t = asyncio.create_task(q.put(5)); await q.get()", "5"),
    ("from asyncio import timeout as to\nasync with to(1) as cm: 6\ncm.expired()", "False")], ids=range(10))
def test_what_asyncio_offers_works_at_top_level(kc, code, result): assert kc.run(code).result == result

def test_a_server_answers_between_cells(kc):
    r = kc.run(
        "async def echo(r, w):\n"
        "    w.write(await r.readline())\n"
        "    w.close()\n"
        "s = await asyncio.start_server(echo, '127.0.0.1', 0)\n"
        "s.sockets[0].getsockname()[1]")
    with socket.create_connection(("127.0.0.1", int(r.result)), timeout=60) as c:
        c.sendall(b"hey\n")
        assert c.recv(10) == b"hey\n"
    kc.run("s.close()")

def test_signal_handlers_of_the_loop_are_called(own_kc):
    id = own_kc.run(
        "import asyncio, signal\n"
        "asyncio.get_running_loop().add_signal_handler(signal.SIGUSR1, lambda: print('signalled'))").id
    own_kc.proc.send_signal(signal.SIGUSR1)
    assert own_kc.wait(id, until=lambda r: "\n" in r.stdout).stdout == "signalled\n"

def test_SIGTERM_ends_a_kernel_whose_loop_has_signal_handlers(own_kc):
    own_kc.run("import asyncio, signal\nasyncio.get_running_loop().add_signal_handler(signal.SIGUSR1, lambda: None)")
    own_kc.proc.send_signal(signal.SIGTERM)
    assert own_kc.proc.wait(20) == 128+signal.SIGTERM

@pytest.mark.parametrize("num", ["SIGALRM", "SIGUSR1", "SIGCHLD", "SIGWINCH"])
def test_a_signal_that_a_cell_handles_does_the_kernel_no_harm(own_kc, num):
    r = own_kc.run(
        "import os, signal, time\n"
        f"signal.signal(signal.{num}, lambda *a: print('handled')); os.kill(os.getpid(), signal.{num}); "
        "time.sleep(.01)")
    assert r.status == "ok" and r.stdout == "handled\n" and own_kc.run("'alive'").result == "'alive'"

def test_interrupts_work_on_beside_signal_handlers_of_the_loop(own_kc):
    own_kc.run(
        "import asyncio, signal, time\n"
        "asyncio.get_running_loop().add_signal_handler(signal.SIGUSR1, lambda: None)")
    id = own_kc.cell("print('begun')\ntime.sleep(600)")
    begun(own_kc, id)
    own_kc.interrupt()
    assert own_kc.wait(id).content["ename"] == "KeyboardInterrupt"

swallows = """
print('begun')
try: await asyncio.sleep(600)
except asyncio.CancelledError: pass
task = asyncio.current_task()
"""

def interrupted(kc, code):
    "The result of a cell that goes on with `code` when it has swallowed an interrupt; `task` is its own"
    id = kc.cell(swallows+code)
    begun(kc, id)
    kc.interrupt()
    return kc.wait(id)

def test_an_interrupt_does_not_count_as_a_cancellation_of_the_cells_task(kc):
    "Time-outs and task groups that come behind it would take it for theirs"
    assert interrupted(kc, "task.cancelling()").result == "0"

def test_a_cancellation_behind_an_interrupt_counts(kc):
    code = "asyncio.get_running_loop().call_soon(task.cancel)\ntry: await asyncio.sleep(600)\nexcept asyncio.CancelledError: print(task.cancelling())"
    assert interrupted(kc, code).stdout == "begun\n1\n"

def test_many_tasks_share_the_loop(kc):
    assert kc.run("await asyncio.gather(*(asyncio.sleep(.001*(i%7), i) for i in range(3000))) == list(range(3000))").result == "True"

def test_the_loop_is_idle_when_nothing_is_due(kc):
    "A loop that turns without end would take all the time there is"
    cpu = "import os; sum(os.times()[:2])"
    before = float(kc.run(cpu).result)
    try: kc.wait("nothing", until=lambda r: False, timeout=.5)
    except TimeoutError: pass
    assert float(kc.run(cpu).result)-before < .2

# -- exceptions that nobody awaits

fails = "async def bad():\n    await asyncio.sleep({})\n    raise ValueError('from a task')\n"

def test_an_uncaught_task_exception_is_told_on_stderr_with_its_traceback(kc):
    r = kc.run(fails.format(0) + "t = asyncio.create_task(bad()); await asyncio.sleep(.02); del t")
    assert "never retrieved" in r.stderr
    assert "ValueError: from a task" in r.stderr
    assert "in bad" in r.stderr
    assert r.status == "ok"

def test_an_uncaught_task_exception_reaches_the_cell_that_made_the_task(kc):
    one = kc.run(fails.format(.1) + "t = asyncio.create_task(bad()); del t")
    two = kc.run("'newer'")
    assert "ValueError: from a task" in kc.wait(one.id, until=lambda r: r.stderr).stderr and two.stderr == ""

def test_an_uncaught_task_exception_that_a_later_cell_drops_reaches_the_first(kc):
    one = kc.run(fails.format(0) + "t = asyncio.create_task(bad()); await asyncio.sleep(.02)")
    two = kc.run("import gc; del t; gc.collect()")
    assert "ValueError: from a task" in kc.wait(one.id, until=lambda r: r.stderr).stderr and two.stderr == ""

def test_an_exception_in_a_callback_reaches_the_cell_that_asked_for_it(kc):
    one = kc.run("def bad(): raise ValueError('from a callback')\nasyncio.get_running_loop().call_later(.1, bad);")
    two = kc.run("'newer'")
    assert "ValueError: from a callback" in kc.wait(one.id, until=lambda r: r.stderr).stderr and two.stderr == ""

def test_an_uncaught_task_exception_of_a_subshell_reaches_its_cell(kc):
    one = kc.run(fails.format(.1) + "t = asyncio.create_task(bad()); del t", subshell=kc.subshell())
    two = kc.run("'newer'")
    assert "ValueError: from a task" in kc.wait(one.id, until=lambda r: r.stderr).stderr and two.stderr == ""

def test_a_task_exception_that_a_cell_awaits_is_the_cells(kc):
    r = kc.run(fails.format(0) + "await asyncio.create_task(bad())")
    assert r.content["ename"] == "ValueError" and r.stderr == ""

def test_a_handler_of_the_user_gets_the_exceptions(kc):
    id = kc.cell(fails.format(0) + "l = asyncio.get_running_loop(); kept = l.get_exception_handler(); "
        "l.set_exception_handler(lambda l, c: print('handled', c['exception']))\n"
        "t = asyncio.create_task(bad()); del t;")
    assert "handled from a task" in kc.wait(id, until=lambda r: r.stdout).stdout
    kc.run("l.set_exception_handler(kept)")

# -- context variables

def test_what_a_cell_sets_its_tasks_see(kc):
    kc.run("from contextvars import ContextVar; v = ContextVar('v', default=0); v.set(7)")
    assert kc.run(
        "async def g(): return v.get()\n"
        "await asyncio.gather(g(), asyncio.create_task(g()), asyncio.to_thread(v.get))").result == "[7, 7, 7]"

def test_what_an_awaiting_cell_sets_the_next_sees(kc):
    kc.run("from contextvars import ContextVar; v = ContextVar('v', default=0)\n"
        "await asyncio.sleep(0); v.set(8); await asyncio.sleep(0)")
    assert kc.run("v.get()").result == "8"

def test_what_a_failing_cell_sets_the_next_sees(kc):
    kc.run("from contextvars import ContextVar; v = ContextVar('v', default=0)\nv.set(9); 1/0")
    assert kc.run("v.get()").result == "9"
