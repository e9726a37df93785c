"Measuring: the kernels take turns within every row, so that whatever else the machine does hits all of them."

import shutil, statistics, sys, zmq
from client import Lost
from collections import Counter
from time import monotonic

# what a kernel of odd ways, or one that dies while we look at it, makes us trip over
trips = zmq.ZMQError, OSError, LookupError, ValueError, AttributeError, TypeError

class Stat:
    "Samples of one metric of one kernel: numbers, and words where there was none."
    def __init__(self):
        self.numbers = []
        self.words = []

    def add(self, value):
        "Keep one value, or a list of them."
        for one in value if isinstance(value, list) else [value]:
            if isinstance(one, str): self.words.append(one)
            else: self.numbers.append(one)

    @property
    def has_failed(self): return len(self.words) > 1 and not self.numbers

    @property
    def median(self): return statistics.median(self.numbers) if len(self.numbers) > len(self.words) else None

    @property
    def p95(self):
        "The 95th percentile, or None if there are too few numbers."
        if len(self.numbers) < 5 or self.median is None: return None
        return statistics.quantiles(self.numbers, n=20, method="inclusive")[-1]

    @property
    def word(self): return Counter(self.words).most_common(1)[0][0] if self.words else "-"


class Results:
    "What was measured: a Stat by row, metric and kernel; remarks by row and kernel."
    def __init__(self):
        self.stats = {}  # {(group, row, metric, unit): {kernel: Stat}}
        self.notes = {}  # {(group, row): {kernel: Counter}}

    def of(self, row, peer):
        "The Stats of `row`, one a metric, for one kernel."
        keys = [(row.group, row.name, metric, unit) for metric,unit in row.parts]
        return [self.stats.setdefault(key, {}).setdefault(peer.name, Stat()) for key in keys]

    def note(self, row, peer):
        "Count the remarks on this turn of `peer`."
        if not peer.notes: return
        counts = self.notes.setdefault((row.group, row.name), {}).setdefault(peer.name, Counter())
        counts.update(set(peer.notes))


class Progress:
    "A bar on stderr; a line for each row where that is no terminal."
    def __init__(self, total):
        self.total = total
        self.count = 0
        self.begin = monotonic()
        self.last = None  # the row that was told last

    def step(self, row, peer):
        "Tell that `peer` has its turn."
        if sys.stderr.isatty(): self.draw(f"{row.title}  {peer.name}")
        elif row is not self.last: tell(f"{self.count}/{self.total} {monotonic() - self.begin:.0f} s  {row.title}\n")
        self.count += 1
        self.last = row

    def draw(self, what):
        "Draw the bar, with `what` behind it."
        passed = monotonic() - self.begin
        left = passed/max(self.count, 1)*(self.total - self.count)
        full = 30*self.count//self.total
        bar = f"[{'#'*full}{'.'*(30 - full)}]"
        width = shutil.get_terminal_size().columns - 1
        text = f"{bar} {self.count}/{self.total} {left/60:.0f} min left  {what}"
        tell(f"\r\033[K{text[:width]}")

    def end(self):
        "Take the bar away."
        if sys.stderr.isatty(): tell("\r\033[K")

def tell(text):
    "Write to stderr at once."
    print(text, end="", file=sys.stderr, flush=True)


def measure(peers, rows, quick):
    "The `Results` of `rows`; a kernel that failed in all of a row's first two turns is not asked again."
    results = Results()
    turns = [(row, turn) for row in rows for turn in range(row.quick if quick else row.turns)]
    progress = Progress(sum(len(measurable(row, peers)) for row,_ in turns) or 1)
    try:
        for row,turn in turns: take_turns(row, in_order(measurable(row, peers), turn), results, progress)
    except KeyboardInterrupt: print("\nstopped: what follows is what was measured so far", file=sys.stderr)
    finally:
        progress.end()
        for peer in peers: peer.drop()
    return results

def measurable(row, peers):
    "Those of `peers` that `row` can be measured with."
    wanted = dict(yes={True, False}, no={False}, only={True})[row.floor]
    return [peer for peer in peers if peer.is_floor in wanted]

def in_order(peers, turn):
    "`peers`, in the other direction every second turn: who comes first finds the caches of the one before."
    return peers if turn % 2 == 0 else peers[::-1]

def take_turns(row, peers, results, progress):
    "Measure `row` once with each of `peers`."
    for peer in peers:
        progress.step(row, peer)
        stats = results.of(row, peer)
        if all(stat.has_failed for stat in stats): continue
        peer.notes.clear()
        for stat,value in zip(stats, attempt(row, peer)): stat.add(value)
        results.note(row, peer)

def attempt(row, peer):
    "The values of one turn of `peer`, words in place of those that did not come."
    count = len(row.parts)
    try:
        values = row.measure(peer)
        return list(values) if count > 1 else [values]
    except Lost as error: word = str(error)
    except trips as error: word = f"{type(error).__name__}: {error}"[:60]
    peer.drop()
    return [word]*count

def prepare(peer):
    """Start `peer` once, for its version, for the caches of the system and for the files it makes on its first start.

    False if it does not start."""
    with peer.fresh(warm=False) as kernel:
        try:
            info = kernel.ask("kernel_info_request", timeout=60).content
            kernel.run("1", 60)
        except Lost as error:
            print(f"{peer.name} is left out, it does not start ({error}), log: {' / '.join(kernel.log_end(10))}", file=sys.stderr)
            return False
    peer.version = f"{info.get('implementation', '')} {info.get('implementation_version', '')}".strip()
    return True
