"What the rooms of the debugger share: refusals, answers of debugpy, threads that it leaves alone."
import threading
from concurrent.futures import Future

patience,glance = 15,.5  # seconds for debugpy to answer, while a user's expression may run; for all the reprs of one look at the namespace
class Refused(Exception): "A request that fails, and why"

def taken(res):
    "The body of debugpy's response `res`, a future. Raises: Refused"
    try: msg = res.result(patience)
    except TimeoutError: raise Refused(f"no answer from debugpy within {patience} s") from None
    if not msg.get("success"): raise Refused(msg.get("message") or "debugpy gave no reason")
    return msg.get("body")

def aside(f, seconds):
    "What `f()` returns, on a thread that the debugger leaves alone. Raises: TimeoutError"
    res = Future()
    def run():
        try: res.set_result(f())
        except BaseException as e: res.set_exception(e)
    invisible(threading.Thread(target=run, name="debugger, aside", daemon=True)).start()
    return res.result(seconds)

def invisible(thread):
    "`thread`, which the debugger will neither show nor stop"
    thread.pydev_do_not_trace = thread.is_pydev_daemon_thread = True
    return thread
