"""Where code runs: a queue of messages and an asyncio loop, on the main thread or on a thread of its own.

It is handed `serve`, the coroutine function that handles one message. Read `forever` for the thread, `run` for the life
of a queue; the user's code runs in `interrupts`."""
import sys, threading
from collections import deque
from contextvars import copy_context
from functools import partial
from threading import get_ident
from traceback import walk_tb
from types import SimpleNamespace

from .interrupts import UserCode, callback_code
from .light_asyncio import asyncio
from .system.clock import clock

here = threading.local()  # subshell: the one whose thread this is
comm_types = "comm_open","comm_msg","comm_close"
eager = dict(eager_start=True) if sys.version_info >= (3, 12) else {}

class Subshell:
    "Runs one message after the other; `enqueue`, `call_soon`, `take` and `stop` may be called from any thread."
    def __init__(self, serve, id=None):
        self.serve = serve
        self.id = id
        self.queue = deque()   # messages that wait
        self.msg = None        # the message that is handled
        self.since = 0         # when that began
        self.tid = None        # the thread
        self.task = None       # the Task of the newest message; before Python 3.12 it begins in the loop's next round
        self.aborting = False  # True from a cell that ends in an error until `abort_queued`: cells are refused
        self.closing = False   # True once it is to end
        self.user_code = UserCode(self)
        self.taking = threading.Lock()  # messages enter and leave the queue: one by one, or several in one step (`Overtaking`)
        self.loop = make_loop()

    # -- the thread

    def start(self, traced=True):
        "Run on a thread of its own; unless it is `traced`, it runs on while the debugger stops user threads."
        thread = threading.Thread(target=self.forever, name=f"subshell {self.id}", daemon=True)
        if not traced: thread.pydev_do_not_trace = thread.is_pydev_daemon_thread = True
        thread.start()

    def forever(self):
        "Run on this thread until `stop`."
        self.tid = get_ident()
        here.subshell = self
        asyncio.set_event_loop(self.loop)
        self.call_soon(self.schedule)
        stopped = False
        while not stopped:
            try:
                self.loop.run_forever()
                stopped = self.closing  # else a cell has called `loop.stop`
            except BaseException as e: self.on_escape(e)
        self.cancel_tasks()
        self.loop.close()
        here.subshell = None  # the loop must not die behind its thread: the debugger would take that for another

    def on_escape(self, exception):
        """Deal with what has left the loop: an exception of a callback, a task or a signal handler.

        Of the first two only KeyboardInterrupt and SystemExit do. What a handler raised while a cell awaits belongs to
        the cell. An interrupt of a callback has done its work, all else is told."""
        self.call_soon(self.schedule)
        is_interrupt = isinstance(exception, KeyboardInterrupt)
        of_callback = any(frame.f_code is callback_code for frame,_ in walk_tb(exception.__traceback__))
        if self.user_code.running and not of_callback:
            self.user_code.doom(self.msg, None if is_interrupt else exception)
        elif not is_interrupt:
            whose = "a background task or callback" if of_callback else "a signal handler, between two cells,"
            message = f"{type(exception).__name__} was raised by {whose}"
            self.loop.call_exception_handler(dict(message=message, exception=exception))

    def cancel_tasks(self):
        "Cancel what still runs in the loop, and wait until it has ended."
        tasks = asyncio.all_tasks(self.loop)
        for task in tasks: task.cancel()
        if tasks: self.loop.run_until_complete(asyncio.wait(tasks))

    def stop(self):
        "End as soon as the loop is free: a cell that awaits is cancelled, and what waits is not handled any more."
        self.closing = True
        self.call_soon(self.loop.stop)

    # -- the queue

    def is_free(self):
        "True if nothing waits or is handled; whatever leaves the queue is handled first."
        return not self.queue and not self.msg

    def enqueue(self, msg):
        "Have `msg` handled after those that wait."
        with self.taking: self.queue.append(msg)
        self.call_soon(self.schedule)

    def waiting(self):
        """The messages that wait, as a list.

        Signal handlers ask, who can take no lock: without the GIL the queue may change while it is read, and is read anew."""
        while True:
            try: return list(self.queue)
            except RuntimeError: pass

    def call_soon(self, function, *args):
        "Call `function` on this subshell's thread as soon as its loop is free; never, if that is closed."
        try: self.loop.call_soon_threadsafe(function, *args)
        except RuntimeError: pass  # closed

    def schedule(self, ended=None):
        """Handle the next message in a task of its own, behind whose end this is called again.

        Beside a cell that awaits: handle the comm messages, as it may wait for just them."""
        if self.user_code.running: self.serve_comms(self.begin_beside)
        elif self.queue and not (self.msg or self.closing) and (not self.task or self.task.done()):
            self.task = asyncio.Task(self.run(), loop=self.loop, context=self.user_code.context, **eager)
            self.task.add_done_callback(self.schedule)
            # what has begun may be a cell that awaits, and comm messages be queued behind it: no other call comes for those
            if self.queue: self.loop.call_soon(self.schedule)

    async def run(self):
        "Handle the message that has waited longest, in the context of all cells: what one sets the next finds."
        with self.taking:
            if not self.queue: return  # where tasks do not begin at once, it may have left
            self.since = clock.monotonic()
            self.msg = self.queue[0]  # still queued: a signal handler that looks for the next cell always finds it
            self.queue.popleft()
        try: await self.serve(self, self.msg)
        except GeneratorExit: pass  # of what the cell awaited: asyncio has closed all below with it, and the reply tells it
        finally: self.msg = None

    def begin_beside(self, coro):
        """Begin a task for `coro` beside the cell that runs, in a copy of its context.

        Two cannot be in one, and either may run the loop nested, in which the other goes on."""
        asyncio.Task(coro, loop=self.loop, context=self.user_code.context.copy())

    def handle_comms(self):
        "Handle the comm messages that wait, on this subshell's thread, which the caller blocks."
        self.serve_comms(step)

    def serve_comms(self, run):
        "Have `run` run the coroutine that serves each comm message that waits; a callback may take the next itself."
        while taken := self.take(first_comm): run(self.serve(self, *taken))

    def take(self, choose):
        "Take out of the queue, in one step, the messages that `choose` picks from a list of it."
        with self.taking:
            taken = choose(list(self.queue))
            for msg in taken: self.queue.remove(msg)
        return taken

    def abort_queued(self):
        "Have the cells that are queued now refused, and run those that come from now on. On the shell thread."
        with self.taking:
            running = self.msg  # may not have looked at `aborting` yet; its own thread may end it meanwhile
            for msg in filter(None, (running, *self.queue)): msg.aborted = True
            self.aborting = False

def first_comm(msgs):
    "The first comm message among `msgs`, in a list that is empty if there is none."
    return [msg for msg in msgs if msg.type in comm_types][:1]

def step(coro):
    "Run `coro` up to its first await, at which it is left."
    next(coro.__await__(), None)

# -- the loop

def make_loop():
    "A loop that runs on, whatever cells do to the clock and to its callbacks."
    loop = asyncio.new_event_loop()
    loop._ready = Ready()
    loop.time = clock.monotonic  # whatever a cell puts into `time`
    # no handler that is set: a cell that takes its own back, by None, would take ours away
    loop.default_exception_handler = partial(show_uncaught, loop.default_exception_handler)
    return loop

class Ready(deque):
    """The callbacks that a loop calls next.

    When `run_nested` has called them before the round that counted them, nothing is called in their place."""
    def popleft(self): return super().popleft() if self else nothing

nothing = SimpleNamespace(_cancelled=True)  # a handle that the loop passes over

def show_uncaught(show, details):
    "Have `show`, asyncio's own, report an exception that nothing awaits on behalf of the cell that made the task or callback."
    source = details.get("task") or details.get("future") or details.get("handle")
    if hasattr(source, "get_context"): context = source.get_context()  # a task, from Python 3.12 on
    else: context = getattr(source, "_context", None)
    (context or copy_context()).copy().run(show, details)
