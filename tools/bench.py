#!/usr/bin/env python3
"""Black-box benchmark of Jupyter kernels: start, round trips, output, interrupts, answers while busy, shutdown, idling.

Each kernel is started from its kernelspec (or a plain argv) and spoken to over its sockets; nothing of it is imported. Kernels take turns within every row,
so that whatever else the machine does hits all of them. Reads downwards: kernels to compare, a running kernel, the rows, measuring, showing, command line."""
import argparse, atexit, hmac, json, os, platform, random, re, select, shlex, shutil, signal, socket, statistics, subprocess, sys, tempfile, time, uuid
from collections import Counter, namedtuple
from contextlib import contextmanager
from functools import cached_property, partial
from itertools import cycle
from pathlib import Path
from time import monotonic, sleep

try: import zmq
except ImportError: zmq = None  # `setup` makes the venv that has it, and `main` moves there

root = Path(__file__).resolve().parent.parent
venvs = root/".venvs"
ours = "ipymini"
known = {"ipymini": str(root), "ipykernel": "ipykernel", "xeus-python": "xeus-python", "async-kernel": "async-kernel", "ipymini-0.1": "ipymini==0.1.25"}
specs = {"xeus-python": "xpython"}  # which kernelspec to take where a venv has several
tools = dict(client="pyzmq", plot="matplotlib")

# -- kernels to compare

def clean_env(**kw):
    "Our environment less what would change a kernel: PYTHONDONTWRITEBYTECODE alone makes each start three times as long"
    drop = ("PYTHON", "VIRTUAL_ENV", "IPYTHON", "JUPYTER", "JPY_", "XDG_")
    return {k:v for k,v in os.environ.items() if not k.startswith(drop)} | kw

def install(name, req, python, upgrade=False):
    "A venv for `req` with its bytecode compiled; done once, except for our own tree, which is installed anew each time"
    venv = venvs/f"bench-{name}"
    mark,py = venv/"bench-ready",venv/"bin/python"
    if mark.exists() and mark.read_text() == req and name != ours and not upgrade: return print(f"{venv}: there already")
    run = partial(subprocess.run, check=True, env=clean_env())
    if not py.exists(): run([python, "-m", "venv", venv])
    run([py, "-m", "pip", "install", "-qq", "--disable-pip-version-check", "-U", req])
    if name == ours and not find_spec(venv): run([py, "-m", "ipymini", "install", "--sys-prefix"])
    run([py, "-m", "compileall", "-q", venv/"lib"], check=False)  # packages carry a few files that are meant not to compile
    mark.write_text(req)
    print(f"{venv}: {req}")

def setup(names, python, upgrade):
    venvs.mkdir(exist_ok=True)
    (venvs/".gitignore").write_text("*\n")
    for name in dict.fromkeys(["client"] + (names or [*known])):
        if name in known or name in tools: install(name, (known | tools)[name], python, upgrade)
        else: sys.exit(f"setup does not know {name}; it knows {', '.join(known)}")

def find_spec(venv, name="*"): return next(iter(sorted(Path(venv).glob(f"share/jupyter/kernels/{name}/kernel.json"))), None)

def spec_dirs():
    "Where Jupyter looks for kernelspecs, as prefixes of `share/jupyter/kernels`"
    return [Path(p) for p in (os.environ.get("VIRTUAL_ENV"), Path.home()/".local", "/usr/local", "/usr") if p]

def read_spec(path):
    "argv, env and interrupt mode of a kernel.json; `python` there means the one of the venv it lies in"
    spec,prefix = json.loads(path.read_text()),path.parents[4]
    py = prefix/"bin/python"
    if re.fullmatch(r"python[\d.]*", spec["argv"][0]): spec["argv"][0] = str(py if py.exists() else shutil.which("python3"))
    spec["argv"] = [a.replace("{resource_dir}", str(path.parent)).replace("{prefix}", str(prefix)) for a in spec["argv"]]
    return spec

def find_kernel(name, what=None):
    "A Peer from `what`: a venv, a kernel.json or a command line; without it one that `setup` made, or an installed kernelspec"
    if what is None: what = next((o for o in [venvs/f"bench-{name}", *(find_spec(d, name) for d in spec_dirs())] if o and o.exists()), None)
    if what is None: sys.exit(f"No kernel {name}: run `{sys.argv[0]} setup {name}`, or give --kernel {name}=VENV|kernel.json|'command line'")
    path = Path(what)
    if path.is_dir(): path = find_spec(path, specs.get(name, "*")) or find_spec(path) or sys.exit(f"{path} has no kernelspec")
    if path.is_file(): return Peer(name, **read_spec(path))
    return Peer(name, shlex.split(str(what)))

floor_code = """
import hmac, json, sys, uuid, zmq
from IPython.core.interactiveshell import InteractiveShell
cfg = json.load(open(sys.argv[1]))
sock = zmq.Context().socket(zmq.ROUTER)
sock.bind(f"tcp://{cfg['ip']}:{cfg['shell_port']}")
shell = InteractiveShell.instance()
while True:
    id, _, sig, header, *_, content = sock.recv_multipart()
    h, c = json.loads(header), json.loads(content)
    res = dict(status="ok")
    if h["msg_type"] == "execute_request":
        r = shell.run_cell(c["code"], store_history=c["store_history"], silent=c["silent"])
        res = dict(status="ok" if r.success else "error", execution_count=r.execution_count, user_expressions={}, payload=[])
    h2 = dict(h, msg_id=uuid.uuid4().hex, msg_type=h["msg_type"].replace("request", "reply"))
    frames = [json.dumps(h2).encode(), header, b"{}", json.dumps(res).encode()]
    sock.send_multipart([id, b"<IDS|MSG>", hmac.digest(cfg["key"].encode(), b"".join(frames), "sha256").hex().encode(), *frames])
"""

class Lost(Exception): "What was to be measured did not come; says why in a word or two"

class Peer:
    "A kernel to measure: how to start it, the one that is running for the short rows, and remarks on the row being measured"
    def __init__(self, name, argv, env=None, interrupt_mode="signal", is_floor=False, **_):
        self.name,self.argv,self.env,self.mode,self.is_floor = name,argv,env or {},interrupt_mode,is_floor
        self.current,self.notes,self.version,self.home = None,[],"",tempfile.mkdtemp(prefix=f"bench-{name}-")
        atexit.register(shutil.rmtree, self.home, ignore_errors=True)

    def live(self):
        "The kernel that rows share as long as it is well"
        if self.current and not self.current.alive: self.drop()
        if not self.current: self.current = Kernel(self).warm()
        return self.current

    def drop(self):
        if self.current: self.current.kill()
        self.current = None

    @contextmanager
    def fresh(self, warm=True):
        k = Kernel(self)
        try: yield k.warm() if warm else k
        finally: k.kill()

# -- a running kernel

class Msg:
    "A message as it arrived, with the time; its JSON is parsed when asked for"
    def __init__(self, frames):
        self.t = monotonic()
        i = frames.index(b"<IDS|MSG>")
        self.frames,self.buffers = frames[i+2:i+6],frames[i+6:]

    @cached_property
    def typ(self): return json.loads(self.frames[0])["msg_type"]
    @cached_property
    def parent(self): return (json.loads(self.frames[1]) or {}).get("msg_id")
    @cached_property
    def content(self): return json.loads(self.frames[3])
    @property
    def is_idle(self): return b'"idle"' in self.frames[3] and self.typ == "status"

class Ran:
    "What came of requests: replies and idles by msg_id, and everything published, in order"
    def __init__(self, mids, idles):
        self.mids,self.wants,self.t0,self.replies,self.idles,self.msgs,self.cut = mids,idles,monotonic(),{},{},[],False

    def take(self, m, into):
        if m.parent in self.mids: into[m.parent] = m

    @property
    def replied(self): return len(self.replies) == len(self.mids)
    @property
    def done(self): return self.replied and (not self.wants or len(self.idles) == len(self.mids))
    @property
    def reply(self): return self.replies[self.mids[0]]
    @property
    def idle(self): return self.idles.get(self.mids[0])
    def of(self, typ): return [m for m in self.msgs if m.typ == typ]

def session(sid):
    "Processes of the session `sid`, which is what a kernel and its children are"
    def sid_of(p):
        try: return int(p.read_text().rpartition(")")[2].split()[3])
        except OSError: return None
    return [int(p.parent.name) for p in Path("/proc").glob("[0-9]*/stat") if sid_of(p) == sid]

def proc_field(path, key): return int(re.search(rf"^{key}:\s*(\d+)", Path(path).read_text(), re.M)[1])

port_numbers = cycle(range(random.randrange(12_000, 22_000), 32_000))  # below the ephemeral ones, of which a client that keeps trying to connect takes many
def free_port():
    for port in port_numbers:
        try: socket.create_server(("127.0.0.1", port)).close()
        except OSError: continue
        return port

class Kernel:
    "A kernel process of ours and a client of all its channels. Waits block in zmq: no polling delay of our own is measured"
    kinds = dict(shell="DEALER", iopub="SUB", stdin="DEALER", control="DEALER", hb="DEALER")
    living = set()

    def __init__(self, peer):
        self.peer,self.key,self.sid,self.comm = peer,uuid.uuid4().hex,uuid.uuid4().hex,None
        ports = {ch:free_port() for ch in self.kinds}
        self.file = Path(peer.home)/f"kernel-{self.sid}.json"
        self.file.write_text(json.dumps(dict(ip="127.0.0.1", transport="tcp", key=self.key, signature_scheme="hmac-sha256",
            kernel_name=peer.name, **{f"{ch}_port":p for ch,p in ports.items()})))
        self.socks = {ch:self.connect(kind, ports[ch]) for ch,kind in self.kinds.items()}
        env = clean_env(HOME=peer.home, IPYTHONDIR=f"{peer.home}/.ipython", JUPYTER_RUNTIME_DIR=peer.home, JPY_PARENT_PID=str(os.getpid()))
        argv = [a.replace("{connection_file}", str(self.file)) for a in peer.argv]
        env["PATH"] = f"{Path(argv[0]).parent}:{env['PATH']}"
        self.log = open(f"{peer.home}/{self.sid}.log", "w+", errors="replace")
        Kernel.living.add(self)
        self.t0 = monotonic()
        self.proc = subprocess.Popen(argv, env=env | peer.env, cwd=peer.home, start_new_session=True,
            stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log)
        self.pid,self.exited = self.proc.pid,os.pidfd_open(self.proc.pid)

    def connect(self, kind, port):
        s = zmq.Context.instance().socket(getattr(zmq, kind))
        s.linger,s.reconnect_ivl = 0,2  # ms; with the usual 100 a start would be measured in steps of 100 ms
        s.identity = self.sid.encode()
        if kind == "SUB": s.subscribe(b"")
        s.connect(f"tcp://127.0.0.1:{port}")
        return s

    @property
    def alive(self): return self.proc.poll() is None

    def died(self):
        self.peer.notes.append(f"died with status {self.proc.returncode}; log ends: {self.log_end()[-1][:100]}")
        raise Lost("died")

    def log_end(self, n=1):
        self.log.seek(0)
        return self.log.read().strip().splitlines()[-n:] or ["nothing"]

    def gone(self, timeout): return bool(select.select([self.exited], [], [], timeout)[0])

    def kill(self):
        "End the process and whatever it left in its session"
        if self not in Kernel.living: return
        Kernel.living.discard(self)
        left = session(self.pid)
        if self.proc.returncode is not None and self.pid in left: left = []  # ours is reaped and all gone: that pid is somebody else's by now
        for pid in left:
            try: os.kill(pid, signal.SIGKILL)
            except ProcessLookupError: pass
        self.proc.wait()
        for s in self.socks.values(): s.close()
        self.log.close()
        os.close(self.exited)
        self.file.unlink(missing_ok=True)

    # -- messages

    def send(self, ch, typ, content=None, buffers=()):
        header = dict(msg_id=uuid.uuid4().hex, msg_type=typ, session=self.sid, username="bench", version="5.4", date="2025-01-01T00:00:00.000000Z")
        frames = [json.dumps(o).encode() for o in (header, {}, {}, content or {})]
        sig = hmac.digest(self.key.encode(), b"".join(frames), "sha256").hex().encode()
        self.socks[ch].send_multipart([b"<IDS|MSG>", sig, *frames, *buffers], copy=not buffers)
        return header["msg_id"]

    def recv(self, ch, until):
        "The next message on `ch`, before the time `until`"
        s = self.socks[ch]
        while (left := until - monotonic()) > 0:
            s.rcvtimeo = int(min(left, 1)*1000) + 1
            try: return Msg(s.recv_multipart())
            except zmq.Again:
                if not self.alive: self.died()
        raise Lost("never")

    def waiting(self, ch):
        "The messages that have arrived on `ch` and are not read"
        while self.socks[ch].poll(0): yield Msg(self.socks[ch].recv_multipart())

    def wait(self, ch, ok, timeout=30):
        "The first message on `ch` for which `ok` holds; those before it are dropped"
        until = monotonic() + timeout
        while True:
            if ok(m := self.recv(ch, until)): return m

    def answer(self, mid, ch="shell", timeout=30): return self.wait(ch, lambda m: m.parent == mid, timeout)
    def ask(self, typ, content=None, ch="shell", timeout=30): return self.answer(self.send(ch, typ, content), ch, timeout)

    def beat(self, timeout):
        "The time at which a heartbeat comes back"
        hb,token,until = self.socks["hb"],uuid.uuid4().bytes,monotonic() + timeout
        hb.send_multipart([b"", token])
        while hb.poll(max(0, (until - monotonic())*1000)):
            if hb.recv_multipart()[-1] == token: return monotonic()
        raise Lost("never")

    def settle(self, mid, timeout=5):
        "Read IOPub up to the idle of `mid`"
        if self.peer.is_floor: return monotonic()
        try: return self.wait("iopub", lambda m: m.is_idle and m.parent == mid, timeout).t
        except Lost: return self.peer.notes.append("idle lost")

    def execute(self, code, **kw): return self.send("shell", "execute_request", cell(code, **kw))

    def run(self, code, timeout=30): return self.gather([self.execute(code)], timeout)

    def gather(self, mids, timeout=30, pace=0, stall=0):
        """Everything that comes of the requests `mids`, up to their replies and idles

        pace: seconds slept after each IOPub message, up to `timeout`; then the rest is read at full speed, to see what was lost and what was only late.
        stall: seconds in which IOPub is not read at all. A request that never gets its idle ends 3 s after its reply and the last output."""
        shell,iopub = self.socks["shell"],self.socks["iopub"]
        r = Ran(mids, idles=not self.peer.is_floor)
        start,end,last = r.t0 + stall,r.t0 + timeout,r.t0
        while not r.done:
            now = monotonic()
            if now > end:
                if r.cut or not pace: break
                r.cut,pace,end = True,0,end + 30
            if r.replied and now > max(last, start) + 3: break
            evs = zmq.select([shell, iopub] if now >= start else [shell], [], [], 1 if now >= start else start - now)[0]
            if not evs and not self.alive: self.died()
            if shell in evs: r.take(Msg(shell.recv_multipart()), r.replies)
            if iopub in evs:
                r.msgs.append(m := Msg(iopub.recv_multipart()))
                if m.is_idle: r.take(m, r.idles)
                if pace: sleep(pace)
                last = monotonic()
        if not r.replies: raise Lost("never")
        return r

    def warm(self):
        "Ready and run in, so that what follows finds imports done and caches filled"
        try:
            self.ask("kernel_info_request", timeout=60)
            for _ in range(5): self.run("1")
            if not self.peer.is_floor: [self.ask(typ, c) for typ,c in asks.items()]
        except Lost:
            self.kill()
            raise
        return self

    def interrupt(self):
        "As the kernelspec wants it: a message, or a signal to the process group"
        if self.peer.mode == "message": self.send("control", "interrupt_request")
        else: os.killpg(self.pid, signal.SIGINT)

    def open_comm(self):
        "A comm whose other end echoes, swallows or makes buffers"
        if self.comm: return self.comm
        if self.run(comm_code).reply.content["status"] != "ok": raise Lost("no comms")
        self.comm = uuid.uuid4().hex
        self.settle(self.send("shell", "comm_open", dict(comm_id=self.comm, target_name="bench", data={})))
        try: self.tell_comm({}, timeout=3)
        except Lost: raise Lost("no comms") from None
        return self.comm

    def tell_comm(self, data, buffers=(), timeout=15):
        "Send on the comm; the request's id and the message that comes back"
        mid = self.send("shell", "comm_msg", dict(comm_id=self.comm, data=data), buffers)
        return mid,self.wait("iopub", lambda m: m.typ == "comm_msg" and m.content["comm_id"] == self.comm, timeout)

    # -- the process, as the system sees it

    def cpu(self): return sum(time.clock_gettime((~pid << 3) | 2) for pid in session(self.pid))  # MAKE_PROCESS_CPUCLOCK: exact, ended threads included

    def memory(self):
        "USS and PSS in MB, children included"
        fields = [Counter({k:proc_field(f"/proc/{pid}/smaps_rollup", k) for k in ("Private_Clean", "Private_Dirty", "Pss")}) for pid in session(self.pid)]
        res = sum(fields, Counter())
        return (res["Private_Clean"] + res["Private_Dirty"])/1024,res["Pss"]/1024

    @contextmanager
    def peak(self):
        "A list that gets the growth of the resident size, in MB, at its highest inside"
        status,res = f"/proc/{self.pid}/status",[]
        Path(f"/proc/{self.pid}/clear_refs").write_text("5")  # VmHWM starts again from here
        before = proc_field(status, "VmRSS")
        yield res
        res.append((proc_field(status, "VmHWM") - before)/1024)

    def switches(self): return sum(proc_field(p, "voluntary_ctxt_switches") for p in Path(f"/proc/{self.pid}/task").glob("*/status"))

# -- the rows: each function takes a Peer and returns one value (or list of values, or word for what went wrong) for each of the row's metrics

ms = 1000
def cell(code, **kw): return dict(code=code, silent=False, store_history=True, user_expressions={}, allow_stdin=True, stop_on_error=True) | kw

asks = dict(complete_request=dict(code="import os\nos.path.jo", cursor_pos=20), inspect_request=dict(code="print", cursor_pos=5, detail_level=0),
    is_complete_request=dict(code="for i in range(3):"), kernel_info_request={})
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

def start(p):
    with p.fresh(warm=False) as k:
        info = k.ask("kernel_info_request", timeout=60)
        r = k.run("1", 60)
        res = r.of("execute_result")
        if not res and not p.is_floor: p.notes.append("first result lost, time of its reply")
        return (info.t - k.t0)*ms,((res or [r.reply])[0].t - k.t0)*ms,k.cpu()*ms

def bare_imports(p):
    t = monotonic()
    subprocess.run([p.argv[0], "-c", "import zmq, IPython"], env=clean_env(HOME=p.home), check=True)
    return (monotonic() - t)*ms

def footprint(p):
    with p.fresh(warm=False) as k:
        k.ask("kernel_info_request", timeout=60)
        r = k.run("import sys; len(sys.modules)")
        sleep(1)
        uss,pss = k.memory()
        return uss,pss,proc_field(f"/proc/{k.pid}/status", "Threads"),int(r.of("execute_result")[0].content["data"]["text/plain"])

def eight(p):
    ks = [Kernel(p) for _ in range(8)]
    try:
        mids = [(k, k.send("shell", "kernel_info_request") and k.execute("1")) for k in ks]
        last = max(k.answer(mid, timeout=90).t for k,mid in mids)
        return last - ks[0].t0,sum(k.memory()[1] for k in ks)
    finally: [k.kill() for k in ks]

def round_trips(k, typ, content, n, warm=3):
    "Times to the reply, and to reply and idle both; the first few do not count"
    res = []
    for _ in range(n + warm):
        t = monotonic()
        mid = k.send("shell", typ, content)
        reply = k.answer(mid)
        res.append(((reply.t - t)*ms, (max(k.settle(mid) or 0, reply.t) - t)*ms))
    return [list(o) for o in zip(*res[warm:])]

def trip(p, typ, n=20): return round_trips(p.live(), typ, asks[typ], n)[0]
def stored(p, n=20):    return round_trips(p.live(), "execute_request", cell("1"), n)
def cell_trip(p, n=20, **kw): return round_trips(p.live(), "execute_request", cell(**kw), n)[0]

def comm_echo(p, n=20):
    k,res,patience = p.live(),[],1
    k.open_comm()
    for _ in range(n + 3):
        t = monotonic()
        mid,m = k.tell_comm({})
        res.append((m.t - t)*ms)
        if not k.settle(mid, patience): patience = .01  # ipymini 0.1 sends no idle for comm messages
    return res[3:]

def queued(p, n=500):
    k = p.live()
    t = monotonic()
    r = k.gather([k.execute("1") for _ in range(n)], 30)
    if not r.replied: raise Lost(f"lost {n - len(r.replies)}")
    if not r.done: p.notes.append(f"{n - len(r.idles)} idles lost")
    return (max(m.t for m in r.replies.values()) - t)*ms

def buffers(p, out):
    k = p.live()
    k.open_comm()
    with k.peak() as peak:
        t = monotonic()
        mid,m = k.tell_comm(dict(big=1) if out else {}, [] if out else [bytes(100_000_000)])
    if (sum(map(len, m.buffers)) if out else m.content["data"]["n"]) != 100_000_000: raise Lost("buffer lost")
    k.settle(mid, 1)
    return (m.t - t)*ms,peak[0]

def first_output(p, then):
    "A cell prints the time, which is the same clock as ours, and runs on"
    r = p.live().run(f"import time; _t = time.monotonic(); print(_t)\nwhile time.monotonic() < _t + .6: {then}")
    if not r.of("stream"): raise Lost("lost")
    m = r.of("stream")[0]
    return (m.t - float(m.content["text"].split()[0]))*ms

def outputs(p, code, n, typ, limit=30, **reader):
    "Run `code`, which should show the numbers up to `n`: how many were lost, messages, time to idle, growth of memory"
    with p.fresh() as k:
        with k.peak() as peak: r = k.gather([k.execute(code)], limit, **reader)
        msgs = [m for m in r.of(typ) if m.content.get("name") != "stderr"]
        got = "".join(m.content["text"] if typ == "stream" else m.content["data"]["text/plain"] + "\n" for m in msgs).split()
        want = [*map(str, range(n))]
        lost = n - len(set(got).intersection(want))
        if not lost and got != want: p.notes.append("out of order")
        took = f"> {limit}" if r.cut else r.idle.t - r.t0 if r.idle else "no idle"  # after `limit` the reader was not slow any more
        return lost,len(msgs),took,peak[0]

def lines(p, n, **reader): return outputs(p, f"for i in range({n}): print(i)", n, "stream", **reader)
def displays(p, n=2000, **reader):
    return outputs(p, f"from IPython.display import display\nfor i in range({n}): display(i)", n, "display_data", **reader)

def interrupt(p, code):
    "From the interrupt to the error reply, with the kernel sound afterwards"
    k = p.live()
    k.settle(k.execute("import time, asyncio"))
    mid = k.execute(code)
    k.wait("iopub", lambda m: m.typ == "execute_input" and m.parent == mid)
    if "input" in code: k.wait("stdin", lambda m: m.typ == "input_request", 5)
    sleep(.3)
    t = monotonic()
    k.interrupt()
    reply = k.answer(mid, timeout=5)
    if reply.content["status"] == "ok": raise Lost("ignored")
    if "KeyboardInterrupt" not in (name := reply.content.get("ename", "")): p.notes.append(f"reply says {name or reply.content['status']}")
    k.settle(mid)
    if k.run("1", 5).reply.content["status"] != "ok": raise Lost("broken")
    return (reply.t - t)*ms

def shutdown(p, code):
    "From shutdown_request to the end of the process; no interrupt before it, unlike jupyter_client, which tries one first"
    with p.fresh() as k:
        mid = k.execute(code)
        k.wait("iopub", lambda m: m.typ == "execute_input" and m.parent == mid)
        if "while" not in code: k.answer(mid)
        sleep(.5)
        t = monotonic()
        k.send("control", "shutdown_request", dict(restart=False))
        if not k.gone(6): raise Lost("never")
        res = (monotonic() - t)*ms
        sleep(.3)
        if set(session(k.pid)) - {k.pid}: p.notes.append("left a child alive")
        return res

def idle(p, secs=10):
    with p.fresh() as k:
        sleep(3)
        cpu,switches = k.cpu(),k.switches()
        sleep(secs)
        return (k.cpu() - cpu)*ms,k.switches() - switches

def while_busy(p, body):
    "Ask one thing after the other while a cell runs for about 5 s; what is not answered within 1 s never is"
    k,res = p.live(),[]
    k.run(calibrate)
    mid = k.execute(f"import time; _end = time.monotonic() + 5\n{body}")
    sleep(.4)  # not until its execute_input is here, which the GIL can hold back as long as the cell
    for ch,typ in (("shell", "complete_request"), ("shell", "inspect_request"), ("control", "kernel_info_request"), ("hb", None)):
        t = monotonic()
        try: res.append(((k.beat(1) if ch == "hb" else k.ask(typ, asks[typ], ch, 1).t) - t)*ms)
        except Lost as e: res.append(str(e))
    if any(m.is_idle and m.parent == mid for m in k.waiting("iopub")): raise Lost("cell too short")
    if not k.settle(mid, 15): raise Lost("never ends")
    return res

def debugged(p):
    "A cell of 300,000 calls before a debug session, in it, with a breakpoint in another cell, and after it"
    with p.fresh() as k:
        def debug(command, **args):
            c = k.ask("debug_request", dict(type="request", seq=1, command=command, arguments=args), "control", 15).content
            if not c.get("success"): raise Lost("no debugger")
            return c.get("body")
        def took():
            trips = round_trips(k, "execute_request", cell("def f(x): return x + 1\nfor _ in range(300_000): f(1)"), 3, 1)
            return min(trips[0])
        res = [took()]
        debug("initialize", clientID="bench", adapterID="", pathFormat="path", linesStartAt1=True, columnsStartAt1=True)
        debug("attach")
        res.append(took())
        path = debug("dumpCell", code="a = 1")["sourcePath"]
        debug("setBreakpoints", source=dict(path=path), breakpoints=[dict(line=1)], sourceModified=False)
        res.append(took())
        debug("disconnect", restart=False, terminateDebuggee=False)
        return [*res, took()]

def many_names(p):
    with p.fresh() as k:
        k.run("globals().update({f'name_{i}': i for i in range(100_000)})")
        return round_trips(k, "complete_request", dict(code="name_9999", cursor_pos=9), 1, 1)[0]

calibrate = """
import time
def _took(n):
    t = time.monotonic()
    sum(range(n))
    return time.monotonic() - t
_n = int(5e6*5.5/min(_took(5_000_000) for _ in range(3)))
"""
busy_codes = dict(loop="while time.monotonic() < _end: pass", sleep="time.sleep(5)", gil="sum(range(_n))")
slow,stalled = dict(pace=.002),dict(stall=5)

class Row(namedtuple("Row", "group name fn metrics reps quick floor", defaults=(5, 1, False))):
    """A line or more of the table

    metrics: "name unit" of each value of `fn`, the name left out where there is one. reps, quick: turns in a full run and with --quick.
    floor: whether the bare loop around `run_cell` can be measured too ("only": nothing else can)."""
    @property
    def parts(self): return [tuple(m.strip().rpartition(" ")[::2]) for m in self.metrics.split(",")]

flood = "lost lines, messages n, time s, memory MB"
rows = [
    Row("start", "spawn", start, "to kernel_info_reply ms, to first result ms, CPU until then ms", 10, 3, True),
    Row("start", "python -c 'import zmq, IPython'", bare_imports, "ms", 10, 3, "only"),
    Row("start", "footprint", footprint, "USS MB, PSS MB, threads n, modules n", 3),
    Row("start", "8 kernels at once", eight, "to the last result s, PSS of all MB", 3),
    Row("round trip", "execute 1, stored", stored, "reply ms, reply and idle ms", 10, 3, True),
    Row("round trip", "execute 1, silent", partial(cell_trip, code="1", silent=True, store_history=False), "ms", 10, 3, True),
    Row("round trip", "execute pass", partial(cell_trip, code="pass"), "ms", 10, 3, True),
    *[Row("round trip", typ.removesuffix("_request"), partial(trip, typ=typ), "ms", 10, 3) for typ in asks],
    Row("round trip", "comm echo", comm_echo, "ms", 10, 3),
    Row("round trip", "500 queued cells", queued, "ms", 5, 2, True),
    Row("round trip", "complete among 100,000 names", many_names, "ms", 3),
    Row("output", "first output, cell sleeps on", partial(first_output, then="time.sleep(.1)"), "ms", 10, 3),
    Row("output", "first output, cell computes on", partial(first_output, then="pass"), "ms", 10, 3),
    *[Row("output", f"{n:,} lines, {name} reader", partial(lines, n=n, **how), flood, 2)
        for n in (100_000, 300_000) for name,how in dict(fast={}, slow=slow, stalled=stalled).items()],
    Row("output", "2,000 displays, slow reader", partial(displays, **slow), flood.replace("lines", "displays"), 3),
    Row("output", "100 MB from the kernel", partial(buffers, out=True), "time ms, memory MB", 3),
    Row("output", "100 MB to the kernel", partial(buffers, out=False), "time ms, memory MB", 3),
    Row("interrupt", "time.sleep", partial(interrupt, code="time.sleep(20)"), "ms", 5, 2),
    Row("interrupt", "loop", partial(interrupt, code="_t = time.monotonic() + 20\nwhile time.monotonic() < _t: pass"), "ms", 5, 2),
    Row("interrupt", "await", partial(interrupt, code="await asyncio.sleep(20)"), "ms", 5, 2),
    Row("interrupt", "input()", partial(interrupt, code="input()"), "ms", 5, 2),
    *[Row("while busy", name, partial(while_busy, body=busy_codes[code]), "complete ms, inspect ms, control ms, heartbeat ms", 3)
        for code,name in dict(loop="pure-Python loop", sleep="time.sleep", gil="C call that holds the GIL").items()],
    Row("debugger", "300,000 calls", debugged, "never on ms, on ms, breakpoint elsewhere ms, off again ms", 3),
    Row("shutdown", "idle", partial(shutdown, code="1"), "ms", 5, 2),
    Row("shutdown", "busy", partial(shutdown, code="while True: pass"), "ms", 5, 2),
    Row("shutdown", "with a live child", partial(shutdown, code="import subprocess; _c = subprocess.Popen(['sleep', '40'])"), "ms", 3),
    Row("idle", "10 s of nothing", idle, "CPU ms, context switches n", 3)]

# -- measuring

class Stat:
    "Samples of one metric of one kernel: numbers, and words where there was none"
    def __init__(self): self.nums,self.words = [],[]

    def add(self, v):
        for o in v if isinstance(v, list) else [v]: (self.words if isinstance(o, str) else self.nums).append(o)

    @property
    def median(self): return statistics.median(self.nums) if len(self.nums) > len(self.words) else None
    @property
    def p95(self): return statistics.quantiles(self.nums, n=20, method="inclusive")[-1] if len(self.nums) > 4 and self.median is not None else None
    @property
    def word(self): return Counter(self.words).most_common(1)[0][0] if self.words else "-"

class Progress:
    "A bar on stderr; a line for each row where that is no terminal"
    def __init__(self, total): self.total,self.n,self.t0,self.last = total,0,monotonic(),None

    def step(self, row, peer):
        tty,left = sys.stderr.isatty(),(monotonic() - self.t0)*(self.total - self.n)/max(self.n, 1)
        bar = ("#"*(30*self.n//self.total)).ljust(30, ".")
        text = f"[{bar}] {self.n}/{self.total} {left/60:.0f} min left  {row.group}: {row.name}  {peer.name}"
        if tty: print(f"\r\033[K{text[:shutil.get_terminal_size().columns - 1]}", end="", file=sys.stderr, flush=True)
        elif row is not self.last: print(f"{self.n}/{self.total} {monotonic() - self.t0:.0f} s  {row.group}: {row.name}", file=sys.stderr, flush=True)
        self.n,self.last = self.n + 1,row

    def end(self):
        if sys.stderr.isatty(): print("\r\033[K", end="", file=sys.stderr, flush=True)

def attempt(row, p):
    "The values of one turn of `p`, words in place of those that did not come"
    n = len(row.parts)
    try:
        v = row.fn(p)
        return list(v) if n > 1 else [v]
    except Lost as e: word = str(e)
    # what a kernel of odd ways, or one that dies while we look at it, makes us trip over
    except (zmq.ZMQError, OSError, LookupError, ValueError, AttributeError, TypeError) as e: word = f"{type(e).__name__}: {e}"[:60]
    p.drop()
    return [word]*n

def measure(peers, todo, quick):
    "Results by (row, metric, kernel), the kernels taking turns; a kernel that failed twice in a row's first turns is not asked again"
    res,notes = {},{}
    plan = [(r, [p for p in peers if (r.floor if p.is_floor else r.floor != "only")]) for r in todo]
    bar = Progress(sum(len(ps)*(r.quick if quick else r.reps) for r,ps in plan) or 1)
    try:
        for r,ps in plan:
            for _ in range(r.quick if quick else r.reps):
                for p in ps:
                    bar.step(r, p)
                    stats = [res.setdefault((r.group, r.name, m, unit), {}).setdefault(p.name, Stat()) for m,unit in r.parts]
                    if all(len(s.words) > 1 and not s.nums for s in stats): continue
                    p.notes.clear()
                    for s,v in zip(stats, attempt(r, p)): s.add(v)
                    for o in set(p.notes): notes.setdefault((r.group, r.name), {}).setdefault(p.name, Counter())[o] += 1
    except KeyboardInterrupt: print("\nstopped: what follows is what was measured so far", file=sys.stderr)
    finally:
        bar.end()
        for p in peers: p.drop()
    return res,notes

def prepare(p):
    "Start `p` once, for its version, for the caches of the system and for the files it makes on its first start"
    with p.fresh(warm=False) as k:
        try:
            info = k.ask("kernel_info_request", timeout=60).content
            k.run("1", 60)
            p.version = f"{info.get('implementation', '')} {info.get('implementation_version', '')}".strip()
            return True
        except Lost as e: print(f"{p.name} is left out, it does not start ({e}), log: {' / '.join(k.log_end(10))}", file=sys.stderr)

# -- showing

def report(res, notes, peers):
    "Everything measured, as JSON will have it"
    def ratio(v, base): return float(f"{v/base:.4g}") if v is not None and base else None
    rows = []
    for (group,name,metric,unit),stats in res.items():
        med = {k:s.median for k,s in stats.items()}
        best = lambda k: min((v for o,v in med.items() if v is not None and o not in (k, "floor")), default=None)
        rows.append(dict(group=group, row=name, metric=metric, unit=unit, notes={k:dict(c) for k,c in notes.get((group, name), {}).items()},
            kernels={k:dict(median=s.median, p95=s.p95, n=len(s.nums), word=s.word, words=Counter(s.words), samples=s.nums,
                to_ipykernel=ratio(s.median, med.get("ipykernel")), to_best_other=ratio(s.median, best(k))) for k,s in stats.items()}))
    cpu = re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text())
    return dict(date=time.strftime("%Y-%m-%d"), machine=f"{cpu[1] if cpu else platform.machine()}, {os.cpu_count()} cores, Linux {platform.release()}",
        kernels={p.name:p.version for p in peers}, rows=rows)

def num(v): return f"{v:,.0f}" if abs(v) >= 100 else f"{v:.3g}"

def shown(k):
    "Median and p95, a word where there is none, a star where some turns gave none"
    if k is None: return ""
    if k["median"] is None: return k["word"]
    return num(k["median"]) + (f" ({num(k['p95'])})" if k["p95"] is not None else "") + "*"*bool(k["words"])

def table(data):
    "For people, and as Markdown for a README"
    names = [*data["kernels"]]
    subject = ours if ours in names else names[0]
    head = ["", "unit", *names, "to ipykernel", "to best other"]
    body = []
    for r in data["rows"]:
        me = r["kernels"].get(subject, {})
        ratios = [f"{v:.2f}x" if (v := me.get(o) or 0) >= .1 else f"{v:.1g}x" if v else "" for o in ("to_ipykernel", "to_best_other")]
        body.append([": ".join(filter(None, (r["group"], r["row"], r["metric"]))), r["unit"], *(shown(r["kernels"].get(n)) for n in names), *ratios])
    width = [max(map(len, col)) for col in zip(head, *body)]
    def line(cells): return "| " + " | ".join(c.rjust(w) if i else c.ljust(w) for i,(c,w) in enumerate(zip(cells, width))) + " |"
    print(f"\nMedian (95th percentile), {data['date']}, {data['machine']}.")
    print(f"Less is better. Ratios are of {subject}. *: some turns gave nothing, see below.\n")
    print("\n".join([line(head), "|" + "|".join("-"*(w + 1) + (":" if i else "-") for i,w in enumerate(width)) + "|", *map(line, body)]) + "\n")
    print("Versions: " + ", ".join(f"{n}: {v}" for n,v in data["kernels"].items() if v))
    remarks = [f"- {r['group']}, {r['row']}, {k}: {o} ({n}x)" for r in data["rows"] for k,c in r["notes"].items() for o,n in c.items()]
    remarks += [f"- {r['group']}, {r['row']} {r['metric']}, {k}: {w} ({n} of {n + s['n']})" for r in data["rows"] for k,s in r["kernels"].items()
        for w,n in s["words"].items() if s["median"] is not None]
    print("\n".join(dict.fromkeys(remarks)))

headlines = [("spawn", "to kernel_info_reply"), ("spawn", "to first result"), ("execute 1, stored", "reply"), ("first output, cell sleeps on", ""),
    ("pure-Python loop", "complete"), ("await", ""), ("with a live child", ""), ("300,000 lines, slow reader", "lost"), ("footprint", "USS")]

def plot(data, file):
    "The headlines as bars, one small chart each"
    try: import matplotlib.pyplot as plt
    except ImportError: return plot_elsewhere(data, file)
    charts = [r for h in headlines for r in data["rows"] if (r["row"], r["metric"]) == h] or data["rows"][:9]
    fig,axs = plt.subplots(-(-len(charts)//3), 3, figsize=(13, 1.1 + .62*len(data["kernels"])*-(-len(charts)//3)), squeeze=False, layout="constrained")
    for ax in axs.flat[len(charts):]: ax.axis("off")
    for ax,r in zip(axs.flat, charts):
        names = [n for n in reversed(data["kernels"]) if n in r["kernels"] and n != "floor"]
        vals = [r["kernels"][n]["median"] for n in names]
        top = max([v for v in vals if v is not None], default=0) or 1
        bars = ax.barh(names, [top if v is None else v for v in vals], color=["#2a78d6" if n == ours else "#b9bcc2" for n in names])
        for bar,v in zip(bars, vals): bar.set(**dict(fc="none", ec="#c0504d", hatch="///") if v is None else {})  # no number is worse than any number
        ax.bar_label(bars, [f"{num(v)} {r['unit']}" if v is not None else r["kernels"][n]["word"] for n,v in zip(names, vals)], padding=3, fontsize=9)
        ax.set_xlim(0, top*1.35)
        ax.set_title(", ".join(filter(None, (f"{r['group']}: {r['row']}", r["metric"]))), fontsize=10, loc="left")
        ax.tick_params(left=False, bottom=False, labelbottom=False, labelsize=9)
        ax.spines[:].set_visible(False)
    fig.savefig(file, dpi=150)
    print(f"wrote {file}")

def plot_elsewhere(data, file):
    install("plot", tools["plot"], sys.executable)
    with tempfile.NamedTemporaryFile("w", suffix=".json") as f:
        json.dump(data, f)
        f.flush()
        subprocess.run([venvs/"bench-plot/bin/python", __file__, "show", f.name, "--plot", file], check=True, env=clean_env(), stdout=subprocess.DEVNULL)
    print(f"wrote {file}")

# -- command line

usage = """bench.py setup [NAME...]   make a venv for each kernel to compare (in .venvs/, once; our own tree is installed anew each time)
       bench.py [OPTIONS]         measure, the kernels taking turns, and print a table
       bench.py show FILE         print the table of an earlier --json FILE again, or --plot it"""
more = """examples:
  bench.py setup && bench.py --quick
  bench.py --kernels ipymini,ipykernel --rows 'spawn|interrupt' --json out.json --plot out.svg
  bench.py --kernel mine='python -m mykernel -f {connection_file}' --kernels mine,ipykernel

What a cell of the table says when there is no number: "never" no answer within the deadline (1 s while busy, 5 s for an interrupt, 6 s for a
shutdown, as jupyter_client kills after 5, else 30 s); "died" the process ended; "lost" a request or its output never arrived; "no idle" the cell's idle
status did not arrive; "> 30" a slow reader was not through after 30 s. A slow reader sleeps 2 ms after each message, a stalled one reads nothing for
5 s; both have ZeroMQ's usual limit of 1,000 messages. Memory is growth over the row. The floor is a loop around InteractiveShell.run_cell behind one
ROUTER socket, without IOPub."""

def parse_args():
    p = argparse.ArgumentParser(usage=usage, description=__doc__, epilog=more, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("what", nargs="?", choices=("run", "setup", "show"), default="run", help=argparse.SUPPRESS)
    p.add_argument("names", nargs="*", help=argparse.SUPPRESS)
    p.add_argument("--kernels", metavar="A,B", help=f"which to measure (default: those set up of {', '.join(known)}); any installed kernelspec's name will do")
    p.add_argument("--kernel", metavar="NAME=WHAT", action="append", default=[], help="a kernel by venv, kernel.json or command line (may be repeated)")
    p.add_argument("--rows", metavar="REGEX", default="", help="only rows whose 'group: name' matches (see --list)")
    p.add_argument("--quick", action="store_true", help="few turns: 12 minutes for all rows of six kernels rather than most of an hour")
    p.add_argument("--no-floor", action="store_true", help="leave out the bare loop")
    p.add_argument("--json", metavar="FILE", help="write all results, samples included")
    p.add_argument("--plot", metavar="FILE", help="write a PNG or SVG of the headlines (installs matplotlib in a venv of its own)")
    p.add_argument("--list", action="store_true", help="list the rows and stop")
    p.add_argument("--upgrade", action="store_true", help="setup: take the newest releases")
    p.add_argument("--python", default=sys.executable, help="setup: Python for the venvs (default: this one)")
    return p.parse_args()

def find_peers(args):
    given = dict(o.split("=", 1) for o in args.kernel)
    there = [n for n in known if (venvs/f"bench-{n}").exists()]
    names = args.kernels.split(",") if args.kernels else list(dict.fromkeys(there + [*given]))
    peers = [find_kernel(n, given.get(n)) for n in names] or sys.exit(f"No kernels to measure: run `{sys.argv[0]} setup` first, or give --kernel")
    pys = [venvs/f"bench-{n}/bin/python" for n in (ours, "ipykernel")] + [p.argv[0] for p in peers]
    py = next(str(o) for o in pys if Path(o).exists())
    if not args.no_floor: peers.append(Peer("floor", [py, "-c", floor_code, "{connection_file}"], is_floor=True))
    return [p for p in peers if prepare(p)] or sys.exit("No kernel starts")

def stale():
    "Whether the installed copy of our tree is not what the tree is now"
    copy = next(venvs.glob(f"bench-{ours}/lib/*/site-packages/{ours}"), None)
    return copy and any(f.read_bytes() != (copy/f.name).read_bytes() if (copy/f.name).exists() else True for f in (root/ours).glob("*.py"))

def main():
    args = parse_args()
    todo = [r for r in rows if re.search(args.rows, f"{r.group}: {r.name}")]
    if args.what == "setup": return setup(args.names, args.python, args.upgrade)
    if args.list: return print("\n".join(f"{r.group}: {r.name}" for r in todo))
    if args.what == "show": data = json.loads(Path(args.names[0]).read_text())
    else:
        py = venvs/"bench-client/bin/python"
        if zmq is None and py.exists(): os.execv(py, [str(py), *sys.argv])
        if zmq is None: sys.exit(f"pyzmq is missing: run `{sys.argv[0]} setup` first")
        atexit.register(lambda: [k.kill() for k in list(Kernel.living)])
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
        if stale(): print(f"Note: {ours} as installed differs from the tree; `{sys.argv[0]} setup {ours}` installs it anew", file=sys.stderr)
        if (load := os.getloadavg()[0]) > .5: print(f"Note: others are at work here (load {load:.1f}): trust ratios, not times", file=sys.stderr)
        peers = find_peers(args)
        data = report(*measure(peers, todo, args.quick), peers)
    if args.json: Path(args.json).write_text(json.dumps(data, indent=1))
    table(data)
    if args.plot: plot(data, args.plot)

if __name__ == "__main__": main()
