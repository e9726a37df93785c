"""What the kernel is started with and what it may run out of: descriptors, signals, memory; and output that is still to be sent at its end

Each test has a kernel of its own."""
import json, os, resource, signal, socket, struct, time, zmq
from pathlib import Path
import pytest
from helpers import dealer, until

def works(kc):
    assert kc.run("import os; print('on'); os.write(1, b'more\\n');").stdout == "on\nmore\n"
    assert kc.run("6*7").result == "42"
    return True

def rss(kc): return int(Path(f"/proc/{kc.proc.pid}/statm").read_text().split()[1])*resource.getpagesize()

# -- descriptors

@pytest.mark.parametrize("closed", [(0, 1, 2), (0,), (1, 2), (2,)], ids=str)
def test_started_without_standard_descriptors(own, closed):
    "As cron and supervisors do"
    def close():
        for fd in closed: os.close(fd)
    kc = own(preexec_fn=close)
    assert works(kc)
    assert kc.run("import subprocess; subprocess.run('echo child; "
        "exec 0<&0 1>&1 2>&2', shell=True).returncode").result == "0"

hold = """
import os, resource, time
resource.setrlimit(resource.RLIMIT_NOFILE, (200, 4096))
files = []
print('begun')
while not os.path.exists({path!r}):
    try: files.append(open('/dev/null'))
    except OSError: time.sleep(.001)
files.clear()
"""

@pytest.mark.parametrize("type, content, channel",
    [("complete_request", dict(code="[].ap", cursor_pos=5), "shell"), ("comm_msg", dict(comm_id="nosuch"), "shell"),
        ("inspect_request", dict(code="len", cursor_pos=3), "shell"), ("create_subshell_request", {}, "control"),
        ("interrupt_request", {}, "control")])
def test_what_comes_while_a_cell_holds_all_descriptors(own, tmp_path, type, content, channel):
    kc = own()
    id = kc.cell(hold.format(path=str(tmp_path/"enough")))
    kc.wait(id, until=lambda r: r.stdout)
    until(lambda: len(os.listdir(f"/proc/{kc.proc.pid}/fd")) == 200, "the cell to hold all descriptors")
    sent = kc.submit(type, content, channel)
    if type != "comm_msg": kc.wait(sent, channel)  # that waits for the cell
    (tmp_path/"enough").touch()
    kc.wait(sent, channel, reply=type != "comm_msg")
    kc.wait(id)
    assert works(kc)

@pytest.mark.slow
@pytest.mark.parametrize("channel", ["shell", "iopub", "control"])
def test_half_open_connections_take_no_descriptors_for_long(own, channel):
    "300 of them, from somebody who says nothing, at a limit of 256"
    kc = own(preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (256, 256)))
    works(kc)
    port = json.loads(Path(kc.file).read_text())[f"{channel}_port"]
    silent = [socket.create_connection(("127.0.0.1", port)) for _ in range(300)]
    try:
        assert kc.run("6*7").result == "42"
        until(lambda: kc.run("open('/dev/null').close()").status == "ok", "a descriptor for a cell", timeout=15)  # zmq itself waits for 30 s
        assert works(kc)
    finally:
        for s in silent: s.close()

# -- signals

def test_nohup(own):
    "A signal that is ignored from the start stays ignored"
    kc = own(preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN))
    works(kc)
    kc.proc.send_signal(signal.SIGHUP)
    assert works(kc)
    assert kc.run("import signal; signal.getsignal(signal.SIGHUP) == signal.SIG_IGN").result == "True"

def test_sigint_that_is_ignored_from_the_start_interrupts(own):
    kc = own(preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_IGN))
    id = kc.cell("print('on'); import time; time.sleep(60)")
    kc.wait(id, until=lambda r: r.stdout)
    kc.interrupt()
    assert kc.wait(id).content["ename"] == "KeyboardInterrupt"

@pytest.mark.parametrize("how", ["signal", "message"])
def test_sigint_that_is_blocked_from_the_start_interrupts(own, how):
    "As it is for what a program starts that leaves signals to one of its threads"
    kc = own(preexec_fn=lambda: signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals()))
    id = kc.cell("print('on'); import time; time.sleep(60)")
    kc.wait(id, reply=False, idle=False, until=lambda r: r.stdout)
    kc.interrupt(how)
    assert kc.wait(id, timeout=20).content["ename"] == "KeyboardInterrupt"

# -- memory

def test_100_MB_of_subscriptions_cost_nothing(own):
    kc = own()
    works(kc)
    before = rss(kc)
    for i in range(10): send_raw(kc, "iopub", b"SUB", b"\1" + bytes([i]) + b"x"*10_000_000)
    assert works(kc)
    assert rss(kc)-before < 50e6

def send_raw(kc, channel, kind, frame):
    "Send `frame` as a socket of the type `kind` would, and wait for the kernel to close the connection, or to have read all; zmq's own has a trie, too"
    port = json.loads(Path(kc.file).read_text())[f"{channel}_port"]
    ready = b"\5READY\x0bSocket-Type" + struct.pack(">I", len(kind)) + kind
    with socket.create_connection(("127.0.0.1", port)) as s:
        s.settimeout(3)
        try:
            s.sendall(b"\xff" + bytes(8) + b"\x7f\3\0NULL" + bytes(48) + bytes([4, len(ready)]) + ready)
            s.sendall(b"\2" + struct.pack(">Q", len(frame)) + frame)
            while s.recv(65536): pass
        except OSError: pass  # closed, or nothing more to read

@pytest.mark.slow
def test_a_heartbeat_that_is_not_read_costs_nothing(own):
    kc = own()
    works(kc)
    before = rss(kc)
    with dealer(kc, "hb") as sock:
        for _ in range(100): sock.send_multipart([b"", b"x"*1_000_000], zmq.NOBLOCK)
        time.sleep(1)  # as above
        assert works(kc)
        assert rss(kc)-before < 30e6

# -- the end

def test_large_output_is_sent_when_exit_functions_have_run(own):
    "Pyzmq's among them, which stops what shared memory needs"
    text = "print('x'*3_000_000)"
    assert len(own().run(f"import atexit; {text}; atexit._run_exitfuncs(); {text}").stdout) == 6_000_002
