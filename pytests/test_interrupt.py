"""Interrupts land: whatever a cell does, SIGINT and interrupt_request end it with KeyboardInterrupt, and nothing but it

`stuck` is the table: what a cell does when it is hit. Each prints "on" where it begins."""
import os, pytest, random, signal, time
from helpers import patience, read_programs, soon, start

programs = read_programs("interrupt")

head = "import asyncio, ctypes, os, subprocess, sys, threading, time\nfrom getpass import getpass\n"
stuck = {
    "loop": "print('on')\nwhile True: pass", "loop with calls": "def f(n): return f(n-1) if n else 0\n"
    "print('on')\n"
    "while True: f(50)",
    "for over a big range": "print('on')\nfor i in range(10**12): i*i", "sleep": "print('on'); time.sleep(600)",
    "lock": "l = threading.Lock(); l.acquire(); print('on'); l.acquire()",
    "event": "print('on'); threading.Event().wait()",
    "event with timeout": "print('on'); threading.Event().wait(60)", "condition": "c = threading.Condition()\n"
    "with c: print('on'); c.wait()",
    "queue": "import queue; print('on'); queue.Queue().get()",
    "join": "ev = threading.Event(); t = threading.Thread(target=ev.wait, daemon=True); t.start(); print('on'); "
    "t.join()",
    "future": "from concurrent.futures import Future; print('on'); Future().result()",
    "select": "import select; print('on'); select.select([], [], [], 60)",
    "socket": "import socket; a,b = socket.socketpair(); print('on'); a.recv(1)",
    "pipe": "r,w = os.pipe(); print('on'); os.read(r, 1)",
    "subprocess": "print('on'); subprocess.run(['sleep', '60'])",
    "popen wait": "p = subprocess.Popen(['sleep', '60']); print('on'); p.wait()",
    "communicate": "print('on'); subprocess.run(['sleep', '60'], capture_output=True)", "shell line": "print('on')\n"
    "!sleep 60",
    "bash cell": "%%bash\necho on\nsleep 60", "asyncio.run": "async def f(): print('on'); await asyncio.sleep(600)\n"
    "asyncio.run(f())",
    "busy asyncio.run": "async def f():\n    print('on')\n    while True: pass\nasyncio.run(f())",
    "await": "print('on'); await asyncio.sleep(600)",
    "await event": "print('on'); await asyncio.Event().wait()",
    "await future": "print('on'); await asyncio.get_running_loop().create_future()",
    "await gather": "print('on'); await asyncio.gather(asyncio.sleep(600), asyncio.sleep(600))",
    "await busy": "await asyncio.sleep(0); print('on')\nwhile True: pass",
    "await to_thread": "ev = threading.Event(); print('on'); await asyncio.to_thread(ev.wait, 60)",
    "await wait_for": "print('on'); await asyncio.wait_for(asyncio.sleep(600), 60)",
    "await shield": "print('on'); await asyncio.shield(asyncio.sleep(600))",
    "await task": "async def f(): await asyncio.sleep(600)\nprint('on'); await asyncio.create_task(f())",
    "task group": "async with asyncio.TaskGroup() as g:\n    g.create_task(asyncio.sleep(600)); print('on')",
    "short awaits": "print('on')\nwhile True: await asyncio.sleep(0)",
    "async generator": "async def f():\n"
    "    while True:\n"
    "        await asyncio.sleep(.01); yield 1\n"
    "print('on')\n"
    "async for _ in f(): pass",
    "async subprocess": "p = await asyncio.create_subprocess_exec('sleep', '60'); print('on'); await p.wait()",
    "import": programs["import"],
    "flood": "print('on')\nwhile True: print('x'*50)", "flood of displays": "print('on')\nwhile True: display(1)",
    "flood of a child": "print('on'); os.system('while :; do echo y; done')",
    "fast flood of a child": "print('on'); os.system('yes | head -c 50000000; sleep 60')", "generator": "def f():\n"
    "    while True: yield\n"
    "print('on')\n"
    "for _ in f(): pass",
    "comprehension": "print('on'); [0 for i in range(10**12) if 0]", "sort key": "print('on')\n"
    "while True: sorted(range(1000), key=lambda i: -i)",
    "with": "import contextlib\nwith contextlib.suppress(ValueError): print('on'); time.sleep(600)",
    "C code": "print('on')\nwhile True: ctypes.CDLL(None).usleep(100_000)",
    "long C code": "import hashlib; print('on'); hashlib.pbkdf2_hmac('sha256', b'', b'', 4_000_000); time.sleep(600)",
    "C code that then sleeps": "from itertools import chain, repeat; print('on')\n"
    "any(map(time.sleep, filter(None, chain(repeat(0, 50_000_000), [600]))))",  # no bytecode between
    "exec": "exec('print(\"on\")\\nwhile True: pass')",
    "%time": "%time print('on'); time.sleep(600)", "%timeit": "print('on')\n%timeit time.sleep(.01)",
    "%prun": "%prun print('on'); time.sleep(600)",
   
    "gc": "import gc; print('on')\nwhile True: gc.collect()",
    "finaliser that swallows": "class C:\n"
    "    def __del__(self):\n"
    "        print('on')\n"
    "        try: time.sleep(.1)\n"
    "        except BaseException: pass\n"
    "C()\n"
    "while True: pass"}
aware = {
    "swallow": "print('on')\ntry: time.sleep(600)\nexcept KeyboardInterrupt: print('caught')\n'went on'",
    "finally": "print('on')\ntry: time.sleep(600)\nfinally: print('caught')",
    "await finally": "print('on')\ntry: await asyncio.sleep(600)\nfinally: print('caught')",
    "async with": "import contextlib\n"
    "@contextlib.asynccontextmanager\n"
    "async def c():\n"
    "    try: yield\n"
    "    finally: print('caught')\n"
    "async with c(): print('on'); await asyncio.sleep(600)"}

@pytest.fixture(scope="module")
def kernels():
    made = [start()]
    yield made
    for kc in made: kc.stop()

@pytest.fixture
def kc(kernels):
    "The module's kernel, or the next one when a test has left it stuck"
    yield kernels[-1]
    try: kernels[-1].run("1", timeout=20)
    except TimeoutError:
        kernels[-1].stop()
        kernels.append(start())

def begun(kc, code, timeout=patience, **kw):
    "Run `code` to where it is stuck; its id"
    id = kc.cell(code if code.startswith("%%") else head+code, **kw)
    kc.wait(id, reply=False, idle=False, until=lambda r: "on" in r.stdout, timeout=timeout)
    return id

def hit(kc, id, how="signal", timeout=patience):
    "Interrupt the cell `id`; its Result"
    kc.interrupt(how)
    return kc.wait(id, timeout=timeout)

hows = pytest.mark.parametrize("how", ["signal", "message"])

# -- the table

@hows
@pytest.mark.parametrize("what", stuck)
def test_an_interrupt_ends(kc, what, how):
    r = hit(kc, begun(kc, stuck[what]), how)
    assert (r.status, r.content["ename"]) == ("error", "KeyboardInterrupt") if what not in ("shell line", "bash cell",
        "task group", "flood of a child", "fast flood of a child") else r.status
    assert r.states == ["busy", "idle"]
    assert kc.run("6*7").result == "42"

@hows
@pytest.mark.parametrize("what", ["loop", "sleep", "lock", "subprocess", "await", "asyncio.run", "flood"])
def test_cells_behind_the_interrupted_one_are_aborted(kc, what, how):
    id = begun(kc, stuck[what])
    queued = [kc.cell(f"print({i})") for i in range(3)]
    kc.request("is_complete_request", dict(code="1"))  # all have arrived
    r = hit(kc, id, how)
    assert r.content["ename"] == "KeyboardInterrupt"
    assert [kc.wait(q).status for q in queued] == ["aborted"]*3
    assert kc.run("print('x')").stdout == "x\n"

def test_cells_behind_one_without_stop_on_error_run(kc):
    id = begun(kc, stuck["sleep"], stop_on_error=False)
    queued = [kc.cell(f"print({i})") for i in range(3)]
    assert hit(kc, id).content["ename"] == "KeyboardInterrupt"
    assert [kc.wait(q).stdout for q in queued] == ["0\n", "1\n", "2\n"]

@hows
@pytest.mark.parametrize("what", aware)
def test_code_sees_the_interrupt(kc, what, how):
    r = hit(kc, begun(kc, aware[what]), how)
    assert "caught" in r.stdout
    assert r.status == ("ok" if what == "swallow" else "error")

@hows
def test_an_awaiting_cell_sees_KeyboardInterrupt(kc, how):
    r = hit(kc, begun(kc, "print('on')\ntry: await asyncio.sleep(600)\nexcept KeyboardInterrupt: print('caught')"), how)
    assert (r.status, r.stdout) == ("ok", "on\ncaught\n")
    assert kc.run("await asyncio.sleep(0); 1").result == "1"

@hows
def test_the_error_is_shown_once(kc, how):
    r = hit(kc, begun(kc, stuck["sleep"]), how)
    assert [c["ename"] for c in r.of("error")] == ["KeyboardInterrupt"]
    assert "sleep" in r.error["traceback"][-2]

@hows
def test_an_interrupt_is_quick(kc, how):
    "29 s is what others take"
    def seconds():
        id = begun(kc, stuck["await"])
        t = time.monotonic()
        hit(kc, id, how)
        return time.monotonic()-t
    assert soon(seconds, 1)

@hows
def test_interrupts_of_an_idle_kernel_do_nothing(kc, how):
    kc.run("1")  # it is idle: one that still loads keeps an interrupt for the first cell
    for _ in range(10): kc.interrupt(how)
    kc.request("is_complete_request", dict(code="1"))  # the main thread has answered, so they have landed
    r = kc.run("import time; time.sleep(.2); 'ok'")
    assert (r.status, r.result, r.error) == ("ok", "'ok'", None)

def test_interrupt_request_is_answered(kc):
    r = kc.interrupt("message")
    assert (r.content, r.states) == (dict(status="ok"), ["busy", "idle"])

def test_interrupt_request_is_answered_while_a_cell_runs(kc):
    id = begun(kc, stuck["loop"])
    assert kc.interrupt("message").status == "ok"
    kc.wait(id)

def test_tasks_of_the_user_live_on(kc):
    kc.run(head+"async def tick():\n"
        "    global n\n"
        "    n = 0\n"
        "    while True: await asyncio.sleep(.01); n += 1\n"
        "t = asyncio.create_task(tick())")
    hit(kc, begun(kc, stuck["await"]))
    assert kc.run("m = n\nwhile n < m+3: await asyncio.sleep(.01)\nt.cancel(); 'on'").result == "'on'"

def test_threads_of_the_user_live_on(kc):
    kc.run(head+"stop = threading.Event(); t = threading.Thread(target=stop.wait); t.start()")
    hit(kc, begun(kc, stuck["sleep"]))
    assert kc.run("alive = t.is_alive(); stop.set(); alive").result == "True"

# -- callbacks

@hows
def test_a_comm_callback_is_interrupted(kc, how):
    kc.run(head+"import comm\n"
        "def opened(c, msg): print('on'); time.sleep(600)\n"
        "comm.get_comm_manager().register_target('slow', opened)")
    id = kc.submit("comm_open", dict(comm_id=f"c{how}", target_name="slow", data={}))
    kc.wait(id, until=lambda r: "on" in r.stdout)
    kc.interrupt(how)
    kc.wait(id, reply=False)
    assert kc.run("1").result == "1"

@hows
@pytest.mark.parametrize("body", ["time.sleep(600)", "while True: pass"])
@pytest.mark.parametrize("after", ["", "; await asyncio.sleep(600)"])
def test_a_callback_of_the_loop_is_interrupted(kc, how, body, after):
    "One that runs between cells, or while its cell awaits"
    id = kc.cell(head+f"def f():\n    print('on')\n    {body}\nasyncio.get_running_loop().call_soon(f){after}")
    kc.wait(id, until=lambda r: "on" in r.stdout)
    kc.interrupt(how)
    if after:
        time.sleep(.3)
        kc.interrupt(how)  # the callback's, then the cell's own
    kc.wait(id)
    assert kc.run("1").result == "1"

@hows
def test_a_task_between_cells_is_interrupted(kc, how):
    id = kc.cell(head+"async def f():\n"
        "    await asyncio.sleep(.05); print('on')\n"
        "    while True: pass\n"
        "t = asyncio.create_task(f())")
    kc.wait(id, until=lambda r: "on" in r.stdout)
    kc.interrupt(how)
    assert kc.run("1").result == "1"

@hows
def test_a_subshell_is_interrupted(kc, how):
    sub = kc.request("create_subshell_request", channel="control").content["subshell_id"]
    for what in ("loop", "await", "asyncio.run"):
        r = hit(kc, begun(kc, stuck[what], subshell=sub), how)
        assert r.content["ename"] == "KeyboardInterrupt", what
    assert kc.run("1", subshell=sub).result == "1"
    kc.request("delete_subshell_request", dict(subshell_id=sub), channel="control")

# -- insisting

@pytest.mark.parametrize("code", [
    "print('on')\n"
    "n = 0\n"
    "while n < 3:\n"
    "    try: time.sleep(600)\n"
    "    except KeyboardInterrupt: n += 1; print('caught')",
    "print('on')\nwhile True:\n    try: time.sleep(600)\n    except KeyboardInterrupt: print('caught')",
    "print('on')\nwhile True:\n    try:\n        while True: pass\n    except: print('caught')",
    "print('on')\nwhile True:\n    try: await asyncio.sleep(600)\n    except BaseException: print('caught')"])
@hows
def test_code_that_swallows_interrupts_ends_in_the_end(kc, code, how):
    id = begun(kc, code)
    for n in range(1, 30):
        kc.interrupt(how)
        try: kc.wait(id, until=lambda r: r.reply or r.stdout.count("caught") >= n, timeout=5)
        except TimeoutError: continue
        if kc.held[id].reply: break
    assert kc.wait(id).reply
    assert kc.run("1").result == "1"

@pytest.mark.slow
@pytest.mark.parametrize("code",
    ["import hashlib; print('on'); hashlib.pbkdf2_hmac('sha256', b'', b'', 6_000_000)",
        "import hashlib; print('on')\n"
        "try: time.sleep(600)\n"
        "except KeyboardInterrupt: hashlib.pbkdf2_hmac('sha256', b'', b'', 6_000_000)"])
def test_a_second_interrupt_tells_where_threads_are_stuck(kc, code):
    id = begun(kc, code)
    kc.interrupt()
    time.sleep(.3)
    kc.interrupt()
    r = kc.wait(id)
    assert "most recent call last" in r.stderr
    assert "pbkdf2_hmac" in r.stderr

put_forward = """import sys
signals = sys.modules['ipymini.signals']
clock = signals.clock
real = clock.monotonic
look = signals.second_look
clock.monotonic = lambda: real()+3.5
signals.second_look = 0"""
side_has_shown_what_is_due = """due = threading.Event()
get_ipython().kernel.k.subshells.later(.01, due.set)
due.wait(10)"""

def test_an_interrupt_long_after_another_tells_nothing(kc):
    "as it is another's first; the kernel's clock is put forward by more than the 3 s between the two"
    sub = kc.subshell()
    id = begun(kc,
        "go = False; print('on')\n"
        "for n in range(2):\n"
        "    try: time.sleep(600)\n"
        "    except KeyboardInterrupt: print('caught')\n"
        "while not go: time.sleep(.01)")
    for n in (1, 2):
        kc.interrupt("message")
        kc.wait(id, until=lambda r: r.stdout.count("caught") == n)
        kc.request("kernel_info_request", channel="control")  # by its answer the control thread has told what it has to tell
        if n == 1: kc.run(put_forward, subshell=sub)
    kc.run(side_has_shown_what_is_due, subshell=sub)
    kc.run("clock.monotonic,signals.second_look,go = real,look,True", subshell=sub)
    kc.request("delete_subshell_request", dict(subshell_id=sub), channel="control")
    assert "Still running" not in kc.wait(id).stderr

def test_where_threads_are_stuck_is_told_once_a_cell(kc):
    id = begun(kc, "import hashlib; print('on'); hashlib.pbkdf2_hmac('sha256', b'', b'', 6_000_000)")
    for _ in range(5):
        kc.interrupt()
        time.sleep(.1)
    assert kc.wait(id, timeout=30).stderr.count("Still running after an interrupt") == 1

@pytest.mark.slow
def test_interrupts_of_a_request_that_is_no_cell_hit_no_cell(kc):
    for _ in range(20):
        ids = [kc.submit("complete_request", dict(code="import o", cursor_pos=8)) for _ in range(5)]
        kc.interrupt()
        for id in ids: kc.wait(id)
        r = kc.run("1")
        assert (r.status, r.error) == ("ok", None)

def test_a_first_interrupt_tells_nothing(kc): assert hit(kc, begun(kc, stuck["sleep"])).stderr == ""

def test_two_interrupts_of_two_cells_tell_nothing(kc):
    for _ in range(2): assert hit(kc, begun(kc, stuck["sleep"])).stderr == ""

# -- between cells

@pytest.mark.slow
@pytest.mark.parametrize("code", ["1", "print(1)", "await asyncio.sleep(0)", "display(1)", "1/0",
    "x = [i for i in range(100)]", "!true"])
def test_interrupts_sprayed_over_short_cells_lose_nothing(kc, code):
    "Each cell is answered, ok or with KeyboardInterrupt, in its order, and the kernel lives"
    kc.run("import asyncio")
    ids,rng = [],random.Random(1)
    for _ in range(60):
        for _ in range(3): ids.append(kc.cell(code, stop_on_error=False))
        time.sleep(rng.random()*.01)
        kc.interrupt()
    for id in ids:
        r = kc.wait(id)
        assert r.states == ["busy", "idle"], r
        assert r.status == "ok" or r.content["ename"] in ("KeyboardInterrupt", "ZeroDivisionError", "UnboundLocalError"), r  # IPython's `system`, hit early
    r = kc.run("import time; time.sleep(.1); 'right'")
    if r.status == "error": r = kc.run("'right'")  # the last interrupt may have come late
    assert r.result == "'right'"

@pytest.mark.slow
def test_interrupts_sprayed_over_the_start_of_a_sleep_each_end_it(kc):
    "An interrupt is never lost: the cell sleeps for a minute, so each must end by its own"
    kc.run("import time")
    rng = random.Random(2)
    for _ in range(100):
        id = kc.cell("time.sleep(600)")
        kc.wait(id, idle=False, reply=False, until=lambda r: "execute_input" in r.types)
        time.sleep(rng.random()*.002)
        assert hit(kc, id).content["ename"] == "KeyboardInterrupt"

@pytest.mark.slow
def test_interrupts_sprayed_over_awaits_each_end_it(kc):
    kc.run("import asyncio")
    rng = random.Random(3)
    for _ in range(100):
        id = kc.cell("while True: await asyncio.sleep(.0001)")
        kc.wait(id, idle=False, reply=False, until=lambda r: "execute_input" in r.types)
        time.sleep(rng.random()*.002)
        assert hit(kc, id).content["ename"] == "KeyboardInterrupt"

@pytest.mark.slow
def test_interrupts_sprayed_over_quick_requests_lose_nothing(kc):
    ids = []
    for i in range(150):
        ids.append(kc.submit("complete_request", dict(code="impor", cursor_pos=5)))
        ids.append(kc.submit("inspect_request", dict(code="print", cursor_pos=5, detail_level=0)))
        if i % 3 == 0: kc.interrupt()
    for id in ids: assert kc.wait(id).status == "ok", kc.held[id]

@pytest.mark.slow
def test_interrupts_during_the_start_do_no_harm():
    for delay in (.02, .05, .1, .15, .2):
        kc = start()
        try:
            os.killpg(kc.proc.pid, signal.SIGINT)
            time.sleep(delay)
            os.killpg(kc.proc.pid, signal.SIGINT)
            r = kc.run("1")
            assert r.result == "1" or kc.run("1").result == "1"
        finally: kc.stop()
