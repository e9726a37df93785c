"Makes and closes pods; fails if descriptors, threads or zombies stay."
import os, threading, time
from ipymini import pod

def state(): return len(os.listdir("/proc/self/fd")),threading.active_count()

def settled(wanted):
    "True once the state is as `wanted`: threads end a moment after the pod."
    end = time.monotonic() + 10
    while state() != wanted and time.monotonic() < end: time.sleep(.01)
    return state() == wanted

before = state()
for _ in range(5):
    with pod() as p: p.abs(-1)
assert settled(before), f"descriptors and threads: {before} before, {state()} after"
try: os.waitpid(-1, os.WNOHANG)
except ChildProcessError: pass
else: raise AssertionError("there are children")
