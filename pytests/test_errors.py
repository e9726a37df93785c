"""How a cell's error is told: once, in whose way it may be, by the frames of the user's code alone; in its reply as on iopub

`shown` runs a cell and gives its error's traceback as text without colours."""
import pytest, re, traceback
from helpers import is_error, read_programs
from ipymini.tracebacks import or_python_format

programs = read_programs("errors")

def plain(lines): return re.sub(r"\x1b\[[\d;]*m", "", "\n".join(lines))

def shown(kc, code, **kw): return plain(kc.run(code, **kw).error["traceback"])

ours = re.compile(r"ipymini[/\\](?!_)\w+\.py|on_signal|skipping hidden")

# -- whoever shows errors in a way of his own

@pytest.fixture
def ip(kc):
    "Puts back what a test replaced"
    kc.run("ip = get_ipython()")
    yield kc
    kc.run("for name in ('_showtraceback', 'showtraceback', 'showsyntaxerror'): vars(ip).pop(name, None)\n"
        "ip.set_custom_exc((), None)")

ways = dict(set_custom_exc="ip.set_custom_exc((ZeroDivisionError,), lambda self, etype, value, tb, tb_offset=None: print('mine'))",
    _showtraceback="ip._showtraceback = lambda etype, value, stb: print('mine')",
    showtraceback="ip.showtraceback = lambda *a, **kw: print('mine')")

@pytest.mark.parametrize("way", ways)
def test_an_error_that_somebody_shows_in_his_way_is_shown_once(ip, way):
    ip.run(ways[way])
    r = ip.run("1/0")
    assert (r.stdout, r.error) == ("mine\n", None)

@pytest.mark.parametrize("way", ways)
def test_the_reply_names_the_error_that_somebody_shows_in_his_way(ip, way):
    ip.run(ways[way])
    c = ip.run("1/0").content
    assert (c["status"], c["ename"], c["evalue"], c["traceback"]) == ("error", "ZeroDivisionError",
        "division by zero", ["ZeroDivisionError: division by zero\n"])

def test_a_syntax_error_that_somebody_shows_in_his_way_is_shown_once(ip):
    ip.run("ip.showsyntaxerror = lambda *a, **kw: print('mine')")
    r = ip.run("1 +")
    assert (r.stdout, r.error, r.content["ename"]) == ("mine\n", None, "SyntaxError")

def test_an_error_is_shown_as_ever_once_nobody_shows_it_in_his_way(ip):
    for way in ways.values(): ip.run(way)
    ip.run("del ip._showtraceback, ip.showtraceback\nip.set_custom_exc((), None)")
    r = ip.run("1/0")
    assert (len(r.of("error")), r.content["ename"], r.content["traceback"]) == (1, "ZeroDivisionError",
        r.error["traceback"])

def test_an_error_is_shown_when_the_handler_for_it_fails(ip):
    ip.run("ip.set_custom_exc((ZeroDivisionError,), lambda *a, **kw: int('x'))")
    r = ip.run("1/0")
    assert ([c["ename"] for c in r.of("error")], r.content["ename"]) == (["ZeroDivisionError"], "ZeroDivisionError")
    assert "Custom TB Handler failed" in r.stderr

def test_an_error_that_ipython_cannot_format_is_shown_once(kc):
    r = kc.run(programs["no stack data"])
    assert (r.stdout, r.stderr, [c["ename"] for c in r.of("error")]) == ("", "", ["ZeroDivisionError"])

# -- exceptions that render themselves

def test_an_exception_that_renders_nothing_stops_the_cell_quietly(kc):
    r = kc.run("class Stop(Exception):\n    def _render_traceback_(self): pass\nprint('before')\nraise Stop('enough')")
    assert (r.stdout, r.stderr, r.error) == ("before\n", "", None)
    assert (r.status, r.content["ename"], r.content["evalue"], r.content["traceback"]) == ("error", "Stop", "enough",
        [])

@pytest.mark.parametrize("value, lines",
    [("'one line'", ["one line"]), ("['a', 'b']", ["a", "b"]), ("('a', 'b')", ["a", "b"]), ("[]", [])])
def test_an_exception_renders_its_lines(kc, value, lines):
    r = kc.run(f"class Line(Exception):\n    def _render_traceback_(self): return {value}\nraise Line('enough')")
    assert (r.error["ename"], r.error["traceback"], r.content["traceback"]) == ("Line", lines, lines)

# -- frames

interrupted = "import os, signal, time\ndef interrupted():\n    os.kill(os.getpid(), signal.SIGINT)\n    while True: time.sleep(.01)\n"
chains = {"context": "try: interrupted()\nexcept KeyboardInterrupt: 1/0", "cause": "try: interrupted()\n"
    "except KeyboardInterrupt as e: raise ValueError('x') from e",
    "group": "try: interrupted()\nexcept KeyboardInterrupt as e: raise BaseExceptionGroup('x', [e])",
    "context of a member": "try: interrupted()\n"
    "except KeyboardInterrupt:\n"
    "    try: 1/0\n"
    "    except Exception as e: raise ExceptionGroup('x', [e])",
    "asyncio.run": "import asyncio\nasync def f(): 1/0\nasyncio.run(f())", "start": "import threading\n"
    "t = threading.Thread(target=int)\n"
    "t.start()\n"
    "t.start()",
    "submit": "from concurrent.futures import ThreadPoolExecutor\nThreadPoolExecutor(1).submit(lambda: 1/0).result()",
    "done-callback": "from concurrent.futures import Future\n"
    "f = Future(); f.set_result(1)\n"
    "f.add_done_callback(lambda f: 1/0); 1/0",
    "apply_async": "from multiprocessing.pool import ThreadPool\np = ThreadPool(1); p.close()\np.apply_async(int)",
    "imap": "from multiprocessing.pool import ThreadPool\nlist(ThreadPool(1).imap(int, (1/0 for x in [1])))",
    "ThreadPool": "from multiprocessing.pool import ThreadPool\nThreadPool(1).map(lambda x: 1/0, [1])",
    "input": "input()"}

@pytest.mark.parametrize("way", chains)
def test_a_traceback_shows_no_frame_of_ours(kc, way):
    text = shown(kc, interrupted+chains[way])
    assert "Cell In" in text or "ipykernel_" in text
    assert not ours.search(text), text

@pytest.mark.parametrize("way", [w for w in chains if w != "input"])
def test_what_python_prints_of_an_error_shows_no_frame_of_ours(kc, way):
    body = (interrupted+chains[way]).replace("\n", "\n    ")
    r = kc.run(f"import traceback\ntry:\n    {body}\nexcept BaseException: traceback.print_exc()")
    text = plain([r.stderr])
    assert "Traceback" in text
    assert not ours.search(text), text

@pytest.mark.parametrize("start", ["threading.Thread(target=f)", "threading.Timer(0, f)"])
def test_a_thread_that_dies_shows_no_frame_of_ours(kc, start):
    r = kc.run(f"import threading\ndef f(): 1/0\nt = {start}; t.start(); t.join()")
    text = plain([r.stderr])
    assert "ZeroDivisionError" in text and "in f" in text
    assert not ours.search(text), text

def test_an_interrupt_is_shown_where_it_hit_the_users_code(kc):
    text = shown(kc, interrupted+"interrupted()")
    assert "time.sleep(.01)" in text
    assert not ours.search(text), text

def test_an_exception_that_refuses_attributes_is_shown(kc):
    assert "Frozen: x" in shown(kc,
        "class Frozen(Exception):\n"
        "    def __setattr__(self, *a): raise TypeError('frozen')\n"
        "try: 1/0\n"
        "except Exception as e: raise Frozen('x') from e")

# -- sys.argv

def test_argparse_takes_its_defaults(kc):
    assert kc.run("import argparse\np = argparse.ArgumentParser()\np.add_argument('--n', default=3)\n"
        "p.parse_args().n").result == "3"

def test_argv_is_that_of_pythons_prompt(kc): assert kc.run("import sys; sys.argv").result == "['']"

# -- errors

errors = [("1/0", "ZeroDivisionError", "division by zero"), (")", "SyntaxError", None),
    ("%nosuch", "UsageError", None), (
        "%%nosuch\n"
        "1", "UsageError", None),
    ("%timeit -q", None, None), ("raise ExceptionGroup('eg', [ValueError('inner')])", "ExceptionGroup",
        "eg (1 sub-exception)"),
    ("raise KeyboardInterrupt", "KeyboardInterrupt", ""),
    ("raise SystemExit", "SystemExit", ""), ("raise SystemExit(3)", "SystemExit", "3"),
    ("import sys; sys.exit('bye')", "SystemExit", "bye"),
    ("raise GeneratorExit", "GeneratorExit", ""),
    ("import asyncio; raise asyncio.CancelledError", "CancelledError", ""),
    ("def f(): f()\nf()", "RecursionError", None), ("raise MemoryError", "MemoryError", ""),
    ("class B(BaseException): pass\nraise B('b')", "B", "b"), (r"raise ValueError('\ud800')", "ValueError", None),
    ("raise StopIteration(1)", "StopIteration", "1"),
    ("raise StopAsyncIteration", "StopAsyncIteration", ""), ("await 5", "TypeError", None),
    ("import nosuchmodule", "ModuleNotFoundError", "No module named 'nosuchmodule'"),
    ("import asyncio\nawait asyncio.sleep(0)\n{}['k']", "KeyError", "'k'"), ("\0", None, None),
    ("  x\n y", "IndentationError", None),
    ("!!!\n%", None, None), ("assert 0, 'é'", "AssertionError", "é")]
kept = [e for e in errors if e[1]]

@pytest.mark.parametrize("code, ename, evalue", kept)
def test_error_and_reply_agree(kc, code, ename, evalue):
    r = kc.run(code)
    assert is_error(r.content)
    assert r.error == {k: r.content[k] for k in ("ename", "evalue", "traceback")}
    assert r.error["ename"] == ename
    if evalue is not None: assert r.error["evalue"] == evalue
    assert ename in "\n".join(r.error["traceback"])

@pytest.mark.parametrize("code", [e[0] for e in kept if e[1] != "SystemExit"])
def test_an_error_is_one_output(kc, code): assert kc.run(code).types == ["status", "execute_input", "error", "status"]

@pytest.mark.parametrize("code", [e[0] for e in errors if not e[1]])
def test_odd_code_gets_an_answer(kc, code): assert kc.run(code).status in ("ok", "error")

@pytest.mark.parametrize("code", ["raise SystemExit", "import sys; sys.exit(1)"])
def test_system_exit_warns_and_the_kernel_lives(kc, code):
    kc.run("import warnings; warnings.simplefilter('always')")
    r = kc.run(code)
    assert "To exit: use 'exit'" in r.stderr
    assert kc.run("1").status == "ok"

broken = """class Broken(Exception):
    def __str__(self): raise {}
    __repr__ = __str__
raise Broken"""
@pytest.mark.parametrize("by", ["ValueError('no')", "RecursionError", "Broken", "KeyboardInterrupt", "SystemExit",
    "GeneratorExit", "BaseException"])
def test_an_exception_without_a_text(kc, by):
    r = kc.run(broken.format(by))
    assert is_error(r.content) and r.idle
    assert r.error == {k: r.content[k] for k in ("ename", "evalue", "traceback")}
    assert kc.run("1").result == "1"

@pytest.mark.parametrize("by", ["ValueError('no')", "RecursionError"])
def test_an_exception_without_a_text_keeps_its_name(kc, by): assert kc.run(broken.format(by)).error["ename"] == "Broken"

def test_traceback_shows_the_cell(kc):
    tb = "\n".join(kc.run("def f():\n    return 1/0\nf()").error["traceback"])
    assert re.search(r"1.*/.*0", tb) and "ZeroDivisionError" in tb and "f()" in re.sub(r"\x1b\[[0-9;]*m", "", tb)

def test_a_group_shows_what_is_in_it(kc):
    assert "inner" in "\n".join(kc.run("raise ExceptionGroup('eg', [ValueError('inner')])").error["traceback"])

def test_no_stale_traceback_after_async_cells(kc):
    kc.run("1/0")
    tb = "\n".join(kc.run("import asyncio\nawait asyncio.sleep(0)\n[][1]").content["traceback"])
    assert "IndexError" in tb and "ZeroDivision" not in tb

def test_no_stale_traceback_after_a_usage_error(kc):
    kc.run("1/0")
    assert "ZeroDivision" not in "\n".join(kc.run("%nosuch").content["traceback"])

bad_repr = "class Bad:\n    def __repr__(self): raise LookupError('in repr')\n"
def test_an_error_in_the_results_repr_has_its_true_name(kc):
    r = kc.run(bad_repr + "Bad()")
    assert (r.status, r.content["ename"], r.content["evalue"]) == ("error", "LookupError", "in repr")
    assert r.error["ename"] == "LookupError"

def test_an_error_in_the_repr_of_display_is_shown_and_the_cell_goes_on(kc):
    r = kc.run(bad_repr + "display(Bad()); print('on')")
    assert (r.status, r.error["ename"], r.stdout) == ("ok", "LookupError", "on\n")

def test_showtraceback_shows_without_failing(kc):
    r = kc.run("try: 1/0\nexcept Exception: get_ipython().showtraceback()")
    assert (r.status, r.error["ename"]) == ("ok", "ZeroDivisionError")

def test_tb_magic_shows_the_last_one(kc):
    kc.run("1/0")
    assert "ZeroDivisionError" in str(kc.run("%tb").msgs)

def test_xmode(kc):
    kc.run("%xmode Minimal")
    assert len("".join(kc.run("1/0").error["traceback"]).splitlines()) == 1
    kc.run("%xmode Context")

def test_an_error_is_shown_where_python_cannot_import_what_formats_it(monkeypatch):
    "Python 3.15 imports the colours of tracebacks late, when there may be no descriptor left to read their file"
    def fail(*args, **keys): raise OSError(24, "Too many open files")
    monkeypatch.setattr(traceback, "format_exception", fail)
    try: 1/0
    except ZeroDivisionError as error: lines = or_python_format(fail)(type(error), error, error.__traceback__)
    assert __file__ in lines[1]
    assert lines[-1] == "ZeroDivisionError: division by zero"

def test_a_cell_runs_though_python_fails_to_parse_it_beside_another_thread(own_kc):
    "As Python 3.11 does now and then, where one thread's count of depth comes into another's"
    own_kc.run("from IPython.core.compilerop import CachingCompiler\n"
        "parse = CachingCompiler.ast_parse\n"
        "def fails_once(*args, **kw):\n"
        "    CachingCompiler.ast_parse = parse\n"
        "    raise SystemError('AST constructor recursion depth mismatch')\n"
        "CachingCompiler.ast_parse = fails_once")
    r = own_kc.run("42")
    assert (r.result, r.error) == ("42", None)
