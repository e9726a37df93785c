"Values as a debugger shows them while nothing is stopped, without debugpy."
import re, reprlib, types
from itertools import count, islice, zip_longest

from .common import aside, glance

most = 1000              # children of a container, variables
dunder = r"__(name|doc|package|loader|spec|annotations|builtins?|display)__"
hidden = re.compile(rf"_\d+|_i\d*|_ii|_iii|_[ido]h|_|__|___|{dunder}|get_ipython|debugpy|exit|quit|In|Out").fullmatch
groups = "special variables","function variables"
functions,containers = (types.FunctionType, types.BuiltinFunctionType, types.MethodType),(dict, list, tuple, set, frozenset)

class Looks:
    "The namespace as a debugger shows it while nothing is stopped; a reference is good until the next look at the top"
    def __init__(self, ip): self.ip,self.seq,self.refs,self.slow = ip,count(1),{},set()

    def top(self):
        "Two groups, then variables"
        self.refs.clear()
        kinds = {g: Group() for g in (*groups, None)}
        for k,o in self.ip.user_ns.copy().items():
            if isinstance(k, str) and not hidden(k): kinds[groups[0] if k[:2] == "__" == k[-2:] else groups[1] if type(o) in functions else None].names[k] = o
        return [self.entry(g, kinds[g]) for g in groups] + self.look(kinds[None], True)

    def look(self, o, top=False):
        "What is in `o`, in DAP's terms, within a glance: of what takes longer the repr is not asked again"
        found,texts = parts(o, most),[]
        def fill():
            for _,v in found: texts.append(bare(v) if id(v) in self.slow else brief(v))
        try: aside(fill, glance)
        except TimeoutError: self.slow.update(id(v) for _,v in found[len(texts):][:1])
        return [self.entry(k, v, type(v).__name__, s or bare(v), k if top else "") for (k,v),s in zip_longest(found, texts[:len(found)])]

    def entry(self, name, o, typ="", text="", expr=""):
        ref = next(self.seq) if parts(o, 1) else 0
        if ref: self.refs[ref] = o
        return dict(name=name, value=text, type=typ, evaluateName=expr, variablesReference=ref)

class Group:
    "Variables that are shown together, `names` to values: not an object's attributes, which cannot have all names that variables have"
    def __init__(self): self.names = {}

def parts(o, most):
    "Names and values of the first so many things that a container holds, or of an object's attributes"
    if type(o) is Group: return list(islice(o.names.items(), most))
    base = next((c for c in containers if issubclass(type(o), c)), None)
    if base is dict: return [(brief(k), v) for k,v in list(islice(dict.items(o), most))]
    if base: return [(str(i), v) for i,v in enumerate(list(islice(base.__iter__(o), most)))]
    try: return list(islice(object.__getattribute__(o, "__dict__").items(), most))
    except (AttributeError, TypeError): return []

def brief(o):
    "Some hundred characters that tell of `o`; `reprlib` would sort all of a large dictionary for them"
    t = type(o)
    try: return short.repr(t(islice(o.items() if t is dict else o, 20)) if t in containers and len(o) > 20 else o)
    except BaseException: return bare(o)  # whatever a user's repr raises

def bare(o): return f"<{type(o).__module__}.{type(o).__qualname__} object>"
short = reprlib.Repr()
short.maxlevel,short.maxstring,short.maxother,short.maxlist,short.maxtuple,short.maxdict,short.maxset,short.maxfrozenset = 3,120,120,12,12,12,12,12
