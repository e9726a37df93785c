"""Streams, displays, the capture of file descriptors, and which cell an output belongs to

A `Reader` is a frontend that reads iopub at the pace of the test; `kc` reads as fast as it can."""
import json, random, time, zmq
from pathlib import Path
import pytest

def texts(r):
    "All that a cell put out, in order, as one string; displays as their plain text in angle brackets"
    def show(m):
        c = m["content"]
        if m["msg_type"] == "stream": return c["text"]
        if m["msg_type"] in ("display_data", "execute_result"): return f"<{c['data']['text/plain']}>"
        if m["msg_type"] == "error": return f"<{c['ename']}>"
        return ""
    return "".join(map(show, r.msgs))

def dates(r, name):
    "When the stream messages called `name` were made, in seconds"
    return [m["header"]["date"].timestamp() for m in r.msgs if m["msg_type"] == "stream" and m["content"]["name"] == name]

def densest(times, span=1):
    "The largest number of `times` within `span` seconds"
    return max(sum(t <= u < t+span for u in times) for t in times)

def stat(pid, field):
    "A number from /proc/PID/status"
    return next(int(s.split()[1]) for s in Path(f"/proc/{pid}/status").read_text().splitlines() if s.startswith(field+":"))

def switches(pid):
    "How often the threads of `pid` have gone to sleep so far"
    paths = Path(f"/proc/{pid}/task").glob("*/status")
    return sum(int(s.split()[1]) for p in paths for s in p.read_text().splitlines() if s.startswith("voluntary_ctxt_switches"))


class Reader:
    "A bare subscriber with next to no queue of its own, so that one who does not read is felt by the kernel at once"
    def __init__(self, kc):
        cfg = json.loads(Path(kc.file).read_text())
        self.sock = zmq.Context.instance().socket(zmq.SUB)
        self.sock.rcvhwm,self.sock.rcvbuf,self.sock.linger = 1,2**16,0
        self.sock.subscribe(b"")
        self.sock.connect(f"tcp://{cfg['ip']}:{cfg['iopub_port']}")
        assert self.read()[0] == "iopub_welcome"

    def read(self, timeout=30):
        "Type, id of the request, and content of the next message"
        if not self.sock.poll(timeout*1000): raise TimeoutError(f"{timeout} s passed: waited for a message on iopub")
        frames = self.sock.recv_multipart()
        header,parent,_,content = map(json.loads, frames[frames.index(b"<IDS|MSG>")+2:][:4])
        return header["msg_type"],parent.get("msg_id"),content

    def cell(self, id, pause=0, pieces=10**6):
        "Messages of the request `id` to its idle, or `pieces` of them, with `pause` seconds after each"
        for _ in range(pieces):
            type,parent,content = self.read()
            if parent == id: yield type,content
            if parent == id and content.get("execution_state") == "idle": return
            if pause: time.sleep(pause)

    def text(self, id, **kw): return "".join(c["text"] for t,c in self.cell(id, **kw) if t == "stream")

    def close(self): self.sock.close()


@pytest.fixture
def reader(kc):
    r = Reader(kc)
    yield r
    r.close()

@pytest.fixture
def deaf(own):
    "A client who does not listen to iopub, and a Reader who alone does"
    kc = own()
    kc.iopub_channel.socket.unsubscribe(b"")
    r = Reader(kc)
    yield kc,r
    r.close()

def stopped(kc, id):
    "Interrupt the cell `id` and wait for its end"
    kc.interrupt()
    return kc.wait(id)

lines = "".join(f"{i}\n" for i in range(300_000))
flood = "for i in range(300_000): print(i)"

# -- streams

@pytest.mark.parametrize("code", ["print('now')", "print('now', end='')", "import sys; sys.stderr.write('now')", "import os; os.write(1, b'now')",
    "import os; os.system('printf now')", "display('now')"])
def test_output_arrives_while_the_cell_runs(kc, code):
    id = kc.cell(f"{code}\nimport time; time.sleep(60)")
    kc.wait(id, until=lambda r: "now" in texts(r))
    assert stopped(kc, id).status == "error"

def test_first_output_leaves_at_once(kc):
    def delay():
        r = kc.run("import time; t = time.time(); print('x'); time.sleep(.1); t")
        return dates(r, "stdout")[0]-float(r.result)
    assert min(delay() for _ in range(5)) < .03  # 3 ms, and the machine's load

@pytest.mark.parametrize("name", ["stdout", "stderr"])
def test_steady_output_is_gathered(kc, name):
    r = kc.run(f"import sys, time\nend = time.monotonic()+1.5\nwhile time.monotonic() < end: sys.{name}.write('x'); time.sleep(.002)")
    assert densest(dates(r, name)) <= 51

def test_steady_output_is_not_held_back(kc):
    r = kc.run("import time\nfor i in range(500): print(i); time.sleep(.002)")
    assert len(dates(r, "stdout")) > 10

def test_a_print_is_one_message(kc): assert [c["text"] for c in kc.run("print('a', 1, end='!\\n')").of("stream")] == ["a 1!\n"]

def test_flush_is_gathered_too(kc):
    r = kc.run("for i in range(3000): print(i, flush=True)")
    assert densest(dates(r, "stdout")) <= 52
    assert r.stdout == "".join(f"{i}\n" for i in range(3000))

def test_flush_sends_what_would_wait(kc):
    "C code that keeps the GIL follows: nobody could send anything after it began"
    r = kc.run("import ctypes, time; time.sleep(.1); print('x', flush=True); ctypes.PyDLL(None).usleep(2_000_000)")
    assert r.msgs[-1]["header"]["date"].timestamp()-dates(r, "stdout")[0] > 1

def test_flush_sends_what_would_wait_behind_other_text(kc):
    r = kc.run("import ctypes, time; time.sleep(1.1); print('x', flush=True); print('y', flush=True); ctypes.PyDLL(None).usleep(2_000_000)")
    assert r.msgs[-1]["header"]["date"].timestamp()-dates(r, "stdout")[1] > 1

def test_big_text_is_split(kc):
    r = kc.run("print('0123456789'*200_000)")
    assert max(len(c["text"]) for c in r.of("stream")) <= 2**20
    assert r.stdout == "0123456789"*200_000+"\n"

def test_big_text_is_split_behind_lines(kc):
    r = kc.run("print('\\n'.join(str(i) for i in range(200_000)))")
    assert len(r.of("stream")) > 1
    assert all(c["text"].endswith("\n") for c in r.of("stream"))

def test_big_text_is_not_split_in_an_escape_sequence(kc):
    r = kc.run("print('\\x1b[31mx'*200_000, end='')")
    assert r.stdout == "\x1b[31mx"*200_000
    assert all(c["text"].startswith("\x1b[31mx") for c in r.of("stream"))

@pytest.mark.parametrize("text", ["a\rb\n", "\x1b[1;31mred\x1b[0m", "\x1b[2K\r50%", "a\b\b", "\x00", "é€🎉", "a\r\nb"])
def test_text_passes_unchanged(kc, text): assert kc.run(f"print({text!r}, end='')").stdout == text

def test_a_progress_bar_shows_every_step(kc):
    r = kc.run("import time\nfor i in range(4): print(f'\\r{i}', end=''); time.sleep(.3)")
    assert [c["text"] for c in r.of("stream")] == ["\r0", "\r1", "\r2", "\r3"]

def test_a_step_of_a_progress_bar_shows_at_once(kc):
    r = kc.run("import time\nts = []\nfor i in range(5): ts.append(time.time()); print(i); time.sleep(.3)\nts")
    assert min(d-t for d,t in zip(dates(r, "stdout"), json.loads(r.result))) < .03

@pytest.mark.slow
@pytest.mark.parametrize("code", ["1", "print(1)", "import time; print(1); time.sleep(60)"])
def test_nothing_runs_while_nothing_is_written(own, code):
    kc = own()
    id = kc.cell(code)
    kc.wait(id, reply=False, idle=False, until=lambda r: "execute_input" in r.types)
    end,before = time.monotonic()+20,None
    while before != (before := switches(kc.proc.pid)):  # history is written a second after the cell
        if time.monotonic() > end: raise TimeoutError(f"20 s passed: waited for 2 s without a context switch")
        time.sleep(2)

@pytest.mark.parametrize("code,text", [("print('a'); import sys; print('b', file=sys.stderr); print('c')", "a\nb\nc\n"),
    ("print('a'); display(1); print('b'); display(2); 3", "a\n<1>b\n<2><3>"),
    ("print('a'); 1/0", "a\n<ZeroDivisionError>"), ("import os; os.write(1, b'a\\n'); 1/0", "a\n<ZeroDivisionError>"),
    ("import os; os.write(1, b'a'); print()", "a\n"), ("import os; os.write(1, b'a\\n'); print('b')", "a\nb\n"),
    ("import os; os.write(2, b'a'); print('b')", "ab\n"), ("print('a'); import os; os.write(1, b'b\\n'); display(1)", "a\nb\n<1>"),
    ("import os; print('a'); os.system('echo b; echo c >&2'); print('d')", "a\nb\nc\nd\n"),
    ("import os; os.write(1, b'a\\n'); os.system('echo b') or None", "a\nb\n"),
    ("import ctypes; c = ctypes.CDLL(None); print('a'); c.printf(b'b\\n'); c.fflush(None); print('c')", "a\nb\nc\n"),
    ("print('a'); !echo b\nprint('c')", None)])
def test_order_is_the_programs(kc, code, text):
    if text is None: code,text = "print('a')\n!echo b\nprint('c')","a\nb\r\nc\n"
    assert texts(kc.run(code+"; None" if "; 3" not in code and "1/0" not in code else code)) in (text, text.replace("\r", ""))

@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
def test_order_of_many_writers(kc, seed):
    ways = ["print({0})", "sys.stderr.write('{0}\\n')", "display({0})", "os.write(1, b'{0}\\n')", "os.system('echo {0}')", "subprocess.run(['echo', '{0}'])",
        "sys.stdout.buffer.write(b'{0}\\n')", "c.printf(b'{0}\\n'); c.fflush(None)"]
    picked = random.Random(seed).choices(ways, k=80)
    r = kc.run("import ctypes, os, subprocess, sys; c = ctypes.CDLL(None)\n" + "\n".join(w.format(i) for i,w in enumerate(picked)) + "\nNone")
    assert texts(r) == "".join(f"<{i}>" if w.startswith("display") else f"{i}\n" for i,w in enumerate(picked))

def test_order_of_file_descriptor_and_print_holds_each_time(kc):
    "The thread that reads the pipe may be at it just when the cell prints"
    r = kc.run("import os\nfor i in range(3000): os.write(1, b'%d\\n' % i); print(-i)")
    assert r.stdout == "".join(f"{i}\n{-i}\n" for i in range(3000))

def test_alternating_streams_keep_their_order(kc):
    r = kc.run("import sys\nfor i in range(500): print(i); print(-i, file=sys.stderr)")
    assert texts(r) == "".join(f"{i}\n{-i}\n" for i in range(500))

def test_a_flood_of_alternating_streams_is_no_flood_of_messages(kc):
    r = kc.run("import sys\nfor i in range(20_000): print(i); print(-i, file=sys.stderr)")
    assert (r.stdout, r.stderr) == ("".join(f"{i}\n" for i in range(20_000)), "".join(f"{-i}\n" for i in range(20_000)))
    assert densest(dates(r, "stdout")+dates(r, "stderr"), 3) < 3000

def test_alternating_streams_are_not_held_back(kc):
    "As many changes in a second as would take two, were each to wait for its stream's next message"
    r = kc.run("import sys, time\nfor i in range(200): print(i); print(-i, file=sys.stderr); time.sleep(.005)\nt = time.time(); time.sleep(.3); t")
    assert max(dates(r, "stdout")+dates(r, "stderr"))-float(r.result) < .2

def test_all_output_lies_between_busy_and_idle(kc):
    r = kc.run("import os, sys; print('a'); os.system('echo b'); print('c', file=sys.stderr); display(1)")
    assert (r.types[0],r.types[-1]) == ("status", "status")
    assert r.states == ["busy", "idle"]

# -- back pressure

def test_a_flood_arrives_whole_and_in_order(kc): assert kc.run(flood, timeout=60).stdout == lines

def test_a_flood_takes_few_messages(kc):
    r = kc.run(flood, timeout=60)
    assert densest(dates(r, "stdout")) <= 100

@pytest.mark.parametrize("code", ["import os\nfor i in range(100_000): os.write(1, b'%d\\n' % i)", "import os\nos.system('seq 0 99999') and None"])
def test_a_flood_of_file_descriptor_1_arrives_whole(kc, code):
    assert kc.run(code, timeout=60).stdout == "".join(f"{i}\n" for i in range(100_000))

def test_a_flood_reaches_a_slow_reader_whole(kc, reader):
    id = kc.cell(flood)
    assert reader.text(id, pause=.002) == lines

@pytest.mark.slow
def test_a_flood_reaches_a_reader_who_was_stuck_whole(deaf):
    kc,reader = deaf
    id = kc.cell(flood)
    time.sleep(4)  # a stuck reader, not a wait
    assert reader.text(id) == lines

@pytest.mark.slow
def test_2000_displays_reach_a_slow_reader_whole(kc, reader):
    id = kc.cell("for i in range(2000): display(i)")
    assert [c["data"]["text/plain"] for t,c in reader.cell(id, pause=.002) if t == "display_data"] == [str(i) for i in range(2000)]

def test_a_slow_reader_slows_the_writer(deaf):
    kc,reader = deaf
    id = kc.cell("for i in range(300): print('x'*2**20)")
    assert sum(len(c["text"]) for t,c in reader.cell(id, pieces=20) if t == "stream") > 0
    held = kc.wait(id, idle=False, until=lambda r: True)
    assert held.reply is None  # 300 MB do not fit into 64
    assert sum(len(c["text"]) for t,c in reader.cell(id) if t == "stream") > 2**28

@pytest.mark.slow
def test_memory_is_bounded_while_nobody_reads(deaf):
    kc,reader = deaf
    before = stat(kc.proc.pid, "VmHWM")
    id = kc.cell("for i in range(600): print('x'*2**20)")
    for _ in reader.cell(id, pause=.01): pass
    assert stat(kc.proc.pid, "VmHWM")-before < 200*2**10

@pytest.mark.slow
def test_memory_is_bounded_for_displays(deaf):
    kc,reader = deaf
    before = stat(kc.proc.pid, "VmHWM")
    id = kc.cell("for i in range(600): display('x'*2**20)")
    for _ in reader.cell(id, pause=.01): pass
    assert stat(kc.proc.pid, "VmHWM")-before < 200*2**10

@pytest.mark.slow
def test_memory_is_bounded_for_children(deaf):
    kc,reader = deaf
    before = stat(kc.proc.pid, "VmHWM")
    id = kc.cell("import os; os.system('head -c 500000000 /dev/zero | tr \"\\\\0\" x') and None")
    assert sum(len(c["text"]) for t,c in reader.cell(id, pause=.005) if t == "stream") == 500_000_000
    assert stat(kc.proc.pid, "VmHWM")-before < 200*2**10

def held_up(kc, reader):
    "A cell that waits for a reader who has stopped reading; its id"
    id = kc.cell("while True: print('x'*2**20)")
    for _ in reader.cell(id, pieces=5): pass
    return id

def test_control_answers_while_a_writer_is_held_up(deaf):
    kc,reader = deaf
    held_up(kc, reader)
    for _ in range(20): assert kc.wait(kc.submit("kernel_info_request", channel="control"), "control", idle=False, timeout=5).status == "ok"

@pytest.mark.parametrize("how", ["signal", "message"])
def test_a_writer_that_is_held_up_can_be_interrupted(deaf, how):
    kc,reader = deaf
    id = held_up(kc, reader)
    if how == "signal": kc.interrupt()
    else: kc.submit("interrupt_request", channel="control")
    r = [(t, c) for t,c in reader.cell(id)]
    assert [c["ename"] for t,c in r if t == "error"] == ["KeyboardInterrupt"]
    assert kc.wait(id, idle=False).content["ename"] == "KeyboardInterrupt"

def test_shutdown_while_a_writer_is_held_up(deaf):
    kc,reader = deaf
    held_up(kc, reader)
    assert kc.wait(kc.submit("shutdown_request", dict(restart=False), channel="control"), "control", idle=False, timeout=5).status == "ok"
    assert kc.proc.wait(5) == 0

@pytest.mark.slow
def test_a_reader_who_does_not_read_for_10_s_holds_up_nobody(own):
    kc = own(stderr=-1)
    stuck = Reader(kc)
    r = kc.run("for i in range(100): print('x'*2**20)", timeout=40)
    assert len(r.stdout) == 100*(2**20+1)
    assert kc.run("1").result == "1"
    kc.proc.kill()
    assert b"has not read for 10 s" in kc.proc.stderr.read()
    stuck.close()

def test_a_reader_who_goes_away_holds_up_nobody(deaf):
    kc,reader = deaf
    kc.iopub_channel.socket.subscribe(b"")
    id = kc.cell("for i in range(200): print('x'*2**20)")
    for _ in reader.cell(id, pieces=5): pass
    reader.close()
    assert kc.wait(id, idle=False, timeout=30).status == "ok"

# -- which cell an output belongs to

begin = "import asyncio, logging, threading, time, warnings, sys, gc\nfrom concurrent.futures import ThreadPoolExecutor\ngo,done = threading.Event(),threading.Event()\n" \
    "def f():\n    go.wait(20)\n    print('mine')\n    done.set()\n"
wait_a = "\nasync def g():\n    while not go.is_set(): await asyncio.sleep(.01)\n    print('mine')\n    done.set()\n"
finish = "go.set()\nprint('other')\nwhile not done.is_set(): await asyncio.sleep(.01)"

starts = {"thread": "threading.Thread(target=f).start()", "thread class": "class T(threading.Thread):\n    def run(self): f()\nT().start()",
    "timer": "threading.Timer(.01, f).start()", "pool": "pool = ThreadPoolExecutor(1); pool.submit(f)", "map": "pool = ThreadPoolExecutor(1); m = pool.map(lambda _: f(), [1])",
    "to_thread": wait_a+"t = asyncio.create_task(asyncio.to_thread(f))", "run_in_executor": "e = asyncio.get_running_loop().run_in_executor(None, f)",
    "thread of a thread": "threading.Thread(target=lambda: threading.Thread(target=f).start()).start()",
    "task": wait_a+"t = asyncio.create_task(g())", "ensure_future": wait_a+"t = asyncio.ensure_future(g())",
    "task of a task": wait_a+"async def h(): return asyncio.create_task(g())\nt = asyncio.create_task(h())",
    "call_later": "def h():\n    if go.is_set(): f()\n    else: asyncio.get_running_loop().call_later(.01, h)\nasyncio.get_running_loop().call_later(.01, h)",
    "call_soon_threadsafe": "loop = asyncio.get_running_loop()\nthreading.Thread(target=lambda: go.wait(20) and loop.call_soon_threadsafe(f)).start()",
    "display": "def f():\n    go.wait(20); display('mine'); done.set()\nthreading.Thread(target=f).start()",
    "os.system": "import os\ndef f():\n    go.wait(20); print('mine'); done.set()\nthreading.Thread(target=f).start()",
    "warning": "def f():\n    go.wait(20); warnings.warn('mine'); done.set()\nthreading.Thread(target=f).start()",
    "logging": "logging.basicConfig(force=True)\ndef f():\n    go.wait(20); logging.error('mine'); done.set()\nthreading.Thread(target=f).start()",
    "error of a thread": "def f():\n    go.wait(20)\n    try: raise ValueError('mine')\n    finally: done.set()\nt = threading.Thread(target=f); t.start()",
    "error of a task": "async def g():\n    while not go.is_set(): await asyncio.sleep(.01)\n    raise ValueError('mine')\nt = asyncio.create_task(g()); t.add_done_callback(lambda t: (sys.stderr.write(str(t.exception())), done.set()))"}

@pytest.mark.parametrize("way", starts)
def test_output_belongs_to_the_cell_that_started_it(kc, way):
    "In a frontend, which allows stdin; test_threads has the rules"
    id = kc.cell(begin+starts[way], allow_stdin=True)
    kc.wait(id)
    assert texts(kc.run(finish)) == "other\n"
    assert "mine" in texts(kc.wait(id, until=lambda r: "mine" in texts(r)))

@pytest.mark.parametrize("submit", ["pool.submit(print, '{0}').result()", "import asyncio; await asyncio.get_running_loop().run_in_executor(pool, print, '{0}')",
    "list(pool.map(print, ['{0}'])); None", "import asyncio; await asyncio.to_thread(print, '{0}')", "loop.call_soon(print, '{0}'); await asyncio.sleep(.01)",
    "import logging; logging.error('{0}')", "import warnings; warnings.warn('{0}')", "q.put('{0}'); q.join()"])
def test_work_belongs_to_the_cell_that_submits_it(kc, submit):
    "However old the pool, the loop or the handler"
    kc.run("import asyncio, logging, warnings\nfrom concurrent.futures import ThreadPoolExecutor\npool = ThreadPoolExecutor(1); pool.submit(print, 'x').result()\n"
        "loop = asyncio.get_running_loop(); logging.basicConfig(force=True)\n"
        "import queue; q = queue.Queue()")
    if "q." in submit: submit = "import threading; threading.Thread(target=lambda: (print(q.get()), q.task_done())).start(); "+submit
    for word in ("one", "two"): assert word in texts(kc.run(submit.format(word)))

def test_an_unraisable_error_shows_in_the_cell(kc):
    assert "ZeroDivisionError" in kc.run("class A:\n    def __del__(self): 1/0\na = A()\ndel a").stderr

def test_a_future_error_shows_in_the_cell_that_drops_it(kc):
    r = kc.run("import asyncio, gc\nasync def f(): 1/0\nt = asyncio.create_task(f()); await asyncio.sleep(.01); del t; gc.collect(); None")
    assert "ZeroDivisionError" in r.stderr

def test_a_callback_of_a_comm_writes_for_the_message_that_called_it(kc):
    kc.run("import comm\ndef opened(c, msg): c.on_msg(lambda m: print('got', m['content']['data']))\ncomm.get_comm_manager().register_target('t', opened)")
    kc.request("comm_open", dict(comm_id="c1", target_name="t", data={}))
    assert kc.request("comm_msg", dict(comm_id="c1", data=dict(a=1))).stdout == "got {'a': 1}\n"

def test_output_after_the_end_of_a_cell_comes_by_itself(kc):
    id = kc.cell("import threading; threading.Timer(.2, print, ['late']).start()")
    assert kc.wait(id).stdout == ""
    assert kc.wait(id, until=lambda r: r.stdout).stdout == "late\n"

def test_display_handle_updates_from_a_thread_keep_their_cell(kc):
    id = kc.cell("import threading; h = display('a', display_id=True); threading.Timer(.2, lambda: h.update('b')).start()")
    assert kc.wait(id, until=lambda r: "update_display_data" in r.types).of("update_display_data")[0]["data"]["text/plain"] == "'b'"

def test_writers_of_two_cells_do_not_mix(kc):
    "A thread of the first cell and the second cell write at once"
    id = kc.cell("import threading\nstop = threading.Event()\ndef f():\n    while not stop.is_set(): print('first')\nt = threading.Thread(target=f); t.start()", allow_stdin=True)
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
    kc.run("import asyncio, contextvars; w = contextvars.ContextVar('w', default=0)\nasync def f(): w.set(5)\nawait asyncio.create_task(f())")
    assert kc.run("w.get()").result == "0"

# -- file descriptors

@pytest.mark.parametrize("code,out,err", [("import os; os.write(1, b'x'); None", "x", ""), ("import os; os.write(2, b'x'); None", "", "x"),
    ("import os; os.system('echo x; echo y >&2'); None", "x\n", "y\n"), ("import subprocess; subprocess.run('echo x', shell=True); None", "x\n", ""),
    ("import subprocess, sys; subprocess.run(['echo', 'x'], stdout=sys.stderr); None", "", "x\n"),
    ("import subprocess, sys; subprocess.run(['echo', 'x'], stdout=sys.stdout.fileno()); None", "x\n", ""),
    ("import ctypes; c = ctypes.CDLL(None); c.printf(b'%d\\n', 7); c.fflush(None); None", "7\n", ""),
    ("import sys; sys.__stdout__.write('x'); sys.__stdout__.flush()", "x", ""), ("import sys; print('x', file=sys.__stderr__)", "", "x\n"),
    ("import faulthandler; faulthandler.dump_traceback()", "", None), ("import faulthandler, sys; faulthandler.dump_traceback(sys.stderr)", "", None),
    ("open('/dev/stdout', 'w').write('x'); None", "x", ""), ("import os; f = os.fdopen(os.dup(1), 'w'); f.write('x'); f.close()", "x", "")])
def test_what_goes_to_a_file_descriptor_is_output(kc, code, out, err):
    r = kc.run(code)
    assert (r.status, r.stdout) == ("ok", out)
    assert r.stderr == err if err is not None else "most recent call first" in r.stderr

@pytest.mark.parametrize("text", ["é€🎉"*3000, "a"*65535+"é", "a"*65534+"🎉"])
def test_utf8_is_decoded_across_reads(kc, text):
    assert kc.run(f"import os, time\nb = {text!r}.encode()\nwhile b: b = b[os.write(1, b[:4093]):]").stdout == text

def test_utf8_is_decoded_across_slow_writes(kc):
    assert kc.run("import os, time\nfor b in 'é🎉'.encode(): os.write(1, bytes([b])); time.sleep(.05)").stdout == "é🎉"

def test_bytes_that_are_no_utf8_are_shown_as_such(kc): assert kc.run("import os; os.write(1, b'a\\xffb'); None").stdout == "a�b"

def test_the_buffer_decodes_across_writes(kc): assert kc.run("import sys\nfor b in 'é🎉'.encode(): sys.stdout.buffer.write(bytes([b]))\nNone").stdout == "é🎉"

def test_output_of_a_child_that_lives_on_belongs_to_the_newest_cell(kc):
    kc.run("import subprocess; p = subprocess.Popen(['sh', '-c', 'read x; echo late'], stdin=subprocess.PIPE)")
    id = kc.cell("p.stdin.write(b'\\n'); p.stdin.close(); p.wait(); None")
    assert kc.wait(id).stdout == "late\n"

def test_all_of_a_fast_child_comes_before_the_reply(kc):
    for _ in range(20): assert kc.run("import os; os.system('seq 1000') and None").stdout == "".join(f"{i}\n" for i in range(1, 1001))

def test_a_forked_child_prints_into_the_cell(kc):
    r = kc.run("import os\npid = os.fork()\nif not pid: print('child'); os._exit(0)\nos.waitpid(pid, 0); print('parent')")
    assert r.stdout == "child\nparent\n"

def test_a_forked_child_that_falls_through_ends_with_its_cell(kc):
    r = kc.run("import os\npid = os.fork()\nif pid: code = os.waitpid(pid, 0)[1]\nelse: print('child')\nprint('parent' if pid else 'end')")
    assert r.stdout == "child\nend\nparent\n"
    assert (r.types.count("status"), kc.run("code").result) == (2, "0")

def test_a_forked_child_that_raises_ends_with_its_cell(kc):
    r = kc.run("import os\npid = os.fork()\nif not pid: 1/0\ncode = os.waitpid(pid, 0)[1]; print('parent')")
    assert (r.status, "parent" in r.stdout) == ("ok", True)
    assert kc.run("1").result == "1"

def test_a_forked_child_cannot_ask(kc):
    r = kc.run("import os\npid = os.fork()\nif not pid:\n    try: input()\n    except Exception as e: print(type(e).__name__)\n    os._exit(0)\nos.waitpid(pid, 0); None", allow_stdin=True)
    assert r.stdout == "StdinNotImplementedError\n"

def test_a_forked_child_shows_displays_as_text(kc):
    r = kc.run("import os\npid = os.fork()\nif not pid: display('shown'); os._exit(0)\nos.waitpid(pid, 0); None")
    assert "shown" in r.stdout

def test_forks_of_threads_print(kc):
    r = kc.run("import os, threading\ndef f(i):\n    pid = os.fork()\n    if not pid: print('child', i, flush=True); os._exit(0)\n    os.waitpid(pid, 0)\n"
        "ts = [threading.Thread(target=f, args=[i]) for i in range(8)]\n[t.start() for t in ts]; [t.join() for t in ts]; None")
    assert sorted(r.stdout.splitlines()) == [f"child {i}" for i in range(8)]

@pytest.mark.slow
@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_a_process_pool_prints_into_the_cell(kc, method):
    r = kc.run(f"import functools, multiprocessing\nwith multiprocessing.get_context('{method}').Pool(2) as pool:\n"
        "    res = pool.map(abs, [-1, -2]); pool.map(functools.partial(print, flush=True), 'ab')\nres", timeout=60)
    assert (r.status, r.result, "".join(sorted(r.stdout))) == ("ok", "[1, 2]", "\n\nab")  # a print is two writes

def test_a_function_of_a_cell_runs_in_a_fork_pool(kc):
    r = kc.run("import multiprocessing\ndef f(x): print('in', x); return x*x\nwith multiprocessing.get_context('fork').Pool(2) as pool: res = pool.map(f, [1, 2, 3])\nres")
    assert (r.result, sorted(r.stdout.splitlines())) == ("[1, 4, 9]", ["in 1", "in 2", "in 3"])

def test_a_process_of_a_cell_prints_and_ends(kc):
    r = kc.run("import multiprocessing\np = multiprocessing.get_context('fork').Process(target=print, args=['x']); p.start(); p.join(); p.exitcode")
    assert (r.stdout, r.result) == ("x\n", "0")

def test_closing_the_file_descriptors_does_no_harm(own):
    kc = own()
    assert kc.run("import os; os.close(1); os.close(2); print('x')").stdout == "x\n"
    assert kc.run("print('y')").stdout == "y\n"

def test_logging_of_the_kernel_is_no_output(own):
    kc = own(stderr=-1)
    id = kc.submit("no_such_request")
    assert kc.wait(id, reply=False).stderr == ""
    kc.proc.kill()
    assert b"no_such_request" in kc.proc.stderr.read()

def test_without_capture_file_descriptors_are_left_alone(own):
    kc = own(args=["--no-fd-capture"], stdout=-1)
    assert kc.run("import os; os.write(1, b'raw\\n'); print('x')").stdout == "x\n"
    kc.proc.kill()
    assert b"raw\n" in kc.proc.stdout.read()

def test_capture_is_off_by_ipykernels_option(own):
    kc = own(args=["--IPKernelApp.capture_fd_output=False"], stdout=-1)
    assert kc.run("import os; os.write(1, b'raw\\n'); None").stdout == ""

# -- sys.stdout

@pytest.mark.parametrize("name", ["stdout", "stderr"])
@pytest.mark.parametrize("expr,res", [("s.isatty()", "False"), ("s.encoding", "'UTF-8'"), ("s.name", None), ("s.closed", "False"), ("s.writable()", "True"), ("s.readable()", "False"),
    ("s.write('ab')", "2"), ("s.writelines(['a', 'b'])", None), ("s.flush()", None), ("isinstance(s.fileno(), int)", "True"), ("s.errors in ('replace', 'backslashreplace', 'strict')", "True"),
    ("s.buffer.write(b'ab')", "2"), ("s.parent_header['msg_type']", "'execute_request'"), ("callable(s.set_parent)", "True"),
    ("callable(s.set_thread_parent)", "True"), ("callable(s.register_hook)", "True"), ("s.seekable()", "False"), ("s.newlines", None)])
def test_attributes_of_a_stream(kc, name, expr, res):
    r = kc.run(f"import sys; s = sys.{name}; {expr}")
    assert (r.status, r.result) == ("ok", f"'{name}'" if expr == "s.name" else res)

@pytest.mark.parametrize("value", ["1", "b'x'", "None"])
def test_write_takes_only_strings(kc, value): assert kc.run(f"import sys; sys.stdout.write({value})").content["ename"] == "TypeError"

def test_write_can_be_replaced(kc):
    r = kc.run("import sys\nold,got = sys.stdout.write,[]\nsys.stdout.write = lambda s: got.append(s)\nprint('x')\nsys.stdout.write = old\ngot")
    assert (r.stdout, r.result) == ("", "['x', '\\n']")

def test_a_stream_can_be_replaced(kc):
    r = kc.run("import contextlib, io\nf = io.StringIO()\nwith contextlib.redirect_stdout(f): print('x')\nf.getvalue()")
    assert (r.stdout, r.result) == ("", r"'x\n'")

def test_closing_a_stream_does_no_harm(kc):
    kc.run("import sys; sys.stdout.close()")
    assert kc.run("print('x')").stdout == "x\n"

def test_a_hook_sees_and_changes_messages(kc):
    r = kc.run("def hook(msg):\n    msg['content']['text'] = msg['content']['text'].upper()\n    return msg\nimport sys\nsys.stdout.register_hook(hook)\nprint('x')\n"
        "sys.stdout.unregister_hook(hook)\nprint('y')")
    assert r.stdout == "X\ny\n"

def test_a_hook_can_drop_messages(kc):
    r = kc.run("def hook(msg): pass\nip = get_ipython(); ip.display_pub.register_hook(hook)\ndisplay(1)\nip.display_pub.unregister_hook(hook)\ndisplay(2)")
    assert texts(r) == "<2>"

def test_a_hook_belongs_to_its_thread(kc):
    r = kc.run("import sys, threading\nhook = lambda msg: None\nsys.stdout.register_hook(hook)\nt = threading.Thread(target=print, args=['x']); t.start(); t.join()\n"
        "print('y')\nsys.stdout.unregister_hook(hook)")
    assert r.stdout == "x\n"

def test_unregistering_tells_whether_there_was_a_hook(kc): assert kc.run("import sys; sys.stdout.unregister_hook(print)").result == "False"

def test_surrogates_are_shown(kc):
    assert kc.run("print('a\\ud800b')").status == "ok"
    assert kc.run("print('x')").stdout == "x\n"

@pytest.mark.parametrize("code", ["capture = 1\nfrom IPython.utils.capture import capture_output\nwith capture_output() as c: print('x'); display(1)\nc.stdout", "%%capture c\nprint('x')"])
def test_captured_output_is_not_shown(kc, code):
    r = kc.run(code)
    assert texts(r).replace("<'x\\n'>", "") == ""
    assert kc.run("c.stdout").result == "'x\\n'"
