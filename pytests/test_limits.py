"""How much a kernel takes, of strangers and of those who have its key: each limit of ipymini/limits.py

`raw` speaks zmq's protocol byte by byte, as strangers may who do not keep to what libzmq sends."""
import pytest, socket, struct, threading
from benches import bench, good
from helpers import listed, patience, root, until
from ipymini import limits

@pytest.fixture
def raw(own_kc):
    "A function that begins a connection to a channel as any stranger can: with zmq's greeting, and nothing of a key"
    made = []
    def begin(channel):
        kind = b"XSUB" if channel == "iopub" else b"DEALER"
        made.append(socket.create_connection(("127.0.0.1", getattr(own_kc, f"{channel}_port")), timeout=60))
        ready = b"\5READY\x0bSocket-Type" + struct.pack(">I", len(kind)) + kind
        made[-1].sendall(b"\xff" + bytes(8) + b"\x7f\3\0NULL" + bytes(48) + bytes([4, len(ready)]) + ready)
        said = b""
        while b"Socket-Type" not in said: said += made[-1].recv(1000)  # what is sent before is no message
        return made[-1]
    yield begin
    for sock in made: sock.close()

def is_cut_off(sock):
    "True once the kernel has closed the connection; False if it has not within a minute"
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

@pytest.mark.parametrize("channel", ["iopub", "hb"])
def test_who_sends_too_large_a_topic_or_heartbeat_is_cut_off(raw, channel):
    sock = raw(channel)
    sock.sendall(b"\2" + struct.pack(">Q", limits.topic+1) + b"\1")
    assert is_cut_off(sock)

@pytest.mark.slow
@pytest.mark.parametrize("channel", ["shell", "iopub", "hb"])
def test_a_connection_that_says_nothing_is_closed(own_kc, channel):
    with socket.create_connection((own_kc.ip, getattr(own_kc, f"{channel}_port")), timeout=60) as sock: assert is_cut_off(sock)

@pytest.mark.slow
def test_messages_that_nobody_reads_wait_with_who_sends_them(own_kc, raw):
    "While a cell holds the GIL; the system takes some megabytes of its own"
    sock = raw("shell")
    sock.settimeout(1)
    id = own_kc.cell("import ctypes; ctypes.PyDLL(None).sleep(8)")
    own_kc.wait(id, until=lambda result: "execute_input" in result.types)
    message = b"\0\xff" + b"x"*255
    sent = 0
    with pytest.raises(TimeoutError):
        while sent < 100e6: sent += sock.send(message*200)
    assert sent < 40e6

# -- of who has the key

def test_in_a_flood_replies_get_their_turn(monkeypatch):
    "A reply waits for two rows at most: one of them was begun before the channel looked who had roused it"
    monkeypatch.setattr(limits, "in_a_row", 3)
    taken,turns = [],[]  # the messages; how many of them were taken when each reply got its turn
    all_sent = threading.Event()
    with bench() as b:
        def on_msg(msg):
            taken.append(msg)
            b.ch.fence(lambda: turns.append(len(taken)))
        b.ch.on_msg = on_msg
        b.ch.fence(lambda: all_sent.wait(patience))
        for number in range(20): b.sock.send_multipart(good(str(number)))
        all_sent.set()
        until(lambda: len(turns) == 20, "a turn for each reply")
    assert turns[0] <= 6 and turns[-1] == 20

def test_more_subshells_than_may_be_are_refused(own_kc):
    own_kc.run("import ipymini.limits; ipymini.limits.subshells = 2")
    assert [own_kc.request("create_subshell_request", channel="control").status for _ in range(3)] == ["ok", "ok", "error"]
    own_kc.request("delete_subshell_request", dict(subshell_id=listed(own_kc)[0]), "control")
    assert own_kc.request("create_subshell_request", channel="control").status == "ok"

def test_a_cell_that_opens_more_comms_than_may_be_hears_of_it(own_kc):
    own_kc.run("import ipymini.limits; ipymini.limits.comms = 2; import comm")
    error = own_kc.run("for _ in range(3): comm.create_comm(target_name='x')").error
    assert error["evalue"] == "there are 2 comms already: close some, or widgets, before"

def test_a_comm_that_is_one_too_many_is_not_opened(own_kc):
    own_kc.run("import comm, ipymini.limits; ipymini.limits.comms = 1; comm.get_comm_manager().register_target('x', print)")
    assert own_kc.request("comm_open", dict(comm_id="one", target_name="x", data={})).stderr == ""
    assert own_kc.request("comm_open", dict(comm_id="two", target_name="x", data={})).stderr.startswith("The comm was not opened: there are 1 comms")
    assert list(own_kc.request("comm_info_request").content["comms"]) == ["one"]
    own_kc.request("comm_close", dict(comm_id="one", data={}))
    assert own_kc.request("comm_open", dict(comm_id="two", target_name="x", data={})).stderr == ""

def test_the_page_on_security_tells_the_limits():
    page = (root/"docs/security.md").read_text()
    told = dict(frame=f"{limits.frame>>30} GiB", topic=f"{limits.topic>>10} KiB", handshake=f"{limits.handshake} s",
        queue=f"{limits.queue:,}", in_a_row=f"{limits.in_a_row:,}", signatures=f"{limits.signatures:,}", subshells=f"{limits.subshells:,}",
        comms=f"{limits.comms:,}")
    assert told.keys() == {name for name in vars(limits) if not name.startswith("_")}
    rows = page.partition("## Limits")[2].splitlines()
    assert [row.split(" | ")[1].split(" |")[0].split(";")[0] for row in rows if row.startswith("| ")][1:] == list(told.values())
