"Prompts out, lines in, one asker after the other. Read `Stdin.ask`; all but that and `answer` runs on the thread of the channel."
from collections import deque
from threading import Event, get_ident

from .channel import Channel
from .light_zmq import zmq

class Stdin(Channel):
    "Prompts out, lines in, one asker after the other."
    def __init__(self, *args):
        super().__init__(*args)
        self.askers = deque()  # `Question`s; the client shows the first
        self.is_lost = False   # True while the client of the first is not there
        self.on_msg = self.on_line

    def set_options(self):
        super().set_options()
        self.sock.router_mandatory = 1  # else a prompt for a client that is not there yet vanishes

    # -- on any thread

    def ask(self, msg, content):
        """The line that the client of `msg`, or `answer`, answers to an input_request with `content`.

        Waits for ever, or till a signal handler raises. Source: Jupyter messaging 5.5, stdin: a frontend shows one prompt at a time."""
        msg_id = next(self.wire.msg_ids)
        question = Question(msg, msg_id, self.wire.pack("input_request", content, msg, ids=msg.ids, msg_id=msg_id))
        try:
            self.fence(lambda: self.enqueue(question))
            question.answered.wait()
        finally: self.fence(lambda: self.remove(question))
        if isinstance(question.line, BaseException): raise question.line
        return question.line

    def answer(self, whom, line):
        "Give `line`, or an exception to raise, to the askers whose `Question` satisfies `whom`, in place of the client."
        if self.askers: self.fence(lambda: self.answer_now(whom, line))

    # -- on this thread

    def answer_now(self, whom, line):
        for question in self.askers:
            if whom(question): question.answer(line)

    def enqueue(self, question):
        self.askers.append(question)
        cell = question.msg.cell
        if cell and cell.code_ended: question.answer(None)  # meanwhile
        elif question is self.askers[0]: self.deliver()

    def remove(self, question):
        "Forget `question`, and ask the next."
        if question not in self.askers: return
        was_first = question is self.askers[0]
        self.askers.remove(question)
        if was_first: self.deliver()

    def deliver(self):
        "Send the first prompt, if its client is there."
        self.is_lost = False
        if not self.askers: return
        try: self.transmit(self.askers[0].frames)
        except zmq.ZMQError as e:
            if e.errno != zmq.EHOSTUNREACH: raise
            self.is_lost = True

    def due(self): return 50 if self.is_lost else super().due()  # zmq has no event for a peer that joins

    def pump(self):
        if self.is_lost: self.deliver()
        super().pump()

    def on_line(self, msg):
        "Hand the line in `msg` to the first asker if it is for him; consoles send it without a parent."
        question = self.askers[0] if self.askers else None
        if not question or msg.type != "input_reply" or msg.ids != question.msg.ids: return
        if msg["parent_header"] and msg["parent_header"].get("msg_id") != question.id: return
        line = msg["content"].get("value")
        question.answer(line if isinstance(line, str) else "")

class Question:
    "A prompt that waits for its line."
    def __init__(self, msg, id, frames):
        self.msg = msg            # the request of the cell that asks
        self.id = id
        self.frames = frames
        self.tid = get_ident()    # the thread that asks
        self.answered = Event()   # which it waits for
        self.line = None          # or an exception to raise there

    def answer(self, line):
        self.line = line
        self.answered.set()
