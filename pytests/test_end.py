"The end of a kernel by request, whatever it is at; and what it leaves behind, which is nothing. Every test has a kernel of its own"
import json, os, pytest, signal, subprocess, sys, time
from endings import alive, begin, cells, gone, head, shutdown, stubborn
from helpers import connect, soon, until
from jupyter_client.connect import write_connection_file
from pathlib import Path

# -- shutdown_request

@pytest.mark.parametrize("what", cells)
def test_shutdown(own, what):
    kc = own()
    begin(kc, cells[what])
    assert shutdown(kc).content == dict(status="ok", restart=False)
    assert gone(kc, 0)

@pytest.mark.parametrize("what", ["idle", "sleep", "loop", "await", "input", "child", "threads"])
def test_shutdown_is_quick(own, what):
    "0.3 s by promise; others take up to 29 s"
    def seconds():
        kc = own()
        begin(kc, cells[what])
        shutdown(kc)
        t = time.monotonic()
        assert gone(kc, 0)
        return time.monotonic()-t
    assert soon(seconds, 1)

@pytest.mark.parametrize("restart", [True, False])
@pytest.mark.parametrize("channel", ["control", "shell"])
def test_shutdown_is_answered_and_told(own, restart, channel):
    kc = own()
    r = shutdown(kc, restart, channel)
    assert (r.content, r.types) == (dict(status="ok", restart=restart), ["status", "shutdown_reply", "status"])
    assert r.of("shutdown_reply") == [dict(status="ok", restart=restart)]
    assert gone(kc, 0)

@pytest.mark.slow
@pytest.mark.parametrize("what", stubborn)
def test_shutdown_ends_children_that_do_not_want_to(own, what):
    kc = own()
    begin(kc, stubborn[what])
    shutdown(kc)
    assert gone(kc, 0)

@pytest.mark.slow
@pytest.mark.parametrize("what", stubborn)
def test_shutdown_ends_stubborn_children_though_the_cell_hangs(own, what):
    kc = own()
    begin(kc, stubborn[what])
    begin(kc, cells["swallowing"])
    shutdown(kc)
    assert gone(kc, 0)

@pytest.mark.slow
def test_shutdown_ends_children_though_an_exit_function_hangs(own):
    kc = own()
    begin(kc, stubborn["shell"]+"; atexit.register(time.sleep, 60)")
    shutdown(kc)
    assert gone(kc, 0)

def test_shutdown_ends_grandchildren(own):
    kc = own()
    begin(kc, "p = subprocess.Popen(['sh', '-c', 'sleep 60 & sleep 60 & echo on; wait'])")
    shutdown(kc)
    assert gone(kc, 0)

def test_shutdown_ends_children_whose_parent_has_ended(own):
    kc = own()
    begin(kc, "os.system('sleep 60 & echo on')")
    shutdown(kc)
    assert gone(kc, 0)

def test_a_daemon_of_its_own_session_lives_on(own):
    kc = own()
    kc.run(head+"p = subprocess.Popen(['sleep', '20'], start_new_session=True)")
    pid = int(kc.run("p.pid").result)
    shutdown(kc)
    assert gone(kc, 0) and alive(pid)
    os.kill(pid, signal.SIGKILL)

@pytest.mark.parametrize("what", ["sleep", "loop", "await", "input"])
def test_the_cell_that_runs_sees_its_end(own, what):
    "`finally` clauses run"
    kc = own()
    path = Path(kc.file+".seen")
    code = cells[what].replace("\n", "\n    ")
    begin(kc, f"try:\n    {code}\nfinally: open({str(path)!r}, 'w').write('seen')")
    shutdown(kc)
    assert gone(kc, 0) and path.read_text() == "seen"
    path.unlink()

def test_queued_cells_do_not_run_on(own):
    kc = own()
    path = Path(kc.file+".ran")
    begin(kc, cells["sleep"])
    for _ in range(3): kc.cell(f"open({str(path)!r}, 'w')")
    shutdown(kc)
    assert gone(kc, 0) and not path.exists()

def test_shutdown_twice(own):
    kc = own()
    for _ in range(3): kc.submit("shutdown_request", dict(restart=False), channel="control")
    assert gone(kc, 0)

def test_shutdown_with_a_busy_subshell(own):
    kc = own()
    sub = kc.request("create_subshell_request", channel="control").content["subshell_id"]
    id = kc.cell("print('on')\nwhile True: pass", subshell=sub)
    kc.wait(id, until=lambda r: "on" in r.stdout)
    shutdown(kc)
    assert gone(kc, 0)

@pytest.mark.slow
def test_restarts_on_the_same_ports(own):
    kc = own()
    file,kept = kc.file,Path(kc.file).read_bytes()
    for _ in range(5):
        begin(kc, cells["child"])
        shutdown(kc, True)
        assert gone(kc, 0)
        kc.stop_channels()
        Path(file).write_bytes(kept)
        kc = own(file=file)
        assert kc.run("1").result == "1"

# -- nothing is left

@pytest.mark.parametrize("end", ["shutdown", "SIGTERM", "exit"])
def test_a_connection_file_that_the_kernel_made_is_removed(tmp_path, end):
    file = tmp_path/"kernel.json"
    env = {k: v for k,v in os.environ.items() if k != "PYTEST_CURRENT_TEST"}
    p = subprocess.Popen([sys.executable, "-m", "ipymini", "-f", str(file)], env=env, start_new_session=True,
        stdin=subprocess.DEVNULL)
    until(lambda: file.exists() and file.read_text(), "the connection file")
    kc = connect(file)
    kc.run("1")
    if end == "shutdown": shutdown(kc)
    elif end == "exit": kc.run("exit()")
    else: p.terminate()
    assert p.wait(20) == (143 if end == "SIGTERM" else 0)
    kc.stop_channels()
    assert os.listdir(tmp_path) == []

def test_a_connection_file_that_was_given_is_left(own):
    kc = own()
    shutdown(kc)
    assert gone(kc, 0) and os.path.exists(kc.file)

def test_no_ipc_sockets_are_left(own, tmp_path):
    file,_ = write_connection_file(str(tmp_path/"k.json"), transport="ipc", ip=str(tmp_path/"s"))
    kc = own(file=file)
    kc.run("1")
    shutdown(kc)
    assert gone(kc, 0)
    assert sorted(os.listdir(tmp_path)) == ["k.json"]

def test_no_temporary_files_are_left(own, tmp_path):
    kc = own(env=dict(TMPDIR=str(tmp_path)))
    kc.run("def f(): 1/0\nf()")
    kc.request("debug_request", dict(type="request", seq=1, command="dumpCell", arguments=dict(code="x = 1")),
        channel="control")
    shutdown(kc)
    assert gone(kc, 0)
    assert os.listdir(tmp_path) == []

def test_the_ports_are_free_at_once(own):
    kc = own()
    cfg = json.loads(Path(kc.file).read_text())
    shutdown(kc)
    assert gone(kc, 0)
    import socket
    for name in ("shell", "iopub", "stdin", "control", "hb"):
        with socket.socket() as s:
            s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            s.bind((cfg["ip"], cfg[f"{name}_port"]))
