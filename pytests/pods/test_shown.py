"What a pod writes, shows and asks, as a script sees it; `test_notebook` has the same in kernels."
import io, subprocess, sys, threading
import pytest
from helpers import until
from ipymini import pod


@pytest.fixture(scope="module")
def p():
    with pod() as p: yield p

def both(capsys):
    out,err = capsys.readouterr()
    return out,err

def test_prints_are_shown(p, capsys):
    p.print("hello")
    assert both(capsys) == ("hello\n", "")

def test_stderr_is_stderr(p, capsys):
    p.run("import sys\nprint('oh', file=sys.stderr)")
    assert both(capsys) == ("", "oh\n")

def test_streams_in_turn_keep_their_order(p):
    seen = io.StringIO()
    code = "import sys\nfor i in range(20):\n print('o', i)\n print('e', i, file=sys.stderr)"
    old = sys.stdout,sys.stderr
    sys.stdout = sys.stderr = seen
    try: p.run(code)
    finally: sys.stdout,sys.stderr = old
    assert seen.getvalue() == "".join(f"o {i}\ne {i}\n" for i in range(20))

def test_children_and_c_code_are_in_order(p, capsys):
    p.run("import os, ctypes\n"
        "libc = ctypes.CDLL(None)\n"
        "print(1)\n"
        "os.system('echo 2')\n"
        "print(3)\n"
        "os.write(1, b'4\\n')\n"
        "libc.puts(b'5')")
    assert both(capsys)[0].split() == list("12345")

def test_no_print_is_lost(p, capsys):
    p.run("for i in range(100_000): print(i)")
    assert both(capsys)[0] == "".join(f"{i}\n" for i in range(100_000))

def test_a_big_text_comes_whole(p, capsys):
    p.run("print('ä' * 3_000_000)")
    assert both(capsys)[0] == "ä" * 3_000_000 + "\n"

def test_c_code_that_holds_the_interpreter_and_prints_much_does_not_hang(p, capsys):
    p.run("import ctypes\nwrite = ctypes.PyDLL(None).write\nfor i in range(100): write(1, b'x' * 10_000, 10_000)")
    assert len(both(capsys)[0]) == 1_000_000

def test_surrogates_do_not_hurt(p, capsys):
    p.run("print('\\udc80')")
    assert both(capsys)[0] == "\\udc80\n"

def test_text_is_live(p):
    "The pod goes on only when what it printed has been seen."
    seen = threading.Event()
    class Out(io.StringIO):
        def write(self, text):
            if "now" in text: seen.set()
            return super().write(text)
    old,sys.stdout = sys.stdout,Out()
    import tempfile
    folder = tempfile.mkdtemp()
    def go():
        if seen.wait(20): open(f"{folder}/go", "w").close()
    thread = threading.Thread(target=go)
    thread.start()
    try:
        p.run(
            "import os, time\n"
            "print('now')\n"
            "end = time.time()+20\n"
            f"while not os.path.exists('{folder}/go'):\n"
            " assert time.time() < end\n"
            " time.sleep(.01)")
    finally: sys.stdout = old
    thread.join()

def test_input_asks_here(p, monkeypatch):
    monkeypatch.setattr("builtins.input", lambda prompt: f"answer to {prompt}")
    assert p.input("who? ") == "answer to who? "

def test_getpass_asks_here(p, monkeypatch):
    monkeypatch.setattr("getpass.getpass", lambda prompt: f"secret of {prompt}")
    assert p.getpass.getpass("you: ") == "secret of you: "

def test_a_line_of_stdin_asks_here(p, monkeypatch):
    monkeypatch.setattr("builtins.input", lambda prompt: "a line")
    assert p.sys.stdin.readline() == "a line\n"

def test_input_without_stdin_is_an_eof_error(p, monkeypatch):
    monkeypatch.setattr("sys.stdin", io.StringIO())
    with pytest.raises(EOFError): p.input()

def test_a_thread_that_asks_between_calls_gets_an_eof_error(p):
    p.run("import threading\n"
        "def ask():\n"
        " global answer\n"
        " try: answer = input()\n"
        " except EOFError: answer = 'EOF'\n"
        "answer = None\n"
        "t = threading.Timer(.2, ask)\n"
        "t.start()")
    assert_soon(lambda: p["answer"] == "EOF")
    assert p.abs(-1) == 1

def assert_soon(condition):
    "The condition becomes true; calls are made with pauses, in which there is none."
    import time
    end = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < end, "20 s passed: waited for an answer"
        time.sleep(.5)

def test_what_a_thread_prints_between_calls_is_shown(p, monkeypatch):
    out = io.StringIO()  # of `capsys` text could be lost that comes while it is read
    monkeypatch.setattr(sys, "stdout", out)
    p.run("import threading\nthreading.Timer(.1, print, ['later']).start()")
    until(lambda: out.getvalue() == "later\n", "what the thread prints")

def test_a_display_is_its_text_in_a_script():
    code = "from ipymini import pod\np = pod()\np.run('from IPython.display import HTML, display\\nprint(1)\\ndisplay(HTML(\"<b>\"))\\nprint(2)')"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert out.stdout == "1\n<IPython.core.display.HTML object>\n2\n", out.stderr

def test_a_closed_stream_does_not_end_the_pod(p):
    with pod() as p:
        p.run("import os\nos.close(1)")
        assert p.abs(-1) == 1
