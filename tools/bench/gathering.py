"Messages as they arrive, and all that comes of some requests, read as fast as it comes or as slowly as is asked."

import json, zmq
from functools import cached_property
from time import monotonic, sleep

class Message:
    "A message as it arrived, with the time; its JSON is parsed when it is asked for."
    def __init__(self, frames):
        self.time = monotonic()
        begin = frames.index(b"<IDS|MSG>") + 2
        self.frames = frames[begin:begin + 4]
        self.buffers = frames[begin + 4:]

    @cached_property
    def kind(self): return json.loads(self.frames[0])["msg_type"]

    @cached_property
    def parent(self):
        "The msg_id of the request that this belongs to."
        return (json.loads(self.frames[1]) or {}).get("msg_id")

    @cached_property
    def content(self): return json.loads(self.frames[3])

    @property
    def is_idle(self): return b'"idle"' in self.frames[3] and self.kind == "status"


class Outcome:
    "What came of requests: replies and idles by msg_id, and everything published, in order."
    def __init__(self, requests, wants_idles):
        self.requests = requests
        self.wants_idles = wants_idles
        self.begin = monotonic()
        self.replies = {}
        self.idles = {}
        self.messages = []
        self.cut = False  # True if a slow reader was not through in his time

    def keep(self, message, shelf):
        "Put `message` on a shelf of ours, if it belongs to one of the requests."
        if message.parent in self.requests: shelf[message.parent] = message

    @property
    def replied(self): return len(self.replies) == len(self.requests)

    @property
    def done(self): return self.replied and (not self.wants_idles or len(self.idles) == len(self.requests))

    @property
    def reply(self): return self.replies[self.requests[0]]

    @property
    def idle(self): return self.idles.get(self.requests[0])

    def of(self, kind):
        "The messages of one msg_type."
        return [message for message in self.messages if message.kind == kind]


class Gathering:
    """Reads everything that comes of the requests, up to their replies and idles.

    `pace`: seconds slept after each message of iopub, up to `timeout`; then the rest is read at full speed, to see what was
    lost and what was only late. `stall`: seconds in which iopub is not read at all.
    A request that never gets its idle ends 3 s after its reply and the last output."""
    def __init__(self, kernel, requests, timeout, pace=0, stall=0):
        self.kernel = kernel
        self.outcome = Outcome(requests, wants_idles=not kernel.peer.is_floor)
        self.pace = pace
        self.begin = self.outcome.begin + stall
        self.end = self.outcome.begin + timeout
        self.last = self.outcome.begin  # when the last message of iopub was read

    def run(self):
        "The `Outcome`, once it is complete or nothing more is to be expected."
        while not self.outcome.done and not self.is_late(monotonic()): self.step(monotonic())
        return self.outcome

    def is_late(self, now):
        "True if there is no more to wait for."
        is_over = now > self.end
        if is_over and not self.pace: return True
        if is_over: self.read_the_rest(now)
        return self.outcome.replied and now > max(self.last, self.begin) + 3

    def read_the_rest(self, now):
        "Go on at full speed, for half a minute at most."
        self.outcome.cut = True
        self.pace = 0
        self.end = now + 30

    def step(self, now):
        "Read one message of each socket that has one."
        shell,iopub = (self.kernel.sockets[channel] for channel in ("shell", "iopub"))
        stalls = now < self.begin
        wanted = [shell] if stalls else [shell, iopub]
        ready = zmq.select(wanted, [], [], self.begin - now if stalls else 1)[0]
        if not ready and not self.kernel.is_alive: self.kernel.died()
        if shell in ready: self.outcome.keep(Message(shell.recv_multipart()), self.outcome.replies)
        if iopub in ready: self.read_iopub(iopub)

    def read_iopub(self, iopub):
        "Read one message that was published, at our pace."
        message = Message(iopub.recv_multipart())
        self.outcome.messages.append(message)
        if message.is_idle: self.outcome.keep(message, self.outcome.idles)
        if self.pace: sleep(self.pace)
        self.last = monotonic()
