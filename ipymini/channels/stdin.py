"Prompts out, lines in, one asker after the other."
import zmq
from collections import deque
from json import loads
from threading import Event, get_ident

from .channel import Channel

class Stdin(Channel):
    "Prompts out, lines in, one asker after the other"
    def __init__(self, *args):
        super().__init__(*args)
        self.askers,self.lost,self.on_msg = deque(),False,self.on_line

    def options(self, sock):
        super().options(sock)
        sock.router_mandatory = 1  # else a prompt for a client that is not there yet vanishes

    def ask(self, msg, frames):
        """The line that the client of `msg`, or `answer`, answers to the input_request in `frames`

        Waits for ever, or till a signal handler raises. Source: Jupyter messaging 5.5, stdin: a frontend shows one prompt at a time."""
        q = Question(msg, frames)
        try:
            self.fence(lambda: self.put(q))
            q.answered.wait()
        finally: self.fence(lambda: self.drop(q))
        if isinstance(q.line, BaseException): raise q.line
        return q.line

    def answer(self, whom, line):
        "Give `line`, or an exception to raise, to the askers whose `Question` satisfies `whom`, in place of the client"
        if self.askers: self.fence(lambda: [q.answer(line) for q in self.askers if whom(q)])

    def put(self, q):
        self.askers.append(q)
        if q.msg.cell and q.msg.cell.code_ended: return q.answer(None)  # its cell ended meanwhile
        if q is self.askers[0]: self.deliver()

    def drop(self, q):
        if q not in self.askers: return
        first = q is self.askers[0]
        self.askers.remove(q)
        if first: self.deliver()

    def deliver(self):
        self.lost = False
        if not self.askers: return
        try: self.transmit(self.askers[0].frames)
        except zmq.ZMQError as e:
            if e.errno != zmq.EHOSTUNREACH: raise
            self.lost = True

    def due(self): return 50 if self.lost else None  # zmq has no event for a peer that joins

    def pump(self):
        if self.lost: self.deliver()
        super().pump()

    def on_line(self, msg):
        "Hand `msg` to the first asker if it is for him; consoles send it without a parent"
        q = self.askers[0] if self.askers else None
        if not q or msg.type != "input_reply" or msg.ids != q.msg.ids: return
        if msg["parent_header"] and msg["parent_header"].get("msg_id") != q.id: return
        line = msg["content"].get("value")
        q.answer(line if isinstance(line, str) else "")

class Question:
    "A prompt that waits for its line"
    def __init__(self, msg, frames):
        self.msg,self.frames,self.answered,self.line,self.tid = msg,frames,Event(),None,get_ident()
        self.id = loads(frames[len(msg.ids)+2])["msg_id"]

    def answer(self, line):
        self.line = line
        self.answered.set()
