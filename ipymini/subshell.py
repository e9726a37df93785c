"""Where code runs: a queue and an asyncio loop, on the main thread or on a thread of its own; interrupts and aborts.

Imports nothing of ours but the clock: it is handed `serve`, the coroutine function that handles one message. Read `run` for the life of a queue, `user` and
`drive` for user code, then `interrupt`. User code runs below the frame of `drive`, and only there: who interrupts looks for that frame instead of trusting
a flag."""
import os, sys, threading
from collections import deque
from contextvars import Context, copy_context
from functools import wraps
from importlib import import_module
from inspect import CO_ASYNC_GENERATOR, CO_COROUTINE
from types import ModuleType, coroutine

from .system import clock

class Later(ModuleType):
    "A module that is imported when something of it is asked for"
    def __getattr__(self, name): return getattr(import_module(self.__name__), name)

# asyncio needs them for TLS only; they take 5 of the 110 ms until the first result. What it holds on to looks them up, all others find the real ones
later = {name: Later(name) for name in ("ssl", "asyncio.sslproto") if name not in sys.modules}
sys.modules.update(later)
import asyncio
from asyncio.base_events import BaseEventLoop
for name in later: del sys.modules[name]

class Subshell:
    "Runs one message after the other; `put`, `tell`, `take`, `interrupt` and `stop` may be called from any thread"
    def __init__(self, serve, id=None, traced=True):
        self.serve,self.id,self.traced,self.q = serve,id,traced,deque()
        self.loop,self.context = asyncio.new_event_loop(),Context()  # one context for all cells: what one sets the next finds
        self.loop.set_exception_handler(uncaught)
        self.loop.time = clock.monotonic  # whatever a cell puts into `time`
        self.msg,self.runner,self.task,self.tid = None,None,None,None
        self.aborting,self.closing,self.asked,self.hits,self.since = False,False,0,0,0
        self.lock = threading.Lock()
        self.taking = threading.Lock()  # for who takes messages out of the queue: this subshell, or `Overtaking`, which moves several in one step
        self.doomed,self.ended = None,None  # the cell that an interrupt hit before it began; the last cell whose code has ended

    def start(self):
        "Run on a thread of its own"
        t = threading.Thread(target=self.forever, name=f"subshell {self.id}", daemon=True)
        if not self.traced: t.pydev_do_not_trace = t.is_pydev_daemon_thread = True  # runs on while the debugger stops user threads
        t.start()

    def forever(self):
        "Run on this thread until `stop`"
        self.tid,here.sub = threading.get_ident(),self
        asyncio.set_event_loop(self.loop)
        self.tell(self.look)
        stopped = False
        while not stopped:
            try:
                self.loop.run_forever()
                stopped = self.closing  # else a cell has called `loop.stop`
            except BaseException: self.tell(self.look)  # KeyboardInterrupt or SystemExit, which asyncio passes on from a callback or a task
        for t in (tasks := asyncio.all_tasks(self.loop)): t.cancel()
        if tasks: self.loop.run_until_complete(asyncio.wait(tasks))
        self.loop.close()
        here.sub = None  # the loop must not die behind its thread: the debugger would take that for another

    async def run(self):
        "Handle what is queued; `look` starts this again when more has come"
        while not self.closing:
            with self.taking:
                if not self.q: break
                o = self.q.popleft()
            self.msg,self.since = o,clock.monotonic()
            try: o() if callable(o) else await self.serve(self, o)
            finally: self.msg = None

    def put(self, o):
        "Queue `o`, a message or a function"
        self.q.append(o)
        self.tell(self.look)

    def tell(self, f, *args):
        "Call `f` on this subshell's thread as soon as its loop is free"
        try: self.loop.call_soon_threadsafe(f, *args)
        except RuntimeError: pass  # closed

    def look(self):
        "Something has come: run it, or serve comm messages beside a cell that awaits, which may wait for just them"
        if self.task: self.comms(self.loop.create_task)
        elif not self.runner or self.runner.done(): self.runner = self.begin(self.run())

    def begin(self, coro, context=None):
        "A task for `coro`; at once, not in the loop's next round, where Python can do that"
        return asyncio.Task(coro, loop=self.loop, context=context, **eager)

    def comms(self, run):
        "Take the comm messages out of the queue and have `run` run the coroutines that serve them; one by one, as a callback may take the next itself"
        def first(queue): return [o for o in queue if isinstance(o, dict) and o.type in ("comm_open", "comm_msg", "comm_close")][:1]
        while taken := self.take(first): copy_context().run(run, self.serve(self, *taken))

    def wait_until(self, condition, timeout):
        "True once `condition()` is, False after `timeout` seconds; serves comm messages meanwhile, on this thread, which `condition` blocks"
        end = None if timeout is None else clock.monotonic()+timeout
        while not condition():
            if end and clock.monotonic() > end: return False
            self.comms(lambda coro: next(coro.__await__(), None))
            if not condition(): clock.sleep(.01)
        return True

    def take(self, choose):
        "Take out of the queue, in one step, the messages that `choose` picks from a list of it"
        with self.taking:
            taken = choose(list(self.q))
            for o in taken: self.q.remove(o)
        return taken

    def stop(self):
        self.closing = True
        self.tell(self.loop.stop)

    async def user(self, coro):
        "The result of `coro`, run as user code in a task of its own"
        async def cell():  # hands KeyboardInterrupt and its like past asyncio, which would leave its loop for them
            try: return await self.drive(coro, True),None
            except BaseException as e: return None,e
        self.asked,self.hits,self.task = 0,0,True
        try:
            self.task = self.begin(cell(), self.context)
            if self.msg is self.doomed: self.cancel()  # it awaits already
            res,exc = await self.task
            if exc: raise exc
            return res
        except asyncio.CancelledError: raise KeyboardInterrupt from None  # it cancelled itself
        finally:
            try: self.leave()
            except KeyboardInterrupt:  # `interrupt` injected it when the code was ending
                self.leave()
                raise
            if sys.gettrace() is untraced: sys.settrace(None)

    def leave(self):
        "From now on `interrupt` leaves this thread alone; what it has injected is raised here at the latest, as Python looks for it after each call"
        with self.lock: self.task,self.ended = None,self.msg

    @coroutine
    def drive(self, coro, cell=False):
        "Run `coro`; the cancellation that `interrupt` asks for reaches it as KeyboardInterrupt"
        exc,pid = None,os.getpid()
        while True:
            if cell and self.msg is self.doomed: self.doomed,exc = None,KeyboardInterrupt()
            try: fut = coro.throw(exc) if exc else coro.send(None)
            except StopIteration as e: return e.value
            finally:
                if os.getpid() != pid: leave_child()
            try: exc = yield fut
            except asyncio.CancelledError as e:
                exc = KeyboardInterrupt() if self.uncancel() else e
                if self.hits >= insistence:
                    abandoned.append(coro)  # it swallows what ends others, and would swallow the close of its end, on whatever thread that came
                    raise exc from None
            except BaseException as e: exc = e

    def uncancel(self):
        "True if it was `interrupt` that cancelled the task"
        asked,self.asked = self.asked,0
        for _ in range(asked): self.task.uncancel()
        return asked

    def interrupt(self, frame):
        """Raise KeyboardInterrupt in the user code of this subshell, which is at `frame`: right here, when called by a signal handler on its thread

        Between cells it hits the next one that is queued, else nothing. False if now is not the time: `frame` is left already, or starts a thread."""
        if threading.get_ident() == self.tid: return self.hit(frame, True)
        with self.lock: return self.hit(frame, False)

    def hit(self, frame, mine):
        waits = self.task and self.task is not True and not self.task.done()
        inside = frame is None or frame.f_code is not drive_code  # `drive` itself is never hit: the cell would be lost
        if inside and (below(frame, drive_code) or stray(frame, self.asked or not waits)):
            if not mine and not inject(self.tid, frame): return False
            self.hits += 1
            if not mine: return True
            if self.hits >= insistence: insist(frame)
            raise KeyboardInterrupt
        self.hits += 1
        if waits: self.cancel()
        else: self.doomed = next((o for o in (self.msg, *self.q) if getattr(o, "type", "") == "execute_request" and o is not self.ended), None)
        return True

    def cancel(self):
        self.doomed,self.asked = None,self.asked+1
        self.tell(self.task.cancel)

abandoned = []  # coroutines that nobody waits for any more
drive_code,call_code,start_code = Subshell.drive.__code__,asyncio.Handle._run.__code__,threading.Thread.start.__code__
here = threading.local()  # sub: the subshell whose thread this is
eager = dict(eager_start=True) if sys.version_info >= (3, 12) else {}
insistence = 3  # interrupts of one cell, from which on it does not help to swallow them

def below(frame, code):
    "True if `frame` was called, however far up, by a frame of `code`"
    while frame and frame.f_code is not code: frame = frame.f_back
    return frame is not None

def inject(tid, frame):
    "Raise KeyboardInterrupt in the thread `tid`, which is at `frame`; False if it has moved on, or starts a thread: Python 3.11 would raise it there"
    from ctypes import c_ulong, py_object, pythonapi
    args = c_ulong(tid),py_object(KeyboardInterrupt)
    if below(frame, start_code) or sys._current_frames().get(tid) is not frame: return False
    pythonapi.PyThreadState_SetAsyncExc(*args)
    rouse(frame)
    return True

def rouse(frame):
    "Wake the loop that waits in `frame`, if one does: nested in a cell, it would see the exception only when it wakes"
    while frame and frame.f_code is not BaseEventLoop._run_once.__code__: frame = frame.f_back
    if frame: frame.f_locals["self"].call_soon_threadsafe(lambda: None)

def insist(frame):
    "Raise KeyboardInterrupt once more at the next line that user code comes to, should it swallow the one that is coming"
    def again(frame, event, arg):
        if event == "line": raise KeyboardInterrupt
        return again
    while frame.f_code is not drive_code and frame.f_back:
        frame.f_trace = again
        frame = frame.f_back
    sys.settrace(untraced)

def untraced(frame, event, arg): "Trace no function but those that are traced already"

def stray(frame, allowed):
    "True if `frame` belongs to a callback of the loop that is neither a cell nor ours"
    inner = None
    while frame and frame.f_code is not call_code: inner,frame = frame,frame.f_back
    name = inner.f_globals.get("__name__", "") if inner else ""
    return bool(allowed and frame and inner and (name == "ipymini.gui" or not name.startswith(("ipymini.", "asyncio."))))

def uncaught(loop, context):
    "Report an exception that nobody awaits, as asyncio does, on behalf of whoever made the task or callback"
    o = context.get("task") or context.get("future") or context.get("handle")
    ctx = o.get_context() if hasattr(o, "get_context") else getattr(o, "_context", None)  # a task's: from Python 3.12 on
    (ctx or copy_context()).copy().run(loop.default_exception_handler, context)

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

def leave_child():
    "End a forked child at the end of its cell: it has no business in our loop"
    for f in (sys.stdout, sys.stderr): f.flush()
    os._exit(0)
