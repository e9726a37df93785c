"Encrypted sockets, with jupyter_client's `transport_encryption` as the client; and ports that the kernel picks and registers, with a small registration server"
import hmac, json, os, shutil, socket, stat, subprocess, sys, zmq
from contextlib import contextmanager
from pathlib import Path
from jupyter_client import KernelManager
from jupyter_client.kernelspec import KernelSpecManager
import pytest
from helpers import connect, root, until

channels = "shell control stdin iopub hb".split()

@contextmanager
def managed(folder, **kw):
    "A manager and a client of a kernel that they have started by our kernel.json"
    shutil.copytree(root/"share/jupyter/kernels/ipymini", folder/"spec/ipymini")
    km = KernelManager(kernel_name="ipymini", kernel_spec_manager=KernelSpecManager(kernel_dirs=[str(folder/"spec")]),
        connection_file=str(folder/"k.json"), **kw)
    km.kernel_spec.argv[0] = sys.executable
    km.start_kernel(stderr=subprocess.DEVNULL)
    kc = km.client()
    kc.start_channels()
    try:
        kc.wait_for_ready(timeout=60)
        yield km,kc
    finally:
        kc.stop_channels()
        km.shutdown_kernel(now=True)

def run(kc, code, **kw):
    "What a cell prints"
    out = []
    kc.execute_interactive(code, timeout=60, output_hook=lambda m: out.append(m["content"].get("text", "")), **kw)
    return "".join(out)

@pytest.fixture(scope="module", params=["tcp", "ipc"])
def secure(request, tmp_path_factory):
    with managed(tmp_path_factory.mktemp("k"), transport_encryption="required", transport=request.param) as o: yield o

def test_the_file_has_keys_and_is_the_owners(secure):
    km,_ = secure
    assert len(json.loads(Path(km.connection_file).read_text())["curve_secretkey"]) == 40
    assert stat.S_IMODE(os.stat(km.connection_file).st_mode) == 0o600

def test_cells_and_output(secure): assert run(secure[1], "print('x' * 300_000)") == "x"*300_000 + "\n"

def test_input(secure):
    _,kc = secure
    assert run(kc, "print(input('? '))", allow_stdin=True, stdin_hook=lambda m: kc.input("line")) == "line\n"

def test_control(secure):
    _,kc = secure
    kc.control_channel.send(kc.session.msg("kernel_info_request", {}))
    assert kc.get_control_msg(timeout=10)["content"]["status"] == "ok"

def test_heartbeat(secure):
    _,kc = secure
    kc.hb_channel.unpause()
    until(kc.hb_channel.is_beating, "a heartbeat")

refused = zmq.EVENT_HANDSHAKE_FAILED_NO_DETAIL, zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL, zmq.EVENT_HANDSHAKE_FAILED_AUTH, zmq.EVENT_DISCONNECTED

@pytest.mark.parametrize("ch", channels)
@pytest.mark.parametrize("keys", ["none", "another server's", "another client's"])
def test_who_may_talk(secure, ch, keys):
    "Who knows the server's public key, which only the connection file tells"
    km,kc = secure
    with kc.context.socket(dict(hb=zmq.REQ, iopub=zmq.SUB).get(ch, zmq.DEALER)) as sock:
        sock.linger = 0
        if keys != "none":
            public,secret = zmq.curve_keypair()
            sock.curve_publickey,sock.curve_secretkey,sock.curve_serverkey = public,secret,km.curve_publickey if keys == "another client's" else public
        events = sock.get_monitor_socket()
        sock.connect(kc._make_url(ch))
        good = bad = False
        from zmq.utils.monitor import recv_monitor_message
        while not (good or bad):
            assert events.poll(10_000), "10 s passed: waited for a handshake"
            e = recv_monitor_message(events)["event"]
            good,bad = e == zmq.EVENT_HANDSHAKE_SUCCEEDED, e in refused
        sock.disable_monitor()
    assert good == (keys == "another client's")
    assert run(kc, "print('on')") == "on\n"

def test_nothing_can_be_read_on_the_wire(tmp_path):
    "A relay between client and kernel sees neither code nor output"
    import threading
    with managed(tmp_path, transport_encryption="required") as (km,kc):
        seen,listener = bytearray(),socket.create_server(("127.0.0.1", 0))
        def pump(a, b):
            while data := a.recv(65536):
                seen.extend(data)
                b.sendall(data)
        def relay():
            a,_ = listener.accept()
            b = socket.create_connection(("127.0.0.1", km.shell_port))
            for o in ((a, b), (b, a)): threading.Thread(target=pump, args=o, daemon=True).start()
        threading.Thread(target=relay, daemon=True).start()
        with kc.context.socket(zmq.DEALER) as sock:
            sock.linger,sock.rcvtimeo = 0,60_000
            sock.curve_publickey,sock.curve_secretkey = zmq.curve_keypair()
            sock.curve_serverkey = km.curve_publickey
            sock.connect(f"tcp://127.0.0.1:{listener.getsockname()[1]}")
            sock.send_multipart(kc.session.serialize(kc.session.msg("execute_request", dict(code="1/0 # secret"))))
            assert b"execute_reply" in sock.recv_multipart()[2]
        listener.close()
    assert len(seen) > 1000
    assert not any(w in seen for w in (b"secret", b"execute_request", b"ZeroDivision"))

def test_without_encryption_nothing_changes(tmp_path):
    with managed(tmp_path, transport_encryption="disabled") as (km,kc):
        assert not json.loads(Path(km.connection_file).read_text()).get("curve_secretkey")
        assert run(kc, "print('on')") == "on\n"

def test_a_restart_keeps_the_keys(tmp_path):
    with managed(tmp_path, transport_encryption="required") as (km,kc):
        km.restart_kernel(now=True)
        kc.wait_for_ready(timeout=60)
        assert run(kc, "print('on')") == "on\n"

# -- registration: JEP 66

@pytest.fixture
def registry(tmp_path):
    "A registration server, and a function that starts a kernel which is told of it and gives its process; what the kernel sends is in `got`"
    class Registry: procs = []
    r = Registry()
    r.ctx = zmq.Context()
    r.sock = r.ctx.socket(zmq.ROUTER)
    r.sock.linger,r.sock.rcvtimeo = 0,60_000
    r.cfg = dict(kernel_id="the id", transport="tcp", ip="127.0.0.1", registration_ip="127.0.0.1",
        registration_port=r.sock.bind_to_random_port("tcp://127.0.0.1"), signature_scheme="hmac-sha256", key="k")
    def begin(**kw):
        (tmp_path/"r.json").write_text(json.dumps(dict(r.cfg, **kw)))
        cmd,env = [sys.executable, "-m", "ipymini", "-f", str(tmp_path/"r.json")],{**os.environ,
            "JPY_PARENT_PID": str(os.getpid())}
        r.procs.append(subprocess.Popen(cmd, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True, env=env))
        return r.procs[-1]
    r.begin,r.file = begin,tmp_path/"r.json"
    yield r
    for p in r.procs:
        p.kill()
        p.communicate(timeout=60)
    r.ctx.destroy(0)

def sign(b, key=b"k"): return hmac.new(key, b, "sha256").hexdigest().encode()

def ack(r, key=b"k"):
    "Read the registration and acknowledge it; the ports"
    id,delim,sig,content = r.sock.recv_multipart()
    assert (delim, sig) == (b"<IDS|MSG>", sign(content))
    r.sock.send_multipart([id, delim, sign(b"ACK", key), b"ACK"])
    return json.loads(content)

def test_the_kernel_registers_the_ports_it_picked(registry, tmp_path):
    p = registry.begin()
    c = ack(registry)
    assert c["kernel_id"] == "the id"
    assert len({int(c[f"{ch}_port"]) for ch in channels}) == 5
    (tmp_path/"client.json").write_text(json.dumps(dict(registry.cfg,
        **{k: int(v) for k,v in c.items() if k.endswith("_port")})))
    kc = connect(tmp_path/"client.json")
    try:
        assert kc.run("6*7").result == "42"
        kc.request("shutdown_request", {}, "control")
        assert p.wait(10) == 0
    finally: kc.stop_channels()

def test_the_registration_file_is_left_as_it_was(registry):
    registry.begin()
    before = registry.file.read_text()
    ack(registry)
    assert registry.file.read_text() == before

def test_an_acknowledgement_with_another_key_ends_the_kernel(registry):
    p = registry.begin()
    ack(registry, b"wrong")
    err = p.communicate(timeout=60)[1]
    assert (p.returncode, err.count("\n")) == (1, 1) and "signature" in err

@pytest.mark.parametrize("kw",
    [dict(registration_ip="no such host"), dict(registration_port="x"), dict(registration_port=None),
        dict(registration_ip="\ud800")], ids=ascii)
def test_an_odd_registration_address_is_one_line_and_status_1(registry, kw):
    p = registry.begin(**kw)
    err = p.communicate(timeout=60)[1]
    assert (p.returncode, err.count("\n")) == (1, 1) and err.startswith("ipymini: ")

@pytest.mark.slow
def test_a_registry_that_says_nothing_is_given_up(registry):
    p = registry.begin()
    err = p.communicate(timeout=60)[1]
    assert (p.returncode, err.count("\n")) == (1, 1) and "no acknowledgement" in err
