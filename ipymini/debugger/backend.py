"""debugpy in this process: beginning a session with it, letting go of it, and tuning it.

There is no adapter process between us, which would listen on a port and let in whoever comes, any user of the machine:
debugpy's debugger, pydevd, speaks DAP itself, over a pair of sockets that nobody else can reach."""
import atexit, os, socket, sys, threading

from .link import Refused, answer_timeout
from .untraced import run_untraced
from ..system.packages import import_package

remedy = "restart the kernel to debug it"

class Backend:
    "What debugpy is in this process, beyond a session."
    def __init__(self):
        self.debugger = None  # debugpy's object for this session, or for the last one
        self.is_on = False    # True in a session
        # True where debugpy uses `sys.settrace`, False where `sys.monitoring`; known once it has been imported
        self.uses_settrace = None

    def connect(self):
        "Begin a session; the socket on which debugpy speaks DAP. Raises: Refused."
        sock = begin()
        self.is_on = True
        pydevd = sys.modules["pydevd"]
        before = self.debugger
        self.debugger = pydevd.get_global_debugger()
        if before:
            # what is known of a code object is kept under this number, beyond the session
            self.debugger.mtime = before.mtime+1
        else:
            self.uses_settrace = not getattr(pydevd, "PYDEVD_USE_SYS_MONITORING", False)
            tune(pydevd)
        return sock

    def let_go(self):
        "Have debugpy stop tracing and end its threads."
        if self.is_on: run_untraced(lambda: let_go(sys.modules["pydevd"], self.debugger), answer_timeout)
        self.is_on = False

def begin():
    "Start pydevd; the socket at whose other end it is. Raises: Refused."
    os.environ.setdefault("PYDEVD_DISABLE_FILE_VALIDATION", "1")  # else it warns of frozen modules
    # each statement of a cell is a frame of its own: a step goes from one to the next
    os.environ.setdefault("PYDEVD_IPYTHON_COMPATIBLE_DEBUGGING", "1")
    hook = sys.breakpointhook
    seconds = 2*answer_timeout
    try: return run_untraced(set_trace, seconds)  # it has its way with the thread that calls it
    except TimeoutError: raise Refused(f"debugpy did not start within {seconds} s; {remedy}") from None
    except ImportError as e: raise Refused(f"debugging needs the package debugpy: {e}") from None
    finally: sys.breakpointhook = hook

def set_trace():
    "Have pydevd trace this process and speak on one end of a pair of sockets, as if it had connected to a client; the other end."
    import_package("debugpy.server.api")
    import_package("zipfile")  # which debugpy has `importlib.metadata` load, from Python 3.15 on
    import debugpy
    debugpy.configure(subProcess=False)
    pydevd = sys.modules["pydevd"]
    if pydevd.get_global_debugger(): raise Refused(f"debugpy is in use: a cell has called debugpy.listen or debugpy.connect; {remedy}")
    ours,its = socket.socketpair()
    start_client = pydevd.start_client
    pydevd.start_client = lambda host, port: its
    package = os.path.dirname(os.path.abspath(debugpy.__file__))
    try:
        pydevd.settrace("127.0.0.1", port=0, suspend=False, wait_for_ready_to_run=False, notify_stdin=False,
            dont_trace_start_patterns=(package,), dont_trace_end_patterns=("debugpy_launcher.py",))
    finally: pydevd.start_client = start_client
    return ours

def let_go(pydevd, debugger):
    "End what `begin` has started."
    try: debugger.writer.sock.shutdown(socket.SHUT_RDWR)  # closing it is not enough: a thread reads it
    except OSError: pass  # it has ended
    debugger.dispose_and_kill_all_pydevd_threads(wait=False)  # `stoptrace` would wait half a second for them
    # it does so itself, but not if anything went wrong, or later, on a thread of its own
    pydevd.set_global_debugger(None)
    pydevd.stoptrace()
    forget_threads()

def forget_threads():
    "Have pydevd forget threads that have ended: it keeps all that it has seen, so that no two have one number, for ever."
    seen = getattr(sys.modules.get("_pydevd_bundle.pydevd_constants"), "_thread_id_to_thread_found", {})
    for number,thread in list(seen.items()):
        if not thread.is_alive(): seen.pop(number, None)

def tune(pydevd):
    "What debugpy does well without, but worse; its internals may change."
    try:
        atexit.unregister(pydevd.stoptrace)  # it takes half a second
        os.register_at_fork(after_in_child=lambda: leave_child(pydevd))
        # made for each thread that is about to start
        startup = sys.modules["_pydev_bundle.pydev_monkey"]._NewThreadStartupWithTrace
        init = startup.__init__
        def forget_dummies_first(*args):
            forget_dummies()
            init(*args)
        startup.__init__ = forget_dummies_first
    except (AttributeError, KeyError): pass  # or we have no fork

def forget_dummies():
    """Have `threading` forget dummy threads that have ended.

    A finaliser behind the end of a thread leaves one, as which debugpy would know the next thread of that number."""
    dummies = {number for number,thread in list(threading._active.items()) if isinstance(thread, threading._DummyThread)}
    for number in dummies-{*sys._current_frames()}: threading._active.pop(number, None)

def leave_child(pydevd):
    "Leave a forked child without a debugger: nobody could end a stop there."
    debugger = pydevd.get_global_debugger()
    if debugger: debugger.pydb_disposed = True
