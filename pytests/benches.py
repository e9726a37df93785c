"Frames with a good signature, and a channel on a bench: without a kernel, a client of it, what it logged and handed on"
import hmac, threading, zmq
from contextlib import contextmanager
from hypothesis import strategies as st
from ipymini.channels.channel import Channel
from ipymini.wire import Wire, delim, encode

ids = st.lists(st.binary(max_size=8).filter(lambda b: b != delim), max_size=3)
bufs = st.lists(st.binary(max_size=20), max_size=3)

def signed(*parts, key=b"secret", ids=(), bufs=()):
    "Frames with a good signature around whatever `parts` are"
    return [*ids, delim, hmac.new(key, b"".join(parts), "sha256").hexdigest().encode(), *parts, *bufs]

def good(id="1", type="execute_request", **kw):
    head = encode(dict(msg_id=id, msg_type=type, session="s", username="u", date="2026-01-01T00:00:00.000000Z",
        version="5.5", **kw))
    return signed(head, b"{}", b"{}", b'{"code":"1"}')

class Bench:
    "A channel on a socket of its own, a client of it, and what it logged and handed on"
    def __init__(self, ctx, cls=Channel, client=zmq.DEALER, key=b"secret"):
        self.wire,self.logged,self.got,self.dead = Wire(key),[],[],[]
        self.news = threading.Condition()
        self.ch = cls("bench", self.wire, ctx, self.note(self.logged), self.note(self.got), lambda ch, e: self.note(self.dead)(e))
        self.ch.sock.bind("inproc://bench")
        self.sock = ctx.socket(client)
        self.sock.linger,self.sock.rcvtimeo = 0,5000

    def note(self, into):
        def add(o):
            with self.news:
                into.append(o)
                self.news.notify_all()
        return add

    def until(self, cond):
        with self.news:
            assert self.news.wait_for(cond, 5), f"5 s passed: got {self.got}, logged {self.logged}, dead {self.dead}"

@contextmanager
def bench(**kw):
    ctx = zmq.Context()
    b = Bench(ctx, **kw)
    b.sock.connect("inproc://bench")
    if kw.get("client") == zmq.SUB: b.sock.setsockopt(zmq.SUBSCRIBE, b"")
    b.ch.start()
    try: yield b
    finally:
        b.ch.stop()
        b.ch.join(5)
        b.sock.close(0)
        ctx.destroy(0)
        assert not b.ch.is_alive()
