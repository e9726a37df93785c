"debugpy in this process: starting it with its adapter process, letting go of it, and tuning it."
import atexit, os, socket, sys, threading

from .link import Refused, answer_timeout
from .untraced import run_untraced

class Adapter:
    "debugpy's adapter process, one for each session, and what debugpy is in this process, beyond the session."
    def __init__(self):
        self.address = None   # where the adapter waits for a client; None without one
        self.debugger = None  # debugpy's object for this session, or for the last one
        # True where debugpy uses `sys.settrace`, False where `sys.monitoring`; known once it has been imported
        self.uses_settrace = None

    def listen(self):
        "Start debugpy and its adapter for a session. Raises: Refused."
        self.address = listen()
        pydevd = sys.modules["pydevd"]
        before = self.debugger
        self.debugger = pydevd.get_global_debugger()
        if before:
            # what is known of a code object is kept under this number, beyond the session
            self.debugger.mtime = before.mtime+1
        else:
            self.uses_settrace = not getattr(pydevd, "PYDEVD_USE_SYS_MONITORING", False)
            tune(pydevd)
        hurry(pydevd, self.debugger)

    def let_go(self):
        """Have debugpy stop tracing and let go of its adapter process, which then ends.

        The adapter lets in whoever comes, without a token: with no session any local user could run code as ours."""
        if self.address: run_untraced(lambda: let_go(sys.modules["pydevd"], self.debugger), answer_timeout)
        self.address = None

def listen():
    "Start debugpy's adapter process; the address where that waits. Raises: Refused."
    os.environ.setdefault("PYDEVD_DISABLE_FILE_VALIDATION", "1")  # else it warns of frozen modules
    # each statement of a cell is a frame of its own: a step goes from one to the next
    os.environ.setdefault("PYDEVD_IPYTHON_COMPATIBLE_DEBUGGING", "1")
    hook = sys.breakpointhook
    def start():
        import debugpy
        debugpy.configure(subProcess=False)
        return debugpy.listen(("127.0.0.1", 0))
    seconds = 2*answer_timeout
    try: return run_untraced(start, seconds)  # it has its way with the thread that calls it
    except TimeoutError: raise Refused(f"debugpy did not start within {seconds} s; restart the kernel to debug it") from None
    except ImportError as e: raise Refused(f"debugging needs the package debugpy: {e}") from None
    finally: sys.breakpointhook = hook

def let_go(pydevd, debugger):
    "End what `listen` has started, in this process and in the adapter's."
    try: debugger.writer.sock.shutdown(socket.SHUT_RDWR)  # closing it is not enough: a thread reads it
    except OSError: pass  # the adapter has ended
    debugger.dispose_and_kill_all_pydevd_threads(wait=False)  # `stoptrace` would wait half a second for them
    # it does so itself, but not if anything went wrong, or later, on a thread of its own
    pydevd.set_global_debugger(None)
    pydevd.stoptrace()
    # it refuses a second call in a process, as if the first was not over
    sys.modules["debugpy.server.api"].listen.called = False

def hurry(pydevd, debugger):
    "Make debugpy quicker than it is; its internals may change."
    try:
        atexit.unregister(pydevd.stoptrace)  # it takes half a second
        # else each of its messages, sent in two parts, waits 40 ms
        debugger.writer.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    except AttributeError: pass

def tune(pydevd):
    "What debugpy does well without, but worse; its internals may change."
    try:
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
