"Libraries that look at code, run it elsewhere, or measure it"
import pytest, re

pytestmark = pytest.mark.libs

@pytest.fixture(scope="module")
def kc(fresh):
    kc = fresh()
    kc.run("import multiprocessing as mp\ndef f(x): return x*x")
    return kc

# -- elsewhere

def test_fork_pool_runs_functions_of_cells(kc):
    r = kc.run("with mp.get_context('fork').Pool(2) as p: res = p.map(f, [1, 2, 3])\nres", timeout=60)
    assert r.result == "[1, 4, 9]", r

def test_fork_pool_prints_into_the_cell(kc):
    kc.run("import os\ndef say(x): print('child', x, flush=True)")
    r = kc.run("with mp.get_context('fork').Pool(1) as p: p.map(say, [1, 2])\n0", timeout=60)
    assert sorted(r.stdout.split("\n")) == ["", "child 1", "child 2"], r

def test_ending_a_pool_ends_its_workers_only(fresh):
    "They get a SIGTERM, often before they have run at all"
    kc = fresh()
    r = kc.run(
        "import multiprocessing as mp\n"
        "for _ in range(20):\n"
        "    with mp.get_context('fork').Pool(2) as p: res = p.map(abs, [-1])\n"
        "res", timeout=60)
    assert r.result == "[1]", r
    assert kc.run("1").result == "1"

def test_process_pool_executor(kc):
    r = kc.run(
        "from concurrent.futures import ProcessPoolExecutor\n"
        "with ProcessPoolExecutor(2, mp_context=mp.get_context('fork')) as p: res = list(p.map(f, [1, 2]))\n"
        "res", timeout=60)
    assert r.result == "[1, 4]", r

def test_thread_pool_executor(kc):
    r = kc.run(
        "import sys\n"
        "from concurrent.futures import ThreadPoolExecutor\n"
        "with ThreadPoolExecutor(2) as p: list(p.map(sys.stdout.write, ['a\\n', 'b\\n']))\n"
        "0")
    assert sorted(r.stdout.split()) == ["a", "b"]

def test_spawn_pool_runs_functions_of_cells(kc, kernel):
    pool = "from concurrent.futures import ProcessPoolExecutor\nwith ProcessPoolExecutor(1, mp_context=mp.get_context('spawn')) as p:"
    r = kc.run(f"{pool} res = p.submit(f, 2).result()\nres", timeout=60)
    if kernel == "ipymini": assert r.result == "4", r
    else: assert r.content["ename"] == "BrokenProcessPool", r  # as it says nowhere else

def test_joblib_hands_functions_of_cells_to_processes(kc):
    assert kc.run("from joblib import Parallel, delayed\nParallel(n_jobs=2)(delayed(f)(i) for i in range(3))",
        timeout=90).result == "[0, 1, 4]"

def test_joblib_remembers_results_of_functions_of_cells_for_the_next_kernel(fresh, tmp_path):
    code = f"from joblib import Memory\nmem = Memory('{tmp_path}', verbose=0)\n@mem.cache\ndef slow(x):\n    print('computed')\n    return x\nslow(1), slow(1)"
    first,second = fresh().run(code, timeout=60),fresh().run(code, timeout=60)
    assert (first.stdout, first.result, second.stdout, second.result) == ("computed\n", "(1, 1)", "",
        "(1, 1)"), (first, second)

def test_cloudpickle_takes_functions_of_cells(kc):
    assert kc.run("import cloudpickle, pickle\npickle.loads(cloudpickle.dumps(f))(3)").result == "9"

def test_dill_takes_functions_of_cells(kc): assert kc.run("import dill\ndill.loads(dill.dumps(f))(3)").result == "9"

def test_dill_stores_the_session(fresh, tmp_path):
    kc = fresh()
    assert kc.run(f"import dill\nkept = 5\ndill.dump_module('{tmp_path}/s.pkl')", timeout=60).status == "ok"
    assert kc.run(f"del kept\ndill.load_module('{tmp_path}/s.pkl')\nkept").result == "5"

def test_pickle_of_a_class_of_a_cell(kc):
    assert kc.run("import pickle\nclass P:\n    x = 1\npickle.loads(pickle.dumps(P())).x").result == "1"

# -- compiled

def test_numba_compiles(kc):
    assert kc.run("import numba\n@numba.njit\ndef add(a, b): return a+b\nadd(1, 2)", timeout=90).result == "3"

def test_numba_caches_functions_of_cells_for_the_next_kernel(fresh, tmp_path):
    code = "import numba\n@numba.njit(cache=True)\ndef add(a, b): return a+b\nadd(1, 2), sum(add.stats.cache_hits.values())"
    results = [fresh(NUMBA_CACHE_DIR="", XDG_CACHE_HOME=str(tmp_path)).run(code, timeout=90).result for _ in range(2)]
    assert results == ["(3, 0)", "(3, 1)"]

def test_numba_prints_into_the_cell(kc):
    assert kc.run("import numba\n@numba.njit\ndef say(): print('from C')\nsay()", timeout=60).stdout == "from C\n"

def test_numba_runs_in_parallel(kc):
    r = kc.run(
        "import numba\n"
        "@numba.njit(parallel=True)\n"
        "def total(n):\n"
        "    t = 0\n"
        "    for i in numba.prange(n): t += i\n"
        "    return t\n"
        "total(10)", timeout=90)
    assert r.result == "45", r

# -- source

def test_doctest_of_a_function_of_a_cell(kc):
    r = kc.run(
        "import doctest\n"
        "def twice(x):\n"
        "    '''\n"
        "    >>> twice(2)\n"
        "    4\n"
        "    '''\n"
        "    return 2*x\n"
        "doctest.testmod().attempted")
    assert r.result == "1" and r.stdout == "", r

def test_unittest(kc):
    r = kc.run(
        "import unittest\n"
        "class T(unittest.TestCase):\n"
        "    def test_a(self): self.assertEqual(1, 1)\n"
        "unittest.main(argv=['x'], exit=False).result.testsRun")
    assert "OK" in r.stderr and r.result == "1", r

def test_type_hints(kc):
    assert kc.run("import typing\nclass A: pass\ndef h(a: 'A'): pass\n"
        "typing.get_type_hints(h)").result == "{'a': __main__.A}"

def test_dataclass(kc):
    assert kc.run("from dataclasses import dataclass\n@dataclass\nclass D:\n    x: int\nD(1)").result == "D(x=1)"

def test_ipytest_tests_a_cell(kc):
    r = kc.run("import ipytest\nipytest.autoconfig()", timeout=60)
    r = kc.run("%%ipytest -q\ndef test_one(): assert 1 == 1", timeout=60)
    assert "100%" in r.stdout and "FAIL" not in r.stdout, r

# -- measured

def test_ipytest_measures_which_lines_of_cells_ran(fresh, tmp_path):
    kc = fresh()
    kc.run(f"%cd -q {tmp_path}\nimport ipytest\nipytest.autoconfig(coverage=True)", timeout=60)
    kc.run("def f(x):\n    if x: return x+1\n    return 0")
    r = kc.run("%%ipytest --cov=. --cov-report=term-missing\ndef test_f(): assert f(1) == 2", timeout=60)
    assert re.search(r"ipykernel_\d+/\d+\.py +3 +2 +33% +1, 3", r.stdout), r

def test_line_profiler_shows_lines_of_an_earlier_cell(kc):
    r = kc.run("%load_ext line_profiler\ndef work():\n    a = 1\n    return a", timeout=60)
    r = kc.run("%lprun -f work work()")
    assert "return a" in r.stdout + str(r.content["payload"]), r

def test_memory_profiler_measures(kc):
    r = kc.run("%load_ext memory_profiler\n%memit [0]*1000", timeout=60)
    assert "peak memory" in r.stdout, r

def test_pyinstrument_shows_its_report(kc):
    r = kc.run("%load_ext pyinstrument", timeout=60)
    r = kc.run("%%pyinstrument\nimport time\nt = time.time()\nwhile time.time() < t+.1: sum(range(1000))", timeout=60)
    assert r.status == "ok" and any("pyinstrument" in str(c["data"]).lower()
        for c in r.of("display_data")+r.of("execute_result")), r

@pytest.mark.only_ipymini("this event loop is already running")
def test_pyinstrument_measures_an_awaiting_cell(kc):
    kc.run("%load_ext pyinstrument", timeout=60)
    r = kc.run("%%pyinstrument\nimport asyncio\nawait asyncio.sleep(.05)", timeout=60)
    assert r.status == "ok" and not r.error, r

def test_snakeviz_knows_that_it_is_in_a_notebook(kc):
    r = kc.run("%load_ext snakeviz", timeout=60)
    assert r.status == "ok", r
    assert kc.run("from snakeviz.ipymagic import _check_ipynb\n_check_ipynb()").result == "True"
