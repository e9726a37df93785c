"What tests of output look at: a subscriber that reads at the pace of the test, when messages were made, the memory and the sleep of a process"
import json, time, zmq
from pathlib import Path

def texts(r):
    "All that a cell put out, in order, as one string; displays as their plain text in angle brackets"
    def show(m):
        c = m["content"]
        if m["msg_type"] == "stream": return c["text"]
        if m["msg_type"] in ("display_data", "execute_result"): return f"<{c['data']['text/plain']}>"
        if m["msg_type"] == "error": return f"<{c['ename']}>"
        return ""
    return "".join(map(show, r.msgs))

def dates(r, name):
    "When the stream messages called `name` were made, in seconds"
    return [m["header"]["date"].timestamp() for m in r.msgs if m["msg_type"] == "stream" and m["content"]["name"] == name]

def densest(times, span=1):
    "The largest number of `times` within `span` seconds"
    return max(sum(t <= u < t+span for u in times) for t in times)

def stat(pid, field):
    "A number from /proc/PID/status"
    return next(int(s.split()[1]) for s in Path(f"/proc/{pid}/status").read_text().splitlines() if s.startswith(field+":"))

def switches(pid):
    "How often the threads of `pid` have gone to sleep so far"
    paths = Path(f"/proc/{pid}/task").glob("*/status")
    return sum(int(s.split()[1]) for p in paths for s in p.read_text().splitlines() if s.startswith("voluntary_ctxt_switches"))


class Reader:
    "A bare subscriber with next to no queue of its own, so that one who does not read is felt by the kernel at once"
    def __init__(self, kc):
        cfg = json.loads(Path(kc.file).read_text())
        self.sock = zmq.Context.instance().socket(zmq.SUB)
        self.sock.rcvhwm,self.sock.rcvbuf,self.sock.linger = 1,2**16,0
        self.sock.subscribe(b"")
        self.sock.connect(f"tcp://{cfg['ip']}:{cfg['iopub_port']}")
        assert self.read()[0] == "iopub_welcome"

    def read(self, timeout=30):
        "Type, id of the request, and content of the next message"
        if not self.sock.poll(timeout*1000): raise TimeoutError(f"{timeout} s passed: waited for a message on iopub")
        frames = self.sock.recv_multipart()
        header,parent,_,content = map(json.loads, frames[frames.index(b"<IDS|MSG>")+2:][:4])
        return header["msg_type"],parent.get("msg_id"),content

    def cell(self, id, pause=0, pieces=10**6):
        "Messages of the request `id` to its idle, or `pieces` of them, with `pause` seconds after each"
        for _ in range(pieces):
            type,parent,content = self.read()
            if parent == id: yield type,content
            if parent == id and content.get("execution_state") == "idle": return
            if pause: time.sleep(pause)

    def text(self, id, **kw): return "".join(c["text"] for t,c in self.cell(id, **kw) if t == "stream")

    def close(self): self.sock.close()

lines = "".join(f"{i}\n" for i in range(100_000))
flood = "for i in range(100_000): print(i)"
