"What an interrupt does in the states that the table in the docstring of `ipymini.interrupts` lists, where test_interrupt.py does not show it"
import os, pytest, subprocess, sys
from helpers import read_programs, root, until

programs = read_programs("states")

hows = pytest.mark.parametrize("how", ["signal", "message"])

def begun(kc, code):
    "Run `code` until it has printed; its id"
    id = kc.cell(code)
    kc.wait(id, until=lambda r: "on" in r.stdout)
    return id

@hows
def test_an_interrupt_while_a_startup_file_runs_ends_it_and_the_cell_that_has_arrived(own, how, tmp_path):
    startup = tmp_path/"profile_default/startup"
    startup.mkdir(parents=True)
    (startup/"00-slow.py").write_text(f"import time\nopen({str(tmp_path/'began')!r}, 'w').close()\ntime.sleep(60)\n")
    kc = own(env=dict(IPYTHONDIR=str(tmp_path)))
    id = kc.cell("print('ran')")
    until((tmp_path/"began").exists, "the startup file")
    kc.request("kernel_info_request")  # so the cell has arrived
    kc.interrupt(how)
    r = kc.wait(id, timeout=10)
    assert (r.content["ename"], r.stdout) == ("KeyboardInterrupt", "")
    assert kc.run("1").result == "1"

@hows
@pytest.mark.parametrize("code", ["async with asyncio.TaskGroup() as g: g.create_task(tick())",
    "await asyncio.gather(tick())"])
def test_an_interrupt_of_a_cell_that_awaits_ends_the_tasks_that_it_waits_for(kc, how, code):
    kc.run("import asyncio\n"
        "async def tick():\n"
        "    print('on')\n"
        "    try: await asyncio.sleep(60)\n"
        "    finally: ended.append(1)\n"
        "ended = []")
    id = begun(kc, code)
    kc.interrupt(how)
    assert kc.wait(id).content["ename"] == "KeyboardInterrupt"
    assert kc.run("len(ended)").result == "1"

@hows
def test_an_interrupt_runs_except_CancelledError(kc, how):
    id = begun(kc,
        "import asyncio\n"
        "async def work():\n"
        "    print('on')\n"
        "    try: await asyncio.sleep(60)\n"
        "    except asyncio.CancelledError: print('cleaned up'); raise\n"
        "await work()")
    kc.interrupt(how)
    r = kc.wait(id)
    assert (r.content["ename"], r.stdout) == ("KeyboardInterrupt", "on\ncleaned up\n")

def test_code_that_holds_no_interrupt_in_its_with_gives_the_lock_back(kc):
    "A signal that comes when the lock is taken and its block has not begun: C code that takes it sends it"
    code = "import functools, signal\nclass Lock:\n    __enter__ = staticmethod(functools.partial(signal.raise_signal, signal.SIGINT))\n"
    code += "    def __exit__(self, *args): print('given back')\nwith Lock():\n    while True: pass"
    r = kc.run(code)
    assert (r.content["ename"], r.stdout) == ("KeyboardInterrupt", "given back\n")

def test_a_fork_leaves_the_signals_blocked_that_the_cell_has_blocked(kc):
    code = programs["blocked in a fork"]
    code += "\nchild = os.waitstatus_to_exitcode(os.wait()[1])\nhere = signal.SIGTERM in signal.pthread_sigmask(signal.SIG_SETMASK, old)\nchild,here"
    assert kc.run(code).result == "(0, True)"

@pytest.mark.skipif(sys.platform != "linux" or os.geteuid() != 0, reason="a process 1 is made by root on Linux")
def test_an_interrupt_request_reaches_process_1_of_a_container():
    code = programs["interrupt of process 1"]
    r = subprocess.run(["unshare", "--pid", "--fork", "--kill-child", sys.executable, "-c", code],
        capture_output=True, text=True, timeout=20, cwd=root)
    assert r.stdout == "1 interrupted\n", r.stderr

@hows
def test_an_interrupt_while_a_traceback_is_made_waits_and_the_traceback_is_shown(kc, how):
    "IPython would print `KeyboardInterrupt` in its place, and the queue would go on"
    code = programs["slow traceback"]
    id = begun(kc, code)
    kc.interrupt(how)
    r = kc.wait(id)
    assert [(e["ename"], e["traceback"]) for e in r.of("error")] == [("Slow", ["whole"])]
    assert kc.run("1").result == "1"

@pytest.mark.parametrize("where", ["main", "subshell"])
def test_an_interrupt_that_waits_for_a_traceback_leaves_a_cell_alone_that_came_after_it(own, tmp_path, where):
    kc = own(cwd=tmp_path)
    sub = kc.subshell() if where == "subshell" else None
    kc.run("import signal\ndef interrupt(): signal.raise_signal(signal.SIGINT)" if where == "main" else "def interrupt(): pass")
    id = kc.cell(programs["long traceback"], subshell=sub, stop_on_error=False)
    kc.wait(id, until=lambda r: "on" in r.stdout)
    if where == "subshell":
        kc.interrupt("message")
        kc.request("kernel_info_request", channel="control")  # by its answer the control thread has interrupted the subshells
    later = kc.cell("1", subshell=sub)
    kc.request("kernel_info_request")  # so the cell has arrived
    (tmp_path/"go").touch()
    assert kc.wait(id).error["ename"] == "Long"
    assert kc.wait(later).result == "1"

def test_an_interrupt_while_IPython_loads_magics_leaves_them_whole(own):
    "They are loaded when one of them is used first: what was cut off would be missing ever after"
    kc = own()
    if kc.run("hasattr(get_ipython().magics_manager, 'load_lazy')").result != "True": pytest.skip("this IPython loads them at its start")
    kc.run("import importlib, time\n"
        "load = importlib.import_module\n"
        "def slowly(name):\n"
        "    print('on')\n"
        "    time.sleep(.1)\n"
        "    return load(name)\n"
        "importlib.import_module = slowly")
    id = kc.cell("%timeit -n1 -r1 1\ntime.sleep(600)")
    kc.wait(id, reply=False, idle=False, until=lambda r: "on" in r.stdout)
    kc.interrupt()
    assert kc.wait(id).content["ename"] == "KeyboardInterrupt"
    assert kc.run("importlib.import_module = load\n%prun -q 1").status == "ok"

def test_an_interrupt_of_a_traceback_that_takes_too_long_leaves_the_error_told(own_kc):
    "IPython would show none, and print `KeyboardInterrupt`"
    own_kc.run(programs["endless traceback"])
    id = begun(own_kc, "raise ValueError('told')")
    own_kc.interrupt()
    r = own_kc.wait(id)
    assert [(e["ename"], e["evalue"]) for e in r.of("error")] == [("ValueError", "told")]
    assert (r.content["ename"], r.stderr) == ("ValueError", "")
