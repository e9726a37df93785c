#!/usr/bin/env python3
"""What a cell enters: `tools/profiled.py FOLDER` starts a kernel of the package in FOLDER and prints, as JSON, the functions that `print(1); 2` enters.

A profile function, set by a cell on the main thread of the live kernel, notes each entry into a function of the package, in order.
A coroutine that goes on after an await is entered again. Needs the environment of the tests; `laws.py` starts this and counts."""

import json, os, sys
from about import answer
from collections import Counter
from pathlib import Path
from time import monotonic

root = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(root/"pytests"))

measured = "print(1); 2"
turns = 7

# Time is that of the system's monotonic clock, which is the same here and in the kernel. Frames are kept, so that no two have one id.
watch = """
import ipymini, os, sys, time
_home = os.path.dirname(ipymini.__file__) + os.sep
_entries, _frames = [], {}
def _note(frame, event, arg, home=_home, entries=_entries, frames=_frames, now=time.monotonic):
    code = frame.f_code
    if event != "call" or not code.co_filename.startswith(home): return
    resumed = id(frame) in frames
    frames[id(frame)] = frame
    entries.append((now(), code.co_filename.removeprefix(home), code.co_qualname, resumed))
sys.setprofile(_note)
"""
fetch = "sys.setprofile(None)\nimport json\n_text = json.dumps(_entries)\n_text"


def profile(folder):
    "The entries that the measured cell makes in a kernel of the package in `folder`, as [file, function, resumed]."
    from helpers import start
    kc = start(cwd=folder, env=dict(PYTHONPATH=str(folder)))
    try:
        kc.run(watch)
        begins = [run_cell(kc) for _ in range(turns)] + [monotonic()]
        entries = json.loads(eval(kc.run(fetch).result))
    finally: kc.stop()
    cells = [between(entries, begin, end) for begin,end in zip(begins, begins[1:])]
    return most_common(cells[1:])  # the first cell meets what is done once

def run_cell(kc):
    "Run the measured cell; the time at which it was sent."
    begin = monotonic()
    kc.run(measured)
    return begin

def between(entries, begin, end):
    "The entries made from `begin` to `end`, without their times."
    return [entry for entered,*entry in entries if begin <= entered < end]

def most_common(cells):
    "The entries of a cell that is like most others: the end of a cell may fall behind the begin of the next, and a timer into any."
    counts = Counter(map(len, cells))
    usual = counts.most_common(1)[0][0]
    return next(o for o in cells if len(o) == usual)

if __name__ == "__main__":
    answer(__doc__)
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    print(json.dumps(profile(Path(sys.argv[1]))))
