"asyncio in cells: loops of their own in them, other libraries' loops, `%autoawait`, nest_asyncio. A test that changes how all cells run takes `own_kc`"
import pytest, signal, socket
from helpers import begun, need
from importlib.util import find_spec
from urllib.request import urlopen

first_cell = """
import asyncio, time
async def f(): return await asyncio.sleep(.01, 'ran')
"""

# -- loops of a cell's own

own_loops = {"asyncio.run": "asyncio.run({})", "Runner": "with asyncio.Runner() as r: r.run({})",
    "new_event_loop": "l = asyncio.new_event_loop(); l.run_until_complete({}); l.close()",
    "debug": "asyncio.run({}, debug=True)",
    "loop_factory": "asyncio.Runner(loop_factory=asyncio.new_event_loop).run({})",
    "in a function": "def h(): return asyncio.run({})\nh()",
    "in a class": "class A: x = asyncio.run({})", "in a comprehension": "[asyncio.run({}) for _ in range(2)]",
    "%time": "%time asyncio.run({})",
    "%%time": "%%time\nasyncio.run({})",
    "exec": "exec('asyncio.run({})')", "a callback of map": "list(map(lambda _: asyncio.run({}), [1]))",
    "in a thread": "import threading; t = threading.Thread(target=lambda: asyncio.run({})); t.start(); t.join()",
    "a generator": "next(asyncio.run({}) for _ in [1])",
    "run_forever": "l = asyncio.new_event_loop(); l.create_task({}).add_done_callback(lambda _: l.stop()); "
    "l.run_forever(); l.close()",
    "property": "class A:\n    @property\n    def x(self): return asyncio.run({})\nA().x"}

@pytest.mark.parametrize("way", own_loops)
def test_a_plain_cell_runs_a_loop_of_its_own(kc, way):
    r = kc.run("async def say(): await asyncio.sleep(.01); print('said')")
    r = kc.run(own_loops[way].format("say()"))
    assert r.status == "ok" and "said\n" in r.stdout

def test_asyncio_run_gives_back_its_result(kc): assert kc.run("asyncio.run(f())").result == "'ran'"

def test_asyncio_run_raises_what_the_coroutine_raises(kc):
    r = kc.run("async def g(): await asyncio.sleep(0); 1/0\nasyncio.run(g())")
    assert r.content["ename"] == "ZeroDivisionError"
    assert not any(room in "".join(r.content["traceback"]) for room in ("interrupts.py", "subshell.py"))

def test_a_runner_runs_again_in_the_next_cell(kc):
    kc.run("runner = asyncio.Runner(); runner.run(f())")
    assert kc.run("runner.run(f())").result == "'ran'"
    assert kc.run("runner.close()").status == "ok"

def test_the_kernels_loop_is_there_after_asyncio_run(kc):
    r = kc.run("loop = asyncio.get_running_loop(); asyncio.run(f()); "
        "asyncio.get_running_loop() is loop, asyncio.get_event_loop() is loop")
    assert r.result == "(True, True)"
    assert kc.run("asyncio.get_running_loop() is loop, asyncio.get_event_loop() is loop").result == "(True, True)"
    assert kc.run("await f()").result == "'ran'"

@pytest.mark.parametrize("run", ["asyncio.run(f())", "with asyncio.Runner() as r: r.run(f())"])
def test_the_threads_loop_is_the_kernels_after_asyncio_run(kc, run):
    "Where no loop runs: in a callback of C code, on the way of older libraries"
    kc.run(run)
    assert kc.run("asyncio.get_event_loop_policy().get_event_loop() is asyncio.get_running_loop()").result == "True"

def test_a_loop_that_a_cell_has_set_stays_the_threads(kc):
    "until it sets another one"
    kc.run("mine = asyncio.new_event_loop(); asyncio.set_event_loop(mine); mine.run_until_complete(f())")
    assert kc.run("asyncio.get_event_loop_policy().get_event_loop() is mine").result == "True"
    kc.run("asyncio.set_event_loop(asyncio.get_running_loop()); mine.close()")

def test_tasks_of_earlier_cells_go_on_after_asyncio_run(kc):
    kc.run("t = asyncio.create_task(asyncio.sleep(.05, 'slept')); asyncio.run(f())")
    assert kc.run("await t").result == "'slept'"

def test_what_a_cell_sets_asyncio_run_sees(kc):
    kc.run("from contextvars import ContextVar; v = ContextVar('v', default=0); v.set(10)")
    assert kc.run("async def g(): return v.get()\nasyncio.run(g())").result == "10"

def test_tasks_inside_asyncio_run_write_to_the_cell(kc):
    r = kc.run(
        "async def g(i): await asyncio.sleep(.01*i); print(i)\n"
        "async def main(): await asyncio.gather(*(g(i) for i in range(3)))\n"
        "asyncio.run(main())")
    assert r.stdout == "0\n1\n2\n"

def test_run_runs_a_script_that_calls_asyncio_run(kc, tmp_path):
    (tmp_path/"script.py").write_text(
        "import asyncio\n"
        "async def main():\n"
        "    await asyncio.sleep(.01)\n"
        "    print('scripted')\n"
        "if __name__ == '__main__': asyncio.run(main())\n")
    assert kc.run(f"%run {tmp_path/'script.py'}").stdout == "scripted\n"

def test_a_library_may_call_asyncio_run(kc, tmp_path):
    (tmp_path/"some_library.py").write_text(
        "import asyncio\n"
        "async def _get(): return await asyncio.sleep(.01, 'got')\n"
        "def get(): return asyncio.run(_get())\n")
    assert kc.run(f"import sys; sys.path.insert(0, {str(tmp_path)!r}); import some_library; "
        "some_library.get()").result == "'got'"

@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_anyio_run(kc, backend):
    need("anyio", *["trio"]*(backend == "trio"))
    r = kc.run(
        "import anyio\n"
        "async def g():\n"
        "    async with anyio.create_task_group() as tg: tg.start_soon(anyio.sleep, .01)\n"
        "    return 'ran'\n"
        f"anyio.run(g, backend='{backend}')", timeout=60)
    assert r.result == "'ran'"
    assert kc.run("await f()").result == "'ran'"

def test_anyio_in_an_awaiting_cell(kc):
    need("anyio")
    assert kc.run(
        "import anyio\n"
        "async with anyio.create_task_group() as tg: tg.start_soon(anyio.sleep, .01)\n"
        "await anyio.to_thread.run_sync(lambda: 5)", timeout=60).result == "5"

def test_trio_runs_without_a_word_and_leaves_signals_as_they_were(own_kc):
    need("trio")
    r = own_kc.run("import trio, signal; before = signal.getsignal(2),signal.set_wakeup_fd(-1); "
        "signal.set_wakeup_fd(before[1]); trio.run(trio.sleep, .01)\n"
        "before == (signal.getsignal(2), signal.set_wakeup_fd(before[1], warn_on_full_buffer=False))", timeout=60)
    assert (r.result, r.stderr) == ("True", "")

def test_a_signal_ends_the_kernel_while_trio_runs(own_kc):
    need("trio")
    begun(own_kc, own_kc.cell("import trio\nprint('begun')\ntrio.run(trio.sleep, 60)"))
    own_kc.proc.send_signal(signal.SIGTERM)
    assert own_kc.proc.wait(20) == 128+signal.SIGTERM

def test_trio_run(kc):
    need("trio")
    assert kc.run("import trio\nasync def g(): await trio.sleep(.01); return 'ran'\ntrio.run(g)",
        timeout=60).result == "'ran'"
    assert kc.run("await f()").result == "'ran'"

def test_uvicorn_serves_between_cells(kc):
    need("uvicorn")
    r = kc.run(
        "import uvicorn\n"
        "async def app(scope, receive, send):\n"
        "    await send(dict(type='http.response.start', status=200, headers=[]))\n"
        "    await send(dict(type='http.response.body', body=b'hi'))\n"
        "srv = uvicorn.Server(uvicorn.Config(app, port=0, lifespan='off', log_level='error')); "
        "st = asyncio.create_task(srv.serve())\n"
        "while not srv.started: await asyncio.sleep(.01)\nsrv.servers[0].sockets[0].getsockname()[1]", timeout=60)
    assert urlopen(f"http://127.0.0.1:{r.result}", timeout=60).read() == b"hi"
    assert kc.run("srv.should_exit = True; await asyncio.wait_for(st, 10)").status == "ok"

def test_uvicorn_run_serves_until_an_interrupt(own_kc):
    need("uvicorn")
    with socket.create_server(("127.0.0.1", 0)) as s: port = s.getsockname()[1]
    own_kc.run(
        "import uvicorn, asyncio\n"
        "async def app(scope, receive, send):\n"
        "    await send(dict(type='http.response.start', status=200, headers=[]))\n"
        "    await send(dict(type='http.response.body', body=b'hi'))", timeout=60)
    id = own_kc.cell(f"uvicorn.run(app, port={port}, lifespan='off')")
    own_kc.wait(id, until=lambda r: "running on" in r.stderr)
    assert urlopen(f"http://127.0.0.1:{port}", timeout=60).read() == b"hi"
    own_kc.interrupt()
    assert own_kc.wait(id, timeout=10).replies
    assert own_kc.run("await asyncio.sleep(0, 5)").result == "5"

nested = dict(run=("asyncio.run(c)", "asyncio.run() cannot be called from a running event loop"),
    runner=("asyncio.Runner().run(c)", "Runner.run() cannot be called from a running event loop"),
    loop=("asyncio.new_event_loop().run_until_complete(c)", "Cannot run the event loop while another loop is running"))

@pytest.mark.parametrize("where",
    ["await g()", "asyncio.run(g())", "await asyncio.create_task(g())",
        "def plain(): return asyncio.run(g())\nplain()"], ids=["await", "run", "task", "function"])
@pytest.mark.parametrize("how", nested)
def test_inside_async_def_the_ordinary_error_is_raised(kc, how, where):
    code,text = nested[how]
    r = kc.run(
        "import warnings; warnings.simplefilter('ignore')\n"
        "async def g():\n"
        "    c = f()\n"
        f"    try: {code}\n"
        "    finally: c.close()\n"
        f"{where}")
    assert (r.content["ename"], r.content["evalue"]) == ("RuntimeError", text)
    kc.run("import gc; gc.collect(); warnings.resetwarnings()")

def test_a_plain_line_of_an_awaiting_cell_runs_a_loop_of_its_own(kc):
    assert kc.run("await f()\nasyncio.run(f())").result == "'ran'"

def test_in_a_coroutine_the_kernels_own_loop_is_already_running(kc):
    "In a plain cell it may be run: test_loops.py"
    r = kc.run(
        "async def g():\n"
        "    c = f()\n"
        "    try: asyncio.get_running_loop().run_until_complete(c)\n"
        "    finally: c.close()\n"
        "await g()")
    assert (r.content["ename"], r.content["evalue"]) == ("RuntimeError", "This event loop is already running")
    assert kc.run("await f()").result == "'ran'"

loops = {"asyncio.run": "asyncio.run(g())", "Runner": "with asyncio.Runner() as r: r.run(g())",
    "new_event_loop": "asyncio.new_event_loop().run_until_complete(g())", "anyio": "import anyio; anyio.run(g)",
    "busy":"async def spin():\n"
    "    try:\n"
    "        print('begun')\n"
    "        time.sleep(600)\n"
    "    finally: print('cleaned up')\n"
    "asyncio.run(spin())"}

@pytest.mark.parametrize("how", ["signal", "message"])
@pytest.mark.parametrize("way", loops)
def test_an_interrupt_ends_a_cells_own_loop(kc, way, how):
    if way == "anyio": need("anyio")
    kc.run("async def g():\n    print('begun')\n    try: await asyncio.sleep(600)\n    finally: print('cleaned up')")
    if way == "anyio": kc.run("import anyio", timeout=60)
    id = kc.cell(loops[way])
    begun(kc, id)
    kc.interrupt(how)
    r = kc.wait(id)
    assert r.content["ename"] == "KeyboardInterrupt"
    assert kc.run("await f()").result == kc.run("asyncio.run(f())").result == "'ran'"

@pytest.mark.parametrize("how", ["signal", "message"])
@pytest.mark.parametrize("way", ["asyncio.run", "Runner", "busy"])
def test_coroutines_clean_up_when_a_cells_own_loop_is_interrupted(kc, way, how):
    kc.run("async def g():\n    print('begun')\n    try: await asyncio.sleep(600)\n    finally: print('cleaned up')")
    id = kc.cell(loops[way])
    begun(kc, id)
    kc.interrupt(how)
    assert "cleaned up" in kc.wait(id).stdout

def test_an_interrupt_spares_tasks_of_the_kernels_loop_while_a_cell_runs_its_own(kc):
    kc.run("t = asyncio.create_task(asyncio.sleep(.3, 'spared'))")
    id = kc.cell("async def g():\n    print('begun')\n    await asyncio.sleep(600)\nasyncio.run(g())")
    begun(kc, id)
    kc.interrupt()
    kc.wait(id)
    assert kc.run("await t").result == "'spared'"

# -- other ways to await

def test_autoawait_trio(own_kc):
    need("trio")
    own_kc.run("import trio, asyncio\n%autoawait trio", timeout=60)
    r = own_kc.run(
        "async with trio.open_nursery() as n: n.start_soon(trio.sleep, .01)\n"
        "print('nursed')\n"
        "await trio.sleep(.01)\n"
        "'slept'")
    assert (r.stdout, r.result) == ("nursed\n", "'slept'")
    assert own_kc.run("1+1").result == "2"

def test_autoawait_trio_is_interrupted(own_kc):
    need("trio")
    own_kc.run("import trio\n%autoawait trio", timeout=60)
    id = own_kc.cell("print('begun')\nawait trio.sleep(600)")
    begun(own_kc, id)
    own_kc.interrupt()
    assert own_kc.wait(id).content["ename"] == "KeyboardInterrupt"
    assert own_kc.run("await trio.sleep(0)\n'alive'").result == "'alive'"

def test_autoawait_goes_back_to_asyncio(own_kc):
    need("trio")
    own_kc.run("import trio, asyncio\n%autoawait trio", timeout=60)
    own_kc.run("await trio.sleep(0)")
    own_kc.run("%autoawait asyncio")
    assert own_kc.run("t = asyncio.create_task(asyncio.sleep(.01, 'ran')); await t").result == "'ran'"

def test_autoawait_off_makes_await_a_syntax_error(own_kc):
    own_kc.run("%autoawait False")
    assert own_kc.run("import asyncio; await asyncio.sleep(0)").content["ename"] == "SyntaxError"
    own_kc.run("%autoawait True")
    assert own_kc.run("await asyncio.sleep(0, 5)").result == "5"

def nest(kc):
    "Apply nest_asyncio, whichever there is"
    name = next((o for o in ("nest_asyncio", "nest_asyncio2") if find_spec(o)), None)
    if not name: pytest.skip("neither nest_asyncio nor nest_asyncio2 is installed: loops that it nests are not tested")
    assert kc.run(f"import asyncio, time, {name}; {name}.apply()\n"
        "async def f(): return await asyncio.sleep(.01, 'ran')").status == "ok"

def test_nest_asyncio_lets_loops_nest(own_kc):
    nest(own_kc)
    for code in ("asyncio.get_event_loop().run_until_complete(f())", "asyncio.run(f())", "await f()",
        "async def g(): return asyncio.run(f())\nawait g()"): assert own_kc.run(code).result == "'ran'", code

def test_nest_asyncio_runs_no_second_cell_inside_the_first(own_kc):
    nest(own_kc)
    ids = [own_kc.cell("seen = ['begin']; asyncio.get_event_loop().run_until_complete(asyncio.sleep(.3)); " "seen.append('end')"),
        own_kc.cell("seen.append('second'); seen")]
    assert [own_kc.wait(id) for id in ids][1].result == "['begin', 'end', 'second']"

def test_an_interrupt_ends_what_nest_asyncio_nests(own_kc):
    nest(own_kc)
    for how in ("signal", "message"):
        id = own_kc.cell("print('begun'); asyncio.get_event_loop().run_until_complete(asyncio.sleep(600))")
        begun(own_kc, id)
        own_kc.interrupt(how)
        assert own_kc.wait(id).content["ename"] == "KeyboardInterrupt"
        assert own_kc.run("await f()").result == "'ran'"

def test_tornados_current_loop_is_the_kernels(kc):
    need("tornado")
    assert kc.run("from tornado.ioloop import IOLoop\nIOLoop.current().asyncio_loop is asyncio.get_running_loop()",
        timeout=60).result == "True"
    assert kc.run("IOLoop.current() is IOLoop.current(), IOLoop.current().asyncio_loop.is_running()").result == "(True, True)"

def test_callbacks_of_tornado_run_between_cells(kc):
    need("tornado")
    id = kc.cell(
        "from tornado.ioloop import IOLoop, PeriodicCallback\n"
        "IOLoop.current().add_callback(print, 'soon'); IOLoop.current().call_later(.02, print, 'later')\n"
        "p = PeriodicCallback(lambda: print('tick'), 10); p.start()", timeout=60)
    kc.wait(id, until=lambda r: "soon" in r.stdout and "later" in r.stdout and r.stdout.count("tick") > 2)
    kc.run("p.stop()")

def test_tornado_runs_on_after_asyncio_run(kc):
    need("tornado")
    kc.run("from tornado.ioloop import IOLoop\nio = IOLoop.current()", timeout=60)
    id = kc.cell("asyncio.run(f()); IOLoop.current() is io and io.add_callback(print, 'called')")
    assert kc.wait(id, until=lambda r: r.stdout).stdout == "called\n"
