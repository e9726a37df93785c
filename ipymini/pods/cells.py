"""Whole cells in a pod, and displays: by IPython, where the environment has it or it can be lent, else by plain
Python.

Loaded by the first cell, or when something is imported that shows things. Python 3.8 and newer; IPython where it is
found."""
import ast, base64, os, sys
from importlib.util import find_spec
from io import BytesIO

def make_cells(child, whole=False):
    "What runs cells in this process from now on; for a `whole` cell IPython is borrowed if it is not here."
    if whole and not find_spec("IPython"): borrow(child)
    if not find_spec("IPython"): return PlainCells(child)
    from .ipython import ShellCells
    return ShellCells(child)

def borrow(child):
    "Let IPython be imported from the caller's environment, if that fits."
    lent = child.talk.ask_caller("lend", sys.version.split()[0], sys.implementation.cache_tag)
    if not lent: return
    folder,kw = lent
    if not os.path.isdir(folder): return  # in a container the caller's environment is not there
    before = sys.pycache_prefix
    sys.path.insert(0, folder)
    sys.pycache_prefix = kw["bytecode"]
    try: from boot import lend
    finally:
        sys.path.remove(folder)
        sys.pycache_prefix = before
    lend(**kw)

class PlainCells:
    "Runs a cell as IPython would, without its syntax; `whole` is False: a whole cell may find something better."
    whole = False

    def __init__(self, child):
        self.child = child
        if find_spec("matplotlib"): os.environ.setdefault("MPLBACKEND", "module://_pod.figures")

    def run(self, code, name):
        "Run the statements, and show the value of the last one, if it has one."
        tree = ast.parse(code, name)
        last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
        namespace = self.child.namespace
        exec(compile(tree, name, "exec"), namespace)
        if last is None: return
        value = eval(compile(ast.Expression(last.value), name, "eval"), namespace)
        if value is None: return
        namespace["_"] = value
        self.child.talk.show("display", bundle(value), {}, {}, False)

    def after_call(self):
        "Show the figures that are open."
        if "_pod.figures" in sys.modules: sys.modules["_pod.figures"].show()

def bundle(value):
    "A value as text, and as HTML if it knows how."
    data = {"text/plain": repr(value)}
    html = getattr(type(value), "_repr_html_", None)
    text = html(value) if html else None
    if text is not None: data["text/html"] = text
    return data

def show_figure(talk, figure):
    "Show a figure of matplotlib's as PNG."
    stream = BytesIO()
    figure.savefig(stream, format="png", bbox_inches="tight")
    png = base64.b64encode(stream.getvalue()).decode()
    talk.show("display", {"text/plain": repr(figure), "image/png": png}, {}, {}, False)
