"Calls into a pod: names, values, errors, handles, as a script sees them."
import os, subprocess, sys, time, types
import pytest
from ipymini import PodError, pod


@pytest.fixture(scope="module")
def p():
    with pod() as p: yield p

@pytest.fixture
def own():
    with pod() as p: yield p


def test_a_pod_is_another_process(p): assert p.os.getpid() == p.pid != os.getpid()

def test_a_builtin_is_called(p): assert p.sorted([3, 1, 2], reverse=True) == [3, 2, 1]

def test_a_module_is_imported_when_it_is_named(p): assert p.json.dumps({"a": 1}) == '{"a": 1}'

def test_a_module_inside_of_a_package_is_imported(p):
    assert p.xml.dom.minidom.parseString("<a/>").toxml().endswith("<a/>")

def test_a_variable_comes_before_a_builtin(own):
    own.run("def len(x): return 'mine'")
    assert own.len([]) == "mine"

def test_a_value_is_read_and_set(p):
    p["x"] = [1, 2]
    assert p["x"] == [1, 2]
    assert p["os.sep"] == os.sep

def test_an_attribute_is_set(p):
    p.run("class A: pass")
    p["A.n"] = 5
    assert p["A.n"] == 5

def test_run_returns_none_and_keeps_state(p):
    assert p.run("n = 1\nn += 1") is None
    assert p["n"] == 2

def test_names_with_an_underscore_are_called_by_call(p):
    p.run("def _f(x, y=0): return x - y")
    assert p.call("_f", 5, y=2) == 3
    with pytest.raises(AttributeError, match='p.call\\("_f"'): p._f(1)

def test_a_name_that_is_not_there(p):
    with pytest.raises(NameError, match="the pod knows no 'nothing'"): p.nothing()

def test_a_name_is_an_argument(p): assert p.list(p.call("map", p.str, [1, 2])) == ["1", "2"]

def test_map_runs_a_function_of_the_pod(p): assert p.map(p.abs, [-1, 2]) == [1, 2]

def test_map_sends_a_local_function(p): assert p.map(twice, [1, 2]) == [2, 4]

def twice(x): return 2 * x

def test_a_decorated_function_runs_there(p):
    @p
    def where(): return __import__("os").getpid()
    assert where() == p.pid

def test_a_function_keeps_its_other_decorators(p):
    import functools
    p.run("import functools")
    @p
    @functools.lru_cache
    def where(): return __import__("os").getpid()
    assert where() == p.pid and p.where.cache_info()[1] == 1

def test_a_closure_cannot_be_sent(p):
    n = 1
    with pytest.raises(PodError, match="inner uses n of the function around it"):
        @p
        def inner(): return n

def test_a_lambda_cannot_be_sent(p):
    with pytest.raises(PodError, match="only a function that was made by def"): p.map(lambda x: x, [1])

def test_a_coroutine_function_is_run_to_its_end(p):
    p.run("async def f(x): return x + 1")
    assert p.f(1) == 2

# -- errors

def test_an_exception_keeps_its_class_and_has_the_remote_traceback(p):
    p.run("def bad(): raise LookupError('nothing')")
    with pytest.raises(LookupError, match="nothing") as e: p.bad()
    assert "in bad" in str(e.value.__cause__) and "ipymini" not in str(e.value.__cause__)

def test_the_traceback_shows_the_line_of_a_sent_function(p):
    @p
    def bad(): return 1 / 0  # this line
    with pytest.raises(ZeroDivisionError) as e: bad()
    assert f'{__file__}", line' in str(e.value.__cause__) and "1 / 0" in str(e.value.__cause__)

def test_an_exception_of_an_unknown_class_is_a_pod_error(p):
    p.run("class Odd(Exception): pass\ndef bad(): raise Odd('so')")
    with pytest.raises(PodError, match="^Odd: so$"): p.bad()

def test_an_exception_that_cannot_be_made_again_is_a_pod_error(p):
    with pytest.raises(PodError, match="JSONDecodeError|UnicodeDecodeError|Two: x"):
        p.run("class Two(Exception):\n def __init__(self, a, b): super().__init__(a)\nraise Two('x', 1)")

def test_an_exception_whose_str_raises(p):
    with pytest.raises(PodError, match="Bad"):
        p.run("class Bad(Exception):\n def __str__(self): raise OSError\nraise Bad")

def test_system_exit_does_not_end_the_caller(p):
    with pytest.raises(PodError, match="SystemExit: 3"): p.sys.exit(3)
    assert p.abs(-1) == 1

def test_an_argument_that_the_pod_cannot_read(p, monkeypatch):
    module = types.ModuleType("only_here")
    exec("class Local: pass", module.__dict__)
    monkeypatch.setitem(sys.modules, "only_here", module)
    with pytest.raises(ModuleNotFoundError, match="only_here"): p.repr(module.Local())
    assert p.abs(-1) == 1

def test_an_argument_that_cannot_be_pickled_fails_here(p):
    with pytest.raises(Exception, match="pickle"): p.repr(lambda: 0)
    assert p.abs(-1) == 1

# -- handles

def test_what_cannot_be_pickled_stays_there(p):
    h = p.open(os.devnull)
    assert repr(h).startswith("<in pod: TextIOWrapper <_io.TextIOWrapper name='/dev/null'")
    assert h.read() == "" and p.isinstance(h, p.open(os.devnull).__class__) is False

def test_a_handle_is_an_argument_and_the_same_object(p):
    p.run("import threading\nlock = threading.Lock()\ndef mine(x): return x is lock")
    assert p.mine(p["lock"])

def test_a_handle_has_items_length_and_iteration(p):
    p.run("class Row:\n"
        " def __len__(self): return 3\n"
        " def __getitem__(self, k): return {'a': 1}[k]\n"
        " def __iter__(self): yield from 'xyz'")
    row = p.Row()
    assert (len(row), row["a"], list(row)) == (3, 1, ["x", "y", "z"])

def test_an_instance_of_a_class_of_the_pod_is_a_handle(p):
    p.run("class Only:\n def __init__(self, n): self.n = n\n def get(self): return self.n")
    assert p.Only(7).get() == 7

def test_a_function_is_a_handle_that_can_be_called(p):
    p.run("def make(n):\n return lambda x: x + n")
    assert p.make(5)(1) == 6

def test_a_handle_that_nobody_holds_is_freed(p):
    p.run("import weakref\n"
        "class Thing: pass\n"
        "def make():\n"
        " global ref\n"
        " t = Thing(); ref = weakref.ref(t); return t\n"
        "def alive(): return ref() is not None")
    h = p.make()
    assert p.alive()
    del h
    assert not p.alive()

def test_a_handle_does_not_belong_to_another_pod(p, own):
    with pytest.raises(ReferenceError, match="a handle of another pod"): own.repr(p.open(os.devnull))

def test_a_handle_cannot_be_copied(p):
    import copy, pickle
    with pytest.raises(TypeError, match="means something to that pod only"): copy.copy(p.open(os.devnull))
    with pytest.raises(TypeError, match="means something to that pod only"): pickle.loads(pickle.dumps(p.abs))

# -- life

def test_restart_forgets_state_and_handles_but_not_sent_functions(own):
    own(twice)
    own["x"] = 1
    h,pid = own.open(os.devnull),own.pid
    own.restart()
    assert own.pid != pid and own.twice(4) == 8
    with pytest.raises(NameError): own["x"]
    with pytest.raises(PodError, match="was lost when its pod was restarted"): h.read()

def test_a_closed_pod_says_so(own):
    own.close()
    assert "ended" in repr(own)
    with pytest.raises(PodError, match="the pod was ended: it was closed"): own.abs(1)

def test_a_pod_that_is_dropped_ends():
    p = pod()
    pid = p.pid
    del p
    assert gone(pid)

def gone(pid):
    end = time.monotonic() + 10
    while time.monotonic() < end:
        if not os.path.exists(f"/proc/{pid}"): return True
        time.sleep(.01)
    return False

def test_death_is_told_at_once_and_at_every_later_call(own):
    for _ in range(2):
        with pytest.raises(PodError, match="^the pod died: SIGKILL$"): own.os.kill(own.pid, 9)

def test_death_comes_with_the_crash_report(own):
    own.run("def crash():\n import ctypes\n ctypes.string_at(0)")
    with pytest.raises(PodError, match="(?s)the pod died: SIGSEGV\n"
        "Fatal Python error: Segmentation fault.*in crash") as e:
        own.crash()
    assert "ipymini" not in str(e.value)

def test_an_exit_is_told(own):
    with pytest.raises(PodError, match="^the pod died: exit code 3$"): own.call("os._exit", 3)

def test_what_was_printed_before_the_death_is_shown(own, capfd):
    with pytest.raises(PodError): own.run("import os\nprint('last words')\nos.abort()")
    assert "last words" in capfd.readouterr().out

def test_an_interpreter_that_is_not_there():
    with pytest.raises(PodError, match="the pod did not start"): pod("/no/such/python")

def test_a_program_that_is_no_python(capfd):
    with pytest.raises(PodError, match="the pod did not start: exit code"): pod(["/bin/ls"])

def test_a_pod_tells_what_it_is(p):
    assert repr(p).startswith(f"<pod: Python {sys.version.split()[0]} at {sys.executable}, pid {p.pid}, idle, ")

def test_env_and_cwd(tmp_path):
    with pod(env=dict(COLOUR="red"), cwd=tmp_path) as p:
        assert (p["os.environ"]["COLOUR"] if isinstance(p["os.environ"], dict) else p.os.getenv("COLOUR")) == "red"
        assert p.os.getcwd() == str(tmp_path)

def test_unknown_needs_are_refused():
    with pytest.raises(TypeError): pod(dependencies=["x"])

def test_dir_lists_what_is_there(own):
    own.run("def mine(): pass")
    assert {"mine", "run", "close"} <= set(dir(own))

@pytest.mark.parametrize("code", ["import ipymini", "from ipymini import system",
    "import ipymini\n"
    "hasattr(ipymini, 'other')"])
def test_importing_ipymini_loads_no_pods(code):
    code += "\nimport sys\nprint([m for m in sys.modules if 'pods' in m])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "[]\n"
