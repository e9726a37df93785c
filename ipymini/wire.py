"""Bytes and messages: `Msg`, frames to messages and back, signatures, the connection file.

The standard library and the clock of `system` alone. Read `Wire`: what comes in, what goes out; then how values become JSON; then the file.
Source: Jupyter messaging 5.5; JEP 106."""
import hmac, json, os
from contextvars import ContextVar
from functools import lru_cache
from hmac import compare_digest  # by name, as below: a cell may replace what is in a module
from itertools import count
from threading import Lock

from .system import clock

delim = b"<IDS|MSG>"
version = "5.5"
history_size = 65536

held = ContextVar("parent", default=None)  # what a context holds of the request that it runs for: its `Msg`, or a `Lent`

class BadMessage(ValueError): "Bytes that are no message for us; says why"
class Duplicate(BadMessage):  "A signature seen before"
class BadConnection(Exception): "A connection file, or an address in it, that cannot be used; says which and why"

class Msg(dict):
    "A message as jupyter_client's dict has it; `ids` and `raw`, its header's bytes, go back on the wire unchanged"
    def __init__(self, header, content=None, parent_header=None, metadata=None, buffers=(), ids=(), raw=None):
        super().__init__(header=header, msg_id=header.get("msg_id"), msg_type=header.get("msg_type"), parent_header=parent_header or {},
            metadata=metadata or {}, content=content or {}, buffers=list(buffers))
        self.type,self.ids,self.raw = header.get("msg_type"), ids, raw or encode(header)
        self.state = {}  # what the cell that runs for this message has so far: count, code, payload, traceback

    @classmethod
    def of(cls, d):
        "`d` itself, or the message that the plain dict `d`, a message or its header, describes; None of an empty one"
        if isinstance(d, cls) or not d: return d or None
        if "header" not in d: d = dict(header=d)
        return cls(d.get("header") or {}, d.get("content"), d.get("parent_header"), d.get("metadata"), ids=d.get("ids", ()))

class Lent:
    "The request of a cell as a thread holds it that serves whatever cell runs once that one has ended"
    def __init__(self, msg): self.msg = msg

class Parent:
    "The request that whatever runs now runs for: `set` and `reset` as of a ContextVar, `get` with the rule for threads"
    set,reset = held.set,held.reset

    def __init__(self): self.cells = []  # requests whose cells run, and the newest one, though it may have ended; newest last

    def get(self):
        "The `Msg`, or None"
        msg = held.get()
        return self.now(msg.msg) if type(msg) is Lent else msg

    def now(self, msg):
        "`msg` while its cell runs, then the newest cell that runs, if one does"
        return msg if runs(msg) else next((o for o in reversed(self.cells) if runs(o)), msg)

    def begin(self, msg):
        "Note that the cell of `msg` begins"
        self.cells = [*filter(runs, self.cells), msg]

    @property
    def latest(self):
        "The request of the newest cell, or None: it owns what has no context at all"
        return self.cells[-1] if self.cells else None

    def handed(self, own):
        """What a thread is to hold that is started, or gets work, here and now; `own`: for code of a cell, which keeps its cell

        A batch client, one that allows no stdin, reads the output of a cell only while it runs: there no thread keeps its cell."""
        msg = self.get()
        batch = msg is not None and msg["content"].get("allow_stdin") is False
        return msg if own and not batch or msg is None else Lent(msg)

def runs(msg): return "ended" not in msg.state

parent = Parent()

class Wire:
    "Packs and signs what goes out, checks and unpacks what comes in, for one process"
    def __init__(self, key=b"", scheme="hmac-sha256"):
        try: self.mac = hmac.new(key, digestmod=scheme.removeprefix("hmac-")) if key else None
        except (ValueError, TypeError): raise BadConnection(f"unknown signature_scheme {scheme!r}: use hmac-sha256") from None
        self.session,self.ids,self.seen = os.urandom(16).hex(), count(1), {}
        self.lock = Lock()  # protects `seen`, which the threads of several channels fill

    def sign(self, parts):
        if not self.mac: return b""
        mac = self.mac.copy()
        for p in parts: mac.update(p)
        return mac.hexdigest().encode()

    def parse(self, frames):
        "The `Msg` in `frames`. Raises: BadMessage"
        try: i = frames.index(delim)
        except ValueError: raise BadMessage("no <IDS|MSG> delimiter") from None
        if len(frames) < i+6: raise BadMessage(f"{len(frames)-i-1} frames after the delimiter, at least 5 needed")
        self.check(bytes(frames[i+1]), frames[i+2:i+6])
        header,parent_header,metadata,content = map(self.load, frames[i+2:i+6])
        if not isinstance(header.get("msg_type"), str) or not isinstance(header.get("msg_id"), str):
            raise BadMessage("a header without msg_type or msg_id")
        bufs = [memoryview(b) for b in frames[i+6:]]
        return Msg(header, content, parent_header, metadata, bufs, frames[:i], frames[i+2])

    def check(self, sig, parts):
        if not self.mac: return
        if not compare_digest(self.sign(parts), sig): raise BadMessage("bad signature")
        with self.lock:
            if sig in self.seen: raise Duplicate("a message that came before")
            self.seen[sig] = True
            if len(self.seen) > history_size: del self.seen[next(iter(self.seen))]

    def load(self, b):
        try: d = loads(str(b, "utf8"))
        except (ValueError, RecursionError) as e: raise BadMessage(f"a frame that is no JSON ({e})") from None
        if not isinstance(d, dict): raise BadMessage(f"a JSON {type(d).__name__} where an object belongs")
        return d

    def pack(self, type, content, parent=None, metadata=None, buffers=(), ids=()):
        "Frames of a new message `type` that answers `parent`, led by `ids`. Raises: TypeError or ValueError where `content` has no JSON form"
        s = self.session
        header = (header_form % (s, next(self.ids), type, s, iso(), version)).encode()
        parts = [header, parent.raw if parent is not None else b"{}", encode(metadata) if metadata else b"{}", encode(content)]
        return [*ids, delim, self.sign(parts), *parts, *map(solid, buffers)]

header_form = '{"msg_id":"%s_%d","msg_type":"%s","username":"kernel","session":"%s","date":"%s","version":"%s"}'

def iso():
    "The time now, as headers have it"
    t = clock.now()
    return f"{second(int(t))}.{int(t%1*1e6):06d}Z"

@lru_cache(1)
def second(t): return clock.strftime("%Y-%m-%dT%H:%M:%S", clock.gmtime(t))

def solid(buf):
    "`buf` as bytes that no later write can change, copied once at most. Raises: ValueError when it is not contiguous"
    if isinstance(buf, bytes): return buf
    view = memoryview(buf)
    if not view.contiguous: raise ValueError("a message buffer must be contiguous: copy it first, for instance with numpy.ascontiguousarray")
    return view.tobytes()

def plain(o):
    "What JSON has no form for, in a form that it has. Raises: TypeError"
    if hasattr(o, "isoformat"): return o.isoformat().replace("+00:00", "Z")
    if isinstance(o, (bytes, bytearray, memoryview)):
        from binascii import b2a_base64
        return b2a_base64(o, newline=False).decode()
    from numbers import Integral, Real
    if isinstance(o, Integral): return int(o)
    if isinstance(o, Real): return finite(float(o))
    try: return list(o)
    except TypeError: raise TypeError(f"{type(o).__name__} has no JSON form: {o!r:.80}") from None

def finite(f): return f if f-f == 0 else repr(float(f))

def clean(o):
    "`o` with names as keys and no NaN, for what strict JSON refuses"
    if isinstance(o, dict): return {k if isinstance(k, str) else str(k): clean(v) for k,v in o.items()}
    if isinstance(o, (list, tuple)): return [clean(v) for v in o]
    if isinstance(o, float): return finite(o)
    return o if o is None or isinstance(o, (str, int)) else clean(plain(o))

loads = json.JSONDecoder().decode
strict = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":"), default=plain).encode

def encode(o):
    "`o` as UTF-8 JSON; a lone surrogate becomes its JSON escape. Raises: TypeError or ValueError"
    try: s = strict(o)
    except (TypeError, ValueError): s = strict(clean(o))
    return s.encode("utf8", "backslashreplace")

nobody = Msg(dict.fromkeys("msg_id msg_type username session date version".split(), ""))  # the parent of a welcome, for clients that look into it

ports = [f"{c}_port" for c in ("shell", "iopub", "stdin", "control", "hb")]

def read_connection(path):
    "The connection file at `path`, with defaults for what it leaves out. Raises: BadConnection"
    try:
        with open(path, encoding="utf8") as f: cfg = json.load(f)
    except OSError as e: raise BadConnection(f"cannot read connection file {path}: {e.strerror}") from None
    except (ValueError, RecursionError) as e: raise BadConnection(f"connection file {path} is not valid JSON: {e}") from None
    if not isinstance(cfg, dict): raise BadConnection(f"connection file {path} does not hold a JSON object")
    cfg = {**dict(transport="tcp", ip="127.0.0.1", key="", signature_scheme="hmac-sha256"), **dict.fromkeys(ports, 0), **cfg}
    for k,v in cfg.items():
        if k in ports: good,what = type(v) is int and 0 <= v <= 65535, "a port number"
        elif k == "transport": good,what = v in ("tcp", "ipc"), "tcp or ipc"
        else: good,what = k not in ("ip", "key", "signature_scheme") or isinstance(v, str), "a string"
        if not good: raise BadConnection(f"connection file {path}: {k} is {v!r}, not {what}")
    return cfg

def write_connection(path, cfg):
    "Write `cfg` to `path`, for the owner's eyes only. Raises: BadConnection"
    tmp = f"{path}.{os.getpid()}"
    try:
        with open(os.open(tmp, os.O_WRONLY|os.O_CREAT|os.O_TRUNC, 0o600), "w", encoding="utf8") as f: json.dump(cfg, f, indent=1)
        os.replace(tmp, path)
    except OSError as e: raise BadConnection(f"cannot write connection file {path}: {e.strerror}") from None
