"The wire to debugpy's adapter."
import json, socket, threading
from concurrent.futures import Future
from itertools import count

from .common import invisible, patience

class Link:
    "A connection to debugpy: requests out, responses to whoever waits for them, events to `on_event`, all in the order in which they come"
    def __init__(self, addr, on_event):
        self.sock = socket.create_connection(addr, patience)
        self.sock.settimeout(None)
        self.file,self.on_event,self.seq,self.waiting,self.lock = self.sock.makefile("rb"),on_event,count(1),{},threading.Lock()
        self.thread = invisible(threading.Thread(target=self.run, name="debugger", daemon=True))
        self.thread.start()

    def send(self, cmd, args):
        "A future for debugpy's response, ours if debugpy is gone"
        n,res = next(self.seq),Future()
        self.waiting[n] = res
        b = json.dumps(dict(seq=n, type="request", command=cmd, arguments=args)).encode()
        try:
            with self.lock: self.sock.sendall(b"Content-Length: %d\r\n\r\n" % len(b) + b)
        except OSError: self.lost()
        return res

    def close(self):
        "Hang up, which debugpy does itself after a disconnect"
        try: self.sock.shutdown(socket.SHUT_RDWR)
        except OSError: pass  # debugpy was faster
        self.sock.close()

    def run(self):
        try:
            while msg := self.read():
                if msg["type"] == "event": self.on_event(msg)
                elif res := self.waiting.pop(msg["request_seq"], None): res.set_result(msg)
        except (OSError, ValueError): pass  # cut off, between or within messages
        finally: self.lost()

    def lost(self):
        while self.waiting: self.waiting.popitem()[1].set_result(dict(success=False, message="the connection to debugpy is gone"))

    def read(self):
        "The next message, None at the end"
        size = 0
        if hasattr(socket, "TCP_QUICKACK"): self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)  # else the second of two events is 40 ms late
        while line := self.file.readline().strip():
            if line.lower().startswith(b"content-length:"): size = int(line[15:])
        return json.loads(self.file.read(size)) if size else None
