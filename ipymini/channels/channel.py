"""A socket and the thread that alone touches it: shell, control, and what iopub and stdin are made of; the heartbeat.

Read `Channel.serve` for what its thread does; other threads call `send`, `fence` and `stop`."""
import atexit, select
from collections import deque
from functools import lru_cache
from threading import Thread, get_ident

from .drops import Drops
from .light_zmq import zmq
from .waker import Waker
from .. import limits
from ..wire import BadMessage, Duplicate

shared_size = 2**18  # bytes of a message from which on zmq gets our memory, not a copy of it
# pyzmq's Python layer over these costs more than they do; as ints its constants are not enums that it has to make
Context = zmq.Context
Socket = zmq.backend.Socket
send = Socket.send
recv = Socket.recv
get = Socket.get
descriptor,events,pollin,rcvmore,sndmore = map(int, (zmq.FD, zmq.EVENTS, zmq.POLLIN, zmq.RCVMORE, zmq.SNDMORE))

class Channel(Thread):
    "A socket and the only thread that touches it; it sleeps in `poll` until the wire or its `waker` rouses it."
    kind = zmq.ROUTER

    def __init__(self, name, wire, context, log, on_msg=None, on_death=None):
        super().__init__(name=name, daemon=True)
        self.pydev_do_not_trace = self.is_pydev_daemon_thread = True  # the debugger must never stop this thread
        self.wire = wire
        self.log = log
        self.drops = Drops(name, log)
        self.on_msg = on_msg        # gets each `Msg` that comes
        self.on_death = on_death    # gets this channel and an exception when it cannot go on
        self.calls = deque()        # functions to call on this thread
        self.is_closing = False     # True once the thread is to end when nothing is queued
        self.waker = Waker()
        self.watched = {}           # functions by the descriptor that they wait for
        self.watch(self.waker.fileno(), self.waker.clear)
        self.sock = new_socket(context, self.kind)
        self.set_options()

    def set_options(self):
        self.sock.maxmsgsize = limits.frame
        self.sock.rcvhwm = limits.queue
        self.sock.router_handover = 1  # who reconnects under his old identity gets his replies

    # -- on any thread

    def send(self, frames):
        "Send `frames` behind those that are queued."
        if self.is_current() and not self.calls: self.transmit(frames)
        else: self.fence(lambda: self.transmit(frames))

    def fence(self, function):
        "Call `function` on this thread once all that has arrived by now is handed on."
        self.calls.append(function)
        self.waker.wake()

    def stop(self):
        "End the thread when nothing is queued."
        self.is_closing = True
        self.waker.wake()

    def is_current(self):
        "True on the thread of this channel."
        return get_ident() == self.ident

    def watch(self, fd, function):
        "Call `function` on this thread whenever `fd` can be read, until it returns True; call this before `start`."
        self.watched[fd] = function

    # -- on this thread

    def run(self):
        try: self.serve()
        except Exception as e:
            if not self.is_closing: self.on_death(self, e)
        finally: self.sock.close(200)

    def serve(self):
        "Hand on what comes and send what is queued, until `stop`."
        ready = {get(self.sock, descriptor): self.receive, **self.watched}  # first what came, then those who wait for it to be handed on
        poller = poller_of(ready)
        while self.has_queued() or not self.is_closing:
            self.receive()  # its descriptor may tell nothing of what was there before, or came while we sent
            for fd,_ in poller.poll(self.due()):
                is_over = ready[fd]()
                if is_over: poller.unregister(fd)  # it can be read for ever
            self.pump()

    def has_queued(self): return bool(self.calls)

    def due(self):
        "Milliseconds until there is something to do without being woken; None: never."
        return self.drops.due()

    def receive(self):
        "Take the messages that have arrived."
        for _ in range(limits.in_a_row):
            if not get(self.sock, events) & pollin: return
            frames = [recv(self.sock)]
            while get(self.sock, rcvmore): frames.append(self.next_frame(len(frames)))
            self.take(frames)
        self.waker.wake()  # there may be more

    def next_frame(self, index):
        "The next frame of a message; buffers, which are behind the seven others that a message of a client has, are not copied."
        return recv(self.sock) if index < 7 else recv(self.sock, 0, False).buffer

    def take(self, frames):
        "Hand on what came, if it is a message."
        try: msg = self.wire.parse(frames)
        except Duplicate: return
        except BadMessage as e: return self.drops.add(e)
        try: self.on_msg(msg)
        except Exception as e:  # a lack of descriptors, memory, threads: the next one may be handled
            self.log(f"{self.name}: {msg.type} was not handled: {e!r}")

    def pump(self):
        "Do what is queued."
        self.drops.tell_if_due()
        while self.calls: self.calls.popleft()()

    def transmit(self, frames):
        "Send `frames` now."
        is_copied = size(frames) < shared_size
        if not is_copied: share_to_the_end()
        for frame in frames[:-1]: send(self.sock, frame, sndmore, is_copied)
        send(self.sock, frames[-1], 0, is_copied)

def poller_of(fds):
    "What waits until one of `fds` can be read, as `select.poll` does."
    if not hasattr(select, "poll"): return Selecting(fds)  # Windows
    poller = select.poll()
    for fd in fds: poller.register(fd, select.POLLIN)
    return poller

class Selecting:
    "What `select.poll` does, by `select`."
    def __init__(self, fds): self.fds = list(fds)

    def poll(self, timeout):
        "Pairs of descriptors that can be read and what happened to them, after so many milliseconds at most; None: wait for ever."
        seconds = None if timeout is None else timeout/1000
        return [(fd, None) for fd in select.select(self.fds, [], [], seconds)[0]]

    def unregister(self, fd): self.fds.remove(fd)

@lru_cache
def share_to_the_end():
    "Take away pyzmq's exit function, which stops what frames need that are not copied, while ours may be waiting; we end by `os._exit`."
    from zmq.utils.garbage import gc
    atexit.unregister(gc._atexit)

def size(frames):
    "Bytes in `frames`."
    return sum(map(len, frames))

class Heartbeat(Thread):
    "Echo, in C and without the GIL, until the context is closed."
    def __init__(self, context):
        super().__init__(name="hb", daemon=True)
        self.pydev_do_not_trace = self.is_pydev_daemon_thread = True
        self.sock = new_socket(context, zmq.ROUTER)
        self.sock.maxmsgsize = limits.topic
        self.sock.router_handover = 1

    def run(self):
        try: zmq.proxy(self.sock, self.sock)
        except zmq.ContextTerminated: pass
        finally: self.sock.close(0)

def new_socket(context, kind):
    "A socket on which nobody keeps a connection that he does not complete."
    sock = context.socket(kind)
    sock.handshake_ivl = limits.handshake*1000
    return sock
