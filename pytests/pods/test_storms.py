"Many of everything: interrupts, calls, arrays, deaths. Scaled down; IPYMINI_STORM=1 runs them whole."
import gc, os, signal, subprocess, sys, threading
import pytest
from pathlib import Path
from ipymini import PodError, pod

whole = os.environ.get("IPYMINI_STORM") == "1"
folder = Path(__file__).parent


def test_an_interrupt_every_3_ms_loses_no_frame():
    "In a process of its own, as an interrupt can hit whatever runs: also pytest."
    calls = 3000 if whole else 500
    out = subprocess.run([sys.executable, folder/"storm.py", str(calls)], capture_output=True, text=True, timeout=110)
    assert out.returncode == 0, out.stdout + out.stderr
    right,interrupted,wrong = map(int, out.stdout.split()[-3:])
    assert (right + interrupted, wrong) == (calls, 0), out.stdout
    assert interrupted > calls/50

def memory(pid): return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6

def test_calls_and_arrays_leave_memory_flat():
    np = pytest.importorskip("numpy")
    with pod() as p:
        if not p.importlib.util.find_spec("numpy"): pytest.skip("no numpy in the pod's environment")
        array = np.ones(10_000_000//8)
        p.run("def echo(x): return x")
        def work(calls, arrays):
            for i in range(calls): assert p.abs(-i) == i
            for i in range(arrays): assert p.echo(array)[-1] == 1
        work(100, 20)
        before = memory(os.getpid()),memory(p.pid)
        work(*(10_000, 1000) if whole else (2000, 100))
        gc.collect()
        after = memory(os.getpid()),memory(p.pid)
        assert after[0] - before[0] < 15 and after[1] - before[1] < 15, f"MB before {before}, after {after}"

@pytest.mark.slow
def test_kills_at_random_moments_are_clean_errors():
    import random
    rng,deaths = random.Random(1),0
    with pod() as p:
        for i in range(200 if whole else 20):
            if p._core.link.ended: p.restart()
            timer = threading.Timer(rng.random()/20, os.kill, (p.pid, signal.SIGKILL))
            timer.start()
            try:
                while True: assert p.sorted(list(range(20_000)))[3] == 3
            except PodError as error:
                assert str(error) == "the pod died: SIGKILL"
                deaths += 1
            timer.join()
    assert deaths == (200 if whole else 20)
