"`%snapshot` and `%restore`: what comes back in a new kernel, what is left out, and that the last snapshot stays whole."
import os, signal
from pathlib import Path
import pytest
from helpers import read_programs, start

programs = read_programs("snapshot")

cells = Path(__file__).parent/"cells"

@pytest.fixture(scope="module")
def restored(tmp_path_factory):
    "A kernel in which the snapshot of another one is restored; what %snapshot and %restore said"
    file = tmp_path_factory.mktemp("snapshot")/"kinds.snapshot"
    kc = start()
    assert kc.run((cells/"kinds.py").read_text()).status == "ok"
    kc.run(programs["values beside the kinds"])
    written = kc.run(f"%snapshot {file}")
    kc.stop()
    kc = start()
    back = kc.run(f"%restore {file}")
    yield kc, written, back, file
    kc.stop()

def value(restored, code):
    r = restored[0].run(code)
    assert r.status == "ok", r
    return r.result

kinds = """number large real complex text surrogate raw none truth many pair names frozen mutable numbers span ordered counter queue default day exact third id path
    pattern colour point space when""".split()

@pytest.mark.parametrize("kind", kinds)
def test_an_object_comes_back_equal(restored, kind):
    code = "import runpy, sys\n" + f"fresh = runpy.run_path({str(cells/'kinds.py')!r}, run_name='__main__')['kinds'][{kind!r}]\n"
    assert value(restored, code + f"type(fresh).__name__ == type(k_{kind}).__name__ and repr(fresh) == repr(k_{kind})") == "True"

@pytest.mark.parametrize("code, result",
    [("k_nan != k_nan", "True"), ("k_partial()", "3"), ("repr(k_error)", "\"ValueError('x')\""),
        ("k_derived.thrice()", "12"),
        ("k_vector.sum(), k_vector.flags.writeable", "(np.float64(10.0), True)"),
        ("k_matrix.tolist()", "[[1.0, 0.0, 0.0], [0.0, 0.0, 1.0]]"),
        ("k_objects.tolist()", "[1, 'a']"), ("k_empty.shape", "(0, 3)"), ("k_masked.sum()", "np.int64(1)"),
        ("k_record['b'][0]", "np.float64(2.0)"),
        ("k_colour is Colour.RED", "True"), ("type(k_point) is Point and k_point.twice()", "Point(x=6)"),
        ("pair[0].other.other is pair[0]", "True")])
def test_what_came_back_works(restored, code, result): assert value(restored, code) == result

@pytest.mark.parametrize("code, result",
    [("add(1)", "3"), ("decorated(1)", "1001"), ("factorial(5)", "120"), ("await later()", "7"),
        ("list(counting())", "[1, 2]"),
        ("sqrt(4)", "2.0"), ("math.pi > 3 and np.__name__", "'numpy'"), ("OrderedDict.__name__", "'OrderedDict'")])
def test_functions_classes_and_imports_come_back(restored, code, result): assert value(restored, code) == result

def test_two_names_of_one_object_stay_so(restored): assert value(restored, "alias is k_many") == "True"

def test_the_source_of_a_function_is_known(restored):
    assert "return a + b" in value(restored, "import inspect\ninspect.getsource(add)")

@pytest.mark.parametrize("name, why", [("lock", "cannot pickle '_thread.lock' object"), ("opened", "cannot pickle")])
def test_what_is_left_out_is_named_with_the_reason(restored, name, why):
    line = next(line for line in restored[1].stdout.splitlines() if line.strip().startswith(name))
    assert why in line

def test_what_was_left_out_is_told_again_at_restore(restored): assert "lock:" in restored[2].stdout

def test_the_size_is_told(restored): assert " names, " in restored[1].stdout and "KB" in restored[1].stdout

def test_a_snapshot_is_for_its_owner_alone(restored): assert restored[3].stat().st_mode & 0o777 == 0o600

def test_nothing_of_ipython_is_in_it(restored):
    import zipfile
    assert b'"In"' not in zipfile.ZipFile(restored[3]).read("index.json")

def test_a_name_whose_pickling_fails_spoils_no_other(own, tmp_path):
    kc = own()
    kc.run("class Bad:\n    def __reduce__(self): raise RuntimeError('no')\nbad = Bad()\ngood = 1")
    assert "bad: RuntimeError: no" in kc.run(f"%snapshot {tmp_path/'a.snapshot'}").stdout
    kc.run("del bad, good")
    kc.run(f"%restore {tmp_path/'a.snapshot'}")
    assert kc.run("good").result == "1"

def test_a_name_that_fails_at_restore_is_told_and_the_others_come(own, tmp_path):
    kc = own()
    kc.run("class Odd:\n"
        "    def __setstate__(self, state): raise RuntimeError('not today')\n"
        "odd = Odd()\n"
        "odd.x = 1\n"
        "z = 2")
    kc.run(f"%snapshot {tmp_path/'a.snapshot'}\ndel z")
    r = kc.run(f"%restore {tmp_path/'a.snapshot'}")
    assert "odd: RuntimeError: not today" in r.stdout
    assert kc.run("z").result == "2"

@pytest.mark.parametrize("end", ["kill", "interrupt", "full disk"])
def test_the_last_snapshot_stays_whole(own, tmp_path, end):
    kc,file = own(),tmp_path/"a.snapshot"
    kc.run(f"x = 1\n%snapshot {file}")
    before = file.read_bytes()
    kc.run(programs["slow to pickle"])
    kc.run("full = False\nslow = Slow()\nx = 2")
    if end == "full disk": kc.run(programs["full disk"])
    id = kc.cell(f"%snapshot {file}")
    if end != "full disk": kc.wait(id, until=lambda r: "slow" in r.stdout)
    if end == "kill":
        os.killpg(kc.proc.pid, signal.SIGKILL)
        kc.proc.wait(10)
    else:
        if end == "interrupt": kc.interrupt()
        assert kc.wait(id).error["ename"] == dict(interrupt="KeyboardInterrupt").get(end, "UsageError")
        assert [o.name for o in tmp_path.iterdir()] == ["a.snapshot"]
    assert file.read_bytes() == before

def test_a_name_without_a_path_is_kept_apart_for_each_notebook(own, tmp_path):
    one,two = own(env=dict(JPY_SESSION_NAME=str(tmp_path/"one.ipynb"))),own(env=dict(JPY_SESSION_NAME=str(tmp_path/"two.ipynb")))
    one.run("x = 1\n%snapshot")
    two.run("x = 2\n%snapshot")
    one.run("del x\n%restore")
    assert one.run("x").result == "1"
    assert "last" in one.run("%snapshot --list").stdout

@pytest.mark.slow
def test_a_progress_bar_comes_when_it_takes_long(own, tmp_path):
    kc = own()
    kc.run("import time\n"
        "class Slow:\n"
        "    def __reduce__(self):\n"
        "        time.sleep(.4)\n"
        "        return (int, ())\n"
        "a, b, c, d = Slow(), Slow(), Slow(), Slow()")
    r = kc.run(f"%snapshot {tmp_path/'a.snapshot'}")
    assert "Writing [" in r.of("display_data")[0]["data"]["text/plain"]

@pytest.mark.parametrize("name, why", [("/nowhere/x.snapshot", "there is no snapshot"),
    ("{}/bad.snapshot", "is no snapshot")])
def test_a_snapshot_that_cannot_be_read_is_one_line(own, tmp_path, name, why):
    (tmp_path/"bad.snapshot").write_text("text")
    error = own().run(f"%restore {name.format(tmp_path)}").error
    assert (error["ename"], why in error["evalue"]) == ("UsageError", True)

@pytest.mark.slow
def test_large_arrays_are_written_without_a_copy(own, tmp_path):
    "Memory on top while 200 MB are written: less than a fifth of them"
    kc = own()
    kc.run("import numpy as np, resource\n"
        "arr = np.ones(25_000_000)\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss")
    kc.run(f"%snapshot {tmp_path/'a.snapshot'}", timeout=60)
    assert int(kc.run("resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before").result) < 40_000

def shut(kc):
    kc.request("shutdown_request", dict(restart=True), "control")
    kc.proc.wait(15)

@pytest.fixture
def automatic(tmp_path):
    "Variables of a kernel that writes a snapshot before it ends"
    return dict(IPYMINI_SNAPSHOT="1", IPYTHONDIR=str(tmp_path), JPY_SESSION_NAME=str(tmp_path/"book.ipynb"))

def test_a_kernel_that_is_asked_to_end_writes_one_if_that_is_asked_for(own, automatic):
    kc = own(env=automatic)
    kc.run("kept = [1, 2]")
    shut(kc)
    assert own(env=automatic).run("%restore\nkept").result == "[1, 2]"

def test_without_being_asked_for_none_is_written(own, automatic, tmp_path):
    kc = own(env={**automatic, "IPYMINI_SNAPSHOT": ""})
    kc.run("kept = 1")
    shut(kc)
    assert list(tmp_path.rglob("*.snapshot*")) == []

@pytest.mark.slow
def test_one_that_takes_too_long_is_given_up_and_the_last_stays(own, automatic, tmp_path):
    kc = own(env=automatic)
    kc.run("kept = 1")
    shut(kc)
    slow = own(env=automatic)
    slow.run("class Slow:\n    def __reduce__(self):\n        import time\n        time.sleep(60)\nslow = Slow()")
    shut(slow)
    assert [path.name for path in tmp_path.rglob("*.snapshot*")] == ["last.snapshot"]
    assert own(env=automatic).run("%restore\nkept").result == "1"
