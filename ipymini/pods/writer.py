"Sends calls: small ones on the caller's thread, all others on one of its own; gives back memory when there was no call for long."
import pickle, time
from collections import deque
from queue import Empty, SimpleQueue
from threading import Lock
from .wire import CALL, DROP, small, small_frame

idle_after = 30  # s without a call
idle = object()  # what `run` finds when there was no call for long, or memory to be watched from now on

class Writer:
    "Sends the calls of a `Link` on its wire `calls`."
    def __init__(self, link):
        self.link = link
        self.wire = link.process.calls
        self.outbox = SimpleQueue()  # Calls, `idle`, and None at the end
        self.sending = Lock()  # of the wire: one frame at a time
        self.forgotten = deque()  # ids of handles that nobody here holds any more
        self.last_call = time.monotonic()

    def dispatch(self, call):
        "Send a call: from here if it is small and nothing else is on its way, which saves 30 µs, else by `run`."
        self.last_call = time.monotonic()
        if not self.can_send_here(call): return self.outbox.put(call)
        data = small_frame(CALL, call.number, call.body)
        with self.sending:
            self.link.sent[call.number] = call
            # one call of C: an interrupt comes before or after it. So small a frame is sent whole or not at all
            try: call.went.extend(map(self.wire.sock.send, (data,)))
            except OSError: pass  # the pod has gone; the reader tells the caller

    def can_send_here(self, call):
        if call.buffers or len(call.body) > small: return False
        return not (self.link.sent or self.link.ended or self.forgotten or self.wire.has_signs())

    def run(self):
        "Send calls until the end."
        while True:
            try: call = self.outbox.get(timeout=idle_after if self.holds_memory() else None)
            except Empty: call = idle
            if call is None: break
            try:
                with self.sending: self.send(call)
            except OSError: pass  # the pod has gone; the reader tells the callers
        self.link.process.close_files()

    def holds_memory(self): return bool(self.wire.outgoing.kept or self.wire.incoming.maps or self.forgotten)

    def send(self, call):
        "Send a call, or, for `idle`, see whether the pod has been idle for long."
        is_idle = call is idle and time.monotonic() - self.last_call >= idle_after
        if is_idle: self.wire.outgoing.drop()
        if is_idle or self.forgotten: self.send_drop(is_idle)
        if call is idle: return
        if self.link.ended: return self.link.fail(call)
        self.link.sent[call.number] = call
        body,buffers = call.body,call.buffers
        call.body = call.buffers = None
        self.wire.send(CALL, call.number, body, buffers)

    def send_drop(self, is_idle):
        ids = []
        while self.forgotten: ids.append(self.forgotten.popleft())
        self.wire.send(DROP, 0, pickle.dumps((ids, is_idle), 5))
