"""The sockets: heartbeat, shell, control, stdin and iopub, one class each over one `Channel` thread. The only user of zmq.

A channel's thread alone touches its socket, and waits in one place, `poll`. Others may call `send`, `fence`, `stop`, `ask` and `answer` of stdin, `text`,
`fence`, `flush`, `drain` and `wait_for_room` of iopub. Read `Channel`, then `IOPub`, which gathers text and slows a writer down to the pace of the slowest
reader."""
import atexit, os, sys, zmq
from collections import deque
from itertools import accumulate
from json import loads
from socket import socket, socketpair
from threading import Event, Lock, RLock, Thread, get_ident
from zmq.backend import Socket
from zmq.utils.garbage import gc as zmq_gc

from .system import clock, here
from .wire import BadConnection, BadMessage, Duplicate, delim, encode, nobody, ports

first_delay = .001     # seconds: a printed line is several writes, they go out as one message,
line_delay = .008      # which an unfinished line may wait for,
print_delay = .1       # and one whose writer is known to be within `print`
gather_delay = .022    # seconds between two messages of one stream, and
flushes = 5            # messages that `flush` may send in between, until a second has passed in silence: 50 in any second
orderly = 1000         # changes from one stream to the other that keep their order at once, and half of them a second: readers take 1,000 messages a second
piece = 2**18          # characters of text in a stream message, at most
flood = 2**20          # characters at once, and each second after that, beyond which a stream sends larger messages, up to as many characters,
flood_delay = .2       # in longer intervals: a frontend draws the whole text anew at each
most_looks = 100       # at the clock before text goes out whatever it says
queue_limit = 2**25    # bytes queued here before a writer waits; zmq's own queue, below, is the other half of the 64 MB
reader_queue = 32      # messages that zmq queues for one reader
glance = .05           # seconds that a reader who does not read may hold up replies;
patience = 200         # glances that he may hold up output: so many once, and after that four times the longest pause after which a reader has read on,
least_patience = 5     # but so many at least
handshake = 5          # seconds that a connection may take to become one: each costs a descriptor
small = 2**10          # bytes of a subscription or a heartbeat, at most: zmq needs 53 bytes of memory for each byte of a topic

# at exit pyzmq would stop what large messages need, before ours are sent; we end by `os._exit`, which needs no cleaning up
atexit.unregister(zmq_gc._atexit)
# pyzmq makes a C int of the time at each poll, to see how long an interrupted one has waited: what freezes time must not find its clock, either
sys.modules[zmq.zmq_poll.__module__].monotonic = lambda: 0

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
        self.sock.handshake_ivl = handshake*1000
        self.options(self.sock)

    def options(self, sock):
        sock.router_handover = 1  # who reconnects under his old identity gets his replies

    def bind(self, cfg, port):
        "Bind to `cfg[port]`, or to a free port that is then written there. Raises: BadConnection"
        if cfg.get("curve_secretkey") or cfg.get("curve_publickey"): self.encrypt(cfg)
        (self.bind_ipc if cfg["transport"] == "ipc" else self.bind_tcp)(cfg, port)

    def bind_tcp(self, cfg, port):
        ip = cfg["ip"] or "127.0.0.1"  # `*` is every address
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
    def options(self, sock):
        super().options(sock)
        sock.maxmsgsize = small

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

class Fence:
    "A function that is called once, behind what was queued before it"
    def __init__(self, f): self.f,self.called = f,False

    def __call__(self):
        if self.called: return
        self.called = True
        self.f()

class Pace:
    "How fast a stream may send: the more it has sent, the larger its messages and the longer the intervals"
    def __init__(self):
        self.sent = 0     # when, last
        self.chars = 0    # of late: they are forgotten at the rate of a flood
        self.delay = gather_delay
        self.most = piece

    def count(self, chars, now):
        "Note that a message of `chars` characters is sent `now`"
        forgotten = max(0, now-self.sent)*flood
        self.chars = min(2*flood, max(0, self.chars-forgotten)+chars)
        self.sent = now
        flooding = self.chars > flood
        self.delay = flood_delay if flooding else gather_delay
        self.most = flood if flooding else piece

class IOPub(Channel):
    """What everybody sees; text is gathered, nothing is dropped but for a reader who does not read

    Queued are frames of messages, `Fence`s, and text as tuples of stream, parent, string and the writer's thread."""
    kind = zmq.XPUB

    def __init__(self, *args):
        super().__init__(*args)
        self.size = 0           # bytes queued
        self.urgent = 0         # messages and fences among them, for which the text before them does not wait
        self.lock = RLock()     # protects these two; reentrant: a finaliser or signal handler may print, too
        self.room = Event()     # writers wait for it while too much is queued
        self.awake = False      # True while `due` sees to it that text goes out
        self.first = 0          # since when there is text in the queue that is not sent
        self.looks = 0          # at the clock since then: it may stand still
        self.paces = {}         # by stream name
        self.last = Pace()      # of the stream that sent last
        self.flushes = flushes
        self.credit = orderly   # changes of stream that keep their order, at the time `when`
        self.when = 0
        self.patience = patience
        self.greeting = None    # makes the message behind a welcome, while the kernel starts

    def options(self, sock):
        for o in (zmq.XPUB_VERBOSE, zmq.XPUB_MANUAL, zmq.XPUB_NODROP): sock.setsockopt(o, 1)
        sock.sndhwm = reader_queue
        sock.sndtimeo = int(glance*1000)
        sock.maxmsgsize = small

    def take(self, frames):
        "Welcome a subscriber before anything else reaches him, which is why subscriptions are manual. Source: JEP 65"
        kind,topic = frames[0][:1],frames[0][1:]
        if kind == b"\0": self.sock.setsockopt(zmq.UNSUBSCRIBE, topic)
        if kind != b"\1" or topic == delim: return  # everybody would take this topic for the end of the identities
        self.sock.setsockopt(zmq.SUBSCRIBE, topic)
        try: content = dict(subscription=topic.decode())
        except UnicodeDecodeError: return
        self.say(self.wire.pack("iopub_welcome", content, nobody, ids=[topic] if topic else []))
        if self.greeting: self.say(self.greeting())

    def say(self, frames):
        "Send `frames` now, before what is queued"
        self.grow(size(frames))
        self.transmit(frames)

    def send(self, o):
        "Queue `o`, frames or a `Fence`, behind all text so far, from any thread"
        if type(o) is not Fence: self.grow(size(o))
        self.outq.append(o)
        with self.lock: self.urgent += 1
        self.wake()

    def fence(self, f):
        "Call `f` on this thread once all that is queued by now is sent, or once a reader holds that up"
        self.send(Fence(f))

    def text(self, name, parent, s):
        "Queue `s` for the stream `name` on behalf of `parent`, from any thread"
        self.grow(len(s)+64)
        self.outq.append((name, parent, s, get_ident()))
        if self.awake: return  # which only `due` sets: an interrupt between that and the wake-up would leave the thread asleep
        self.first = clock.monotonic()
        self.wake()

    def flush(self):
        "Let the text queued so far out and wait until it is; what cannot be let out now is when its stream may send again"
        silence = clock.monotonic()-self.last.sent
        if silence > 1: self.flushes = flushes
        early = silence < self.last.delay
        if not self.outq or early and not self.flushes: return
        if early: self.flushes -= 1
        self.drain()

    def drain(self):
        "Wait until all that is queued is sent, or a reader holds that up"
        sent = Lock()  # held till then; an Event costs three times as much
        sent.acquire()
        self.fence(sent.release)
        sent.acquire(timeout=1)

    def wait_for_room(self):
        "Hold up the calling thread while as much is queued as a slow reader may cost"
        while self.size > queue_limit and self.is_alive():
            self.room.clear()
            if self.size > queue_limit: self.room.wait(1)

    def grow(self, n):
        with self.lock: self.size += n
        if n < 0 and self.size < queue_limit//2: self.room.set()

    def due(self):
        self.awake = False  # before the look into the queue, or a text that comes now waits for the next
        if not self.outq: return None
        self.awake = True
        left = self.left()
        return int(left*1000)+1 if left else 0

    def left(self):
        "Seconds until what is in front of the queue is to go out: 0 if that is now, and never more than a message may be late, whatever the clock says"
        front,back,now = self.outq[0],self.outq[-1],clock.monotonic()
        if type(front) is not tuple: return 0
        age = now-self.first
        delay = first_delay
        if type(back) is tuple and back[2][-1:] != "\n" and age > first_delay:
            delay = print_delay if line_delay <= age < print_delay and back[3] in writing() else line_delay
        left = max(delay-age, self.pace(front[0]).sent+self.pace(front[0]).delay-now)
        self.looks += 1
        return left if 0 < left <= flood_delay and self.looks < most_looks else 0

    def pace(self, name):
        if name not in self.paces: self.paces[name] = Pace()
        return self.paces[name]

    def pump(self):
        "Send all up to the last message or fence; text behind it waits until it is worth a message"
        q,due = self.outq,0  # so many items of text go out though nothing is behind them
        while q:
            if type(q[0]) is not tuple: self.let_out(q.popleft())
            elif self.urgent > 0: self.send_text(len(q), False)
            elif due > 0:
                taken,held = self.send_text(due, True)
                due = 0 if held else due-taken
            elif self.size > queue_limit//2 or not self.left(): due = len(q)
            else: break

    def let_out(self, o):
        "Send a message, or pass a fence"
        with self.lock: self.urgent -= 1
        if type(o) is Fence: o()
        else: self.transmit(o)

    def send_text(self, most, hold):
        """Send the text in front, at most `most` items, a message a change of stream, or a stream if they change too often

        How many items it was, and whether more of them are held back, which `hold` allows: lines that are being printed right now."""
        items,held = self.gather(most, hold)
        now = clock.monotonic()
        self.credit = min(orderly, self.credit+max(0, now-self.when)*orderly/2)
        self.when = now
        self.first = now
        self.looks = 0
        groups,run,name,parent = {},0,None,None
        for o in items:
            if o[0] != name or o[1] is not parent:
                name,parent = o[:2]
                if self.credit > 0: run,self.credit = run+1,self.credit-1
                parts = groups.setdefault((run, name, id(parent)), (parent, []))[1]
            parts.append(o[2])
        for (_,name,_),(parent,parts) in groups.items(): self.send_stream(name, parent, "".join(parts), len(parts), now)
        return len(items),held

    def gather(self, most, hold):
        "Take a message's worth of text from the front, at most `most` items, in whole lines if it can be; True with it if lines are held back"
        q,items,room = self.outq,[],self.pace(self.outq[0][0]).most
        while q and len(items) < most:
            o = q.popleft()
            room -= len(o[2]) if type(o) is tuple else 0
            if type(o) is not tuple or items and room < 0:
                q.appendleft(o)
                break
            items.append(o)
        items,begun = in_lines(items)
        split = room < 0  # what follows may be the rest of a line
        if hold and begun and not split:
            busy = writing()
            begun = {thread: n for thread,n in begun.items() if thread in busy}
        ended = min(begun.values(), default=0) if split or hold else 0
        if not ended: return items,False
        q.extendleft(reversed(items[ended:]))
        return items[:ended],not split

    def send_stream(self, name, parent, text, parts, now):
        frames = self.wire.pack("stream", dict(name=name, text=text), parent, ids=[b"stream."+name.encode("utf8", "replace")])
        self.grow(size(frames)-len(text)-64*parts)
        self.last = self.pace(name)
        self.last.count(len(text), now)
        self.transmit(frames)

    def transmit(self, frames):
        if not self.transmitted(frames): self.wait_for_readers(frames)
        self.grow(-size(frames))

    def transmitted(self, frames):
        "True once `frames` are sent, False if a reader's queue has been full for a `glance`"
        try: super().transmit(frames)
        except zmq.Again: return False
        return True

    def wait_for_readers(self, frames):
        "Send `frames` when all readers have room for them, or without him who has none for as long as `patience` says; replies go out meanwhile"
        for n in range(1, self.patience):
            for o in self.outq.copy():
                if type(o) is Fence: o()
            if self.transmitted(frames):
                self.patience = min(patience, max(self.patience, 4*n))
                return
        self.cut_off(frames)

    def cut_off(self, frames):
        "Send past the reader whose queue is full: zmq leaves him out until he reads again"
        self.log(f"iopub: a client has not read for {self.patience*glance:g} s, it loses output until it reads again")
        self.patience = least_patience
        self.sock.setsockopt(zmq.XPUB_NODROP, 0)
        super().transmit(frames)
        self.sock.setsockopt(zmq.XPUB_NODROP, 1)

def writing():
    "The threads that are within a function of ours right now, as those are that `print`"
    return {tid for tid,frame in sys._current_frames().items() if frame.f_code.co_filename.startswith(here)}

def in_lines(items):
    "`items` of text with each thread's lines in one piece, in the order in which they begin; and by thread, where a line begins that has no end yet"
    if len({o[3] for o in items}) == 1:
        n = len(items)
        while n and items[n-1][2][-1:] != "\n": n -= 1
        return items,{items[0][3]: n} if n < len(items) else {}
    lines,begun = [],{}
    for o in items:
        name,parent,text,thread = o
        line = begun.get(thread)
        if not line or line[0][0] != name or line[0][1] is not parent:
            line = begun[thread] = []
            lines.append(line)
        line.append(o)
        if text[-1:] == "\n": del begun[thread]
    where = {id(line): n for line,n in zip(lines, accumulate(map(len, lines), initial=0))}
    return [o for line in lines for o in line],{thread: where[id(line)] for thread,line in begun.items()}
