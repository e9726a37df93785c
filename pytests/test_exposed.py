"What of a kernel others on the machine or the network can reach: addresses, keys, sockets of ipc, the file with the key, registration"
import json, os, pytest, stat, zmq
from ipymini.channels.connection import BadConnection, ports, register, write_connection
from ipymini.wire import Wire
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
    shared.chmod(0o1777)  # as /tmp is
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

def test_a_folder_where_others_may_replace_a_socket_is_refused(popen, shared):
    said = one_line(popen("-f", file(shared, transport="ipc", ip=str(shared/"socket"), key="k"), cwd=shared))
    assert f"other users may replace files in {shared}" in said

@needs_root
def test_a_folder_of_a_stranger_is_refused_for_sockets(popen, shared, tmp_path):
    as_stranger(shared, "os.mkdir('his', 0o755)")
    said = one_line(popen("-f", file(tmp_path, transport="ipc", ip=str(shared/"his/socket"), key="k")))
    assert f"other users may replace files in {shared/'his'}" in said

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
