"""Signals and interrupt requests: who is told of them, and on which thread.

Python runs a signal handler on the main thread, when that comes to its next bytecode: `Signals.on_signal` interrupts what the
main thread runs. The wakeup descriptor tells the control thread of the same signal (`on_wakeup`), which is there when the main
thread is stuck: it interrupts the subshells and the prompts, shows where a cell is stuck, and ends the kernel. What an
interrupt does in each state is the table in `interrupts`."""
import os, signal, sys, threading
from _signal import getsignal  # that of `signal` looks for an enum first: ten times as long, in each cell
from socket import socketpair

from .system import processes, stacks
from .system.clock import clock
from .system.log import log

grace = .2  # seconds that a cell has to end before the kernel ends without it
ends = [getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]
caught = [signal.SIGINT, *(num for num in ends if signal.getsignal(num) != signal.SIG_IGN)]  # nohup ignores SIGHUP: so do we
show = getattr(signal, "SIGUSR1", None)  # shows the stacks
# has the main thread look again at an interrupt that was put off; nobody else sends it
repeat = getattr(signal, "SIGURG", None) or signal.SIGBREAK
nudges = .002, .02, .2  # seconds after an interrupt when the main thread is called out of a call that it may have begun just then
unheard = .2            # seconds after which it is called again if its handler has not run, see `Calls`
insists = 3             # seconds within which a second interrupt shows where the cell is stuck,
second_look = .3        # if it still runs so many seconds later: a program that ends gracefully may raise the signal a second time itself

class Signals:
    "Signals of the process `kernel`, and how it interrupts itself; `lifecycle` ends it."
    def __init__(self, kernel, lifecycle):
        self.kernel = kernel
        self.lifecycle = lifecycle
        self.landed = threading.Lock()  # released when the main thread has seen an interrupt; `interrupt_all` waits for it
        self.is_put_off = False         # True while an interrupt of the main thread waits for better times
        self.meant = []                 # the cells that had arrived when the main thread was interrupted last
        self.calls = Calls(kernel, self.on_signal)
        self.early_target = None        # the cell that was the first to have arrived when an interrupt came before code could run
        self.last_idle = 0              # when an interrupt came last while nothing ran
        self.last = 0, None             # when the last interrupt came, and the message that ran then
        self.reader,self.writer = socketpair()
        for end in (self.reader, self.writer): end.setblocking(False)
        kernel.sockets.control.watch(self.reader.fileno(), self.on_wakeup)
        if hasattr(os, "register_at_fork"): processes.part_at_fork([*caught, repeat, *filter(None, [show])], self.on_signal)

    def start(self):
        "Take the signals, and what Python cannot raise. On the main thread."
        sys.unraisablehook = self.on_unraisable
        self.catch()
        for num in filter(None, (repeat, show)): signal.signal(num, self.on_signal)
        processes.hear([*caught, *filter(None, (repeat, show))])

    def catch(self):
        "Take the signals, also from a cell that has taken them. On the main thread."
        signal.set_wakeup_fd(self.writer.fileno(), warn_on_full_buffer=False)
        for num in caught:
            if getsignal(num) != self.on_signal: signal.signal(num, self.on_signal)

    # -- on the main thread, wherever user code or we happen to be

    def on_signal(self, num, frame):
        "Handle signal `num`, which hit the code of `frame`."
        if num == show: return  # the control thread shows them
        if num == repeat: self.calls.heard()
        if num == repeat and not self.is_put_off: return  # it was to end a call that blocks, no more
        self.is_put_off = False
        if num not in (signal.SIGINT, repeat): return self.on_end(num)
        try: self.interrupt_main(frame, is_new=num == signal.SIGINT)
        except KeyboardInterrupt as e:
            e.__traceback__ = None  # the user's traceback ends where the interrupt hit, not here
            raise

    def interrupt_main(self, frame, is_new):
        "Interrupt what the main thread does at `frame`, now or, where that could do harm, a little later; then `is_new` is False."
        subshells,main = self.kernel.subshells,self.kernel.subshells.main
        if not subshells.are_open: self.early_target = next((msg for msg in subshells.early if msg.type == "execute_request"), None)
        if not main: return self.land()
        if self.lifecycle.ending.is_overdue: return self.lifecycle.finish_here(frame)
        if is_new: self.meant = main.user_code.arrived()
        if main.user_code.is_too_late(self.meant): return self.land()
        must_wait = main.user_code.must_wait(frame, is_late=self.lifecycle.ending.is_stopping)
        if processes.forking() or must_wait: return subshells.later(.001, self.try_again)
        self.land()
        main.user_code.interrupt(frame)

    def land(self):
        "Let an interrupt_request be answered."
        try: self.landed.release()  # a bare lock: all else of `threading` could be interrupted by the next signal, and block it
        except RuntimeError: pass   # nobody waits

    def on_end(self, num):
        "Have the control thread end the kernel; the cell does not go on till that interrupts it."
        # trio may have taken the wakeup descriptor, and then nothing else tells the control thread
        self.kernel.sockets.control.fence(lambda: self.lifecycle.end(128+num))
        main = self.kernel.subshells.main
        if main and main.msg: clock.sleep(grace)

    def on_unraisable(self, unraisable):
        "Interrupt again where a finaliser or a fork hook swallowed the KeyboardInterrupt."
        if issubclass(unraisable.exc_type, KeyboardInterrupt): self.kernel.subshells.later(.02, self.try_again)
        else: sys.__unraisablehook__(unraisable)

    # -- on other threads

    def interrupt_all(self):
        "Do what Ctrl-C does, and wait until the main thread has seen it, 0.1 s at most, else it could hit a cell behind the reply."
        self.landed.acquire(blocking=False)
        processes.interrupt()
        self.landed.acquire(timeout=.1)

    def try_again(self):
        "Have the main thread's signal handler look again at an interrupt."
        self.is_put_off = True
        self.calls.call()

    def nudge(self):
        "Call the main thread out of a call that blocks."
        is_for_children = self.is_put_off  # the call may wait for a child that was begun since the interrupt
        self.calls.call()  # first: when the child has ended, the cell may end as well
        if is_for_children: processes.signal_all(processes.children(), signal.SIGINT)

    def on_wakeup(self):
        "See to signals that came, if this was not done before. On the control thread."
        try: came = set(self.reader.recv(64))
        except BlockingIOError: return
        for num in came:
            if num == signal.SIGINT: self.on_interrupt()
            elif num in caught: self.lifecycle.end(128+num)
            elif num == show and signal.getsignal(num) == self.on_signal: self.show_all_stacks()
            elif num != repeat: self.pass_on(num)

    def pass_on(self, num):
        "Tell the main loop of the signal `num`, which it would have read itself, had we left it the descriptor."
        main = self.kernel.subshells.main
        if hasattr(main.loop, "_handle_signal"): main.call_soon(main.loop._handle_signal, num)  # a loop of Windows handles none

    def on_interrupt(self):
        """Interrupt all but the main thread, which its signal handler does. On the control thread.

        The second time tell where the cell is stuck."""
        subshells,main = self.kernel.subshells,self.kernel.subshells.main
        bridge = self.kernel.bridge
        if main:
            for seconds in nudges: subshells.later(seconds, self.nudge)
            # else the interrupt of a loop that waits would hit a later cell
            if processes.has_handles: main.user_code.rouse()
        self.interrupt_subshells()
        self.kernel.sockets.stdin.answer(lambda question: not main or question.tid != main.tid, KeyboardInterrupt())
        if bridge and bridge.dap: bridge.dap.interrupt()
        if main: self.note_interrupt(main.msg)
        if self.lifecycle.on_terminal and not (main and main.msg): self.end_on_second()

    def interrupt_subshells(self):
        "Interrupt what runs in all subshells but the main one. On the control thread."
        for subshell in self.kernel.subshells.others: self.interrupt_subshell(subshell, subshell.user_code.arrived())

    def interrupt_subshell(self, subshell, meant):
        "Interrupt `subshell`, once it has left delicate code, if one of the cells that are `meant` has not ended then."
        frame = sys._current_frames().get(subshell.tid)
        code = subshell.user_code
        if not frame or code.is_too_late(meant): return
        has_landed = not code.must_wait(frame) and code.interrupt(frame)
        if not has_landed: self.kernel.subshells.later(.001, self.interrupt_subshell, subshell, meant)

    def note_interrupt(self, msg):
        "Note that an interrupt came while `msg` ran, or None; the second one soon after another shows where the cell is stuck."
        when,before = self.last
        now = clock.monotonic()
        self.last = now,msg
        is_second = msg is before and now-when < insists
        if is_second and msg and msg.cell: self.kernel.subshells.later(second_look, self.show_stacks, msg)

    def end_on_second(self):
        "End an idle kernel that a person has started on a terminal, at the second Ctrl-C soon after another."
        now = clock.monotonic()
        if now-self.last_idle < insists: return self.lifecycle.end(0)
        self.last_idle = now
        log("press Ctrl-C once more to end the kernel")

    def show_stacks(self, msg):
        "Show, once, where the cell `msg` is stuck, if it still runs."
        if msg.cell.stacks_shown: return
        text = stacks.stacks("Still running after an interrupt.", self.kernel.bridge.name_cell)
        with self.kernel.status_lock:
            if msg.ended: return
            msg.cell.stacks_shown = True
            self.kernel.iopub.text("stderr", msg, text)

    def show_all_stacks(self):
        "Put the stacks into the log, and into the cell that runs. On the control thread."
        bridge,main = self.kernel.bridge,self.kernel.subshells.main
        text = stacks.stacks("SIGUSR1 came.", bridge.name_cell if bridge else no_cell)
        log(text)
        msg = main.msg if main else None
        with self.kernel.status_lock:
            if msg and msg.cell and not msg.ended: self.kernel.iopub.text("stderr", msg, text)

class Calls:
    """Calls of the main thread, by the signal `repeat`, out of what blocks it: again until `handler` has run.

    A garbage collection, or C code, may last longer than the nudges, and what blocks begin right behind it.
    With the GIL once is mostly enough: who calls runs when the main thread has left C code, or blocks."""
    def __init__(self, kernel, handler):
        self.kernel = kernel
        self.handler = handler
        self.last = None  # the last call, a bare object, until it is heard

    def call(self):
        "Call the main thread. On the side thread."
        call = self.last = object()
        processes.signal_main(repeat)
        self.kernel.subshells.later(unheard, self.call_again, call)

    def call_again(self, call):
        "Call again if `call` was not heard, and nobody has called since; unless a cell has taken the signal."
        if self.last is call and getsignal(repeat) == self.handler: self.call()

    def heard(self):
        "Note that the handler has run. On the main thread."
        self.last = None

def no_cell(filename): "None: before IPython is there no file is a cell's."
