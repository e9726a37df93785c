"Bytes and messages: `Msg`, frames to messages and back, signatures, JSON. Standard library alone. Source: Jupyter messaging 5.5."
import hmac, json, os
from functools import lru_cache
from hmac import compare_digest
from itertools import count
from threading import Lock

from .system.clock import clock

delim = b"<IDS|MSG>"
version = "5.5"
history_size = 65536
class BadMessage(ValueError): "Bytes that are no message for us; says why"
class Duplicate(BadMessage):  "A signature seen before"
class BadConnection(Exception): "A connection file, or an address in it, that cannot be used; says which and why"

class Msg(dict):
    "A message as jupyter_client's dict has it; `ids` and `raw`, its header's bytes, go back on the wire unchanged"
    def __init__(self, header, content=None, parent_header=None, metadata=None, buffers=(), ids=(), raw=None):
        super().__init__(header=header, msg_id=header.get("msg_id"), msg_type=header.get("msg_type"), parent_header=parent_header or {},
            metadata=metadata or {}, content=content or {}, buffers=list(buffers))
        self.type,self.ids,self.raw = header.get("msg_type"), ids, raw or encode(header)
        self.cell = None         # the `Cell` of an execute_request that runs or has run
        self.ended = False       # True once its idle was published
        self.has_output = False  # True once something was published on its behalf
        self.aborted = False     # True of a cell that had arrived when one before it failed
        self.overtook = None     # the subshell whose running cell this message has overtaken
        self.may_leave = None    # when a comm message may overtake a running cell; a time of the monotonic clock

    @classmethod
    def of(cls, d):
        "`d` itself, or the message that the plain dict `d`, a message or its header, describes; None of an empty one"
        if isinstance(d, cls) or not d: return d or None
        if "header" not in d: d = dict(header=d)
        return cls(d.get("header") or {}, d.get("content"), d.get("parent_header"), d.get("metadata"), ids=d.get("ids", ()))

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
