"What tests of interrupts and of the end share."
import os, signal, threading, time
from contextlib import contextmanager

def exists(pid):
    try: state = open(f"/proc/{pid}/stat").read().rsplit(")", 1)[1].split()[0]
    except (FileNotFoundError, ProcessLookupError): return False
    return state != "Z"

def until_gone(pids, seconds=30):
    end = time.monotonic() + seconds
    while any(map(exists, pids)):
        if time.monotonic() > end: return False
        time.sleep(.005)
    return True

def wait_for(condition, what, seconds=20):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"{seconds} s passed: waited for {what}"
        time.sleep(.005)

@contextmanager
def interrupts(*times):
    "SIGINT for this process so many seconds from now."
    timers = [threading.Timer(t, os.kill, (os.getpid(), signal.SIGINT)) for t in times]
    for o in timers: o.start()
    try: yield
    finally:
        for o in timers: o.cancel()

deaf = """
def deaf():
    import time
    while True:
        try: time.sleep(60)
        except KeyboardInterrupt: pass
"""
