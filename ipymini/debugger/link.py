"The wire to debugpy: a client of the Debug Adapter Protocol (DAP)."
import json, socket, threading
from concurrent.futures import Future
from itertools import count

from .untraced import untraced

answer_timeout = 15  # seconds for debugpy to answer: an expression of the user's may run meanwhile

class Refused(Exception):
    "A DAP request that fails, and why."

class Link:
    """A connection to debugpy by `sock`: requests go out, responses to whoever asked, events to `on_event`.

    One thread reads, so responses and events are handed on in the order in which they come."""
    def __init__(self, sock, on_event):
        self.sock = sock
        self.file = self.sock.makefile("rb")
        self.on_event = on_event
        self.numbers = count(1)  # of requests
        self.waiting = {}        # futures of responses by the numbers of their requests
        self.is_closed = False   # True once we have hung up
        self.lock = threading.Lock()  # one thread sends at a time: messages do not mix
        self.thread = untraced(threading.Thread(target=self.run, name="debugger", daemon=True))
        self.thread.start()

    def ask(self, command, args):
        "The body of debugpy's response. Raises: Refused."
        return body_of(self.send(command, args))

    def send(self, command, args):
        "A future for debugpy's response, or for one of ours if debugpy has gone."
        number = next(self.numbers)
        response = Future()
        self.waiting[number] = response
        data = json.dumps(dict(seq=number, type="request", command=command, arguments=args)).encode()
        try:
            with self.lock: self.sock.sendall(b"Content-Length: %d\r\n\r\n" % len(data) + data)
        except OSError: self.lost()
        return response

    def close(self):
        "Hang up."
        self.is_closed = True
        try: self.sock.shutdown(socket.SHUT_RDWR)
        except OSError: pass  # debugpy was first
        self.sock.close()

    def run(self):
        "Read messages and hand them on, until the connection ends."
        try:
            while message := self.read(): self.hand_on(message)
        except (OSError, ValueError): pass  # cut off, between or within messages
        finally:
            self.lost()
            if not self.is_closed: self.on_event(dict(type="event", event="terminated"))

    def hand_on(self, message):
        "Give an event to `on_event`, a response to whoever waits for it."
        if message["type"] == "event": return self.on_event(message)
        if message["type"] != "response": return  # debugpy has nothing to ask of us
        response = self.waiting.pop(message["request_seq"], None)
        if response: response.set_result(message)

    def lost(self):
        "Answer all that wait: debugpy will not."
        while self.waiting:
            _,response = self.waiting.popitem()
            response.set_result(dict(success=False, message="the connection to debugpy is gone"))

    def read(self):
        "The next message, None at the end."
        size = 0
        while line := self.file.readline().strip():
            if line.lower().startswith(b"content-length:"): size = int(line[15:])
        return json.loads(self.file.read(size)) if size else None

def body_of(response):
    "The body of debugpy's response, a future. Raises: Refused."
    try: message = response.result(answer_timeout)
    except TimeoutError: raise Refused(f"no answer from debugpy within {answer_timeout} s") from None
    if not message.get("success"): raise Refused(message.get("message") or "debugpy gave no reason")
    return message.get("body")
