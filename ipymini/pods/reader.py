"""Reads what comes from a pod, on a thread of its own: replies, displays and questions by frames, text by two pipes.

The order is that of the pod: it writes text before the frame that follows, and waits for an answer before it writes more.
So a frame comes behind all text that can be read when it has come."""
import codecs, os, pickle
from .questions import answer
from .wire import ANSWER, ASK, DROP, HELLO, PLAIN, REPLY, SHOW, SYNC
from .writer import idle

gather = 5  # ms for which text is gathered, behind the first of it
backlog = 8 << 20  # characters that a call's caller has not shown yet, from which on the pod has to wait

class Reader:
    "Reads for a `Link` until the pod is gone."
    def __init__(self, link):
        self.link = link
        process = self.process = link.process
        self.texts = {}  # file descriptor of a pipe: the stream's name, its decoder
        self.gathering = False  # text has just been read: for a moment only frames are waited for
        for name in ("stdout", "stderr"): self.add_pipe(name)
        self.calls_fd = process.calls.sock.fileno()
        self.control_fd = process.control.sock.fileno()
        self.end_fd = os.pidfd_open(process.popen.pid) if hasattr(os, "pidfd_open") else None
        fds = [self.calls_fd, self.control_fd, self.end_fd]
        self.pipes = process.poller(self.texts)
        self.frames = process.poller(fds)
        self.all = process.poller([*fds, *self.texts])  # the pipes last: poll sees the text that was there before a frame

    def add_pipe(self, name):
        fd = getattr(self.process.popen, name).fileno()
        self.texts[fd] = name,codecs.getincrementaldecoder("utf8")("replace").decode

    def run(self):
        "Read frames and text until the pod is gone."
        before = self.process.hand_over()
        if before: self.deliver_text("stdout", before.decode("utf8", "replace"))
        while True:
            ready = self.ready()
            if self.control_fd in ready: self.read_frames(self.process.control)
            if self.calls_fd in ready:
                if not self.read_frames(self.process.calls, not self.texts.keys() & ready): break
            elif self.end_fd in ready: break  # while a child of the pod's keeps the socket open
            elif ready: self.drain()
        self.finish()

    def ready(self):
        "File descriptors with something to read; none if the caller has to show text first."
        is_full = self.is_full()
        if not self.gathering and not is_full: return {fd for fd,_ in self.all.poll()}
        self.gathering = False
        ready = {fd for fd,_ in self.frames.poll(gather)}
        if ready: return ready.union(self.texts)  # there may be text before the frame
        return ready if is_full else self.ready()

    def is_full(self):
        "True if the caller is slow to show what has come: the pod's pipes fill, and it waits."
        call = self.link.current()
        return call is not None and call.written - call.shown > backlog

    def finish(self):
        "The pod is gone: show its last words, and tell the link."
        code = self.process.reap()
        while self.texts and self.pipes.poll(0): self.drain()
        if self.end_fd is not None: os.close(self.end_fd)
        self.link.bury(code)

    # -- frames

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
        if frame.kind in (PLAIN, REPLY, HELLO): self.take_reply(frame)
        elif frame.kind == SHOW: self.take_display(*pickle.loads(frame.body))
        elif frame.kind == ASK:
            question = pickle.loads(frame.body)
            self.link.deliver(lambda: answer(self.link, frame.call, *question))
        if frame.kind in (SHOW, SYNC): self.link.tell(ANSWER, frame.call)

    def take_reply(self, frame):
        "Give a call its reply."
        sent = self.link.sent
        for number in list(sent):  # in the order in which they are sent and answered, which numbers need not have
            if number == frame.call: break
            del sent[number]  # an interrupt left it before it was sent
        call = sent.pop(frame.call)
        if frame.buffers: self.link.writer.outbox.put(idle)  # there is memory to be given back some time
        call.reply = frame
        call.notify(None)

    def take_display(self, kind, *content):
        screen = self.link.screen
        if kind == "names": screen.names(*content)
        else: self.link.deliver(lambda: screen.show(kind, *content))

    # -- text

    def drain(self):
        "Deliver what text there is."
        for fd,_ in self.pipes.poll(0):
            name,decode = self.texts[fd]
            data = os.read(fd, 1 << 16)
            if data: self.deliver_text(name, decode(data))
            else: self.forget_pipe(fd)

    def deliver_text(self, name, text):
        "Deliver text, and count it until it is shown."
        self.gathering = True
        call = self.link.current()
        if call: call.written += len(text)
        def item():
            self.link.screen.text(name, text)
            if call: call.shown += len(text)
        self.link.deliver(item)

    def forget_pipe(self, fd):
        "The pod has closed a stream: there is nothing more to wait for."
        for poll in (self.pipes, self.all): poll.unregister(fd)
        del self.texts[fd]
