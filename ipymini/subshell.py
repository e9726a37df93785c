"""Where code runs: a queue and an asyncio loop, on the main thread or on a thread of its own; interrupts and aborts.

Imports nothing of ours but the clock: it is handed `serve`, the coroutine function that handles one message. Read `run` for the life of a queue, `user` and
`drive` for user code, then `interrupt`. User code runs below the frame of `drive`, and only there: who interrupts looks for that frame instead of trusting
a flag.

What an interrupt does depends on where the subshell's thread is, which its frame tells:

| state | told by | an interrupt |
|---|---|---|
| idle | no message, none queued | does nothing |
| loading, no startup file runs | not open yet | hits the first cell that has arrived when it begins |
| a startup file runs | below `drive` | is raised there, and hits the first cell that has arrived |
| between cells | user code has ended or none runs | hits the next cell that has arrived when it begins |
| busy, before user code | not below `drive` yet | hits this cell when it begins |
| in user code | below `drive` | is raised there |
| awaiting | the cell's task waits | wakes the task and is thrown at the await |
| in a callback of the user's | below the loop's `Handle._run` | is raised there, if no cell awaits, or one has been hit already |
| in our code, called by user code | below `drive`, in `ipymini.*` | comes again a millisecond later |
| in delicate code | below `drive`, in one of `delicate`, entering a `with`, or where IPython swallows it | comes again a millisecond later, `patience` times at most |
| in `drive` itself | its own frame | comes again a millisecond later |

A signal that comes just before a call that blocks would be handled when that returns: the control thread breaks into the call a little later."""
import os, sys, threading
from collections import deque
from contextvars import Context, copy_context
from importlib import import_module
from opcode import opmap
from threading import get_ident
from traceback import walk_tb
from types import ModuleType, SimpleNamespace, coroutine

from .system.clock import clock

class Later(ModuleType):
    "A module that is imported when something of it is asked for"
    def __getattr__(self, name): return getattr(import_module(self.__name__), name)

# asyncio needs them for TLS only; they take 5 of the 110 ms until the first result. What it holds on to looks them up, all others find the real ones
later = {name: Later(name) for name in ("ssl", "asyncio.sslproto") if name not in sys.modules}
sys.modules.update(later)
import asyncio
from asyncio.base_events import BaseEventLoop
for name in later: del sys.modules[name]
# from Python 3.14 on it makes an RLock for each call from another thread: it keeps those it knows, whatever a cell puts into `threading`
asyncio.events.threading = SimpleNamespace(**vars(threading))

class Subshell:
    "Runs one message after the other; `put`, `tell`, `take`, `interrupt` and `stop` may be called from any thread"
    def __init__(self, serve, id=None, traced=True):
        self.serve,self.id,self.traced,self.q = serve,id,traced,deque()
        self.loop,self.context = asyncio.new_event_loop(),Context()  # one context for all cells: what one sets the next finds
        self.loop._ready = Ready()
        self.loop.set_exception_handler(uncaught)
        self.loop.time = clock.monotonic  # whatever a cell puts into `time`
        self.msg,self.runner,self.tid = None,None,None
        self.running = False  # True while the code of a cell runs
        self.task = None  # the Task of the cell that runs, once it has begun
        self.aborting,self.closing,self.asked,self.hits,self.since = False,False,0,0,0
        self.put_off = 0  # how often in a row an interrupt was put off
        self.lock = threading.Lock()
        self.taking = threading.Lock()  # for who takes messages out of the queue: this subshell, or `Overtaking`, which moves several in one step
        self.doomed = None  # the cell that `verdict` is thrown into as soon as its code begins or goes on
        self.verdict = None
        self.ended = None  # the last cell whose code has ended

    def start(self):
        "Run on a thread of its own"
        t = threading.Thread(target=self.forever, name=f"subshell {self.id}", daemon=True)
        if not self.traced: t.pydev_do_not_trace = t.is_pydev_daemon_thread = True  # runs on while the debugger stops user threads
        t.start()

    def forever(self):
        "Run on this thread until `stop`"
        self.tid,here.sub = get_ident(),self
        asyncio.set_event_loop(self.loop)
        self.tell(self.look)
        stopped = False
        while not stopped:
            try:
                self.loop.run_forever()
                stopped = self.closing  # else a cell has called `loop.stop`
            except BaseException as e: self.escaped(e)
        tasks = asyncio.all_tasks(self.loop)
        if self.runner and not self.runner.done(): tasks.add(self.runner)
        for t in tasks: t.cancel()
        if tasks: self.loop.run_until_complete(asyncio.wait(tasks))
        self.loop.close()
        here.sub = None  # the loop must not die behind its thread: the debugger would take that for another

    def escaped(self, e):
        """Deal with what has left the loop: KeyboardInterrupt or SystemExit of a callback or a task, or anything that a signal handler raised

        What a handler raised while a cell awaits belongs to the cell. An interrupt of a callback has done its work, all else is told."""
        self.tell(self.look)
        of_callback = any(frame.f_code is call_code for frame,_ in walk_tb(e.__traceback__))
        if self.awaits() and not of_callback: self.doom(self.msg, None if isinstance(e, KeyboardInterrupt) else e)
        elif not isinstance(e, KeyboardInterrupt):
            whose = "a background task or callback" if of_callback else "a signal handler, between two cells,"
            self.loop.call_exception_handler(dict(message=f"{type(e).__name__} was raised by {whose}", exception=e))

    async def run(self):
        "Handle what is queued; `look` starts this again when more has come"
        hide_task(asyncio.current_task())
        while not self.closing:
            with self.taking:
                if not self.q: break
                self.since = clock.monotonic()
                o = self.msg = self.q[0]  # before it leaves the queue: a signal handler that looks for the next cell finds it at any time
                self.q.popleft()
            try: await self.serve(self, o)
            finally: self.msg = None

    def put(self, o):
        "Queue the message `o`."
        self.q.append(o)
        self.tell(self.look)

    def tell(self, f, *args):
        "Call `f` on this subshell's thread as soon as its loop is free"
        try: self.loop.call_soon_threadsafe(f, *args)
        except RuntimeError: pass  # closed

    def look(self):
        "Something has come: run it, or serve comm messages beside a cell that awaits, which may wait for just them"
        if self.running: self.comms(self.loop.create_task)
        elif not self.runner or self.runner.done():
            self.runner = self.begin(self.run())
            hide_task(self.runner)

    def begin(self, coro, context=None):
        "A task for `coro`; at once, not in the loop's next round, where Python can do that"
        return asyncio.Task(coro, loop=self.loop, context=context, **eager)

    def comms(self, run):
        "Take the comm messages out of the queue and have `run` run the coroutines that serve them; one by one, as a callback may take the next itself"
        def first(queue): return [o for o in queue if o.type in ("comm_open", "comm_msg", "comm_close")][:1]
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

    def abort_queued(self):
        "Have the cells that are queued now refused, and run those that come from now on. On the shell thread"
        with self.taking:
            for msg in self.q: msg.aborted = True
            self.aborting = False

    def stop(self):
        self.closing = True
        self.tell(self.loop.stop)

    async def user(self, coro):
        "The result of `coro`, run as user code in a task of its own"
        async def cell():  # hands KeyboardInterrupt and its like past asyncio, which would leave its loop for them
            self.task = asyncio.current_task()  # from now on `wake` may cancel it: a task that has not begun would never run
            try: return await self.drive(coro, True),None
            except BaseException as e: return None,e
        self.asked,self.hits,self.running = 0,0,True
        try:
            task = self.begin(cell(), self.context)
            if self.msg is self.doomed: self.wake()  # it awaits already, where tasks begin at once
            res,exc = await task
            if exc: raise exc
            return res
        except asyncio.CancelledError: raise KeyboardInterrupt from None  # an `Interrupted`, or it cancelled itself
        finally:
            try: self.leave()
            except KeyboardInterrupt:  # `interrupt` injected it when the code was ending
                self.leave()
                raise
            if sys.gettrace() is untraced: sys.settrace(None)

    def leave(self):
        "From now on `interrupt` leaves this thread alone; what it has injected is raised here at the latest, as Python looks for it after each call"
        with self.lock:
            self.task,self.running = None,False
            self.ended = self.msg

    @coroutine
    def drive(self, coro, cell=False):
        "Run `coro`; what an interrupt or a signal handler has for a cell that begins or awaits is thrown into it"
        exc,pid = None,os.getpid()
        while True:
            if cell and self.msg is self.doomed: exc,self.doomed = self.verdict,None
            try: fut = coro.throw(exc) if exc else coro.send(None)
            except StopIteration as e:
                if cell: self.ended = self.msg
                return e.value
            finally:
                if os.getpid() != pid: leave_child()
            try: exc = yield fut
            except asyncio.CancelledError as e:
                exc = e
                self.uncancel()
                if self.hits >= insistence:
                    abandoned.append(coro)  # it swallows what ends others, and would swallow the close of its end, on whatever thread that came
                    raise exc from None
            except BaseException as e: exc = e

    def uncancel(self):
        "Take back the cancellations of `wake`, so that time-outs and task groups of the cell do not count them"
        for _ in range(self.asked): self.task.uncancel()
        self.asked = 0

    def must_wait(self, frame):
        "True if an interrupt that comes while this thread is at `frame` has to come again, as the table says"
        wait = self.delicate(frame) and (self.put_off < patience or frame.f_code is drive_code)
        self.put_off = self.put_off+1 if wait else 0
        return wait

    def delicate(self, frame):
        "True if `frame` is in code, called by the user's, that an interrupt could break or that could swallow it"
        if not self.in_user_code(frame): return False
        return frame.f_code is drive_code or frame.f_globals.get("__name__", "").startswith(delicate) or enters(frame) or swallows(frame)

    def in_user_code(self, frame):
        hit = self.doomed is not None and self.doomed is self.msg  # a callback holds up the cell that is to go on
        return below(frame, drive_code) or stray(frame, hit or not self.awaits())

    def awaits(self): return self.task is not None and not self.task.done()

    def interrupt(self, frame):
        """Interrupt what this subshell's thread does at `frame`, as the table says, unless it `must_wait`

        On that thread, in a signal handler, KeyboardInterrupt is raised right here. False if it has to come again, as the thread has moved on."""
        mine = get_ident() == self.tid
        if self.in_user_code(frame): return self.raise_here(frame) if mine else self.raise_there(frame)
        self.hits += 1
        self.doom(self.next_cell())
        return mine or not self.doomed or not below(sys._current_frames().get(self.tid), drive_code)

    def raise_here(self, frame):
        "Raise KeyboardInterrupt, in a signal handler on this subshell's thread"
        self.has_hit(frame)
        if self.hits >= insistence: insist(frame)
        raise KeyboardInterrupt

    def raise_there(self, frame):
        "Raise KeyboardInterrupt in this subshell's thread, from another one; False if it is no longer at `frame`"
        with self.lock:
            if not inject(self.tid, frame): return False
            self.has_hit(frame)
        return True

    def has_hit(self, frame):
        "Count an interrupt that is raised at `frame`; one of a callback leaves the cell, which it holds up, doomed"
        self.hits += 1
        if below(frame, drive_code): self.doomed = None

    def next_cell(self):
        "The cell that runs, or is about to, else the first that has arrived"
        cells = (o for o in (self.msg, *self.q) if o and o.type == "execute_request")
        return next((o for o in cells if o is not self.ended), None)

    def doom(self, cell, exc=None):
        "Have `exc`, or KeyboardInterrupt, thrown into `cell` when its code begins or goes on, and see that it does; `cell` may be None"
        self.verdict = exc or Interrupted()
        self.doomed = cell
        if cell: self.tell(self.wake)

    def wake(self):
        "Let the cell that is doomed go on, if it awaits"
        if self.msg is not self.doomed or not self.awaits(): return
        self.asked += 1
        self.task.cancel()

class Interrupted(asyncio.CancelledError, KeyboardInterrupt):
    "The KeyboardInterrupt of a cell that awaits: task groups, time-outs and `except CancelledError` clean up as they do for a cancellation"

Interrupted.__name__ = Interrupted.__qualname__ = "KeyboardInterrupt"  # as which it is shown
Interrupted.__module__ = "builtins"
abandoned = []  # coroutines that nobody waits for any more
drive_code,call_code,start_code = Subshell.drive.__code__,asyncio.Handle._run.__code__,threading.Thread.start.__code__
here = threading.local()  # sub: the subshell whose thread this is
eager = dict(eager_start=True) if sys.version_info >= (3, 12) else {}
insistence = 3  # interrupts of one cell, from which on it does not help to swallow them
patience = 200  # how often in a row an interrupt is put off: delicate code may block
# modules in which a KeyboardInterrupt of a cell could be swallowed, or leave a lock locked; between cells it would hit a later one
delicate = ("ipymini.", "json", "hmac", "importlib._bootstrap", "logging",
    "IPython.core.events", "IPython.core.displaypub", "IPython.core.interactiveshell", "IPython.core.history")
enter_ops = [opmap[name] for name in ("BEFORE_WITH", "LOAD_SPECIAL") if name in opmap]  # Python 3.11 to 3.13; 3.14

def below(frame, code):
    "True if `frame` was called, however far up, by a frame of `code`"
    while frame and frame.f_code is not code: frame = frame.f_back
    return frame is not None

def enters(frame):
    """True if `frame`, or the one that called it, enters a `with`, or it is an `__enter__` or `__exit__` itself

    There a lock may be taken, and its block not begun: nobody would give it back. From Python 3.14 on that is so behind every `__enter__`."""
    if frame.f_code.co_name in ("__enter__", "__exit__"): return True
    return any(at_enter(f) for f in (frame, frame.f_back) if f)

def swallows(frame):
    "True if `frame` is called, however far up, by a function of IPython that takes a KeyboardInterrupt for itself: who shows a traceback, or calls hooks"
    while frame and frame.f_code is not drive_code:
        if frame.f_code.co_name in ("showtraceback", "trigger") and frame.f_globals.get("__name__", "").startswith("IPython.core."): return True
        frame = frame.f_back
    return False

def at_enter(frame):
    "True if the instruction that `frame` is at calls the `__enter__` of a `with`"
    code,at = frame.f_code.co_code,frame.f_lasti
    return code[at] in enter_ops or code[at] == opmap["CALL"] and code[at-2] in enter_ops

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
    return bool(allowed and frame and inner and (name == "ipymini.features.gui" or not name.startswith(("ipymini.", "asyncio."))))

def uncaught(loop, context):
    "Report an exception that nobody awaits, as asyncio does, on behalf of whoever made the task or callback"
    o = context.get("task") or context.get("future") or context.get("handle")
    ctx = o.get_context() if hasattr(o, "get_context") else getattr(o, "_context", None)  # a task's: from Python 3.12 on
    (ctx or copy_context()).copy().run(loop.default_exception_handler, context)

def hide_task(task):
    "Leave `task`, which is ours, out of `asyncio.all_tasks()`: cells cancel what they find there"
    asyncio.tasks._unregister_task(task)
    if hasattr(asyncio.tasks, "_unregister_eager_task"): asyncio.tasks._unregister_eager_task(task)

class Ready(deque):
    "The callbacks that a loop calls next; when `run_nested` has called them before the round that counted them, nothing is called in their place"
    def popleft(self): return super().popleft() if self else nothing

nothing = SimpleNamespace(_cancelled=True)  # a handle that the loop passes over

def leave_child():
    "End a forked child at the end of its cell: it has no business in our loop"
    for f in (sys.stdout, sys.stderr): f.flush()
    os._exit(0)
