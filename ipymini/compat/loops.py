"Event loops of the user's within ours: `asyncio.run` and its like work in a plain cell, and no loop keeps signals from us."
import signal, sys, threading
from contextlib import contextmanager
from functools import wraps
from inspect import CO_ASYNC_GENERATOR, CO_COROUTINE

from ..interrupts import drive_code
from ..light_asyncio import asyncio

def let_loops_nest():
    "Let `asyncio.run` and its like work in a plain cell, though our loop runs; inside `async def` they raise as ever."
    asyncio.Runner.run = aside(asyncio.Runner.run)
    asyncio.Runner.close = aside(asyncio.Runner.close)
    asyncio.BaseEventLoop.run_forever = aside(asyncio.BaseEventLoop.run_forever)
    run = aside(asyncio.BaseEventLoop.run_until_complete)

    @wraps(run)
    def run_until_complete(loop, future):
        nested = loop is asyncio._get_running_loop() and plain(sys._getframe(1))
        return run_nested(loop, future) if nested else run(loop, future)

    asyncio.BaseEventLoop.run_until_complete = run_until_complete
    asyncio.run = asyncio.runners.run = aside(asyncio.run)

def let_us_hear_signals():
    "Have a loop of Windows, which takes the wake-up descriptor when it is made, and away when it is closed, leave it as it was."
    Loop = getattr(asyncio, "ProactorEventLoop", None)
    if not Loop: return
    for name in ("__init__", "close"): setattr(Loop, name, keeping_wakeup_fd(getattr(Loop, name)))

def keeping_wakeup_fd(f):
    "`f`, behind which signals are told where they were told before, if the main thread calls it."
    @wraps(f)
    def call(*args, **kw):
        "What takes the place of `f`."
        if threading.current_thread() is not threading.main_thread(): return f(*args, **kw)
        with lent_wakeup_fd(): return f(*args, **kw)
    return call

@contextmanager
def lent_wakeup_fd():
    "Let others take the wake-up descriptor, up to the end of the block. On the main thread."
    wakeup_fd = signal.set_wakeup_fd(-1)
    try: yield
    finally: signal.set_wakeup_fd(wakeup_fd, warn_on_full_buffer=False)

def run_nested(loop, future):
    "`loop.run_until_complete(future)` for a cell that `loop` itself runs: all but the cell goes on meanwhile."
    theirs = asyncio.isfuture(future)
    future = asyncio.ensure_future(future, loop=loop)
    task = asyncio.current_task(loop)  # None in a callback
    if task: asyncio.tasks._leave_task(loop, task)
    try:
        while not future.done(): loop._run_once()
    except BaseException:
        if not theirs: future.cancel()
        raise
    finally:
        if task: asyncio.tasks._enter_task(loop, task)
    return future.result()

def aside(f):
    "`f`, run while our loop and its task are out of sight if a plain cell calls it."
    @wraps(f)
    def call(*args, **kw):
        "What takes the place of `f`."
        loop = asyncio._get_running_loop()
        hidden = loop and plain(sys._getframe(1))
        task = leave_loop(loop) if hidden else None
        try: return f(*args, **kw)
        except BaseException as e:
            e.with_traceback(e.__traceback__.tb_next)  # this frame is none of the user's
            raise
        finally:
            if hidden: enter_loop(loop, task)
    return call

def leave_loop(loop):
    "Put `loop`, which runs, and its current task out of sight; that task. From Python 3.14 on a thread has one, whichever loop it runs."
    task = asyncio.current_task(loop)
    if task: asyncio.tasks._leave_task(loop, task)
    asyncio._set_running_loop(None)
    return task

def enter_loop(loop, task):
    "Put `loop` and its task where they were; also as the loop of the thread, if that has none: `asyncio.run` takes it away."
    try: asyncio.get_event_loop()
    except RuntimeError: asyncio.set_event_loop(loop)
    asyncio._set_running_loop(loop)
    if task: asyncio.tasks._enter_task(loop, task)

def plain(frame):
    "True if `frame` is called by a cell, without a coroutine of the user's in between."
    while frame and frame.f_code is not drive_code:
        theirs = not frame.f_globals.get("__name__", "").startswith(("ipymini.", "IPython.core."))
        if theirs and frame.f_code.co_flags & (CO_COROUTINE|CO_ASYNC_GENERATOR): return False
        frame = frame.f_back
    return frame is not None
