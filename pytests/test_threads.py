"""Whose output it is what a thread writes: the cell whose code it runs, the cell that handed work on, or the cell that runs now

`kc.run` of these tests is an interactive frontend; a batch client is one that allows no stdin."""
import pytest, socket
from helpers import read_programs
from ipymini.compat.threads import items

programs = read_programs("threads")

def run(kc, code): return kc.run(code, allow_stdin=True)

def late(kc, id, text):
    "Wait until the cell `id`, which has ended, has put out `text`"
    return kc.wait(id, until=lambda r: text in r.stdout+r.stderr)

gate = "import threading\ngo,done = threading.Event(),threading.Event()\n"
opened = "go.set(); print('now'); done.wait(20); None"
mine = "def f(*args):\n    go.wait(20); print('mine'); done.set()\n"

# -- threads: whose code they run

own = {"target": "threading.Thread(target=f).start()", "method": "class A:\n"
    "    def g(self): f()\n"
    "threading.Thread(target=A().g).start()",
    "class": "class T(threading.Thread):\n    def run(self): f()\nT().start()",
    "partial": "from functools import partial\nthreading.Thread(target=partial(f, 1)).start()",
    "timer": "threading.Timer(.01, f).start()",
    "object": "class A:\n    __call__ = f\nthreading.Thread(target=A()).start()",
    "argument": "import timeit\nthreading.Thread(target=timeit.timeit, args=[f], kwargs=dict(number=1)).start()",
    "coroutine": "import asyncio\nasync def g(): f()\nthreading.Thread(target=asyncio.run, args=[g()]).start()",
    "decorated": "import functools\n"
    "threading.Thread(target=functools.lru_cache(f) and functools.wraps(f)(lambda: f())).start()",
    "of a thread": "threading.Thread(target=lambda: threading.Thread(target=f).start()).start()"}

@pytest.mark.parametrize("way", own)
def test_a_thread_that_runs_code_of_a_cell_keeps_its_cell(kc, way):
    id = kc.cell(gate+mine+own[way], allow_stdin=True)
    kc.wait(id)
    assert run(kc, opened).stdout == "now\n"
    assert late(kc, id, "mine").stdout == "mine\n"

def test_an_error_of_a_thread_belongs_to_its_cell(kc):
    id = kc.cell(gate+"def f():\n"
        "    go.wait(20)\n"
        "    try: 1/0\n"
        "    finally: done.set()\n"
        "threading.Thread(target=f).start()", allow_stdin=True)
    kc.wait(id)
    assert run(kc, opened).stderr == ""
    assert "ZeroDivisionError" in late(kc, id, "ZeroDivisionError").stderr

module = programs["a module's thread"]
listener = "import logging, logging.handlers, queue, sys\nq = queue.Queue()\nlogging.handlers.QueueListener(q, logging.StreamHandler(sys.stdout)).start()"
server = programs["a server's thread"]
ask = "try: urllib.request.urlopen(f'http://127.0.0.1:{{server.server_port}}/{0}')\nexcept OSError: pass"
library = {"QueueListener": (listener, "q.put(logging.makeLogRecord(dict(msg='{0}'))); q.join()"), "serve_forever": (server, ask),
    "a module's target": (module, "m.q.put('{0}'); m.q.join()")}

@pytest.mark.parametrize("way", library)
def test_a_librarys_thread_writes_to_the_cell_that_runs(kc, way):
    start,use = library[way]
    first = run(kc, start)
    for word in ("one", "two"):
        r = run(kc, use.format(word))
        assert word in r.stdout+r.stderr
    assert "one" not in first.stdout+first.stderr

def test_a_librarys_thread_writes_to_its_own_cell_while_that_runs(kc):
    id = kc.cell(
        "import asyncio, threading\n"
        "go = threading.Event()\n"
        "threading.Thread(target=print, args=['x']).start(); await asyncio.sleep(.01)", allow_stdin=True)
    assert kc.wait(id).stdout == "x\n"

def test_a_librarys_thread_writes_to_its_own_cell_when_none_runs(kc):
    id = kc.cell(server, allow_stdin=True)
    kc.wait(id)
    port = int(run(kc, "server.server_port").result)
    with socket.create_connection(("127.0.0.1", port)) as client:
        client.sendall(b"GET /late HTTP/1.0\r\n\r\n")
        late(kc, id, "late")

def test_a_librarys_thread_writes_to_an_older_cell_if_only_that_runs(kc):
    run(kc, gate+programs["a loop of a module"])
    older = kc.cell("input(); go.set(); done.wait(20)", allow_stdin=True, subshell=kc.subshell())
    kc.prompt()
    newer = run(kc, "1")
    kc.input("")
    assert (kc.wait(older).stdout, newer.stdout) == ("theirs\n", "")

# -- work handed to a pool

pools = {"ThreadPool.map": ("from multiprocessing.pool import ThreadPool\npool = ThreadPool(2)",
    "pool.map(print, ['{0}'])"),
    "ThreadPool.apply": ("from multiprocessing.pool import ThreadPool\npool = ThreadPool(2)",
        "pool.apply(print, ['{0}'])"),
    "ThreadPool.starmap": ("from multiprocessing.pool import ThreadPool\npool = ThreadPool(2)",
        "pool.starmap(print, [['{0}']])"),
    "ThreadPool.imap": ("from multiprocessing.pool import ThreadPool\npool = ThreadPool(2)",
        "list(pool.imap_unordered(print, ['{0}']))"),
    "iterable": ("from multiprocessing.pool import ThreadPool\npool = ThreadPool(2)",
        "list(pool.imap(int, (print('{0}') or '1' for i in range(1))))"),
    "dummy": ("from multiprocessing import dummy\npool = dummy.Pool(2)", "pool.map(print, ['{0}'])"),
    "callback": ("from multiprocessing.pool import ThreadPool\npool = ThreadPool(2)",
        "import threading; e = threading.Event(); pool.apply_async(int, callback=lambda v: (print('{0}'), e.set())); "
        "e.wait(20)"),
    "error callback": ("from multiprocessing.pool import ThreadPool\npool = ThreadPool(2)",
        "import threading; e = threading.Event(); "
        "pool.apply_async(int, 'x', error_callback=lambda v: (print('{0}'), e.set())); e.wait(20)"),
    "callback of processes": (
        "import multiprocessing as mp, threading\n"
        "pool = mp.get_context('fork').Pool(1); pool.apply(int)",
        "e = threading.Event(); pool.map_async(int, '7', callback=lambda v: (print('{0}'), e.set())); e.wait(20)"),
    "submit": ("from concurrent.futures import ThreadPoolExecutor\npool = ThreadPoolExecutor(1)",
        "pool.submit(print, '{0}').result()"),
    "done-callback": (
        "from concurrent.futures import ThreadPoolExecutor\n"
        "import threading\n"
        "pool,go = ThreadPoolExecutor(1),threading.Event(); f = pool.submit(lambda: go.wait(.2))",
        "e = threading.Event(); f.add_done_callback(lambda f: (print('{0}'), e.set())); e.wait(20)")}

@pytest.mark.parametrize("way", pools)
def test_work_belongs_to_the_cell_that_hands_it_to_a_pool(kc, way):
    start,use = pools[way]
    assert run(kc, start).stdout == ""
    for word in ("one", "two"): assert run(kc, use.format(word)).stdout == word+"\n"

@pytest.mark.parametrize("hand", ["pool.submit(f)", "pool.apply_async(f)", "pool.map_async(f, [1])"])
def test_work_that_outlives_its_cell_still_belongs_to_it(kc, hand):
    pool = "from concurrent.futures import ThreadPoolExecutor as P" if "submit" in hand else "from multiprocessing.pool import ThreadPool as P"
    run(kc, f"{pool}\npool = P(1)")
    id = kc.cell(gate+mine+hand+"; None", allow_stdin=True)
    kc.wait(id)
    assert run(kc, opened).stdout == "now\n"
    assert late(kc, id, "mine").stdout == "mine\n"

def test_work_of_two_cells_that_run_at_once_does_not_mix(kc):
    "One pool, two subshells"
    run(kc,"from multiprocessing.pool import ThreadPool\n"
        "pool = ThreadPool(2)\n"
        "def f(word):\n"
        "    for i in range(500): print(word)")
    ids = {w: kc.cell(f"pool.map(f, ['{w}', '{w}']); None", allow_stdin=True, subshell=kc.subshell()) for w in ("one", "two")}
    for word,id in ids.items():
        text = kc.wait(id).stdout
        assert (text.count(word), len(text)) == (1000, 4000)

proxy = "class Proxy:\n    def __getattr__(self, name): raise RuntimeError('asked for '+name)\n    __class__ = property(lambda self: self.klass)\n    def __bool__(self): raise RuntimeError('asked for its truth')\n" \
    "    def __call__(self, *args): return 'called'\np = Proxy()\n"
calls = dict(submit="from concurrent.futures import ThreadPoolExecutor\nThreadPoolExecutor(1).submit(p).result()",
    pool="from multiprocessing.pool import ThreadPool\nThreadPool(1).apply(p)",
    thread="import threading\nt = threading.Thread(target=p, name='t'); t.start(); t.join(); 'called'")

@pytest.mark.parametrize("way", calls)
def test_a_callable_is_asked_for_nothing_but_its_result(kc, way): assert run(kc, proxy+calls[way]).result == "'called'"

# -- batch clients

batch = {"own thread": "threading.Thread(target=f).start()", "timer": "threading.Timer(.01, f).start()",
    "pool": "from concurrent.futures import ThreadPoolExecutor\nThreadPoolExecutor(1).submit(f)",
    "ThreadPool": "from multiprocessing.pool import ThreadPool\npool = ThreadPool(1); r = pool.map_async(f, [1])"}

@pytest.mark.parametrize("way", batch)
def test_to_a_batch_client_a_thread_writes_to_the_cell_that_runs(kc, way):
    first = kc.run(gate+mine+batch[way])
    assert sorted(kc.run(opened).stdout) == sorted("mine\nnow\n")
    assert first.stdout == ""

def test_to_a_batch_client_a_thread_writes_to_its_own_cell_while_that_runs(kc):
    assert kc.run("import threading\ndef f(): print('mine')\n"
        "t = threading.Thread(target=f); t.start(); t.join()").stdout == "mine\n"

# -- what a failed cell leaves behind

fails = """
import asyncio, threading, weakref
from concurrent.futures import ThreadPoolExecutor
go = threading.Event()
class Big: pass
def f():
    global ref, kept
    big = Big()
    ref = weakref.ref(big)
    kept = {start}
    1/0
f()
"""
starts = dict(thread="threading.Thread(target=go.wait); kept.start()", pool="ThreadPoolExecutor(1); kept.submit(go.wait)",
    task="asyncio.get_running_loop().create_task(asyncio.sleep(1000))")

@pytest.mark.parametrize("what", starts)
def test_what_a_failed_cell_started_does_not_hold_the_locals_of_its_frames(kc, what):
    assert run(kc, fails.format(start=starts[what])).content["ename"] == "ZeroDivisionError"
    run(kc, "raise ValueError('IPython lets go of the error before')")
    freed = run(kc, "import gc; gc.collect(); ref() is None").result
    run(kc, "go.set(); kept.cancel()" if what == "task" else "go.set()")
    assert freed == "True"

def test_an_error_at_the_start_of_a_thread_has_the_frames_that_python_gives_it(kc):
    r = kc.run(
        "import threading, traceback\n"
        "t = threading.Thread(target=int); t.start(); t.join()\n"
        "try: t.start()\n"
        "except RuntimeError as e: found = [frame.name for frame in traceback.extract_tb(e.__traceback__)]\n"
        "found")
    assert r.result == "['<module>', 'start']"

def test_a_generator_of_which_a_pool_has_taken_a_part_goes_on():
    "A generator of ours takes it, which is closed when the pool lets go of it"
    numbers = (i for i in range(2))
    ours = items(numbers, None)
    assert next(ours) == 0
    ours.close()
    assert next(numbers) == 1
