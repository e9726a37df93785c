"""A kernel process, and a client that plays the frontend: `kc.run(code)` is one cell, `kc.request(type, ...)` any request; both return a `Result`.

The client is jupyter_client's; a test never loops over messages itself. Every wait has a deadline and says what it waited for."""
import json, os, signal, subprocess, sys, tempfile, time, zmq
from contextlib import contextmanager
from importlib.util import find_spec
from itertools import groupby
from pathlib import Path
from queue import Empty
from jupyter_client import BlockingKernelClient
from fastcore.basics import patch

root = Path(__file__).resolve().parent.parent
patience = 60  # seconds: a deadline is there to say what did not come, not how busy the machine is


class Result:
    "The reply to one request, and all that iopub published on its behalf, in order; `shape`: types, with what one stream said in a row as one"
    def __init__(self, id): self.id,self.replies,self.msgs,self.idle = id,[],[],False

    types   = property(lambda self: [m["msg_type"] for m in self.msgs])
    shape   = property(lambda self: [k[0] for k,
        _ in groupby(self.msgs, lambda m: (m["msg_type"], m["content"].get("name", m["msg_id"])))])
    reply   = property(lambda self: self.replies[-1] if self.replies else None)
    content = property(lambda self: self.reply["content"])
    status  = property(lambda self: self.content["status"])
    states  = property(lambda self: [c["execution_state"] for c in self.of("status")])
    stdout  = property(lambda self: self.text("stdout"))
    stderr  = property(lambda self: self.text("stderr"))
    result  = property(lambda self: next((c["data"]["text/plain"] for c in self.of("execute_result")), None))
    error   = property(lambda self: next(iter(self.of("error")), None))

    def add(self, msg):
        "File `msg`, from iopub; `idle` is kept, as a flood has too many messages to look for it"
        self.msgs.append(msg)
        if msg["msg_type"] == "status": self.idle = msg["content"]["execution_state"] == "idle"

    def of(self, type): return [m["content"] for m in self.msgs if m["msg_type"] == type]
    def text(self, name): return "".join(c["text"] for c in self.of("stream") if c["name"] == name)
    def __repr__(self):
        msgs = ", ".join(f"{m['msg_type']} {str(m['content'])[:200]}" for m in self.msgs[:50])
        return f"Result({self.reply and self.content}, {len(self.msgs)} messages: {msgs})"


def start(cwd=None, env=None, args=(), file=None, python=sys.executable, **kw):
    "Start a kernel on a new connection file, or on `file`; a client that has been welcomed. `kc.proc` is the process, `kc.stop()` ends it"
    if not file: file = connection_file()
    env = {**os.environ, "JPY_PARENT_PID": str(os.getpid()), **(env or {})}
    env.pop("PYTEST_CURRENT_TEST", None)
    kw.setdefault("stdin", subprocess.DEVNULL)
    proc = subprocess.Popen([python, "-m", "ipymini", "-f", file, *args], cwd=cwd, env=env, start_new_session=True, **kw)
    until(lambda: has_ports(file) or proc.poll() is not None, "the ports of a kernel")
    kc = connect(file)
    kc.proc,kc.file = proc,file
    return kc


def connection_file():
    "A new connection file in which the kernel is to write free ports: what is free before it starts may be another's when it has"
    fd,path = tempfile.mkstemp(suffix=".json", prefix="kernel-")
    settings = dict(transport="tcp", ip="127.0.0.1", key=os.urandom(16).hex(), signature_scheme="hmac-sha256",
        **dict.fromkeys(ports, 0))
    with open(fd, "w") as f: json.dump(settings, f)
    return path


ports = "shell_port", "iopub_port", "stdin_port", "control_port", "hb_port"


def has_ports(file):
    with open(file) as f: settings = json.load(f)
    return all(settings.get(port) for port in ports)


def connect(file, welcome=True, timeout=patience):
    "A client of the kernel on `file`; it has seen the kernel's welcome, so it misses nothing from now on"
    kc = BlockingKernelClient(connection_file=str(file))
    kc.load_connection_file()
    kc.start_channels(hb=False)
    kc.others,kc.held = [],{}
    if welcome:
        msg = kc.get_iopub_msg(timeout=timeout)
        assert msg["msg_type"] == "iopub_welcome", f"the first iopub message was {msg['msg_type']}"
    return kc


@patch
def stop(self:BlockingKernelClient):
    "End the kernel that `start` started, and this client"
    if self.proc.poll() is None:
        os.killpg(self.proc.pid, signal.SIGKILL)
        self.proc.wait(10)
    self.stop_channels()
    if os.path.exists(self.file): os.remove(self.file)


@patch
def submit(self:BlockingKernelClient, type, content=None, channel="shell", metadata=None, buffers=None, subshell=None,
    **header):
    "Send a request without waiting; its msg_id"
    msg = self.session.msg(type, content or {}, metadata=metadata)
    msg["header"].update(header)
    if subshell: msg["header"]["subshell_id"] = subshell
    self.session.send(getattr(self, f"{channel}_channel").socket, msg, buffers=buffers)
    return msg["header"]["msg_id"]


@patch
def wait(self:BlockingKernelClient, id, channel="shell", reply=True, idle=True, until=None, timeout=patience):
    "The `Result` of the request `id`, once its reply and its idle are there, or `until(result)` is true"
    res,end = self.held.setdefault(id, Result(id)),time.monotonic()+timeout
    done = until or (lambda r: (not reply or r.reply) and (not idle or r.idle))
    while not done(res):
        left = end-time.monotonic()
        if left <= 0:
            raise TimeoutError(f"{timeout} s passed: waited for {'a condition' if until else 'reply and idle'} of {id}, have {res}; others {self.others[-5:]}")
        self.collect(channel, min(left, .02))
    return res


@patch
def collect(self:BlockingKernelClient, channel, timeout):
    "File what has come on iopub and `channel` under the request that it belongs to; of a flood no more than 100 messages a call"
    try:
        for _ in range(100):
            m = self.get_iopub_msg(timeout=timeout)
            p = m["parent_header"].get("msg_id")
            if p: self.held.setdefault(p, Result(p)).add(m)
            else: self.others.append(m)
            timeout = 0
    except Empty: pass
    try:
        while True:
            m = getattr(self, f"get_{channel}_msg")(timeout=0)
            p = m["parent_header"].get("msg_id")
            self.held.setdefault(p, Result(p)).replies.append(m)
    except Empty: pass


@patch
def request(self:BlockingKernelClient, type, content=None, channel="shell", timeout=patience, reply=None, **kw):
    "Send a request and wait for its reply, if it is one that gets one, and its idle"
    if reply is None: reply = type.endswith("_request")
    return self.wait(self.submit(type, content, channel, **kw), channel, reply, timeout=timeout)


@patch
def cell(self:BlockingKernelClient, code, metadata=None, subshell=None, **kw):
    "Send a cell without waiting; its msg_id"
    content = {**dict(code=code, silent=False, store_history=True, user_expressions={}, allow_stdin=False,
        stop_on_error=True), **kw}
    return self.submit("execute_request", content, metadata=metadata, subshell=subshell)


@patch
def run(self:BlockingKernelClient, code, timeout=patience, **kw):
    "Run a cell to its end"
    return self.wait(self.cell(code, **kw), timeout=timeout)


@patch
def subshell(self:BlockingKernelClient):
    "The id of a new subshell"
    return self.request("create_subshell_request", channel="control").content["subshell_id"]


def listed(kc):
    "The ids of the subshells"
    return kc.request("list_subshell_request", channel="control").content["subshell_id"]


@patch
def prompt(self:BlockingKernelClient, timeout=patience):
    "The next input_request"
    try: return self.get_stdin_msg(timeout=timeout)
    except Empty: raise TimeoutError(f"{timeout} s passed: waited for an input_request") from None


@patch
def interrupt(self:BlockingKernelClient, how="signal"):
    "Interrupt the kernel by SIGINT to its process group or by an interrupt_request, whose Result comes back"
    if how == "signal": return os.killpg(self.proc.pid, signal.SIGINT)
    return self.request("interrupt_request", channel="control")


def begun(kc, id, sign="begun"):
    "Wait until the cell `id` has printed `sign`; its `Result` so far"
    return kc.wait(id, until=lambda r: sign in r.stdout)


def count(kc):
    "The number of the last cell that was counted"
    return kc.run("", silent=True).content["execution_count"]


error_keys = {"status", "ename", "evalue", "traceback"}

def is_error(content):
    "True if a reply's content is that of an error, each field of its type"
    texts = [content.get("ename"), content.get("evalue")]
    lines = content.get("traceback")
    if content.get("status") != "error" or not isinstance(lines, list): return False
    return all(isinstance(o, str) for o in texts+lines)


def need(*names):
    "Skip the test where a library is missing"
    import pytest
    for o in names:
        if not find_spec(o): pytest.skip(f"{o} is not installed: what it does in a kernel is not tested")


def read_programs(theme):
    "The programs of `cells/THEME.ipy` by name; the line above each is `# %% ` and its name"
    _,*parts = (root/f"pytests/cells/{theme}.ipy").read_text().split("\n# %% ")
    return {name: code.strip("\n") for name,_,code in (o.partition("\n") for o in parts)}


def until(cond, what, timeout=patience):
    "The first true value of `cond()`, for what sends no message: files, processes"
    end = time.monotonic()+timeout
    while not (res := cond()):
        if time.monotonic() > end: raise TimeoutError(f"{timeout} s passed: waited for {what}")
        time.sleep(.01)
    return res


def soon(seconds, limit, tries=5):
    "True if one of `tries` calls of `seconds()` gives less than `limit`: a busy machine makes one late, a fault makes all of them late"
    return any(seconds() < limit for _ in range(tries))


@contextmanager
def subscriber(kc, topic=b""):
    "A raw SUB socket on the kernel of `kc`, subscribed to `topic`, and that has not read its welcome"
    with kc.context.socket(zmq.SUB) as sock:
        sock.linger,sock.rcvtimeo = 0,patience*1000
        sock.connect(kc._make_url("iopub"))
        sock.setsockopt(zmq.SUBSCRIBE, topic)
        yield sock


@contextmanager
def dealer(kc, channel="shell", identity=None):
    "A raw DEALER socket on the kernel of `kc`"
    with kc.context.socket(zmq.DEALER) as sock:
        sock.linger,sock.rcvtimeo = 0,patience*1000
        if identity: sock.identity = identity
        sock.connect(kc._make_url(channel))
        yield sock
