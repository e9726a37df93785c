"""Text before it is a message: cut into lines and pieces, held for what may follow it, sent at a pace that readers follow.

Functions and small classes without threads and sockets; `iopub` uses them on its thread. Read `take_message` and
`by_message` for what a message holds, then `Gathering` and `Pace` for when it goes out."""
import sys
from itertools import accumulate
from threading import RLock

from ..system.clock import clock
from ..system.stacks import package

piece = 2**18          # characters of a stream message, at most, but in a flood
first_delay = .001     # seconds: a printed line is several writes, they go out as one message,
line_delay = .008      # which an unfinished line may wait for,
print_delay = .5       # and one whose writer is within `print` each time that we look
gather_delay = .022    # seconds between two messages of one stream, and
flushes = 5            # messages that `flush` may send in between, until a second has passed in silence: 50 in any second
orderly = 1000         # changes from one stream to the other that keep their order at once,
                       # and half of them a second: readers take 1,000 messages a second
flood = 2**20          # characters at once, and each second after that, beyond which a stream sends larger messages,
flood_delay = .2       # up to as many characters, in longer intervals: a frontend draws the whole text anew at each
most_looks = 100       # at the clock before text goes out whatever it says
a_tick = .0005         # what is left of a wait and not worth another one: those of `poll` are whole milliseconds

class Text:
    "What a thread wrote at once on the stream `name`, on behalf of the request `parent`."
    __slots__ = ("name", "parent", "text", "thread")

    def __init__(self, name, parent, text, thread):
        self.name = name
        self.parent = parent
        self.text = text
        self.thread = thread

# -- what a message holds

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

def take_message(texts, count, longest, hold):
    """Take from the front of `texts` what one message may hold, in whole lines if it can be.

    That is `count` of them and `longest` characters at most; with `hold` without the lines that are being printed right
    now: True comes with it if there are some."""
    taken = []
    room = longest
    while texts and len(taken) < count:
        room -= len(texts[0].text)
        if taken and room < 0: break
        taken.append(texts.popleft())
    is_cut = room < 0  # what follows may be the rest of a line
    taken,begun = in_lines(taken)
    if hold and begun and not is_cut:
        busy = writing()
        begun = {thread: where for thread,where in begun.items() if thread in busy}
    end = min(begun.values(), default=0) if is_cut or hold else 0
    if not end: return taken,False
    texts.extendleft(reversed(taken[end:]))
    return taken[:end],not is_cut

def in_lines(texts):
    """`texts` with each thread's lines in one piece, in the order in which they begin.

    With it comes by thread where a line begins that has no end yet."""
    if len({text.thread for text in texts}) == 1: return texts,unfinished(texts)
    lines,begun = [],{}
    for text in texts:
        line = begun.get(text.thread)
        if not line or is_change(line[0], text):
            line = begun[text.thread] = []
            lines.append(line)
        line.append(text)
        if text.text[-1:] == "\n": del begun[text.thread]
    starts = accumulate(map(len, lines), initial=0)
    where = {id(line): start for line,start in zip(lines, starts)}
    in_order = [text for line in lines for text in line]
    return in_order,{thread: where[id(line)] for thread,line in begun.items()}

def unfinished(texts):
    "The thread that wrote all of `texts`, with the place where a line begins that has no end yet; empty if there is none."
    begin = len(texts)
    while begin and texts[begin-1].text[-1:] != "\n": begin -= 1
    return {texts[0].thread: begin} if begin < len(texts) else {}

def is_change(one, other):
    "True if two texts cannot be in one message."
    return one.name != other.name or one.parent is not other.parent

def by_message(texts, credit):
    "Lists of the `texts` that go out as one message each: one a change of stream, or one a stream where `credit` is used up."
    groups = {}
    changes = 0
    last = None
    for text in texts:
        if last is None or is_change(last, text):
            if credit.take(): changes += 1
            group = groups.setdefault((changes, text.name, id(text.parent)), [])
        group.append(text)
        last = text
    return list(groups.values())

def writing():
    "The threads that are within a function of ours right now, as those are that `print`."
    return {thread for thread,frame in sys._current_frames().items() if frame.f_code.co_filename.startswith(package)}

# -- when it goes out

class Gathering:
    "How long text waits for what may follow it."
    def __init__(self):
        self.since = 0  # when the text that waits began to come, or the last message was sent
        self.looks = 0  # at the clock since then: it may stand still

    def begin(self, now):
        self.since = now
        self.looks = 0

    def left(self, last, pace, now):
        "Seconds that text has to wait whose end is the `Text` `last`: never more than it may be late, whatever the clock says."
        self.looks += 1
        age = now-self.since
        left = max(self.delay(last, age)-age, pace.sent+pace.delay-now)
        return left if a_tick < left <= flood_delay and self.looks < most_looks else 0

    def delay(self, last, age):
        "Seconds that text of this `age` waits in all."
        if age < first_delay-a_tick or last.text[-1:] == "\n": return first_delay
        if line_delay <= age < print_delay and last.thread in writing(): return age+line_delay
        return line_delay

class Pace:
    "How fast a stream may send: the more it has sent, the larger its messages and the longer the intervals."
    def __init__(self):
        self.sent = 0         # when, last
        self.characters = 0   # of late: they are forgotten at the rate of a flood
        self.delay = gather_delay
        self.longest = piece  # characters of a message

    def count(self, characters, now):
        "Note that a message of so many characters is sent `now`."
        forgotten = max(0, now-self.sent)*flood
        self.characters = min(2*flood, max(0, self.characters-forgotten)+characters)
        self.sent = now
        is_flooding = self.characters > flood
        self.delay = flood_delay if is_flooding else gather_delay
        self.longest = flood if is_flooding else piece

class Paces(dict):
    "The `Pace` of each stream, by name."
    def __missing__(self, name):
        self[name] = pace = Pace()
        return pace

class Credit:
    "How many changes from one stream to the other may keep their order, each of which is a message more."
    def __init__(self):
        self.left = orderly
        self.when = 0  # it was filled up last

    def fill(self, now):
        self.left = min(orderly, self.left+max(0, now-self.when)*orderly/2)
        self.when = now

    def take(self):
        "Take the credit for a change; False if there is none."
        if self.left <= 0: return False
        self.left -= 1
        return True

class Flushes:
    "How many messages `flush` may send before their stream may send again."
    def __init__(self):
        self.left = flushes
        self.lock = RLock()  # two threads do not take the same leave; reentrant: a signal handler may flush, too

    def take(self, pace):
        "Take leave to send now, behind the last message, which counted in `pace`; False if there is none."
        silence = clock.monotonic()-pace.sent
        with self.lock:
            if silence > 1: self.left = flushes
            if silence >= pace.delay: return True
            if not self.left: return False
            self.left -= 1
        return True
