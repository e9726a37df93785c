"What everybody sees: text is gathered, a writer is slowed down to the pace of the slowest reader, nothing is dropped but for one that has not read for long."
import sys, zmq
from itertools import accumulate
from threading import Event, Lock, RLock, get_ident

from .channel import Channel, piece, size, small
from ..system.clock import clock
from ..system.stacks import package
from ..wire import delim, nobody

first_delay = .001     # seconds: a printed line is several writes, they go out as one message,
line_delay = .008      # which an unfinished line may wait for,
print_delay = .1       # and one whose writer is known to be within `print`
gather_delay = .022    # seconds between two messages of one stream, and
flushes = 5            # messages that `flush` may send in between, until a second has passed in silence: 50 in any second
orderly = 1000         # changes from one stream to the other that keep their order at once, and half of them a second: readers take 1,000 messages a second
flood = 2**20          # characters at once, and each second after that, beyond which a stream sends larger messages, up to as many characters,
flood_delay = .2       # in longer intervals: a frontend draws the whole text anew at each
most_looks = 100       # at the clock before text goes out whatever it says
queue_limit = 2**25    # bytes queued here before a writer waits; zmq's own queue, below, is the other half of the 64 MB
reader_queue = 32      # messages that zmq queues for one reader
glance = .05           # seconds that a reader who does not read may hold up replies;
patience = 200         # glances that he may hold up output: so many once, and after that four times the longest pause after which a reader has read on,
least_patience = 5     # but so many at least

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
        self.journal = None     # keeps what is published
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
        self.greeting = None    # makes the message behind a welcome, while the kernel starts and nothing else has been said

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
        greeting = self.greeting  # another thread may take it away
        if greeting: self.say(greeting())

    def say(self, frames):
        "Send `frames` now, before what is queued"
        self.grow(size(frames))
        self.transmit(frames)

    def send(self, o):
        "Queue `o`, frames or a `Fence`, behind all text so far, from any thread"
        if type(o) is not Fence: self.grow(size(o))
        self.greeting = None
        self.outq.append(o)
        with self.lock: self.urgent += 1
        self.wake()

    def fence(self, f):
        "Call `f` on this thread once all that is queued by now is sent, or once a reader holds that up"
        self.send(Fence(f))

    def text(self, name, parent, text):
        "Queue `text` for the stream `name` on behalf of `parent`, from any thread."
        for part in pieces(text) if len(text) > piece else (text,): self.add_text(name, parent, part)

    def add_text(self, name, parent, s):
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
        if self.journal: self.journal.record(frames)

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
    return {tid for tid,frame in sys._current_frames().items() if frame.f_code.co_filename.startswith(package)}

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

def pieces(text):
    "`text` in parts that a frontend can show one by one: cut behind a line if there is one, never inside an escape sequence."
    begin = 0
    while len(text)-begin > piece:
        end = text.rfind("\n", begin, begin+piece)+1
        if not end:
            end = begin+piece
            escape = text.rfind("\x1b", end-32, end)
            if escape > begin: end = escape
        yield text[begin:end]
        begin = end
    if begin < len(text): yield text[begin:]
