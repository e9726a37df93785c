"""One thing, many times: what `tools/soak.py --many` does, kind by kind, and what memory, descriptors and threads come to.

Each kind begins with a kernel of its own and a hundred times of itself; what has grown from there to the end is told.
Read `grown` for one kind, `together` for kernels that run at once."""
import subprocess
from typing import Callable, NamedTuple

import psutil
from dap import Client
from helpers import start

class Kind(NamedTuple):
    "Something that is done `count` times, `step` of them by each call of `once(kc)`."
    count: int
    once: Callable
    step: int = 1

def displays(kc):
    "Ten displays of 10 kB in a cell."
    kc.run("for i in range(10): display({'text/plain': f'{i}' * 10**4}, raw=True)", store_history=False)

def comms(kc):
    "A comm that the cell opens, a message on it from either side, and its end."
    result = kc.run("comm = create_comm(target_name='many'); comm.on_msg(heard.append); comm.send({})", store_history=False)
    id = result.of("comm_open")[0]["comm_id"]
    kc.request("comm_msg", dict(comm_id=id, data={}))
    kc.request("comm_close", dict(comm_id=id, data={}))

def subshells(kc):
    "A subshell that runs a cell and is deleted."
    id = kc.subshell()
    kc.run("x = 1", subshell=id, store_history=False)
    kc.request("delete_subshell_request", dict(subshell_id=id), "control")

def sessions(kc):
    "A session of the debugger, with a breakpoint, to its end."
    client = Client(kc)
    client.start()
    client.mark("x = 1", 1)
    client.ok("disconnect")

kinds = dict(displays=Kind(20_000, displays, 10), comms=Kind(2_000, comms), subshells=Kind(500, subshells),
    sessions=Kind(500, sessions))

prepare = "import gc\nfrom comm import create_comm\nfrom collections import deque\nheard = deque(maxlen=1)"
more = dict(memory=2, descriptors=2, threads=1)  # what may come on top after the first hundred: MB, and numbers

def grown(name, part=1):
    "Do the kind `name`, or a `part` of its count; the names of what grew."
    kind = kinds[name]
    kc = start(stderr=subprocess.DEVNULL)
    kc.run(prepare, store_history=False)
    process = psutil.Process(kc.proc.pid)
    total = int(kind.count*part)
    first,done = None,0
    while done < total:
        kind.once(kc)
        done += kind.step
        kc.held.clear()
        kc.others.clear()
        if done != 100 and done % (total//5): continue
        now = sizes(kc, process)
        first = first or now
        print(f"{name:>10} {done:>6} {told(now)}", flush=True)
    kc.stop()
    return [f"{what} of {name}" for what in more if now[what] > first[what]+more[what]]

def sizes(kc, process):
    "Memory in MB, descriptors and threads of the kernel's process, once it has tidied up."
    kc.run("gc.collect();", store_history=False)
    return dict(memory=process.memory_full_info().uss/1e6, descriptors=process.num_fds(), threads=process.num_threads())

def told(sizes): return " ".join(f"{value:>8.4g} {name}" for name,value in sizes.items())

def together(count=20):
    "Run `count` kernels at once, a cell in each; the names of what went wrong."
    kernels = [start() for _ in range(count)]
    for kc in kernels: kc.run(prepare)
    ids = [kc.cell(f"import time; time.sleep(1); {number}") for number,kc in enumerate(kernels)]
    results = [kc.wait(id).result for kc,id in zip(kernels, ids)]
    found = [] if results == [str(number) for number in range(count)] else [f"results {results}"]
    every = [sizes(kc, psutil.Process(kc.proc.pid)) for kc in kernels]
    for what in more: print(f"{count} kernels at once: {what} {min(o[what] for o in every):.4g} to {max(o[what] for o in every):.4g}")
    for kc in kernels: kc.request("shutdown_request", {}, "control")
    for kc in kernels: kc.proc.wait(10)
    for kc in kernels: kc.stop()
    return found
