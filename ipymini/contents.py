"What replies are made of: kernel_info, errors, checks of what was asked. Standard library alone. Source: Jupyter messaging 5.5."
import sys

from . import __version__
from .wire import version

class Aborted(RuntimeError): "A cell that was not run because one before it failed."

class UnknownSubshellError(LookupError):
    "A request for a subshell that is not there, by its id; in ipykernel's words, which tests of clients read."
    def __str__(self): return f"Unknown subshell_id {self.args[0]!r}"

def error_reply(error):
    "The content of a reply that tells of `error`."
    told = error_content(type(error), error, [])
    line = f"{told['ename']}: {told['evalue']}"
    return dict(told, traceback=[line], status="error", payload=[], user_expressions={})

def aborted_reply():
    "The content of an execute_reply for a cell that was not run because one before it failed."
    return dict(error_reply(Aborted("a cell before this one failed")), status="aborted", execution_count=None)

def error_content(etype, value, traceback):
    "An exception as a message tells it; one whose text cannot be had is told all the same."
    try: text = str(value)
    except BaseException as e: text = f"<its text raised {type(e).__name__}>"
    return dict(ename=etype.__name__, evalue=text, traceback=list(traceback))

def require(content, **types):
    "`content`, if it has a value of the given type under each name. Raises: ValueError."
    for key,kind in types.items():
        if isinstance(content.get(key), kind): continue
        found = f", not {content[key]!r:.80}" if key in content else ""
        raise ValueError(f"the content needs {key!r}, a {kind.__name__}{found}")
    return content

def integer(content, key):
    "The integer `content[key]`, or None. Raises: ValueError."
    return require(content, **{key: int})[key] if content.get(key) is not None else None

python_version = sys.version.split()[0]
python = dict(name="python", version=python_version, mimetype="text/x-python", file_extension=".py", pygments_lexer="ipython3",
    codemirror_mode=dict(name="ipython", version=3), nbconvert_exporter="python")
help_links = [dict(text="Python Reference", url=f"https://docs.python.org/{python_version.rpartition('.')[0]}"),
    dict(text="IPython Reference", url="https://ipython.readthedocs.io/")]
kernel_info = dict(status="ok", protocol_version=version, implementation="ipymini", implementation_version=__version__,
    banner=f"Python {sys.version}\nipymini {__version__}, IPython in a small kernel. Type '?' for help.\n",
    language_info=python, help_links=help_links, supported_features=["kernel subshells", "debugger"])
