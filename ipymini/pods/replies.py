"What a pod answers: a value, a handle for what cannot be sent, an exception. Standard library, Python 3.8 and newer."
import io, os, pickle, types
from itertools import count
from .values import raw
from .wire import PLAIN, REPLY

folder = os.path.dirname(os.path.abspath(__file__))
plain_types = {type(None), bool, int, float, str}  # what the caller can read without a look at classes
plain_modules = {"builtins", "copyreg", "collections", "datetime", "decimal", "pathlib"}  # which every Python has

class Unknown(Exception):
    "The caller cannot import a class or function of the result, which therefore stays here."

class Replies:
    "Makes replies, each a kind of frame, its body and its buffers; keeps what stays here."
    def __init__(self, talk):
        self.talk = talk
        self.numbers = count(1)
        self.held = {}  # id: an object that stays here
        self.known = {}  # (module, name): whether the caller can import it

    def value(self, result):
        "The reply with `result`, or with a handle for it."
        if type(result) in plain_types: return PLAIN,pickle.dumps(result, 5),()
        buffers = []
        stream = io.BytesIO()
        try:
            Encoder(self, stream, buffers.append).dump(("value", result))
            return REPLY,stream.getbuffer(),raw(buffers)
        except Exception as error:  # whatever its own code raises: it cannot be sent
            return self.hold(result, f"{type(error).__name__}: {error}")

    def hold(self, result, reason):
        "Keep `result`; the reply that tells the caller under which id."
        id = next(self.numbers)
        self.held[id] = result
        return told("held", id, type(result).__name__, short_repr(result), reason)

    def error(self, error):
        "The reply that tells of an exception."
        text = traceback_text(error)
        error.__traceback__ = None
        name = type(error).__qualname__
        if type(error).__module__ not in ("builtins", "__main__", "pod"): name = f"{type(error).__module__}.{name}"
        return told("error", self.pickled(error), name, str(error), text)

    def trouble(self, error, trouble):
        "The reply for an exception that could not be told, but raised `trouble` itself."
        if isinstance(trouble, KeyboardInterrupt): return told("error", pickle.dumps(trouble, 5), "", "", "")
        return told("error", None, type(error).__name__, f"(and {type(trouble).__name__} in telling it)", "")

    def pickled(self, error):
        "A pickle of the exception, or None. SystemExit is none: it would end the caller."
        if isinstance(error, SystemExit): return None
        stream = io.BytesIO()
        try: Encoder(self, stream).dump(error)
        except Exception: return None  # the caller makes a PodError of it
        return stream.getvalue()

    def knows(self, module, name):
        "True if the caller can import `name` of `module`; asked once."
        if module in plain_modules: return True
        key = module,name
        if key not in self.known: self.known[key] = self.talk.ask_caller("knows", module, name)
        return self.known[key]

def told(*content): return REPLY,pickle.dumps(content, 5),()

class Encoder(pickle.Pickler):
    "Pickles a result; raises Unknown where the caller could not read it."
    def __init__(self, replies, stream, buffer_callback=None):
        super().__init__(stream, 5, buffer_callback=buffer_callback)
        self.replies = replies

    def reducer_override(self, value):
        "Classes and functions go by their names, which the caller has to know."
        if isinstance(value, (type, types.FunctionType)):
            module,name = value.__module__,value.__qualname__
            if not self.replies.knows(module, name): raise Unknown(f"{module}.{name} cannot be imported there")
        return NotImplemented

def traceback_text(error):
    "The traceback of an exception and of those before it, without frames of our own."
    from traceback import TracebackException
    whole = each = TracebackException(type(error), error, error.__traceback__)
    while each:
        each.stack[:] = [frame for frame in each.stack if not frame.filename.startswith(folder)]
        each = each.__cause__ or each.__context__
    return "".join(whole.format())

def short_repr(value):
    "The beginning of a repr, whatever that does."
    try: text = repr(value)
    except Exception as error: text = f"{type(value).__name__}, whose repr raises {type(error).__name__}"
    return text if len(text) <= 200 else text[:199] + "…"
