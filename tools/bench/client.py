"""A kernel process of ours and a client of all its channels.

Read `Kernel`: how it is started and ended, then how messages are sent and waited for.
Waits block in zmq: no polling delay of our own is measured."""

import hmac, json, os, random, select, signal, socket, subprocess, uuid, zmq
from gathering import Gathering, Message
from itertools import cycle
from kernels import clean_env
from pathlib import Path
from process import session
from time import monotonic

kinds = dict(shell="DEALER", iopub="SUB", stdin="DEALER", control="DEALER", hb="DEALER")
# below the ephemeral ports, of which a client that keeps trying to connect takes many
port_numbers = cycle(range(random.randrange(12_000, 22_000), 32_000))
to_warm_up = dict(  # chkstyle: ignore-node  (a request a line)
    complete_request=dict(code="import os\nos.path.jo", cursor_pos=20),
    inspect_request=dict(code="print", cursor_pos=5, detail_level=0),
    is_complete_request=dict(code="for i in range(3):"),
    kernel_info_request={})

anybody = dict(username="bench", version="5.4", date="2025-01-01T00:00:00.000000Z")

class Lost(Exception):
    "What was to be measured did not come; its text says why in a word or two."

def free_port():
    "The number of a port that nobody listens on."
    for port in port_numbers:
        try: socket.create_server(("127.0.0.1", port)).close()
        except OSError: continue
        return port

def cell(code, **kw):
    "The content of an execute_request."
    return dict(code=code, silent=False, store_history=True, user_expressions={}, allow_stdin=True, stop_on_error=True) | kw


class Kernel:
    "A kernel process and its client."
    living = set()  # those whose processes have to be ended

    def __init__(self, peer):
        self.peer = peer
        self.key = uuid.uuid4().hex
        self.session = uuid.uuid4().hex
        self.file = Path(peer.home)/f"kernel-{self.session}.json"
        ports = {channel: free_port() for channel in kinds}
        self.write_connection_file(ports)
        self.sockets = {channel: self.connect(kind, ports[channel]) for channel,kind in kinds.items()}
        self.log = open(f"{peer.home}/{self.session}.log", "w+", errors="replace")
        Kernel.living.add(self)
        self.begin = monotonic()
        self.process = self.spawn()
        self.exited = os.pidfd_open(self.pid)

    def write_connection_file(self, ports):
        "Tell the kernel where to listen."
        numbers = {f"{channel}_port": port for channel,port in ports.items()}
        config = dict(ip="127.0.0.1", transport="tcp", key=self.key, signature_scheme="hmac-sha256", kernel_name=self.peer.name)
        self.file.write_text(json.dumps(config | numbers))

    def spawn(self):
        "Start the process, in a session of its own, as its kernelspec says."
        home = self.peer.home
        argv = [arg.replace("{connection_file}", str(self.file)) for arg in self.peer.argv]
        env = clean_env(HOME=home, IPYTHONDIR=f"{home}/.ipython", JUPYTER_RUNTIME_DIR=home, JPY_PARENT_PID=str(os.getpid()))
        env["PATH"] = f"{Path(argv[0]).parent}:{env['PATH']}"
        return subprocess.Popen(argv, env=env | self.peer.env, cwd=home, start_new_session=True,
            stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log)

    def connect(self, kind, port):
        "A socket of `kind` on the kernel's `port`."
        sock = zmq.Context.instance().socket(getattr(zmq, kind))
        sock.linger = 0
        sock.reconnect_ivl = 2  # ms; with the usual 100 a start would be measured in steps of 100 ms
        sock.identity = self.session.encode()
        if kind == "SUB": sock.subscribe(b"")
        sock.connect(f"tcp://127.0.0.1:{port}")
        return sock

    @property
    def pid(self): return self.process.pid

    @property
    def is_alive(self): return self.process.poll() is None

    def died(self):
        "Note the end of the process and what it said last."
        self.peer.notes.append(f"died with status {self.process.returncode}; log ends: {self.log_end()[-1][:100]}")
        raise Lost("died")

    def log_end(self, count=1):
        "The last lines that the process wrote."
        self.log.seek(0)
        return self.log.read().strip().splitlines()[-count:] or ["nothing"]

    def ends_within(self, timeout):
        "True once the process has ended, False after `timeout` seconds."
        return bool(select.select([self.exited], [], [], timeout)[0])

    def kill(self):
        "End the process and whatever it left in its session."
        if self not in Kernel.living: return
        Kernel.living.discard(self)
        left = session(self.pid)
        is_reaped = self.process.returncode is not None
        if is_reaped and self.pid in left: left = []  # all of ours have ended: that number is somebody else's by now
        for pid in left: kill_process(pid)
        self.process.wait()
        for sock in self.sockets.values(): sock.close()
        self.log.close()
        os.close(self.exited)
        self.file.unlink(missing_ok=True)

    # -- messages

    def send(self, channel, kind, content=None, buffers=(), subshell=None):
        "Send a request, to a subshell if its id is given; its msg_id."
        header = dict(msg_id=uuid.uuid4().hex, msg_type=kind, session=self.session, **anybody)
        if subshell: header["subshell_id"] = subshell
        frames = [json.dumps(part).encode() for part in (header, {}, {}, content or {})]
        signature = hmac.digest(self.key.encode(), b"".join(frames), "sha256").hex().encode()
        self.sockets[channel].send_multipart([b"<IDS|MSG>", signature, *frames, *buffers], copy=not buffers)
        return header["msg_id"]

    def receive(self, channel, end):
        "The next message on `channel`, before the time `end`."
        sock = self.sockets[channel]
        while (left := end - monotonic()) > 0:
            sock.rcvtimeo = int(min(left, 1)*1000) + 1
            try: return Message(sock.recv_multipart())
            except zmq.Again:
                if not self.is_alive: self.died()
        raise Lost("never")

    def wait(self, channel, is_wanted, timeout=30):
        "The first message on `channel` for which `is_wanted` holds; those before it are dropped."
        end = monotonic() + timeout
        while True:
            message = self.receive(channel, end)
            if is_wanted(message): return message

    def answer(self, request, channel="shell", timeout=30):
        "The reply to `request`, a msg_id."
        return self.wait(channel, lambda message: message.parent == request, timeout)

    def ask(self, kind, content=None, channel="shell", timeout=30):
        "Send a request and wait for its reply."
        return self.answer(self.send(channel, kind, content), channel, timeout)

    def beat(self, timeout):
        "The time at which a heartbeat comes back."
        sock = self.sockets["hb"]
        token = uuid.uuid4().bytes
        end = monotonic() + timeout
        sock.send_multipart([b"", token])
        while sock.poll(max(0, (end - monotonic())*1000)):
            if sock.recv_multipart()[-1] == token: return monotonic()
        raise Lost("never")

    def settle(self, request, timeout=5):
        "Read iopub up to the idle of `request`; the time of that, or None if it does not come."
        if self.peer.is_floor: return monotonic()
        try: return self.wait("iopub", lambda message: message.is_idle and message.parent == request, timeout).time
        except Lost:
            self.peer.notes.append("idle lost")
            return None

    def begun(self, request):
        "Wait until the cell of `request` runs."
        return self.wait("iopub", lambda message: message.kind == "execute_input" and message.parent == request)

    def execute(self, code, **kw):
        "Send a cell; its msg_id."
        return self.send("shell", "execute_request", cell(code, **kw))

    def run(self, code, timeout=30):
        "Run a cell; its `Outcome`."
        return self.gather([self.execute(code)], timeout)

    def gather(self, requests, timeout=30, **reader):
        "All that comes of `requests`, as an `Outcome`; `reader`: how slowly iopub is read, see `Gathering`."
        outcome = Gathering(self, requests, timeout, **reader).run()
        if not outcome.replies: raise Lost("never")
        return outcome

    def warm(self):
        "Ready and run in, so that what follows finds imports done and caches filled."
        try:
            self.ask("kernel_info_request", timeout=60)
            for _ in range(5): self.run("1")
            if self.peer.is_floor: return self
            for kind,content in to_warm_up.items(): self.ask(kind, content)
            return self
        except Lost:
            self.kill()
            raise

    def interrupt(self):
        "As the kernelspec wants it: a message, or a signal to the process group."
        if self.peer.interrupt_mode == "message": self.send("control", "interrupt_request")
        else: os.killpg(self.pid, signal.SIGINT)


def kill_process(pid):
    "End `pid`, if it has not ended by itself."
    try: os.kill(pid, signal.SIGKILL)
    except ProcessLookupError: pass  # which is what was wanted
