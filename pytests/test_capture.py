"What is written to file descriptors 1 and 2, by C code and children"
import pytest
from ipymini.capture import Capture
from locks import TellingLock
from threading import Event, Thread, current_thread

@pytest.mark.parametrize("code,out,err",
    [("import os; os.write(1, b'x'); None", "x", ""), ("import os; os.write(2, b'x'); None", "", "x"),
        ("import os; os.system('echo x; echo y >&2'); None", "x\n", "y\n"),
        ("import subprocess; subprocess.run('echo x', shell=True); None", "x\n", ""),
        ("import subprocess, sys; subprocess.run(['echo', 'x'], stdout=sys.stderr); None", "", "x\n"),
        ("import subprocess, sys; subprocess.run(['echo', 'x'], stdout=sys.stdout.fileno()); None", "x\n", ""),
        ("import ctypes; c = ctypes.CDLL(None); c.printf(b'%d\\n', 7); c.fflush(None); None", "7\n", ""),
        ("import sys; sys.__stdout__.write('x'); sys.__stdout__.flush()", "x", ""),
        ("import sys; print('x', file=sys.__stderr__)", "", "x\n"),
        ("import faulthandler; faulthandler.dump_traceback()", "", None),
        ("import faulthandler, sys; faulthandler.dump_traceback(sys.stderr)", "", None),
        ("open('/dev/stdout', 'w').write('x'); None", "x", ""),
        ("import os; f = os.fdopen(os.dup(1), 'w'); f.write('x'); f.close()", "x", "")])
def test_what_goes_to_a_file_descriptor_is_output(kc, code, out, err):
    r = kc.run(code)
    assert (r.status, r.stdout) == ("ok", out)
    assert r.stderr == err if err is not None else "most recent call first" in r.stderr

@pytest.mark.parametrize("text", ["é€🎉"*3000, "a"*65535+"é", "a"*65534+"🎉"])
def test_utf8_is_decoded_across_reads(kc, text):
    assert kc.run(f"import os, time\nb = {text!r}.encode()\nwhile b: b = b[os.write(1, b[:4093]):]").stdout == text

def test_utf8_is_decoded_across_slow_writes(kc):
    assert kc.run("import os, time\nfor b in 'é🎉'.encode(): os.write(1, bytes([b])); time.sleep(.05)").stdout == "é🎉"

def test_bytes_that_are_no_utf8_are_shown_as_such(kc):
    assert kc.run("import os; os.write(1, b'a\\xffb'); None").stdout == "a�b"

def test_the_buffer_decodes_across_writes(kc):
    assert kc.run("import sys\nfor b in 'é🎉'.encode(): sys.stdout.buffer.write(bytes([b]))\nNone").stdout == "é🎉"

def test_output_of_a_child_that_lives_on_belongs_to_the_newest_cell(kc):
    kc.run("import subprocess; p = subprocess.Popen(['sh', '-c', 'read x; echo late'], stdin=subprocess.PIPE)")
    id = kc.cell("p.stdin.write(b'\\n'); p.stdin.close(); p.wait(); None")
    assert kc.wait(id).stdout == "late\n"

def test_all_of_a_fast_child_comes_before_the_reply(kc):
    for _ in range(20):
        assert kc.run("import os; os.system('seq 1000') and None").stdout == "".join(f"{i}\n" for i in range(1, 1001))

def test_what_a_thread_has_read_is_handed_on_before_the_cell_goes_on():
    "The pipes are empty by then: only that thread knows of the text"
    has_read = Event()
    is_awaited = Event()
    handed_on = []
    def read():
        has_read.set()
        assert is_awaited.wait(60), "60 s passed: waited for the other thread to wait for the text"
        handed_on.append(current_thread())
    capture = Capture.__new__(Capture)  # not of this process's file descriptors
    capture.lock = TellingLock(is_awaited.set)
    capture.is_reading = False
    capture.read = read
    capture.look = lambda timeout: []
    thread = Thread(target=capture.drain)
    thread.start()
    assert has_read.wait(60), "60 s passed: waited for the thread to read"
    capture.catch_up()
    so_far = list(handed_on)
    is_awaited.set()
    thread.join(60)
    assert thread in so_far

def test_a_forked_child_prints_into_the_cell(kc):
    r = kc.run(
        "import os\n"
        "pid = os.fork()\n"
        "if not pid: print('child'); os._exit(0)\n"
        "os.waitpid(pid, 0); print('parent')")
    assert r.stdout == "child\nparent\n"

def test_a_forked_child_that_falls_through_ends_with_its_cell(kc):
    r = kc.run(
        "import os\n"
        "pid = os.fork()\n"
        "if pid: code = os.waitpid(pid, 0)[1]\n"
        "else: print('child')\n"
        "print('parent' if pid else 'end')")
    assert r.stdout == "child\nend\nparent\n"
    assert (r.types.count("status"), kc.run("code").result) == (2, "0")

def test_a_forked_child_that_raises_ends_with_its_cell(kc):
    r = kc.run("import os\npid = os.fork()\nif not pid: 1/0\ncode = os.waitpid(pid, 0)[1]; print('parent')")
    assert (r.status, "parent" in r.stdout) == ("ok", True)
    assert kc.run("1").result == "1"

def test_a_forked_child_cannot_ask(kc):
    r = kc.run(
        "import os\n"
        "pid = os.fork()\n"
        "if not pid:\n"
        "    try: input()\n"
        "    except Exception as e: print(type(e).__name__)\n"
        "    os._exit(0)\n"
        "os.waitpid(pid, 0); None", allow_stdin=True)
    assert r.stdout == "StdinNotImplementedError\n"

def test_a_forked_child_shows_displays_as_text(kc):
    r = kc.run("import os\npid = os.fork()\nif not pid: display('shown'); os._exit(0)\nos.waitpid(pid, 0); None")
    assert "shown" in r.stdout

def test_forks_of_threads_print(kc):
    r = kc.run(
        "import os, threading\n"
        "def f(i):\n"
        "    pid = os.fork()\n"
        "    if not pid: print('child', i, flush=True); os._exit(0)\n"
        "    os.waitpid(pid, 0)\n"
        "ts = [threading.Thread(target=f, args=[i]) for i in range(8)]\n"
        "[t.start() for t in ts]; [t.join() for t in ts]; None")
    assert sorted(r.stdout.splitlines()) == [f"child {i}" for i in range(8)]

@pytest.mark.slow
@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_a_process_pool_prints_into_the_cell(kc, method):
    r = kc.run(f"import functools, multiprocessing\nwith multiprocessing.get_context('{method}').Pool(2) as pool:\n"
        "    res = pool.map(abs, [-1, -2]); pool.map(functools.partial(print, flush=True), 'ab')\nres", timeout=60)
    assert (r.status, r.result, "".join(sorted(r.stdout))) == ("ok", "[1, 2]", "\n\nab")  # a print is two writes

def test_a_function_of_a_cell_runs_in_a_fork_pool(kc):
    r = kc.run(
        "import multiprocessing\n"
        "def f(x): print('in', x); return x*x\n"
        "with multiprocessing.get_context('fork').Pool(2) as pool: res = pool.map(f, [1, 2, 3])\n"
        "res")
    assert (r.result, sorted(r.stdout.splitlines())) == ("[1, 4, 9]", ["in 1", "in 2", "in 3"])

def test_a_process_of_a_cell_prints_and_ends(kc):
    r = kc.run(
        "import multiprocessing\n"
        "p = multiprocessing.get_context('fork').Process(target=print, args=['x']); p.start(); p.join(); p.exitcode")
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
