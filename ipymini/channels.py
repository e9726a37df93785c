"""The sockets: heartbeat, shell, control, stdin and iopub, one class each over one `Channel` thread. The only user of zmq.

A channel's thread alone touches its socket, and waits in one place, `poll`. Others may call `send`, `fence`, `stop`, `ask` and `answer` of stdin, `text`,
`flush` and `wait_for_room` of iopub. Read `Channel`, then `IOPub`, which gathers text and slows a writer down to the pace of the slowest reader."""
import os, zmq
from collections import deque
from json import loads
from socket import socket, socketpair
from threading import Event, RLock, Thread, get_ident
from time import monotonic
from zmq.backend import Socket

from .wire import BadConnection, BadMessage, Duplicate, delim, encode, ports

first_delay = .001     # seconds: a printed line is several writes, they go out as one message,
line_delay = .008      # which an unfinished line may wait for
gather_delay = .022    # seconds between two messages of one stream, and
flushes = 5            # messages that `flush` may send in between, until a second has passed in silence: 50 in any second
orderly = 1000         # changes from one stream to the other that keep their order at once, and half of them a second: readers take 1,000 messages a second
piece = 2**18          # characters of text in a stream message, at most
queue_limit = 2**25    # bytes queued here before a writer waits; zmq's own queue, below, is the other half of the 64 MB
reader_queue = 32      # messages that zmq queues for one reader
patience = 10_000      # ms that a reader who does not read may hold up the others

# pyzmq's Python layer over these costs more than they do; as ints its constants are not enums that it has to make
Context,send,recv,get = zmq.Context,Socket.send,Socket.recv,Socket.get
events,pollin,rcvmore,sndmore = map(int, (zmq.EVENTS, zmq.POLLIN, zmq.RCVMORE, zmq.SNDMORE))

class Channel(Thread):
    "A socket and the only thread that touches it; sleeps in `poll` until the wire or `wake` rouses it"
    kind = zmq.ROUTER

    def __init__(self, name, wire, ctx, log, on_msg=None, on_death=None):
        super().__init__(name=name, daemon=True)
        self.pydev_do_not_trace = self.is_pydev_daemon_thread = True  # the debugger must never stop this thread
        self.wire,self.log,self.on_msg,self.on_death = wire,log,on_msg,on_death
        self.outq,self.closing,self.roused,self.watched = deque(),False,False,{}
        self.wake_r,self.wake_w = socketpair()
        for s in (self.wake_r, self.wake_w): s.setblocking(False)
        self.watch(self.wake_r.fileno(), self.woken)
        self.sock = ctx.socket(self.kind)
        self.options(self.sock)

    def options(self, sock): sock.router_handover = 1  # who reconnects under his old identity gets his replies

    def bind(self, cfg, port):
        "Bind to `cfg[port]`, or to a free port that is then written there. Raises: BadConnection"
        if cfg.get("curve_secretkey") or cfg.get("curve_publickey"): self.encrypt(cfg)
        (self.bind_ipc if cfg["transport"] == "ipc" else self.bind_tcp)(cfg, port)

    def bind_tcp(self, cfg, port):
        ip = cfg["ip"] or "*"
        if ":" in ip: ip,self.sock.ipv6 = f"[{ip}]",1
        self.bind_url(port, f"tcp://{ip}:{cfg[port] or '*'}")
        cfg[port] = int(self.sock.last_endpoint.rsplit(b":", 1)[1].rstrip(b"\0"))

    def bind_ipc(self, cfg, port):
        n = cfg[port] or next(i for i in range(1, 65536) if not os.path.exists(f"{cfg['ip']}-{i}"))
        path = f"{cfg['ip']}-{n}"
        if os.path.exists(path) and listens(path): raise BadConnection(f"cannot bind {port} to ipc://{path}: Address already in use")
        self.bind_url(port, f"ipc://{path}")
        cfg[port] = n

    def bind_url(self, port, url):
        try: self.sock.bind(url)
        except (zmq.ZMQError, UnicodeError) as e: raise BadConnection(f"cannot bind {port} to {url}: {getattr(e, 'strerror', e)}") from None

    def encrypt(self, cfg):
        "Make this a CURVE server with the key pair in `cfg`. Raises: BadConnection"
        for k in ("curve_publickey", "curve_secretkey"):
            v = cfg.get(k)
            try: setattr(self.sock, k, v.encode())
            except (AttributeError, UnicodeEncodeError, zmq.ZMQError):
                raise BadConnection(f"{k} in the connection file is not a key of 40 Z85 characters") from None
        self.sock.curve_server = 1

    def watch(self, fd, f):
        "Call `f` on this thread whenever `fd` can be read; call this before `start`"
        self.watched[fd] = f

    def send(self, frames):
        "Queue `frames`, from any thread"
        self.outq.append(frames)
        self.wake()

    def fence(self, f):
        "Call `f` on this thread once all that has arrived by now is handed on"
        self.send(f)

    def stop(self):
        "End the thread when its queue is empty"
        self.closing = True
        self.wake()

    def wake(self):
        if self.roused: return
        self.roused = True
        try: self.wake_w.send(b"\0")
        except BaseException:  # an interrupt: nobody would wake the thread ever after
            self.roused = False
            raise

    def woken(self):
        self.wake_r.recv(64)
        self.roused = False

    def run(self):
        try: self.serve()
        except Exception as e:
            if not self.closing: self.on_death(self, e)
        finally: self.sock.close(200)

    def serve(self):
        poller = zmq.Poller()
        for o in (self.sock, *self.watched): poller.register(o, zmq.POLLIN)
        while self.outq or not self.closing:
            for o,_ in poller.poll(self.due()):
                if o in self.watched: self.watched[o]()
            self.receive()
            self.pump()

    def due(self): "ms until there is something to do without being woken; None: never"

    def receive(self):
        for _ in range(1000):  # then replies get their turn, even in a flood
            if not get(self.sock, events) & pollin: return
            frames = [recv(self.sock)]
            while get(self.sock, rcvmore): frames.append(recv(self.sock) if len(frames) < 7 else recv(self.sock, 0, False).buffer)  # buffers: no copy
            self.take(frames)

    def take(self, frames):
        try: msg = self.wire.parse(frames)
        except Duplicate: return
        except BadMessage as e: return self.log(f"{self.name}: dropped {e}")
        self.on_msg(msg)

    def pump(self):
        while self.outq:
            o = self.outq.popleft()
            if callable(o): o()
            else: self.transmit(o)

    def transmit(self, frames):
        copy = size(frames) < piece
        for f in frames[:-1]: send(self.sock, f, sndmore, copy)
        send(self.sock, frames[-1], 0, copy)

def register(ctx, wire, cfg):
    "Tell whoever started us, at the address in `cfg`, the ports we bound. Raises: BadConnection. Source: JEP 66"
    url = f"tcp://{cfg.get('registration_ip')}:{cfg['registration_port']}"
    content = encode(dict({p: cfg[p] for p in ports}, kernel_id=cfg.get("kernel_id")))
    with ctx.socket(zmq.DEALER) as sock:
        sock.linger = 0
        try: sock.connect(url)
        except (zmq.ZMQError, UnicodeError) as e: raise BadConnection(f"cannot register at {url}: {getattr(e, 'strerror', e)}") from None
        sock.send_multipart([delim, wire.sign([content]), content])
        if not sock.poll(5000): raise BadConnection(f"cannot register at {url}: no acknowledgement within 5 s")
        frames = sock.recv_multipart()
        if frames[-2:-1] != [wire.sign(frames[-1:])]: raise BadConnection(f"cannot register at {url}: the acknowledgement has a bad signature")

def size(frames): return sum(map(len, frames))

def listens(path):
    "True if a process listens on the unix socket at `path`"
    from socket import AF_UNIX
    with socket(AF_UNIX) as s: return s.connect_ex(path) == 0

class Heartbeat(Channel):
    "Echo, in C and without the GIL; give it a context of its own, so that its I/O thread never waits for Python"
    def run(self):
        try: zmq.proxy(self.sock, self.sock)
        except zmq.ContextTerminated: pass
        finally: self.sock.close(0)

class Stdin(Channel):
    "Prompts out, lines in, one asker after the other"
    def __init__(self, *args):
        super().__init__(*args)
        self.askers,self.lost,self.on_msg = deque(),False,self.on_line

    def options(self, sock):
        super().options(sock)
        sock.router_mandatory = 1  # else a prompt for a client that is not there yet vanishes

    def ask(self, msg, frames):
        """The line that the client of `msg`, or `answer`, answers to the input_request in `frames`

        Waits for ever, or till a signal handler raises. Source: Jupyter messaging 5.5, stdin: a frontend shows one prompt at a time."""
        q = Question(msg, frames)
        try:
            self.fence(lambda: self.put(q))
            q.answered.wait()
        finally: self.fence(lambda: self.drop(q))
        if isinstance(q.line, BaseException): raise q.line
        return q.line

    def answer(self, whom, line):
        "Give `line`, or an exception to raise, to the askers whose `Question` satisfies `whom`, in place of the client"
        if self.askers: self.fence(lambda: [q.answer(line) for q in self.askers if whom(q)])

    def put(self, q):
        self.askers.append(q)
        if "closed" in q.msg.state: return q.answer(None)  # its cell ended meanwhile
        if q is self.askers[0]: self.deliver()

    def drop(self, q):
        if q not in self.askers: return
        first = q is self.askers[0]
        self.askers.remove(q)
        if first: self.deliver()

    def deliver(self):
        self.lost = False
        if not self.askers: return
        try: self.transmit(self.askers[0].frames)
        except zmq.ZMQError as e:
            if e.errno != zmq.EHOSTUNREACH: raise
            self.lost = True

    def due(self): return 50 if self.lost else None  # zmq has no event for a peer that joins

    def pump(self):
        if self.lost: self.deliver()
        super().pump()

    def on_line(self, msg):
        "Hand `msg` to the first asker if it is for him; consoles send it without a parent"
        q = self.askers[0] if self.askers else None
        if not q or msg.type != "input_reply" or msg.ids != q.msg.ids: return
        if msg["parent_header"] and msg["parent_header"].get("msg_id") != q.id: return
        line = msg["content"].get("value")
        q.answer(line if isinstance(line, str) else "")

class Question:
    "A prompt that waits for its line"
    def __init__(self, msg, frames):
        self.msg,self.frames,self.answered,self.line,self.tid = msg,frames,Event(),None,get_ident()
        self.id = loads(frames[len(msg.ids)+2])["msg_id"]

    def answer(self, line):
        self.line = line
        self.answered.set()

class IOPub(Channel):
    "What everybody sees; text is gathered, nothing is dropped but for a reader who has not read for `patience`"
    kind = zmq.XPUB

    def __init__(self, *args):
        super().__init__(*args)
        self.size,self.lock,self.room = 0,RLock(),Event()  # bytes queued
        self.hurry,self.awake,self.first,self.sent = False,False,0,{}  # sent: by stream name, when
        self.flushes,self.credit,self.when = flushes,orderly,0

    def options(self, sock):
        for o in (zmq.XPUB_VERBOSE, zmq.XPUB_MANUAL, zmq.XPUB_NODROP): sock.setsockopt(o, 1)
        sock.sndhwm,sock.sndtimeo = reader_queue,patience

    def take(self, frames):
        "Welcome a subscriber before anything else reaches him, which is why subscriptions are manual. Source: JEP 65"
        kind,topic = frames[0][:1],frames[0][1:]
        if kind == b"\0": self.sock.setsockopt(zmq.UNSUBSCRIBE, topic)
        if kind != b"\1" or topic == delim: return  # everybody would take this topic for the end of the identities
        self.sock.setsockopt(zmq.SUBSCRIBE, topic)
        try: frames = self.wire.pack("iopub_welcome", dict(subscription=topic.decode()), ids=[topic] if topic else [])
        except UnicodeDecodeError: return
        self.grow(size(frames))
        self.transmit(frames)

    def send(self, o):
        "Queue `o`, frames or a function, behind all text so far, from any thread"
        if not callable(o): self.grow(size(o))
        self.outq.append(o)
        self.hurry = True
        self.wake()

    def text(self, name, parent, s):
        "Queue `s` for the stream `name` on behalf of `parent`, from any thread"
        self.grow(len(s)+64)
        self.outq.append((name, parent, s))
        if self.awake: return  # which only `due` sets: an interrupt between that and the wake-up would leave the thread asleep
        self.first = monotonic()
        self.wake()

    def flush(self):
        "Let the text queued so far out and wait until it is; what cannot be let out now is within 22 ms"
        silence = monotonic()-max(self.sent.values(), default=0)
        if silence > 1: self.flushes = flushes
        if not self.outq or silence < gather_delay and not self.flushes: return
        if silence < gather_delay: self.flushes -= 1
        done = Event()
        self.send(done.set)
        done.wait(1)

    def wait_for_room(self):
        "Hold up the calling thread while as much is queued as a slow reader may cost"
        while self.size > queue_limit and self.is_alive():
            self.room.clear()
            if self.size > queue_limit: self.room.wait(1)

    def grow(self, n):
        with self.lock: self.size += n  # reentrant: a finaliser or signal handler may print, too
        if n < 0 and self.size < queue_limit//2: self.room.set()

    def due(self):
        self.awake = False  # before the look into the queue, or a text that comes now waits for the next
        if not self.outq: return None
        self.awake = True
        return max(0, int((self.ripe()-monotonic())*1000)+1)

    def ripe(self):
        "When the text in front is to go out"
        o = self.outq[-1]
        unfinished = type(o) is tuple and o[2][-1:] != "\n" and monotonic() > self.first+first_delay
        return max(self.first+(line_delay if unfinished else first_delay), self.sent.get(self.outq[0][0], 0)+gather_delay)

    def pump(self):
        "Send all up to the last message; text behind it waits until it is worth a message"
        q,left = self.outq, len(self.outq) if self.hurry else 0
        self.hurry = False
        while q:
            if type(q[0]) is not tuple:
                o = q.popleft()
                left -= 1
                if callable(o): o()
                else: self.transmit(o)
                continue
            if left <= 0 and (self.size > queue_limit//2 or self.ripe() <= monotonic()): left = len(q)
            if left <= 0: break
            left -= self.transmit_text(left)

    def transmit_text(self, most):
        "Send the text in front, at most `most` items, a message a change of stream, or a stream if they change too often; how many items it was"
        q,groups,taken,chars,run,last = self.outq,{},0,0,0,(None, None)
        now = monotonic()
        self.credit,self.when = min(orderly, self.credit+(now-self.when)*orderly/2),now
        while taken < most and chars < piece and q and type(q[0]) is tuple:
            name,parent,s = q.popleft()
            if self.credit > 0 and (name != last[0] or parent is not last[1]): run,self.credit = run+1,self.credit-1
            last,taken,chars = (name, parent),taken+1,chars+len(s)
            groups.setdefault((run, name, id(parent)), (parent, []))[1].append(s)
        for (_,name,_),(parent,parts) in groups.items():
            text = "".join(parts)
            frames = self.wire.pack("stream", dict(name=name, text=text), parent, ids=[b"stream."+name.encode()])
            self.grow(size(frames)-len(text)-64*len(parts))
            self.sent[name] = now
            self.transmit(frames)
        return taken

    def transmit(self, frames):
        try: super().transmit(frames)
        except zmq.Again: self.cut_off(frames)
        self.grow(-size(frames))

    def cut_off(self, frames):
        "Send past the reader whose queue is full: zmq leaves him out until he reads again"
        self.log(f"iopub: a client has not read for {patience//1000} s, it loses output until it reads again")
        self.sock.setsockopt(zmq.XPUB_NODROP, 0)
        super().transmit(frames)
        self.sock.setsockopt(zmq.XPUB_NODROP, 1)
