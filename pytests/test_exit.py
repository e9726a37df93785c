"Exit functions run on the main thread or not at all, as what they touch is used there: at the end of a kernel that is loading, or that is stuck in a cell"
import pytest
from test_end import cells, begin, gone, head, shutdown
from helpers import until

def note(path): return f"atexit.register(lambda: open({str(path)!r}, 'w').write(threading.current_thread().name))"

@pytest.mark.parametrize("what", ["swallowing", "finally"])
def test_exit_functions_run_on_the_main_thread_though_a_cell_swallows_interrupts(own, tmp_path, what):
    kc = own()
    kc.run(head+note(tmp_path/"ran"))
    begin(kc, cells[what])
    shutdown(kc)
    assert gone(kc, 0, 4) and (tmp_path/"ran").read_text() == "MainThread"

def test_exit_functions_run_on_the_main_thread_though_a_callback_of_the_loop_is_stuck(own, tmp_path):
    kc = own()
    kc.cell(head+note(tmp_path/"ran")+f"\ndef stick():\n    open({str(tmp_path/'stuck')!r}, 'w')\n    time.sleep(60)\nasyncio.get_running_loop().call_soon(stick)")
    until((tmp_path/"stuck").exists, "the callback")
    kc.submit("shutdown_request", dict(restart=False), channel="control")
    assert gone(kc, 0, 4) and (tmp_path/"ran").read_text() == "MainThread"

def test_exit_functions_do_not_run_beside_a_main_thread_that_is_stuck_in_c_code_and_the_log_says_so(own, tmp_path):
    with open(tmp_path/"log", "w") as log: kc = own(stderr=log)
    kc.run(head+note(tmp_path/"ran"))
    begin(kc, cells["C code"])
    shutdown(kc)
    assert gone(kc, 0, 4) and not (tmp_path/"ran").exists()
    assert (tmp_path/"log").read_text() == "ipymini: exit functions were not run: the main thread is in code that does not return\n"

def test_exit_functions_do_not_run_beside_a_main_thread_that_loads(own, tmp_path):
    startup = tmp_path/"profile_default"/"startup"
    startup.mkdir(parents=True)
    (startup/"00.py").write_text(f"{head}{note(tmp_path/'ran')}\nopen({str(tmp_path/'begun')!r}, 'w')\ntime.sleep(60)\n")
    kc = own(env=dict(IPYTHONDIR=str(tmp_path)))
    until((tmp_path/"begun").exists, "the startup file")
    shutdown(kc)
    assert gone(kc, 0, 4) and not (tmp_path/"ran").exists()
