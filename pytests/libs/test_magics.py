"""IPython's magics and the kernel's own: what a user sees of each, on ipymini and on ipykernel

Needs no library but IPython, so it runs with the other tests."""
import json, os, pytest, re
from helpers import until
from test_stdin import answered

def plain(s): return re.sub(r"\x1b\[[\d;]*m", "", s)

def paged(r):
    "What the pager shows"
    (load,) = r.content["payload"]
    assert load["source"] == "page", load
    return plain(load["data"]["text/plain"])

# -- the kernel's

@pytest.mark.slow
def test_connect_info_shows_ports_and_file(kc):
    out = kc.run("%connect_info").stdout
    assert '"shell_port"' in out and "--existing" in out

@pytest.mark.slow
def test_qtconsole_opens_one_on_this_kernel(fresh, tmp_path):
    "Stands in for qtconsole: a module that writes down its arguments"
    kc,said = fresh(),tmp_path/"said.json"
    (tmp_path/"qtconsole").mkdir()
    (tmp_path/"qtconsole/__init__.py").write_text("")
    (tmp_path/"qtconsole/qtconsoleapp.py").write_text(
        "import json, os, sys\n"
        "def main():\n"
        f"    with open('{said}.new', 'w') as f: json.dump(sys.argv[1:], f)\n"
        f"    os.replace('{said}.new', '{said}')")
    (tmp_path/"qtconsole/__main__.py").write_text("from .qtconsoleapp import main\nmain()")
    assert kc.run(f"import os\nos.environ['PYTHONPATH'] = '{tmp_path}'\n%qtconsole --style monokai").status == "ok"
    until(said.exists, "the arguments of qtconsole")
    args = json.loads(said.read_text())
    assert args[0] == "--existing"
    assert os.path.basename(args[1]) == os.path.basename(kc.file)
    assert args[2:] == ["--style", "monokai"]

def test_autosave(kc):
    r = kc.run("%autosave 60")
    assert r.of("display_data")[0]["data"] == {"application/javascript": "IPython.notebook.set_autosave_interval(60000)"}
    assert r.stdout == "Autosaving every 60 seconds\n"
    assert kc.run("%autosave 0").stdout == "Autosave disabled\n"
    assert kc.run("%autosave x").content["ename"] == "UsageError"

@pytest.mark.parametrize("magic", ["less", "more"])
def test_less_shows_a_file_in_the_pager(kc, magic, tmp_path):
    (tmp_path/"f.txt").write_text("some text")
    assert paged(kc.run(f"%{magic} {tmp_path}/f.txt")) == "some text"
    assert kc.run(f"%{magic}").content["ename"] == "UsageError"

def test_less_shows_python_in_colours(kc, tmp_path):
    (tmp_path/"f.py").write_text("def f(): pass")
    r = kc.run(f"%less {tmp_path}/f.py")
    assert "\x1b[" in r.content["payload"][0]["data"]["text/plain"] and "def f(): pass" in paged(r)

@pytest.mark.slow
def test_man_shows_a_page_in_the_pager(fresh, tmp_path):
    "Stands in for man, which few containers have"
    kc = fresh()
    (tmp_path/"man").write_text("#!/bin/sh\necho manual of $1")
    (tmp_path/"man").chmod(0o755)
    assert paged(kc.run(f"import os\nos.environ['PATH'] = '{tmp_path}:' + os.environ['PATH']\n"
        "%man ls")).strip() == "manual of ls"

def test_clear_clears_a_terminal(kc): assert kc.run("%clear").stdout.startswith("\x1b[H\x1b[2J")

def test_edit_opens_a_file_at_a_line(kc, kernel, tmp_path):
    (tmp_path/"f.py").write_text("1\n2\n3\n")
    (load,) = kc.run(f"%edit -n 3 {tmp_path}/f.py").content["payload"]
    assert (load["source"], load["filename"]) == ("edit_magic", f"{tmp_path}/f.py")
    if kernel == "ipymini": assert load["line_number"] == 3  # ipykernel says "3"

def test_edit_opens_a_function_of_a_module(kc):
    (load,) = kc.run("import textwrap\n%edit textwrap.dedent").content["payload"]
    assert load["filename"].endswith("textwrap.py") and load["line_number"] > 1

def test_edit_opens_cells(kc):
    kc.run("a_name = 5")
    n = kc.run("a_name").content["execution_count"]
    (load,) = kc.run(f"%edit {n-1}").content["payload"]
    with open(load["filename"]) as f: assert f.read().strip() == "a_name = 5"

def test_subshell_tells_where_we_are(kc):
    assert "subshell id: None" in kc.run("%subshell").stdout
    id = kc.request("create_subshell_request", channel="control").content["subshell_id"]
    out = kc.run("%subshell", subshell=id).stdout
    assert f"subshell id: {id}" in out and f"['{id}']" in out
    kc.request("delete_subshell_request", dict(subshell_id=id), channel="control")

# -- IPython's: what they print

@pytest.mark.parametrize("code,out", [
    ("!echo hi", "hi\r\n"),
    ("%%bash\necho hi", "hi\n"),
    ("%%sh\necho hi", "hi\n"),
    ("%%script cat\nhi", "hi"),
    ("%%bash --out got\necho hi\n", ""),
    ("got", r"'hi\\n'"),
    ("%pip --version", "pip "),
    ("%timeit -n 10 -r 2 1+1", r".* per loop \(mean"),
    ("%%timeit -n 10 -r 2 x = 1\nx+1", ".* per loop"),
    ("%time 1+1", "CPU times|Wall time|2"),
    ("%%time\n1+1", "CPU times|Wall time"),
    ("%env HOME", "'/"),
    ("%env A_NAME=5", "env: A_NAME=5"),
    ("%pwd", "'/"),
    ("%cd /", "/\n"),
    ("%sx echo a b", r"\['a b'\]"),
    ("%alias hey echo hey %s\n%hey you", "hey you\r?\n"),
    ("some = 1\n%who int", r"(?s).*\bsome\b"),
    ("%whos int", "(?s)Variable.*some"),
    ("%who_ls int", r"\[.*'some'"),
    ("%history -n -l 1", r" *\d+: %who_ls int"),
    ("%recall", ""),
    ("%macro mac 1\nmac.value", "Macro `mac` created"),
    ("%rerun -l 1", "=== Executing: ==="),
    ("%psearch a*lias_nothing", ""),
    ("%precision 2\n3.14159", "3.14"),
    ("%xmode plain", "Exception reporting mode: Plain"),
    ("%xmode context", "Exception reporting mode: Context"),
    ("%config ZMQInteractiveShell.ast_node_interactivity", "'last_expr'"),
    ("%lsmagic", "'Available line magics"),
    ("%dhist", "Directory history"),
    ("%load_ext autoreload", ""),
    ("%unload_ext autoreload", ""),
    ("%autoawait", "IPython autoawait is `on`"),
    ("%reset -f in", "Flushing input history")])
def test_what_a_magic_says(kc, code, out):
    r = kc.run(code, timeout=60)
    assert r.status == "ok", r
    assert re.match(out, plain(r.stdout + (r.result or ""))), r

@pytest.mark.parametrize("code,mime", [("%%html\n<b>x</b>", "text/html"), ("%%markdown\n*x*", "text/markdown"),
    ("%%latex\n$x$", "text/latex"),
    ("%%svg\n<svg xmlns='http://www.w3.org/2000/svg'/>", "image/svg+xml"),
    ("%%javascript\n1", "application/javascript"), ("%%js\n1", "application/javascript")])
def test_a_magic_displays(kc, code, mime): assert mime in kc.run(code).of("display_data")[0]["data"]

@pytest.mark.parametrize("code,text", [("len?", "Docstring"), ("?len", "Docstring"),
    ("import textwrap\ntextwrap.dedent??", "def dedent"), ("%pinfo len", "Docstring"),
    ("%pdoc len", "Return the number"), ("%psource textwrap.dedent", "def dedent"), ("%pfile textwrap", "def dedent"),
    ("%magic", "magic function"),
    ("%quickref", "Quick Reference"), ("%prun sum([1])", "function calls"), ("%%prun\nsum([1])", "function calls"),
    ("mine = 5\nmi*?", "mine"),
    ("%timeit?", "Time execution"), ("?", "IPython")])
def test_a_magic_pages(kc, code, text): assert text in paged(kc.run(code, timeout=60))

def test_pycat_pages_a_file(kc, tmp_path):
    (tmp_path/"f.py").write_text("x = 5")
    assert "x = 5" in paged(kc.run(f"%pycat {tmp_path}/f.py"))

def test_the_result_of_timeit_can_be_kept(kc):
    assert kc.run("t = %timeit -o -q -n 10 -r 2 1\ntype(t).__name__").result == "'TimeitResult'"

def test_the_result_of_prun_can_be_kept(kc):
    assert kc.run("p = %prun -r -q sum([1])\ntype(p).__name__").result == "'Stats'"

# -- files

@pytest.mark.parametrize("magic", ["writefile", "file"])
def test_writefile(kc, tmp_path, magic):
    assert kc.run(f"%%{magic} {tmp_path}/w.txt\nx").stdout == f"Writing {tmp_path}/w.txt\n"
    assert (tmp_path/"w.txt").read_text() == "x\n"

def test_save_and_load(kc, tmp_path):
    kc.run("saved = 5")
    n = kc.run("1").content["execution_count"]
    kc.run(f"%save {tmp_path}/s.py {n-1}")
    (load,) = kc.run(f"%load {tmp_path}/s.py").content["payload"]
    assert load["source"] == "set_next_input" and "saved = 5" in load["text"]

@pytest.mark.slow
def test_notebook_writes_the_cells(fresh, tmp_path):
    kc = fresh()
    kc.run("one = 1")
    assert kc.run(f"%notebook {tmp_path}/n.ipynb").status == "ok"
    nb = json.loads((tmp_path/"n.ipynb").read_text())
    assert "".join(nb["cells"][0]["source"]) == "one = 1" and nb["metadata"]["language_info"]["name"] == "python"

def test_logstart(kc, tmp_path):
    assert kc.run(f"%logstart {tmp_path}/log.py").status == "ok"
    kc.run("logged = 1")
    kc.run("%logstop")
    assert "logged = 1" in (tmp_path/"log.py").read_text()

@pytest.mark.slow
def test_store_keeps_a_variable_for_the_next_kernel(fresh, tmp_path):
    before,after = fresh(IPYTHONDIR=str(tmp_path)),fresh(IPYTHONDIR=str(tmp_path))
    assert "Stored 'kept' (int)" in before.run("kept = 3\n%load_ext storemagic\n%store kept").stdout
    assert after.run("%load_ext storemagic\n%store -r kept\nkept").result == "3"

def test_autoreload(kc, tmp_path):
    kc.run(f"import sys\nsys.path.insert(0, '{tmp_path}')\n%load_ext autoreload\n%autoreload 2")
    (tmp_path/"mod_a.py").write_text("x = 1")
    assert kc.run("import mod_a\nmod_a.x").result == "1"
    (tmp_path/"mod_a.py").write_text("x = 'a new value'")
    assert kc.run("mod_a.x").result == "'a new value'"
    kc.run("%autoreload 0")

def test_autoreload_gives_instances_new_methods(kc, tmp_path):
    kc.run(f"import sys\nsys.path.insert(0, '{tmp_path}')\n%load_ext autoreload\n%autoreload 2")
    (tmp_path/"mod_b.py").write_text("class A:\n    def f(self): return 1")
    assert kc.run("from mod_b import A\na = A()\na.f()").result == "1"
    (tmp_path/"mod_b.py").write_text("class A:\n    def f(self): return 'renewed'")
    assert kc.run("a.f()").result == "'renewed'"
    kc.run("%autoreload 0")

# -- code that is run

@pytest.mark.slow
def test_run_a_script_and_a_notebook(kc, tmp_path):
    import nbformat.v4 as v4, nbformat
    (tmp_path/"s.py").write_text("print(__name__)\ny = 5")
    assert kc.run(f"%run {tmp_path}/s.py").stdout == "__main__\n"
    assert kc.run("y").result == "5"
    nbformat.write(v4.new_notebook(cells=[v4.new_code_cell("z = 7"), v4.new_code_cell("print('nb')")]),
        tmp_path/"n.ipynb")
    assert kc.run(f"%run {tmp_path}/n.ipynb").stdout == "nb\n"
    assert kc.run("z").result == "7"

def test_run_passes_arguments(kc, tmp_path):
    (tmp_path/"s.py").write_text("import sys\nprint(sys.argv[1:])")
    assert kc.run(f"%run {tmp_path}/s.py a b").stdout == "['a', 'b']\n"

def test_an_error_in_a_script_is_shown_once(kc, tmp_path):
    (tmp_path/"e.py").write_text("1/0")
    r = kc.run(f"%run {tmp_path}/e.py")
    assert [c["ename"] for c in r.of("error")] == ["ZeroDivisionError"], r

def test_a_script_that_fails_tells_so(kc): assert kc.run("%%bash\nexit 3").content["ename"] == "CalledProcessError"

def test_a_script_in_the_background(kc):
    assert kc.run("%%script --bg --out pipe cat\nbehind").status == "ok"
    assert kc.run("await pipe.read()").result in ("b'behind'", "b'behind\\n'")

def test_capture_keeps_output_and_displays(kc):
    r = kc.run("%%capture c\nprint('a')\ndisplay(1)\n2")
    assert r.types == ["status", "execute_input", "status"]
    assert kc.run("c.stdout, len(c.outputs)").result == "('a\\n', 2)"

def test_captured_output_can_be_shown(kc):
    kc.run("%%capture c\nprint('a')\ndisplay(1)")
    r = kc.run("c.show()")
    assert r.stdout == "a\n" and len(r.of("display_data")) == 1

@pytest.mark.only_ipymini("ipykernel says: this event loop is already running")
def test_capture_keeps_what_an_awaiting_cell_prints(kc):
    kc.run("%%capture c\nimport asyncio\nawait asyncio.sleep(.01)\nprint('later')")
    assert kc.run("c.stdout").result == "'later\\n'"

@pytest.mark.only_ipymini("ipykernel says: this event loop is already running")
def test_run_a_notebook_that_awaits(kc, tmp_path):
    import nbformat.v4 as v4, nbformat
    nbformat.write(v4.new_notebook(cells=[v4.new_code_cell("import asyncio\nawaited = await asyncio.sleep(.01, 7)")]),
        tmp_path/"n.ipynb")
    assert kc.run(f"%run {tmp_path}/n.ipynb\nawaited").result == "7"

@pytest.mark.only_ipymini("ipykernel says: this event loop is already running")
def test_a_cell_runs_a_cell_that_awaits(kc):
    assert kc.run("get_ipython().run_cell('import asyncio\\nawait asyncio.sleep(.01, 5)').result").result == "5"

@pytest.mark.slow
def test_uv_and_conda_are_run_for_this_python(fresh, tmp_path):
    "Stand-ins tell how they were called; ipykernel runs the module uv, we run the program"
    kc = fresh()
    (tmp_path/"uv.py").write_text("import sys\nprint('uv', *sys.argv[1:])")
    for name in ("conda", "uv"):
        (tmp_path/name).write_text(f"#!/bin/sh\necho {name} $*")
        (tmp_path/name).chmod(0o755)
    (tmp_path/"conda-meta").mkdir()
    (tmp_path/"conda-meta/history").write_text("")
    kc.run("import os, sys\n"
        f"os.environ.update(PYTHONPATH='{tmp_path}', CONDA_EXE='{tmp_path}/conda', UV='{tmp_path}/uv')")
    kc.run(f"os.environ['PATH'] = '{tmp_path}:' + os.environ['PATH']")
    assert "uv pip list" in kc.run("%uv pip list", timeout=60).stdout
    out = kc.run(f"before,sys.prefix = sys.prefix,'{tmp_path}'\n%conda install a_package\nsys.prefix = before").stdout
    assert f"conda install --yes --prefix {tmp_path} a_package" in out

# -- debuggers

def test_debug_looks_at_the_last_error(kc):
    kc.run("def f(a): return a/0\nf(6)")
    r = answered(kc, "%debug", "p a*7", "q")
    assert "42" in r.stdout and r.prompts[0]["prompt"] == "ipdb> ", r

def test_debug_steps_through_a_statement(kc):
    kc.run("def g(a):\n    b = a*7\n    return b")
    r = answered(kc, "%debug g(6)", "s", "s", "s", "s", "p b", "c")
    assert r.status == "ok" and "42" in r.stdout, r

def test_pdb_opens_on_each_error(kc):
    assert "turned ON" in kc.run("%pdb on").stdout
    r = answered(kc, "b = 42\n1/0", "p b", "q")
    assert "turned OFF" in kc.run("%pdb off").stdout
    assert r.content["ename"] == "ZeroDivisionError" and "42" in r.stdout, r

def test_run_d_debugs_a_script(kc, tmp_path):
    (tmp_path/"d.py").write_text("a = 6\nb = a*7\nc = 1\n")
    r = answered(kc, f"%run -d -b 3 {tmp_path}/d.py", "c", "p b", "c")
    assert r.status == "ok" and "42" in r.stdout, r

# -- help and source

def test_help_prints(kc): assert "len(obj" in kc.run("help(len)").stdout

def test_help_answers_questions(kc):
    r = answered(kc, "help()", "len", "q")
    assert "len(obj" in r.stdout and [p["prompt"] for p in r.prompts] == ["help> "]*2, r

def test_source_of_a_function_of_an_earlier_cell(kc):
    kc.run("def g():\n    return 'here'")
    assert kc.run("import inspect\nprint(inspect.getsource(g))").stdout == "def g():\n    return 'here'\n\n"
    assert "return 'here'" in paged(kc.run("g??"))

@pytest.mark.only_ipymini("ipykernel says: source code not available")
def test_source_of_a_class_of_an_earlier_cell(kc):
    kc.run("class C:\n    def m(self): return 1")
    kc.run("class C:\n    def m(self): return 2")
    assert kc.run("import inspect\nprint(inspect.getsource(C))").stdout == "class C:\n    def m(self): return 2\n\n"

def test_a_traceback_shows_lines_of_earlier_cells(kc):
    kc.run("def inner(x):\n    return 1/x  # of the first cell")
    r = kc.run("def outer(): return inner(0)\nouter()  # of the second")
    text = plain("\n".join(r.error["traceback"]))
    assert re.search(r"----> 2 outer\(\)  # of the second",
        text) and re.search(r"----> 2     return 1/x  # of the first cell", text), text

def test_exceptions_of_earlier_cells_name_them(kc):
    n = kc.run("def inner(x):\n    return 1/x").content["execution_count"]
    text = plain("\n".join(kc.run("inner(0)").error["traceback"]))
    assert f"Cell In[{n}], line 2, in inner(x)" in text, text

def test_warnings_name_the_cell(kc):
    r = kc.run("import warnings\nwarnings.warn('beware')")
    assert re.search(r"ipykernel_\d+/\d+\.py:2: UserWarning: beware\n  warnings.warn\('beware'\)", r.stderr), r.stderr

# -- the end

@pytest.mark.parametrize("code", ["exit", "quit", "exit()", "quit()", "exit(keep_kernel=True)"])
def test_exit_asks_the_frontend(fresh, code):
    r = fresh().run(code)
    (load,) = r.content["payload"]
    assert load["source"] == "ask_exit" and load["keepkernel"] == ("keep" in code)
