"debugpy in this process: starting it with its adapter, letting go of it, and tuning it."
import atexit, os, socket, sys, threading

from .common import Refused, aside, patience

def listen():
    "Start debugpy's adapter process; the address where that waits. Raises: Refused"
    os.environ.setdefault("PYDEVD_DISABLE_FILE_VALIDATION", "1")        # else it warns of frozen modules
    os.environ.setdefault("PYDEVD_IPYTHON_COMPATIBLE_DEBUGGING", "1")  # each statement of a cell is a frame of its own: a step goes from one to the next
    hook = sys.breakpointhook
    def start():
        import debugpy
        debugpy.configure(subProcess=False)
        return debugpy.listen(("127.0.0.1", 0))
    try: addr = aside(start, 2*patience)  # it has its way with the thread that calls it
    except ImportError as e: raise Refused(f"debugging needs the package debugpy: {e}") from None
    finally: sys.breakpointhook = hook
    return addr

def let_go(pydevd, pydb):
    "End what `listen` has started, in this process and in the adapter's"
    try: pydb.writer.sock.shutdown(socket.SHUT_RDWR)  # closing it is not enough: a thread reads it
    except OSError: pass  # the adapter has ended
    pydb.dispose_and_kill_all_pydevd_threads(wait=False)  # `stoptrace` would wait half a second for them
    pydevd.stoptrace()
    sys.modules["debugpy.server.api"].listen.called = False  # it refuses a second call in a process, as if the first was not over

def hurry(pydevd, pydb):
    "Make debugpy quicker than it is; its internals may change"
    try:
        atexit.unregister(pydevd.stoptrace)  # it takes half a second
        pydb.writer.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # else each of its messages, sent in two parts, waits 40 ms
    except AttributeError: pass

def tune(pydevd):
    "What debugpy does well without, but worse; its internals may change"
    try:
        os.register_at_fork(after_in_child=lambda: part(pydevd))
        cls = sys.modules["_pydev_bundle.pydev_monkey"]._NewThreadStartupWithTrace  # made for each thread that is about to start
        init = cls.__init__
        def forget(*args):  # a finaliser behind the end of a thread leaves a dummy, as which debugpy would know the next thread of that number
            dummies = {n for n,t in list(threading._active.items()) if isinstance(t, threading._DummyThread)}
            for n in dummies-{*sys._current_frames()}: threading._active.pop(n, None)
            init(*args)
        cls.__init__ = forget
    except (AttributeError, KeyError): pass  # or we have no fork

def part(pydevd):
    "Leave a forked child without a debugger: nobody could end a stop there"
    debugger = pydevd.get_global_debugger()
    if debugger: debugger.pydb_disposed = True
