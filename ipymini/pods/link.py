"""The caller's end of one child process: calls, what is shown meanwhile, interrupts, the end.

`Link.perform` is a call, on the thread of whoever calls; read it first. Two threads of the link's own, `Writer` and
`Reader`, work on the sockets, for a KeyboardInterrupt that hits a caller between `send` and the next bytecode would lose
half a frame for ever. What comes for a call is appended to its deque and a bell is rung; the caller looks at the deque
before it waits, and removes an item when it has been handled: so an interrupt at any moment loses nothing."""
import asyncio, atexit, contextvars, os, pickle, socket, threading, time, weakref
from collections import deque
from itertools import count
from queue import Empty, SimpleQueue
from .errors import PodError
from .process import Process, cause_of_death, quit_time
from .reader import Reader
from .show import Screen
from .wire import INTERRUPT
from .writer import Writer

grace = 2  # s for a call to end after its time is over and it was interrupted
insistence = 3  # interrupts, half a second apart, of a call that does not heed them
pressing = .5
# s between looks for an interrupt that does not end a wait: one that a kernel injects into a thread which is not the main one; any on
# Windows; and elsewhere SIGINT, if a library has the wait begin again behind a handler of its own, as polars has once it is imported
looks = .05

links = weakref.WeakSet()  # all that are open in this process
tokens = count(1)

class Call:
    "A call on its way: what to send, and what has come for it."
    def __init__(self, number, body, buffers):
        self.number = number
        self.body = body
        self.buffers = buffers
        self.owner = threading.get_ident()  # an interrupt ends those that this thread left before, too; None for a task
        self.items = deque()  # functions that show what came; the caller removes them
        self.written = 0  # characters that came
        self.shown = 0  # of these, shown
        self.reply = None  # the last frame, or the PodError that stands for it, once it is here
        self.bell = SimpleQueue()
        self.notify = self.bell.put  # what the reader calls when there is something new
        self.went = []  # the number of bytes, once it has been sent by its caller
        self.abandoned = False  # its caller has left: nobody shows what comes

class Link:
    "A child process and the way to it. `argv`: what starts Python there; `kind`: the class of the process."
    def __init__(self, argv, env, cwd, kind=Process):
        self.pid = os.getpid()  # a forked child has no business here
        self.token = next(tokens) << 20 | os.getpid() & 0xfffff
        self.numbers = count(1)
        self.ended = None  # the PodError that says why, at the end
        self.reason = None  # why we ended it, if it was us
        self.screen = Screen()  # what shows text and displays
        self.context = contextvars.copy_context()  # of the last call: what comes between calls is shown in it
        self.hello = Call(0, b"", ())
        self.sent = {0: self.hello}  # number: a Call that has no reply yet, the one that runs first
        self.process = kind(argv, env, cwd, self.token)
        self.writer = Writer(self)
        self.reader = start_thread(Reader(self).run)
        start_thread(self.writer.run)
        links.add(self)

    def greet(self):
        "Wait for the child; its pid, the version, path and prefix of its Python."
        try: self.follow(self.hello)
        except BaseException:
            self.close()
            raise
        if self.ended: raise self.ended
        return pickle.loads(self.hello.reply.body)

    # -- calls

    def new_call(self, request):
        "A Call; what is pickled for it runs code of the user's."
        if self.pid != os.getpid(): raise PodError("this pod belongs to the process that made it; make another one here")
        buffers = []
        body = pickle.dumps(request, 5, buffer_callback=buffers.append)
        return self.pickled_call(body, [o.raw() for o in buffers])

    def pickled_call(self, body, buffers):
        "A Call of a request that has been pickled."
        self.context = contextvars.copy_context()
        return Call(next(self.numbers), body, buffers)

    def perform(self, call, timeout=None):
        "Have the call done; True if there was a KeyboardInterrupt meanwhile, which went to the pod."
        interrupts = Interrupts(self, call)
        deadline = None if timeout is None else time.monotonic() + timeout
        try:
            self.writer.dispatch(call)
            self.attend(call, deadline, interrupts)
        finally: self.leave(call)
        return interrupts.count > 0

    def attend(self, call, deadline, interrupts):
        while True:
            try:
                if self.follow(call, deadline): return
            except KeyboardInterrupt: interrupts.add()
            else: self.overdue(call)

    def overdue(self, call):
        "The time of a call is over: interrupt it; if that does not help, end the pod."
        self.interrupt(call)
        in_time = self.follow(call, time.monotonic() + grace)
        if in_time: raise TimeoutError("the call took too long; it was interrupted, and the pod keeps its state")
        self.end("it did not heed the interrupt of a call that took too long")
        raise TimeoutError("the call took too long, did not heed its interrupt, and the pod was ended")

    def follow(self, call, deadline=None):
        "Show what comes for the call until it has its reply; False if the deadline comes first."
        while True:
            while call.items: self.handle(call)
            if call.reply and not call.items: return True
            if self.ended: self.fail(call)
            elif not self.wait(call, deadline): return False

    def wait(self, call, deadline):
        "Wait for the bell; False if the deadline has come."
        left = looks if deadline is None else min(looks, max(0, deadline - time.monotonic()))
        try: call.bell.get(timeout=left)
        except Empty: return deadline is None or time.monotonic() < deadline
        return True

    def handle(self, call):
        "Show the first item of a call, and remove it: an interrupt may show a text twice, but never loses it."
        item = call.items[0]
        item()
        call.items.popleft()

    def leave(self, call):
        "The caller does not wait any longer."
        if call.reply: return
        call.abandoned = True
        self.interrupt(call)

    async def perform_async(self, call):
        "Have the call done while other tasks run; to cancel it is to interrupt it."
        loop = asyncio.get_running_loop()
        done = loop.create_future()
        context = contextvars.copy_context()
        def step():
            while call.items: self.handle(call)
            if call.reply and not done.done(): done.set_result(None)
        call.owner = None
        call.notify = lambda _: loop.call_soon_threadsafe(step, context=context)
        self.writer.outbox.put(call)
        if self.ended: self.fail(call)
        try: await done
        finally: self.leave(call)

    # -- what comes

    def current(self):
        "The call that is running and has somebody who shows what comes."
        return next((call for call in list(self.sent.values()) if not call.abandoned), None)

    def deliver(self, item):
        "Let the caller run `item`; between calls it runs here, in the context of the last call."
        call = self.current()
        if call is None: return self.context.run(item)
        call.items.append(item)
        try: call.notify(None)
        except RuntimeError: call.abandoned = True  # a loop that is closed

    # -- interrupts and the end

    def interrupt(self, call):
        "Interrupt a call, and those that its thread left behind before."
        def was_left(other): return call.owner is not None and other.owner == call.owner and other.number < call.number
        left = filter(was_left, list(self.sent.values()))
        for each in (*left, call): self.tell(INTERRUPT, each.number)

    def tell(self, kind, number, content=None):
        "Send a frame on the control wire, where each is small enough to be sent whole; after the end nobody hears it."
        try: self.process.control.send(kind, number, pickle.dumps(content, 5))
        except OSError:
            if not self.ended and not self.process.wait_for_end(): raise

    def end(self, reason=None):
        "Kill the pod and what it has started; `reason`: what its callers are told."
        self.reason = self.reason or reason
        self.process.kill()

    def close(self, wait=quit_time):
        "Let the pod end, or kill it if a call is running, or after `wait` seconds."
        if self.ended or self.pid != os.getpid(): return
        self.reason = "it was closed"
        if self.sent: self.end()
        else: self.process.shut()
        self.reader.join(wait)
        if self.ended: return
        self.end()
        self.reader.join()

    def bury(self, code):
        "The pod is gone: tell its callers. On the reader's thread."
        started = "died" if self.hello.reply else "did not start"
        text = f"the pod was ended: {self.reason}" if self.reason else f"the pod {started}: {cause_of_death(code)}"
        self.ended = PodError("\n".join([text, *self.process.crash_report()]))
        self.process.shut(socket.SHUT_RDWR)  # the writer may be sending
        self.writer.outbox.put(None)
        for call in list(self.sent.values()): self.fail(call)
        self.sent.clear()
        links.discard(self)

    def fail(self, call):
        "Give a call that will have no reply one that tells of the end."
        if call.reply: return
        call.reply = self.ended
        call.notify(None)

class Interrupts:
    "Those of one call: each goes to the pod; the third that it does not heed, half a second apart, ends it."
    def __init__(self, link, call):
        self.link = link
        self.call = call
        self.count = 0
        self.last = 0

    def add(self):
        "Send an interrupt to the pod, or end it."
        now = time.monotonic()
        if now - self.last >= pressing: self.count += 1
        self.last = now
        if self.count >= insistence: self.link.end("it did not heed three interrupts")
        else: self.link.interrupt(self.call)

def start_thread(function):
    "A thread that debuggers leave alone and that keeps no process alive."
    thread = threading.Thread(target=function, name="pod", daemon=True)
    thread.pydev_do_not_trace = thread.is_pydev_daemon_thread = True
    thread.start()
    return thread

def close_all():
    "At the end of this process: all pods end, at once those that are busy."
    for link in list(links):
        if link.pid == os.getpid() and not link.sent: link.process.shut()
    for link in list(links): link.close(.2)

def after_fork():
    "In a forked child: let go of all pods, which are to end with the process that made them."
    for link in list(links): link.process.let_go()

atexit.register(close_all)
if hasattr(os, "register_at_fork"): os.register_at_fork(after_in_child=after_fork)
