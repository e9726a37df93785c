"Which cell an output belongs to: of threads, tasks, callbacks, and of those that start them"
import pytest
from helpers import read_programs
from iopub_reader import texts

programs = read_programs("owners")

begin = "import asyncio, logging, threading, time, warnings, sys, gc\nfrom concurrent.futures import ThreadPoolExecutor\ngo,done = threading.Event(),threading.Event()\n" \
    "def f():\n    go.wait(20)\n    print('mine')\n    done.set()\n"
wait_a = "\nasync def g():\n    while not go.is_set(): await asyncio.sleep(.01)\n    print('mine')\n    done.set()\n"
finish = "go.set()\nprint('other')\nwhile not done.is_set(): await asyncio.sleep(.01)"

starts = {"thread": "threading.Thread(target=f).start()", "thread class": "class T(threading.Thread):\n"
    "    def run(self): f()\n"
    "T().start()",
    "timer": "threading.Timer(.01, f).start()", "pool": "pool = ThreadPoolExecutor(1); pool.submit(f)",
    "map": "pool = ThreadPoolExecutor(1); m = pool.map(lambda _: f(), [1])",
    "to_thread": wait_a+"t = asyncio.create_task(asyncio.to_thread(f))",
    "run_in_executor": "e = asyncio.get_running_loop().run_in_executor(None, f)",
    "thread of a thread": "threading.Thread(target=lambda: threading.Thread(target=f).start()).start()",
    "task": wait_a+"t = asyncio.create_task(g())", "ensure_future": wait_a+"t = asyncio.ensure_future(g())",
    "task of a task": wait_a+"async def h(): return asyncio.create_task(g())\nt = asyncio.create_task(h())",
    "call_later": "def h():\n"
    "    if go.is_set(): f()\n"
    "    else: asyncio.get_running_loop().call_later(.01, h)\n"
    "asyncio.get_running_loop().call_later(.01, h)",
    "call_soon_threadsafe": "loop = asyncio.get_running_loop()\n"
    "threading.Thread(target=lambda: go.wait(20) and loop.call_soon_threadsafe(f)).start()",
    "display": "def f():\n    go.wait(20); display('mine'); done.set()\nthreading.Thread(target=f).start()",
    "os.system": "import os\ndef f():\n    go.wait(20); print('mine'); done.set()\nthreading.Thread(target=f).start()",
    "warning": "def f():\n    go.wait(20); warnings.warn('mine'); done.set()\nthreading.Thread(target=f).start()",
    "logging": "logging.basicConfig(force=True)\n"
    "def f():\n"
    "    go.wait(20); logging.error('mine'); done.set()\n"
    "threading.Thread(target=f).start()",
    "error of a thread": "def f():\n"
    "    go.wait(20)\n"
    "    try: raise ValueError('mine')\n"
    "    finally: done.set()\n"
    "t = threading.Thread(target=f); t.start()",
    "error of a task": programs["error of a task"]}

@pytest.mark.parametrize("way", starts)
def test_output_belongs_to_the_cell_that_started_it(kc, way):
    "In a frontend, which allows stdin; test_threads has the rules"
    id = kc.cell(begin+starts[way], allow_stdin=True)
    kc.wait(id)
    assert texts(kc.run(finish)) == "other\n"
    assert "mine" in texts(kc.wait(id, until=lambda r: "mine" in texts(r)))

@pytest.mark.parametrize("submit", ["pool.submit(print, '{0}').result()",
    "import asyncio; await asyncio.get_running_loop().run_in_executor(pool, print, '{0}')",
    "list(pool.map(print, ['{0}'])); None", "import asyncio; await asyncio.to_thread(print, '{0}')",
    "loop.call_soon(print, '{0}'); await asyncio.sleep(.01)",
    "import logging; logging.error('{0}')", "import warnings; warnings.warn('{0}')", "q.put('{0}'); q.join()"])
def test_work_belongs_to_the_cell_that_submits_it(kc, submit):
    "However old the pool, the loop or the handler"
    kc.run("import asyncio, logging, warnings\n"
        "from concurrent.futures import ThreadPoolExecutor\n"
        "pool = ThreadPoolExecutor(1); pool.submit(print, 'x').result()\n"
        "loop = asyncio.get_running_loop(); logging.basicConfig(force=True)\n"
        "import queue; q = queue.Queue()")
    if "q." in submit:
        submit = "import threading; threading.Thread(target=lambda: (print(q.get()), q.task_done())).start(); "+submit
    for word in ("one", "two"): assert word in texts(kc.run(submit.format(word)))

def test_an_unraisable_error_shows_in_the_cell(kc):
    assert "ZeroDivisionError" in kc.run("class A:\n    def __del__(self): 1/0\na = A()\ndel a").stderr

def test_a_future_error_shows_in_the_cell_that_drops_it(kc):
    r = kc.run(
        "import asyncio, gc\n"
        "async def f(): 1/0\n"
        "t = asyncio.create_task(f()); await asyncio.sleep(.01); del t; gc.collect(); None")
    assert "ZeroDivisionError" in r.stderr

def test_a_callback_of_a_comm_writes_for_the_message_that_called_it(kc):
    kc.run("import comm\n"
        "def opened(c, msg): c.on_msg(lambda m: print('got', m['content']['data']))\n"
        "comm.get_comm_manager().register_target('t', opened)")
    kc.request("comm_open", dict(comm_id="c1", target_name="t", data={}))
    assert kc.request("comm_msg", dict(comm_id="c1", data=dict(a=1))).stdout == "got {'a': 1}\n"

def test_output_after_the_end_of_a_cell_comes_by_itself(kc):
    id = kc.cell("import threading; threading.Timer(.2, print, ['late']).start()")
    assert kc.wait(id).stdout == ""
    assert kc.wait(id, until=lambda r: r.stdout).stdout == "late\n"

def test_display_handle_updates_from_a_thread_keep_their_cell(kc):
    id = kc.cell("import threading; h = display('a', display_id=True); " "threading.Timer(.2, lambda: h.update('b')).start()")
    assert kc.wait(id, until=lambda r: "update_display_data" in r.types).of("update_display_data")[0]["data"]["text/plain"] == "'b'"

def test_writers_of_two_cells_do_not_mix(kc):
    "A thread of the first cell and the second cell write at once"
    id = kc.cell(
        "import threading\n"
        "stop = threading.Event()\n"
        "def f():\n"
        "    while not stop.is_set(): print('first')\n"
        "t = threading.Thread(target=f); t.start()", allow_stdin=True)
    r = kc.run("for i in range(2000): print('second')\nstop.set(); t.join()")
    assert r.stdout == "second\n"*2000
    assert set(kc.wait(id).stdout.splitlines()) == {"first"}

@pytest.mark.parametrize("code", ["threading.Thread(target=f).start()", "ThreadPoolExecutor(1).submit(f)"])
def test_latest_gives_thread_output_to_the_newest_cell(own, code):
    kc = own(env=dict(IPYMINI_THREAD_OUTPUT="latest"))
    id = kc.cell(begin+code)
    kc.wait(id)
    assert sorted(kc.run(finish).stdout) == sorted("mine\nother\n")
    assert kc.wait(id).stdout == ""

def test_context_variables_live_on(kc):
    kc.run("import contextvars; v = contextvars.ContextVar('v', default=0); v.set(1)")
    assert kc.run("v.get()").result == "1"
    kc.run("await asyncio.sleep(0); v.set(2)" if kc.run("import asyncio").status == "ok" else "")
    assert kc.run("v.get()").result == "2"

def test_a_task_has_its_own_context(kc):
    kc.run("import asyncio, contextvars; w = contextvars.ContextVar('w', default=0)\n"
        "async def f(): w.set(5)\n"
        "await asyncio.create_task(f())")
    assert kc.run("w.get()").result == "0"
