"""What can be measured in Python source: nodes, lines, functions, classes, names, docstrings.

Each function takes one `Source` and returns numbers with the places that they were found at; `laws.py` holds them against limits.
Standard library only."""

import ast, io, tokenize
from collections import Counter
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

functions = ast.FunctionDef, ast.AsyncFunctionDef
documented = ast.Module, ast.ClassDef, *functions
short_names_allowed = {"_", "id", "fd", "ip", "os"}
not_code = {tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER}


class Found(NamedTuple):
    "One number and where it was found."
    value: float
    place: str


class Source:
    "A module as text and as a tree; `room` is its path within the package."
    def __init__(self, text, room="module.py"):
        self.text = text
        self.room = room
        self.tree = ast.parse(text)

    @classmethod
    def read(cls, path, package):
        "The module in the file `path` of the folder `package`."
        return cls(Path(path).read_text(), str(Path(path).relative_to(package)))

    def place(self, node):
        "Where `node` is, as an editor takes it, with its name if it has one."
        name = getattr(node, "name", "")
        return f"{self.room}:{getattr(node, 'lineno', 1)} {name}".strip()

    def all(self, *types):
        "The nodes of `types`, in no order that matters."
        return [o for o in ast.walk(self.tree) if isinstance(o, types)]

    @cached_property
    def docstrings(self):
        "The statements that are docstrings, and the constants in them."
        found = [doc_statement(o) for o in self.all(*documented)]
        statements = [o for o in found if o]
        return {*statements, *(o.value for o in statements)}

    def nodes(self, tree=None):
        "The nodes that count: all but expression contexts and docstrings."
        return [o for o in ast.walk(tree or self.tree) if not isinstance(o, ast.expr_context) and o not in self.docstrings]


def doc_statement(node):
    "The statement that is the docstring of `node`, or None."
    first = node.body[0] if node.body else None
    if not isinstance(first, ast.Expr): return None
    is_text = isinstance(first.value, ast.Constant) and isinstance(first.value.value, str)
    return first if is_text else None


# -- density

def code_lines(source):
    "The numbers of the lines on which a token begins that is neither comment nor docstring."
    docs = {(o.lineno, o.col_offset) for o in source.docstrings}
    tokens = tokenize.generate_tokens(io.StringIO(source.text).readline)
    return {t.start[0] for t in tokens if t.type not in not_code and t.start not in docs}

def nodes_by_line(source):
    "The number of nodes that begin on each line."
    counts = Counter(o.lineno for o in source.nodes() if hasattr(o, "lineno"))
    return [Found(count, f"{source.room}:{line}") for line,count in counts.items()]

def function_nodes(source):
    "The number of nodes of each function; inner functions count in the outer one, and on their own."
    return [Found(len(source.nodes(o)), source.place(o)) for o in source.all(*functions)]

def widths(source):
    "The number of columns of each line."
    return [Found(len(line), f"{source.room}:{i}") for i,line in enumerate(source.text.splitlines(), 1)]


# -- classes and functions

def attribute_counts(source):
    "How many attributes each class sets on its instances, or declares as fields."
    return [Found(len(attributes(o)), source.place(o)) for o in source.all(ast.ClassDef)]

def attributes(cls):
    "The names of the attributes that the methods of `cls` set on their first parameter, and of its annotated fields."
    names = {o.target.id for o in cls.body if isinstance(o, ast.AnnAssign) and isinstance(o.target, ast.Name)}
    for method in own_methods(cls):
        owner = method.args.args[0].arg if method.args.args else None
        for o in ast.walk(method):
            if sets_attribute(o, owner): names.add(o.attr)
            elif is_call(o, "store_attr"): names |= stored(o, method)
    return names

def sets_attribute(node, owner):
    "True if `node` is `owner.something` on the left of an assignment."
    if not isinstance(node, ast.Attribute) or not isinstance(node.ctx, ast.Store): return False
    return isinstance(node.value, ast.Name) and node.value.id == owner

def is_call(node, name):
    "True if `node` is a call of the function `name`."
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == name

def stored(call, method):
    "The names that `store_attr` keeps: those it is given in a string, else all parameters of `method`."
    given = [o.value for o in call.args if isinstance(o, ast.Constant) and isinstance(o.value, str)]
    if given: return {name.strip() for name in given[0].split(",")}
    return {o.arg for o in parameters(method)[1:]}

def method_counts(source):
    "How many methods each class has of its own."
    return [Found(len(own_methods(o)), source.place(o)) for o in source.all(ast.ClassDef)]

def own_methods(cls):
    "The functions that stand in the body of `cls`."
    return [o for o in cls.body if isinstance(o, functions)]

def parameters(function):
    "All parameters of `function`, `*args` and `**kwargs` as one each."
    args = function.args
    starred = [o for o in (args.vararg, args.kwarg) if o]
    return [*args.posonlyargs, *args.args, *args.kwonlyargs, *starred]

def parameter_counts(source):
    "How many parameters each function has, the instance or class of a method not counted; those of a command are its options, not counted either."
    bound = {id(o) for cls in source.all(ast.ClassDef) for o in own_methods(cls) if not is_static(o)}
    return [Found(len(parameters(o)) - (id(o) in bound), source.place(o)) for o in source.all(*functions) if not is_command(o)]

def is_command(function):
    "True if `function` is a command of fastcore's `call_parse`."
    return any(isinstance(o, ast.Name) and o.id == "call_parse" for o in function.decorator_list)

def is_static(function):
    "True if `function` is a static method."
    return any(isinstance(o, ast.Name) and o.id == "staticmethod" for o in function.decorator_list)


# -- statements

def crowded_assignments(source):
    "The statements that assign three or more values to as many targets; unpacking one value is fine, and so are two names of one value."
    return [Found(most_assigned(o), source.place(o)) for o in source.all(ast.Assign) if most_assigned(o) > 2]

def most_assigned(assign):
    "The number of targets in the largest tuple on the left, if a tuple stands on the right; else 1."
    if not isinstance(assign.value, ast.Tuple): return 1
    return max(len(o.elts) if isinstance(o, ast.Tuple) else 1 for o in assign.targets)

def deciding_statements(source):
    "The statements that are one expression with a choice in it, as `a or f()`."
    return [Found(1, source.place(o)) for o in source.all(ast.Expr) if isinstance(o.value, (ast.BoolOp, ast.IfExp))]


# -- names and words

def bound_names(source):
    "Each name that is assigned or is a parameter; 1 if it has under three letters and is not among those allowed."
    names = [(o.id, o) for o in source.all(ast.Name) if isinstance(o.ctx, ast.Store)]
    names += [(o.arg, o) for o in source.all(ast.arg)]
    return [Found(len(name) < 3 and name not in short_names_allowed, f"{source.place(o)} {name}") for name,o in names]

def docstrings(source):
    "Each docstring; 1 if it is not a sentence."
    found = [(o, ast.get_docstring(o)) for o in source.all(*documented)]
    return [Found(not is_sentence(doc), f"{source.place(o)}: {doc.splitlines()[0]}") for o,doc in found if doc]

def is_sentence(doc):
    "True if the first paragraph of `doc` begins as a sentence does, or with code, and ends with a stop."
    first = doc.strip().partition("\n\n")[0].rstrip()
    begins = bool(first) and not first[0].islower()
    return begins and first.endswith((".", "!", "?"))

def undocumented(source):
    "The modules, classes and functions of over 40 nodes that have no docstring; `__init__` and its like say what they are by their name."
    silent = [o for o in source.all(*documented) if not ast.get_docstring(o)]
    return [Found(len(source.nodes(o)), source.place(o)) for o in silent if needs_docstring(o, source)]

def needs_docstring(node, source):
    "True if readers are owed a docstring of `node`."
    if not isinstance(node, functions): return True
    is_special = node.name.startswith("__") and node.name.endswith("__")
    return not is_special and len(source.nodes(node)) > 40
