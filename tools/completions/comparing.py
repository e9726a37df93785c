"""What IPython with jedi completes beside what the kernel does, at each cursor of notebooks.txt.

`kc` is a client as `pytests/helpers.py` makes one. Read `compare`."""
import ast, json, re
from pathlib import Path
from typing import NamedTuple

here = Path(__file__).resolve().parent
imports = """import asyncio, collections, datetime, itertools, json, math, os, random, re, subprocess, sys
from collections import defaultdict
from functools import lru_cache, partial"""
libraries = dict(numpy="import numpy as np\narr = np.arange(6.).reshape(2, 3)",
    matplotlib="import matplotlib; matplotlib.use('agg')\nimport matplotlib.pyplot as plt; fig, ax = plt.subplots()",
    pandas="import pandas as pd\ndf = pd.DataFrame(dict(alpha=[1, 2], beta=['x', 'y'])); series = df.alpha")

class Case(NamedTuple):
    "A cursor in a cell."
    theme: str
    code: str
    pos: int

    @property
    def shown(self): return f"{self.code[:self.pos]}|".rpartition("\n")[2]

class Outcome(NamedTuple):
    "What came of one case: whole texts up to the end of the completion."
    case: Case
    expected: set
    found: set

    @property
    def missing(self): return self.expected - self.found

def cases(themes=None):
    "The cases of `themes`, or all."
    theme,lines,found = None,[],[]
    for line in (here/"notebooks.txt").read_text().splitlines()[1:]:
        if line.startswith("= "): theme = line[2:]
        elif line: lines.append(line)
        if lines and not lines[-1].endswith("\\"):
            found += cursors(theme, "\n".join(part.removesuffix("\\") for part in lines))
            lines = []
    return [case for case in found if not themes or case.theme in themes]

def cursors(theme, marked):
    "A case for each bar in `marked`."
    pieces = marked.split("|")
    return [Case(theme, "".join(pieces), len("".join(pieces[:count]))) for count in range(1, len(pieces))]

def prepare(kc, themes):
    "Run what the cases of `themes` need."
    cells = [imports, (here/"namespace.py").read_text(), (here/"reference.py").read_text(), *(code for name,code in libraries.items() if name in themes)]
    for code in cells:
        done = kc.run(code, timeout=60)
        if done.status != "ok": raise RuntimeError(f"{code[:60]!r} failed: {done.content['evalue']}")

def compare(kc, case):
    "The `Outcome` of `case`."
    asked = kc.run(f"_complete({case.code!r}, {case.pos}, _reference)", silent=False, store_history=False, timeout=120)
    start,texts = json.loads(ast.literal_eval(asked.result))
    reply = kc.request("complete_request", dict(code=case.code, cursor_pos=case.pos), timeout=120).content
    return Outcome(case, whole(case, start, texts), whole(case, reply["cursor_start"], reply["matches"]))

def whole(case, start, texts):
    "`texts`, which stand from `start` on, with what is before them in their line."
    line = case.code.rfind("\n", 0, case.pos) + 1
    return {case.code[line:start] + text for text in texts}

# -- differences that are meant

def explain(outcome, text):
    "Why it is right that `text` is missing; None if nobody knows."
    before = outcome.case.shown.removesuffix("|")
    name = re.search(r"\w*=?\Z", text)[0]
    return next((reason for place,names,reason in reasons if re.search(place, before) and re.fullmatch(names, name)), None)

attribute = r"\.\w*\Z"
alone = r"(?<![\w.])\w*\Z"
reasons = [  # chkstyle: ignore-node  (where, which names, why)
    (r"#.*", r"\w+", "jedi puts every name there is behind the last word of a comment"),
    (r"global \w*\Z", r"\w+", "jedi lists the word that is being typed"),
    (alone, r"__\w+__", "jedi takes attributes of a module, as `__class__`, for names"),
    (alone, r"AbstractSet|WindowsError|ellipsis|function|reveal_\w+", "names of jedi's stub of `builtins` that are not there"),
    (r"print\.__d\Z", r"__defaults__|__dict__", "jedi takes a function written in C for one of Python's"),
    (r"(path\.parent|df\.dtypes)\.", r"\w+", "a property is not evaluated, unless the setting `evaluation` is `unsafe`")]
