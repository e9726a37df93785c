"Loops that a plain cell runs, its own and ours; what leaves a loop; what a cell sees of our tasks"
import pytest, signal

@pytest.mark.parametrize("run", ["asyncio.run(f())", "asyncio.Runner().run(f())",
    "asyncio.new_event_loop().run_until_complete(f())",
    "asyncio.get_event_loop().run_until_complete(f())",
    "asyncio.get_running_loop().run_until_complete(asyncio.ensure_future(f()))"])
def test_a_plain_cell_runs_a_coroutine(kc, run):
    kc.run("import asyncio\n"
        "async def f():\n"
        "    await asyncio.sleep(.01)\n"
        "    return asyncio.current_task() is not None and 42")
    assert kc.run(run).result == "42"
    assert kc.run("await f()").result == "42"

def test_callbacks_that_wait_are_called_once_while_our_loop_runs_nested(kc):
    "A cell that is itself a callback's equal: others wait behind it in the same round"
    code = "import asyncio\nloop,seen = asyncio.get_running_loop(),[]\nfor i in range(5): loop.call_soon(seen.append, i)\nloop.run_until_complete(asyncio.sleep(.01))\nseen"
    assert kc.run(code).result == "[0, 1, 2, 3, 4]"
    assert kc.run("await asyncio.sleep(0)\nseen").result == "[0, 1, 2, 3, 4]"

def test_run_until_complete_of_our_loop_is_interrupted_and_its_task_cancelled(kc):
    kc.run("import asyncio\n"
        "cancelled = []\n"
        "async def f():\n"
        "    print('on')\n"
        "    try: await asyncio.sleep(60)\n"
        "    finally: cancelled.append(1)")
    id = kc.cell("asyncio.get_event_loop().run_until_complete(f())")
    kc.wait(id, until=lambda r: "on" in r.stdout)
    kc.interrupt()
    assert kc.wait(id).content["ename"] == "KeyboardInterrupt"
    assert kc.run("await asyncio.sleep(0)\ncancelled").result == "[1]"

def test_all_tasks_has_the_cell_and_no_task_of_ours(kc):
    assert kc.run("import asyncio\nlen(asyncio.all_tasks())").result == "1"
    assert kc.run("await asyncio.sleep(0)\nlen(asyncio.all_tasks())").result == "1"

def test_a_cell_that_cancels_all_other_tasks_leaves_the_kernel_alive(kc):
    kc.run("import asyncio\nawait asyncio.sleep(0)\nfor t in asyncio.all_tasks()-{asyncio.current_task()}: t.cancel()")
    assert kc.run("1").result == "1"

def test_what_a_cell_cancels_ends_with_it(kc):
    assert kc.run("import asyncio\nasyncio.current_task().cancel()\n42").result == "42"
    assert kc.run("await asyncio.sleep(0)\n43").result == "43"

def test_the_GeneratorExit_of_a_task_fails_the_cell_that_awaits_it_and_disturbs_none_behind(kc):
    kc.run("import asyncio\nasync def leave(): raise GeneratorExit")
    assert kc.run("await asyncio.create_task(leave())").content["ename"] == "GeneratorExit"
    for _ in range(2): assert kc.run("import gc; gc.collect(); None").stderr == ""

def test_what_a_signal_handler_raises_while_a_cell_awaits_is_raised_at_the_await(kc):
    code = "import asyncio, signal\nclass Late(Exception): pass\ndef late(*args): raise Late('too late')\nold = signal.signal(signal.SIGALRM, late)\n"
    r = kc.run(code + "signal.setitimer(signal.ITIMER_REAL, .1)\n"
        "try: await asyncio.sleep(60)\n"
        "except Late as e: print('caught', e)")
    assert (r.status, r.stdout) == ("ok", "caught too late\n")

def test_what_a_signal_handler_raises_between_cells_is_told(kc):
    kc.run("import signal\ndef late(*args): raise ValueError('too late')\nsignal.signal(signal.SIGALRM, late)")
    id = kc.cell("signal.setitimer(signal.ITIMER_REAL, .1); None")
    r = kc.wait(id, until=lambda r: "too late" in r.stderr)
    assert "ValueError was raised by a signal handler, between two cells" in r.stderr

def test_pythons_own_handler_of_SIGINT_ends_a_cell_that_awaits(own):
    kc = own()
    id = kc.cell(
        "import asyncio, signal\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "print('on')\n"
        "await asyncio.sleep(60)")
    kc.wait(id, until=lambda r: "on" in r.stdout)
    kc.interrupt()
    assert kc.wait(id).content["ename"] == "KeyboardInterrupt"

def test_SystemExit_of_a_background_task_is_told(kc):
    id = kc.cell("import asyncio\nasync def f(): raise SystemExit('bye')\nt = asyncio.create_task(f())")
    kc.wait(id, until=lambda r: "SystemExit was raised by a background task" in r.stderr)
    assert kc.run("1").result == "1"

def test_the_exception_of_a_callback_reaches_its_cell_though_a_cell_has_taken_its_own_handler_back(own_kc):
    own_kc.run(
        "import asyncio\n"
        "loop = asyncio.get_running_loop()\n"
        "loop.set_exception_handler(lambda *args: None)\n"
        "loop.set_exception_handler(None)")
    id = own_kc.cell("go = loop.create_future()\ngo.add_done_callback(lambda _: 1/0)")
    own_kc.wait(id)
    later = own_kc.run("go.set_result(1)\nawait asyncio.sleep(0)")
    assert "ZeroDivisionError" in own_kc.wait(id, until=lambda r: r.stderr).stderr
    assert later.stderr == ""

def test_no_cell_behind_exit_runs_and_none_gets_a_reply(own):
    kc = own()
    first = kc.cell("exit")
    rest = [kc.cell(f"print({i})") for i in range(3)]
    kc.proc.wait(10)
    kc.collect("shell", .1)
    assert kc.held[first].status == "ok"
    seen = [kc.held[id] for id in rest if id in kc.held]
    assert [r for r in seen if r.replies or r.stdout or r.error] == []

def test_a_program_that_raises_the_signal_again_when_it_has_ended_shows_no_stacks(kc):
    code = """import asyncio, signal
async def serve():
    stop,got = asyncio.Event(),[]
    loop = asyncio.get_running_loop()
    old = signal.signal(signal.SIGINT, lambda num, frame: (got.append(num), loop.call_soon_threadsafe(stop.set)))
    print('on')
    try: await stop.wait()
    finally: signal.signal(signal.SIGINT, old)
    for num in got: signal.raise_signal(num)
await serve()"""
    id = kc.cell(code)
    kc.wait(id, until=lambda r: "on" in r.stdout)
    kc.interrupt()
    r = kc.wait(id)
    assert (r.content["ename"], r.stderr) == ("KeyboardInterrupt", "")

def stopped(kc, code="breakpoint()\n1"):
    "Run `code` until the debugger asks; its id"
    id = kc.cell(code, allow_stdin=True)
    assert kc.prompt()["content"]["prompt"] == "ipdb> "
    return id

set_trace = "from IPython.core.debugger import set_trace\nset_trace()\n1"

@pytest.mark.parametrize("code", ["breakpoint()\n1", set_trace, "import pdb\npdb.set_trace()\n1"])
@pytest.mark.parametrize("end", ["q", "c", "interrupt"])
def test_breakpoint_stops_again_after_an_earlier_stop_has_ended(own_kc, code, end):
    id = stopped(own_kc, code)
    if end == "interrupt": own_kc.interrupt()
    else: own_kc.input(end)
    assert own_kc.wait(id).content.get("ename", "BdbQuit") == dict(interrupt="KeyboardInterrupt").get(end, "BdbQuit")
    id = stopped(own_kc)
    own_kc.interrupt()
    assert own_kc.wait(id).content["ename"] == "KeyboardInterrupt"

def test_breakpoint_stops_after_one_that_could_not_ask(own_kc):
    assert own_kc.run("breakpoint()\n1").content["ename"] == "StdinNotImplementedError"
    id = stopped(own_kc)
    own_kc.input("c")
    assert own_kc.wait(id).result == "1"

def test_a_debugger_steps_after_earlier_stops_have_ended(own_kc):
    for code,end in ((set_trace, "c"), ("breakpoint()\n1", "q")):
        id = stopped(own_kc, code)
        own_kc.input(end)
        own_kc.wait(id)
    id = stopped(own_kc, "def f():\n    breakpoint()\n    a = 1\n    b = 2\n    return a+b\nf()")
    for command in ("n", "n", "n", "p (a, b)", "c"):
        own_kc.input(command)
        if command != "c": own_kc.prompt()
    r = own_kc.wait(id)
    assert (r.result, "(1, 2)" in r.stdout) == ("3", True)

hang = "import hashlib\ndef slow():\n    hashlib.pbkdf2_hmac('sha256', b'', b'', 6_000_000)\nprint('on')\nslow()"

def begun(kc, code):
    "Run `code` until it has printed; its id"
    id = kc.cell(code)
    kc.wait(id, until=lambda r: "on" in r.stdout)
    return id

def first_call(text):
    "The first line behind the heading of the main thread's stack"
    return text.partition("Thread MainThread, most recent call last:\n")[2].split("\n")[0].strip()

@pytest.mark.slow
def test_stacks_begin_in_the_cell_and_name_it_as_tracebacks_do(kc):
    id = begun(kc, hang)
    n = kc.held[id].of("execute_input")[0]["execution_count"]
    for _ in range(2): kc.interrupt("message")
    r = kc.wait(id, until=lambda r: "most recent call last" in r.stderr)
    assert first_call(r.stderr) == f"Cell In[{n}], line 5"
    assert f"Cell In[{n}], line 3, in slow" in r.stderr
    kc.wait(id)

def test_SIGUSR1_shows_the_stacks_in_the_cell_that_runs_and_in_the_log(own, tmp_path):
    with open(tmp_path/"log", "w") as log: kc = own(stderr=log)
    id = begun(kc, "import time\nprint('on')\ntime.sleep(60)")
    kc.proc.send_signal(signal.SIGUSR1)
    r = kc.wait(id, until=lambda r: "SIGUSR1 came" in r.stderr)
    assert first_call(r.stderr) == "Cell In[1], line 3"
    assert "Cell In[1], line 3" in (tmp_path/"log").read_text()
    kc.interrupt()
    assert kc.wait(id).content["ename"] == "KeyboardInterrupt"

def test_a_handler_of_the_users_for_SIGUSR1_is_left_alone(own):
    kc = own()
    r = kc.run(
        "import os, signal\n"
        "old = signal.signal(signal.SIGUSR1, lambda *args: print('mine'))\n"
        "os.kill(os.getpid(), signal.SIGUSR1)")
    assert (r.stdout, r.stderr) == ("mine\n", "")
    assert kc.run("os.kill(os.getpid(), signal.SIGUSR1)").stdout == "mine\n"
