"What of a kernel others on the machine or the network can reach: addresses, keys, sockets of ipc, the file with the key, registration"
import json, os, pytest, socket, stat, struct, zmq
from helpers import listed, root
from ipymini import limits
from ipymini.channels.connection import BadConnection, ports, register, write_connection
from ipymini.wire import Wire
from pathlib import Path
from processes import one_line, written
from strangers import as_stranger, needs_root
from threading import Thread

def file(folder, **settings):
    path = folder/"k.json"
    path.write_text(json.dumps(settings))
    return path

# -- addresses and keys

@pytest.mark.parametrize("ip", ["0.0.0.0", "*"])
def test_an_empty_key_where_the_network_reaches_us_is_refused(popen, tmp_path, ip):
    said = one_line(popen("-f", file(tmp_path, ip=ip)))
    assert "empty key" in said and ip in said

def test_no_encryption_where_the_network_reaches_us_is_a_line_in_the_log(popen, tmp_path):
    kernel = popen("-f", file(tmp_path, ip="0.0.0.0", key="k"))
    assert "not encrypted" in kernel.stderr.readline()

@pytest.mark.parametrize("settings", [dict(ip="127.0.0.1"), dict(ip="localhost"), dict(encrypted=True, ip="0.0.0.0"),
    dict(transport="ipc", ip="socket")], ids=str)
def test_what_no_network_reads_is_no_line_in_the_log(popen, tmp_path, settings):
    if settings.pop("encrypted", False):
        public,secret = zmq.curve_keypair()
        settings |= dict(curve_publickey=public.decode(), curve_secretkey=secret.decode())
    path = file(tmp_path, key="k", **settings)
    kernel = popen("-f", path)
    written(path)
    kernel.kill()
    assert kernel.communicate(timeout=60)[1] == ""

# -- ipc

def test_sockets_of_ipc_are_this_users_whatever_the_umask(popen, tmp_path):
    path = file(tmp_path, transport="ipc", ip=str(tmp_path/"socket"), key="k")
    before = os.umask(0)
    try: popen("-f", path)
    finally: os.umask(before)
    written(path)
    assert {stat.S_IMODE(each.stat().st_mode) for each in tmp_path.glob("socket-*")} == {0o700}

@needs_root
def test_a_stranger_reaches_no_socket_of_ipc(popen, shared):
    path = file(shared, transport="ipc", ip=str(shared/"socket"), key="k")
    before = os.umask(0)
    try: popen("-f", path, cwd=shared)
    finally: os.umask(before)
    numbers = written(path)
    code = """
for name in args:
    with socket.socket(socket.AF_UNIX) as sock:
        try: print(sock.connect(name))
        except PermissionError: print("refused")"""
    assert as_stranger(shared, code, *[f"socket-{numbers[port]}" for port in ports]) == "refused\n"*5

@pytest.mark.parametrize("what", ["file", "link", "folder"])
def test_what_is_no_socket_is_left_where_a_socket_of_ipc_would_go(popen, tmp_path, what):
    place = tmp_path/"socket-7"
    (tmp_path/"precious").write_text("words")
    if what == "file": place.write_text("words")
    elif what == "link": place.symlink_to(tmp_path/"precious")
    else: place.mkdir()
    said = one_line(popen("-f", file(tmp_path, transport="ipc", ip=str(tmp_path/"socket"), shell_port=7)))
    assert "no socket" in said
    assert place.is_dir() or place.read_text() == "words"

# -- the connection file

@needs_root
def test_the_key_goes_into_no_file_of_a_stranger(shared):
    "Who knows the folder and the number of our process"
    as_stranger(shared, "open(args[0], 'w').close(); os.chmod(args[0], 0o666); os.link(args[0], 'his')",
        f"k.json.{os.getpid()}")
    write_connection(str(shared/"k.json"), dict(key="the key"))
    assert "the key" in (shared/"k.json").read_text()
    assert (shared/"his").read_text() == ""

def test_a_link_where_the_connection_file_goes_is_replaced(tmp_path):
    (tmp_path/"precious").write_text("words")
    (tmp_path/"k.json").symlink_to(tmp_path/"precious")
    write_connection(str(tmp_path/"k.json"), dict(key="the key"))
    assert (tmp_path/"precious").read_text() == "words" and not (tmp_path/"k.json").is_symlink()

def test_a_connection_file_that_cannot_be_put_in_place_leaves_nothing(tmp_path):
    (tmp_path/"k.json").mkdir()
    with pytest.raises(BadConnection): write_connection(str(tmp_path/"k.json"), dict(key="the key"))
    assert [each.name for each in tmp_path.iterdir()] == ["k.json"]

# -- registration: JEP 66

def test_a_registry_that_echoes_has_not_acknowledged():
    "It needs no key for that"
    with zmq.Context() as context, context.socket(zmq.ROUTER) as registry:
        registry.linger = 0
        port = registry.bind_to_random_port("tcp://127.0.0.1")
        Thread(target=lambda: registry.send_multipart(registry.recv_multipart())).start()
        settings = dict.fromkeys(ports, 1) | dict(registration_ip="127.0.0.1", registration_port=port)
        with pytest.raises(BadConnection, match="the registration itself"): register(context, Wire(b"k"), settings)

# -- limits

@pytest.fixture
def raw(own_kc):
    "A function that begins a connection to a channel as any stranger can: with zmq's greeting, and nothing of a key"
    made = []
    def begin(channel):
        port = json.loads(Path(own_kc.file).read_text())[f"{channel}_port"]
        made.append(socket.create_connection(("127.0.0.1", port), timeout=60))
        ready = b"\5READY\x0bSocket-Type" + struct.pack(">I", 6) + b"DEALER"
        made[-1].sendall(b"\xff" + bytes(8) + b"\x7f\3\0NULL" + bytes(48) + bytes([4, len(ready)]) + ready)
        return made[-1]
    yield begin
    for sock in made: sock.close()

def is_cut_off(sock):
    "True once the kernel has closed the connection; False if it has not within 10 s"
    try:
        while sock.recv(65536): pass
    except TimeoutError: return False
    except ConnectionError: pass
    return True

@pytest.mark.parametrize("channel", ["shell", "control", "stdin"])
def test_who_sends_too_large_a_frame_is_cut_off(raw, channel):
    sock = raw(channel)
    sock.sendall(b"\2" + struct.pack(">Q", limits.frame+1) + b"x")
    assert is_cut_off(sock)

@pytest.mark.slow
def test_a_frame_as_large_as_may_be_is_waited_for(raw):
    sock = raw("shell")
    sock.settimeout(1)
    sock.sendall(b"\2" + struct.pack(">Q", limits.frame) + b"x")
    assert not is_cut_off(sock)

def test_more_subshells_than_may_be_are_refused(own_kc):
    own_kc.run("import ipymini.limits; ipymini.limits.subshells = 2")
    assert [own_kc.request("create_subshell_request", channel="control").status for _ in range(3)] == ["ok", "ok",
        "error"]
    own_kc.request("delete_subshell_request", dict(subshell_id=listed(own_kc)[0]), "control")
    assert own_kc.request("create_subshell_request", channel="control").status == "ok"

def test_the_page_on_security_tells_the_limits():
    page = (root/"docs/security.md").read_text()
    told = dict(frame=f"{limits.frame>>30} GiB", topic=f"{limits.topic>>10} KiB", handshake=f"{limits.handshake} s",
        in_a_row=f"{limits.in_a_row:,}", signatures=f"{limits.signatures:,}", subshells=f"{limits.subshells:,}")
    assert told.keys() == {name for name in vars(limits) if not name.startswith("_")}
    rows = page.partition("## Limits")[2].splitlines()
    assert [row.split(" | ")[1].split(" |")[0].split(";")[0] for row in rows
        if row.startswith("| ")][1:] == list(told.values())
