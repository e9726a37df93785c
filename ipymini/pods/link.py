"""The caller's end of one child process: starts it, sends calls, shows what comes meanwhile, ends it.

`Link.perform` is a call, on the thread of whoever calls; read it first. Two threads of the link's own read and write
the sockets, for a KeyboardInterrupt that hits a caller between `send` and the next bytecode would lose half a frame
for ever. What comes for a call is appended to its deque and a bell is rung; the caller looks at the deque before it
waits, and removes an item when it has been handled: so an interrupt at any moment loses nothing."""
import asyncio, atexit, codecs, contextvars, os, pickle, select, signal, socket, subprocess, threading, time, weakref
from collections import deque
from itertools import count
from pathlib import Path
from queue import Empty, SimpleQueue
from tempfile import TemporaryFile
from .errors import PodError
from .show import ask, show, show_text
from .values import Decoder
from .wire import ANSWER, ASK, CALL, DROP, HELLO, INTERRUPT, PLAIN, REPLY, SHOW, SYNC, Wire, can_share, small, small_frame

gather = 5  # ms for which text is gathered, behind the first of it
backlog = 8 << 20  # characters that a call's caller has not shown yet, from which on the pod has to wait
idle_after = 30  # s without a call, after which memory for big arrays is given back
grace = 2  # s for a call to end after its time is over and it was interrupted
quit_time = 1  # s for a pod to end by itself
insistence = 3  # interrupts, half a second apart, of a call that does not heed them
pressing = .5
looks = .05  # s between looks for an exception that was injected into a thread, which no event tells

links = weakref.WeakSet()  # all that are open in this process
tokens = count(1)

class Call:
    "A call on its way: what to send, and what has come for it."
    def __init__(self, number, body, buffers):
        self.number = number
        self.body = body
        self.buffers = buffers
        self.owner = threading.get_ident()  # of whose calls an interrupt ends those before this one, too; None for a task
        self.items = deque()  # functions that show what came; the caller removes them
        self.written = 0  # characters that came
        self.shown = 0  # of these, shown
        self.reply = None  # the last frame, once it is here
        self.bell = SimpleQueue()
        self.notify = self.bell.put  # what the reader calls when there is something new
        self.went = []  # the number of bytes, once it has been sent by its caller
        self.abandoned = False  # its caller has left: nobody shows what comes

class Link:
    "A child process and the way to it. `argv`: what starts Python there."
    def __init__(self, argv, env, cwd):
        self.pid = os.getpid()  # a forked child has no business here
        self.token = next(tokens) << 20 | os.getpid() & 0xfffff
        self.numbers = count(1)
        self.outbox = SimpleQueue()  # Calls, and None at the end
        self.sent = {}  # number: a Call that has no reply yet, the one that runs first
        self.forgotten = deque()  # ids of handles that nobody here holds any more
        self.sending = threading.Lock()  # of the wire `calls`: one frame at a time
        self.last_call = time.monotonic()
        self.ended = None  # the PodError that says why, at the end
        self.reason = None  # why we ended it, if it was us
        self.show = show  # what shows a display, and text: a relay sends them on instead
        self.show_text = show_text
        self.heed_names = lambda names: None  # called with the names of functions when the pod's file was loaded
        self.context = contextvars.copy_context()  # of the last call: what comes between calls is shown in it
        self.start(argv, env, cwd)

    # -- start

    def start(self, argv, env, cwd):
        self.shared = can_share() and os.environ.get("IPYMINI_POD_SHARED") != "0"
        calls,their_calls = socket.socketpair()
        control,their_control = socket.socketpair()
        life,self.life = os.pipe()  # its end is the end of the pod
        self.report = TemporaryFile()
        theirs = [their_calls.fileno(), their_control.fileno(), life, self.report.fileno()]
        file = Path(__file__).with_name("start.py")
        words = [*argv, str(file), *map(str, theirs), str(int(self.shared)), str(self.token)]
        try: self.process = subprocess.Popen(words, env=env, cwd=cwd, pass_fds=theirs, start_new_session=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, bufsize=0)
        except OSError as error:
            os.close(self.life)
            raise PodError(f"the pod did not start: {error}") from None
        finally:
            their_calls.close()
            their_control.close()
            os.close(life)
        self.calls = Wire(calls, self.shared)
        self.control = Wire(control)
        self.begin()

    def begin(self):
        links.add(self)
        self.hello = Call(0, b"", ())
        self.sent[0] = self.hello
        self.prepare_reading()
        for loop in (self.read, self.write):
            thread = threading.Thread(target=loop, name="pod", daemon=True)
            thread.pydev_do_not_trace = thread.is_pydev_daemon_thread = True
            thread.start()

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
        self.last_call = time.monotonic()
        return Call(next(self.numbers), body, buffers)

    def perform(self, call, timeout=None):
        "Have the call done; True if there was a KeyboardInterrupt meanwhile, which went to the pod."
        interrupts = Interrupts(self, call)
        deadline = None if timeout is None else time.monotonic() + timeout
        try:
            self.dispatch(call)
            self.attend(call, deadline, interrupts)
        finally: self.leave(call)
        return interrupts.count > 0

    def dispatch(self, call):
        """Send a call: from here if it is small and nothing else is on its way, which saves 30 µs, else on the
        writer's thread."""
        wire = self.calls
        if call.buffers or len(call.body) > small or self.sent or self.forgotten or wire.has_signs() or self.ended: return self.outbox.put(call)
        data = small_frame(CALL, call.number, call.body)
        with self.sending:
            self.sent[call.number] = call
            # one call of C: an interrupt comes before or after. So small a frame is sent whole or not at all
            try: call.went.extend(map(wire.sock.send, (data,)))
            except OSError: pass  # the pod has gone; the reader tells the caller

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
        main = threading.current_thread() is threading.main_thread()
        left = None if deadline is None else max(0, deadline - time.monotonic())
        if not main: left = looks if left is None else min(left, looks)  # a kernel injects interrupts into its other threads
        try: call.bell.get(timeout=left)
        except Empty: return deadline is None or time.monotonic() < deadline
        return True

    def handle(self, call):
        "Show the first item of a call, and remove it: text may be shown twice by an interrupt, but is never lost."
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
        self.outbox.put(call)
        if self.ended: self.fail(call)
        try: await done
        finally: self.leave(call)

    # -- interrupts and the end

    def interrupt(self, call):
        "Interrupt a call, and those that its thread left behind before."
        left = [o for o in list(self.sent.values()) if o.owner == call.owner is not None and o.number < call.number]
        for each in (*left, call): self.tell(INTERRUPT, each.number)

    def tell(self, kind, number, content=None):
        """Send a frame on the control wire, where each is small enough to be sent whole; after the end nobody hears
        it."""
        try: self.control.send(kind, number, pickle.dumps(content, 5))
        except OSError:
            if not self.ended and self.process.poll() is None: raise

    def end(self, reason=None):
        "Kill the pod and what it has started; `reason`: what its callers are told."
        self.reason = self.reason or reason
        try: os.killpg(self.process.pid, signal.SIGKILL)
        except ProcessLookupError: pass  # it has ended by itself

    def close(self, wait=quit_time):
        "Let the pod end, or kill it if a call is running, or after `wait` seconds."
        if self.ended or self.pid != os.getpid(): return
        self.reason = "it was closed"
        if self.sent: self.end()
        else: self.shut()
        self.reader.join(wait)
        if self.ended: return
        self.end()
        self.reader.join()

    def shut(self):
        try: self.calls.sock.shutdown(socket.SHUT_WR)
        except OSError: pass  # the other end has gone already

    def fail(self, call):
        "Give a call that will have no reply one that tells of the end."
        if call.reply: return
        call.reply = self.ended
        call.notify(None)

    # -- the writer's thread

    def write(self):
        "Send calls until the end."
        while True:
            try: call = self.outbox.get(timeout=idle_after if self.holds_memory() else None)
            except Empty: call = idle
            if call is None: break
            try:
                with self.sending: self.send(call)
            except OSError: pass  # the pod has gone; the reader tells the callers
        self.close_files()

    def holds_memory(self): return bool(self.calls.outgoing.kept or self.calls.incoming.maps or self.forgotten)

    def send(self, call):
        "Send a call, or, for `idle`, see whether the pod has been idle for long."
        is_idle = call is idle and time.monotonic() - self.last_call >= idle_after
        if is_idle: self.calls.outgoing.drop()
        if is_idle or self.forgotten: self.send_drop(is_idle)
        if call is idle: return
        if self.ended: return self.fail(call)
        self.sent[call.number] = call
        body,buffers = call.body,call.buffers
        call.body = call.buffers = None
        self.calls.send(CALL, call.number, body, buffers)

    def send_drop(self, is_idle):
        ids = []
        while self.forgotten: ids.append(self.forgotten.popleft())
        self.calls.send(DROP, 0, pickle.dumps((ids, is_idle), 5))

    # -- the reader's thread

    def prepare_reading(self):
        self.texts = {}  # file descriptor of a pipe: the stream's name, its decoder
        for name in ("stdout", "stderr"):
            fd = getattr(self.process, name).fileno()
            os.set_blocking(fd, False)
            self.texts[fd] = name,codecs.getincrementaldecoder("utf8")("replace").decode
        self.socket_fd = self.calls.sock.fileno()
        self.control_fd = self.control.sock.fileno()
        self.pid_fd = os.pidfd_open(self.process.pid) if hasattr(os, "pidfd_open") else None
        self.pipes = poller(self.texts)
        self.frames = poller([self.socket_fd, self.control_fd, self.pid_fd])
        # a pod writes text before the frame that ends the call, and poll looks at the pipes last: so it sees that text with the frame
        self.all = poller([self.socket_fd, self.control_fd, self.pid_fd, *self.texts])
        self.gathering = False  # text has just been read: for a moment only frames are waited for

    def read(self):
        "Read frames and text until the pod is gone."
        self.reader = threading.current_thread()
        while True:
            ready = self.ready()
            if self.control_fd in ready: self.read_frames(self.control)
            if self.socket_fd in ready:
                if not self.read_frames(self.calls, not self.texts.keys() & ready): break
            elif self.pid_fd in ready: break  # while a child of the pod's keeps the socket open
            elif ready: self.drain()
        self.finish()

    def ready(self):
        "File descriptors with something to read; none if the caller has to show text first."
        full = self.is_full()
        if not self.gathering and not full: return {fd for fd,_ in self.all.poll()}
        self.gathering = False
        ready = {fd for fd,_ in self.frames.poll(gather)}
        if ready: return ready.union(self.texts)  # there may be text before the frame
        return ready if full else self.ready()

    def is_full(self):
        "True if the caller is slow to show what has come: the pod's pipes fill, and it waits."
        call = self.current()
        return call is not None and call.written - call.shown > backlog

    def read_frames(self, wire, no_text=False):
        "Read what frames are there; False at the end. `no_text`: there was none when the first of them had come."
        try:
            self.take(wire.receive(), no_text)
            while wire.buffered(): self.take(wire.receive())
        except (EOFError, OSError): return False
        return True

    def take(self, frame, no_text=False):
        "Deliver a frame, behind the text that was written before it."
        if frame.kind == DROP: return
        if not no_text: self.drain()
        if frame.kind in (PLAIN, REPLY, HELLO): return self.take_reply(frame)
        if frame.kind == SYNC: return self.tell(ANSWER, frame.call)
        content = pickle.loads(frame.body)
        if frame.kind == ASK: self.deliver(lambda: self.answer(frame.call, *content))
        elif content[0] == "names": self.heed_names(content[1])
        else: self.deliver(lambda: self.show(*content))
        if frame.kind == SHOW: self.tell(ANSWER, frame.call)

    def take_reply(self, frame):
        for number in list(self.sent):  # those before this one have been left before they were sent
            if number < frame.call: del self.sent[number]
        call = self.sent.pop(frame.call)
        if frame.buffers: self.outbox.put(idle)  # there is memory to be given back some time
        call.reply = frame
        call.notify(None)

    def answer(self, number, kind, *content):
        "Answer a question of the pod's."
        functions = dict(input=ask, knows=knows, lend=lendable)
        try: answer = functions[kind](*content)
        except KeyboardInterrupt:
            self.tell(ANSWER, number, (None, ("KeyboardInterrupt", "")))
            raise
        self.tell(ANSWER, number, answer)

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

    def drain(self):
        "Deliver what text there is."
        for fd,_ in self.pipes.poll(0):
            name,decode = self.texts[fd]
            data = os.read(fd, 1 << 16)
            if data: self.deliver_text(name, decode(data))
            else: self.forget_pipe(fd)

    def deliver_text(self, name, text):
        self.gathering = True
        call = self.current()
        if call: call.written += len(text)
        def item():
            self.show_text(name, text)
            if call: call.shown += len(text)
        self.deliver(item)

    def forget_pipe(self, fd):
        "The pod has closed a stream: there is nothing more to wait for."
        for poll in (self.pipes, self.all): poll.unregister(fd)
        del self.texts[fd]

    def finish(self):
        "The pod is gone: bury it, show its last words, tell its callers."
        code = self.reap()
        while self.texts and self.pipes.poll(0): self.drain()
        self.ended = PodError(self.epitaph(code))
        try: self.calls.sock.shutdown(socket.SHUT_RDWR)  # the writer may be sending
        except OSError: pass  # nobody holds the other end any more
        self.outbox.put(None)
        for call in list(self.sent.values()): self.fail(call)
        self.sent.clear()
        links.discard(self)

    def reap(self):
        "The exit code; what the pod started and left is killed before its number can be another's."
        end = time.monotonic() + quit_time
        while hasattr(os, "waitid"):
            if os.waitid(os.P_PID, self.process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT): break
            if time.monotonic() > end: break
            time.sleep(.002)  # the socket has closed, so this takes a moment, or the pod closed it itself
        try: os.killpg(self.process.pid, signal.SIGKILL)
        except (ProcessLookupError, PermissionError): pass  # all have ended
        return self.process.wait()

    def epitaph(self, code):
        "Why the pod is gone, with its crash report."
        started = "died" if self.hello.reply else "did not start"
        cause = f"exit code {code}"
        number = -code if code < 0 else code - 128  # as a shell, or uv, tells of a signal
        if number in signal.valid_signals(): cause = signal.Signals(number).name
        text = f"the pod {started}: {cause}"
        if self.reason: text = f"the pod was ended: {self.reason}"
        return "\n".join([text, *self.crash_report()])

    def crash_report(self):
        "The lines that faulthandler wrote, but for those of our own files."
        self.report.seek(0)
        lines = self.report.read().decode("utf8", "replace").splitlines()
        folder = str(Path(__file__).parent)
        return [line for line in lines if line and folder not in line]

    def close_files(self):
        for o in (self.calls.sock, self.control.sock, self.report, self.process.stdout, self.process.stderr): o.close()
        os.close(self.life)
        if self.pid_fd is not None: os.close(self.pid_fd)

idle = object()  # what the writer finds when there was no call for long, or memory to be watched from now on

class Interrupts:
    "Those of one call: each goes to the pod; the third that it does not heed, half a second apart, ends it."
    def __init__(self, link, call):
        self.link = link
        self.call = call
        self.count = 0
        self.last = 0

    def add(self):
        now = time.monotonic()
        if now - self.last >= pressing: self.count += 1
        self.last = now
        if self.count >= insistence: self.link.end("it did not heed three interrupts")
        else: self.link.interrupt(self.call)

def poller(fds):
    poll = select.poll()
    for fd in fds:
        if fd is not None: poll.register(fd, select.POLLIN)
    return poll

def knows(module, name):
    "True if a pickle with this class or function can be read here."
    try: Decoder(b"", (), {}).find_class(module, name)
    except (ImportError, AttributeError, ValueError): return False
    return True

def lendable(version):
    """What a pod's Python needs to import IPython from our environment: the folder of `boot` and the arguments of its
    `lend`; None if it is too old."""
    from ..environments import boot, lending
    from ..environments.pythons import Python, oldest
    python = Python("", version, "", "", "")
    if python.number < oldest: return None
    packages = lending.lendable(python)
    return os.path.dirname(boot.__file__),dict(packages=packages, folders=lending.our_folders(packages))

def close_all():
    "At the end of this process: all pods end, at once those that are busy."
    for link in list(links):
        if link.pid == os.getpid() and not link.sent: link.shut()
    for link in list(links): link.close(.2)

def after_fork():
    "In a forked child: let go of all pods, which are to end with the process that made them."
    for link in list(links):
        os.close(link.life)
        link.calls.sock.close()
        link.control.sock.close()

atexit.register(close_all)
if hasattr(os, "register_at_fork"): os.register_at_fork(after_in_child=after_fork)
