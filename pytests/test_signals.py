"The end of a kernel by a signal, and signals to children of cells"
import os, pytest, signal, time
from endings import begin, cells, gone, head, stubborn

@pytest.mark.parametrize("sig", ["SIGTERM", "SIGHUP"])
def test_a_cell_that_ends_the_kernel_is_the_last(own, tmp_path, sig):
    kc = own()
    ids = [kc.cell(f"import os, signal; os.kill(os.getpid(), signal.{sig}); open({str(tmp_path/'on')!r}, 'w')"),
        kc.cell(f"open({str(tmp_path/'next')!r}, 'w')")]
    assert kc.proc.wait(20) == 128+getattr(signal, sig) and not list(tmp_path.iterdir())
    for ch in ("iopub", "shell"): kc.collect(ch, .1)
    assert all(id not in kc.held or (kc.held[id].stderr, kc.held[id].replies) == ("", []) for id in ids)

@pytest.mark.parametrize("sig", [signal.SIGTERM, signal.SIGHUP])
@pytest.mark.parametrize("what", ["idle", "sleep", "loop", "await", "input", "lock", "C code", "child", "threads",
    "process pool"])
def test_a_signal_ends_the_kernel(own, what, sig):
    kc = own()
    begin(kc, cells[what])
    os.kill(kc.proc.pid, sig)
    assert gone(kc, 128+sig)

@pytest.mark.slow
@pytest.mark.parametrize("sig", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_to_the_group_ends_the_kernel(own, sig):
    kc = own()
    begin(kc, stubborn["shell"])
    os.killpg(kc.proc.pid, sig)
    assert gone(kc, 128+sig)

def test_a_signal_runs_exit_functions(own, tmp_path):
    kc = own()
    kc.run(head+f"atexit.register(open, {str(tmp_path/'ran')!r}, 'w')")
    os.kill(kc.proc.pid, signal.SIGTERM)
    assert gone(kc, 143) and (tmp_path/"ran").exists()

@pytest.mark.slow
def test_a_signal_during_the_start_ends_the_kernel(own):
    for delay in (0, .05, .1, .2):
        kc = own()
        time.sleep(delay)
        os.kill(kc.proc.pid, signal.SIGTERM)
        assert gone(kc, 143)

@pytest.mark.parametrize("sig", ["SIGTERM", "SIGHUP", "SIGINT"])
def test_a_signal_to_a_forked_child_is_the_childs(own, sig):
    kc = own()
    r = kc.run(head+"pid = os.fork()\n"
        "if not pid:\n"
        "    os.write(1, b'on')\n"
        "    try: time.sleep(20)\n"
        "    finally: os._exit(7)\n"
        "while True:\n"
        f"    time.sleep(.1); os.kill(pid, signal.{sig})\n"
        "    if os.waitpid(pid, os.WNOHANG)[0]: break\n'over'")
    assert (r.status, r.result) == ("ok", "'over'")
    assert kc.run("1").result == "1"

@pytest.mark.parametrize("end", ["terminate", "kill"])
def test_a_process_of_a_cell_can_be_ended(own, end):
    kc = own()
    r = kc.run(
        "import multiprocessing, time\n"
        f"p = multiprocessing.get_context('fork').Process(target=time.sleep, args=[60]); p.start(); time.sleep(.2); "
        f"p.{end}(); p.join(5); p.exitcode")
    assert r.result == str(-signal.SIGTERM if end == "terminate" else -signal.SIGKILL)
    assert kc.run("1").result == "1"

def test_a_process_pool_of_a_cell_can_be_ended(own):
    "The workers are stuck, so `terminate` has to use its signal"
    kc = own()
    r = kc.run(
        "import multiprocessing, time\n"
        "with multiprocessing.get_context('fork').Pool(2) as pool: pool.apply_async(time.sleep, [60]); time.sleep(.2)\n"
        "'over'")
    assert r.result == "'over'"
