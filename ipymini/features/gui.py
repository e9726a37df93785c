"""GUI toolkits on the main thread: one that `%gui` has enabled gets a turn of the kernel's loop every 20 ms.

Without one there is no timer. Read `enable`, then `Turns`; the functions above them make a toolkit's `step`, which
handles what is due."""
import os, sys, threading
from IPython.core.error import UsageError
from contextlib import suppress
from contextvars import Context

from ..system.clock import clock

pause = .02  # seconds between two turns
turn = .01   # seconds after which a turn takes no further event

def tk(name):
    """Serves all windows from an interpreter that has none.

    So the first `Tk()` of the user's stays tkinter's default root."""
    import tkinter
    handle_event = tkinter.Tcl().tk.dooneevent
    def step():
        end = clock.monotonic()+turn
        while handle_event(tkinter._tkinter.DONT_WAIT) and clock.monotonic() < end: pass
    return step

def qt(name):
    "Serves the QApplication, made if there is none. Raises: RuntimeError where Qt would end the process."
    if sys.platform == "linux" and not any(os.environ.get(variable) for variable in displays):
        raise RuntimeError("Qt finds no display: DISPLAY, WAYLAND_DISPLAY and QT_QPA_PLATFORM are unset")
    if name != "qt":
        from IPython.terminal.pt_inputhooks import set_qt_api
        set_qt_api(name)
    from IPython.external.qt_for_kernel import QtCore, QtGui
    app = QtCore.QCoreApplication.instance() or QtGui.QApplication(["ipymini"])
    def step(app=app):  # who holds the application keeps it alive
        QtCore.QCoreApplication.processEvents()
        # 52: DeferredDelete, which processEvents leaves to a loop of Qt's own
        QtCore.QCoreApplication.sendPostedEvents(None, 52)
    return step

displays = "DISPLAY","WAYLAND_DISPLAY","QT_QPA_PLATFORM"  # variables: on Linux Qt needs one of them
toolkits = dict(tk=tk, qt=qt, qt5=qt, qt6=qt)
# they need no toolkit: our loop runs, and is asyncio's
others = "none","asyncio","inline","ipympl","nbagg","notebook","webagg","widget"
enabled = []  # the one toolkit that has turns

class Turns:
    "Calls the `step` of the toolkit `name` on `loop`, again and again until `stop`."
    def __init__(self, name, loop):
        self.toolkit = toolkits[name]
        self.step = self.toolkit(name)
        self.loop = loop
        self.next()

    def next(self):
        "Have the next turn come, in nobody's context: what callbacks write is output of the newest cell."
        self.timer = self.loop.call_later(pause, self.run, context=Context())

    def run(self):
        "One turn."
        self.next()  # first, so that nothing that happens in the step is the end of it
        with suppress(KeyboardInterrupt): self.step()

    def stop(self): self.timer.cancel()

def enable(gui, loop):
    """Give the toolkit `gui` its turns on `loop`; None, or a name that stands for no toolkit, ends them.

    Raises: UsageError, RuntimeError, ImportError."""
    check_name(gui)
    if gui not in toolkits: return disable()
    check_toolkit(toolkits[gui])
    if not enabled: enabled.append(Turns(gui, loop))

def disable():
    "End the turns of the toolkit that is enabled, if one is."
    while enabled: enabled.pop().stop()

def check_name(gui):
    "Raises UsageError if there is no toolkit `gui`."
    known = sorted([*toolkits, *others])
    if gui and gui not in known: raise UsageError(f"unknown GUI {gui!r}; known are {', '.join(known)}")

def check_toolkit(toolkit):
    "Raises RuntimeError if `toolkit` cannot be enabled now, or here."
    if enabled and enabled[0].toolkit is not toolkit:
        name = enabled[0].toolkit.__name__
        raise RuntimeError(f"only one GUI toolkit at a time: %gui none ends the turns of {name}, which is enabled")
    is_main = threading.current_thread() is threading.main_thread()
    if not is_main: raise RuntimeError("GUI toolkits need the main thread: use %gui in the main shell")
