"""asyncio in cells: tasks between them, loops of their own in them, other libraries' loops; and what is answered while a cell runs

`kc` is one kernel for the whole module; a test that changes how all cells run, with nest_asyncio or `%autoawait`, takes `own`."""
import signal, socket, time
from importlib.util import find_spec
from queue import Empty
from urllib.request import urlopen
import pytest
from helpers import connect, start

def need(*names):
    "Skip the test where a library is missing"
    for o in names:
        if not find_spec(o): pytest.skip(f"{o} is not installed: what it does with the kernel's loop is not tested")

def begun(kc, id, sign="begun"):
    "Wait until the cell `id` has printed `sign`"
    return kc.wait(id, until=lambda r: sign in r.stdout)

@pytest.fixture(scope="module")
def kc():
    kc = start()
    kc.run("import asyncio, time\nasync def f(): return await asyncio.sleep(.01, 'ran')")
    yield kc
    kc.stop()

@pytest.fixture
def own():
    "A kernel of the test's own"
    kc = start()
    yield kc
    kc.stop()

# -- tasks between cells

def test_a_task_goes_on_between_cells(kc):
    id = kc.cell("async def tick():\n    for i in range(5):\n        await asyncio.sleep(.1)\n        print(i)\nt = asyncio.create_task(tick())")
    assert kc.wait(id).stdout == ""
    assert kc.wait(id, until=lambda r: r.stdout.count("\n") == 5).stdout == "0\n1\n2\n3\n4\n"

def test_a_task_goes_on_while_a_later_cell_awaits(kc):
    kc.run("async def g():\n    await e.wait()\n    d.set()\ne,d = asyncio.Event(),asyncio.Event(); t = asyncio.create_task(g())")
    assert kc.run("e.set(); await asyncio.wait_for(d.wait(), 5)").result == "True"

def test_a_task_says_later_what_it_says_in_its_own_cell(kc):
    one = kc.run("async def g():\n    await e.wait()\n    print('from one'); display('shown')\ne = asyncio.Event(); t = asyncio.create_task(g())")
    two = kc.run("print('from two'); e.set(); await t")
    one = kc.wait(one.id, until=lambda r: r.of("display_data"))
    assert (one.stdout, two.stdout) == ("from one\n", "from two\n") and not two.of("display_data")

@pytest.mark.parametrize("code", ["asyncio.create_task(f())", "asyncio.ensure_future(f())", "asyncio.get_running_loop().create_task(f())", "asyncio.get_event_loop().create_task(f())",
    "asyncio.gather(f())", "asyncio.shield(f())"])
def test_tasks_are_made_in_plain_cells_and_awaited_in_later_ones(kc, code):
    assert kc.run(f"t = {code}").status == "ok"
    assert kc.run("await t").result in ("'ran'", "['ran']")

@pytest.mark.parametrize("code", ["asyncio.get_running_loop()", "asyncio.get_event_loop()", "asyncio.get_event_loop_policy().get_event_loop()", "await asyncio.sleep(0, asyncio.get_running_loop())"])
def test_every_cell_finds_the_same_running_loop(kc, code):
    kc.run("loop = asyncio.get_running_loop()")
    assert kc.run(f"l = {code}; l is loop, l.is_running()").result == "(True, True)"

def test_callbacks_run_between_cells(kc):
    id = kc.cell("l = asyncio.get_running_loop(); l.call_soon(print, 'soon'); l.call_later(.05, print, 'later'); l.call_soon_threadsafe(print, 'safe');")
    assert kc.wait(id, until=lambda r: "later" in r.stdout).stdout == "soon\nsafe\nlater\n"

def test_another_cell_cancels_a_task(kc):
    one = kc.run("async def g():\n    try: await asyncio.sleep(60)\n    except asyncio.CancelledError: print('cancelled'); raise\nt = asyncio.create_task(g())")
    two = kc.run("t.cancel()\ntry: await t\nexcept asyncio.CancelledError: print('seen')")
    assert kc.wait(one.id, until=lambda r: r.stdout).stdout == "cancelled\n" and two.stdout == "seen\n"

def test_a_cancelled_task_that_a_cell_awaits_ends_only_the_cell(kc):
    r = kc.run("t = asyncio.create_task(asyncio.sleep(60)); asyncio.get_running_loop().call_later(.02, t.cancel); await t")
    assert r.content["ename"] == "CancelledError" and kc.run("await f()").result == "'ran'"

@pytest.mark.parametrize("code,result", [
    ("async with asyncio.timeout(5): await f()\n1", "1"), ("try: await asyncio.wait_for(asyncio.sleep(9), .01)\nexcept TimeoutError: print('late')\n2", "2"),
    ("async with asyncio.TaskGroup() as tg: ts = [tg.create_task(f()) for _ in range(3)]\n[t.result() for t in ts]", "['ran', 'ran', 'ran']"),
    ("await asyncio.to_thread(lambda: 3)", "3"), ("await asyncio.get_running_loop().run_in_executor(None, lambda: 4)", "4"),
    ("async def gen():\n    for i in range(3): yield i\n[i async for i in gen()]", "[0, 1, 2]"),
    ("p = await asyncio.create_subprocess_exec('echo', 'hi', stdout=asyncio.subprocess.PIPE); (await p.communicate())[0]", r"b'hi\n'"),
    ("(await f(), [await f() for _ in range(2)])", "('ran', ['ran', 'ran'])"), ("q = asyncio.Queue(); t = asyncio.create_task(q.put(5)); await q.get()", "5"),
    ("from asyncio import timeout as to\nasync with to(1) as cm: 6\ncm.expired()", "False")], ids=range(10))
def test_what_asyncio_offers_works_at_top_level(kc, code, result): assert kc.run(code).result == result

def test_a_server_answers_between_cells(kc):
    r = kc.run("async def echo(r, w):\n    w.write(await r.readline())\n    w.close()\ns = await asyncio.start_server(echo, '127.0.0.1', 0)\ns.sockets[0].getsockname()[1]")
    with socket.create_connection(("127.0.0.1", int(r.result)), timeout=10) as c:
        c.sendall(b"hey\n")
        assert c.recv(10) == b"hey\n"
    kc.run("s.close()")

def test_signal_handlers_of_the_loop_are_called(own):
    id = own.run("import asyncio, signal\nasyncio.get_running_loop().add_signal_handler(signal.SIGUSR1, lambda: print('signalled'))").id
    own.proc.send_signal(signal.SIGUSR1)
    assert own.wait(id, until=lambda r: r.stdout).stdout == "signalled\n"

def test_SIGTERM_ends_a_kernel_whose_loop_has_signal_handlers(own):
    own.run("import asyncio, signal\nasyncio.get_running_loop().add_signal_handler(signal.SIGUSR1, lambda: None)")
    own.proc.send_signal(signal.SIGTERM)
    assert own.proc.wait(5) == 128+signal.SIGTERM

@pytest.mark.parametrize("num", ["SIGALRM", "SIGUSR1", "SIGCHLD", "SIGWINCH"])
def test_a_signal_that_a_cell_handles_does_the_kernel_no_harm(own, num):
    r = own.run(f"import os, signal, time\nsignal.signal(signal.{num}, lambda *a: print('handled')); os.kill(os.getpid(), signal.{num}); time.sleep(.01)")
    assert r.status == "ok" and r.stdout == "handled\n" and own.run("'alive'", timeout=5).result == "'alive'"

def test_interrupts_work_on_beside_signal_handlers_of_the_loop(own):
    own.run("import asyncio, signal, time\nasyncio.get_running_loop().add_signal_handler(signal.SIGUSR1, lambda: None)")
    id = own.cell("print('begun')\ntime.sleep(30)")
    begun(own, id)
    own.interrupt()
    assert own.wait(id, timeout=5).content["ename"] == "KeyboardInterrupt"

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
    assert "never retrieved" in r.stderr and "ValueError: from a task" in r.stderr and "in bad" in r.stderr and r.status == "ok"

def test_an_uncaught_task_exception_reaches_the_cell_that_made_the_task(kc):
    one = kc.run(fails.format(.1) + "t = asyncio.create_task(bad()); del t")
    two = kc.run("'newer'")
    assert "ValueError: from a task" in kc.wait(one.id, until=lambda r: r.stderr, timeout=5).stderr and two.stderr == ""

def test_an_uncaught_task_exception_that_a_later_cell_drops_reaches_the_first(kc):
    one = kc.run(fails.format(0) + "t = asyncio.create_task(bad()); await asyncio.sleep(.02)")
    two = kc.run("import gc; del t; gc.collect()")
    assert "ValueError: from a task" in kc.wait(one.id, until=lambda r: r.stderr, timeout=5).stderr and two.stderr == ""

def test_an_exception_in_a_callback_reaches_the_cell_that_asked_for_it(kc):
    one = kc.run("def bad(): raise ValueError('from a callback')\nasyncio.get_running_loop().call_later(.1, bad);")
    two = kc.run("'newer'")
    assert "ValueError: from a callback" in kc.wait(one.id, until=lambda r: r.stderr, timeout=5).stderr and two.stderr == ""

def test_an_uncaught_task_exception_of_a_subshell_reaches_its_cell(kc):
    one = kc.run(fails.format(.1) + "t = asyncio.create_task(bad()); del t", subshell=kc.subshell())
    two = kc.run("'newer'")
    assert "ValueError: from a task" in kc.wait(one.id, until=lambda r: r.stderr, timeout=5).stderr and two.stderr == ""

def test_a_task_exception_that_a_cell_awaits_is_the_cells(kc):
    r = kc.run(fails.format(0) + "await asyncio.create_task(bad())")
    assert r.content["ename"] == "ValueError" and r.stderr == ""

def test_a_handler_of_the_user_gets_the_exceptions(kc):
    id = kc.cell(fails.format(0) + "l = asyncio.get_running_loop(); l.set_exception_handler(lambda l, c: print('handled', c['exception']))\nt = asyncio.create_task(bad()); del t;")
    assert "handled from a task" in kc.wait(id, until=lambda r: r.stdout).stdout
    kc.run("l.set_exception_handler(None)")

# -- loops of a cell's own

own_loops = {"asyncio.run": "asyncio.run({})", "Runner": "with asyncio.Runner() as r: r.run({})", "new_event_loop": "l = asyncio.new_event_loop(); l.run_until_complete({}); l.close()",
    "debug": "asyncio.run({}, debug=True)", "loop_factory": "asyncio.Runner(loop_factory=asyncio.new_event_loop).run({})", "in a function": "def h(): return asyncio.run({})\nh()",
    "in a class": "class A: x = asyncio.run({})", "in a comprehension": "[asyncio.run({}) for _ in range(2)]", "%time": "%time asyncio.run({})", "%%time": "%%time\nasyncio.run({})",
    "exec": "exec('asyncio.run({})')", "a callback of map": "list(map(lambda _: asyncio.run({}), [1]))", "in a thread": "import threading; t = threading.Thread(target=lambda: asyncio.run({})); t.start(); t.join()",
    "a generator": "next(asyncio.run({}) for _ in [1])", "run_forever": "l = asyncio.new_event_loop(); l.create_task({}).add_done_callback(lambda _: l.stop()); l.run_forever(); l.close()",
    "property": "class A:\n    @property\n    def x(self): return asyncio.run({})\nA().x"}

@pytest.mark.parametrize("way", own_loops)
def test_a_plain_cell_runs_a_loop_of_its_own(kc, way):
    r = kc.run("async def say(): await asyncio.sleep(.01); print('said')")
    r = kc.run(own_loops[way].format("say()"))
    assert r.status == "ok" and "said\n" in r.stdout

def test_asyncio_run_gives_back_its_result(kc): assert kc.run("asyncio.run(f())").result == "'ran'"

def test_asyncio_run_raises_what_the_coroutine_raises(kc):
    r = kc.run("async def g(): await asyncio.sleep(0); 1/0\nasyncio.run(g())")
    assert r.content["ename"] == "ZeroDivisionError" and "subshell.py" not in "".join(r.content["traceback"])

def test_a_runner_runs_again_in_the_next_cell(kc):
    kc.run("runner = asyncio.Runner(); runner.run(f())")
    assert kc.run("runner.run(f())").result == "'ran'"
    assert kc.run("runner.close()").status == "ok"

def test_the_kernels_loop_is_there_after_asyncio_run(kc):
    r = kc.run("loop = asyncio.get_running_loop(); asyncio.run(f()); asyncio.get_running_loop() is loop, asyncio.get_event_loop() is loop")
    assert r.result == "(True, True)"
    assert kc.run("asyncio.get_running_loop() is loop, asyncio.get_event_loop() is loop").result == "(True, True)"
    assert kc.run("await f()").result == "'ran'"

def test_tasks_of_earlier_cells_go_on_after_asyncio_run(kc):
    kc.run("t = asyncio.create_task(asyncio.sleep(.05, 'slept')); asyncio.run(f())")
    assert kc.run("await t").result == "'slept'"

def test_tasks_inside_asyncio_run_write_to_the_cell(kc):
    r = kc.run("async def g(i): await asyncio.sleep(.01*i); print(i)\nasync def main(): await asyncio.gather(*(g(i) for i in range(3)))\nasyncio.run(main())")
    assert r.stdout == "0\n1\n2\n"

def test_run_runs_a_script_that_calls_asyncio_run(kc, tmp_path):
    (tmp_path/"script.py").write_text("import asyncio\nasync def main():\n    await asyncio.sleep(.01)\n    print('scripted')\nif __name__ == '__main__': asyncio.run(main())\n")
    assert kc.run(f"%run {tmp_path/'script.py'}").stdout == "scripted\n"

def test_a_library_may_call_asyncio_run(kc, tmp_path):
    (tmp_path/"some_library.py").write_text("import asyncio\nasync def _get(): return await asyncio.sleep(.01, 'got')\ndef get(): return asyncio.run(_get())\n")
    assert kc.run(f"import sys; sys.path.insert(0, {str(tmp_path)!r}); import some_library; some_library.get()").result == "'got'"

@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_anyio_run(kc, backend):
    need("anyio", *["trio"]*(backend == "trio"))
    r = kc.run(f"import anyio\nasync def g():\n    async with anyio.create_task_group() as tg: tg.start_soon(anyio.sleep, .01)\n    return 'ran'\nanyio.run(g, backend='{backend}')", timeout=60)
    assert r.result == "'ran'"
    assert kc.run("await f()").result == "'ran'"

def test_anyio_in_an_awaiting_cell(kc):
    need("anyio")
    assert kc.run("import anyio\nasync with anyio.create_task_group() as tg: tg.start_soon(anyio.sleep, .01)\nawait anyio.to_thread.run_sync(lambda: 5)", timeout=60).result == "5"

def test_trio_runs_without_a_word_and_leaves_signals_as_they_were(own):
    need("trio")
    r = own.run("import trio, signal; before = signal.getsignal(2),signal.set_wakeup_fd(-1); signal.set_wakeup_fd(before[1]); trio.run(trio.sleep, .01)\n"
        "before == (signal.getsignal(2), signal.set_wakeup_fd(before[1], warn_on_full_buffer=False))", timeout=60)
    assert (r.result, r.stderr) == ("True", "")

def test_a_signal_ends_the_kernel_while_trio_runs(own):
    need("trio")
    begun(own, own.cell("import trio\nprint('begun')\ntrio.run(trio.sleep, 60)"))
    own.proc.send_signal(signal.SIGTERM)
    assert own.proc.wait(5) == 128+signal.SIGTERM

def test_trio_run(kc):
    need("trio")
    assert kc.run("import trio\nasync def g(): await trio.sleep(.01); return 'ran'\ntrio.run(g)", timeout=60).result == "'ran'"
    assert kc.run("await f()").result == "'ran'"

def test_uvicorn_serves_between_cells(kc):
    need("uvicorn")
    r = kc.run("import uvicorn\nasync def app(scope, receive, send):\n    await send(dict(type='http.response.start', status=200, headers=[]))\n    await send(dict(type='http.response.body', body=b'hi'))\n"
        "srv = uvicorn.Server(uvicorn.Config(app, port=0, lifespan='off', log_level='error')); st = asyncio.create_task(srv.serve())\n"
        "while not srv.started: await asyncio.sleep(.01)\nsrv.servers[0].sockets[0].getsockname()[1]", timeout=60)
    assert urlopen(f"http://127.0.0.1:{r.result}", timeout=10).read() == b"hi"
    assert kc.run("srv.should_exit = True; await asyncio.wait_for(st, 10)").status == "ok"

def test_uvicorn_run_serves_until_an_interrupt(own):
    need("uvicorn")
    with socket.create_server(("127.0.0.1", 0)) as s: port = s.getsockname()[1]
    own.run("import uvicorn, asyncio\nasync def app(scope, receive, send):\n    await send(dict(type='http.response.start', status=200, headers=[]))\n"
        "    await send(dict(type='http.response.body', body=b'hi'))", timeout=60)
    id = own.cell(f"uvicorn.run(app, port={port}, lifespan='off')")
    own.wait(id, until=lambda r: "running on" in r.stderr)
    assert urlopen(f"http://127.0.0.1:{port}", timeout=10).read() == b"hi"
    own.interrupt()
    assert own.wait(id, timeout=10).replies
    assert own.run("await asyncio.sleep(0, 5)").result == "5"

nested = dict(run=("asyncio.run(c)", "asyncio.run() cannot be called from a running event loop"), runner=("asyncio.Runner().run(c)", "Runner.run() cannot be called from a running event loop"),
    loop=("asyncio.new_event_loop().run_until_complete(c)", "Cannot run the event loop while another loop is running"))

@pytest.mark.parametrize("where", ["await g()", "asyncio.run(g())", "await asyncio.create_task(g())", "def plain(): return asyncio.run(g())\nplain()"], ids=["await", "run", "task", "function"])
@pytest.mark.parametrize("how", nested)
def test_inside_async_def_the_ordinary_error_is_raised(kc, how, where):
    code,text = nested[how]
    r = kc.run(f"import warnings; warnings.simplefilter('ignore')\nasync def g():\n    c = f()\n    try: {code}\n    finally: c.close()\n{where}")
    assert (r.content["ename"], r.content["evalue"]) == ("RuntimeError", text)
    kc.run("import gc; gc.collect(); warnings.resetwarnings()")

def test_a_plain_line_of_an_awaiting_cell_runs_a_loop_of_its_own(kc): assert kc.run("await f()\nasyncio.run(f())").result == "'ran'"

def test_in_a_coroutine_the_kernels_own_loop_is_already_running(kc):
    "In a plain cell it may be run: test_loops.py"
    r = kc.run("async def g():\n    c = f()\n    try: asyncio.get_running_loop().run_until_complete(c)\n    finally: c.close()\nawait g()")
    assert (r.content["ename"], r.content["evalue"]) == ("RuntimeError", "This event loop is already running")
    assert kc.run("await f()").result == "'ran'"

loops = {"asyncio.run": "asyncio.run(g())", "Runner": "with asyncio.Runner() as r: r.run(g())", "new_event_loop": "asyncio.new_event_loop().run_until_complete(g())", "anyio": "import anyio; anyio.run(g)",
    "busy": "async def spin():\n    try:\n        print('begun')\n        time.sleep(60)\n    finally: print('cleaned up')\nasyncio.run(spin())"}

@pytest.mark.parametrize("how", ["signal", "message"])
@pytest.mark.parametrize("way", loops)
def test_an_interrupt_ends_a_cells_own_loop(kc, way, how):
    if way == "anyio": need("anyio")
    kc.run("async def g():\n    print('begun')\n    try: await asyncio.sleep(60)\n    finally: print('cleaned up')")
    if way == "anyio": kc.run("import anyio", timeout=60)
    id = kc.cell(loops[way])
    begun(kc, id)
    kc.interrupt(how)
    r = kc.wait(id, timeout=5)
    assert r.content["ename"] == "KeyboardInterrupt"
    assert kc.run("await f()").result == kc.run("asyncio.run(f())").result == "'ran'"

@pytest.mark.parametrize("how", ["signal", "message"])
@pytest.mark.parametrize("way", ["asyncio.run", "Runner", "busy"])
def test_coroutines_clean_up_when_a_cells_own_loop_is_interrupted(kc, way, how):
    kc.run("async def g():\n    print('begun')\n    try: await asyncio.sleep(60)\n    finally: print('cleaned up')")
    id = kc.cell(loops[way])
    begun(kc, id)
    kc.interrupt(how)
    assert "cleaned up" in kc.wait(id, timeout=5).stdout

def test_an_interrupt_spares_tasks_of_the_kernels_loop_while_a_cell_runs_its_own(kc):
    kc.run("t = asyncio.create_task(asyncio.sleep(.3, 'spared'))")
    id = kc.cell("async def g():\n    print('begun')\n    await asyncio.sleep(60)\nasyncio.run(g())")
    begun(kc, id)
    kc.interrupt()
    kc.wait(id, timeout=5)
    assert kc.run("await t").result == "'spared'"

# -- other ways to await

def test_autoawait_trio(own):
    need("trio")
    own.run("import trio, asyncio\n%autoawait trio", timeout=60)
    r = own.run("async with trio.open_nursery() as n: n.start_soon(trio.sleep, .01)\nprint('nursed')\nawait trio.sleep(.01)\n'slept'")
    assert (r.stdout, r.result) == ("nursed\n", "'slept'")
    assert own.run("1+1").result == "2"

def test_autoawait_trio_is_interrupted(own):
    need("trio")
    own.run("import trio\n%autoawait trio", timeout=60)
    id = own.cell("print('begun')\nawait trio.sleep(60)")
    begun(own, id)
    own.interrupt()
    assert own.wait(id, timeout=5).content["ename"] == "KeyboardInterrupt"
    assert own.run("await trio.sleep(0)\n'alive'").result == "'alive'"

def test_autoawait_goes_back_to_asyncio(own):
    need("trio")
    own.run("import trio, asyncio\n%autoawait trio", timeout=60)
    own.run("await trio.sleep(0)")
    own.run("%autoawait asyncio")
    assert own.run("t = asyncio.create_task(asyncio.sleep(.01, 'ran')); await t").result == "'ran'"

def test_autoawait_off_makes_await_a_syntax_error(own):
    own.run("%autoawait False")
    assert own.run("import asyncio; await asyncio.sleep(0)").content["ename"] == "SyntaxError"
    own.run("%autoawait True")
    assert own.run("await asyncio.sleep(0, 5)").result == "5"

def nest(kc):
    "Apply nest_asyncio, whichever there is"
    name = next((o for o in ("nest_asyncio", "nest_asyncio2") if find_spec(o)), None)
    if not name: pytest.skip("neither nest_asyncio nor nest_asyncio2 is installed: loops that it nests are not tested")
    assert kc.run(f"import asyncio, time, {name}; {name}.apply()\nasync def f(): return await asyncio.sleep(.01, 'ran')").status == "ok"

def test_nest_asyncio_lets_loops_nest(own):
    nest(own)
    for code in ("asyncio.get_event_loop().run_until_complete(f())", "asyncio.run(f())", "await f()", "async def g(): return asyncio.run(f())\nawait g()"): assert own.run(code).result == "'ran'", code

def test_nest_asyncio_runs_no_second_cell_inside_the_first(own):
    nest(own)
    ids = [own.cell("seen = ['begin']; asyncio.get_event_loop().run_until_complete(asyncio.sleep(.3)); seen.append('end')"), own.cell("seen.append('second'); seen")]
    assert [own.wait(id) for id in ids][1].result == "['begin', 'end', 'second']"

def test_an_interrupt_ends_what_nest_asyncio_nests(own):
    nest(own)
    for how in ("signal", "message"):
        id = own.cell("print('begun'); asyncio.get_event_loop().run_until_complete(asyncio.sleep(60))")
        begun(own, id)
        own.interrupt(how)
        assert own.wait(id, timeout=5).content["ename"] == "KeyboardInterrupt"
        assert own.run("await f()").result == "'ran'"

def test_tornados_current_loop_is_the_kernels(kc):
    need("tornado")
    assert kc.run("from tornado.ioloop import IOLoop\nIOLoop.current().asyncio_loop is asyncio.get_running_loop()", timeout=60).result == "True"
    assert kc.run("IOLoop.current() is IOLoop.current(), IOLoop.current().asyncio_loop.is_running()").result == "(True, True)"

def test_callbacks_of_tornado_run_between_cells(kc):
    need("tornado")
    id = kc.cell("from tornado.ioloop import IOLoop, PeriodicCallback\nIOLoop.current().add_callback(print, 'soon'); IOLoop.current().call_later(.02, print, 'later')\n"
        "p = PeriodicCallback(lambda: print('tick'), 10); p.start()", timeout=60)
    kc.wait(id, until=lambda r: "soon" in r.stdout and "later" in r.stdout and r.stdout.count("tick") > 2)
    kc.run("p.stop()")

def test_tornado_runs_on_after_asyncio_run(kc):
    need("tornado")
    kc.run("from tornado.ioloop import IOLoop\nio = IOLoop.current()", timeout=60)
    id = kc.cell("asyncio.run(f()); IOLoop.current() is io and io.add_callback(print, 'called')")
    assert kc.wait(id, until=lambda r: r.stdout).stdout == "called\n"

# -- context variables

def test_what_a_cell_sets_its_tasks_see(kc):
    kc.run("from contextvars import ContextVar; v = ContextVar('v', default=0); v.set(7)")
    assert kc.run("async def g(): return v.get()\nawait asyncio.gather(g(), asyncio.create_task(g()), asyncio.to_thread(v.get))").result == "[7, 7, 7]"

def test_what_an_awaiting_cell_sets_the_next_sees(kc):
    kc.run("from contextvars import ContextVar; v = ContextVar('v', default=0)\nawait asyncio.sleep(0); v.set(8); await asyncio.sleep(0)")
    assert kc.run("v.get()").result == "8"

def test_what_a_failing_cell_sets_the_next_sees(kc):
    kc.run("from contextvars import ContextVar; v = ContextVar('v', default=0)\nv.set(9); 1/0")
    assert kc.run("v.get()").result == "9"

def test_what_a_cell_sets_asyncio_run_sees(kc):
    kc.run("from contextvars import ContextVar; v = ContextVar('v', default=0); v.set(10)")
    assert kc.run("async def g(): return v.get()\nasyncio.run(g())").result == "10"

# -- answers while a cell runs

quick = dict(complete=dict(code="pri", cursor_pos=3), inspect=dict(code="print", cursor_pos=5, detail_level=0), is_complete=dict(code="1"),
    history=dict(hist_access_type="tail", n=2, raw=True, output=False), kernel_info={}, comm_info={})
busy = dict(loop="while not go: pass", sleep="while not go: time.sleep(.02)", wait="while not go: await asyncio.sleep(.02)", nested="async def g():\n    while not go: await asyncio.sleep(.02)\nasyncio.run(g())",
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

def framed(r): return r.types[0] == r.types[-1] == "status" and r.states[0] == "busy" and r.states.count("idle") == 1 and r.idle and len(r.replies) == 1

@pytest.mark.parametrize("type", quick)
def test_it_is_answered_beside_a_running_cell(running, type):
    r = running.request(f"{type}_request", quick[type], timeout=5)
    assert framed(r) and r.reply["msg_type"] == f"{type}_reply" and r.status in ("ok", "complete")
    assert not running.held[running.now].replies

def statuses(eye, *lasts, timeout=10):
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
    try: assert statuses(eye, (said, "idle"), (id, "busy"), timeout=3)[-3:] == [(said, "busy"), (said, "idle"), (id, "busy")]
    finally: kc.run("heard._loop.call_soon_threadsafe(heard.set)", subshell=kc.subshell())
    assert kc.wait(id).states.count("idle") == 1 and kc.held[id].idle

def test_no_busy_follows_the_idle_of_a_cell(kc):
    ids = []
    for i in range(30):
        ids.append(kc.cell(f"time.sleep({.045+i%10*.002})"))
        ids += [kc.submit(f"{type}_request", quick[type]) for type in ("complete", "kernel_info", "is_complete")]
    rs = [kc.wait(id) for id in ids]
    assert all(r.states[0] == "busy" and r.states.count("idle") == 1 and r.idle and len(r.replies) == 1 for r in rs), [r.states for r in rs]

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
    order = {id: running.wait(id, timeout=5).reply["header"]["date"] for id in ids}
    assert sorted(order, key=order.get) == ids

def test_cells_that_wait_keep_their_order_while_others_are_answered(running):
    first,info,second = running.cell("seen = [1]"), running.submit("kernel_info_request"), running.cell("seen.append(2); seen")
    assert running.wait(info, timeout=5).status == "ok" and not running.wait(first, reply=False, idle=False).replies
    running.run("go.append(1)", subshell=running.subshell())
    assert running.wait(second).result == "[1, 2]"

def test_a_running_cell_changes_the_namespace_while_names_are_completed(kc):
    kc.run("go = []", silent=True)
    id = kc.cell("print('begun')\ni = 0\nwhile not go:\n    i += 1\n    globals()[f'churn_{i}'] = i\n    if i > 50: del globals()[f'churn_{i-50}']")
    begun(kc, id)
    rs = [kc.request(f"{type}_request", content, timeout=5) for _ in range(10) for type,content in (("complete", dict(code="churn_", cursor_pos=6)), ("inspect", dict(code="churn_1", cursor_pos=3)))]
    kc.run("go.append(1)", subshell=kc.subshell())
    assert all(r.status == "ok" and framed(r) for r in rs) and any(r.content.get("matches") for r in rs) and kc.wait(id).status == "ok"
    kc.run("for k in [k for k in globals() if k.startswith('churn_')]: del globals()[k]")

def test_what_a_running_cell_has_defined_is_completed(kc):
    kc.run("go = []", silent=True)
    id = kc.cell("half_done = dict(first_key=1); print('begun')\nwhile not go: time.sleep(.01)")
    begun(kc, id)
    assert "half_done" in kc.request("complete_request", dict(code="half_d", cursor_pos=6), timeout=5).content["matches"]
    assert any("first_key" in o for o in kc.request("complete_request", dict(code="half_done['", cursor_pos=11), timeout=5).content["matches"])
    kc.run("go.append(1)", subshell=kc.subshell())
    kc.wait(id)

def test_answers_while_a_cell_asks(kc):
    id = kc.cell("input('?')", allow_stdin=True)
    kc.prompt()
    assert all(framed(kc.request(f"{type}_request", content, timeout=5)) for type,content in quick.items())
    kc.input("yes")
    assert kc.wait(id).result == "'yes'"

def test_answers_on_a_busy_subshell(kc):
    sub = kc.subshell()
    kc.run("go = []", silent=True)
    id = kc.cell("print('begun')\nwhile not go: time.sleep(.01)", subshell=sub)
    begun(kc, id)
    assert all(framed(kc.request(f"{type}_request", content, timeout=5, subshell=sub)) for type,content in quick.items())
    kc.run("go.append(1)")
    r = kc.wait(id)
    assert r.status == "ok" and r.idle and r.states.count("idle") == 1

def test_nothing_is_answered_twice(kc):
    "A request that its shell and the side thread both could take"
    ids = [i for _ in range(15) for i in (kc.cell("time.sleep(.05)"), kc.submit("complete_request", quick["complete"]))]
    kc.wait(ids[-1], timeout=30)
    kc.request("kernel_info_request")
    assert all(len(kc.wait(id).replies) == 1 for id in ids)

def test_an_unloaded_kernel_answers_in_full(own):
    "The first requests of a kernel, sent while IPython loads"
    rs = [own.wait(id) for id in [own.submit(f"{type}_request", content) for type,content in quick.items()]]
    assert all(framed(r) and r.status in ("ok", "complete") for r in rs)

# -- TLS, which asyncio is given only when it asks for it

pem = """\
-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgH5GX+MKZQZCxwxQT
zEoUffxAgvdX3uH/M4Mgg+yw08GhRANCAAQVFrKfr0lxtXrBqlCEfhR7n/yoV80F
WMTIvtpY5jRbGS2nc7cik1mX65d791ca9XHV4MWYRjcuAtYHICHeLPGp
-----END PRIVATE KEY-----
-----BEGIN CERTIFICATE-----
MIIBljCCATugAwIBAgIUbtyia/uEiEVaLikDoZZKRtJcL0gwCgYIKoZIzj0EAwIw
FDESMBAGA1UEAwwJbG9jYWxob3N0MCAXDTI2MTEyMTE4NTM1MFoYDzIxMjYxMDI4
MTg1MzUwWjAUMRIwEAYDVQQDDAlsb2NhbGhvc3QwWTATBgcqhkjOPQIBBggqhkjO
PQMBBwNCAAQVFrKfr0lxtXrBqlCEfhR7n/yoV80FWMTIvtpY5jRbGS2nc7cik1mX
65d791ca9XHV4MWYRjcuAtYHICHeLPGpo2kwZzAdBgNVHQ4EFgQUDxl5wePsUqo9
Hskho+gCAzwR0hIwHwYDVR0jBBgwFoAUDxl5wePsUqo9Hskho+gCAzwR0hIwDwYD
VR0TAQH/BAUwAwEB/zAUBgNVHREEDTALgglsb2NhbGhvc3QwCgYIKoZIzj0EAwID
SQAwRgIhAJ3vyg3PCOHHDVoeR4LbKwz9JkOoVpEqE3dCuMDmTzKfAiEAj3sbjna4
CkdW4p8ecip/RaE23BG74yJ2Jl+DegBAlcw=
-----END CERTIFICATE-----
"""
tls = """
import asyncio, ssl
server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
server.load_cert_chain({0!r})
client = ssl.create_default_context(cafile={0!r})
async def echo(r, w):
    w.write(await r.readline())
    w.close()
s = await asyncio.start_server(echo, "127.0.0.1", 0, ssl=server)
r,w = await asyncio.open_connection(*s.sockets[0].getsockname(), ssl=client, server_hostname="localhost")
w.write(b"hello\\n")
print(await r.readline())
w.close()
s.close()
"""

def test_tls(own, tmp_path):
    (tmp_path/"pem").write_text(pem)
    assert own.run(tls.format(str(tmp_path/"pem"))).stdout == "b'hello\\n'\n"

def test_tls_without_an_import_of_ssl(own):
    r = own.run("import asyncio\nasync def answer(r, w): w.write(b'this is no TLS')\ns = await asyncio.start_server(answer, '127.0.0.1', 0)\n"
        "await asyncio.open_connection(*s.sockets[0].getsockname(), ssl=True, server_hostname='x')")
    assert r.content["ename"] == "SSLError"

@pytest.mark.parametrize("code,shown", [
    ("import ssl; type(ssl).__name__, ssl.__spec__.name",                                    "('module', 'ssl')"),
    ("import asyncio, asyncio.sslproto as p; type(p).__name__, p is asyncio.sslproto, p.ssl.__name__", "('module', True, 'ssl')"),
    ("from asyncio import sslproto; sslproto.SSLProtocol.__name__",                           "'SSLProtocol'"),
    ("import asyncio.base_events as b, ssl; b.ssl.SSLContext is ssl.SSLContext",              "True")])
def test_the_modules_of_tls_are_the_real_ones(own, code, shown): assert own.run(code).result == shown

def test_many_threads_may_be_the_first_to_need_ssl(own):
    code = """
import asyncio.base_events as b
from concurrent.futures import ThreadPoolExecutor
with ThreadPoolExecutor(8) as pool: names = list(pool.map(lambda _: b.ssl.create_default_context().__class__.__name__, range(32)))
set(names)"""
    assert own.run(code).result == "{'SSLContext'}"
