"A socket and the thread that alone touches it: shell, control, and what iopub and stdin are made of; the heartbeat."
import atexit, os, sys, zmq
from collections import deque
from functools import lru_cache
from socket import socketpair
from threading import Thread, get_ident
from zmq.backend import Socket

from .connection import listens
from ..wire import BadConnection, BadMessage, Duplicate

piece = 2**18          # characters of text in a stream message, at most
handshake = 5          # seconds that a connection may take to become one: each costs a descriptor
small = 2**10          # bytes of a subscription or a heartbeat, at most: zmq needs 53 bytes of memory for each byte of a topic
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

    def is_current(self):
        "True on the thread of this channel."
        return get_ident() == self.ident

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
        try: self.on_msg(msg)
        except Exception as e: self.log(f"{self.name}: {msg.type} was not handled: {e!r}")  # a lack of descriptors, memory, threads: the next one may be

    def pump(self):
        while self.outq:
            o = self.outq.popleft()
            if callable(o): o()
            else: self.transmit(o)

    def transmit(self, frames):
        copy = size(frames) < piece
        if not copy: share_to_the_end()
        for f in frames[:-1]: send(self.sock, f, sndmore, copy)
        send(self.sock, frames[-1], 0, copy)

@lru_cache
def share_to_the_end():
    "Take away pyzmq's exit function, which stops what frames need that are not copied, while ours may be waiting; we end by `os._exit`."
    from zmq.utils.garbage import gc
    atexit.unregister(gc._atexit)

def size(frames): return sum(map(len, frames))

class Heartbeat(Channel):
    "Echo, in C and without the GIL; give it a context of its own, so that its I/O thread never waits for Python"
    def options(self, sock):
        super().options(sock)
        sock.maxmsgsize = small

    def run(self):
        try: zmq.proxy(self.sock, self.sock)
        except zmq.ContextTerminated: pass
        finally: self.sock.close(0)
