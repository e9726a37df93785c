"""Bytes and messages: `Msg`, frames to messages and back, signatures, JSON. Standard library alone. Source: Jupyter messaging 5.5.

Read `Wire.parse` (in) and `Wire.pack` (out), then `encode`: what has a JSON form, and what is given one."""
import hmac, json, os
from functools import lru_cache
from hmac import compare_digest
from itertools import count
from threading import Lock

from . import limits
from .system.clock import clock

delim = b"<IDS|MSG>"
version = "5.5"
ours = "ipymini-"      # what the session of each kernel begins with, so that its messages are known when they come back
class BadMessage(ValueError): "Bytes that are no message for us; says why."
class Duplicate(BadMessage): "A signature seen before."
class UnknownScheme(ValueError): "A signature scheme that we do not have; says which, and what to use."

class Msg(dict):
    "A message as jupyter_client's dict has it; `ids` and `raw`, its header's bytes, go back on the wire unchanged."
    def __init__(self, header, content=None, parent_header=None, metadata=None, buffers=(), raw=None):
        super().__init__(header=header, msg_id=header.get("msg_id"), msg_type=header.get("msg_type"), parent_header=parent_header or {},
            metadata=metadata or {}, content=content or {}, buffers=list(buffers))
        self.type = header.get("msg_type")
        self.ids = ()            # who sent it, and gets the reply
        self.raw = raw or encode(header)
        self.cell = None         # the `Cell` of an execute_request that runs or has run
        self.ended = False       # True once its idle was published
        self.has_output = False  # True once something was published on its behalf
        self.aborted = False     # True of a cell that had arrived when one before it failed
        self.overtook = None     # the subshell whose running cell this message has overtaken
        self.may_leave = None    # when a comm message may overtake a running cell; a time of the monotonic clock

    @property
    def is_batch(self):
        "True of a request of a batch client, one that allows no stdin: it reads the output of a cell only while that runs."
        return self["content"].get("allow_stdin") is False

    @classmethod
    def of(cls, source):
        "`source` itself, or the message that this plain dict, a message or its header, describes; None of an empty one."
        if isinstance(source, cls) or not source: return source or None
        if "header" not in source: source = dict(header=source)
        header = source.get("header") or {}
        msg = cls(header, source.get("content"), source.get("parent_header"), source.get("metadata"))
        msg.ids = source.get("ids", ())
        return msg

class Wire:
    "Packs and signs what goes out, checks and unpacks what comes in, for one process. Raises: UnknownScheme."
    def __init__(self, key=b"", scheme="hmac-sha256"):
        self.mac = new_mac(key, scheme) if key else None
        self.session = ours + os.urandom(16).hex()
        self.msg_ids = map(f"{self.session}_%d".__mod__, count(1))  # of our messages, each once
        self.seen = {}           # signatures, the oldest first
        self.lock = Lock()       # protects `seen`, which the threads of several channels fill

    def sign(self, parts):
        "The signature of `parts`; empty without a key."
        if not self.mac: return b""
        mac = self.mac.copy()
        for part in parts: mac.update(part)
        return mac.hexdigest().encode()

    def parse(self, frames):
        "The `Msg` in `frames`. Raises: BadMessage."
        try: where = frames.index(delim)
        except ValueError: raise BadMessage("no <IDS|MSG> delimiter") from None
        signature,*parts = frames[where+1:where+6] or [b""]
        if len(parts) < 4: raise BadMessage(f"{len(frames)-where-1} frames after the delimiter, at least 5 needed")
        self.check(bytes(signature), parts)
        header,parent_header,metadata,content = map(load, parts)
        for name in ("msg_type", "msg_id"):
            if not isinstance(header.get(name), str): raise BadMessage("a header without msg_type or msg_id")
        # anybody can read what a kernel has signed for everybody, and send it here; a kernel before this one may have had our key
        if str(header.get("session")).startswith(ours): raise BadMessage("a message that a kernel has sent")
        buffers = [memoryview(frame) for frame in frames[where+6:]]
        msg = Msg(header, content, parent_header, metadata, buffers, parts[0])
        msg.ids = frames[:where]
        return msg

    def check(self, signature, parts):
        "Check, if there is a key, that whoever made `parts` has it, and that they have not come before. Raises: BadMessage."
        if not self.mac: return
        if not compare_digest(self.sign(parts), signature): raise BadMessage("bad signature")
        with self.lock:
            if signature in self.seen: raise Duplicate("a message that came before")
            self.seen[signature] = True
            if len(self.seen) > limits.signatures: del self.seen[next(iter(self.seen))]

    def pack(self, kind, content, parent=None, metadata=None, ids=(), msg_id=None):
        """Frames of a new message of this kind that answers `parent`, led by `ids`; `msg_id`: one of `msg_ids`, else the next.

        Raises: TypeError or ValueError where `content` has no JSON form."""
        header = (header_form % (msg_id or next(self.msg_ids), kind, self.session, iso(), version)).encode()
        parent_header = parent.raw if parent is not None else b"{}"
        parts = [header, parent_header, encode(metadata) if metadata else b"{}", encode(content)]
        return [*ids, delim, self.sign(parts), *parts]

def new_mac(key, scheme):
    "What signs with `key`. Raises: UnknownScheme."
    try: return hmac.new(key, digestmod=scheme.removeprefix("hmac-"))
    except (ValueError, TypeError): raise UnknownScheme(f"unknown signature_scheme {scheme!r}: use hmac-sha256") from None

header_form = '{"msg_id":"%s","msg_type":"%s","username":"kernel","session":"%s","date":"%s","version":"%s"}'

def load(frame):
    "The dict that `frame` holds as JSON. Raises: BadMessage."
    try: value = loads(str(frame, "utf8"))
    except (ValueError, RecursionError) as e: raise BadMessage(f"a frame that is no JSON ({e})") from None
    if not isinstance(value, dict): raise BadMessage(f"a JSON {type(value).__name__} where an object belongs")
    return value

def iso():
    "The time now, as headers have it."
    now = clock.now()
    return f"{second(int(now))}.{int(now%1*1e6):06d}Z"

@lru_cache(1)
def second(time): return clock.strftime("%Y-%m-%dT%H:%M:%S", clock.gmtime(time))

gaps = "a message buffer must be contiguous: copy it first, for instance with numpy.ascontiguousarray"

def solid(buffer):
    """`buffer` as a frame behind those of its message: bytes that no later write can change, copied once at most.

    Raises: ValueError when it is not contiguous."""
    if isinstance(buffer, bytes): return buffer
    view = memoryview(buffer)
    if not view.contiguous: raise ValueError(gaps)
    return view.tobytes()

# -- JSON

def json_default(value):
    "A form that JSON has, of a value that it has none for. Raises: TypeError."
    if hasattr(value, "isoformat"): return value.isoformat().replace("+00:00", "Z")
    if isinstance(value, (bytes, bytearray, memoryview)):
        from binascii import b2a_base64
        return b2a_base64(value, newline=False).decode()
    from numbers import Integral, Real
    if isinstance(value, Integral): return int(value)
    if isinstance(value, Real): return finite(float(value))
    try: return list(value)
    except TypeError: raise TypeError(f"{type(value).__name__} has no JSON form: {value!r:.80}") from None

def finite(number): return number if number-number == 0 else repr(float(number))

def as_key(key): return key if isinstance(key, str) else str(key)

def clean(value):
    "`value` with names as keys and no NaN, for what strict JSON refuses."
    if isinstance(value, dict): return {as_key(key): clean(inner) for key,inner in value.items()}
    if isinstance(value, (list, tuple)): return [clean(inner) for inner in value]
    if isinstance(value, float): return finite(value)
    return value if value is None or isinstance(value, (str, int)) else clean(json_default(value))

loads = json.JSONDecoder().decode
strict = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":"), default=json_default).encode

def encode(value):
    "`value` as UTF-8 JSON; a lone surrogate becomes its JSON escape. Raises: TypeError or ValueError."
    try: text = strict(value)
    except (TypeError, ValueError): text = strict(clean(value))
    return text.encode("utf8", "backslashreplace")

# the parent of a welcome, for clients that look into it
nobody = Msg(dict.fromkeys("msg_id msg_type username session date version".split(), ""))
