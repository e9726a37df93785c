"Streams: when text leaves, how it is gathered and split, its order; `sys.stdout` as libraries use it"
import json, pytest, random, time
from helpers import soon
from iopub_reader import dates, densest, switches, texts

def stopped(kc, id):
    "Interrupt the cell `id` and wait for its end"
    kc.interrupt()
    return kc.wait(id)

# -- streams

@pytest.mark.parametrize("code", ["print('now')", "print('now', end='')", "import sys; sys.stderr.write('now')",
    "import os; os.write(1, b'now')",
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
    r = kc.run(
        "import sys, time\n"
        "end = time.monotonic()+1.5\n"
        f"while time.monotonic() < end: sys.{name}.write('x'); time.sleep(.002)")
    assert densest(dates(r, name)) <= 51

@pytest.mark.slow
def test_steady_output_is_not_held_back(kc):
    r = kc.run("import time\nfor i in range(500): print(i); time.sleep(.002)")
    assert len(dates(r, "stdout")) > 10

def test_a_print_is_one_message(kc):
    assert [c["text"] for c in kc.run("print('a', 1, end='!\\n')").of("stream")] == ["a 1!\n"]

def test_flush_is_gathered_too(kc):
    r = kc.run("for i in range(3000): print(i, flush=True)")
    assert densest(dates(r, "stdout")) <= 52
    assert r.stdout == "".join(f"{i}\n" for i in range(3000))

@pytest.mark.slow
def test_flush_sends_what_would_wait(kc):
    "C code that keeps the GIL follows: nobody could send anything after it began"
    r = kc.run("import ctypes, time; time.sleep(.1); print('x', flush=True); ctypes.PyDLL(None).usleep(2_000_000)")
    assert r.msgs[-1]["header"]["date"].timestamp()-dates(r, "stdout")[0] > 1

@pytest.mark.slow
def test_flush_sends_what_would_wait_behind_other_text(kc):
    r = kc.run("import ctypes, time; time.sleep(1.1); print('x', flush=True); print('y', flush=True); "
        "ctypes.PyDLL(None).usleep(2_000_000)")
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

@pytest.mark.slow
def test_a_progress_bar_shows_every_step(kc):
    r = kc.run("import time\nfor i in range(4): print(f'\\r{i}', end=''); time.sleep(.3)")
    assert [c["text"] for c in r.of("stream")] == ["\r0", "\r1", "\r2", "\r3"]

def test_a_step_of_a_progress_bar_shows_at_once(kc):
    r = kc.run("import time\nts = []\nfor i in range(5): ts.append(time.time()); print(i); time.sleep(.3)\nts")
    assert min(d-t for d,t in zip(dates(r, "stdout"), json.loads(r.result))) < .03  # 3 ms, and the machine's load

def test_nothing_runs_while_nothing_is_written(own):
    pids = []
    for code in ("1", "print(1)", "import time; print(1); time.sleep(60)"):
        kc = own()
        kc.wait(kc.cell(code), until=lambda r: "execute_input" in r.types)
        pids.append(kc.proc.pid)
    end,before = time.monotonic()+60,None
    while before != (before := [switches(pid) for pid in pids]):  # history is written a second after the cell
        if time.monotonic() > end: raise TimeoutError("60 s passed: waited for 1.5 s without a context switch")
        time.sleep(1.5)

@pytest.mark.parametrize("code,text", [("print('a'); import sys; print('b', file=sys.stderr); print('c')", "a\nb\nc\n"),
    ("print('a'); display(1); print('b'); display(2); 3", "a\n<1>b\n<2><3>"),
    ("print('a'); 1/0", "a\n<ZeroDivisionError>"), ("import os; os.write(1, b'a\\n'); 1/0", "a\n<ZeroDivisionError>"),
    ("import os; os.write(1, b'a'); print()", "a\n"), ("import os; os.write(1, b'a\\n'); print('b')", "a\nb\n"),
    ("import os; os.write(2, b'a'); print('b')", "ab\n"),
    ("print('a'); import os; os.write(1, b'b\\n'); display(1)", "a\nb\n<1>"),
    ("import os; print('a'); os.system('echo b; echo c >&2'); print('d')", "a\nb\nc\nd\n"),
    ("import os; os.write(1, b'a\\n'); os.system('echo b') or None", "a\nb\n"),
    ("import ctypes; c = ctypes.CDLL(None); print('a'); c.printf(b'b\\n'); c.fflush(None); print('c')", "a\nb\nc\n"),
    ("print('a'); !echo b\nprint('c')", None)])
def test_order_is_the_programs(kc, code, text):
    if text is None: code,text = "print('a')\n!echo b\nprint('c')","a\nb\r\nc\n"
    assert texts(kc.run(code+"; None" if "; 3" not in code and "1/0" not in code else code)) in (text,
        text.replace("\r", ""))

@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
def test_order_of_many_writers(kc, seed):
    ways = ["print({0})", "sys.stderr.write('{0}\\n')", "display({0})", "os.write(1, b'{0}\\n')", "os.system('echo {0}')", "subprocess.run(['echo', '{0}'])",
        "sys.stdout.buffer.write(b'{0}\\n')", "c.printf(b'{0}\\n'); c.fflush(None)"]
    picked = random.Random(seed).choices(ways, k=80)
    r = kc.run("import ctypes, os, subprocess, sys; "
        "c = ctypes.CDLL(None)\n" + "\n".join(w.format(i) for i,w in enumerate(picked)) + "\n"
        "None")
    assert texts(r) == "".join(f"<{i}>" if w.startswith("display") else f"{i}\n" for i,w in enumerate(picked))

def test_order_of_file_descriptor_and_print_holds_each_time(kc):
    "The thread that reads the pipe may be at it just when the cell prints"
    r = kc.run("import os\nfor i in range(3000): os.write(1, b'%d\\n' % i); print(-i)")
    assert r.stdout == "".join(f"{i}\n{-i}\n" for i in range(3000))

def test_alternating_streams_keep_their_order(own_kc):
    "A kernel whose credit for changes of stream nobody else has used"
    r = own_kc.run("import sys\nfor i in range(500): print(i); print(-i, file=sys.stderr)")
    assert texts(r) == "".join(f"{i}\n{-i}\n" for i in range(500))

def test_a_flood_of_alternating_streams_is_no_flood_of_messages(kc):
    r = kc.run("import sys\nfor i in range(20_000): print(i); print(-i, file=sys.stderr)")
    assert (r.stdout, r.stderr) == ("".join(f"{i}\n" for i in range(20_000)), "".join(f"{-i}\n" for i in range(20_000)))
    assert densest(dates(r, "stdout")+dates(r, "stderr"), 3) < 3000

@pytest.mark.slow
def test_alternating_streams_are_not_held_back(kc):
    "As many changes in a second as would take two, were each to wait for its stream's next message"
    def seconds():
        r = kc.run(
            "import sys, time\n"
            "for i in range(200): print(i); print(-i, file=sys.stderr); time.sleep(.005)\n"
            "t = time.time(); time.sleep(.3); t")
        return max(dates(r, "stdout")+dates(r, "stderr"))-float(r.result)
    assert soon(seconds, .2)

def test_all_output_lies_between_busy_and_idle(kc):
    r = kc.run("import os, sys; print('a'); os.system('echo b'); print('c', file=sys.stderr); display(1)")
    assert (r.types[0],r.types[-1]) == ("status", "status")
    assert r.states == ["busy", "idle"]

# -- sys.stdout

@pytest.mark.parametrize("name", ["stdout", "stderr"])
@pytest.mark.parametrize("expr,res",
    [("s.isatty()", "False"), ("s.encoding", "'UTF-8'"), ("s.name", None), ("s.closed", "False"),
        ("s.writable()", "True"), ("s.readable()", "False"),
        ("s.write('ab')", "2"), ("s.writelines(['a', 'b'])", None), ("s.flush()", None),
        ("isinstance(s.fileno(), int)", "True"),
        ("s.errors in ('replace', 'backslashreplace', 'strict')", "True"),
        ("s.buffer.write(b'ab')", "2"), ("s.parent_header['msg_type']", "'execute_request'"),
        ("callable(s.set_parent)", "True"),
        ("callable(s.set_thread_parent)", "True"), ("callable(s.register_hook)", "True"), ("s.seekable()", "False"),
        ("s.newlines", None)])
def test_attributes_of_a_stream(kc, name, expr, res):
    r = kc.run(f"import sys; s = sys.{name}; {expr}")
    assert (r.status, r.result) == ("ok", f"'{name}'" if expr == "s.name" else res)

@pytest.mark.parametrize("value", ["1", "b'x'", "None"])
def test_write_takes_only_strings(kc, value):
    assert kc.run(f"import sys; sys.stdout.write({value})").content["ename"] == "TypeError"

def test_write_can_be_replaced(kc):
    r = kc.run(
        "import sys\n"
        "old,got = sys.stdout.write,[]\n"
        "sys.stdout.write = lambda s: got.append(s)\n"
        "print('x')\n"
        "sys.stdout.write = old\n"
        "got")
    assert (r.stdout, r.result) == ("", "['x', '\\n']")

def test_a_stream_can_be_replaced(kc):
    r = kc.run("import contextlib, io\nf = io.StringIO()\nwith contextlib.redirect_stdout(f): print('x')\nf.getvalue()")
    assert (r.stdout, r.result) == ("", r"'x\n'")

def test_closing_a_stream_does_no_harm(kc):
    kc.run("import sys; sys.stdout.close()")
    assert kc.run("print('x')").stdout == "x\n"

def test_a_hook_sees_and_changes_messages(kc):
    r = kc.run(
        "def hook(msg):\n"
        "    msg['content']['text'] = msg['content']['text'].upper()\n"
        "    return msg\n"
        "import sys\n"
        "sys.stdout.register_hook(hook)\n"
        "print('x')\n"
        "sys.stdout.unregister_hook(hook)\nprint('y')")
    assert r.stdout == "X\ny\n"

def test_a_hook_can_drop_messages(kc):
    r = kc.run(
        "def hook(msg): pass\n"
        "ip = get_ipython(); ip.display_pub.register_hook(hook)\n"
        "display(1)\n"
        "ip.display_pub.unregister_hook(hook)\n"
        "display(2)")
    assert texts(r) == "<2>"

def test_a_hook_belongs_to_its_thread(kc):
    r = kc.run(
        "import sys, threading\n"
        "hook = lambda msg: None\n"
        "sys.stdout.register_hook(hook)\n"
        "t = threading.Thread(target=print, args=['x']); t.start(); t.join()\n"
        "print('y')\nsys.stdout.unregister_hook(hook)")
    assert r.stdout == "x\n"

def test_unregistering_tells_whether_there_was_a_hook(kc):
    assert kc.run("import sys; sys.stdout.unregister_hook(print)").result == "False"

def test_surrogates_are_shown(kc):
    assert kc.run("print('a\\ud800b')").status == "ok"
    assert kc.run("print('x')").stdout == "x\n"

@pytest.mark.parametrize("code",
    ["capture = 1\n"
        "from IPython.utils.capture import capture_output\n"
        "with capture_output() as c: print('x'); display(1)\n"
        "c.stdout", "%%capture c\nprint('x')"])
def test_captured_output_is_not_shown(kc, code):
    r = kc.run(code)
    assert texts(r).replace("<'x\\n'>", "") == ""
    assert kc.run("c.stdout").result == "'x\\n'"
