"Threads that the debugger leaves alone: it neither shows nor stops them."
import threading
from concurrent.futures import Future

def untraced(thread):
    "`thread`, which the debugger neither shows nor stops from now on."
    thread.pydev_do_not_trace = True
    thread.is_pydev_daemon_thread = True
    return thread

def run_untraced(function, seconds):
    "What `function()` returns on an untraced thread. Raises: TimeoutError after `seconds`, or what it raises."
    result = Future()
    def run():
        try: result.set_result(function())
        except BaseException as e: result.set_exception(e)
    untraced(threading.Thread(target=run, name="debugger, aside", daemon=True)).start()
    return result.result(seconds)
