"Rows about completion and the documentation of what it lists. Each takes a Peer and returns a value for each metric of its row."

from statistics import median, quantiles
from time import sleep
from trips import round_trip

setup = """import collections, datetime, functools, itertools, json, math, os, pathlib, random, re, subprocess, sys
class Model:
    def __init__(self): self.weights = [1]
    def fit(self, data, epochs=1, *, verbose=False): return self
model,text,table,numbers = Model(),"text",dict(key=1),[1, 2]"""
live = """os.path.jo|os.|sys.mod|json.du|json.dumps(|json.dumps(1, ind|math.|re.com|model.|model.we|model.fit(ep|text.up|text.|table['|numbers.app|numb|pri|Mod|
itertools.ch|functools.par|pathlib.Pa|pathlib.|collections.Co|datetime.datetime.|subprocess.ru|subprocess.run(cap|random.ch|print(numb|x = len(te|
for number in numb|f'{text.lo|%timeit model.fi|sorted(numbers, ke|open('/et|from os import pa|import js|isinstance(model, Mod|print(1, se""".replace("\n", "").split("|")
others = ["text.upper().low", "fresh = [1]\nfresh.app", "def f(argument):\n    arg"]  # what does not live
idleness = 5  # seconds without a request
first_idleness = 2  # the same before the first completion of a kernel

def first(peer):
    "Milliseconds to the first completion of a kernel that has been left alone."
    with peer.fresh(warm=False) as kernel:
        kernel.run(setup, 60)
        sleep(first_idleness)
        return complete(kernel, "os.path.jo")

def cursors(peer):
    "Milliseconds to a completion: the median and the 99th percentile of those of what lives, and the median of the others."
    with peer.fresh() as kernel:
        kernel.run(setup)
        sleep(idleness)
        took = [complete(kernel, code) for code in live*2]
        return median(took), quantiles(took, n=100)[-1], median(complete(kernel, code) for code in others*3)

def documentation(peer):
    "Milliseconds to what a panel shows beside a completion."
    with peer.fresh() as kernel:
        kernel.run(setup)
        sleep(idleness)
        return median(inspect(kernel, name) for name in ("os.path.join", "json.dumps", "model.fit", "text.upper", "re.compile")*3)

def complete(kernel, code): return round_trip(kernel, "complete_request", dict(code=code, cursor_pos=len(code)))[0]

def inspect(kernel, name):
    "Milliseconds to the reply of an inspect_request."
    return round_trip(kernel, "inspect_request", dict(code=name, cursor_pos=len(name), detail_level=0))[0]
