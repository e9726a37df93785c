"""What everybody sees: text is gathered, a writer is slowed down to the pace of the slowest reader, nothing is dropped
but for a reader that has not read for long.

Read `IOPub.send` and `text` (in, on any thread), then `due` and `pump` (out, on its own), then `transmit`. What is queued
is in `backlog`, what a stream message holds and when it goes out in `texts`."""
from functools import partial
from threading import Lock, get_ident

from .backlog import Backlog, overhead
from .channel import Channel
from .light_zmq import zmq
from .texts import Credit, Flushes, Gathering, Pace, Paces, by_message, piece, pieces, take_message
from .. import limits
from ..system.clock import clock
from ..wire import delim, nobody

reader_queue = 32    # messages that zmq queues for one reader
glance = .05         # seconds that a reader who does not read may hold up replies;
most_glances = 200   # that a reader may hold up output: so many once,
least_glances = 5    # after that four times the longest pause after which a reader has read on, but so many at least

class IOPub(Channel):
    "What everybody sees; text is gathered, nothing is dropped but for a reader who does not read."
    kind = zmq.XPUB

    def __init__(self, *args):
        super().__init__(*args)
        self.journal = None     # keeps what is published
        self.backlog = Backlog()
        self.wait_for_room = partial(self.backlog.wait_for_room, self.is_alive)  # for who has put out something
        self.awake = False      # True while `due` sees to it that text goes out
        self.gathering = Gathering()
        self.paces = Paces()
        self.last = Pace()      # of the stream that sent last
        self.flushes = Flushes()
        self.credit = Credit()
        self.patience = Patience()
        self.greeting = None    # makes the message behind a welcome, while the kernel starts and nothing else has been said

    def set_options(self):
        for option in (zmq.XPUB_VERBOSE, zmq.XPUB_MANUAL, zmq.XPUB_NODROP): self.sock.setsockopt(option, 1)
        self.sock.sndhwm = reader_queue
        self.sock.sndtimeo = int(glance*1000)
        self.sock.maxmsgsize = limits.topic

    # -- in, on any thread

    def send(self, frames, then=None):
        "Queue the message `frames` behind all text so far; `then` is called as by `fence`."
        self.greeting = None
        self.backlog.add(frames, then)
        self.waker.wake_soon()

    def fence(self, function):
        "Call `function` on this thread once all that is queued by now is sent, or once a reader holds that up."
        self.backlog.add(None, function)
        self.waker.wake()

    def text(self, name, parent, text):
        "Queue `text` for the stream `name` on behalf of `parent`."
        thread = get_ident()
        if len(text) <= piece: self.backlog.add_text(name, parent, text, thread)
        else:
            for part in pieces(text): self.backlog.add_text(name, parent, part, thread)
        if self.awake: return  # which only `due` sets: an interrupt between that and the wake-up would leave the thread asleep
        self.gathering.begin(clock.monotonic())
        self.waker.wake_soon()

    def flush(self):
        "Let the text queued so far out and wait until it is; what cannot be let out now is when its stream may send again."
        if not self.backlog.is_empty and self.flushes.take(self.last): self.drain()

    def drain(self):
        "Wait until all that is queued is sent, or a reader holds that up."
        sent = Lock()  # held till then; an Event costs three times as much
        sent.acquire()
        self.fence(sent.release)
        sent.acquire(timeout=1)

    # -- readers come

    def take(self, frames):
        "Welcome a subscriber before anything else reaches him, which is why subscriptions are manual. Source: JEP 65."
        kind,topic = frames[0][:1],frames[0][1:]
        if kind == b"\0": self.sock.setsockopt(zmq.UNSUBSCRIBE, topic)
        if kind != b"\1" or topic == delim: return  # everybody would take this topic for the end of the identities
        self.sock.setsockopt(zmq.SUBSCRIBE, topic)
        try: content = dict(subscription=topic.decode())
        except UnicodeDecodeError: return
        self.transmit(self.wire.pack("iopub_welcome", content, nobody, ids=[topic] if topic else []))
        greeting = self.greeting  # another thread may take it away
        if greeting: self.transmit(greeting())

    # -- out

    def has_queued(self): return not self.backlog.is_empty

    def due(self):
        "Milliseconds until text is to go out; None: never."
        self.awake = False  # before the look into the queue, or a text that comes now waits for the next
        if self.backlog.is_empty: return None
        self.awake = True
        batch = self.backlog.front
        is_text_alone = batch.is_sent and self.backlog.is_open(batch)
        left = self.left(batch.texts) if is_text_alone else 0
        return round(left*1000)

    def left(self, texts):
        "Seconds that `texts`, behind which nothing is queued, have to wait."
        return self.gathering.left(texts[-1], self.paces[texts[0].name], clock.monotonic())

    def pump(self):
        "Send all up to the last message; text behind it waits until it is worth a message."
        while True:
            batch = self.backlog.front
            self.send_message(batch)
            if self.backlog.is_open(batch): return self.send_due(batch.texts)
            while batch.texts: self.send_text(batch.texts, len(batch.texts), hold=False)
            self.backlog.drop_front()

    def send_message(self, batch):
        "Send the message of `batch`, and call what is to be called behind it."
        frames = batch.frames
        batch.frames = None
        if frames:
            self.transmit(frames)
            self.backlog.shrink(batch.size)
        batch.call()

    def send_due(self, texts):
        "Send `texts`, behind which nothing is queued, when it is time, but for lines that are being printed."
        while texts and (self.backlog.is_half_full or not self.left(texts)):
            count = len(texts)  # what comes meanwhile waits for its own time
            while count > 0:
                sent,is_held = self.send_text(texts, count, hold=True)
                count -= sent
                if is_held: break

    def send_text(self, texts, count, hold):
        """Send what one message may hold, see `take_message`, as a message for each stream.

        How many texts it was, and whether lines are held back."""
        with self.backlog.lock: taken,is_held = take_message(texts, count, self.paces[texts[0].name].longest, hold)
        now = clock.monotonic()
        self.credit.fill(now)
        self.gathering.begin(now)
        for group in by_message(taken, self.credit): self.send_stream(group, now)
        return len(taken),is_held

    def send_stream(self, texts, now):
        "Send `texts`, of one stream and one request, as one message."
        name = texts[0].name
        text = "".join([part.text for part in texts])
        self.last = self.paces[name]
        self.last.count(len(text), now)
        topic = b"stream."+name.encode("utf8", "replace")
        self.transmit(self.wire.pack("stream", dict(name=name, text=text), texts[0].parent, ids=[topic]))
        self.backlog.shrink(len(text)+overhead*len(texts))

    def transmit(self, frames):
        if not self.transmitted(frames): self.wait_for_readers(frames)
        if self.journal: self.journal.record(frames)

    # -- readers who do not read

    def transmitted(self, frames):
        "True once `frames` are sent, False if a reader's queue has been full for a `glance`."
        try: super().transmit(frames)
        except zmq.Again: return False
        return True

    def wait_for_readers(self, frames):
        """Send `frames` when all readers have room for them, or without him who has none for as long as `patience` says.

        Replies go out meanwhile."""
        for count in range(1, self.patience.glances):
            self.backlog.call_all()
            if self.transmitted(frames): return self.patience.read_on(count)
        self.cut_off(frames)

    def cut_off(self, frames):
        "Send past the reader whose queue is full: zmq leaves him out until he reads again."
        self.log(f"iopub: a client has not read for {self.patience.glances*glance:g} s, it loses output until it reads again")
        self.patience.run_out()
        self.sock.setsockopt(zmq.XPUB_NODROP, 0)
        super().transmit(frames)
        self.sock.setsockopt(zmq.XPUB_NODROP, 1)

class Patience:
    "How many glances a reader may hold up output."
    def __init__(self): self.glances = most_glances

    def read_on(self, count):
        "Note that a reader has read on after `count` glances: a pause like this one is not to be the end of him."
        self.glances = min(most_glances, max(self.glances, 4*count))

    def run_out(self):
        "Note that a reader did not read: he, and others like him, cost next to nothing from now on."
        self.glances = least_glances
