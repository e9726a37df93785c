"""Values as a debugger shows them while nothing is stopped, without debugpy.

Read `Variables`, then the functions that tell a value's children and its text."""
import re, reprlib, types
from itertools import count, islice

from .untraced import run_untraced

repr_timeout = .5  # seconds for all the reprs of one request
most = 1000        # children of a container, variables
internal = r"__(name|doc|package|loader|spec|annotations|builtins?|display)__"
is_hidden = re.compile(rf"_\d+|_i\d*|_ii|_iii|_[ido]h|_|__|___|{internal}|get_ipython|debugpy|exit|quit|In|Out").fullmatch
groups = "special variables","function variables"
functions = types.FunctionType,types.BuiltinFunctionType,types.MethodType
containers = dict,list,tuple,set,frozenset

class Variables:
    "The namespace of the shell `ip` as a debugger shows it; a reference is good until `top` is asked for again."
    def __init__(self, ip):
        self.ip = ip
        self.numbers = count(1)  # of references
        self.references = {}     # values that have children, by the numbers that a frontend asks for
        self.slow = set()        # ids of values whose repr took too long: it is not asked again

    def top(self):
        "Two groups, then variables."
        self.references.clear()
        kinds = {kind: Group() for kind in (*groups, None)}
        for name,value in self.ip.user_ns.copy().items():
            if isinstance(name, str) and not is_hidden(name): kinds[group_of(name, value)].names[name] = value
        return [self.entry(group, kinds[group]) for group in groups] + self.children(kinds[None], at_top=True)

    def children(self, parent, at_top=False):
        "What is in `parent`, in DAP's terms."
        found = parts(parent, most)
        texts = self.texts([value for _,value in found])
        def entry(name, value, text): return self.entry(name, value, type(value).__name__, text, name if at_top else "")
        return [entry(name, value, text) for (name,value),text in zip(found, texts)]

    def texts(self, values):
        "The reprs of `values`; where there is no time left, the names of their types."
        made = []
        def make():
            for value in values: made.append(bare(value) if id(value) in self.slow else brief(value))
        try: run_untraced(make, repr_timeout)
        except TimeoutError: self.slow.update(map(id, values[len(made):][:1]))
        done = made[:]  # the thread may go on
        shown = [text or bare(value) for text,value in zip(done, values)]
        return shown + [bare(value) for value in values[len(done):]]

    def entry(self, name, value, kind="", text="", expression=""):
        "A variable in DAP's terms; `expression` evaluates to it."
        reference = next(self.numbers) if parts(value, 1) else 0
        if reference: self.references[reference] = value
        return dict(name=name, value=text, type=kind, evaluateName=expression, variablesReference=reference)

    def forget(self):
        "Forget what has been shown."
        self.references.clear()
        self.slow.clear()

class Group:
    "Variables that are shown together; not attributes of an object, which cannot have all names that variables have."
    def __init__(self): self.names = {}  # to values

def group_of(name, value):
    "The one of `groups` that has the variable, or None."
    if name[:2] == "__" == name[-2:]: return groups[0]
    return groups[1] if type(value) in functions else None

def parts(parent, limit):
    "Names and values of the first `limit` things that a container holds, or of an object's attributes."
    if type(parent) is Group: return list(islice(parent.names.items(), limit))
    base = next((kind for kind in containers if issubclass(type(parent), kind)), None)
    if base is dict:
        items = list(islice(dict.items(parent), limit))  # before any repr, which may change the dictionary
        return [(brief(key), value) for key,value in items]
    if base:
        values = list(islice(base.__iter__(parent), limit))
        return [(str(i), value) for i,value in enumerate(values)]
    try: return list(islice(object.__getattribute__(parent, "__dict__").items(), limit))
    except (AttributeError, TypeError): return []

def brief(value):
    "Some hundred characters that tell of `value`."
    try: return short.repr(beginning(value))
    except BaseException: return bare(value)  # whatever a user's repr raises

def beginning(value):
    """The first items of a large container, as one of its kind; `value` itself if it is none.

    `reprlib` would sort all of a large dictionary to show some of it."""
    kind = type(value)
    if kind not in containers or len(value) <= 20: return value
    items = value.items() if kind is dict else value
    return kind(islice(items, 20))

def bare(value): return f"<{type(value).__module__}.{type(value).__qualname__} object>"

short = reprlib.Repr()
short.maxlevel = 3
short.maxstring = short.maxother = 120
short.maxlist = short.maxtuple = short.maxdict = short.maxset = short.maxfrozenset = 12
