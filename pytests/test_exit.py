"""The end of a kernel by `exit`, and exit functions

Those run on the main thread or not at all, as what they touch is used there: also at the end of a kernel that is loading, or that is stuck in a cell."""
import pytest
from endings import begin, cells, gone, head, shutdown, stubborn
from helpers import until

def note(path): return f"atexit.register(lambda: open({str(path)!r}, 'w').write(threading.current_thread().name))"

@pytest.mark.parametrize("what", ["swallowing", "finally"])
def test_exit_functions_run_on_the_main_thread_though_a_cell_swallows_interrupts(own, tmp_path, what):
    kc = own()
    kc.run(head+note(tmp_path/"ran"))
    begin(kc, cells[what])
    shutdown(kc)
    assert gone(kc, 0) and (tmp_path/"ran").read_text() == "MainThread"

def test_exit_functions_run_on_the_main_thread_though_a_callback_of_the_loop_is_stuck(own, tmp_path):
    kc = own()
    kc.cell(head+note(tmp_path/"ran")+"\n"
        "def stick():\n"
        f"    open({str(tmp_path/'stuck')!r}, 'w')\n"
        "    time.sleep(60)\n"
        "asyncio.get_running_loop().call_soon(stick)")
    until((tmp_path/"stuck").exists, "the callback")
    kc.submit("shutdown_request", dict(restart=False), channel="control")
    assert gone(kc, 0) and (tmp_path/"ran").read_text() == "MainThread"

def test_exit_functions_do_not_run_beside_a_main_thread_that_is_stuck_in_c_code_and_the_log_says_so(own, tmp_path):
    with open(tmp_path/"log", "w") as log: kc = own(stderr=log)
    kc.run(head+note(tmp_path/"ran"))
    begin(kc, cells["C code"])
    shutdown(kc)
    assert gone(kc, 0) and not (tmp_path/"ran").exists()
    assert (tmp_path/"log").read_text() == "ipymini: exit functions were not run: the main thread is in code that does not return\n"

def test_exit_functions_do_not_run_beside_a_main_thread_that_loads(own, tmp_path):
    startup = tmp_path/"profile_default"/"startup"
    startup.mkdir(parents=True)
    (startup/"00.py").write_text(f"{head}{note(tmp_path/'ran')}\nopen({str(tmp_path/'begun')!r}, 'w')\n"
        "time.sleep(60)\n")
    kc = own(env=dict(IPYTHONDIR=str(tmp_path)))
    until((tmp_path/"begun").exists, "the startup file")
    shutdown(kc)
    assert gone(kc, 0) and not (tmp_path/"ran").exists()

# -- exit functions

@pytest.mark.parametrize("code", ["atexit.register(print, 'bye')", "atexit.register(lambda: os.write(1, b'bye\\n'))",
    "atexit.register(os.system, 'echo bye')"])
@pytest.mark.parametrize("running", ["idle", "sleep", "await"])
def test_output_of_exit_functions_is_delivered(own, code, running):
    kc = own()
    kc.run(head+code)
    id = begin(kc, cells[running])
    kc.submit("shutdown_request", dict(restart=False), channel="control")
    def said():
        kc.collect("control", .05)
        return "bye" in "".join(r.stdout for r in kc.held.values())
    until(said, f"the output of an exit function after {id}", 5)
    assert gone(kc, 0)

def test_exit_functions_run_once_and_in_order(own, tmp_path):
    kc = own()
    kc.run(head+"def note(s):\n"
        f"    with open({str(tmp_path/'log')!r}, 'a') as f: f.write(s)\n"
        "for s in 'abc': atexit.register(note, s)\n"
        "None")
    shutdown(kc)
    assert gone(kc, 0) and (tmp_path/"log").read_text() == "cba"

def test_forked_children_do_not_run_exit_functions(own, tmp_path):
    kc = own()
    kc.run(head+"def note(s):\n"
        f"    with open({str(tmp_path/'log')!r}, 'a') as f: f.write(s)\n"
        "atexit.register(note, 'x')\n"
        "for _ in range(3):\n"
        "    pid = os.fork()\n"
        "    if not pid: break\n"
        "    os.waitpid(pid, 0)")
    shutdown(kc)
    assert gone(kc, 0) and (tmp_path/"log").read_text() == "x"

def test_an_exit_function_that_fails_does_no_harm(own):
    kc = own(stderr=-3)
    kc.run(head+"atexit.register(lambda: 1/0)")
    shutdown(kc)
    assert gone(kc, 0)

@pytest.mark.slow
@pytest.mark.parametrize("code", ["time.sleep(60)", "exec('while True: pass')", "threading.Event().wait()",
    "ctypes.CDLL(None).usleep(60_000_000)"])
def test_an_exit_function_that_hangs_is_left(own, code):
    kc = own()
    kc.run(head+f"atexit.register(lambda: {code})")
    shutdown(kc)
    assert gone(kc, 0)

def test_history_is_written_at_the_end(own, tmp_path):
    db = tmp_path/"history.sqlite"
    kc = own(args=[f"--HistoryManager.hist_file={db}"])
    kc.run("remember = 'me'")
    shutdown(kc)
    assert gone(kc, 0)
    import sqlite3
    with sqlite3.connect(db) as con:
        assert ("remember = 'me'",) in con.execute("select source_raw from history").fetchall()

# -- exit()

@pytest.mark.parametrize("code", ["exit()", "quit()", "exit", "quit", "get_ipython().ask_exit()", "exit(0)"])
def test_exit_in_a_cell(own, code):
    kc = own()
    r = kc.run(code)
    assert (r.status, [p["source"] for p in r.content["payload"]]) == ("ok", ["ask_exit"])
    assert gone(kc, 0)

def test_exit_tells_everybody(own):
    kc = own()
    r = kc.run("exit()")
    assert r.of("shutdown_reply") == [dict(status="ok", restart=False)]

@pytest.mark.slow
def test_exit_with_children(own):
    kc = own()
    begin(kc, stubborn["shell"])
    kc.run("exit()")
    assert gone(kc, 0)

@pytest.mark.parametrize("code", ["exit(True)", "quit(keep_kernel=True)"])
def test_exit_that_keeps_the_kernel(own, code):
    kc = own()
    r = kc.run(code)
    assert [p["keepkernel"] for p in r.content["payload"]] == [True]
    assert kc.run("1").result == "1"

@pytest.mark.parametrize("code",
    ["import sys; sys.exit()", "import sys; sys.exit(3)", "raise SystemExit",
        "import threading, sys; threading.Thread(target=sys.exit).start()"])
def test_sys_exit_does_not_end_the_kernel(own, code):
    kc = own()
    kc.run(code)
    assert kc.run("1").result == "1"

def test_os_exit_ends_the_kernel_and_nothing_waits(own):
    kc = own()
    kc.cell("import os; os._exit(5)")
    assert gone(kc, 5)
