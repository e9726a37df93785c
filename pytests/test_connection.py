"The connection file, ports, addresses, ipc: of a kernel, and of the functions that read and write the file"
import json, os, pytest, socket, stat, subprocess, sys, zmq
from helpers import connect, dealer, until
from hypothesis import given, strategies as st
from ipymini.channels.channel import Channel
from ipymini.channels.connection import BadConnection, bind, read_connection, write_connection
from ipymini.wire import Wire
from jupyter_client.connect import write_connection_file
from odd_values import dumps, fuzz, values
from pathlib import Path
from processes import one_line, ports, written

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
        assert p.wait(20) == 0
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

def test_port_0_is_filled_in_and_the_rest_kept(own, tmp_path):
    f = tmp_path/"k.json"
    with socket.create_server(("127.0.0.1", 0)) as s: fixed = s.getsockname()[1]
    mine = dict(dict.fromkeys(ports, 0), stdin_port=fixed, key="ä", kernel_name="x", jupyter_session="/a.ipynb",
        other=dict(a=[1]))
    f.write_text(json.dumps(mine))
    f.chmod(0o644)
    proc = subprocess.Popen([sys.executable, "-m", "ipymini", "-f", str(f)], stdin=subprocess.DEVNULL)
    try:
        cfg = written(f)
        assert {k: v for k,v in cfg.items() if k in mine and k not in ports} == {k: v for k,
            v in mine.items() if k not in ports}
        assert cfg["stdin_port"] == fixed
        assert stat.S_IMODE(f.stat().st_mode) == 0o600
        kc = connect(f)
        kc.request("shutdown_request", {}, "control")
        assert proc.wait(20) == 0
        kc.stop_channels()
        assert f.exists()
    finally: proc.kill()

def test_defaults_for_what_the_file_leaves_out(popen, tmp_path):
    (tmp_path/"k.json").write_text("{}")
    popen("-f", tmp_path/"k.json")
    cfg = written(tmp_path/"k.json")
    assert (cfg["transport"], cfg["ip"], cfg["key"], cfg["signature_scheme"]) == ("tcp", "127.0.0.1", "", "hmac-sha256")

@pytest.mark.parametrize("scheme", ["hmac-md5", "hmac-sha512"])
def test_other_signature_schemes(own, tmp_path, scheme):
    f,_ = write_connection_file(str(tmp_path/"k.json"), key=b"secret", signature_scheme=scheme)
    kc = own(file=f)
    assert kc.session.signature_scheme == scheme
    assert kc.run("1").status == "ok"

def test_empty_key_signs_nothing(own, tmp_path):
    f,_ = write_connection_file(str(tmp_path/"k.json"), key=b"")
    kc = own(file=f)
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

def test_a_runtime_folder_that_cannot_be_made_is_one_line_and_status_1(popen):
    one_line(popen(JUPYTER_RUNTIME_DIR="/proc/nosuch/runtime"))

# -- ipc

@pytest.mark.parametrize("numbers", ["given", "free"])
def test_ipc(own, tmp_path, numbers):
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
        assert proc.wait(20) == 0
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
    assert p.wait(20) == 0
    kc.stop_channels()
    assert [p.name for p in tmp_path.iterdir()] == ["k.json"]

def test_ipc_that_somebody_listens_on_is_one_line_and_status_1(popen, tmp_path):
    with socket.socket(socket.AF_UNIX) as s:
        s.bind(str(tmp_path/"sock-7"))
        s.listen()
        (tmp_path/"k.json").write_text(json.dumps(dict(transport="ipc", ip=str(tmp_path/"sock"), shell_port=7)))
        assert "in use" in one_line(popen("-f", tmp_path/"k.json"))

def test_ipc_files_of_a_kernel_that_was_killed_are_no_obstacle(popen, tmp_path):
    (tmp_path/"k.json").write_text(json.dumps(dict({p: i for i,p in enumerate(ports, 1)}, transport="ipc",
        ip=str(tmp_path/"sock"), key="k")))
    for _ in range(2):
        p = popen("-f", tmp_path/"k.json")
        kc = connect(tmp_path/"k.json")
        assert kc.run("1").status == "ok"
        kc.stop_channels()
        p.kill()
        p.wait(20)

# -- the functions that read and write it

def a_file(tmp_path, o):
    "The path of a connection file that holds `o`, text or what becomes JSON"
    p = tmp_path/"k.json"
    p.write_text(o if isinstance(o, str) else json.dumps(o))
    return str(p)

full = dict(transport="ipc", ip="/tmp/x", key="é", signature_scheme="hmac-sha512", shell_port=1, iopub_port=2,
    stdin_port=3, control_port=4, hb_port=65535)

def test_a_full_file_is_read_as_it_is(tmp_path): assert read_connection(a_file(tmp_path, full)) == full

def test_what_is_left_out_gets_defaults(tmp_path):
    assert read_connection(a_file(tmp_path, {})) == dict(transport="tcp", ip="127.0.0.1", key="",
        signature_scheme="hmac-sha256",
        shell_port=0, iopub_port=0, stdin_port=0, control_port=0, hb_port=0)

def test_unknown_fields_are_kept(tmp_path):
    more = dict(full, kernel_name="x", jupyter_session="a.ipynb", other=[1])
    assert read_connection(a_file(tmp_path, more)) == more

bad_files = ["", "{", "[]", "null", "[" * 100_000, dict(shell_port="1"), dict(hb_port=-1), dict(hb_port=65536), dict(iopub_port=True),
    dict(stdin_port=None), dict(control_port=1.5),
    dict(key=None), dict(key=1), dict(ip=5), dict(ip=None), dict(transport="udp"), dict(transport=None), dict(signature_scheme=1)]
@pytest.mark.parametrize("content", bad_files, ids=lambda o: str(o)[:30])
def test_an_invalid_file_is_one_clear_line(tmp_path, content):
    path = a_file(tmp_path, content)
    with pytest.raises(BadConnection) as e: read_connection(path)
    assert path in str(e.value) and "\n" not in str(e.value)
    for k in content if isinstance(content, dict) else (): assert k in str(e.value)

def test_a_file_that_is_no_text_is_one_clear_line(tmp_path):
    (tmp_path/"k.json").write_bytes(b"\xff\xfe\0")
    with pytest.raises(BadConnection, match="k.json"): read_connection(str(tmp_path/"k.json"))

@pytest.mark.parametrize("name", ["missing.json", "."])
def test_a_file_that_cannot_be_read_is_one_clear_line(tmp_path, name):
    with pytest.raises(BadConnection, match="cannot read connection file"): read_connection(str(tmp_path/name))

def test_what_is_written_is_read_again_and_private(tmp_path):
    p = tmp_path/"k.json"
    p.write_text("{}")
    p.chmod(0o644)
    write_connection(str(p), full)
    assert read_connection(str(p)) == full
    assert stat.S_IMODE(p.stat().st_mode) == 0o600
    assert os.listdir(tmp_path) == ["k.json"]

def test_a_file_that_cannot_be_written_is_one_clear_line(tmp_path):
    with pytest.raises(BadConnection, match="cannot write connection file"):
        write_connection(str(tmp_path/"no/k.json"), full)

# -- addresses and keys that are odd

def bound(**kw):
    ctx = zmq.Context()
    ch = Channel("x", Wire(), ctx, None)
    try: bind(ch.sock, dict(dict(transport="tcp", ip="127.0.0.1", key="k", x_port=0), **kw), "x_port")
    finally:
        ch.sock.close(0)
        ctx.destroy(0)
        ch.waker.close()

@pytest.mark.parametrize("ip", ["256.1.1.1", "a b", "\0", "é", "\ud800", "x"*5000, "127.0.0.1:5", "*:*", "::", "[::1",
    "eth99", ";", "0", "-1", "1.2.3.4"], ids=ascii)
@pytest.mark.parametrize("transport", ["tcp", "ipc"])
def test_an_odd_address_is_bound_or_refused(transport, ip, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    try: bound(transport=transport, ip=ip)
    except BadConnection as e: assert "\n" not in str(e)

@pytest.mark.parametrize("keys", [("x", "x"), ("", "x"*40), (None, "x"*40), (5, 5), ("é"*40, "é"*40),
    ("\0"*40, "\0"*40), ("x"*41, "x"*41)], ids=ascii)
def test_odd_curve_keys_are_refused(keys):
    with pytest.raises(BadConnection): bound(curve_publickey=keys[0], curve_secretkey=keys[1])

# -- connection files that nobody expects

names = ("transport ip key signature_scheme shell_port iopub_port stdin_port " "control_port hb_port kernel_name "
    "jupyter_session curve_publickey curve_secretkey registration_ip registration_port x").split()

@given(st.dictionaries(st.sampled_from(names), values, max_size=6) | values)
@fuzz
def test_a_connection_file_is_read_or_refused(tmp_path_factory, o):
    path = tmp_path_factory.getbasetemp()/"odd.json"
    path.write_bytes(dumps(o))
    try: assert all(isinstance(v, int) for k,v in read_connection(path).items() if k in ports)
    except BadConnection as e: assert "\n" not in str(e)

@given(st.binary(max_size=200))
@fuzz
def test_any_bytes_are_no_connection_file(tmp_path_factory, b):
    path = tmp_path_factory.getbasetemp()/"odd.json"
    path.write_bytes(b"[" + b)
    with pytest.raises(BadConnection): read_connection(path)
