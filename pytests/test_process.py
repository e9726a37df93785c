"A kernel's command line, its start, the first cell's surroundings, its end"
import json, os, pytest, socket, subprocess, zmq
from helpers import connect
from jupyter_client.connect import write_connection_file
from processes import one_line, ports, shut, written

# -- the command line

@pytest.mark.parametrize("args",
    [["-f", "{}"], ["-f={}"], ["--f={}"], ["--f", "{}"],
        ["--no-such-option", "-f", "{}", "--IPKernelApp.nosuch=1", "--debug-level=5", "-x"]], ids=str)
def test_connection_file_option(popen, tmp_path, args):
    p = popen(*(a.format(tmp_path/"k.json") for a in args))
    written(tmp_path/"k.json")
    kc = connect(tmp_path/"k.json")
    try:
        assert kc.run("1+1").result == "2"
        kc.request("shutdown_request", {}, "control")
        assert p.wait(20) == 0
    finally: kc.stop_channels()

def test_history_file_option(own):
    kc = own(args=["--HistoryManager.hist_file=:memory:"])
    assert kc.run("get_ipython().history_manager.hist_file").result == "':memory:'"

@pytest.mark.parametrize("setting,why", [
    ("InteractiveShell.ast_node_interactivity=foo", "'ast_node_interactivity' trait"),
    ("HistoryManager.db_cache_size=foo", "'db_cache_size' trait"),
    ("InteractiveShell.colors=foo", "theme"),
    ("BaseIPythonApplication.profile=nope", "Profile 'nope' not found")])
def test_a_setting_that_ipython_refuses_is_told_and_ends_the_kernel(popen, tmp_path, setting, why):
    p = popen("-f", tmp_path/"k.json", f"--{setting}")
    err = p.communicate(timeout=60)[1]
    assert p.returncode == 1 and "could not start" in err and why in err
    assert not list(tmp_path.iterdir())

bad_files = ["", "{", "[]", '{"shell_port":"x"}', '{"transport":"udp"}', '{"key":5}', '{"key":"k","signature_scheme":"hmac-nope"}',
    '{"key":"k","signature_scheme":""}', '{"key":"k","signature_scheme":"hmac-"}']
@pytest.mark.parametrize("content", bad_files)
def test_an_invalid_file_is_one_line_and_status_1(popen, tmp_path, content):
    (tmp_path/"k.json").write_text(content)
    one_line(popen("-f", tmp_path/"k.json"))
    assert (tmp_path/"k.json").read_text() == content

@pytest.mark.parametrize("name", [".", "no/such/folder/k.json", "/proc/nosuch.json"])
def test_a_file_that_cannot_be_used_is_one_line_and_status_1(popen, name): one_line(popen("-f", name))

@pytest.mark.parametrize("port", ports)
def test_a_taken_port_is_one_line_and_status_1(popen, tmp_path, port):
    with socket.create_server(("127.0.0.1", 0)) as s:
        n = s.getsockname()[1]
        (tmp_path/"k.json").write_text(json.dumps({"key": "k", port: n}))
        err = one_line(popen("-f", tmp_path/"k.json"))
        assert str(n) in err and port in err and "in use" in err

def test_an_address_of_another_machine_is_one_line_and_status_1(popen, tmp_path):
    (tmp_path/"k.json").write_text(json.dumps(dict(ip="192.0.2.1")))
    assert "192.0.2.1" in one_line(popen("-f", tmp_path/"k.json"))

# -- start

def test_starting_is_told_before_all_else_to_who_comes_within_the_start(own, tmp_path):
    "And to those who are there already, once more"
    f,cfg = write_connection_file(str(tmp_path/"k.json"), key=b"k")
    with zmq.Context() as ctx, ctx.socket(zmq.SUB) as sub:
        sub.linger,sub.rcvtimeo = 0,60_000
        sub.setsockopt(zmq.RECONNECT_IVL, 1)
        sub.subscribe(b"")
        sub.connect(f"tcp://127.0.0.1:{cfg['iopub_port']}")
        kc = own(file=f)
        kc.run("1")
        got = []
        while not (got and b'"idle"' in got[-1][-1]): got.append(sub.recv_multipart()[-6:])
    kinds = [(json.loads(g[2])["msg_type"], json.loads(g[5]).get("execution_state"), json.loads(g[3]) == {}) for g in got]
    said = [k for k in kinds if k[0] != "iopub_welcome"]
    told = [k for k in said if k[1] == "starting"]
    assert set(told) == {("status", "starting", True)}
    assert said[:len(told)] == told
    assert kinds[0][0] == "iopub_welcome"

def test_first_cell_is_1_and_a_new_process_has_a_new_session(own):
    a,b = own(),own()
    ra,rb = a.run("1"),b.run("1")
    assert (ra.content["execution_count"], rb.content["execution_count"]) == (1, 1)
    assert ra.reply["header"]["session"] != rb.reply["header"]["session"]

def test_environment(own):
    kc = own(env=dict(TERM="dumb", PAGER="less", MPLBACKEND="agg"))
    r = kc.run("import os; [os.environ.get(k) for k in 'TERM CLICOLOR FORCE_COLOR CLICOLOR_FORCE PAGER GIT_PAGER MPLBACKEND'.split()]")
    assert r.result == repr(["xterm-color", "1", "1", "1", "cat", "cat", "agg"])

def test_matplotlib_is_inline_unless_told(own):
    env = {k: v for k,v in os.environ.items() if k != "MPLBACKEND"}
    kc = own(env=env)
    assert kc.run("import os; "
        "os.environ['MPLBACKEND'], 'matplotlib' in __import__('sys').modules").result == "('module://matplotlib_inline.backend_inline', False)"

def test_cwd_is_first_on_the_path(own, tmp_path):
    (tmp_path/"here.py").write_text("x = 5")
    kc = own(cwd=tmp_path)
    assert kc.run("import sys, here; sys.path[0], here.x").result == "('', 5)"

def test_ipython_configuration_startup_files_and_extensions(own, tmp_path):
    d = tmp_path/"ipython/profile_default"
    (d/"startup").mkdir(parents=True)
    (d/"startup/10-a.py").write_text("started = ['a']")
    (d/"startup/20-b.ipy").write_text("%alias_magic -l tt time\nstarted.append('b')")
    (d/"startup/30-c.py").write_text("1/0")
    (d/"ipython_kernel_config.py").write_text(
        "c.InteractiveShellApp.exec_lines = ['started.append(\"line\")']\n"
        "c.InteractiveShell.xmode = 'Plain'")
    (d/"ipython_config.py").write_text(
        "c.InteractiveShellApp.extensions = ['ext_here']\n"
        "c.InteractiveShell.xmode = 'Minimal'")
    (tmp_path/"ext_here.py").write_text("def load_ipython_extension(ip): ip.push(dict(extended=True))")
    (tmp_path/"pystart.py").write_text("from_pythonstartup = 1")
    paths = os.pathsep.join(filter(None, [str(tmp_path), os.environ.get("PYTHONPATH")]))
    kc = own(env=dict(IPYTHONDIR=str(tmp_path/"ipython"), PYTHONPATH=paths, PYTHONSTARTUP=str(tmp_path/"pystart.py")))
    assert kc.run("started, extended, from_pythonstartup, get_ipython().InteractiveTB.mode").result == "(['a', 'b', 'line'], True, 1, 'Plain')"
    assert "started" not in kc.run("%who").stdout

def test_cells_see_the_context_variables_of_startup_files(own, tmp_path):
    "numpy's options and decimal's precision are such"
    startup = tmp_path/"profile_default/startup"
    startup.mkdir(parents=True)
    (startup/"a.py").write_text("from contextvars import ContextVar; v = ContextVar('v', default=0); v.set(3)")
    kc = own(env=dict(IPYTHONDIR=str(tmp_path)))
    assert kc.run("v.get()").result == "3"
    assert kc.run("await __import__('asyncio').sleep(0); v.get()").result == "3"

def test_session_name_is_known(own):
    assert own(env=dict(JPY_SESSION_NAME="/a/b.ipynb")).run("__session__").result == "'/a/b.ipynb'"

# -- the end

@pytest.mark.parametrize("restart", [False, True])
@pytest.mark.parametrize("channel", ["control", "shell"])
def test_shutdown(own, channel, restart):
    kc = own()
    kc.run("1")
    r = kc.request("shutdown_request", dict(restart=restart), channel)
    assert r.content == dict(status="ok", restart=restart)
    assert r.types == ["status", "shutdown_reply", "status"]
    assert r.of("shutdown_reply") == [r.content]
    assert r.states == ["busy", "idle"]
    assert kc.proc.wait(20) == 0

@pytest.mark.parametrize("code", ["while True: pass", "import time; time.sleep(60)",
    "import asyncio; await asyncio.sleep(60)"])
def test_shutdown_while_a_cell_runs(own, code):
    kc = own()
    id = kc.cell("print('on', flush=True)\n" + code)
    kc.wait(id, until=lambda r: r.stdout)
    r,status = shut(kc)
    assert (r.content["status"], status) == ("ok", 0)

def test_exit_in_a_cell(own):
    kc = own()
    kc.run("import atexit; atexit.register(print, 'at exit')")
    r = kc.run("exit")
    assert r.content["payload"] == [dict(source="ask_exit", keepkernel=False)]
    assert (r.status, r.idle) == ("ok", True)
    assert kc.proc.wait(20) == 0

def test_exit_leaves_clients_the_time_to_read_the_reply(own):
    "jupyter_console drops the reply, and never ends, if it finds the process gone 50 ms after idle"
    kc = own()
    kc.run("exit")
    with pytest.raises(subprocess.TimeoutExpired): kc.proc.wait(.06)
    assert kc.proc.wait(20) == 0

def test_exit_that_keeps_the_kernel(own):
    kc = own()
    assert kc.run("exit(True)").content["payload"] == [dict(source="ask_exit", keepkernel=True)]
    assert kc.run("1").result == "1"

@pytest.mark.slow
def test_five_kernels_in_a_row_on_the_same_ports(own, tmp_path):
    f,_ = write_connection_file(str(tmp_path/"k.json"), key=b"k")
    for _ in range(5):
        kc = own(file=f)
        assert kc.run("1").content["execution_count"] == 1
        assert shut(kc)[1] == 0
        kc.stop_channels()
        assert os.path.exists(f)

@pytest.mark.slow
def test_heartbeat_while_the_gil_is_held(own):
    kc = own()
    id = kc.cell("import ctypes; print('on', flush=True); ctypes.PyDLL(None).usleep(2_000_000)")
    kc.wait(id, until=lambda r: r.stdout)
    with kc.context.socket(zmq.REQ) as s:
        s.linger,s.rcvtimeo = 0,500
        s.connect(kc._make_url("hb"))
        s.send(b"ping")
        assert s.recv() == b"ping"
    assert kc.wait(id).status == "ok"

@pytest.mark.slow
def test_interrupting_an_idle_kernel_leaves_the_next_cell_alone(own):
    "On one processor for kernel and client, where the signal is most likely to come late"
    cpus = os.sched_getaffinity(0)
    os.sched_setaffinity(0, [min(cpus)])
    try:
        kc = own()
        for _ in range(400): assert (kc.interrupt("message").status, (r := kc.run("1")).status) == ("ok", "ok"), r
    finally: os.sched_setaffinity(0, cpus)
