#!/usr/bin/env python3
"""Make docs/libraries.md: run tools/test libs, then tell, library by library, what users see on ipymini and on ipykernel

The table is made of the names of the tests and of their results, so it says what was tested, and nothing else."""

import json, re, subprocess, sys, tomllib
from collections import defaultdict
from datetime import date
from xml.etree import ElementTree
from venvs import root, venvs

kernels = "ipymini","ipykernel"
owners = dict(test_widgets="ipywidgets")  # whose tests name no library
head = """# Libraries in notebooks

Made by `tools/zoo.py` on {date}, from the tests in `pytests/libs`: Python {python}, ipymini {ipymini}, ipykernel {ipykernel}, IPython {ipython}.
Each test states what a user of ipykernel sees, and runs on both kernels; ipymini ran as if ipykernel were not installed.

| library | version | what was seen | ipymini | ipykernel |
|---|---|---|---|---|
"""

def main():
    report = venvs/"libs.xml"
    res = subprocess.run([sys.executable, root/"tools/test", "libs", f"--junitxml={report}", "pytests/libs"], cwd=root).returncode
    if res > 1: sys.exit(res)  # not all was run
    seen,vs = results(ElementTree.parse(report), libraries()),versions(venvs/"libs/bin/python")
    (root/"docs").mkdir(exist_ok=True)
    (root/"docs/libraries.md").write_text(head.format(date=date.today(), **vs) + "".join(row(lib, seen[lib], vs) for lib in sorted(seen)))
    sys.exit(res)

def libraries():
    "Names that tests may begin with, longest first: of the extra `libs`, and two that it brings along"
    extra = tomllib.loads((root/"pyproject.toml").read_text())["project"]["optional-dependencies"]["libs"]
    return sorted([plain(re.match(r"[\w-]+", o)[0]) for o in extra] + ["ipython", "tornado"], key=len, reverse=True)

def plain(name): return name.lower().replace("-", "_")

def versions(python):
    "Versions of what is installed beside the interpreter `python`, and its own"
    code = "import importlib.metadata as m, json, platform; print(json.dumps({d.name: d.version for d in m.distributions()} | dict(python=platform.python_version())))"
    return {plain(k):v for k,v in json.loads(subprocess.check_output([python, "-c", code])).items()}

def results(report, libs):
    "{library: {kernel: [(fact, why it did not pass or None)]}}"
    res = defaultdict(lambda: {k:[] for k in kernels})
    for case in report.iter("testcase"):
        name,_,ids = case.get("name").removesuffix("]").partition("[")
        kernel,param,*_ = *ids.split("-"),""
        owner = owners.get(case.get("classname").rpartition(".")[2], "")
        texts = param,name.removeprefix("test_"),f"{owner}_{name.removeprefix('test_')}"
        found = next(((lib, text) for text in texts for lib in libs if text.startswith(f"{lib}_")), None)
        if kernel not in kernels or not found: continue
        lib,text = found
        bad = next((o for o in case if o.tag in ("failure", "error", "skipped")), None)
        why = None if bad is None else bad.get("message") if bad.tag == "skipped" else "fails"
        res[lib][kernel].append((text[len(lib)+1:].replace("_", " "), why))
    return res

def row(lib, seen, vs):
    facts = dict.fromkeys(fact for k in kernels for fact,_ in seen[k])
    return f"| {lib.replace('_', '-')} | {vs[lib]} | {'; '.join(facts)} | {' | '.join(score(seen[k]) for k in kernels)} |\n"

def score(tests):
    "How many passed, and of the others why"
    bad = dict.fromkeys(why if why != "fails" else f"fails: {fact}" for fact,why in tests if why)
    good = sum(not why for _,why in tests)
    return f"all {good}" if not bad else f"{good} of {len(tests)}: {'; '.join(bad)}"

if __name__ == "__main__": main()
