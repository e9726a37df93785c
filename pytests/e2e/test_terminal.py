"jupyter console in a terminal (tmux) and qtconsole in a window that nobody sees, as a person uses them"

import importlib, os, re, shlex, shutil, subprocess, sys
from helpers import until
import pytest

pytestmark = pytest.mark.e2e

# -- jupyter console

class Terminal:
    "A terminal of 120 by 40 in which `cmd` runs"
    def __init__(self, cmd, env, folder):
        self.name,self.env = f"ipymini-{os.getpid()}-{folder.name}",env
        self.tmux("-f", "/dev/null", "new-session", "-d", "-x", "120", "-y", "40", "-s", "s", "-c", str(folder),
            shlex.join(cmd))

    def tmux(self, *args):
        return subprocess.run(["tmux", "-L", self.name, *args], capture_output=True, text=True, env=self.env, timeout=20)

    text  = property(lambda self: self.tmux("capture-pane", "-p", "-J", "-S", "-", "-t", "s").stdout)
    alive = property(lambda self: self.tmux("has-session", "-t", "s").returncode == 0)

    def key(self, *keys): self.tmux("send-keys", "-t", "s", *keys)

    def say(self, line, *shown):
        "Type `line` and Enter; wait for each of the patterns `shown`"
        self.tmux("send-keys", "-t", "s", "-l", line)
        self.key("Enter")
        for o in shown: self.shows(o)

    def shows(self, pattern):
        try: until(lambda: re.search(pattern, self.text, re.M), f"{pattern!r} in the terminal", 30)
        except TimeoutError as e: raise TimeoutError(f"{e}, which shows {self.text.strip()}") from None

    def close(self): self.tmux("kill-server")

@pytest.fixture(scope="module")
def console(kernel, env, tmp_path_factory):
    if not shutil.which("tmux"): pytest.skip("NOT TESTED: no tmux; on Debian: apt-get install tmux")
    t = Terminal([sys.executable, "-m", "jupyter_console", "--kernel", kernel], {**env, "TERM": "xterm-256color", "LC_ALL": "C.UTF-8"},
        tmp_path_factory.mktemp("console"))
    t.shows(r"^In \[1\]: ")
    yield t
    t.close()

def test_console_runs_code(console):
    console.say("print('a' + 'b')", "^ab$")
    console.say("21*2", r"^Out\[\d+\]: 42$")
    console.say("1/0", "^ZeroDivisionError: division by zero$")

def test_console_completes(console):
    console.say("import os", r"^In \[\d+\]: $")
    console.tmux("send-keys", "-t", "s", "-l", "os.getpp")
    console.key("Tab")
    console.shows(r"os\.getppid")
    console.say("()", r"^Out\[\d+\]: \d+$")

def test_console_asks(console):
    console.say("name = input('your name? ')", r"^your name\? ")
    console.say("Zoe")
    console.say("name*2", "'ZoeZoe'")

def test_console_interrupts(console):
    console.say("import time; print('o' + 'n'); time.sleep(600)", "^on$")
    console.key("C-c")
    console.shows("^KeyboardInterrupt")
    console.say("11*11", "121")

def test_console_goes_back_in_history(console):
    console.say("'for' + 'mer'", r"^Out\[\d+\]: 'former'$")
    console.key("Up")
    console.shows(r"(?s)Out\[\d+\]: 'former'.*In \[\d+\]: 'for' \+ 'mer'")
    console.key("Enter")
    console.shows(r"(?s)Out\[\d+\]: 'former'.*Out\[\d+\]: 'former'")

def test_console_tells_of_an_object(console): console.say("len?", "Return the number of items")

def test_console_ends(console):
    console.say("exit")
    until(lambda: not console.alive, "the console to end")

# -- qtconsole

class Window:
    "qtconsole's application, of which events are handled while we wait"
    def __init__(self, kernel):
        from qtconsole.qtconsoleapp import JupyterQtConsoleApp
        self.app = JupyterQtConsoleApp.instance()
        self.app.initialize(["--kernel", kernel, "--JupyterWidget.include_other_output=False"])
        self.app.window.resize(700, 300)
        self.app.window.show()
        self.widget = self.app.window.active_frontend

    text = property(lambda self: self.widget._control.toPlainText())

    def wait(self, cond, what):
        def look():
            self.app.app.processEvents()
            return cond()
        return until(look, what, 30)

    def shows(self, pattern):
        try: self.wait(lambda: re.search(pattern, self.text, re.M), f"{pattern!r} in the window")
        except TimeoutError as e: raise TimeoutError(f"{e}, which shows {self.text}") from None

    def key(self, key, *mods):
        from qtpy.QtTest import QTest
        from qtpy.QtCore import Qt
        QTest.keyClick(self.widget._control, getattr(Qt.Key, f"Key_{key}"),
            *(getattr(Qt.KeyboardModifier, f"{o}Modifier") for o in mods))

    def type(self, text):
        from qtpy.QtTest import QTest
        QTest.keyClicks(self.widget._control, text)

    def ready(self):
        self.wait(lambda: not self.widget._executing and re.search(r"In \[\d+\]: $", self.text),
            "a prompt in the window")

    def say(self, line, *shown):
        self.ready()
        self.type(line)
        self.key("Return")
        for o in shown: self.shows(o)

@pytest.fixture(scope="module")
def window(kernel, env):
    "The window; Jupyter's variables are the test's own while it is there"
    mp = pytest.MonkeyPatch()
    for k,v in {**env, "QT_QPA_PLATFORM": "offscreen", "QT_API": "pyside6"}.items(): mp.setenv(k, v)
    try: importlib.import_module("qtpy.QtTest"), importlib.import_module("qtpy.QtWidgets")
    except Exception as e:
        pytest.skip(f"NOT TESTED: no Qt, see the extra `e2e`; "
            f"on Debian: apt-get install libegl1 libgl1 libxkbcommon0 libfontconfig1 libdbus-1-3: {e}")
    w = Window(kernel)
    w.ready()
    yield w
    w.widget.kernel_manager.shutdown_kernel(now=True)
    w.widget.kernel_client.stop_channels()
    mp.undo()

def test_qtconsole_shows_the_banner(window, kernel):
    assert ("ipymini" if kernel == "ipymini" else "IPython") in window.text

def test_qtconsole_runs_code(window):
    window.say("print('a' + 'b')", "^ab$")
    window.say("21*2", r"^Out\[\d+\]: 42$")
    window.say("1/0", "^ZeroDivisionError: division by zero$")

def test_qtconsole_completes(window):
    window.say("import os")
    window.ready()
    window.type("os.getpp")
    window.key("Tab")
    window.shows(r"os\.getppid")
    window.type("()")
    window.key("Return")
    window.shows(r"Out\[\d+\]: \d+$")

def test_qtconsole_asks(window):
    window.say("name = input('your name? ')", r"^your name\? ")
    window.type("Zoe")
    window.key("Return")
    window.say("name*2", "'ZoeZoe'")

def test_qtconsole_interrupts(window):
    window.say("import time; print('o' + 'n'); time.sleep(600)", "^on$")
    window.key("C", "Control")
    window.shows("^KeyboardInterrupt")
    window.say("11*11", "121")

def test_qtconsole_goes_back_in_history(window):
    window.say("'for' + 'mer'", "'former'")
    window.ready()
    window.key("Up")
    window.shows(r"In \[\d+\]: 'for' \+ 'mer'\Z")
    window.key("Return")
    window.shows(r"'former'\s+In \[\d+\]: 'for' \+ 'mer'\s+Out\[\d+\]: 'former'")

def test_qtconsole_pages(window):
    window.say("import os")
    window.say("os?")
    window.wait(lambda: "OS routines for NT or Posix" in window.widget._page_control.toPlainText(), "the pager")
    window.widget._page_control.setFocus()
    window.widget._page_control.hide()
    window.ready()

def test_qtconsole_shows_a_plot(window):
    window.say("%matplotlib inline")
    window.say("import matplotlib.pyplot as plt; plt.plot([1, 3, 2]);")
    window.wait(lambda: "\ufffc" in window.text, "an image in the window")
