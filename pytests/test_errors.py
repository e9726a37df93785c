"""How a cell's error is told: once, in whose way it may be, by the frames of the user's code alone

`shown` runs a cell and gives its error's traceback as text without colours."""
import pytest, re

def plain(lines): return re.sub(r"\x1b\[[\d;]*m", "", "\n".join(lines))

def shown(kc, code, **kw): return plain(kc.run(code, **kw).error["traceback"])

ours = re.compile(r"ipymini[/\\](?!_)\w+\.py|on_signal|skipping hidden")

# -- whoever shows errors in a way of his own

@pytest.fixture
def ip(kc):
    "Puts back what a test replaced"
    kc.run("ip = get_ipython()")
    yield kc
    kc.run("for name in ('_showtraceback', 'showtraceback', 'showsyntaxerror'): vars(ip).pop(name, None)\nip.set_custom_exc((), None)")

ways = dict(set_custom_exc="ip.set_custom_exc((ZeroDivisionError,), lambda self, etype, value, tb, tb_offset=None: print('mine'))",
    _showtraceback="ip._showtraceback = lambda etype, value, stb: print('mine')", showtraceback="ip.showtraceback = lambda *a, **kw: print('mine')")

@pytest.mark.parametrize("way", ways)
def test_an_error_that_somebody_shows_in_his_way_is_shown_once(ip, way):
    ip.run(ways[way])
    r = ip.run("1/0")
    assert (r.stdout, r.error) == ("mine\n", None)

@pytest.mark.parametrize("way", ways)
def test_the_reply_names_the_error_that_somebody_shows_in_his_way(ip, way):
    ip.run(ways[way])
    c = ip.run("1/0").content
    assert (c["status"], c["ename"], c["evalue"], c["traceback"]) == ("error", "ZeroDivisionError", "division by zero", ["ZeroDivisionError: division by zero\n"])

def test_a_syntax_error_that_somebody_shows_in_his_way_is_shown_once(ip):
    ip.run("ip.showsyntaxerror = lambda *a, **kw: print('mine')")
    r = ip.run("1 +")
    assert (r.stdout, r.error, r.content["ename"]) == ("mine\n", None, "SyntaxError")

def test_an_error_is_shown_as_ever_once_nobody_shows_it_in_his_way(ip):
    for way in ways.values(): ip.run(way)
    ip.run("del ip._showtraceback, ip.showtraceback\nip.set_custom_exc((), None)")
    r = ip.run("1/0")
    assert (len(r.of("error")), r.content["ename"], r.content["traceback"]) == (1, "ZeroDivisionError", r.error["traceback"])

def test_an_error_is_shown_when_the_handler_for_it_fails(ip):
    ip.run("ip.set_custom_exc((ZeroDivisionError,), lambda *a, **kw: int('x'))")
    r = ip.run("1/0")
    assert ([c["ename"] for c in r.of("error")], r.content["ename"]) == (["ZeroDivisionError"], "ZeroDivisionError")
    assert "Custom TB Handler failed" in r.stderr

def test_an_error_that_ipython_cannot_format_is_shown_once(kc):
    r = kc.run("import stack_data\nold = stack_data.FrameInfo.stack_data\nstack_data.FrameInfo.stack_data = lambda *a, **kw: [].x\ntry: get_ipython().run_cell('1/0')\nfinally: stack_data.FrameInfo.stack_data = old")
    assert (r.stdout, r.stderr, [c["ename"] for c in r.of("error")]) == ("", "", ["ZeroDivisionError"])

# -- exceptions that render themselves

def test_an_exception_that_renders_nothing_stops_the_cell_quietly(kc):
    r = kc.run("class Stop(Exception):\n    def _render_traceback_(self): pass\nprint('before')\nraise Stop('enough')")
    assert (r.stdout, r.stderr, r.error) == ("before\n", "", None)
    assert (r.status, r.content["ename"], r.content["evalue"], r.content["traceback"]) == ("error", "Stop", "enough", [])

@pytest.mark.parametrize("value, lines", [("'one line'", ["one line"]), ("['a', 'b']", ["a", "b"]), ("('a', 'b')", ["a", "b"]), ("[]", [])])
def test_an_exception_renders_its_lines(kc, value, lines):
    r = kc.run(f"class Line(Exception):\n    def _render_traceback_(self): return {value}\nraise Line('enough')")
    assert (r.error["ename"], r.error["traceback"], r.content["traceback"]) == ("Line", lines, lines)

# -- frames

interrupted = "import os, signal, time\ndef interrupted():\n    os.kill(os.getpid(), signal.SIGINT)\n    while True: time.sleep(.01)\n"
chains = {"context": "try: interrupted()\nexcept KeyboardInterrupt: 1/0", "cause": "try: interrupted()\nexcept KeyboardInterrupt as e: raise ValueError('x') from e",
    "group": "try: interrupted()\nexcept KeyboardInterrupt as e: raise BaseExceptionGroup('x', [e])",
    "context of a member": "try: interrupted()\nexcept KeyboardInterrupt:\n    try: 1/0\n    except Exception as e: raise ExceptionGroup('x', [e])",
    "asyncio.run": "import asyncio\nasync def f(): 1/0\nasyncio.run(f())", "start": "import threading\nt = threading.Thread(target=int)\nt.start()\nt.start()",
    "submit": "from concurrent.futures import ThreadPoolExecutor\nThreadPoolExecutor(1).submit(lambda: 1/0).result()",
    "done-callback": "from concurrent.futures import Future\nf = Future(); f.set_result(1)\nf.add_done_callback(lambda f: 1/0); 1/0",
    "apply_async": "from multiprocessing.pool import ThreadPool\np = ThreadPool(1); p.close()\np.apply_async(int)",
    "imap": "from multiprocessing.pool import ThreadPool\nlist(ThreadPool(1).imap(int, (1/0 for x in [1])))",
    "ThreadPool": "from multiprocessing.pool import ThreadPool\nThreadPool(1).map(lambda x: 1/0, [1])", "input": "input()"}

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
    assert "Frozen: x" in shown(kc, "class Frozen(Exception):\n    def __setattr__(self, *a): raise TypeError('frozen')\ntry: 1/0\nexcept Exception as e: raise Frozen('x') from e")

# -- sys.argv

def test_argparse_takes_its_defaults(kc):
    assert kc.run("import argparse\np = argparse.ArgumentParser()\np.add_argument('--n', default=3)\np.parse_args().n").result == "3"

def test_argv_is_that_of_pythons_prompt(kc): assert kc.run("import sys; sys.argv").result == "['']"
