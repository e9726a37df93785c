"A kernel's command line, connection file, ports, start and end; and history, for which each kernel begins anew"

import json, os, socket, stat, subprocess, sys, time
from helpers import connect, dealer, start, until
from jupyter_client.connect import write_connection_file
from pathlib import Path
import pytest, zmq

ports = [f"{c}_port" for c in ("shell", "iopub", "stdin", "control", "hb")]

@pytest.fixture
def begin():
    "`start`, with an end"
    begun = []
    def inner(*args, **kw):
        begun.append(start(*args, **kw))
        return begun[-1]
    yield inner
    for kc in begun: kc.stop()

@pytest.fixture
def popen(tmp_path):
    "A function that starts `python -m ipymini` with arguments, without a client"
    procs = []
    def inner(*args, cwd=tmp_path, **env):
        env = {**os.environ, "JPY_PARENT_PID": str(os.getpid()), **env}
        procs.append(subprocess.Popen([sys.executable, "-m", "ipymini", *map(str, args)], cwd=cwd, env=env, stderr=subprocess.PIPE, text=True, stdin=subprocess.DEVNULL))
        return procs[-1]
    yield inner
    for p in procs:
        p.kill()
        p.communicate(timeout=10)

def written(path, timeout=10):
    "The connection file at `path`, once it is there with ports"
    def read():
        try: cfg = json.loads(Path(path).read_text())
        except (OSError, ValueError): return None
        return cfg if all(cfg.get(p) for p in ports) else None
    return until(read, f"ports in {path}", timeout)

def shut(kc, **kw):
    "Shut down by request; its Result and the exit status"
    r = kc.request("shutdown_request", dict(restart=False, **kw), "control")
    return r,kc.proc.wait(5)

# -- the command line

@pytest.mark.parametrize("args", [["-f", "{}"], ["-f={}"], ["--f={}"], ["--f", "{}"], ["--no-such-option", "-f", "{}", "--IPKernelApp.nosuch=1", "--debug-level=5", "-x"]], ids=str)
def test_connection_file_option(popen, tmp_path, args):
    p = popen(*(a.format(tmp_path/"k.json") for a in args))
    written(tmp_path/"k.json")
    kc = connect(tmp_path/"k.json")
    try:
        assert kc.run("1+1").result == "2"
        kc.request("shutdown_request", {}, "control")
        assert p.wait(5) == 0
    finally: kc.stop_channels()

def test_history_file_option(begin):
    kc = begin(args=["--HistoryManager.hist_file=:memory:"])
    assert kc.run("get_ipython().history_manager.hist_file").result == "':memory:'"

def one_line(p):
    "What a kernel that could not start said"
    err = p.communicate(timeout=10)[1]
    assert p.returncode == 1
    assert err.startswith("ipymini: ") and err.count("\n") == 1
    return err

@pytest.mark.parametrize("setting,why", [
    ("InteractiveShell.ast_node_interactivity=foo", "'ast_node_interactivity' trait"), ("HistoryManager.db_cache_size=foo", "'db_cache_size' trait"),
    ("InteractiveShell.colors=foo", "theme"),                                          ("BaseIPythonApplication.profile=nope", "Profile 'nope' not found")])
def test_a_setting_that_ipython_refuses_is_told_and_ends_the_kernel(popen, tmp_path, setting, why):
    p = popen("-f", tmp_path/"k.json", f"--{setting}")
    err = p.communicate(timeout=10)[1]
    assert p.returncode == 1 and "could not start" in err and why in err
    assert not list(tmp_path.iterdir())

bad_files = ["", "{", "[]", '{"shell_port":"x"}', '{"transport":"udp"}', '{"key":5}', '{"key":"k","signature_scheme":"hmac-nope"}', '{"key":"k","signature_scheme":""}', '{"key":"k","signature_scheme":"hmac-"}']
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
        t0 = time.monotonic()
        err = one_line(popen("-f", tmp_path/"k.json"))
        assert str(n) in err and port in err and "in use" in err
        assert time.monotonic()-t0 < 5

def test_an_address_of_another_machine_is_one_line_and_status_1(popen, tmp_path):
    (tmp_path/"k.json").write_text(json.dumps(dict(ip="192.0.2.1")))
    assert "192.0.2.1" in one_line(popen("-f", tmp_path/"k.json"))

# -- the connection file

def test_a_missing_file_is_made_and_removed(popen, tmp_path):
    f = tmp_path/"made.json"
    p = popen("-f", f)
    cfg = written(f)
    assert stat.S_IMODE(f.stat().st_mode) == 0o600
    assert (cfg["transport"], cfg["ip"], cfg["signature_scheme"]) == ("tcp", "127.0.0.1", "hmac-sha256")
    assert len(cfg["key"]) >= 16
    assert len({cfg[k] for k in ports}) == 5
    kc = connect(f)
    try:
        kc.request("shutdown_request", {}, "control")
        assert p.wait(5) == 0
    finally: kc.stop_channels()
    assert not f.exists()

@pytest.mark.parametrize("args, name", [([], "kernel-{}.json"), (["-f", "bare.json"], "bare.json")])
def test_a_file_without_folder_is_made_in_the_runtime_folder(popen, tmp_path, args, name):
    p = popen(*args, JUPYTER_RUNTIME_DIR=str(tmp_path/"run"))
    written(tmp_path/"run"/name.format(p.pid))

def test_a_bare_name_in_the_cwd_is_found_there(popen, tmp_path):
    (tmp_path/"bare.json").write_text("{}")
    popen("-f", "bare.json", JUPYTER_RUNTIME_DIR=str(tmp_path/"run"))
    written(tmp_path/"bare.json")

def test_port_0_is_filled_in_and_the_rest_kept(begin, tmp_path):
    f = tmp_path/"k.json"
    with socket.create_server(("127.0.0.1", 0)) as s: fixed = s.getsockname()[1]
    mine = dict(dict.fromkeys(ports, 0), stdin_port=fixed, key="ä", kernel_name="x", jupyter_session="/a.ipynb", other=dict(a=[1]))
    f.write_text(json.dumps(mine))
    f.chmod(0o644)
    proc = subprocess.Popen([sys.executable, "-m", "ipymini", "-f", str(f)], stdin=subprocess.DEVNULL)
    try:
        cfg = written(f)
        assert {k: v for k,v in cfg.items() if k in mine and k not in ports} == {k: v for k,v in mine.items() if k not in ports}
        assert cfg["stdin_port"] == fixed
        assert stat.S_IMODE(f.stat().st_mode) == 0o600
        kc = connect(f)
        kc.request("shutdown_request", {}, "control")
        assert proc.wait(5) == 0
        kc.stop_channels()
        assert f.exists()
    finally: proc.kill()

def test_defaults_for_what_the_file_leaves_out(popen, tmp_path):
    (tmp_path/"k.json").write_text("{}")
    popen("-f", tmp_path/"k.json")
    cfg = written(tmp_path/"k.json")
    assert (cfg["transport"], cfg["ip"], cfg["key"], cfg["signature_scheme"]) == ("tcp", "127.0.0.1", "", "hmac-sha256")

@pytest.mark.parametrize("scheme", ["hmac-md5", "hmac-sha512"])
def test_other_signature_schemes(begin, tmp_path, scheme):
    f,_ = write_connection_file(str(tmp_path/"k.json"), key=b"secret", signature_scheme=scheme)
    kc = begin(file=f)
    assert kc.session.signature_scheme == scheme
    assert kc.run("1").status == "ok"

def test_empty_key_signs_nothing(begin, tmp_path):
    f,_ = write_connection_file(str(tmp_path/"k.json"), key=b"")
    kc = begin(file=f)
    with dealer(kc) as sock:
        frames = kc.session.serialize(kc.session.msg("kernel_info_request"))
        for sig in (b"", b"anything"): sock.send_multipart([b"<IDS|MSG>", sig, *frames[2:]])
        assert [sock.recv_multipart()[1] for _ in range(2)] == [b"", b""]

@pytest.mark.parametrize("ip", ["127.0.0.1", "0.0.0.0", "*", "", "::1", "localhost"])
def test_addresses(popen, tmp_path, ip):
    if ip == "::1" and not Path("/proc/net/if_inet6").read_text().strip(): pytest.skip("no IPv6 on this machine")
    (tmp_path/"k.json").write_text(json.dumps(dict(ip=ip, key="k")))
    popen("-f", tmp_path/"k.json")
    cfg = written(tmp_path/"k.json")
    host = "[::1]" if ip == "::1" else "127.0.0.1"
    with zmq.Context() as ctx, ctx.socket(zmq.REQ) as s:
        s.linger,s.rcvtimeo,s.ipv6 = 0,5000,ip == "::1"
        s.connect(f"tcp://{host}:{cfg['hb_port']}")
        s.send(b"ping")
        assert s.recv() == b"ping"

def test_no_ip_is_this_machine_alone(popen, tmp_path):
    (tmp_path/"k.json").write_text(json.dumps(dict(ip="", key="k")))
    popen("-f", tmp_path/"k.json")
    port = written(tmp_path/"k.json")["hb_port"]
    socket.create_connection(("127.0.0.1", port)).close()
    with pytest.raises(ConnectionRefusedError): socket.create_connection(("127.0.0.2", port))

def test_an_unknown_host_is_one_line_and_status_1(popen, tmp_path):
    (tmp_path/"k.json").write_text(json.dumps(dict(ip="nosuch.host.invalid", key="k")))
    one_line(popen("-f", tmp_path/"k.json"))

def test_a_runtime_folder_that_cannot_be_made_is_one_line_and_status_1(popen): one_line(popen(JUPYTER_RUNTIME_DIR="/proc/nosuch/runtime"))

# -- ipc

@pytest.mark.parametrize("numbers", ["given", "free"])
def test_ipc(begin, tmp_path, numbers):
    f = tmp_path/"k.json"
    nums = dict.fromkeys(ports, 0) if numbers == "free" else {p: i for i,p in enumerate(ports, 11)}
    f.write_text(json.dumps(dict(nums, transport="ipc", ip=str(tmp_path/"sock"), key="k")))
    proc = subprocess.Popen([sys.executable, "-m", "ipymini", "-f", str(f)], stdin=subprocess.DEVNULL)
    try:
        cfg = written(f)
        assert sorted(cfg[p] for p in ports) == (list(range(1, 6)) if numbers == "free" else list(range(11, 16)))
        until(lambda: len(list(tmp_path.glob("sock-*"))) == 5, "five sockets")
        kc = connect(f)
        assert kc.run("1+1").result == "2"
        kc.request("shutdown_request", {}, "control")
        assert proc.wait(5) == 0
        kc.stop_channels()
        assert [p.name for p in tmp_path.iterdir()] == ["k.json"]
    finally: proc.kill()

def test_ipc_with_a_relative_path(popen, tmp_path, monkeypatch):
    (tmp_path/"k.json").write_text(json.dumps(dict(transport="ipc", ip="rel", key="k")))
    p = popen("-f", "k.json")
    written(tmp_path/"k.json")
    monkeypatch.chdir(tmp_path)
    kc = connect(tmp_path/"k.json")
    kc.run("import os; os.chdir('/')")
    kc.request("shutdown_request", {}, "control")
    assert p.wait(5) == 0
    kc.stop_channels()
    assert [p.name for p in tmp_path.iterdir()] == ["k.json"]

def test_ipc_that_somebody_listens_on_is_one_line_and_status_1(popen, tmp_path):
    with socket.socket(socket.AF_UNIX) as s:
        s.bind(str(tmp_path/"sock-7"))
        s.listen()
        (tmp_path/"k.json").write_text(json.dumps(dict(transport="ipc", ip=str(tmp_path/"sock"), shell_port=7)))
        assert "in use" in one_line(popen("-f", tmp_path/"k.json"))

def test_ipc_files_of_a_kernel_that_was_killed_are_no_obstacle(popen, tmp_path):
    (tmp_path/"k.json").write_text(json.dumps(dict({p: i for i,p in enumerate(ports, 1)}, transport="ipc", ip=str(tmp_path/"sock"), key="k")))
    for _ in range(2):
        p = popen("-f", tmp_path/"k.json")
        kc = connect(tmp_path/"k.json")
        assert kc.run("1").status == "ok"
        kc.stop_channels()
        p.kill()
        p.wait(5)

# -- start

def test_starting_is_told_before_all_else_to_who_comes_within_the_start(begin, tmp_path):
    "And to those who are there already, once more"
    f,cfg = write_connection_file(str(tmp_path/"k.json"), key=b"k")
    with zmq.Context() as ctx, ctx.socket(zmq.SUB) as sub:
        sub.linger,sub.rcvtimeo = 0,10_000
        sub.setsockopt(zmq.RECONNECT_IVL, 1)
        sub.subscribe(b"")
        sub.connect(f"tcp://127.0.0.1:{cfg['iopub_port']}")
        kc = begin(file=f)
        kc.run("1")
        got = []
        while not (got and b'"idle"' in got[-1][-1]): got.append(sub.recv_multipart()[-6:])
    kinds = [(json.loads(g[2])["msg_type"], json.loads(g[5]).get("execution_state"), json.loads(g[3]) == {}) for g in got]
    own = [k for k in kinds if k[0] != "iopub_welcome"]
    told = [k for k in own if k[1] == "starting"]
    assert set(told) == {("status", "starting", True)}
    assert own[:len(told)] == told
    assert kinds[0][0] == "iopub_welcome"

def test_first_cell_is_1_and_a_new_process_has_a_new_session(begin):
    a,b = begin(),begin()
    ra,rb = a.run("1"),b.run("1")
    assert (ra.content["execution_count"], rb.content["execution_count"]) == (1, 1)
    assert ra.reply["header"]["session"] != rb.reply["header"]["session"]

def test_environment(begin):
    kc = begin(env=dict(TERM="dumb", PAGER="less", MPLBACKEND="agg"))
    r = kc.run("import os; [os.environ.get(k) for k in 'TERM CLICOLOR FORCE_COLOR CLICOLOR_FORCE PAGER GIT_PAGER MPLBACKEND'.split()]")
    assert r.result == repr(["xterm-color", "1", "1", "1", "cat", "cat", "agg"])

def test_matplotlib_is_inline_unless_told(begin):
    env = {k: v for k,v in os.environ.items() if k != "MPLBACKEND"}
    kc = begin(env=env)
    assert kc.run("import os; os.environ['MPLBACKEND'], 'matplotlib' in __import__('sys').modules").result == "('module://matplotlib_inline.backend_inline', False)"

def test_cwd_is_first_on_the_path(begin, tmp_path):
    (tmp_path/"here.py").write_text("x = 5")
    kc = begin(cwd=tmp_path)
    assert kc.run("import sys, here; sys.path[0], here.x").result == "('', 5)"

def test_ipython_configuration_startup_files_and_extensions(begin, tmp_path):
    d = tmp_path/"ipython/profile_default"
    (d/"startup").mkdir(parents=True)
    (d/"startup/10-a.py").write_text("started = ['a']")
    (d/"startup/20-b.ipy").write_text("%alias_magic -l tt time\nstarted.append('b')")
    (d/"startup/30-c.py").write_text("1/0")
    (d/"ipython_kernel_config.py").write_text("c.InteractiveShellApp.exec_lines = ['started.append(\"line\")']\nc.InteractiveShell.xmode = 'Plain'")
    (d/"ipython_config.py").write_text("c.InteractiveShellApp.extensions = ['ext_here']\nc.InteractiveShell.xmode = 'Minimal'")
    (tmp_path/"ext_here.py").write_text("def load_ipython_extension(ip): ip.push(dict(extended=True))")
    (tmp_path/"pystart.py").write_text("from_pythonstartup = 1")
    paths = os.pathsep.join(filter(None, [str(tmp_path), os.environ.get("PYTHONPATH")]))
    kc = begin(env=dict(IPYTHONDIR=str(tmp_path/"ipython"), PYTHONPATH=paths, PYTHONSTARTUP=str(tmp_path/"pystart.py")))
    assert kc.run("started, extended, from_pythonstartup, get_ipython().InteractiveTB.mode").result == "(['a', 'b', 'line'], True, 1, 'Plain')"
    assert "started" not in kc.run("%who").stdout

def test_session_name_is_known(begin): assert begin(env=dict(JPY_SESSION_NAME="/a/b.ipynb")).run("__session__").result == "'/a/b.ipynb'"

# -- the end

@pytest.mark.parametrize("restart", [False, True])
@pytest.mark.parametrize("channel", ["control", "shell"])
def test_shutdown(begin, channel, restart):
    kc = begin()
    kc.run("1")
    r = kc.request("shutdown_request", dict(restart=restart), channel)
    assert r.content == dict(status="ok", restart=restart)
    assert r.types == ["status", "shutdown_reply", "status"]
    assert r.of("shutdown_reply") == [r.content]
    assert r.states == ["busy", "idle"]
    assert kc.proc.wait(3) == 0

@pytest.mark.parametrize("code", ["while True: pass", "import time; time.sleep(60)", "import asyncio; await asyncio.sleep(60)"])
def test_shutdown_while_a_cell_runs(begin, code):
    kc = begin()
    id = kc.cell("print('on', flush=True)\n" + code)
    kc.wait(id, until=lambda r: r.stdout)
    r,status = shut(kc)
    assert (r.content["status"], status) == ("ok", 0)

def test_exit_in_a_cell(begin):
    kc = begin()
    kc.run("import atexit; atexit.register(print, 'at exit')")
    r = kc.run("exit")
    assert r.content["payload"] == [dict(source="ask_exit", keepkernel=False)]
    assert (r.status, r.idle) == ("ok", True)
    assert kc.proc.wait(5) == 0

def test_exit_leaves_clients_the_time_to_read_the_reply(begin):
    "jupyter_console drops the reply, and never ends, if it finds the process gone 50 ms after idle"
    kc = begin()
    kc.run("exit")
    with pytest.raises(subprocess.TimeoutExpired): kc.proc.wait(.06)
    assert kc.proc.wait(5) == 0

def test_exit_that_keeps_the_kernel(begin):
    kc = begin()
    assert kc.run("exit(True)").content["payload"] == [dict(source="ask_exit", keepkernel=True)]
    assert kc.run("1").result == "1"

def test_five_kernels_in_a_row_on_the_same_ports(begin, tmp_path):
    f,_ = write_connection_file(str(tmp_path/"k.json"), key=b"k")
    for _ in range(5):
        kc = begin(file=f)
        assert kc.run("1").content["execution_count"] == 1
        assert shut(kc)[1] == 0
        kc.stop_channels()
        assert os.path.exists(f)

def test_heartbeat_while_the_gil_is_held(begin):
    kc = begin()
    id = kc.cell("import ctypes; print('on', flush=True); ctypes.PyDLL(None).usleep(2_000_000)")
    kc.wait(id, until=lambda r: r.stdout)
    with kc.context.socket(zmq.REQ) as s:
        s.linger,s.rcvtimeo = 0,500
        s.connect(kc._make_url("hb"))
        s.send(b"ping")
        assert s.recv() == b"ping"
    assert kc.wait(id).status == "ok"

@pytest.mark.slow
def test_interrupting_an_idle_kernel_leaves_the_next_cell_alone(begin):
    "On one processor for kernel and client, where the signal is most likely to come late"
    cpus = os.sched_getaffinity(0)
    os.sched_setaffinity(0, [min(cpus)])
    try:
        kc = begin()
        for _ in range(400): assert (kc.interrupt("message").status, (r := kc.run("1")).status) == ("ok", "ok"), r
    finally: os.sched_setaffinity(0, cpus)

# -- history

@pytest.fixture(scope="module")
def hist(tmp_path_factory):
    "A kernel with cells in its history, behind one that had others"
    env = dict(IPYTHONDIR=str(tmp_path_factory.mktemp("hist")))
    old = start(env=env)
    for c in ("old_1 = 1", "'old 2'"): old.run(c, allow_stdin=True)
    shut(old)
    old.stop()
    kc = start(env=env)
    for c in ("a = 1", "a + 1", "print('x')", "a = 1", "1/0"): kc.run(c, allow_stdin=True)
    kc.run("'hidden'", store_history=False)
    kc.run("'silent'", silent=True)
    yield kc
    kc.stop()

def rows(hist, kind, **kw): return hist.request("history_request", dict(hist_access_type=kind, **kw)).content["history"]

def texts(hist, kind, **kw): return [r[2] for r in rows(hist, kind, **kw)]

def test_history_reply(hist): assert set(hist.request("history_request", dict(hist_access_type="tail", n=1)).content) == {"status", "history"}

def test_tail(hist):
    assert texts(hist, "tail", n=3) == ["print('x')", "a = 1", "1/0"]
    assert texts(hist, "tail", n=7) == ["old_1 = 1", "'old 2'", "a = 1", "a + 1", "print('x')", "a = 1", "1/0"]

@pytest.mark.parametrize("kw", [{}, dict(n=None), dict(n=1000)], ids=str)
def test_tail_without_a_limit(hist, kw): assert len(texts(hist, "tail", **kw)) == 7

def test_rows_have_session_line_and_input(hist):
    (s1,l1,_),(s2,l2,_) = rows(hist, "tail", n=7)[1:3]
    assert (s2-s1, l1, l2) == (1, 2, 1)

def test_output_comes_as_a_pair(hist): assert texts(hist, "range", session=0, start=2, stop=4, output=True) == [["a + 1", "2"], ["print('x')", None]]

@pytest.mark.parametrize("kw, got", [(dict(session=0, start=1, stop=3), ["a = 1", "a + 1"]), (dict(session=0, start=4), ["a = 1", "1/0"]),
    (dict(session=-1, start=1, stop=9), ["old_1 = 1", "'old 2'"]), (dict(start=2, stop=3), ["a + 1"])], ids=str)
def test_range(hist, kw, got): assert texts(hist, "range", **kw) == got

def test_rows_of_a_range_have_the_session_that_was_asked_for(hist):
    s = rows(hist, "tail", n=1)[0][0]
    assert rows(hist, "range", session=s, start=1, stop=2) == [[s, 1, "a = 1"]]
    assert rows(hist, "range", session=s-1, start=1, stop=2) == [[s-1, 1, "old_1 = 1"]]
    assert rows(hist, "range", session=0, start=1, stop=2) == [[0, 1, "a = 1"]]

@pytest.mark.parametrize("kw, got", [(dict(pattern="a = *"), ["a = 1", "a = 1"]), (dict(pattern="a = *", unique=True), ["a = 1"]), (dict(pattern="*", n=2), ["a = 1", "1/0"]),
    (dict(pattern="old*"), ["old_1 = 1"]), (dict(pattern="nosuch*"), [])], ids=str)
def test_search(hist, kw, got): assert texts(hist, "search", **kw) == got

def test_what_is_not_stored_never_appears(hist): assert not [t for t in texts(hist, "search", pattern="*") + texts(hist, "tail") if "hidden" in t or "silent" in t]

@pytest.mark.parametrize("kw", [dict(raw=False), dict(search_raw=True, nosuch=1), dict(output=None, raw=None)], ids=str)
def test_missing_and_unknown_keys(hist, kw): assert len(texts(hist, "tail", n=2, **kw)) == 2

def test_history_survives_a_shutdown_right_after_the_cell(hist): assert "'old 2'" in texts(hist, "tail")
