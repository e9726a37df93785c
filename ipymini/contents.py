"What replies are made of: kernel_info, errors, checks of what was asked. Standard library alone."
import sys

from . import __version__
from .wire import version

def error_content(etype, value, traceback):
    "An exception as a message tells it; one whose text cannot be had is told all the same"
    try: text = str(value)
    except BaseException as e: text = f"<its text raised {type(e).__name__}>"
    return dict(ename=etype.__name__, evalue=text, traceback=list(traceback))

class Aborted(RuntimeError): "A cell that was not run because one before it failed"

class UnknownSubshellError(LookupError):
    "A request for a subshell that is not there, by its id; in ipykernel's words, which tests of clients read"
    def __str__(self): return f"Unknown subshell_id {self.args[0]!r}"

def failure(e):
    "The content of an error reply for `e`"
    return dict(status="error", ename=type(e).__name__, evalue=str(e), traceback=[f"{type(e).__name__}: {e}"], payload=[], user_expressions={})

def need(c, **types):
    "`c`, if it has a value of the given type under each name. Raises: ValueError"
    for k,t in types.items():
        if not isinstance(c.get(k), t): raise ValueError(f"the content needs {k!r}, a {t.__name__}" + (f", not {c[k]!r:.80}" if k in c else ""))
    return c

def whole(c, k):
    "The integer `c[k]`, or None. Raises: ValueError"
    return need(c, **{k: int})[k] if c.get(k) is not None else None

pyversion = sys.version.split()[0]
info = dict(status="ok", protocol_version=version, implementation="ipymini", implementation_version=__version__,
    banner=f"Python {sys.version}\nipymini {__version__}, IPython in a small kernel. Type '?' for help.\n",
    language_info=dict(name="python", version=pyversion, mimetype="text/x-python", file_extension=".py", pygments_lexer="ipython3",
        codemirror_mode=dict(name="ipython", version=3), nbconvert_exporter="python"),
    help_links=[dict(text="Python Reference", url=f"https://docs.python.org/{pyversion.rpartition('.')[0]}"),
        dict(text="IPython Reference", url="https://ipython.readthedocs.io/")],
    supported_features=["kernel subshells", "debugger"])
