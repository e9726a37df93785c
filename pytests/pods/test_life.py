"Pods end with their parent, leave nothing, and nobody else can speak to them."
import os, subprocess, sys, time
import pytest
from pathlib import Path
from ends import exists, until_gone
from helpers import soon
from ipymini import PodError, pod
from ipymini.pods.link import Link
from ipymini.pods.wire import INTERRUPT
from types import SimpleNamespace

folder = Path(__file__).parent

def parent(code):
    "A process that makes pods and prints their pids, in one line."
    proc = subprocess.Popen([sys.executable, "-c",
        "from ipymini import pod\n"
        "import time, os, threading\n"
        f"{code}\n"
        "time.sleep(100)"], stdout=subprocess.PIPE, text=True)
    return proc,[int(o) for o in proc.stdout.readline().split()]

busy = {
    "idle": "p = pod()\nprint(p.pid, flush=True)",
    "python": "p = pod()\n"
    "p.run('def f():\\n while True: pass')\n"
    "threading.Thread(target=p.f, daemon=True).start()\n"
    "print(p.pid, flush=True)",
    "c":"p = pod()\n"
    "p.run('import ctypes\\ndef f(): ctypes.PyDLL(None).sleep(100)')\n"
    "threading.Thread(target=p.f, daemon=True).start()\n"
    "time.sleep(.5)\n"
    "print(p.pid, flush=True)",
    "child": "p = pod()\n"
    "p.run('import subprocess\\nc = subprocess.Popen([\"sleep\", \"100\"])')\n"
    "print(p.pid, p['c.pid'], flush=True)",
    "pod of a pod": "p = pod()\np.run('from ipymini import pod\\nq = pod()')\nprint(p.pid, p['q.pid'], flush=True)",
    "fork": "p = pod()\nif not os.fork(): time.sleep(2); os._exit(0)\nprint(p.pid, flush=True)"}

@pytest.mark.parametrize("what", busy)
def test_a_pod_ends_with_its_parent(what):
    "0.5 s is promised; the bound here leaves room for a loaded machine."
    def seconds():
        proc,pids = parent(busy[what])
        assert pids and all(map(exists, pids))
        begin = time.monotonic()
        proc.kill()
        assert until_gone(pids), f"{pids} outlived their parent"
        passed = time.monotonic()-begin
        proc.wait()
        proc.stdout.close()
        return passed
    assert soon(seconds, 1.5)

@pytest.mark.parametrize("end", ["", "raise SystemExit", "1/0"])
def test_a_parent_that_ends_by_itself_leaves_nothing(end):
    code = f"from ipymini import pod\np = pod()\nprint(p.pid, flush=True)\n{end}"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=30)
    assert until_gone([int(out.stdout)])

def test_exit_functions_of_a_pod_run():
    out = subprocess.run([sys.executable, "-c",
        "from ipymini import pod\n"
        "p = pod()\n"
        "p.run('import atexit\\natexit.register(print, \"bye\")')"],
        capture_output=True, text=True, timeout=30)
    assert out.stdout == "bye\n" and out.stderr == ""

def test_close_leaves_no_zombie_no_thread_and_no_descriptor():
    out = subprocess.run([sys.executable, folder/"closing.py"], capture_output=True, text=True, timeout=60)
    assert out.returncode == 0, out.stderr

def test_close_ends_a_busy_pod():
    import threading
    with pod() as p:
        def sleep():
            with pytest.raises(PodError, match="the pod was ended: it was closed"): p.time.sleep(100)
        thread = threading.Thread(target=sleep, daemon=True)
        thread.start()
        while not p._core.link.sent: time.sleep(.01)
        pid = p.pid
    assert until_gone([pid])
    thread.join(5)
    assert not thread.is_alive()

def test_a_pod_has_no_port_and_no_name():
    with pod() as p:
        inodes = {os.readlink(f"/proc/{p.pid}/fd/{fd}") for fd in os.listdir(f"/proc/{p.pid}/fd")}
        numbers = {o[8:-1] for o in inodes if o.startswith("socket:")}
        for table in ("tcp", "tcp6"):
            assert not [line for line in open(f"/proc/net/{table}") if line.split()[9] in numbers]
        assert not [line for line in open("/proc/net/unix") if line.split()[6] in numbers and len(line.split()) > 7]

def test_descriptors_are_not_inherited_by_what_a_pod_starts():
    with pod() as p:
        names = p.subprocess.check_output(["sh", "-c", "ls -l /proc/$$/fd"], text=True)
    assert "socket" not in names

def test_a_system_with_less_than_linux(monkeypatch):
    "As macOS: no memfd, no pidfd, no waitid."
    for name in ("memfd_create", "pidfd_open", "waitid"): monkeypatch.delattr(os, name)
    monkeypatch.setattr(subprocess, "_CAN_USE_PIDFD_OPEN", False, raising=False)  # as Python 3.15 has seen when it was loaded
    with pod() as p:
        assert p.len(b"x" * 3_000_000) == 3_000_000
        p.run("import atexit, sys\natexit.register(lambda: open(path, 'w').close())\npath = '/dev/null'")
        with pytest.raises(PodError, match="the pod died: SIGKILL"): p.os.kill(p.pid, 9)
        p.restart()
        pid = p.pid
    assert until_gone([pid])

def test_an_end_is_told_where_the_parent_waits_for_no_child():
    "There the system does, so nobody learns the exit code; a cell that waits for all children does the same"
    out = subprocess.run([sys.executable, "-c",
        "import signal\n"
        "signal.signal(signal.SIGCHLD, signal.SIG_IGN)\n"
        "from ipymini import PodError, pod\n"
        "p = pod()\n"
        "try: p.call('os._exit', 3)\n"
        "except PodError as error: print(error)"], capture_output=True, text=True, timeout=30)
    assert out.stdout.startswith("the pod died: ") and not out.stderr

def a_link_that_hears_nothing(has_ended):
    "What `Link.tell` needs of a link, whose child's socket is closed; `has_ended`: so is the child"
    def send(*frame): raise BrokenPipeError
    process = SimpleNamespace(control=SimpleNamespace(send=send), wait_for_end=lambda: has_ended)
    return SimpleNamespace(ended=None, process=process)

def test_what_is_told_to_a_pod_that_is_ending_is_lost(): Link.tell(a_link_that_hears_nothing(True), INTERRUPT, 1)

def test_a_pod_that_lives_and_hears_nothing_is_an_error():
    with pytest.raises(BrokenPipeError): Link.tell(a_link_that_hears_nothing(False), INTERRUPT, 1)
