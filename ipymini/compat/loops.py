"Event loops of the user's within ours: `asyncio.run` and its like work in a plain cell."
import asyncio, sys
from asyncio.base_events import BaseEventLoop
from functools import wraps
from inspect import CO_ASYNC_GENERATOR, CO_COROUTINE

from ..subshell import drive_code

def let_loops_nest():
    "Let `asyncio.run` and its like work in a plain cell, though our loop runs; inside `async def` they raise as ever"
    for cls,name in ((asyncio.Runner, "run"), (asyncio.Runner, "close"), (BaseEventLoop, "run_forever"), (BaseEventLoop, "run_until_complete")):
        setattr(cls, name, aside(getattr(cls, name)))
    asyncio.run = asyncio.runners.run = aside(asyncio.run)

def aside(f):
    "`f`, run while our loop is out of sight if a plain cell calls it"
    @wraps(f)
    def call(*args, **kw):
        loop = asyncio._get_running_loop()
        hidden = loop and plain(sys._getframe(1))
        if hidden: asyncio._set_running_loop(None)
        try: return f(*args, **kw)
        except BaseException as e:
            e.with_traceback(e.__traceback__.tb_next)  # this frame is none of the user's
            raise
        finally:
            if hidden: asyncio._set_running_loop(loop)
    return call

def plain(frame):
    "True if `frame` is called by a cell, without a coroutine of the user's in between"
    while frame and frame.f_code is not drive_code:
        theirs = not frame.f_globals.get("__name__", "").startswith(("ipymini.", "IPython.core."))
        if theirs and frame.f_code.co_flags & (CO_COROUTINE|CO_ASYNC_GENERATOR): return False
        frame = frame.f_back
    return frame is not None
