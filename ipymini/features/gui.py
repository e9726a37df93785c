"""GUI toolkits on the main thread: one that `%gui` has enabled gets a turn of the kernel's loop every 20 ms; without one there is no timer.

Read `enable`, then `Turns`; the functions above them make a toolkit's `step`, which handles what is due."""
import os, sys, threading
from IPython.core.error import UsageError
from contextlib import suppress
from contextvars import Context

from ..system.clock import clock

pause = .02  # seconds between two turns
turn = .01   # seconds after which a turn takes no further event

def tk(name):
    "Serves all windows from an interpreter that has none: the first `Tk()` of the user's stays tkinter's default root"
    import tkinter
    event = tkinter.Tcl().tk.dooneevent
    def step():
        end = clock.monotonic()+turn
        while event(tkinter._tkinter.DONT_WAIT) and clock.monotonic() < end: pass
    return step

def qt(name):
    "Serves the QApplication, made if there is none. Raises: RuntimeError where Qt would end the process"
    if sys.platform == "linux" and not any(os.environ.get(k) for k in ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM")):
        raise RuntimeError("Qt finds no display: DISPLAY, WAYLAND_DISPLAY and QT_QPA_PLATFORM are unset")
    if name != "qt":
        from IPython.terminal.pt_inputhooks import set_qt_api
        set_qt_api(name)
    from IPython.external.qt_for_kernel import QtCore, QtGui
    app = QtCore.QCoreApplication.instance() or QtGui.QApplication(["ipymini"])
    def step(app=app):  # who holds the application keeps it alive
        QtCore.QCoreApplication.processEvents()
        QtCore.QCoreApplication.sendPostedEvents(None, 52)  # DeferredDelete, which processEvents leaves to a loop of Qt's own
    return step

class Turns:
    "Calls the `step` of the toolkit `name` on `loop`, again and again until `timer` is cancelled"
    def __init__(self, name, loop):
        self.kind,self.step,self.loop = toolkits[name],toolkits[name](name),loop
        self.next()

    def next(self): self.timer = self.loop.call_later(pause, self.run, context=Context())  # nobody's context: callbacks write to the newest cell

    def run(self):
        self.next()  # first, so that nothing that happens in the step is the end of it
        with suppress(KeyboardInterrupt): self.step()

toolkits = dict(tk=tk, qt=qt, qt5=qt, qt6=qt)
others = "none", "asyncio", "inline", "ipympl", "nbagg", "notebook", "webagg", "widget"  # they need no toolkit: our loop runs, and is asyncio's
enabled = []  # the one toolkit that has turns

def enable(gui, loop):
    "Give the toolkit `gui` its turns on `loop`; None, or a name that stands for no toolkit, ends them. Raises: UsageError, RuntimeError, ImportError"
    if gui and gui not in toolkits and gui not in others: raise UsageError(f"unknown GUI {gui!r}; known are {', '.join(sorted([*toolkits, *others]))}")
    if gui not in toolkits:
        while enabled: enabled.pop().timer.cancel()
        return
    if enabled and enabled[0].kind is not toolkits[gui]:
        raise RuntimeError(f"only one GUI toolkit at a time: %gui none ends the turns of {enabled[0].kind.__name__}, which is enabled")
    if threading.current_thread() is not threading.main_thread(): raise RuntimeError("GUI toolkits need the main thread: use %gui in the main shell")
    if not enabled: enabled.append(Turns(gui, loop))
