"""Where a message waits, and what may overtake a running cell. Imports nothing of ours but the clock: it is handed the kernel, which owns the subshells.

Two kinds of messages may, once the cell has run for `patience`. Requests that run no user code (`quick`) are answered by the side subshell. A comm message
waits at home, in the subshell whose cell used its comm last, as what its callbacks touch is there; while a cell holds it up it leaves for the subshell that
it names, as JupyterLab's messages do. But it never overtakes
- the request that opened its comm, nor the cell that sent on it last: that may still be making the object whose callback the message calls;
- an earlier message of its comm: all that wait leave together, and what comes later goes where they are."""
import threading

from .system.clock import clock

quick = {f"{name}_request" for name in ("complete", "inspect", "is_complete", "history", "kernel_info", "comm_info")}
comm_types = "comm_open","comm_msg","comm_close"
patience = .05  # seconds that a cell has run, and a comm message has waited, before the one overtakes the other

class Lane:
    "The messages of one comm that have not been handled: how many there are, and the subshell where all of them are"
    def __init__(self, sub):
        self.sub = sub
        self.count = 0

class Overtaking:
    "Queues comm messages, and takes out of the queues what need not wait for a running cell"
    def __init__(self, kernel):
        self.kernel = kernel
        self.lanes = {}  # a `Lane` by comm_id
        self.lock = threading.Lock()  # the messages of a lane move, all at once, or another one joins or leaves it
        self.waiting = set()  # subshells where something waits for the end of what runs there

    def enqueue_comm(self, msg, named):
        "Queue the comm message `msg`, which names the subshell `named`. On the shell thread"
        id = comm_id(msg)
        msg.may_leave = clock.monotonic()+patience
        with self.lock:
            lane = self.lanes.get(id)
            if not lane: lane = self.lanes[id] = Lane(self.place(msg, named))
            lane.count += 1
            sub = lane.sub
            sub.put(msg)
        if sub is not named: self.kernel.later(patience, self.overtake, sub)

    def place(self, msg, named):
        "The subshell for `msg`, the only message of its comm: where `named` has begun to handle comms, their order is kept"
        subs = list(self.kernel.subs.values())
        comm = self.kernel.bridge.comm_of(msg)
        begun = named in subs and (named.msg or named.q)
        if begun and not (comm and comm.in_use()): return named
        return comm.home if comm and comm.home in subs else self.kernel.main

    def overtake(self, sub):
        "Let what need not wait leave the queue of `sub`; what has to wait is looked at again when it may leave. On the side thread"
        self.waiting.add(sub)  # before the look at what runs: who ends it looks here afterwards
        msg = sub.msg
        running = isinstance(msg, dict) and not msg.ended
        left = min(patience, sub.since+patience-clock.monotonic()) if running else patience
        if left <= 0:
            for o in sub.take(only(quick)): self.kernel.side.put((o, sub))
            if msg.type == "execute_request": self.move_comms(sub)
        if not any(type_of(o) in quick or type_of(o) in comm_types for o in list(sub.q)): self.waiting.discard(sub)
        elif left > 0: self.kernel.later(left, self.overtake, sub)

    def move_comms(self, sub):
        "Move the messages of those comms that may overtake the cell of `sub`, in the order in which they came"
        def leaving(queue):
            lanes = {}
            for o in only(comm_types)(queue): lanes.setdefault(comm_id(o), []).append(o)
            goals = {id: self.goal(sub, msgs) for id,msgs in lanes.items()}
            for id,to in goals.items():
                if to: self.lanes[id].sub = to
            return [o for o in only(comm_types)(queue) if goals[comm_id(o)]]
        with self.lock:
            for o in sub.take(leaving): self.lanes[comm_id(o)].sub.put(o)

    def goal(self, sub, msgs):
        "The subshell to which `msgs`, of one comm and queued in `sub`, leave; None if they have to wait"
        first = msgs[0]
        comm = self.kernel.bridge.comm_of(first)
        to = self.kernel.subs.get(first["header"].get("subshell_id"))
        if to is sub or clock.monotonic() < first.may_leave: return None
        if comm and comm.in_use(): return None
        return to if self.lanes[comm_id(first)].count == len(msgs) else None  # else `sub` is handling one

    def served(self, sub, msg):
        "Note that `sub` has served `msg`"
        if msg.type in comm_types: self.leave_lane(msg)
        if sub in self.waiting: self.kernel.later(patience, self.overtake, sub)

    def leave_lane(self, msg):
        with self.lock:
            lane = self.lanes[comm_id(msg)]
            lane.count -= 1
            if not lane.count: del self.lanes[comm_id(msg)]

    def bring_home(self, gone):
        "Move the comm messages that wait in `gone`, a subshell that is being deleted, to the main one"
        with self.lock:
            for lane in self.lanes.values():
                if lane.sub is gone: lane.sub = self.kernel.main
            for o in gone.take(only(comm_types)): self.kernel.main.put(o)

def only(types):
    "A function that picks the messages of `types` out of a queue"
    return lambda queue: [o for o in queue if type_of(o) in types]

def type_of(o): return getattr(o, "type", "")  # a queue holds functions, too

def comm_id(msg): return str(msg["content"].get("comm_id"))
