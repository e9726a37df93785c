"Rows about requests and their replies. Each takes a Peer and returns a value, or a list of values, for each metric of its row."

import process, uuid
from client import Lost, cell, to_warm_up
from time import monotonic

ms = 1000
comm_code = """
try: from comm import get_comm_manager; _manager = get_comm_manager()
except ImportError: _manager = get_ipython().kernel.comm_manager
_big = b"x" * 100_000_000
def _target(comm, _):
    @comm.on_msg
    def _(msg):
        d = msg["content"]["data"]
        comm.send(dict(n=sum(len(b) for b in msg.get("buffers") or ())), buffers=[_big] if "big" in d else [])
_manager.register_target("bench", _target)
"""

def round_trips(kernel, kind, content, count, warm=3):
    "Milliseconds to the reply, and to reply and idle both, of `count` requests; the `warm` ones before them do not count."
    took = [round_trip(kernel, kind, content) for _ in range(count + warm)]
    return [list(times) for times in zip(*took[warm:])]

def round_trip(kernel, kind, content):
    "Milliseconds to the reply of one request, and to reply and idle both."
    begin = monotonic()
    request = kernel.send("shell", kind, content)
    reply = kernel.answer(request).time
    idle = kernel.settle(request) or 0
    return (reply - begin)*ms, (max(idle, reply) - begin)*ms

def trip(peer, kind, count=20):
    "Milliseconds to the reply of a request that runs no code."
    return round_trips(peer.live(), kind, to_warm_up[kind], count)[0]

def stored(peer, count=20):
    "Milliseconds to the reply of a stored cell, and to reply and idle both."
    return round_trips(peer.live(), "execute_request", cell("1"), count)

def cell_trip(peer, count=20, **kw):
    "Milliseconds to the reply of a cell."
    return round_trips(peer.live(), "execute_request", cell(**kw), count)[0]

def queued(peer, count=500):
    "Milliseconds until the last of `count` cells, sent at once, is answered."
    kernel = peer.live()
    begin = monotonic()
    outcome = kernel.gather([kernel.execute("1") for _ in range(count)], 30)
    if not outcome.replied: raise Lost(f"lost {count - len(outcome.replies)}")
    if not outcome.done: peer.notes.append(f"{count - len(outcome.idles)} idles lost")
    return (max(reply.time for reply in outcome.replies.values()) - begin)*ms

def many_names(peer):
    "Milliseconds to a completion in a namespace of 100,000 names."
    with peer.fresh() as kernel:
        kernel.run("globals().update({f'name_{i}': i for i in range(100_000)})")
        return round_trips(kernel, "complete_request", dict(code="name_9999", cursor_pos=9), 1, 1)[0]


class Comm:
    "A comm whose other end, in the kernel, echoes, swallows or makes buffers."
    def __init__(self, kernel):
        self.kernel = kernel
        self.id = uuid.uuid4().hex
        self.patience = 1  # s for an idle
        if kernel.run(comm_code).reply.content["status"] != "ok": raise Lost("no comms")
        kernel.settle(kernel.send("shell", "comm_open", dict(comm_id=self.id, target_name="bench", data={})))
        try: self.tell({}, timeout=3)
        except Lost: raise Lost("no comms") from None

    def tell(self, data, buffers=(), timeout=15):
        "Send on the comm; the request's msg_id and the message that comes back."
        request = self.kernel.send("shell", "comm_msg", dict(comm_id=self.id, data=data), buffers)
        return request, self.kernel.wait("iopub", self.is_mine, timeout)

    def is_mine(self, message):
        "True if `message` came on this comm."
        return message.kind == "comm_msg" and message.content["comm_id"] == self.id

def comm_echo(peer, count=20):
    "Milliseconds until what is sent on a comm comes back."
    comm = Comm(peer.live())
    return [echo(comm) for _ in range(count + 3)][3:]

def echo(comm):
    "Milliseconds until one message comes back."
    begin = monotonic()
    request,message = comm.tell({})
    took = (message.time - begin)*ms
    if not comm.kernel.settle(request, comm.patience): comm.patience = .01  # ipymini 0.1 sends no idle for comm messages
    return took

def buffers_out(peer):
    "Milliseconds until 100 MB have come from the kernel, and MB that it grew by at the highest."
    return buffers(peer, dict(big=1), [], lambda message: sum(map(len, message.buffers)))

def buffers_in(peer):
    "Milliseconds until 100 MB are in the kernel, and MB that it grew by at the highest."
    return buffers(peer, {}, [bytes(100_000_000)], lambda message: message.content["data"]["n"])

def buffers(peer, data, sent, size):
    "Send `data` and the buffers `sent`; `size` tells from the answer how many bytes arrived."
    comm = Comm(peer.live())
    with process.peak(comm.kernel.pid) as peak:
        begin = monotonic()
        request,message = comm.tell(data, sent)
    if size(message) != 100_000_000: raise Lost("buffer lost")
    comm.kernel.settle(request, 1)
    return (message.time - begin)*ms, peak[0]
