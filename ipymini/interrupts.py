"""User code, and how a KeyboardInterrupt gets into it and nowhere else.

User code runs below the frame of `UserCode.drive`, and only there: what interrupts looks for that frame instead of
trusting a flag. Read `UserCode.run` and `drive` for the life of a cell's code, then `interrupt` and what it calls, then
the functions that look at frames.

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
| in a callback of the user's | below the loop's `Handle._run` | is raised there, if no cell awaits or it was hit |
| in delicate code | below `drive`, `in_delicate_code` | comes again a millisecond later, `patience` times at most |
| in `drive` itself | its own frame | comes again a millisecond later |

Delicate is our code that user code calls, but for `library_modules`; the other `delicate_modules`; what enters a
`with`; a finaliser; and where IPython swallows an interrupt or loads magics. A signal that comes just before a call that
blocks would be handled when that returns: the side thread breaks into the call a little later, until it is handled
(`signals`)."""
import os, sys, threading
from contextvars import Context
from opcode import opmap
from threading import get_ident
from types import coroutine

from .light_asyncio import asyncio

insistence = 3  # interrupts of one cell, from which on it does not help to swallow them
patience = 200  # how often in a row an interrupt is put off: delicate code may block
# modules in which a KeyboardInterrupt could be swallowed, or leave a lock locked, or hit a later cell
delicate_modules = ("ipymini.", "json", "hmac", "importlib._bootstrap", "logging",
    "IPython.core.events", "IPython.core.displaypub", "IPython.core.interactiveshell", "IPython.core.history")
library_modules = "ipymini.features.", "ipymini.pods."  # but these run as a library of the user's does
# functions of IPython that take a KeyboardInterrupt for themselves, and one behind which some magics are never loaded
delicate_functions = "showtraceback","trigger","load_lazy"

class Interrupted(asyncio.CancelledError, KeyboardInterrupt):
    """The KeyboardInterrupt of a cell that awaits.

    Task groups, time-outs and `except CancelledError` clean up as they do for a cancellation."""

Interrupted.__name__ = Interrupted.__qualname__ = "KeyboardInterrupt"  # as which it is shown
Interrupted.__module__ = "builtins"

class UserCode:
    """The user's code that one subshell runs; any thread may interrupt it.

    Of the subshell it reads `msg`, the message that is handled, `task`, in which that is, `waiting()`, those behind it,
    and `tid`, its thread."""
    def __init__(self, subshell):
        self.subshell = subshell
        self.context = Context()  # one for all cells: what one sets the next finds
        self.running = False      # True while the code of a cell runs: it awaits, if nothing is below `drive`
        self.asked = 0            # cancellations of the task by `wake` that `uncancel` has not taken back
        self.hits = 0             # interrupts of the cell that runs
        self.put_off = 0          # how often in a row an interrupt was put off
        self.place = None         # where that was last: the number of the frame, and its instruction
        self.lock = threading.Lock()  # while another thread injects an interrupt the code cannot end
        self.doomed = None        # the cell that `verdict` is thrown into as soon as its code begins or goes on
        self.verdict = None       # the exception for `doomed`
        self.ended = None         # the last cell whose code has ended

    # -- running it, on the subshell's thread

    async def run(self, coro):
        "The result of `coro`, the code of the cell that runs, in the task of its message."
        self.asked = 0
        self.hits = 0
        self.running = True
        try: return await self.drive(coro, self.subshell.msg)
        except asyncio.CancelledError: raise KeyboardInterrupt from None  # an `Interrupted`, or it cancelled itself
        finally:
            try: self.leave()
            except KeyboardInterrupt:  # `interrupt_there` injected it when the code was ending
                self.leave()
                raise
            if sys.gettrace() is untraced: sys.settrace(None)

    def leave(self):
        """From now on interrupts leave this thread alone.

        One that was injected is raised here at the latest, as Python looks for it after each call."""
        with self.lock:
            self.running = False
            self.ended = self.subshell.msg

    @coroutine
    def drive(self, coro, cell=None):
        """Run `coro`, user code: that of `cell`, or None's.

        What an interrupt or a signal handler has for a cell that begins or awaits is thrown into it."""
        exception = None
        pid = os.getpid()
        while True:
            if cell and cell is self.doomed:
                exception = self.verdict
                self.doomed = None
            try: future = coro.throw(exception) if exception else coro.send(None)
            except StopIteration as e:
                if cell: self.ended = cell
                return e.value
            finally:
                if os.getpid() != pid: leave_child()
            try: exception = yield future
            except asyncio.CancelledError as e:
                exception = e
                self.uncancel()
                if self.hits >= insistence:
                    abandoned.append(coro)  # it would swallow the close of its end, too, on whatever thread that came
                    raise exception from None
            except BaseException as e: exception = e

    def uncancel(self):
        "Take back the cancellations of `wake`, so that time-outs and task groups of the cell do not count them."
        for _ in range(self.asked): self.subshell.task.uncancel()
        self.asked = 0

    # -- where the thread is

    def must_wait(self, frame, is_late=False):
        """True if an interrupt that comes while the thread is at `frame` has to come again, as the table says.

        Where a delicate module takes a lock, and where our signal handler runs, it is raised only if that blocks.
        `is_late`: the process ends, and what delicate code leaves behind with it."""
        if not self.is_delicate(frame):
            self.put_off = 0
            return False
        place = id(frame),frame.f_lasti
        takes_lock = in_delicate_module(frame) and enters(frame) or handles_signal(frame)
        may_lose_lock = takes_lock and place != self.place
        self.place = place
        has_patience = self.put_off < patience and not is_late
        wait = frame.f_code is drive_code or may_lose_lock or has_patience
        self.put_off = self.put_off+1 if wait else 0
        return wait

    def is_delicate(self, frame):
        "True if `frame` is in code, called by the user's, that an interrupt could break or that could swallow it."
        return self.is_user_code(frame) and in_delicate_code(frame)

    def is_user_code(self, frame):
        "True if `frame` is called by user code: of a cell, or of a callback while no cell waits for the interrupt."
        if below(frame, drive_code): return True
        has_doomed = self.doomed is not None and self.doomed is self.subshell.msg  # a callback holds up that cell
        return (has_doomed or not self.running) and below_callback(frame)

    # -- interrupting it, on any thread

    def interrupt(self, frame):
        """Interrupt what the subshell's thread does at `frame`, as the table says, unless it `must_wait`.

        On that thread, in a signal handler, KeyboardInterrupt is raised right here. False if it has to come again, as
        the thread has moved on."""
        is_here = get_ident() == self.subshell.tid
        if self.is_user_code(frame): return self.interrupt_here(frame) if is_here else self.interrupt_there(frame)
        self.hits += 1
        self.doom(self.next_cell())
        return is_here or not self.doomed or not below(sys._current_frames().get(self.subshell.tid), drive_code)

    def interrupt_here(self, frame):
        "Raise KeyboardInterrupt, in a signal handler on the subshell's thread."
        self.count_hit(frame)
        if self.hits >= insistence: insist(frame)
        raise KeyboardInterrupt

    def interrupt_there(self, frame):
        "Raise KeyboardInterrupt in the subshell's thread, from another one; False if it is no longer at `frame`."
        with self.lock:
            if not inject(self.subshell.tid, frame): return False
            self.count_hit(frame)
        return True

    def count_hit(self, frame):
        "Count an interrupt that is raised at `frame`; one of a callback leaves the cell, which it holds up, doomed."
        self.hits += 1
        if below(frame, drive_code): self.doomed = None

    def rouse(self):
        "Wake the loop that the thread waits in, the cell's own or ours: a signal does not end that wait on Windows."
        rouse(sys._current_frames().get(self.subshell.tid))

    def next_cell(self):
        "The cell that runs, or is about to, else the first that has arrived; or None."
        return next(iter(self.arrived()), None)

    def arrived(self):
        "The cells that have arrived and whose code has not ended, in order: an interrupt that comes now means one of them."
        cells = (msg for msg in (self.subshell.msg, *self.subshell.waiting()) if msg and msg.type == "execute_request")
        return [cell for cell in cells if cell is not self.ended]

    def is_too_late(self, meant):
        "True if an interrupt that had to wait would hit a cell that came after it; `meant`: the cells that had arrived when it came."
        cell = self.next_cell()
        return cell is not None and all(cell is not each for each in meant)

    def doom(self, cell, exception=None):
        """Have `exception`, or KeyboardInterrupt, thrown into `cell` when its code begins or goes on; make it go on.

        `cell` may be None: then nothing is doomed any more."""
        self.verdict = exception or Interrupted()
        self.doomed = cell
        if cell: self.subshell.call_soon(self.wake)

    def wake(self):
        "Let the cell that is doomed go on, if it awaits."
        if self.subshell.msg is not self.doomed or not self.running: return
        self.asked += 1
        self.subshell.task.cancel()

abandoned = []  # coroutines that nothing waits for any more
drive_code = UserCode.drive.__code__
callback_code = asyncio.Handle._run.__code__
round_code = asyncio.BaseEventLoop._run_once.__code__
start_code = threading.Thread.start.__code__

def leave_child():
    "End a forked child at the end of its cell: it has no business in our loop."
    for stream in (sys.stdout, sys.stderr): stream.flush()
    os._exit(0)

# -- where a frame is

def below(frame, code):
    "True if `frame` was called, however far up, by a frame of `code`."
    while frame and frame.f_code is not code: frame = frame.f_back
    return frame is not None

def below_callback(frame):
    "True if `frame` belongs to a callback of the loop that is neither a cell nor ours."
    inner = None
    while frame and frame.f_code is not callback_code:
        inner = frame
        frame = frame.f_back
    if not (frame and inner): return False
    name = module(inner)
    return name == "ipymini.features.gui" or not name.startswith(("ipymini.", "asyncio."))

def in_delicate_code(frame):
    "True if an interrupt at `frame` could break something, or be swallowed."
    return in_delicate_module(frame) or enters(frame) or swallows(frame) or handles_signal(frame)

def in_delicate_module(frame):
    "True if `frame` is in code of a delicate module, `drive` among it."
    name = module(frame)
    return name.startswith(delicate_modules) and not name.startswith(library_modules)

def module(frame):
    "The name of the module whose code `frame` runs."
    return frame.f_globals.get("__name__", "")

enter_ops = [opmap[name] for name in ("BEFORE_WITH", "LOAD_SPECIAL") if name in opmap]  # Python 3.11 to 3.13; 3.14

def enters(frame):
    """True if `frame`, or the one that called it, enters a `with`, or it is an `__enter__` or `__exit__` itself.

    There a lock may be taken, and its block not begun: nothing would give it back. From Python 3.14 on that is so
    behind every `__enter__`. Where a Condition takes its lock again, its block would give back what is not taken."""
    if frame.f_code.co_name in ("__enter__", "__exit__", "_acquire_restore"): return True
    return any(at_enter(caller) for caller in (frame, frame.f_back) if caller)

def at_enter(frame):
    "True if the instruction that `frame` is at calls the `__enter__` of a `with`."
    code = frame.f_code.co_code
    index = frame.f_lasti
    return code[index] in enter_ops or code[index] == opmap["CALL"] and code[index-2] in enter_ops

def swallows(frame):
    "True if what called `frame` would keep a KeyboardInterrupt from the cell, or be broken by it: a finaliser, or IPython."
    while frame and frame.f_code is not drive_code:
        name = frame.f_code.co_name
        is_of_ipython = name in delicate_functions and module(frame).startswith("IPython.core.")
        if is_of_ipython or name == "__del__": return True
        frame = frame.f_back
    return False

def handles_signal(frame):
    "True if our signal handler called `frame`: what it has hit may be more delicate than what it calls."
    while frame and frame.f_code is not drive_code:
        if module(frame) == "ipymini.signals": return True
        frame = frame.f_back
    return False

# -- what raises

def inject(tid, frame):
    """Raise KeyboardInterrupt in the thread `tid`, which is at `frame`; False if it has moved on, or starts a thread.

    Python 3.11 would raise it in the thread that is started."""
    from ctypes import c_ulong, py_object, pythonapi
    thread,exception = c_ulong(tid),py_object(KeyboardInterrupt)
    if below(frame, start_code) or sys._current_frames().get(tid) is not frame: return False
    pythonapi.PyThreadState_SetAsyncExc(thread, exception)
    rouse(frame)
    return True

def rouse(frame):
    "Wake the loop that waits in `frame`, if one does: nested in a cell, it would see the exception only when it wakes."
    while frame and frame.f_code is not round_code: frame = frame.f_back
    if not frame: return
    try: frame.f_locals["self"].call_soon_threadsafe(lambda: None)
    except RuntimeError: pass  # closed meanwhile

def insist(frame):
    "Raise KeyboardInterrupt again at the next line that user code comes to, should it swallow the one that is coming."
    def again(frame, event, arg):
        if event == "line": raise KeyboardInterrupt
        return again
    while frame.f_code is not drive_code and frame.f_back:
        frame.f_trace = again
        frame = frame.f_back
    sys.settrace(untraced)

def untraced(frame, event, arg): "Trace no function but those that are traced already."
