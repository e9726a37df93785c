"Pods where descriptors are not passed to a child and pipes cannot be waited for, as on Windows: what that lacks is taken away at both ends."
import io, os, socket, subprocess, sys, threading
import pytest
from ends import deaf, exists, interrupts, until_gone, wait_for
from pathlib import Path
from ipymini import PodError, pod
from windows import like_windows, socketpair

@pytest.fixture(scope="module")
def words():
    with pytest.MonkeyPatch.context() as m, like_windows(m) as words: yield words

@pytest.fixture(scope="module")
def p(words):
    with pod(words) as p: yield p

@pytest.fixture
def own(words):
    with pod(words) as p: yield p

def test_the_pod_has_nothing_that_windows_lacks(p):
    assert not any(p.hasattr(p.os, name) for name in ("fork", "killpg", "memfd_create"))
    assert type(p._core.link.process).__name__ == "SharedProcess"

def test_calls_and_state(p):
    p["x"] = {"a": [1, 2.5, "ä", None, b"b", {3}]}
    assert p["x"] == {"a": [1, 2.5, "ä", None, b"b", {3}]}
    assert p.os.getpid() == p.pid != os.getpid()

def test_errors(p):
    with pytest.raises(ZeroDivisionError) as e: p.run("def f(): return 1/0\nf()")
    assert "in f" in str(e.value.__cause__)

def test_handles(p): assert p.open(os.devnull).read() == ""

def test_big_data_goes_both_ways_through_the_socket(p):
    data = os.urandom(5_000_000)
    assert p.bytes(data) == data
    assert not p._core.link.process.shared

# -- interrupts

@pytest.mark.parametrize("code", ["import time\ntime.sleep(60)", "while True: pass"])
def test_an_interrupt_ends_the_call_and_keeps_the_state(p, code):
    p["kept"] = 1
    with interrupts(.3), pytest.raises(KeyboardInterrupt) as e: p.run(code)
    assert "cell" in str(e.value.__cause__)
    assert p["kept"] == 1

def test_a_call_that_takes_too_long_is_interrupted(p):
    with pytest.raises(TimeoutError, match="the pod keeps its state"): p.time.sleep.timeout_(.2)(60)

@pytest.mark.slow
def test_the_third_interrupt_ends_a_deaf_pod(own):
    own.run(deaf)
    with interrupts(.3, .9, 1.5), pytest.raises(PodError, match="it did not heed three interrupts"): own.deaf()

# -- output and input

def test_prints_of_python_c_and_children_are_in_order(p, capsys):
    p.run("import os, subprocess, sys\n"
        "print(1)\n"
        "subprocess.run(['echo', '2'])\n"
        "os.write(1, b'3\\n')\n"
        "print(4, file=sys.stderr)\n"
        "print(5)")
    assert capsys.readouterr() == ("1\n2\n3\n5\n", "4\n")

def test_streams_in_turn_keep_their_order(p, monkeypatch):
    seen = io.StringIO()
    for name in ("stdout", "stderr"): monkeypatch.setattr(sys, name, seen)
    p.run("import sys\nfor i in range(20):\n print('o', i)\n print('e', i, file=sys.stderr)")
    assert seen.getvalue() == "".join(f"o {i}\ne {i}\n" for i in range(20))

def test_no_print_is_lost(p, capsys):
    p.run("for i in range(100_000): print(i)")
    assert capsys.readouterr().out == "".join(f"{i}\n" for i in range(100_000))

def test_a_print_is_seen_while_the_call_runs(p, monkeypatch, tmp_path):
    "The call ends only when the caller has made a file, which it does when it has seen the print."
    class Out(io.StringIO):
        def write(self, text):
            if "now" in text: (tmp_path/"seen").touch()
            return super().write(text)
    monkeypatch.setattr(sys, "stdout", Out())
    p.run("import os, time\n"
        "print('now')\n"
        "end = time.time() + 20\n"
        f"while not os.path.exists({str(tmp_path/'seen')!r}):\n"
        " assert time.time() < end\n"
        " time.sleep(.01)")

def test_input_asks_here(p, monkeypatch):
    monkeypatch.setattr("builtins.input", lambda prompt: f"answer to {prompt}")
    assert p.input("who? ") == "answer to who? "

def test_a_child_of_the_pod_gets_no_line(p): assert p.subprocess.check_output(["cat"]) == b""

def test_what_is_printed_before_the_pod_begins_is_shown(words, capsys):
    script = f"print('a line\\n\\0pod', end=''); import os; os.execv({words[0]!r}, [{words[0]!r}, *__import__('sys').argv[1:]])"
    with pod([sys.executable, "-uc", script, *words[1:]]) as p: assert p.abs(-1) == 1
    assert capsys.readouterr().out == "a line\n\0pod"

def test_a_launcher_may_stand_between(words):
    "As in a virtual environment of Windows, where `python.exe` starts another."
    launcher = "import subprocess, sys; sys.exit(subprocess.call(sys.argv[1:], close_fds=False))"
    with pod([sys.executable, "-c", launcher, *words]) as p: assert p.pid != p._core.link.process.popen.pid

# -- the end

def test_death_is_told_with_its_crash_report(own):
    with pytest.raises(PodError, match="(?s)the pod died: SIGABRT.*Fatal Python error: Aborted"): own.os.abort()

def test_an_exit_code_is_told(own):
    with pytest.raises(PodError, match="the pod died: exit code 7"): own.call("os._exit", 7)

def test_an_exception_of_windows_is_told_by_its_number():
    from ipymini.pods.process import cause_of_death
    assert cause_of_death(0xc0000005) == "exit code 0xc0000005"

def test_a_python_that_does_not_start_is_told(words):
    with pytest.raises(PodError, match="the pod did not start: exit code 3"):
        pod([sys.executable, "-c", "raise SystemExit(3)"])

def test_a_command_that_is_not_there_is_told(words):
    with pytest.raises(PodError, match="the pod did not start.*nothing-here"): pod(["/nothing-here"])

def test_close_ends_a_busy_pod_and_what_it_started(own):
    own.run("import subprocess\nchild = subprocess.Popen(['sleep', '100'])")
    pids = [own.pid, own["child.pid"]]
    def sleep():
        with pytest.raises(PodError, match="it was closed"): own.time.sleep(100)
    thread = threading.Thread(target=sleep, daemon=True)
    thread.start()
    wait_for(lambda: own._core.link.sent, "the call to be sent")
    own.close()
    thread.join(10)
    assert not thread.is_alive() and until_gone(pids)

def test_a_closed_pod_leaves_no_descriptor(words):
    def descriptors(): return len(os.listdir("/proc/self/fd"))
    before = descriptors()
    threads = threading.active_count()
    with pod(words) as p: p.abs(-1)
    def is_as_before(): return threading.active_count() <= threads and descriptors() <= before
    wait_for(is_as_before, f"{threads} threads and {before} descriptors")

@pytest.mark.parametrize("work", ["",
    "p.run('def f():\\n while True: pass')\n"
    "threading.Thread(target=p.f, daemon=True).start()"])
def test_a_pod_ends_with_its_parent(work):
    code = f"""import pytest, sys, threading, time
sys.path.insert(0, {str(Path(__file__).parent)!r})
from windows import like_windows
from ipymini import pod
with pytest.MonkeyPatch.context() as m, like_windows(m) as words:
    p = pod(words)
{''.join(f'    {line}' for line in work.splitlines(True))}
    print(p.pid, flush=True)
    time.sleep(100)"""
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as parent:
        pid = int(parent.stdout.readline())
        assert exists(pid)
        parent.kill()
        assert until_gone([pid]), f"{pid} outlived its parent"

# -- sockets that find each other by a port

def test_sockets_of_a_stranger_are_refused(monkeypatch):
    from ipymini.pods import process
    def mixed():
        (ours,other),(another,theirs) = socketpair(),socketpair()
        for sock in (other, another): sock.close()
        return ours,theirs
    monkeypatch.setattr(process.socket, "socketpair", mixed)
    with pytest.raises(PodError, match="another process connected"): pod()

def test_sockets_that_a_port_has_connected_wait_for_nothing():
    from ipymini.pods.process import tighten
    ours,theirs = socketpair()
    with ours, theirs:
        tighten(ours, theirs)
        assert all(sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) for sock in (ours, theirs))
