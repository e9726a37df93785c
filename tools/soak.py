#!/usr/bin/env python3
"""A long life, compressed: `tools/soak.py [--hours 24] [--restarts 50]` prints a table of memory, descriptors, threads and latency, and exits 1 if they grow

A simulated hour is 100 cells of mixed work, with completions, comms, subshells, interrupts, errors, clients that come and go. Before that the kernel is
restarted, and no file, process, thread or port may be left. What IPython keeps for the user, as `In` and `Out`, is emptied each hour. Needs the environment of tools/test, or psutil, jupyter_client and ipymini."""

import argparse, glob, os, random, subprocess, sys, tempfile, time
from pathlib import Path
from statistics import median
sys.path.insert(0, str(Path(__file__).resolve().parent.parent/"pytests"))
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
import psutil
from helpers import connect, dealer, start

cells = ["x = 1", "x + 1", "print('x' * 1000)", "1/0", "import asyncio; await asyncio.sleep(.001)", "!true", "for i in range(300): print(i)", "display({'text/plain': 'x' * 10**5}, raw=True)",
    "def f(n): return n and f(n-1)\nf(200)", "import threading; t = threading.Thread(target=print, args=('t',)); t.start(); t.join()", "l = [object() for _ in range(10**5)]", "del x; x = 1",
    "%timeit -n1 -r1 1", "import asyncio; t = asyncio.create_task(asyncio.sleep(.01))", "from concurrent.futures import ThreadPoolExecutor\nwith ThreadPoolExecutor(4) as p: list(p.map(str, range(50)))",
    "import os, warnings; warnings.simplefilter('ignore'); pid = os.fork()\nif not pid: os._exit(0)\nos.waitpid(pid, 0); None", "%%capture\nprint('hidden')", "raise SystemExit", "(", "import io, base64; b = base64.b64encode(os.urandom(10**5)) if 'os' in globals() else None",
    "from comm import create_comm; c = create_comm(target_name='t'); c.close()", "get_ipython().user_ns.pop('l', None); import gc; gc.collect(); None"]

def subshell(kc):
    id = kc.subshell()
    kc.run("y = 1", subshell=id)
    kc.request("delete_subshell_request", dict(subshell_id=id), "control")

def interrupt(kc):
    id = kc.cell("print('in')\nwhile True: pass")
    kc.wait(id, until=lambda r: r.stdout)
    kc.interrupt(random.choice(["signal", "message"]))
    kc.wait(id)

def visit(kc):
    "A client that comes, runs a cell and goes"
    other = connect(kc.file)
    other.run("1")
    other.stop_channels()

def junk(kc):
    with dealer(kc) as s: s.send_multipart([b"junk", b"x"*1000])

def prompt(kc):
    id = kc.cell("input()", allow_stdin=True)
    kc.prompt()
    kc.input("line")
    kc.wait(id)

beside = [subshell, interrupt, visit, junk, prompt, lambda kc: kc.request("complete_request", dict(code="import o")), lambda kc: kc.request("inspect_request", dict(code="len", cursor_pos=2)),
    lambda kc: kc.request("history_request", dict(hist_access_type="tail", n=10)), lambda kc: kc.request("usage_request", channel="control"),
    lambda kc: kc.request("comm_open", dict(comm_id=os.urandom(4).hex(), target_name="nosuch", data={}))]

def forget(kc):
    "What the client remembers of results"
    kc.held.clear()
    kc.others.clear()

def hour(kc, n=100):
    "Seconds that a trivial cell takes, after `n` cells of work"
    for i in range(n):
        kc.run(random.choice(cells), timeout=60)
        if i % 5 == 0: random.choice(beside)(kc)
        forget(kc)
    return median(timed(lambda: kc.run("1")) for _ in range(30))

def timed(f):
    t = time.perf_counter()
    f()
    return time.perf_counter()-t

def sizes(p): return p.memory_full_info().uss/1e6, p.num_fds(), p.num_threads(), len(p.children(recursive=True))

def live(hours):
    "Run `hours`; what grew"
    kc,rows = start(stderr=subprocess.DEVNULL),[]  # which junk is dropped
    p = psutil.Process(kc.proc.pid)
    print(f"{'hour':>5} {'cells':>7} {'MB':>7} {'fds':>5} {'threads':>8} {'children':>9} {'ms a cell':>10}")
    for h in range(hours+1):
        kc.run("%reset -f\nimport gc; gc.collect();", store_history=False)
        rows.append((*sizes(p), hour(kc)*1000))
        if h % max(1, hours//12) == 0: print(f"{h:5} {h*100:7} {rows[-1][0]:7.1f} {rows[-1][1]:5} {rows[-1][2]:8} {rows[-1][3]:9} {rows[-1][4]:10.2f}", flush=True)
    kc.stop()
    third = max(1, len(rows)//3)
    def grew(i, by, plus): return median(r[i] for r in rows[-third:]) > median(r[i] for r in rows[third:2*third] or rows[:1])*by + plus
    return [name for name,i,by,plus in (("memory", 0, 1.1, 5), ("descriptors", 1, 1, 3), ("threads", 2, 1, 2), ("children", 3, 1, 0), ("latency", 4, 2, 1)) if grew(i, by, plus)]

def files(): return {f for pattern in (f"{tempfile.gettempdir()}/*", f"{os.environ['IPYTHONDIR']}/**", f"{os.environ['JUPYTER_RUNTIME_DIR']}/*") for f in glob.glob(pattern, recursive=True)}

def listening(): return {c.laddr.port for c in psutil.net_connections("tcp") if c.status == "LISTEN"}

def restart(n):
    "Restart a kernel on one connection file `n` times, with a cell and a child each; what is left over"
    kc = start()
    file,first = kc.file,None
    for i in range(n):
        kc.run("import subprocess; p = subprocess.Popen(['sleep', '600'])")
        group = kc.proc.pid
        kc.request("shutdown_request", dict(restart=True), "control")
        kc.proc.wait(10)
        kc.stop_channels()
        left = [p.pid for p in psutil.process_iter() if p.pid != os.getpid() and pgid(p.pid) == group and p.status() != "zombie"]
        if left: return [f"processes {left} after {i+1} restarts"]
        ports = listening() & {getattr(kc, f"{c}_port") for c in ("shell", "iopub", "stdin", "control", "hb")}
        if ports: return [f"ports {ports} after {i+1} restarts"]
        kc = start(file=file)
        kc.run("1")
        now = files(),sizes(psutil.Process(kc.proc.pid))
        first = first or now
    kc.request("shutdown_request", {}, "control")
    kc.proc.wait(10)
    kc.stop()
    left = sorted(f for f in files()-first[0] if os.path.basename(f).startswith(("kernel", "ipykernel", "tmp", "history")) or ".death" in f)
    print(f"{n} restarts: descriptors {first[1][1]} -> {now[1][1]}, threads {first[1][2]} -> {now[1][2]}, MB {first[1][0]:.1f} -> {now[1][0]:.1f}, files left {left}")
    return [f"files {left}"]*bool(left) + ["descriptors after restarts"]*(now[1][1] > first[1][1]+2) + ["threads after restarts"]*(now[1][2] > first[1][2]+1)

def pgid(pid):
    try: return os.getpgid(pid)
    except OSError: return None

def main():
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument("--hours", type=int, default=24)
    p.add_argument("--restarts", type=int, default=50)
    p.add_argument("--seed", type=int, default=1)
    a = p.parse_args()
    random.seed(a.seed)
    with tempfile.TemporaryDirectory() as d:
        os.environ.update(IPYTHONDIR=f"{d}/ipython", JUPYTER_RUNTIME_DIR=f"{d}/run", TMPDIR=f"{d}/tmp")
        os.mkdir(f"{d}/tmp")
        tempfile.tempdir = None
        bad = (restart(a.restarts) if a.restarts else []) + (live(a.hours) if a.hours else [])
    print("grew or left over: " + ", ".join(bad) if bad else "nothing grew, nothing is left over")
    sys.exit(bool(bad))

if __name__ == "__main__": main()
