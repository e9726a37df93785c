"""What we answer ourselves: requests that need no debugpy, or need it only while something is stopped.

Functions that take the `Debugger` and the arguments of a DAP request and return the body of the response."""
import linecache, os, sys, tokenize
from ast import literal_eval

from .cells import cell_name, folder, seed
from .link import Refused, answer_timeout
from .untraced import run_untraced
from .values import groups, is_hidden

no_data = dict(data={}, metadata={})

def debug_info(debugger, args):
    "What a frontend asks first, and after a restart."
    session = debugger.session
    breakpoints = [dict(source=path, breakpoints=lines) for path,lines in session.breakpoints.items()]
    return dict(isStarted=session.is_open, stoppedThreads=sorted(session.stopped), breakpoints=breakpoints,
        hashMethod="Murmur2", hashSeed=seed, tmpFilePrefix=folder, tmpFileSuffix=".py",
        richRendering=True, exceptionPaths=["Python Exceptions"], copyToGlobals=True)

def dump_cell(debugger, args):
    "Write a cell to its file, unless the environment names a file that is not ours."
    code = args["code"]
    path = cell_name(code)
    if path.startswith(folder):
        make_folder()
        with open(path, "w", encoding="utf8", errors="surrogatepass", newline="") as file: file.write(code)
    return dict(sourcePath=path)

def make_folder():
    "Make the folder for cells if it is missing. Raises: Refused if it is another user's."
    os.makedirs(folder, 0o700, exist_ok=True)
    if not hasattr(os, "getuid"): return
    if os.lstat(folder[:-1]).st_uid != os.getuid(): raise Refused(f"{folder} belongs to another user")

def source(debugger, args):
    "Text of a source file; what is in no file has a number."
    if args.get("sourceReference") and debugger.session.is_open: return debugger.session.link.ask("source", args)
    path = (args.get("source") or {}).get("path") or ""
    try:
        with tokenize.open(path) as file: text = file.read()
    except (OSError, SyntaxError, UnicodeDecodeError): text = "".join(linecache.getlines(path))  # for a cell, what IPython made of it
    if not text: raise Refused("source unavailable")
    return dict(content=text)

def modules(debugger, args):
    "Modules that come from Python files."
    start = args.get("startModule") or 0
    number = args.get("moduleCount") or None  # of modules in the response; all of them without one
    origins = [(name, origin_of(module)) for name,module in list(sys.modules.items())]
    found = [(name, path) for name,path in origins if isinstance(path, str) and path.endswith(".py")]
    entries = [dict(id=i, name=name, path=path) for i,(name,path) in enumerate(found)]
    return dict(modules=entries[start:][:number], totalModules=len(found))

def origin_of(module): return getattr(getattr(module, "__spec__", None), "origin", None)

def inspect_variables(debugger, args): return dict(variables=debugger.variables.top())

def variables(debugger, args):
    "Children of a value: debugpy's while something is stopped, else ours."
    reference = args["variablesReference"]
    if debugger.session.stopped:
        body = debugger.session.link.ask("variables", args)
        return dict(body, variables=[each for each in body["variables"] if not is_hidden(each["name"])])
    if reference not in debugger.variables.references: raise Refused(f"there is no reference {reference}")
    start = args.get("start") or 0
    number = args.get("count") or None
    children = debugger.variables.children(debugger.variables.references[reference])
    return dict(variables=children[start:][:number])

def rich_inspect(debugger, args):
    "A variable's mimebundle, from a frame if one is given."
    name = args["variableName"]
    frame = args.get("frameId")
    if name in groups: return no_data
    if not name.isidentifier(): raise Refused(f"{name!r} is no identifier")
    in_frame = debugger.session.stopped and frame is not None
    data,metadata = format_in_frame(debugger.session.link, name, frame) if in_frame else format_of(debugger.ip, name)
    return dict(data=data, metadata={kind: value for kind,value in metadata.items() if kind in data})

def format_in_frame(link, name, frame):
    "The mimebundle and metadata of a variable of a frame that is stopped."
    expression = f"get_ipython().display_formatter.format({name})"
    body = link.ask("evaluate", dict(expression=expression, context="clipboard", frameId=frame))
    return literal_eval(body["result"])

def format_of(ip, name):
    "The mimebundle and metadata of a variable of the namespace. Raises: Refused, TimeoutError."
    if name not in ip.user_ns: raise Refused(f"there is no {name!r}")
    return run_untraced(lambda: ip.display_formatter.format(ip.user_ns[name]), answer_timeout)

def copy_to_globals(debugger, args):
    "Copy a variable of a frame to the namespace (JEP 93)."
    name = args["srcVariableName"]
    goal = args["dstVariableName"]
    if not (name.isidentifier() and goal.isidentifier()): raise Refused("both names must be identifiers")
    if not debugger.session.stopped: raise Refused("no thread is stopped")
    expression = f"globals()[{goal!r}]"
    return debugger.session.link.ask("setExpression", dict(expression=expression, value=name, frameId=args["srcFrameId"]))

def not_launched(debugger, args):
    "The response to launch and restart."
    raise Refused("a kernel is attached to, not launched")
