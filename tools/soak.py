#!/usr/bin/env python3
"""A long life, compressed: `tools/soak.py [--hours 24] [--restarts 50] [--seed 1]` prints memory, descriptors, threads and latency, and exits 1 if they grow.

A simulated hour is 100 cells of mixed work, with completions, comms, subshells, interrupts, errors, clients that come and go.
Before that the kernel is restarted, and no file, process, thread or port may be left. What IPython keeps for the user, as `In` and `Out`,
is emptied each hour. Needs the environment of tools/test, or psutil, jupyter_client and ipymini."""

import argparse, glob, os, random, subprocess, sys, tempfile, time
from about import answer
from pathlib import Path
from statistics import median
from typing import NamedTuple

tests = Path(__file__).resolve().parent.parent/"pytests"
sys.path[:0] = [str(tests), str(tests/"debugger")]
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
if __name__ == "__main__": answer(__doc__)
import psutil
from helpers import connect, dealer, start

cells = [  # chkstyle: ignore-node  (a cell a line)
    "x = 1",
    "x + 1",
    "del x; x = 1",
    "print('x' * 1000)",
    "for i in range(300): print(i)",
    "display({'text/plain': 'x' * 10**5}, raw=True)",
    "%%capture\nprint('hidden')",
    "%timeit -n1 -r1 1",
    "!true",
    "1/0",
    "(",
    "raise SystemExit",
    "def f(n): return n and f(n-1)\nf(200)",
    "l = [object() for _ in range(10**5)]",
    "get_ipython().user_ns.pop('l', None); import gc; gc.collect(); None",
    "import io, os, base64; b = base64.b64encode(os.urandom(10**5))",
    "import asyncio; await asyncio.sleep(.001)",
    "import asyncio; t = asyncio.create_task(asyncio.sleep(.01))",
    "import threading; t = threading.Thread(target=print, args=('t',)); t.start(); t.join()",
    "from concurrent.futures import ThreadPoolExecutor\nwith ThreadPoolExecutor(4) as p: list(p.map(str, range(50)))",
    "import os, warnings; warnings.simplefilter('ignore'); pid = os.fork()\nif not pid: os._exit(0)\nos.waitpid(pid, 0); None",
    "from comm import create_comm; c = create_comm(target_name='t'); c.close()"]


# -- what happens beside cells

def subshell(kc):
    "A subshell that runs a cell and is deleted."
    id = kc.subshell()
    kc.run("y = 1", subshell=id)
    kc.request("delete_subshell_request", dict(subshell_id=id), "control")

def interrupt(kc):
    "An interrupt of a loop."
    id = kc.cell("print('in')\nwhile True: pass")
    kc.wait(id, until=lambda result: result.stdout)
    kc.interrupt(random.choice(["signal", "message"]))
    kc.wait(id)

def visit(kc):
    "A client that comes, runs a cell and goes."
    other = connect(kc.file)
    other.run("1")
    other.stop_channels()

def junk(kc):
    "A message that is none."
    with dealer(kc) as sock: sock.send_multipart([b"junk", b"x"*1000])

def prompt(kc):
    "A cell that asks, and is answered."
    id = kc.cell("input()", allow_stdin=True)
    kc.prompt()
    kc.input("line")
    kc.wait(id)

def complete(kc): kc.request("complete_request", dict(code="import o"))

def inspect(kc): kc.request("inspect_request", dict(code="len", cursor_pos=2))

def history(kc): kc.request("history_request", dict(hist_access_type="tail", n=10))

def usage(kc): kc.request("usage_request", channel="control")

def lost_comm(kc): kc.request("comm_open", dict(comm_id=os.urandom(4).hex(), target_name="nosuch", data={}))

beside = [subshell, interrupt, visit, junk, prompt, complete, inspect, history, usage, lost_comm]


# -- a life

class Hour(NamedTuple):
    "What an hour came to."
    memory: float  # MB, unique to the process
    descriptors: int
    threads: int
    children: int
    latency: float  # ms of a trivial cell

allowed = dict(memory=(1.1, 5), descriptors=(1, 3), threads=(1, 2), children=(1, 0), latency=(2, 1))  # growth: a factor, and so much more

def live(hours):
    "Run for `hours`; the names of what grew."
    kc = start(stderr=subprocess.DEVNULL)  # which junk is dropped is told there
    process = psutil.Process(kc.proc.pid)
    rows = []
    print(lined("hour", "cells", "MB", "fds", "threads", "children", "ms a cell"))
    for number in range(hours + 1):
        kc.run("%reset -f\nimport gc; gc.collect();", store_history=False)
        sizes = sizes_of(process)
        rows.append(Hour(*sizes, latency_after_an_hour(kc)))
        if number % max(1, hours//12) == 0: print(lined(number, number*100, *map(rounded, rows[-1])), flush=True)
    kc.stop()
    return [name for name in allowed if has_grown(rows, name)]

def sizes_of(process):
    "Memory in MB, descriptors, threads and children of a process."
    return process.memory_full_info().uss/1e6, process.num_fds(), process.num_threads(), len(process.children(recursive=True))

def latency_after_an_hour(kc, count=100):
    "Work for an hour; ms that a trivial cell takes then."
    for i in range(count):
        kc.run(random.choice(cells), timeout=60)
        if i % 5 == 0: random.choice(beside)(kc)
        forget(kc)
    return median(timed(lambda: kc.run("1")) for _ in range(30))*1000

def forget(kc):
    "Drop what the client remembers of results."
    kc.held.clear()
    kc.others.clear()

def timed(work):
    "Seconds that `work()` takes."
    begin = time.perf_counter()
    work()
    return time.perf_counter() - begin

def lined(*texts):
    "A line of the table."
    return " ".join(str(text).rjust(10) for text in texts)

def rounded(value): return round(value, 2)

def has_grown(rows, name):
    "True if `name` is larger in the last third of the hours than in the second one, by more than is allowed."
    third = max(1, len(rows)//3)
    middle = rows[third:2*third] or rows[:1]
    factor,more = allowed[name]
    before,after = (median(getattr(row, name) for row in part) for part in (middle, rows[-third:]))
    return after > before*factor + more


# -- restarts

ports = "shell", "iopub", "stdin", "control", "hb"

class Left(Exception):
    "Something was left over; its text says what."

def restart(count):
    "Restart a kernel on one connection file `count` times, with a cell and a child each; what is left over, as a list of texts."
    kc = start()
    first = None
    for i in range(1, count + 1):
        try: kc = restarted(kc)
        except Left as error: return [f"{error} after {i} restarts"]
        now = files_there(), sizes_of(psutil.Process(kc.proc.pid))
        first = first or now
    kc.request("shutdown_request", {}, "control")
    kc.proc.wait(10)
    kc.stop()
    return compare(count, first[1], now[1], files_there() - first[0])

def restarted(kc):
    "A kernel in place of that of `kc`, once nothing of the old one is left."
    kc.run("import subprocess; p = subprocess.Popen(['sleep', '600'])")
    kc.request("shutdown_request", dict(restart=True), "control")
    kc.proc.wait(10)
    kc.stop_channels()
    check_gone(kc)
    kc = start(file=kc.file)
    kc.run("1")
    return kc

def check_gone(kc):
    "Raise Left if a process of the kernel's group runs, or somebody listens on a port of its."
    alive = [process.pid for process in psutil.process_iter() if is_alive_in(process, kc.proc.pid)]
    if alive: raise Left(f"processes {alive}")
    still = listening() & {getattr(kc, f"{name}_port") for name in ports}
    if still: raise Left(f"ports {still}")

def is_alive_in(process, group):
    "True if `process` is in the process group `group`, and no zombie."
    try: return os.getpgid(process.pid) == group and process.status() != "zombie"
    except (OSError, psutil.NoSuchProcess): return False  # it has ended meanwhile

def listening():
    "The ports on which somebody listens."
    return {connection.laddr.port for connection in psutil.net_connections("tcp") if connection.status == "LISTEN"}

def files_there():
    "The files in the folders that kernels write to."
    patterns = f"{tempfile.gettempdir()}/*", f"{os.environ['IPYTHONDIR']}/**", f"{os.environ['JUPYTER_RUNTIME_DIR']}/*"
    return {file for pattern in patterns for file in glob.glob(pattern, recursive=True)}

def compare(count, first, last, new_files):
    "Print sizes after the first and the last restart; what has grown or is left over."
    left = sorted(file for file in new_files if is_ours(os.path.basename(file)))
    names = "MB", "descriptors", "threads", "children"
    changes = [f"{name} {before:.4g} -> {after:.4g}" for name,before,after in zip(names, first, last)]
    print(f"{count} restarts: {', '.join(changes)}, files left {left}")
    found = []
    if left: found.append(f"files {left}")
    if last[1] > first[1] + 2: found.append("descriptors after restarts")
    if last[2] > first[2] + 1: found.append("threads after restarts")
    return found

def is_ours(name):
    "True if a kernel may have made a file of this name."
    return name.startswith(("kernel", "ipykernel", "tmp", "history")) or ".death" in name

def repeated(name, part):
    "Do the kind of work `name`, or all of them and kernels at once, a `part` of their counts; what grew or is left over."
    import many
    if name != "all": return many.grown(name, part)
    return [text for kind in many.kinds for text in many.grown(kind, part)] + many.together() + restart(int(100*part))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--hours", type=int, default=24)
    parser.add_argument("--restarts", type=int, default=50)
    parser.add_argument("--many", nargs="?", const="all", metavar="KIND", help="instead: one kind of work, or all, many times; see tools/many.py")
    parser.add_argument("--part", type=float, default=1, help="of the counts of --many")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    random.seed(options.seed)
    bad = []
    with tempfile.TemporaryDirectory() as folder:
        os.environ.update(IPYTHONDIR=f"{folder}/ipython", JUPYTER_RUNTIME_DIR=f"{folder}/run", TMPDIR=f"{folder}/tmp")
        os.mkdir(f"{folder}/tmp")
        tempfile.tempdir = None  # TMPDIR is read anew
        if options.many: bad += repeated(options.many, options.part)
        else:
            if options.restarts: bad += restart(options.restarts)
            if options.hours: bad += live(options.hours)
    print(f"grew or left over: {', '.join(bad)}" if bad else "nothing grew, nothing is left over")
    sys.exit(bool(bad))

if __name__ == "__main__": main()
