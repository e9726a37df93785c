"A pod of each Python from 3.8 on that this machine has; what is absent is skipped and said."
import ast, os, shutil, signal, sys, threading
import pytest
from pathlib import Path
from ipymini import PodError, pod
from pythons import python, wanted

folder = Path(pod.__code__.co_filename).parent


@pytest.fixture(scope="module", params=wanted)
def p(request):
    path = python(request.param)
    if not path: pytest.skip(f"Python {request.param} is not on this machine")
    with pod(path) as p:
        p.version = request.param
        yield p

def test_it_is_the_version_that_was_asked_for(p): assert ".".join(map(str, p["sys.version_info"][:2])) == p.version

def test_calls_and_state(p):
    p["x"] = {"a": [1, 2.5, "ä", None, b"b", {3}]}
    assert p["x"] == {"a": [1, 2.5, "ä", None, b"b", {3}]}
    assert p.sum([1, 2]) == 3

def test_a_sent_function(p):
    @p
    def version(scale, *, base=0): return scale*__import__("sys").version_info[1] + base
    assert version(1) == int(p.version.split(".")[1])

def test_errors(p):
    with pytest.raises(ZeroDivisionError) as e: p.run("def f(): return 1/0\nf()")
    assert "in f" in str(e.value.__cause__) and "pods" not in str(e.value.__cause__)

def test_handles(p): assert p.open(os.devnull).read() == ""

def test_output(p, capsys):
    p.run("import os, sys\nprint(1)\nos.system('echo 2')\nprint(3, file=sys.stderr)")
    assert capsys.readouterr() == ("1\n2\n", "3\n")

def test_interrupt(p):
    timer = threading.Timer(.3, os.kill, (os.getpid(), signal.SIGINT))
    timer.start()
    with pytest.raises(KeyboardInterrupt): p.time.sleep(60)
    assert p.abs(-1) == 1

def test_big_bytes_through_shared_memory(p): assert p.bytes(b"x" * 3_000_000) == b"x" * 3_000_000

def test_a_big_bytearray_out_of_band(p):
    "pickle's own buffers, without numpy."
    import pickle
    p.run("import pickle\ndef echo(x): return pickle.PickleBuffer(bytearray(x))")
    res = p.echo(pickle.PickleBuffer(bytearray(b"y" * 3_000_000)))
    assert bytes(res) == b"y" * 3_000_000

def test_a_plain_cell_shows_its_last_expression(p, capsys):
    p._core.do("cell", "y = 20\ny + 1")
    assert "21" in capsys.readouterr().out

def test_no_bytecode_lies_beside_our_files(p):
    if p.version == "%d.%d" % sys.version_info[:2]: pytest.skip("it is our own Python, whose bytecode belongs there")
    p._core.do("cell", "1")  # borrows IPython from 3.11 on
    tag = p["sys.implementation.cache_tag"]
    assert not list(folder.parent.rglob(f"*.{tag}.pyc"))

def test_a_coroutine(p):
    p.run("async def f(x): return x")
    assert p.f(3) == 3

def test_death(p):
    p.restart()
    with pytest.raises(PodError, match="the pod died: SIGABRT"): p.os.abort()
    p.restart()

# -- ways to say which

def test_a_version(monkeypatch):
    if not shutil.which("uv") or not python("3.9"): pytest.skip("needs uv and Python 3.9")
    with pod(python="3.9") as p: assert p["sys.version_info"][:2] == (3, 9)

def test_an_old_python_is_told():
    path = python("3.7")
    if not path: pytest.skip("Python 3.7 is not on this machine")
    with pytest.raises(PodError, match="the pod did not start"): pod(path)

def test_uv_run():
    if not shutil.which("uv"): pytest.skip("needs uv")
    with pod(["uv", "run", "--no-project", "--python", sys.executable, "python"]) as p:
        assert p.abs(-1) == 1
        with pytest.raises(PodError, match="the pod died: SIGKILL"): p.os.kill(p.os.getpid(), 9)

def test_requirements():
    "Needs a package index."
    if not shutil.which("uv"): pytest.skip("needs uv")
    with pod(deps=["iniconfig==2.0.0"]) as p:
        assert p.importlib.metadata.version("iniconfig") == "2.0.0"
        assert p["sys.version_info"][:2] == sys.version_info[:2]

def test_arrays_between_numpy_1_and_2():
    "Needs a package index."
    np = pytest.importorskip("numpy")
    if not shutil.which("uv") or not python("3.9"): pytest.skip("needs uv and Python 3.9")
    with pod(python=python("3.9"), deps=["numpy==1.22.4"]) as p:
        p.run("def echo(x): return x")
        for mine in (np.arange(300_000.), np.arange(3), np.array([1, "a", None], dtype=object)):
            assert (p.echo(mine) == mine).all()
        assert p.numpy.float64(2) == 2

def test_an_environment_that_cannot_be_made():
    if not shutil.which("uv"): pytest.skip("needs uv")
    with pytest.raises(Exception, match="iniconfig"): pod(deps=["iniconfig>=99"])

# -- the child's files stand alone

child = "start child passing talk replies streams names source values watch cells wire segments".split()

@pytest.mark.parametrize("name", [*child, "ipython", "figures"])
def test_a_child_s_file_has_the_syntax_of_3_8(name):
    ast.parse((folder/f"{name}.py").read_text(), feature_version=(3, 8))

@pytest.mark.parametrize("name", child)
def test_a_child_s_file_imports_the_standard_library_only(name):
    nodes = list(ast.walk(ast.parse((folder/f"{name}.py").read_text())))
    names = {a.name.split(".")[0] for o in nodes if isinstance(o, ast.Import) for a in o.names}
    names |= {o.module.split(".")[0] for o in nodes if isinstance(o, ast.ImportFrom) and not o.level}
    assert names - sys.stdlib_module_names <= {"_pod", "boot"}

def test_the_child_loads_nothing_that_it_need_not():
    with pod() as p:
        assert not {"asyncio", "traceback", "ctypes", "IPython", "numpy",
            "ast"} & set(p.list(p.call("sys.modules.keys")))
