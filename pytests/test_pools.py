"Functions and classes of cells in the processes of `multiprocessing`: start methods by what is defined where. ipykernel hangs or fails in most of these."
from pathlib import Path
import pytest

methods = "spawn", "forkserver", "fork"
source = (Path(__file__).parent/"cells/pools.py").read_text()

@pytest.fixture(scope="module")
def cells(kc):
    assert kc.run("import sys, types\nfrom concurrent.futures import ProcessPoolExecutor\n" + source).status == "ok"
    return kc

def pooled(kc, method, call, setup=""):
    "What `call` gives, in which `pool` is a pool of two processes"
    code = f"with mp.get_context({method!r}).Pool(2{setup}) as pool: res = {call}\nres"
    r = kc.run(code, timeout=60)
    return r.result if r.status == "ok" else (r.error["ename"], r.error["evalue"])

@pytest.mark.parametrize("method", methods)
@pytest.mark.parametrize("call, result",
    [("map_async(square, range(3)).get(20)", "[0, 2, 6]"), ("apply_async(twice, (Point(2),)).get(20)", "Point(x=4)"),
        ("apply_async(decorated, (1,)).get(20)", "1001"), ("apply_async(factorial, (5,)).get(20)", "120"),
        ("starmap_async(pow, [(2, 3)]).get(20)", "[8]"),
        ("apply_async(fail, (3,)).get(20)", ("Bad", "3"))])
def test_a_pool_runs_what_a_cell_defines(cells, method, call, result):
    assert pooled(cells, method, f"pool.{call}") == result

@pytest.mark.parametrize("method", methods)
def test_an_object_comes_back_as_one_of_its_own_class(cells, method): assert pooled(cells, method,
    "type(pool.apply_async(twice, (Point(1),)).get(20)) is Point") == "True"

@pytest.mark.parametrize("method", methods)
def test_an_initializer_sets_what_tasks_see(cells, method):
    assert pooled(cells, method, "pool.map_async(get_state, [0]).get(20)", ", set_state, (7,)") == "[7]"

@pytest.mark.parametrize("method", methods[:2])
@pytest.mark.parametrize("function, result", [("lambda x: x + 1", "2"), ("adder(5)", "6")])
def test_what_has_no_name_goes_by_value(cells, method, function, result):
    assert pooled(cells, method, f"pool.apply_async({function}, (1,)).get(20)") == result

@pytest.mark.parametrize("method", methods[:2])
def test_a_function_that_changed_is_sent_anew(cells, method):
    code = f"""with mp.get_context({method!r}).Pool(1) as pool:
    def changing(x): return 'old'
    first = pool.apply_async(changing, (1,)).get(20)
    def changing(x): return 'new'
    second = pool.apply_async(changing, (1,)).get(20)
first, second"""
    assert cells.run(code, timeout=60).result == "('old', 'new')"

@pytest.mark.parametrize("method", methods)
def test_an_executor_runs_what_a_cell_defines(cells, method):
    r = cells.run(
        f"with ProcessPoolExecutor(2, mp.get_context({method!r})) as e: res = list(e.map(square, range(3)))\n"
        "res", timeout=60)
    assert r.result == "[0, 2, 6]"

def test_an_executor_with_the_default_start_method(cells):
    "Which is fork, forkserver from Python 3.14 on, or spawn"
    assert cells.run("with ProcessPoolExecutor(2) as e: res = list(e.map(square, range(3)))\nres",
        timeout=60).result == "[0, 2, 6]"

@pytest.mark.parametrize("kind", ["SpawnedWorker", "ServedWorker"])
def test_a_process_of_a_class_of_a_cell(cells, kind):
    r = cells.run(
        f"q = {kind}._Popen and mp.get_context('spawn').Queue()\n"
        f"p = {kind}(q)\n"
        "p.start()\n"
        "res = q.get(timeout=20)\n"
        "p.join()\n"
        "res", timeout=60)
    assert r.result == "'ran'", r

@pytest.mark.parametrize("method", methods)
def test_a_manager_keeps_an_object_of_a_cell(cells, method):
    r = cells.run(
        f"with mp.get_context({method!r}).Manager() as m:\n"
        "    d = m.dict()\n"
        "    d['a'] = Point(1)\n"
        "    res = d['a']\n"
        "res", timeout=60)
    assert r.result == "Point(x=1)", r

@pytest.mark.parametrize("method", methods)
def test_what_a_worker_prints_is_shown(cells, method):
    r = cells.run(f"p = mp.get_context({method!r}).Process(target=say, args=('from a worker',))\np.start()\np.join()",
        timeout=60)
    assert r.stdout == "from a worker\n"

@pytest.mark.parametrize("method", methods[:2])
def test_what_a_worker_cannot_load_is_told(cells, method):
    "Not a hang, as when the worker died of it"
    code = "ghost = types.ModuleType('ghost')\nsys.modules['ghost'] = ghost\ndef haunted(x): return ghost"
    assert cells.run(code).status == "ok"
    assert pooled(cells, method, "pool.apply_async(haunted, (1,)).get(20)") == ("ModuleNotFoundError",
        "No module named 'ghost'")

def test_a_function_defined_after_the_fork_is_told(cells):
    code = "with mp.get_context('fork').Pool(1) as pool:\n    def too_late(x): return x\n    pool.apply_async(too_late, (1,)).get(20)"
    assert "was defined after this process was forked" in cells.run(code, timeout=60).error["evalue"]

@pytest.mark.parametrize("method", methods[:2])
def test_without_cloudpickle_a_line_says_what_to_install(cells, method):
    cells.run("import sys\nkept = sys.modules.pop('cloudpickle', None)\nsys.modules['cloudpickle'] = None")
    try: ename,evalue = pooled(cells, method, "pool.apply_async(square, (1,)).get(20)")
    finally: cells.run("sys.modules['cloudpickle'] = kept")
    assert (ename, "%pip install cloudpickle" in evalue) == ("PicklingError", True)

def test_what_others_pickle_is_as_ever(cells):
    code = "import pickle\nfrom multiprocessing.reduction import ForkingPickler\npickle.loads(ForkingPickler.dumps([len, int, {1: print}, Point])) == [len, int, {1: print}, Point]"
    assert cells.run(code).result == "True"
