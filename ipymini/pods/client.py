"""`pod`: a Python of another environment, whose functions are called as if they were here.

Read `Pod` first; a `Name` is what `p.a.b` is, a `Handle` what stays there of a result that cannot be sent. A pod
forwards every attribute but those that begin with an underscore and the few that `Pod` has itself, so its own state
is in one attribute, `_core`."""
import ast, inspect, os, pickle, sys, textwrap, weakref
from functools import update_wrapper
from . import marks
from .errors import PodError, RemoteTraceback
from .link import Link
from .process import Process
from .show import Screen
from .values import loads
from .wire import PLAIN

def pod(python=None, file=None, name=None, env=None, cwd=None, **needs):
    """A new pod.

    `python`: the path of an interpreter, a version as "3.9", or the words of a command as ["uv", "run", "python"];
    without it the caller's own. `needs`: what its environment is made of, by uv: `deps`, a list of requirements,
    `project`, a folder, or `script`, a file with a PEP 723 header; or `image`, an image of podman's, whose `python` runs
    in a container. `file`: a file of functions, loaded anew when it changes. `env`: a dict of environment variables
    besides the caller's, or the name of an environment of `ipymini env`. Raises: PodError, NoEnvironment"""
    if name is not None and not name.isidentifier(): raise ValueError(f"the name of a pod must be an identifier, not {name!r}")
    file = file and os.path.abspath(os.path.join(cwd or "", os.path.expanduser(file)))
    if isinstance(env, str) or needs.get("image") is not None:
        from .container import container_command
        argv,kind = container_command(python, file, env, cwd, **needs)
        core = Core(argv, file, name, {}, cwd, kind)
    else: core = Core(command(python, **needs), file, name, env or {}, cwd)
    core.start()
    return Pod(core)

def command(python, deps=None, project=None, script=None):
    "The words that start the interpreter of an environment, which is made if need be."
    if isinstance(python, (list, tuple)): return [str(o) for o in python]
    if python is not None: python = os.fspath(python)
    if deps is None and project is None and script is None:
        if python is None: return [sys.executable]
        if os.path.dirname(python): return [os.path.expanduser(python)]
    from ..environments.make import python_for
    if deps is not None and python is None: python = f"{sys.version_info[0]}.{sys.version_info[1]}"
    return [python_for(version=python, project=project, script=script, deps=deps, progress=say)]

def say(line): print(line, file=sys.stderr, flush=True)

cores = weakref.WeakSet()  # of all pods that somebody holds

class Core:
    "What a Pod is made of: how to start it, and the `Link` to its present process."
    def __init__(self, argv, file, name, env, cwd, kind=None):
        self.argv = argv
        self.kind = kind or usual_kind()  # the class of the process
        self.file = file
        self.name = name
        self.env = env
        self.cwd = cwd
        self.link = None
        self.sources = []  # arguments of `define`, for a restarted pod
        self.screen = Screen()
        cores.add(self)
        self.about = None  # pid, version, path and prefix of the pod's Python

    def start(self):
        "Start a process, and send it the file and the functions that an earlier one had."
        link = self.link = Link(self.argv, self.environ(), self.cwd, self.kind)
        weakref.finalize(self, link.close).atexit = False
        link.screen = self.screen
        self.about = link.greet()
        if self.file: self.do("load", self.file)
        for source in self.sources: self.do("define", *source)

    def use_file(self, path):
        "Load the functions of a file, and again when it changes."
        self.file = os.fspath(path)
        self.do("load", self.file)

    def environ(self):
        "The caller's environment variables, less those that mean its own Python."
        drop = {"PYTHONHOME", "VIRTUAL_ENV", "JPY_PARENT_PID", "__PYVENV_LAUNCHER__"}
        if os.environ.get("MPLBACKEND", "").startswith("module:"): drop.add("MPLBACKEND")
        kept = {key:value for key,value in os.environ.items() if key not in drop}
        return {**kept, **{key:str(value) for key,value in self.env.items()}}

    def do(self, *request, timeout=None):
        "Have the pod do something; what comes of it."
        __tracebackhide__ = True
        link = self.link
        call = link.new_call(request)
        interrupted = link.perform(call, timeout)
        return self.result(link, call.reply, interrupted)

    async def do_async(self, *request):
        __tracebackhide__ = True
        link = self.link
        call = link.new_call(request)
        await link.perform_async(call)
        return self.result(link, call.reply, False)

    def result(self, link, reply, interrupted):
        "The value that a reply has, or a handle; its exception is raised."
        __tracebackhide__ = True
        if isinstance(reply, PodError): raise reply.with_traceback(None)
        if reply.kind == PLAIN: status,*rest = "value",pickle.loads(reply.body)
        else: status,*rest = read(reply)
        if status == "error": self.fail(*rest)
        if interrupted: raise KeyboardInterrupt  # it came when the call had ended: else a loop of short calls could not be stopped
        return rest[0] if status == "value" else Handle(self, link, *rest)

    def fail(self, pickled, name, text, trace):
        "Raise what was raised in the pod."
        __tracebackhide__ = True
        error = exception(pickled) or PodError(f"{name}: {text}" if text else name)
        raise error from RemoteTraceback(trace)

    def define(self, function, names):
        "Send the source of a function or class, now and after each restart; `names`: what its decorators can be."
        source = source_of(function, self, names)
        self.do("define", *source)
        self.sources.append(source)

    def busy(self): return bool(self.link.sent)

    def __reduce__(self): marks.refuse()

def usual_kind():
    "The class of a process of this machine."
    if os.name == "posix": return Process
    from .sharing import SharedProcess
    return SharedProcess

def read(reply):
    "What a reply says. Raises: PodError, if the pickle is of classes that differ here."
    try: return loads(reply.body, reply.buffers, {})
    except Exception as error: raise PodError(f"the result cannot be read here: {type(error).__name__}: {error}") from error

def exception(pickled):
    "The exception of a pickle, or None if it cannot be made here."
    if pickled is None: return None
    try: error = loads(pickled, (), {})
    except Exception: return None  # an __init__ that wants other arguments, a module that is not there
    return error if isinstance(error, BaseException) else None

def refuse_private(name, instead):
    "Names with an underscore are asked for by many tools, which would be surprised to get one of the pod's."
    if name.startswith("_"): raise AttributeError(f"names that begin with an underscore are not looked up in the pod: {instead}")

class Pod:
    """A Python process of another environment. `p.f(x)` calls there, `p["x"]` is a value, `@p` sends a function's
    source."""
    def __init__(self, core): self._core = core

    pid = property(lambda self: self._core.about[0], doc="The process id of the pod; in a container the one that it has there.")

    def run(self, code):
        "Run statements in the pod."
        __tracebackhide__ = True
        self._core.do("run", textwrap.dedent(code))

    def call(self, name, *args, **kwargs):
        "Call a function by its name, whatever that is."
        __tracebackhide__ = True
        return Name(self._core, None, name)(*args, **kwargs)

    def map(self, function, values):
        "A list of what a function of the pod, or of the caller's, makes of each value."
        __tracebackhide__ = True
        function = self._function(function)
        return [function(value) for value in values]

    def close(self):
        "End the pod."
        self._core.link.close()

    def restart(self):
        "End the pod and start it anew, without its state; functions that it was sent are there again."
        self.close()
        self._core.start()

    def __call__(self, function):
        "Send a function or class to the pod, as a decorator does; a name for it."
        __tracebackhide__ = True
        return self._send(function, caller_names())

    def _send(self, function, names):
        __tracebackhide__ = True
        self._core.define(function, names)
        return update_wrapper(Sent(self._core, None, function.__name__), function)

    def _function(self, function):
        "A function of the pod for `function`: a Name is one, a str is one's name, the source of any other is sent."
        if isinstance(function, Name): return Name(self._core, function._holder, function._path)
        if isinstance(function, str): return Name(self._core, None, function)
        return self(function)

    def __getattr__(self, name):
        refuse_private(name, f'p.call("{name}", ...)')
        return Name(self._core, None, name)

    def __getitem__(self, name):
        __tracebackhide__ = True
        return self._core.do("get", Name(self._core, None, name))

    def __setitem__(self, name, value):
        __tracebackhide__ = True
        self._core.do("set", name, value)

    def __dir__(self):
        own = [name for name in object.__dir__(self) if not name.startswith("_")]
        if self._core.busy() or self._core.link.ended: return own
        return own + self._core.do("names")

    def __enter__(self): return self
    def __exit__(self, *error): self.close()
    def __reduce__(self): marks.refuse()

    def __repr__(self):
        core = self._core
        pid,version,path,_ = core.about
        state = "ended" if core.link.ended else "busy" if core.busy() else "idle"
        name = f" {core.name}" if core.name else ""
        size = "" if core.kind.is_contained else memory(pid)
        return f"<pod{name}: Python {version} at {path}, pid {pid}, {state}{size}>"

def memory(pid):
    "How much memory a process uses, as the end of a repr, where the system tells."
    try: pages = int(open(f"/proc/{pid}/statm").read().split()[1])
    except (OSError, ValueError, IndexError): return ""
    return f", {pages * os.sysconf('SC_PAGE_SIZE') / 1e6:.0f} MB"

class Name:
    """A dotted name in a pod, or, with a `holder`, of an attribute of what a handle stands for. It is looked up when
    it is called."""
    _timeout = None

    def __init__(self, core, holder, path):
        self._core = core
        self._holder = holder
        self._path = path

    def __call__(self, *args, **kwargs):
        __tracebackhide__ = True
        function = self if self._holder is not None else self._path
        return self._core.do("call", function, args, kwargs, timeout=self._timeout)

    async def async_(self, *args, **kwargs):
        "Call it while other tasks run; to cancel the task is to interrupt the call."
        __tracebackhide__ = True
        return await self._core.do_async("call", self, args, kwargs)

    def timeout_(self, seconds):
        "The same function, whose calls raise TimeoutError after so many seconds."
        res = Name(self._core, self._holder, self._path)
        res._timeout = seconds
        return res

    def __getattr__(self, name):
        refuse_private(name, f'p.call("{self._path}.{name}", ...)')
        return Name(self._core, self._holder, f"{self._path}.{name}")

    def __reduce__(self): return marks.named,(self._core.link.token, self._holder, self._path)
    def __repr__(self): return f"<name in pod: {self._path}>"

class Sent(Name):
    "A function whose source was sent to the pod; it looks like the function."

class Handle:
    """An object that stayed in the pod. Its methods are called there, and it can be an argument of the pod's
    functions."""
    def __init__(self, core, link, id, kind, text, reason):
        self._core = core
        self._link = link
        self._id = id
        self._kind = kind
        self._text = text
        self._reason = reason  # why it could not be sent
        weakref.finalize(self, link.writer.forgotten.append, id).atexit = False

    def __getattr__(self, name):
        refuse_private(name, f'p.getattr(handle, "{name}")')
        return Name(self._core, self, name)

    def _do(self, function, *args, **kwargs):
        __tracebackhide__ = True
        return self._core.do("call", Name(self._core, None, function), args, kwargs)

    def __call__(self, *args, **kwargs): return self._core.do("call", self, args, kwargs)
    def __getitem__(self, key): return self._do("operator.getitem", self, key)
    def __setitem__(self, key, value): self._do("operator.setitem", self, key, value)
    def __contains__(self, value): return self._do("operator.contains", self, value)
    def __len__(self): return self._do("len", self)
    def __bool__(self): return True
    def __iter__(self): return Iterator(self._do("iter", self))

    def __reduce__(self):
        if self._link is not self._core.link: raise PodError(f"{self!r} was lost when its pod was restarted")
        if self._link.ended: raise PodError(f"{self!r} was lost: {self._link.ended}")
        return marks.held,(self._link.token, self._id)

    def __repr__(self): return f"<in pod: {self._kind} {self._text}>"

class Iterator:
    "Iterates in the pod."
    def __init__(self, handle): self.handle = handle
    def __iter__(self): return self
    def __next__(self): return self.handle._do("next", self.handle)

def caller_names():
    "The variables that whoever decorates a function sees."
    frame = sys._getframe(2)
    return {**frame.f_globals, **frame.f_locals}

def source_of(function, core, names):
    """The arguments of `define` for a function or class: its source without the decorator that sends it, its name,
    line and file."""
    inner = inspect.unwrap(function)
    refuse_closure(inner, function.__name__)
    try:
        lines,first = inspect.getsourcelines(inner)
        file = inspect.getsourcefile(inner) or "<caller>"
    except (OSError, TypeError) as error:
        raise PodError(f"{function!r} cannot be sent, as its source is not to be found: {error}") from None
    code = textwrap.dedent("".join(lines))
    try: node = ast.parse(code).body[0]
    except SyntaxError: node = None
    if not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
        raise PodError(f"only a function that was made by def, or a class, can be sent, not {function!r}")
    start = first_line(node, core, names) - 1
    code = "".join(code.splitlines(True)[start:])
    return code,function.__name__,max(1, first) + start,file

def refuse_closure(function, name):
    "Raise PodError if `function`, which is called `name`, uses variables of a function around it."
    free = getattr(getattr(function, "__code__", None), "co_freevars", ())
    if not free: return
    used = ", ".join(free)
    raise PodError(f"{name} uses {used} of the function around it, which the pod does not have: make it an argument")

def first_line(node, core, names):
    "The line of a definition behind the decorator that is the pod itself; those above that one are the caller's."
    lines = [o.lineno for o in node.decorator_list] + [node.lineno]
    for i,decorator in enumerate(node.decorator_list):
        value = names.get(decorator.id) if isinstance(decorator, ast.Name) else None
        if getattr(value, "_core", None) is core or has_pod(value, core): return lines[i + 1]
    return lines[0]

def has_pod(pool, core):
    "True if `pool` is one that has the pod in it."
    pods = vars(pool).get("_pods", ()) if hasattr(pool, "__dict__") else ()
    return any(o._core is core for o in pods)
