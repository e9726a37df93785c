"""Several pods alike, that share the work of a map.

A thread for each pod takes values from one queue. What a pod shows, and its interrupts, are those of its calls; an
interrupt of the map goes to all of them."""
import contextvars, sys, threading, time
from queue import Empty, SimpleQueue
from .client import Pod, caller_names, pod
from .errors import PodError

tries = 2  # pods that a value is given to, if they die of it
redraw = .1  # s between two states of a progress bar

def pool(count=None, dask=None, **kwargs):
    """A `Pool` of `count` pods, each made with the same arguments as `pod`.

    `dask`: a client of dask.distributed; then one pod on each of its workers, or on the first `count` of them."""
    if dask is not None:
        from .cluster import cluster_cores
        return Pool([Pod(core) for core in cluster_cores(dask, count, kwargs)])
    first = pod(**kwargs)  # makes the environment, if need be, before the others want it
    rest = in_threads([lambda: pod(**kwargs)] * (count - 1))
    return Pool([first, *rest])

def in_threads(functions):
    "What the functions return, each run on a thread of its own."
    results = [None] * len(functions)
    def run(i):
        try: results[i] = functions[i](),None
        except Exception as error: results[i] = None,error  # raised below, on the thread that waits
    threads = [start_thread(run, i) for i in range(len(functions))]
    for thread in threads: thread.join()
    for _,error in results:
        if error: raise error
    return [value for value,_ in results]

def start_thread(function, *args):
    "A thread that runs in the context of this one, so that what it shows belongs to the same cell."
    thread = threading.Thread(target=contextvars.copy_context().run, args=(function, *args), daemon=True)
    thread.start()
    return thread

class Pool:
    "Pods that are alike. `map` shares work among them; `@pool` sends a function to all; `pool[0]` is one of them."
    def __init__(self, pods): self._pods = pods

    def map(self, function, values, ordered=True, progress=True):
        """What the function makes of each value: a list in the order of the values, or, not `ordered`, in which they
        were done.

        `function`: as for `pod.map`. A pod that dies is started anew, and the value it had is given to another once.
        `progress`: show a bar. Raises: the first exception of the function's, PodError"""
        __tracebackhide__ = True
        work = Work(values, ordered, Bar(progress))
        functions = [each._function(function) for each in self._pods]
        for function in functions: start_thread(work.run, function)
        return work.wait(self)

    def close(self):
        for each in self._pods: each.close()

    def run(self, code):
        "Run statements in each pod."
        for each in self._pods: each.run(code)

    def __call__(self, function):
        "Send a function to all pods; the name that comes back calls it in the first."
        names = caller_names()
        return [each._send(function, names) for each in self._pods][0]

    def __getattr__(self, name): return getattr(self._pods[0], name)
    def __getitem__(self, i): return self._pods[i]
    def __len__(self): return len(self._pods)
    def __enter__(self): return self
    def __exit__(self, *error): self.close()
    def __repr__(self): return f"<pool of {len(self)}: {', '.join(map(repr, self._pods))}>"

class Work:
    "The values of one map, and what came of them."
    def __init__(self, values, ordered, bar):
        values = list(values)
        self.total = len(values)
        self.ordered = ordered
        self.bar = bar
        self.todo = SimpleQueue()  # (index, value, how often it has been tried)
        for i,value in enumerate(values): self.todo.put((i, value, 0))
        self.done = SimpleQueue()  # (index, result, error), and None when a thread has ended

    def run(self, function):
        "On a thread for each pod: call the function until there are no values left."
        while True:
            try: i,value,tried = self.todo.get_nowait()
            except Empty: return
            try: self.done.put((i, function(value), None))
            except PodError as error: self.lost(function, error, i, value, tried + 1)
            except (Exception, KeyboardInterrupt) as error: self.done.put((i, None, error))

    def lost(self, function, error, i, value, tried):
        "A PodError: if the pod died, start it anew; the value is for another pod, or has been tried enough."
        core = function._core
        if not core.link.ended or core.link.reason: return self.done.put((i, None, error))
        try: Pod(core).restart()
        except PodError as trouble: return self.done.put((i, None, trouble))
        if tried < tries: self.todo.put((i, value, tried))
        else: self.done.put((i, None, error))

    def wait(self, pool):
        "The results, as they are asked for; all calls are interrupted if this one is, or if one fails."
        __tracebackhide__ = True
        results = {}
        try:
            while len(results) < self.total:
                i,result,error = self.done.get()
                if error: raise error
                results[i] = result
                self.bar.show(len(results), self.total)
        except BaseException:
            self.cancel(pool)
            raise
        finally: self.bar.end()
        return [results[i] for i in (range(self.total) if self.ordered else results)]

    def cancel(self, pool):
        "Let nothing more begin, and interrupt what runs."
        try:
            while True: self.todo.get_nowait()
        except Empty: pass
        for each in pool._pods:
            for call in list(each._core.link.sent.values()): each._core.link.interrupt(call)

class Bar:
    "A line on stderr that tells how far a map is, drawn anew now and then."
    def __init__(self, wanted):
        self.wanted = wanted
        self.start = self.drawn = time.monotonic()
        self.width = 0  # of what was drawn; 0: nothing was

    def show(self, done, total):
        "Draw the bar anew, unless it has just been drawn."
        now = time.monotonic()
        if not self.wanted or now - self.drawn < redraw: return
        self.drawn = now
        bar = ("#" * (24 * done // total)).ljust(24, ".")
        self.draw(f"{done}/{total} [{bar}] {now - self.start:.0f} s")

    def draw(self, text):
        print("\r" + text.ljust(self.width), end="", file=sys.stderr, flush=True)
        self.width = len(text)

    def end(self):
        "Wipe the line."
        if not self.width: return
        self.draw("")
        print("\r", end="", file=sys.stderr, flush=True)
