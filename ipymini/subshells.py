"""Where a message runs: the subshells, the way of a message into one of them, and what may overtake a running cell.

Two kinds of messages may, once the cell has run for `patience`. Requests that run no user code (`quick`) are answered by the
side subshell. A comm message waits at home, in the subshell whose cell used its comm last, as what its callbacks touch is
there; while a cell holds it up it leaves for the subshell that it names, as JupyterLab's messages do. But it never overtakes
- the request that opened its comm, nor the cell that sent on it last: that may still be making the object whose callback the message calls;
- an earlier message of its comm: all that wait leave together, and what comes later goes where they are.

Read `Subshells` for the way in, then `Overtaking`. `subshell` is imported when the sockets answer already."""
import threading

from . import limits
from .contents import UnknownSubshellError
from .system.clock import clock

quick = {f"{name}_request" for name in ("complete", "inspect", "is_complete", "history", "kernel_info", "comm_info")}
at_once = {"kernel_info_request", "comm_info_request"}  # the shell thread answers these if nothing is before them: a hop less
comm_types = "comm_open","comm_msg","comm_close"
may_overtake = quick.union(comm_types)
patience = .05  # seconds that a cell has run, and a comm message has waited, before the one overtakes the other

class Subshells:
    "The subshells of a kernel; `serve(subshell, msg)` is the coroutine function that handles a message."
    def __init__(self, serve):
        self.serve = serve
        self.by_id = {}       # those that take messages; the main one, None, once code can run
        self.main = None      # the one on the main thread
        self.side = None      # the one that answers what must not wait for a cell; it runs no user code
        self.deleted = []     # those whose last cell still runs
        self.early = []       # messages that came before `open`
        self.comm_of = None   # a function: the comm that a message goes to, or None
        self.overtaking = Overtaking(self)

    # -- the way in, on the shell thread

    def route(self, msg):
        "Queue `msg` in the subshell that it names; False if that is not there, or the message can be answered without any, at once."
        if not self.are_open:
            if msg.type == "kernel_info_request": return False
            self.early.append(msg)
            return True
        named = self.named(msg)
        if not named or msg.type in at_once and named.is_free(): return False
        if msg.type in comm_types: self.overtaking.enqueue_comm(msg, named)
        else: self.enqueue(msg, named)
        return True

    def named(self, msg):
        "The subshell that `msg` names, or None."
        id = msg["header"].get("subshell_id")
        return self.by_id.get(id) if id is None or isinstance(id, str) else None

    def check_named(self, msg):
        "Raises: UnknownSubshellError, if `msg` names a subshell that is not there."
        if self.are_open and not self.named(msg): raise UnknownSubshellError(msg["header"].get("subshell_id"))

    def enqueue(self, msg, subshell):
        "Queue `msg`; what is quick is answered from the side if `subshell` is not free soon."
        is_waiting = bool(subshell.queue)  # before the look at what runs: what leaves the queue is that
        running = subshell.msg
        is_free = not is_waiting and (not running or running.ended)
        subshell.enqueue(msg)
        if msg.type in quick and not is_free: self.call_aside(self.overtaking.overtake, subshell)

    @property
    def are_open(self):
        "True once code can run."
        return None in self.by_id

    def open(self):
        "Let code run from now on; the messages that have arrived early."
        self.by_id[None] = self.main
        return self.early

    # -- after a message is served

    def served(self, subshell, msg):
        """Note that `subshell`, or none, has served `msg`, whose idle was just published.

        The subshell whose cell still runs though that idle hides it; or None."""
        if not subshell: return None
        if msg.type in comm_types: self.overtaking.leave_lane(msg)
        if subshell in self.overtaking.waiting: self.later(patience, self.overtaking.overtake, subshell)
        if msg.overtook: return msg.overtook
        if subshell is not self.side and subshell.msg and subshell.msg is not msg: return subshell
        return self.main if subshell is not self.main and msg.type in comm_types else None

    # -- making and deleting

    def make_main(self):
        "Make the subshell of the main thread."
        self.main = self.new()
        return self.main

    def start_side(self):
        "Start the side subshell: before the first cell, which may use up the descriptors that its loop needs."
        if self.side: return
        self.side = self.new("aside")
        self.side.start(traced=False)

    def create(self, id):
        "Start a subshell of its own thread; its id. Raises: RuntimeError where there are too many."
        if len(self.ids) >= limits.subshells: raise RuntimeError(f"there are {limits.subshells} subshells already: delete one before")
        self.by_id[id] = self.new(id)
        self.by_id[id].start()
        return id

    def new(self, id=None):
        from .subshell import Subshell
        return Subshell(self.serve, id)

    def delete(self, id):
        "Take the subshell `id` away; the messages that waited there. A cell that runs may end. Raises: UnknownSubshellError."
        deleted = self.by_id.pop(id, None)
        if not deleted: raise UnknownSubshellError(id)
        deleted.stop()
        self.deleted = [subshell for subshell in (*self.deleted, deleted) if subshell.msg]
        self.overtaking.bring_home(deleted)
        return deleted.take(list)

    @property
    def ids(self):
        "The ids of all but the main subshell."
        return [id for id in list(self.by_id) if id]

    @property
    def running(self):
        "The ids of the messages that are being handled."
        present = *list(self.by_id.values()),*self.deleted
        return {msg["msg_id"] for msg in (subshell.msg for subshell in present) if msg and not msg.ended}

    @property
    def others(self):
        "All subshells with user code but the main one, the deleted ones that still run a cell among them."
        return [subshell for subshell in (*list(self.by_id.values()), *self.deleted) if subshell is not self.main]

    # -- the side thread

    def call_aside(self, function, *args): self.side.call_soon(function, *args)

    def later(self, seconds, function, *args):
        "Call `function` on the side thread in `seconds`."
        if not self.side: self.start_side()  # an interrupt while IPython loads
        self.side.call_soon(lambda: self.side.loop.call_later(seconds, function, *args))

class Lane:
    "The messages of one comm that have not been handled: how many there are, and the subshell where all of them are."
    def __init__(self, subshell):
        self.subshell = subshell
        self.count = 0

class Overtaking:
    "Queues comm messages, and takes out of the queues what need not wait for a running cell."
    def __init__(self, subshells):
        self.subshells = subshells
        self.lanes = {}  # a `Lane` by comm_id
        self.lock = threading.Lock()  # the messages of a lane move, all at once, or another one joins or leaves it
        self.waiting = set()  # subshells where something waits for the end of what runs there

    def enqueue_comm(self, msg, named):
        "Queue the comm message `msg`, which names the subshell `named`. On the shell thread."
        id = comm_id(msg)
        msg.may_leave = clock.monotonic()+patience
        with self.lock:
            lane = self.lanes.get(id)
            if not lane: lane = self.lanes[id] = Lane(self.place(msg, named))
            lane.count += 1
            subshell = lane.subshell
            subshell.enqueue(msg)
        if subshell is not named: self.subshells.later(patience, self.overtake, subshell)

    def place(self, msg, named):
        "The subshell for `msg`, the only message of its comm: where `named` has begun to handle comms, their order is kept."
        present = list(self.subshells.by_id.values())
        comm = self.subshells.comm_of(msg)
        begun = named in present and (named.msg or named.queue)
        if begun and not (comm and comm.in_use()): return named
        return comm.home if comm and comm.home in present else self.subshells.main

    def overtake(self, subshell):
        "Let what need not wait leave the queue of `subshell`; what has to wait is looked at again when it may leave. On the side thread."
        self.waiting.add(subshell)  # before the look at what runs: who ends it looks here afterwards
        msg = subshell.msg
        running = msg is not None and not msg.ended
        left = min(patience, subshell.since+patience-clock.monotonic()) if running else patience
        if left <= 0: self.move(subshell, msg)
        if not only(may_overtake)(subshell.waiting()): self.waiting.discard(subshell)
        elif left > 0: self.subshells.later(left, self.overtake, subshell)

    def move(self, subshell, running):
        "Move what may overtake the message `running`, which has held up `subshell` for long enough."
        for msg in subshell.take(only(quick)):
            msg.overtook = subshell
            self.subshells.side.enqueue(msg)
        if running.type == "execute_request": self.move_comms(subshell)

    def move_comms(self, subshell):
        "Move the messages of those comms that may overtake the cell of `subshell`, in the order in which they came."
        def leaving(queue):
            "Those of `queue` that may leave, whose comms are in another subshell from now on."
            by_comm = {}
            for msg in only(comm_types)(queue): by_comm.setdefault(comm_id(msg), []).append(msg)
            goals = {id: self.goal(subshell, msgs) for id,msgs in by_comm.items()}
            for id,goal in goals.items():
                if goal: self.lanes[id].subshell = goal
            return [msg for msg in only(comm_types)(queue) if goals[comm_id(msg)]]
        with self.lock:
            for msg in subshell.take(leaving): self.lanes[comm_id(msg)].subshell.enqueue(msg)

    def goal(self, subshell, msgs):
        "The subshell to which `msgs`, of one comm and queued in `subshell`, leave; None if they have to wait."
        first = msgs[0]
        comm = self.subshells.comm_of(first)
        goal = self.subshells.by_id.get(first["header"].get("subshell_id"))
        if goal is subshell or clock.monotonic() < first.may_leave: return None
        if comm and comm.in_use(): return None
        return goal if self.lanes[comm_id(first)].count == len(msgs) else None  # else `subshell` is handling one

    def leave_lane(self, msg):
        "Note that the comm message `msg` has been handled."
        with self.lock:
            lane = self.lanes[comm_id(msg)]
            lane.count -= 1
            if not lane.count: del self.lanes[comm_id(msg)]

    def bring_home(self, deleted):
        "Move the comm messages that wait in `deleted`, a subshell that is being deleted, to the main one."
        main = self.subshells.main
        with self.lock:
            for lane in self.lanes.values():
                if lane.subshell is deleted: lane.subshell = main
            for msg in deleted.take(only(comm_types)): main.enqueue(msg)

def only(types):
    "A function that picks the messages of `types` out of a queue."
    return lambda queue: [msg for msg in queue if msg.type in types]

def comm_id(msg): return str(msg["content"].get("comm_id"))

def when_idle(subshells, seconds, function):
    "Call `function` on the side thread, once, when the main subshell has had nothing to do for `seconds`."
    main = subshells.main
    def look():
        "Call it, or look again later."
        left = main.since+seconds-clock.monotonic()
        if main.msg or main.queue: main.call_soon(subshells.later, seconds, look)  # behind what runs
        elif left > 0: subshells.later(left, look)
        else: function()
    subshells.later(seconds, look)
