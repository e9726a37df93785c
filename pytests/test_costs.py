"What things cost, as counts that no load changes: calls of the operating system"
import shutil, signal, subprocess, pytest

prints = 500

def calls(kc, tid, code, log):
    "How often the thread `tid` of the kernel calls the operating system while a cell runs `code`, but for waits for the GIL"
    if not shutil.which("strace"): pytest.skip("there is no strace")
    tracer = subprocess.Popen(["strace", "-p", str(tid), "-e", "trace=!futex,sched_yield", "-o", log], stderr=subprocess.PIPE, text=True)
    first = tracer.stderr.readline()
    if "attached" not in first: pytest.skip(f"strace may not look: {first}")
    kc.run(code)
    tracer.send_signal(signal.SIGINT)
    tracer.communicate(timeout=30)
    return len(log.read_text().splitlines())

def test_a_write_asks_once_whether_a_child_has_written(own_kc, tmp_path):
    tid = int(own_kc.run("import threading; threading.get_native_id()").result)
    own_kc.run("1")
    rest = calls(own_kc, tid, "for i in range(2): print(i)", tmp_path/"few")
    count = calls(own_kc, tid, f"for i in range({prints}): print(i)", tmp_path/"many")
    assert count-rest <= 2*prints+20  # a `print` writes its text and the end of the line
