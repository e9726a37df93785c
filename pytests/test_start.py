"""What is imported on the way to the first replies, promise B1: a name that is not in the sets below is something new that slows every start

What runs code is held back until the kernel has answered, so the first set is what really was needed for that."""

import os, sys, sysconfig
from helpers import start, until
import pytest

# of the standard library, besides what Python itself begins with; the last line is of other versions of Python and builds of it
stdlib = set("""__future__ _blake2 _collections _contextvars _functools _hashlib _json _operator _socket _sre _struct _typing _weakrefset array atexit
    collections contextlib contextvars copyreg enum errno faulthandler functools gc hashlib hmac importlib itertools json keyword math mmap operator platform
    re reprlib runpy select selectors signal socket struct threading types typing warnings weakref zmq
    _sysconfig _weakref _stat _io _abc _locale pkgutil resource""".split())
if sys.version_info >= (3, 14): stdlib |= {"_ast", "_hmac", "_py_warnings", "_types", "annotationlib", "ast", "io"}  # of which older modules are made there
if sys.version_info >= (3, 15): stdlib |= {"_math_integer"}

# what runs code; the kernel is held back at the first of them
late = {"IPython", "asyncio", *(f"ipymini.{m}" for m in "subshell bridge shell output compat debugger features".split())}

hold = """
import os, sys, time
class Hold:
    def find_spec(self, name, path=None, target=None):
        if name not in {1!r}: return
        write("held")
        while not os.path.exists({0!r} + "/go"):
            if os.path.exists({0!r} + "/ask") and not os.path.exists({0!r} + "/answered"): write("answered")
            time.sleep(.005)
def write(name):
    with open({0!r} + "/tmp", "w") as f: f.write(" ".join(sys.modules))
    os.rename({0!r} + "/tmp", {0!r} + "/" + name)
write("begin")
sys.meta_path.insert(0, Hold())
"""

def tops(names): return {n.partition(".")[0] for n in names}

@pytest.fixture(scope="module")
def loaded(kc, tmp_path_factory):
    "Names of modules when Python began, when kernel_info was answered, when the first cell ran; and the first replies. `kc` has made the profile"
    d = tmp_path_factory.mktemp("hold")
    (d/"sitecustomize.py").write_text(hold.format(str(d), late))
    names = lambda f: set(until((d/f).exists, f"modules to be written to {f}") and (d/f).read_text().split())
    paths = [str(d), *filter(None, [os.environ.get("PYTHONPATH")])]
    kc = start(env=dict(PYTHONPATH=os.pathsep.join(paths)))
    try:
        begin,held = names("begin"),names("held")
        info = [kc.request("kernel_info_request", channel=ch) for ch in ("shell", "control")]
        cell = kc.cell("import sys; ' '.join(sys.modules)")
        (d/"ask").touch()
        answered = names("answered")
        (d/"go").touch()
        r = kc.wait(cell)
        yield dict(begin=begin, held=held, answered=answered, info=info, cell=r, ran=set(eval(r.result).split()))
    finally: kc.stop()

def test_kernel_info_is_answered_while_ipython_loads(loaded):
    assert [r.status for r in loaded["info"]] == ["ok", "ok"]
    assert [r.states for r in loaded["info"]] == [["busy", "idle"]]*2
    assert "IPython" not in loaded["answered"]

def test_a_cell_waits_for_ipython_and_then_runs(loaded): assert loaded["cell"].status == "ok"

def libraries(loaded, when):
    "What is of neither Python, us nor zmq; `_cython…` is what the extension modules of zmq share"
    new = tops(loaded[when]) - tops(loaded["begin"]) - sys.stdlib_module_names - {"ipymini", "zmq", "cython_runtime",
        "_missing_stdlib_info"}  # Python 3.15's own, for its errors of imports
    return {n for n in new if not n.startswith("_cython")}

def test_libraries_before_the_first_reply(loaded): assert libraries(loaded, "answered") == set()

def test_our_rooms_before_the_first_reply(loaded):
    rooms = {name.split(".")[1] for name in loaded["answered"] if name.startswith("ipymini.")}
    assert rooms <= set("lifecycle signals kernel subshells cell contents parent channels wire limits system".split())

def test_standard_library_before_the_first_reply(loaded):
    assert (tops(loaded["answered"]) & sys.stdlib_module_names) - tops(loaded["begin"]) - stdlib == set()

def test_libraries_before_the_first_execute_reply(loaded):
    "`ipykernel` is our stub; jedi, debugpy, jupyter_client, matplotlib, tornado and friends come when they are needed"
    assert libraries(loaded, "ran") <= {"IPython", "traitlets", "pygments", "ipykernel"}

# of the standard library and IPython, what is large and not needed for a first cell
@pytest.mark.parametrize("name",
    "ssl ctypes unittest pydoc doctest http.client email multiprocessing xml pdb zmq.asyncio zmq.eventloop "
    "IPython.core.debugger IPython.terminal.interactiveshell ipymini.environments "
    "jedi parso IPython.core.completer ipymini.completer pickle shutil bz2 lzma zlib gettext ipaddress logging.config "
    "logging.handlers socketserver queue concurrent.futures.thread pydoc html uuid difflib".split())
def test_not_loaded_before_the_first_execute_reply(loaded, name): assert name not in loaded["ran"]

def test_the_completer_is_made_when_it_is_needed(own):
    kc = own()
    assert kc.run("get_ipython().completer is None").result == "True"
    kc.request("complete_request", dict(code="pri", cursor_pos=3))
    assert kc.run("get_ipython().completer is None").result == "False"

def test_the_gil_stays_off_in_a_free_threaded_python(own):
    "A library that needs the GIL turns it on for all: none that a cell, a completion or a usage request brings does so."
    kc = own()
    kc.request("complete_request", dict(code="import o", cursor_pos=8))
    kc.request("usage_request", channel="control")
    is_on = kc.run("import sys; getattr(sys, '_is_gil_enabled', lambda: True)()").result
    assert is_on == str(not sysconfig.get_config_var("Py_GIL_DISABLED"))

# -- counts, where a time would say less

@pytest.mark.parametrize("stage, most", [("answered", 120), ("ran", 350)])
def test_number_of_modules(loaded, stage, most):
    "Besides those with which Python begins; 116 and 342 at most in November 2026, on Python 3.11 to 3.15, with IPython 9.18"
    assert len(loaded[stage] - loaded["begin"]) <= most

def test_number_of_modules_that_the_first_completion_loads(own):
    kc = own()
    before = int(kc.run("import sys; len(sys.modules)").result)
    assert kc.request("complete_request", dict(code="pri", cursor_pos=3)).content["matches"]
    assert int(kc.run("len(sys.modules)").result) - before <= 20  # 13 in November 2026
    assert kc.run("'jedi' in sys.modules").result == "False"

def test_threads_of_a_kernel(own):
    names = own().run("import threading; sorted(t.name for t in threading.enumerate())", allow_stdin=True).result  # a batch run has no history to save
    assert eval(names) == ["IPythonHistorySavingThread", "MainThread", "control", "fd capture", "hb", "iopub",
        "shell", "stdin", "subshell aside"]

@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells")
def test_threads_beside_those_of_python(own):
    "Of zmq: one moves bytes, one closes sockets"
    kc = own()
    known = set(eval(kc.run("import threading; [t.native_id for t in threading.enumerate()]").result))
    assert len({int(tid) for tid in os.listdir(f"/proc/{kc.proc.pid}/task")} - known) == 2

@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells")
def test_descriptors_of_a_kernel(own):
    kc = own()
    kc.run("1", allow_stdin=True)
    folder = f"/proc/{kc.proc.pid}/fd"
    kinds = [os.readlink(f"{folder}/{fd}").partition(":")[0] for fd in os.listdir(folder)]
    assert kinds.count("socket") == 23  # 5 that listen, 4 of the client, two each of 4 channels, 2 loops and of signals
    assert len([kind for kind in kinds if kind.endswith("history.sqlite")]) == 2  # IPython's and its thread's
    assert len(kinds) <= 54  # 49 in November 2026

def test_messages_that_a_cell_takes(own):
    kc,cells = own(),{"1": 4, "pass": 3, "print(1)": 4, "print(1); 2": 5, "1/0": 4, "display(1); display(2)": 5,
        "import os; os.write(1, b'x');": 4, "": 3}
    assert {code: len(kc.run(code).msgs) for code in cells} == cells

def test_messages_that_a_request_takes(own):
    kc,c = own(),dict(code="len", cursor_pos=3)
    asked = {t: len(kc.request(f"{t}_request", c).msgs)
        for t in "kernel_info complete inspect is_complete history comm_info connect".split()}
    assert set(asked.values()) == {2}, asked
