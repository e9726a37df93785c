"""Where code runs: a queue of messages and an asyncio loop, on the main thread or on a thread of its own.

It is handed `serve`, the coroutine function that handles one message. Read `forever` for the thread, `run` for the life of a queue; the user's code
runs in `interrupts`."""
import sys, threading
from collections import deque
from contextvars import copy_context
from threading import get_ident
from traceback import walk_tb
from types import SimpleNamespace

from .interrupts import UserCode, callback_code
from .light_asyncio import asyncio
from .system.clock import clock

class Subshell:
    "Runs one message after the other; `put`, `tell`, `take`, `interrupt` and `stop` may be called from any thread"
    def __init__(self, serve, id=None):
        self.serve,self.id,self.queue = serve,id,deque()
        self.loop = asyncio.new_event_loop()
        self.loop._ready = Ready()
        self.loop.set_exception_handler(uncaught)
        self.loop.time = clock.monotonic  # whatever a cell puts into `time`
        self.msg,self.runner,self.tid = None,None,None
        self.aborting,self.closing,self.since = False,False,0
        self.user_code = UserCode(self)
        self.taking = threading.Lock()  # for who takes messages out of the queue: this subshell, or `Overtaking`, which moves several in one step

    def start(self, traced=True):
        "Run on a thread of its own; unless it is `traced`, it runs on while the debugger stops user threads."
        t = threading.Thread(target=self.forever, name=f"subshell {self.id}", daemon=True)
        if not traced: t.pydev_do_not_trace = t.is_pydev_daemon_thread = True
        t.start()

    def forever(self):
        "Run on this thread until `stop`"
        self.tid,here.subshell = get_ident(),self
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
        here.subshell = None  # the loop must not die behind its thread: the debugger would take that for another

    def escaped(self, e):
        """Deal with what has left the loop: KeyboardInterrupt or SystemExit of a callback or a task, or anything that a signal handler raised

        What a handler raised while a cell awaits belongs to the cell. An interrupt of a callback has done its work, all else is told."""
        self.tell(self.look)
        of_callback = any(frame.f_code is callback_code for frame,_ in walk_tb(e.__traceback__))
        if self.user_code.awaits() and not of_callback: self.user_code.doom(self.msg, None if isinstance(e, KeyboardInterrupt) else e)
        elif not isinstance(e, KeyboardInterrupt):
            whose = "a background task or callback" if of_callback else "a signal handler, between two cells,"
            self.loop.call_exception_handler(dict(message=f"{type(e).__name__} was raised by {whose}", exception=e))

    async def run(self):
        "Handle what is queued; `look` starts this again when more has come"
        hide_task(asyncio.current_task())
        while not self.closing:
            with self.taking:
                if not self.queue: break
                self.since = clock.monotonic()
                o = self.msg = self.queue[0]  # before it leaves the queue: a signal handler that looks for the next cell finds it at any time
                self.queue.popleft()
            try: await self.serve(self, o)
            finally: self.msg = None

    def put(self, o):
        "Queue the message `o`."
        self.queue.append(o)
        self.tell(self.look)

    def tell(self, f, *args):
        "Call `f` on this subshell's thread as soon as its loop is free"
        try: self.loop.call_soon_threadsafe(f, *args)
        except RuntimeError: pass  # closed

    def look(self):
        "Something has come: run it, or serve comm messages beside a cell that awaits, which may wait for just them"
        if self.user_code.running: self.comms(self.loop.create_task)
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

    def handle_comms(self):
        "Handle the comm messages that wait in the queue, on this subshell's thread, which the caller blocks."
        self.comms(step)

    def take(self, choose):
        "Take out of the queue, in one step, the messages that `choose` picks from a list of it"
        with self.taking:
            taken = choose(list(self.queue))
            for o in taken: self.queue.remove(o)
        return taken

    def abort_queued(self):
        "Have the cells that are queued now refused, and run those that come from now on. On the shell thread"
        with self.taking:
            for msg in self.queue: msg.aborted = True
            self.aborting = False

    def stop(self):
        self.closing = True
        self.tell(self.loop.stop)

here = threading.local()  # subshell: the one whose thread this is
eager = dict(eager_start=True) if sys.version_info >= (3, 12) else {}

def step(coro): next(coro.__await__(), None)

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
