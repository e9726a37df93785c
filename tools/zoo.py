#!/usr/bin/env python3
"""`tools/zoo.py` makes docs/libraries.md: it runs tools/test libs, then tells, library by library, what users see on ipymini and on ipykernel.

The table is made of the names of the tests and of their results, so it says what was tested, and nothing else."""

import json, re, subprocess, sys, tomllib
from about import answer
from collections import defaultdict
from datetime import date
from typing import NamedTuple
from venvs import root, venvs
from xml.etree import ElementTree

kernels = "ipymini","ipykernel"
owners = dict(test_widgets="ipywidgets")  # files whose tests name no library, and the library that they are of
head = """# Libraries in notebooks

Made by `tools/zoo.py` on {date}, from the tests in `pytests/libs`: Python {python}, ipymini {ipymini}, ipykernel {ipykernel}, IPython {ipython}.
Each test states what a user of ipykernel sees, and runs on both kernels; ipymini ran as if ipykernel were not installed.

| library | version | what was seen | ipymini | ipykernel |
|---|---|---|---|---|
"""
tail = """
## Names of ipykernel

Compared with what ipykernel 7.4 documents. `get_ipython()` has all public names of ipykernel's shell but two that nothing uses, `readline_use` and `payloadpage_page`.
`import ipykernel` works whether or not it is installed. These have stand-ins: `ipykernel`, `.comm`, `.comm.comm`, `.compiler`, `.connect`, `.iostream`, `.ipkernel`,
`.kernelapp`, `.kernelbase` and `.zmqshell`; other modules come from an installed ipykernel, and are missing without one. What is left out, and why:

| left out | why |
|---|---|
| subclasses of `Kernel` and `IPythonKernel`, `do_execute`, `do_apply`, `do_clear` | a kernel of one's own runs in a process of its own, and needs ipykernel itself |
| `execute_request` and its like, `msg_types`, `dispatch_shell`, `pre_handler_hook`, `should_handle` | how ipykernel handles messages; nothing is handled that way here |
| `shell_stream`, `control_stream`, `stdin_socket`, `iopub_thread`, `control_thread`, `shell_channel_thread` | each socket belongs to one thread here; `session.send(kernel.iopub_socket, ...)` publishes |
| `eventloop`, `enter_eventloop`, `ipykernel.eventloops` | `%gui` runs toolkits beside the loop; use `get_ipython().enable_gui` |
| `embed_kernel`, `ipykernel.inprocess` | this kernel owns its process: signals, file descriptors, the end |
| `ipykernel.kernelspec`, `ipykernel install` | `ipymini install` |
| `write_connection_file` | `jupyter_client.write_connection_file` |
| `ipykernel.pylab`, `ipykernel.gui` | old names of what `matplotlib_inline` and `%gui` do |
"""
ask_versions = """
import importlib.metadata, json, platform
found = {o.name: o.version for o in importlib.metadata.distributions()}
print(json.dumps(found | dict(python=platform.python_version())))
"""

class Fact(NamedTuple):
    "What one test says, and why it did not pass, or None."
    text: str
    why: str | None

def main():
    report = venvs/"libs.xml"
    status = subprocess.run([sys.executable, root/"tools/test", "libs", f"--junitxml={report}", "pytests/libs"], cwd=root).returncode
    if status > 1: sys.exit(status)  # not all was run
    found = results(ElementTree.parse(report), libraries())
    versions = versions_in(venvs/"libs/bin/python")
    rows = [row(library, found[library], versions) for library in sorted(found)]
    page = root/"docs/libraries.md"
    page.write_text(head.format(date=date.today(), **versions) + "".join(rows) + tail)
    sys.exit(status)

def libraries():
    "Names that tests may begin with, longest first: of the extra `libs`, and two that it brings along."
    project = tomllib.loads((root/"pyproject.toml").read_text())["project"]
    extra = project["optional-dependencies"]["libs"]
    names = [as_identifier(re.match(r"[\w-]+", requirement)[0]) for requirement in extra]
    return sorted([*names, "ipython", "tornado"], key=len, reverse=True)

def as_identifier(name):
    "A distribution's name as the name of a test has it."
    return name.lower().replace("-", "_")

def versions_in(python):
    "Versions of what is installed beside the interpreter `python`, and its own."
    found = json.loads(subprocess.check_output([python, "-c", ask_versions]))
    return {as_identifier(name): version for name,version in found.items()}

def results(report, libraries):
    "The Facts of each library by kernel, from a JUnit report: {library: {kernel: [Fact]}}."
    found = defaultdict(lambda: {kernel: [] for kernel in kernels})
    for case in report.iter("testcase"):
        kernel,library,text = told_by(case, libraries)
        if library and kernel in kernels: found[library][kernel].append(Fact(text, why_not(case)))
    return found

def told_by(case, libraries):
    "Kernel, library and fact of one test; the library is None if the test names none."
    name,_,ids = case.get("name").removesuffix("]").partition("[")
    kernel,_,others = ids.partition("-")
    param = others.partition("-")[0]
    fact = name.removeprefix("test_")
    owner = owners.get(case.get("classname").rpartition(".")[2], "")
    for text in (param, fact, f"{owner}_{fact}"):
        library = next((name for name in libraries if text.startswith(f"{name}_")), None)
        if library: return kernel, library, text.removeprefix(f"{library}_").replace("_", " ")
    return kernel, None, None

def why_not(case):
    "Why a test did not pass: the reason of a skip, or `fails`; None if it passed."
    bad = next((part for part in case if part.tag in ("failure", "error", "skipped")), None)
    if bad is None: return None
    return bad.get("message") if bad.tag == "skipped" else "fails"

def row(library, facts, versions):
    "One line of the table."
    texts = dict.fromkeys(fact.text for kernel in kernels for fact in facts[kernel])
    scores = [score(facts[kernel]) for kernel in kernels]
    return f"| {library.replace('_', '-')} | {versions[library]} | {'; '.join(texts)} | {' | '.join(scores)} |\n"

def score(facts):
    "How many passed, and of the others why."
    failed = [fact for fact in facts if fact.why]
    if not failed: return f"all {len(facts)}"
    reasons = dict.fromkeys(f"fails: {fact.text}" if fact.why == "fails" else fact.why for fact in failed)
    return f"{len(facts) - len(failed)} of {len(facts)}: {'; '.join(reasons)}"

if __name__ == "__main__":
    answer(__doc__)
    main()
