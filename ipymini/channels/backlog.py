"""What is queued for iopub, and how much: a writer waits while it is too much.

The queue holds one type, `Batch`; its last one is open: text is written into it until a message comes behind."""
from collections import deque
from threading import Event, RLock

from .texts import Text

queue_limit = 2**25  # bytes queued here before a writer waits; zmq's own queue is the other half of the 64 MB
overhead = 64        # bytes that a `Text` costs beside its characters

class Batch:
    "A message, its bytes, a function that is called once it is sent, and the text written behind it; message and function may be None."
    __slots__ = ("frames", "size", "then", "texts")

    def __init__(self, frames=None, size=0, then=None):
        self.frames = frames
        self.size = size
        self.then = then
        self.texts = deque()

    def call(self):
        "Call the function, unless that was done."
        then = self.then
        self.then = None
        if then: then()

    @property
    def is_sent(self): return not (self.frames or self.then)

class Backlog:
    "A queue of batches: any thread adds to it, one takes from it."
    def __init__(self):
        self.batches = deque([Batch()])
        self.size = 0         # bytes queued
        self.is_full = False  # True while these are more than `queue_limit`
        self.lock = RLock()   # protects the size, the batches, the last one from being dropped and its last text from being taken
                              # while text is added; reentrant: a finaliser or signal handler may print, too
        self.room = Event()   # writers wait for it

    @property
    def front(self): return self.batches[0]

    @property
    def is_empty(self): return len(self.batches) == 1 and self.front.is_sent and not self.front.texts

    def is_open(self, batch):
        "True if `batch` is the last one."
        return self.batches[-1] is batch

    def add(self, frames, then):
        "Queue a message, or None, and what is called behind it."
        size = sum(map(len, frames or ()))
        with self.lock:
            self.size += size
            self.is_full = self.size > queue_limit
            self.batches.append(Batch(frames, size, then))

    def add_text(self, name, parent, text, thread):
        "Queue what `thread` writes; the end of a line, which `print` writes by itself, goes to the line."
        with self.lock:
            texts = self.batches[-1].texts
            last = texts[-1] if text == "\n" and texts else None
            self.size += len(text)
            if last and last.thread == thread and last.parent is parent and last.name == name: last.text += text
            else:
                self.size += overhead
                texts.append(Text(name, parent, text, thread))
            self.is_full = self.size > queue_limit

    def drop_front(self):
        "Drop the first batch, which was sent and is not open, if nobody has written into it meanwhile."
        with self.lock:
            if not self.front.texts: self.batches.popleft()

    def call_all(self):
        "Call what is to be called behind messages before they are sent."
        with self.lock: batches = list(self.batches)
        for batch in batches: batch.call()

    def shrink(self, count):
        "Note that so many bytes have left the queue; writers go on when half of it is empty."
        with self.lock:
            self.size -= count
            self.is_full = self.size > queue_limit
        if self.size < queue_limit//2 and not self.room.is_set(): self.room.set()  # which takes a lock, for each message

    @property
    def is_half_full(self): return self.size > queue_limit//2

    def wait_for_room(self, is_alive):
        "Hold up the calling thread while too much is queued, and `is_alive()` says that somebody takes from the queue."
        while self.is_full and is_alive():
            self.room.clear()
            if self.is_full: self.room.wait(1)
