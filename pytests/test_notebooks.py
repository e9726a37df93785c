"""Real notebooks, out of source distributions on PyPI, executed on ipymini and on ipykernel: the same outputs

ipykernel lives in an environment of its own, of the same Python, .venvs/peer-ipykernel-3.x (or where PEER_IPYKERNEL says);
the distributions are kept in .venvs/notebooks.
What cannot be the same is made so by `normal`: addresses, times, paths and process ids, colours, and where a stream was cut."""

import json, os, re, subprocess, sys, tarfile
from helpers import root
from jupyter_client.kernelspec import KernelSpecManager
from jupyter_client.manager import KernelManager
from pathlib import Path
from shutil import rmtree
import nbclient, nbformat, pytest

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]
venvs = root/".venvs"
cache = venvs/"notebooks"

# distribution, folder in it, notebooks
books = """
nbclient==0.11.0 tests/files: Clear Output, Empty Cell, Error, Factorials, HelloWorld, Inline Image, Output, SVG, Unicode, update-display-id
nbclient==0.11.0 tests/files: Skip Exceptions with Cell Tags, UnicodePy3
nbconvert==7.17.2 tests/files: notebook1, notebook3_with_errors, markdown_display_priority
papermill==2.7.0 papermill/tests/notebooks: complex_parameters, broken1, sysexit, line_magic_error, test_logging
nbsphinx==0.9.8 doc: code-cells, allow-errors, hidden-cells
nbval==0.11.0 tests: sample_notebook, exceptions, minimal_example, test_coalesce
tqdm==4.70.1 .: tests_notebook
jupytext==1.19.6 tests/data/notebooks/inputs/ipynb_py: Notebook with function and cell metadata 164, text_outputs_and_images, jupyter, frozen_cell"""
lines = [line.partition(": ") for line in books.strip().splitlines()]
cases = [(where.split()[0], f"{where.split()[1]}/{name}.ipynb") for where,_, names in lines for name in names.split(", ")]

def run(*cmd): return subprocess.run(list(map(str, cmd)), capture_output=True, text=True, timeout=250)

def fetched(dist):
    "The unpacked source distribution `dist`; skips loudly when it cannot be had"
    d = cache/dist.replace("==", "-")
    if d.exists(): return d
    cache.mkdir(parents=True, exist_ok=True)
    name = dist.partition("==")[0]
    r = run(sys.executable, "-m", "pip", "download", "--no-deps", "--no-binary", name, "-d", cache, dist)
    found = list(cache.glob(f"{name}-*.tar.gz"))
    if not found: pytest.skip(f"NOT TESTED: pip cannot fetch {dist}: {r.stderr[-300:]}")
    with tarfile.open(found[0]) as t: t.extractall(cache, filter="data")
    return d

@pytest.fixture(scope="module")
def peer():
    "The Python of an environment with ipykernel, and what notebooks import"
    given = os.environ.get("PEER_IPYKERNEL")
    number = ".".join(map(str, sys.version_info[:2]))  # tracebacks show lines of its library
    d = Path(given) if given else venvs/f"peer-ipykernel-{number}"
    py = d/"bin/python"
    if run(py, "-c", "import ipykernel, ipympl, matplotlib, numpy").returncode == 0 if py.exists() else False: return py
    versions = [f"{n}=={__import__('importlib.metadata').metadata.version(n)}"
        for n in ("ipython", "ipympl", "matplotlib", "numpy", "ipywidgets")]
    rmtree(d, ignore_errors=True)
    r = run(sys.executable, "-m", "venv", d)
    if not r.returncode: r = run(py, "-m", "pip", "install", "ipykernel", *versions)
    if r.returncode: pytest.skip(f"NOT TESTED: no environment with ipykernel: {r.stderr[-300:]}")
    return py

def spec(folder, name, argv):
    "Write a kernelspec into `folder`"
    (folder/name).mkdir(parents=True)
    (folder/name/"kernel.json").write_text(json.dumps(dict(argv=argv, display_name=name, language="python")))

@pytest.fixture(scope="module")
def specs(tmp_path_factory, peer):
    d = tmp_path_factory.mktemp("specs")
    spec(d, "ours", [sys.executable, "-Xfrozen_modules=off", "-m", "ipymini", "-f", "{connection_file}"])
    spec(d, "theirs", [str(peer), "-Xfrozen_modules=off", "-m", "ipykernel_launcher", "-f", "{connection_file}"])
    return KernelSpecManager(kernel_dirs=[str(d)], ensure_native_kernel=False)

def executed(path, kernel, specs, cwd):
    "The code cells of the notebook `path`, executed on `kernel` to the end, whatever fails"
    nb = nbformat.read(path, 4)
    km = KernelManager(kernel_name=kernel, kernel_spec_manager=specs)
    nb.metadata.kernelspec = dict(name=kernel, display_name=kernel, language="python")
    try:
        nbclient.NotebookClient(nb, km=km, timeout=60, allow_errors=True,
            resources=dict(metadata=dict(path=str(cwd)))).execute()
    finally: km.shutdown_kernel(now=True)  # nbclient leaves a manager that it was given as it is
    return [c for c in nb.cells if c.cell_type == "code"]

blur = [(r"\x1b\[[0-9;]*m", ""), (r"0x[0-9a-f]{6,}", "0x"), (r"(ipymini|ipykernel)_\d+/\d+\.py", "CELL"), (r"/tmp/[^\s'\":,)]*", "TMP"), (r"[0-9a-f]{32}", "ID"),
    (r"/[^\s'\":,)]*(site-packages|lib/python3\.\d+)/", "LIB/"), (r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d[.,\d]*", "TIME"), (r"datetime\.datetime\([\d, ]*\)", "TIME"),
    (r"\b\d{10}\.\d+", "TIME"), (r"\d\d:\d\d(:\d\d)?", "CLOCK"), (r"\b\d+[.\d]* ?(µs|ms|ns|s) ± .*", "TIMED"), (r"\d+[.\d]*(it/s|s/it| [mnµu]?s\b)", "SPEED")]

def blurred(s):
    for pattern,by in blur: s = re.sub(pattern, by, s)
    return s

def normal(o):
    "What has to be the same of an output; of a picture, that it is there"
    if o.output_type == "error": return "error",o.ename,blurred(o.evalue),blurred("\n".join(o.traceback)).strip()
    if o.output_type == "stream": return "stream",o.name,blurred(o.text)
    data = {k: bool(v) if k.startswith("image/") else v for k,v in o.data.items()}
    return o.output_type,blurred(json.dumps(data, sort_keys=True)),blurred(json.dumps(o.metadata, sort_keys=True))

def outputs(cell):
    """The outputs of `cell`; streams between other outputs as one text each, for ipykernel sends stdout before stderr in any case

    ipykernel tells of a UsageError on stderr alone, we as an error: the text is the same."""
    res,texts = [],{}
    def flush():
        res.extend(("stream", name, text) for name,text in sorted(texts.items()))
        texts.clear()
    for o in map(normal, cell.outputs):
        if o[:2] == ("error", "UsageError"): o = "stream","stderr",o[3]+"\n"
        if o[0] == "stream": texts[o[1]] = texts.get(o[1], "")+o[2]
        else:
            flush()
            res.append(o)
    flush()
    return res

def test_there_are_enough(): assert len(cases) >= 10

@pytest.mark.parametrize("dist, name", cases, ids=[f"{d.partition('=')[0]}-{Path(n).stem}" for d,n in cases])
def test_same_outputs_as_ipykernel(dist, name, specs, tmp_path):
    path = fetched(dist)/name
    ours,theirs = (executed(path, k, specs, path.parent) for k in ("ours", "theirs"))
    assert ours, "a notebook without code"
    for a,b in zip(ours, theirs):
        assert outputs(a) == outputs(b), a.source
        assert a.execution_count == b.execution_count
