"The rows: what is measured, in which group, how often, and what its numbers mean."

import busy, completing, costs, printing, starts, trips
from client import to_warm_up
from functools import partial
from typing import Callable, NamedTuple

class Row(NamedTuple):
    "A line or more of the table."
    group: str
    name: str
    measure: Callable  # of a Peer; returns a value, a list of values, or a word for what went wrong, for each metric
    metrics: str  # "name unit" of each value of `measure`, the name left out where there is one
    turns: int = 5  # in a full run
    quick: int = 1  # turns with --quick
    floor: str = "no"  # whether the bare loop around `run_cell` can be measured too: "yes", "no", or "only" it

    @property
    def title(self): return f"{self.group}: {self.name}"

    @property
    def parts(self):
        "Name and unit of each metric."
        return [tuple(metric.strip().rpartition(" ")[::2]) for metric in self.metrics.split(",")]

flood = "lost lines, messages n, time s, memory MB"
readers = dict(fast={}, slow=printing.slow, stalled=printing.stalled)
loop = "_t = time.monotonic() + 20\nwhile time.monotonic() < _t: pass"
child = "import subprocess; _c = subprocess.Popen(['sleep', '40'])"

start_rows = [  # chkstyle: ignore-node  (a row a line)
    Row("start", "spawn", starts.start, "to kernel_info_reply ms, to first result ms, CPU until then ms", 10, 3, "yes"),
    Row("start", "python -c 'import zmq, IPython'", starts.bare_imports, "ms", 10, 3, "only"),
    Row("start", "footprint", starts.footprint, "USS MB, PSS MB, threads n, descriptors n, modules n", 3),
    Row("start", "footprint, left alone for 5 s", starts.left_alone, "USS MB, threads n, descriptors n", 3),
    Row("start", "8 kernels at once", starts.eight, "to the last result s, PSS of all MB", 3)]

trip_rows = [  # chkstyle: ignore-node  (a row a line)
    Row("round trip", "execute 1, stored", trips.stored, "reply ms, reply and idle ms", 10, 3, "yes"),
    Row("round trip", "execute 1, silent", partial(trips.cell_trip, code="1", silent=True, store_history=False), "ms", 10, 3, "yes"),
    Row("round trip", "execute pass", partial(trips.cell_trip, code="pass"), "ms", 10, 3, "yes"),
    Row("round trip", "an error", partial(trips.cell_trip, code="1/0"), "ms", 10, 3),
    *[Row("round trip", kind.removesuffix("_request"), partial(trips.trip, kind=kind), "ms", 10, 3) for kind in to_warm_up],
    Row("round trip", "comm echo", trips.comm_echo, "ms", 10, 3),
    Row("round trip", "500 queued cells", trips.queued, "ms", 5, 2, "yes"),
    Row("completion", "first, after 2 s of nothing", completing.first, "ms", 3),
    Row("completion", "at 38 cursors", completing.cursors, "median ms, 99th percentile ms, median of what does not live ms", 3),
    Row("completion", "among 100,000 names", trips.many_names, "ms", 3),
    Row("completion", "documentation of one", completing.documentation, "ms", 3)]

output_rows = [  # chkstyle: ignore-node  (a row a line)
    Row("output", "first output, cell sleeps on", partial(printing.first_output, then="time.sleep(.1)"), "ms", 10, 3),
    Row("output", "first output, cell computes on", partial(printing.first_output, then="pass"), "ms", 10, 3),
    *[Row("output", f"{count:,} lines, {name} reader", partial(printing.lines, count=count, **reader), flood, 2)
        for count in (100_000, 300_000) for name,reader in readers.items()],
    Row("output", "10 MB in one print", printing.large, "messages n, time s, memory MB", 3),
    Row("output", "2,000 displays, fast reader", printing.displays, flood.replace("lines", "displays"), 3),
    Row("output", "2,000 displays, slow reader", partial(printing.displays, **printing.slow), flood.replace("lines", "displays"), 3),
    Row("output", "100 MB from the kernel", trips.buffers_out, "time ms, memory MB", 3),
    Row("output", "100 MB to the kernel", trips.buffers_in, "time ms, memory MB", 3)]

interrupt_rows = [Row("interrupt", name, partial(busy.interrupt, code=code), "ms", 5, 2) for name,code in
    {"time.sleep": "time.sleep(20)", "loop": loop, "await": "await asyncio.sleep(20)", "input()": "input()"}.items()]

busy_rows = [Row("while busy", name, partial(busy.while_busy, body=body), "complete ms, inspect ms, control ms, heartbeat ms", 3)
    for name,body in busy.bodies.items()]
subshell_rows = [Row("subshells", "a loop", busy.subshells, "in one ms, in two at once ms", 3)]

end_rows = [  # chkstyle: ignore-node  (a row a line)
    Row("debugger", "300,000 calls", busy.debugged, "never on ms, on ms, breakpoint elsewhere ms, off again ms", 3),
    Row("shutdown", "idle", partial(starts.shutdown, code="1"), "ms", 5, 2),
    Row("shutdown", "busy", partial(starts.shutdown, code="while True: pass"), "ms", 5, 2),
    Row("shutdown", "with a live child", partial(starts.shutdown, code=child), "ms", 3),
    Row("idle", "10 s of nothing", starts.idle, "CPU ms, context switches n", 3)]

cost_rows = [  # chkstyle: ignore-node  (a row a line)
    Row("CPU", "start to first result", costs.start, "ms", 15, 5, "yes"),
    Row("CPU", "round trip of 1", costs.round_trip, "ms", 15, 5, "yes"),
    Row("CPU", "round trip of print(1); 2", costs.prints, "ms", 15, 5, "yes"),
    Row("CPU", "flood of 100,000 lines", costs.flood, "ms", 10, 4)]

rows = [*start_rows, *trip_rows, *output_rows, *interrupt_rows, *busy_rows, *subshell_rows, *end_rows, *cost_rows]
