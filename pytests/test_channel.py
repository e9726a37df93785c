"A channel on its own: what it hands on, logs and survives"
import json, os, pytest, select, threading, time, zmq
from benches import bench, good
from collections import deque
from helpers import until
from ipymini.channels.channel import Channel, poller_of
from ipymini.channels.iopub import IOPub
from ipymini.wire import Wire, delim
from types import SimpleNamespace

def test_channel_hands_messages_on():
    with bench() as b:
        b.sock.send_multipart(good())
        b.until(lambda: b.got)
        assert (b.got[0].type, len(b.got[0].ids)) == ("execute_request", 1)

def test_channel_drops_what_is_bad_and_counts_it():
    with bench() as b:
        for frames in ([b"junk"], good()[:4], [delim, b"0"*64, *good()[2:]], good("2")): b.sock.send_multipart(frames)
        b.until(lambda: b.got)
        assert [m["msg_id"] for m in b.got] == ["2"]
        b.until(lambda: len(b.logged) == 2)
        assert b.logged[0] == "bench: dropped no <IDS|MSG> delimiter"
        assert b.logged[1] == "bench: dropped 2 messages, the last one: bad signature"

def test_a_flood_of_bad_messages_is_a_line_a_second():
    with bench() as b:
        begin = time.monotonic()
        for _ in range(5000): b.sock.send_multipart([b"junk"])
        b.sock.send_multipart(good())
        b.until(lambda: b.got)
        assert len(b.logged) <= 2+time.monotonic()-begin

def test_what_a_kernel_has_sent_is_dropped():
    "Anybody reads it on iopub; that of a kernel before this one had the same key"
    with bench() as b:
        for wire in (b.wire, Wire(b"secret")):
            b.sock.send_multipart(wire.pack("comm_open", dict(comm_id="x", target_name="y")))
        b.sock.send_multipart(good())
        b.until(lambda: b.got)
        assert [msg.type for msg in b.got] == ["execute_request"]

def test_channel_drops_a_replay_silently():
    with bench() as b:
        for frames in (good(), good(), good("2")): b.sock.send_multipart(frames)
        b.until(lambda: len(b.got) == 2)
        assert b.logged == []

def test_channel_sends_for_any_thread_in_order():
    with bench() as b:
        b.sock.send_multipart(good())
        b.until(lambda: b.got)
        def send(i):
            for j in range(200): b.ch.send([*b.got[0].ids, b"%d" % i, b"%d" % j])
        ts = [threading.Thread(target=send, args=(i,)) for i in range(3)]
        for t in ts: t.start()
        for t in ts: t.join(5)
        got = [b.sock.recv_multipart() for _ in range(600)]
        for i in range(3): assert [int(j) for n,j in got if int(n) == i] == list(range(200))

class Recorded(Channel):
    "A channel that notes what it transmits; `ours`: its thread is this one"
    def __init__(self, ours):
        self.ours = ours
        self.calls,self.sent = deque(),[]
        self.waker = SimpleNamespace(wake=lambda: None)

    def is_current(self): return self.ours
    def transmit(self, frames): self.sent.append(frames)

@pytest.mark.parametrize("ours, queued, sent", [(True, [], ["new"]), (True, ["old"], []), (False, [], [])])
def test_what_its_own_thread_sends_leaves_at_once_unless_something_is_queued(ours, queued, sent):
    ch = Recorded(ours)
    for frames in queued: ch.fence(lambda: ch.transmit(frames))
    ch.send("new")
    assert ch.sent == sent
    for call in ch.calls: call()
    assert ch.sent == [*queued, "new"]

def test_without_poll_as_on_windows_a_channel_waits_by_select(monkeypatch):
    monkeypatch.delattr(select, "poll")
    with bench() as b:
        b.sock.send_multipart(good())
        b.until(lambda: b.got)
        b.ch.send([*b.got[0].ids, b"reply"])
        assert b.sock.recv_multipart() == [b"reply"]

@pytest.mark.parametrize("has_poll", [True, False])
def test_what_is_over_is_not_waited_for(monkeypatch, has_poll):
    if not has_poll: monkeypatch.delattr(select, "poll")
    reader,writer = os.pipe()
    poller = poller_of([reader])
    assert poller.poll(0) == []
    os.close(writer)
    assert [fd for fd,_ in poller.poll(0)] == [reader]
    poller.unregister(reader)
    assert poller.poll(0) == []
    os.close(reader)

def test_fence_comes_behind_all_that_has_arrived():
    with bench() as b:
        for i in range(50): b.sock.send_multipart(good(str(i)))
        b.until(lambda: b.got)
        b.ch.fence(lambda: b.note(b.got)("fence"))
        b.until(lambda: "fence" in b.got)
        assert len(b.got) == 51
        assert b.got[-1] == "fence"

def test_stop_sends_what_is_queued_first():
    with bench() as b:
        b.sock.send_multipart(good())
        b.until(lambda: b.got)
        for i in range(100): b.ch.send([*b.got[0].ids, b"%d" % i])
        b.ch.stop()
        assert [int(b.sock.recv()) for _ in range(100)] == list(range(100))

def test_a_channel_that_dies_says_so():
    with bench() as b:
        def bad(): raise OSError("gone")
        b.ch.fence(bad)
        b.until(lambda: b.dead)
        assert str(b.dead[0]) == "gone"

def test_iopub_gathers_text_of_one_stream_and_keeps_the_order():
    with bench(cls=IOPub, client=zmq.SUB) as b:
        assert json.loads(b.sock.recv_multipart()[2])["msg_type"] == "iopub_welcome"
        for s in ("a", "b"): b.ch.text("stdout", None, s)
        b.ch.text("stderr", None, "c")
        b.ch.text("stdout", None, "d")
        b.ch.send(b.wire.pack("display_data", {}, ids=[b"t"]))
        b.ch.text("stdout", None, "e")
        got = []
        while len(got) < 5:
            f = b.sock.recv_multipart()
            got.append((f[0].decode(), json.loads(f[6]).get("text")))
        assert got == [("stream.stdout", "ab"), ("stream.stderr", "c"), ("stream.stdout", "d"), ("t", None),
            ("stream.stdout", "e")]

def test_what_can_be_read_for_ever_is_looked_at_once_if_it_is_over():
    "As the end of the launcher, or of stdin"
    seen = []
    class Watching(Channel):
        def set_options(self):
            super().set_options()
            self.watch(reader, self.see)

        def see(self):
            seen.append(os.read(reader, 1))
            return True

    reader,writer = os.pipe()
    os.close(writer)
    with bench(cls=Watching) as b:
        until(lambda: seen, "the end of the pipe")
        b.sock.send_multipart(good())
        b.until(lambda: b.got)
        assert seen == [b""]
    os.close(reader)

def test_all_that_has_arrived_is_handed_on_though_no_more_comes(monkeypatch):
    "zmq tells once of what has come, and a channel takes some of it before it looks at what else there is to do"
    monkeypatch.setattr("ipymini.limits.in_a_row", 3)
    with bench() as b:
        arrived = threading.Event()
        b.ch.fence(lambda: arrived.wait(60))
        for i in range(20): b.sock.send_multipart(good(str(i)))
        arrived.set()
        b.until(lambda: len(b.got) == 20)
