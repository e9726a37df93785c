"`%gui`: Tk and Qt run beside cells, on a display without a screen; where Xvfb or a toolkit is missing, the tests that need it are skipped and say so"
import os, shutil, subprocess
from importlib.util import find_spec
from pathlib import Path
import pytest
from helpers import start, until

# how cells of these tests say it: `soon(f)` has the toolkit call `f` in 10 ms, `button(f)` makes a window with a button for `f` and `click(b)` clicks it
tk_code = """
import tkinter
root = tkinter.Tk()
def soon(f, ms=10): root.after(ms, f)
def button(f):
    b = tkinter.Button(root, text="b", command=f, width=20, height=4)
    b.pack()
    return b
def click(b):
    for e in ("<Enter>", "<ButtonPress-1>", "<ButtonRelease-1>"): b.event_generate(e, x=5, y=5, when="tail")
"""
qt_code = """
from PySide6 import QtCore, QtGui, QtWidgets
def soon(f, ms=10): QtCore.QTimer.singleShot(ms, f)
def button(f):
    b = QtWidgets.QPushButton("b")
    b.clicked.connect(lambda *_: f())
    b.show()
    return b
def click(b):
    at = QtCore.QPointF(b.rect().center())
    for t in (QtCore.QEvent.Type.MouseButtonPress, QtCore.QEvent.Type.MouseButtonRelease):
        left = QtCore.Qt.MouseButton.LeftButton
        QtCore.QCoreApplication.postEvent(b, QtGui.QMouseEvent(t, at, b.mapToGlobal(at), left, left, QtCore.Qt.KeyboardModifier.NoModifier))
"""
missing = dict(tk="" if find_spec("tkinter") else "this Python has no tkinter: its tests of %gui tk do not run",
    qt="" if find_spec("PySide6") else "PySide6-Essentials is not installed: the tests of %gui qt do not run")

@pytest.fixture(scope="module")
def display(tmp_path_factory):
    "The DISPLAY of an Xvfb"
    if not shutil.which("Xvfb"): pytest.skip("Xvfb is not installed (Debian: xvfb): the tests of windows do not run")
    r,w = os.pipe()
    with subprocess.Popen(["Xvfb", "-displayfd", str(w), "-screen", "0", "640x480x24", "-nolisten", "tcp"],
        pass_fds=[w], stderr=subprocess.DEVNULL) as p:
        os.close(w)
        with open(r) as f: n = f.readline().strip()
        assert n, "Xvfb did not start"
        yield f":{n}"
        p.terminate()

@pytest.fixture(scope="module", params=["tk", "qt"])
def gui(request, display):
    "A kernel on a display, with a toolkit enabled and `soon`, `button` and `click` defined; `kc.gui` is its name"
    if missing[request.param]: pytest.skip(missing[request.param])
    kc = start(env=dict(DISPLAY=display, QT_QPA_PLATFORM="xcb" if has_xcb() else "offscreen"))
    kc.gui = request.param
    kc.run(f"%gui {kc.gui}" + dict(tk=tk_code, qt=qt_code)[kc.gui], timeout=60)
    yield kc
    kc.stop()

def has_xcb():
    "True if Qt's plugin for X finds its libraries; those of Debian are not all there on a bare machine"
    plugin = find_spec("PySide6") and Path(find_spec("PySide6").origin).parent/"Qt/plugins/platforms/libqxcb.so"
    return bool(plugin) and plugin.exists() and "not found" not in subprocess.run(["ldd", plugin],
        capture_output=True, text=True).stdout

def sleeps(kc):
    "How often the kernel's main thread has gone to sleep"
    status = Path(f"/proc/{kc.proc.pid}/task/{kc.proc.pid}/status").read_text()
    return next(int(s.split()[1]) for s in status.splitlines() if s.startswith("voluntary_ctxt_switches"))

def naps(kc, secs=.5):
    "How often it goes to sleep while nothing is asked of it for `secs`"
    before = sleeps(kc)
    try: kc.wait("nothing", until=lambda r: False, timeout=secs)
    except TimeoutError: pass
    return sleeps(kc)-before

def in_state(kc, letter):
    "Wait until the kernel's main thread is in a state of proc(5), R: on the CPU"
    stat = Path(f"/proc/{kc.proc.pid}/task/{kc.proc.pid}/stat")
    until(lambda: stat.read_text().rpartition(")")[2].split()[0] == letter, f"state {letter}")

# -- names

@pytest.mark.parametrize("name", ["None", "'none'", "'asyncio'", "'inline'", "'ipympl'", "'nbagg'", "'notebook'",
    "'webagg'", "'widget'"])
def test_names_that_need_no_toolkit(kc, name):
    r = kc.run(f"import sys; "
        f"print(get_ipython().enable_gui({name}), 'ipymini.features.gui' in sys.modules and sys.modules['ipymini.features.gui'].enabled)")
    assert (r.status, r.stdout) == ("ok", "None []\n")

@pytest.mark.parametrize("name", ["foo", "gtk2", "QT", "'"])
def test_unknown_name_lists_those_that_are_known(kc, name):
    r = kc.run(f"get_ipython().enable_gui({name!r})")
    assert r.error["ename"] == "UsageError"
    assert "asyncio, inline, ipympl, nbagg, none, notebook, qt, qt5, qt6, tk, webagg, widget" in r.error["evalue"]

def test_magic_with_an_unknown_name(kc):
    r = kc.run("%gui foo")
    assert "'foo'" in r.stderr and "qt6" in r.stderr

def test_magic_without_a_name(kc): assert kc.run("%gui").status == "ok"

def test_a_toolkit_stays_out_of_subshells(kc):
    assert "main thread" in kc.run("get_ipython().enable_gui('tk')", subshell=kc.subshell()).error["evalue"]

@pytest.mark.skipif(bool(missing["qt"]), reason=missing["qt"])
def test_qt_without_a_display_is_an_error_not_the_end():
    kc = start(env=dict(DISPLAY="", WAYLAND_DISPLAY="", QT_QPA_PLATFORM=""))
    try:
        assert "no display" in kc.run("get_ipython().enable_gui('qt')").error["evalue"]
        assert kc.run("1").status == "ok"
    finally: kc.stop()

# -- turns

def test_callbacks_run_while_the_kernel_is_idle(gui):
    r = gui.run("soon(lambda: print('later'), 100)")
    assert r.stdout == ""
    assert gui.wait(r.id, until=lambda r: r.stdout).stdout == "later\n"

def test_callbacks_write_to_the_newest_cell(gui):
    old = gui.run("soon(lambda: print('here'), 300)")
    new = gui.run("pass")
    assert gui.wait(new.id, until=lambda r: r.stdout).stdout == "here\n" and old.stdout == ""

def test_callbacks_run_while_a_cell_awaits(gui):
    r = gui.run("import asyncio; e = asyncio.Event(); soon(e.set); await asyncio.wait_for(e.wait(), 5); print('set')")
    assert r.stdout == "set\n"

def test_a_click_reaches_its_button(gui):
    r = gui.run("b = button(lambda: print('clicked'))\nawait asyncio.sleep(.2)\nclick(b)")
    assert gui.wait(r.id, until=lambda r: r.stdout).stdout == "clicked\n"

def test_an_error_in_a_callback_is_shown(gui):
    r = gui.run("soon(lambda: 1/0)")
    assert "ZeroDivisionError" in gui.wait(r.id,
        until=lambda r: "ZeroDivisionError" in r.stderr+str(r.error)).stderr+str(r.error)
    assert gui.run("soon(lambda: print('goes on'))").status == "ok"

@pytest.mark.parametrize("how", ["signal", "message"])
def test_interrupt_ends_a_callback_that_hangs(gui, how):
    r = gui.run("def hang():\n    print('hangs')\n    while True: pass\nsoon(hang)")
    gui.wait(r.id, until=lambda r: "hangs" in r.stdout)
    in_state(gui, "R")
    gui.interrupt(how)
    again = gui.run("e = asyncio.Event(); soon(e.set); await asyncio.wait_for(e.wait(), 5); 'turns go on'", timeout=10)
    assert again.result == "'turns go on'"

def test_interrupt_between_callbacks_does_nothing(gui):
    r = gui.run("soon(lambda: print('fired'), 200)")
    gui.interrupt()
    gui.wait(r.id, until=lambda r: r.stdout)
    assert r.error is None and r.stderr == ""

def test_interrupt_reaches_a_cell_that_awaits_beside_a_toolkit(gui):
    id = gui.cell("print('waits'); await asyncio.sleep(600)")
    gui.wait(id, until=lambda r: r.stdout)
    gui.interrupt()
    assert gui.wait(id).error["ename"] == "KeyboardInterrupt"

def test_cells_answer_while_callbacks_never_cease(gui):
    assert gui.run("def again():\n    if not stop: soon(again, 0)\nstop = []\nsoon(again)").status == "ok"
    assert all(gui.run("1").status == "ok" for _ in range(20))
    gui.run("stop.append(1)")

def test_enabling_twice_is_no_error(gui): assert gui.run(f"get_ipython().enable_gui({gui.gui!r})").status == "ok"

def test_a_second_toolkit_is_refused(gui):
    other = dict(tk="qt", qt="tk")[gui.gui]
    r = gui.run(f"get_ipython().enable_gui({other!r})")
    assert r.error["ename"] == "RuntimeError" and "one GUI toolkit" in r.error["evalue"]

@pytest.mark.slow
def test_matplotlib_opens_a_window(gui):
    pytest.importorskip("matplotlib")
    r = gui.run(
        f"%matplotlib {gui.gui}\n"
        "import matplotlib, matplotlib.pyplot as plt\n"
        "fig = plt.figure(); plt.plot([1,2]); plt.show(); matplotlib.get_backend()", timeout=60)
    assert r.result.lower() == f"'{gui.gui}agg'"
    show = dict(tk="fig.canvas.manager.window.winfo_viewable()", qt="int(fig.canvas.manager.window.isVisible())")[gui.gui]
    assert gui.run(f"await asyncio.sleep(.3); {show}").result == "1"
    gui.run("plt.close('all')")

@pytest.mark.slow
def test_nothing_ticks_once_it_is_disabled(gui):
    gui.run("%gui none\nget_ipython().history_manager.save_flag and None")
    try: gui.wait("nothing", until=lambda r: naps(gui) <= 4, timeout=20)
    finally: gui.run(f"%gui {gui.gui}")
    assert naps(gui) >= 10

def test_disabled_callbacks_wait_for_the_next_enabling(gui):
    r = gui.run("%gui none\nsoon(lambda: print('at last'), 50)")
    with pytest.raises(TimeoutError): gui.wait(r.id, until=lambda r: r.stdout, timeout=.4)
    new = gui.run(f"%gui {gui.gui}")
    assert gui.wait(new.id, until=lambda r: r.stdout).stdout == "at last\n"

# -- one toolkit's own

def only(toolkit): return pytest.mark.parametrize("gui", [toolkit], indirect=True)

@only("tk")
def test_the_users_first_window_is_tks_default_root(gui):
    assert gui.run("tkinter._default_root is root").result == "True"

@only("tk")
def test_a_second_tcl_interpreter_gets_turns(gui):
    r = gui.run("two = tkinter.Tk(); two.after(10, lambda: print('two'))")
    assert gui.wait(r.id, until=lambda r: r.stdout).stdout == "two\n"

@only("tk")
def test_variable_trace_and_wait_variable(gui):
    r = gui.run("v = tkinter.IntVar(); root.after(50, lambda: v.set(7)); root.wait_variable(v); v.get()")
    assert r.result == "7"

@only("tk")
def test_closing_the_window_is_no_error(gui):
    assert gui.run("three = tkinter.Tk(); await asyncio.sleep(.1); three.destroy(); "
        "await asyncio.sleep(.1)").stderr == ""

@only("qt")
def test_delete_later_deletes(gui):
    r = gui.run("w = QtWidgets.QWidget(); w.destroyed.connect(lambda *_: print('deleted')); w.deleteLater()")
    assert gui.wait(r.id, until=lambda r: r.stdout).stdout == "deleted\n"

@only("qt")
def test_there_is_an_application(gui): assert gui.run("QtWidgets.QApplication.instance() is not None").result == "True"

@only("qt")
def test_quit_is_no_error(gui):
    r = gui.run("QtWidgets.QApplication.quit(); await asyncio.sleep(.1); soon(lambda: print('still'))")
    assert gui.wait(r.id, until=lambda r: r.stdout).stdout == "still\n"

@only("qt")
def test_version_asked_for_is_the_one_that_is_there(gui):
    assert gui.run("get_ipython().enable_gui('qt6')").status == "ok"

@pytest.mark.slow
def test_toolkit_named_on_the_command_line(display):
    if missing["tk"]: pytest.skip(missing["tk"])
    pytest.importorskip("matplotlib")
    kc = start(env=dict(DISPLAY=display), args=["--matplotlib", "tk"])
    try:
        r = kc.run("import tkinter; r = tkinter.Tk(); r.after(10, lambda: print('turn'))", timeout=60)
        assert kc.wait(r.id, until=lambda r: r.stdout).stdout == "turn\n"
    finally: kc.stop()
