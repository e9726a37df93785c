"""Clients as people run them: jupyter run, nbconvert, papermill, jupyter console and nbclient, each on real input, end to end

They find the kernel by its name, the one that tools/test installed or the checkout's."""

import os, re, signal, subprocess, sys
from helpers import root, until
from pathlib import Path
import nbclient, nbformat, pexpect, pytest

jupyter = Path(sys.executable).parent/"jupyter"

@pytest.fixture(scope="module")
def env(tmp_path_factory):
    "Variables with which Jupyter finds the kernel, and nobody's settings"
    d = tmp_path_factory.mktemp("jupyter")
    paths = [str(root/"share/jupyter"), *filter(None, [os.environ.get("JUPYTER_PATH")])]
    return {**os.environ, "JUPYTER_PATH": os.pathsep.join(paths), "JUPYTER_RUNTIME_DIR": str(d/"run"),
        "JUPYTER_CONFIG_DIR": str(d/"config"), "JUPYTER_DATA_DIR": str(d/"data"),
        "PATH": f"{jupyter.parent}:{os.environ['PATH']}", "PYDEVD_DISABLE_FILE_VALIDATION": "1"}

@pytest.fixture
def run(env, tmp_path):
    "Run a command in `tmp_path`"
    def inner(*cmd, input=None, code=0, timeout=60):
        r = subprocess.run(list(map(str, cmd)), capture_output=True, text=True, env=env, cwd=tmp_path, input=input,
            timeout=timeout)
        assert r.returncode == code, r.stdout + r.stderr
        return r
    return inner

def kernels(env):
    "Processes with a connection file in the runtime folder of `env`"
    res = []
    for p in Path("/proc").glob("[0-9]*/cmdline"):
        try: res += [p.parent.name] * (env["JUPYTER_RUNTIME_DIR"] in p.read_text())
        except (FileNotFoundError, ProcessLookupError): pass
    return res

@pytest.fixture(autouse=True)
def none_left(env):
    "No kernel of ours is left when a client has ended"
    yield
    try: until(lambda: not kernels(env), "the kernel to end", 5)
    except TimeoutError:
        for pid in kernels(env): os.kill(int(pid), signal.SIGKILL)  # else each test behind this one would wait for it
        raise

def notebook(path, *cells, **metadata):
    "Write a notebook of `cells`, text or (text, tags)"
    nb = nbformat.v4.new_notebook(metadata=dict(dict(kernelspec=dict(name="ipymini", display_name="x",
        language="python")), **metadata))
    for c in cells:
        src,tags = c if isinstance(c, tuple) else (c, [])
        nb.cells.append(nbformat.v4.new_code_cell(src, metadata=dict(tags=tags)))
    nbformat.write(nb, path)
    return path

def outputs(nb):
    return [[o.get("text") or o.get("ename") or o["data"] for o in c.outputs] for c in nb.cells if c.cell_type == "code"]

tour = ["print('hi')\nprint('there')", "import sys; print('err', file=sys.stderr); 6*7",
    "import asyncio\n"
    "await asyncio.sleep(.01, 'slept')",
    "from IPython.display import HTML, display\nh = display(HTML('<b>one</b>'), display_id='h')",
    "h.update(HTML('<b>two</b>'))", "!echo shell",
    "%%bash\n"
    "echo bash",
    "import matplotlib.pyplot as plt\nplt.plot([1, 2, 3]);"]

# -- jupyter run

def test_jupyter_run(run, tmp_path):
    (tmp_path/"a.py").write_text(
        "import sys, os\n"
        "print('from', os.path.basename(os.getcwd()))\n"
        "for i in range(3): print(i)\n"
        "print('err', file=sys.stderr)\n"
        "40+2\n")
    r = run(jupyter, "run", "--kernel", "ipymini", tmp_path/"a.py")
    assert r.stdout == f"from {tmp_path.name}\n0\n1\n2\n42"
    assert r.stderr == "err\n"

def test_jupyter_run_of_code_that_fails(run, tmp_path):
    (tmp_path/"a.py").write_text("print('before')\n1/0\n")
    r = run(jupyter, "run", "--kernel", "ipymini", tmp_path/"a.py", code=1)
    assert r.stdout == "before\n"
    assert "ZeroDivisionError" in r.stderr

def test_jupyter_run_of_standard_input(run):
    assert run(jupyter, "run", "--kernel", "ipymini", input="print(6*7)\n").stdout == "42\n"

# -- nbconvert

def test_nbconvert(run, tmp_path):
    notebook(tmp_path/"a.ipynb", *tour)
    run(jupyter, "nbconvert", "--to", "notebook", "--execute", "a.ipynb", "--output", "b.ipynb")
    nb = nbformat.read(tmp_path/"b.ipynb", 4)
    nbformat.validate(nb)
    got = outputs(nb)
    assert got[0] == ["hi\nthere\n"]
    assert sorted(map(str, got[1])) == sorted(["err\n", str({"text/plain": "42"})])
    assert [o["text/plain"] for o in got[2]] == ["'slept'"]
    assert [o["text/html"] for o in got[3]] == ["<b>two</b>"]
    assert got[4] == []
    assert [got[5][0].strip(), got[6]] == ["shell", ["bash\n"]]
    assert "image/png" in got[7][0]
    assert [c.execution_count for c in nb.cells] == list(range(1, 9))
    assert nb.metadata.language_info.name == "python"

@pytest.mark.slow
def test_nbconvert_to_html(run, tmp_path):
    notebook(tmp_path/"a.ipynb", "6*7")
    run(jupyter, "nbconvert", "--to", "html", "--execute", "a.ipynb")
    assert "42" in (tmp_path/"a.html").read_text()

@pytest.mark.slow
def test_nbconvert_stops_at_an_error(run, tmp_path):
    notebook(tmp_path/"a.ipynb", "1/0", "print('never')")
    r = run(jupyter, "nbconvert", "--to", "notebook", "--execute", "a.ipynb", code=1)
    assert "ZeroDivisionError: division by zero" in re.sub(r"\x1b\[[0-9;]*m", "", r.stderr)

@pytest.mark.slow
def test_nbconvert_goes_on_after_an_error(run, tmp_path):
    notebook(tmp_path/"a.ipynb", "1/0", "print('on')", ("[][1]", ["raises-exception"]))
    run(jupyter, "nbconvert", "--to", "notebook", "--execute", "--allow-errors", "a.ipynb", "--output", "b.ipynb")
    assert outputs(nbformat.read(tmp_path/"b.ipynb", 4)) == [["ZeroDivisionError"], ["on\n"], ["IndexError"]]

@pytest.mark.slow
def test_nbconvert_of_the_tours_thread_loses_no_tick(run, tmp_path):
    cells = [c.source for c in nbformat.read(root/"examples/tour.ipynb", 4).cells if "def tick" in c.source
        or "thread.join()" in c.source]
    notebook(tmp_path/"a.ipynb", "import time\nfrom threading import Thread", *cells)
    run(jupyter, "nbconvert", "--to", "notebook", "--execute", "a.ipynb", "--output", "b.ipynb")
    first,second = ("".join(o) for o in outputs(nbformat.read(tmp_path/"b.ipynb", 4))[1:])
    assert (first+second).split("no tick")[0].split() == [w for i in range(6) for w in ("tick", str(i))]

# -- papermill

@pytest.mark.slow
def test_papermill_tells_of_an_error_that_is_shown_in_another_way(run, tmp_path):
    "As `rich.traceback.install()` does it"
    notebook(tmp_path/"a.ipynb",
        "ip = get_ipython()\n"
        "ip._showtraceback = lambda etype, value, stb: print('shown', etype.__name__)", "1/0", "print('never')")
    r = run(jupyter.parent/"papermill", "a.ipynb", "b.ipynb", code=1)
    assert "PapermillExecutionError" in r.stderr
    got = outputs(nbformat.read(tmp_path/"b.ipynb", 4))
    assert [o for o in got if o] == [["shown ZeroDivisionError\n"]]

def test_papermill(run, tmp_path):
    notebook(tmp_path/"a.ipynb", ("n = 1\nname = 'x'", ["parameters"]), "print(name * n)", *tour[:3])
    run(sys.executable, "-m", "papermill", "a.ipynb", "b.ipynb", "-p", "n", "3", "-p", "name", "é", "--no-progress-bar")
    nb = nbformat.read(tmp_path/"b.ipynb", 4)
    assert outputs(nb)[1:4] == [[], ["ééé\n"], ["hi\nthere\n"]]
    assert nb.metadata.papermill.exception is None
    assert all(c.metadata.papermill.status == "completed" for c in nb.cells)

@pytest.mark.slow
def test_papermill_fails_at_an_error(run, tmp_path):
    notebook(tmp_path/"a.ipynb", "print('ok')", "raise LookupError('no')", "print('never')")
    r = run(sys.executable, "-m", "papermill", "a.ipynb", "b.ipynb", "--no-progress-bar", code=1)
    assert "LookupError: no" in r.stderr
    cells = [c for c in nbformat.read(tmp_path/"b.ipynb", 4).cells if c.cell_type == "code"]
    assert [c.metadata.papermill.status for c in cells] == ["completed", "failed", "pending"]

# -- jupyter console

@pytest.fixture
def console(env, tmp_path):
    "A console that has shown its first prompt; `say` types a line and waits for what is to come"
    c = pexpect.spawn(str(jupyter), ["console", "--kernel", "ipymini", "--simple-prompt"], env={**env, "TERM": "dumb"}, cwd=str(tmp_path),
        encoding="utf8", timeout=60, echo=False)
    def say(line, *patterns):
        c.sendline(line)
        for p in patterns: c.expect(p)
    c.say = say
    try:
        c.expect(r"In \[1\]: ")
        c.banner = c.before
        # The console reads what its kernel_info_request published only now. It takes that idle for the cell's, and neither shows
        # output nor asks until the reply has come, if the cell's busy is not there within 50 ms: so on a busy machine, with any kernel.
        say(" ", r"In \[1\]: ")
        yield c
    finally:
        if c.isalive(): c.terminate(force=True)

def test_console_runs_code(console):
    assert "ipymini" in console.banner
    console.say("print('a' + 'b')", "ab", r"In \[2\]: ")
    console.say("6*7", r"Out\[2\]: 42", r"In \[3\]: ")
    console.say("1/0", "ZeroDivisionError", "division by zero", r"In \[4\]: ")

def test_console_asks(console):
    console.say("x = input('name? ')", r"name\? ")
    console.say("Zoe", r"In \[2\]: ")
    console.say("x*2", r"'ZoeZoe'")

def test_console_interrupts(console):
    console.say("import time; print('o' + 'n'); time.sleep(60)", "on")
    console.sendintr()
    console.expect("KeyboardInterrupt")
    console.expect(r"In \[2\]: ")

@pytest.mark.parametrize("how", ["exit", "quit()"])
def test_console_and_kernel_end(console, how):
    console.say(how, "Shutting down kernel", pexpect.EOF)
    console.wait()
    assert console.exitstatus == 0

# -- nbclient

@pytest.fixture
def execute(env, tmp_path, monkeypatch):
    for k,v in env.items(): monkeypatch.setenv(k, v)
    def inner(*cells, **kw):
        nb = nbformat.read(notebook(tmp_path/"a.ipynb", *cells), 4)
        nbclient.NotebookClient(nb, timeout=30, resources=dict(metadata=dict(path=str(tmp_path))), **kw).execute()
        return outputs(nb)
    return inner

@pytest.mark.slow
def test_nbclient_runs_in_the_notebooks_folder(execute, tmp_path):
    assert execute("import os; os.getcwd()") == [[{"text/plain": repr(str(tmp_path))}]]

def test_nbclient_sees_no_prompt(execute):
    with pytest.raises(nbclient.exceptions.CellExecutionError, match="StdinNotImplementedError"): execute("input()")

@pytest.mark.slow
def test_nbclient_tells_of_a_dead_kernel(execute):
    with pytest.raises(nbclient.exceptions.DeadKernelError): execute("import os; os._exit(3)")

@pytest.mark.slow
def test_nbclient_times_out_and_interrupts(execute):
    got = execute("import time; print('x', flush=True); time.sleep(60)", "print('on')", allow_errors=True, interrupt_on_timeout=True,
        startup_timeout=20, timeout_func=lambda c: 1, coalesce_streams=True)
    assert [o for o in got[0] if o != "x\n"] == ["KeyboardInterrupt"]
    assert got[1] == ["on\n"]

def test_nbclient_many_outputs_in_order(execute):
    got, = execute("for i in range(300): print(i); display(i)")
    texts = [o if isinstance(o, str) else o["text/plain"] + ";" for o in got]
    assert "".join(texts) == "".join(f"{i}\n{i};" for i in range(300))

@pytest.mark.slow
def test_nbclient_widgets(execute):
    got = execute("import ipywidgets as w\no = w.Output(); o",
        "with o: print('inside')\n"
        "o.append_stdout('more'); o.outputs",
        "s = w.IntSlider(5); s", "w.interact(lambda x: print('x', x), x=3);")
    assert "application/vnd.jupyter.widget-view+json" in got[0][0]
    assert "application/vnd.jupyter.widget-view+json" in got[2][0]
