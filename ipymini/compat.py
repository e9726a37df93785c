"""What libraries look for under ipykernel's names: an object for `get_ipython().kernel`, modules that stand in for ipykernel's.

Read `install` first, then the kernel's attributes, then the modules. A comment names who needs an entry; `pytests/libs` holds it with that library."""
import asyncio, comm, inspect, linecache, os, re, signal, sys, threading
from functools import cached_property, wraps
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType

from .magics import KernelMagics
from .subshell import aside
from .wire import Msg, parent

version = 7,4,0  # the ipykernel whose names these are; ipywidgets wants 6.18 at least, VS Code's debugger 6


def install(k):
    "Give the shell of the kernel `k` what libraries look for; takes less than 1 ms"
    ip,app = k.bridge.ip,k.bridge.app
    ip.kernel = app.kernel = comm.create_comm.kernel = IPythonKernel.made = IPythonKernel(k)  # anywidget: a comm that has a kernel
    for o in (ip.display_pub, ip.displayhook): o.session,o.pub_socket = ip.kernel.session,k.iopub  # jupyter_client's execute_interactive in a cell
    ip.register_magics(KernelMagics)
    name = os.environ.get("JPY_SESSION_NAME")
    if name: ip.user_ns["__session__"] = ip.user_ns_hidden["__session__"] = name  # whoever asks for the path of the notebook
    type(k.bridge.out.stdout).__module__ = "ipykernel.iostream"  # click: keeps colours
    inspect.getfile = with_classes(inspect.getfile)
    sys.meta_path.insert(0, Patches)
    for mod,content in stand_ins(k, ip, app).items(): stand_in(f"ipykernel{mod}", content)


class IPythonKernel:
    "`get_ipython().kernel`: the kernel `k` under the names that ipykernel has for its parts"
    made = None

    def __init__(self, k):
        self.k,self.bridge,self.shell,self.comm_manager = k,k.bridge,k.bridge.ip,k.bridge.manager  # pyviz_comms, jupysql
        self.parent,self.config,self.log = self.shell.parent,self.shell.config,self.shell.parent.log  # finders of the notebook's path
        self.session,self.iopub_socket,self.shell_stream = Session(k),k.iopub,k.shell  # ipywidgets
        self.shell_handlers,self.control_handlers = Handlers(k.on_the_shell, k.shell),Handlers(k.on_the_control, k.control)
        self.__dict__.update({name: k.kernel_info(None, None)[name] for name in ("implementation", "banner", "language_info")})  # %notebook

    def __init_subclass__(cls): raise ImportError("this is ipymini's stand-in for ipykernel: run a kernel of your own in a process of its own")

    @classmethod
    def initialized(cls): return bool(cls.made)  # older detectors of notebooks

    @classmethod
    def instance(cls, *args, **kw): return cls.made

    execution_count = property(lambda self: self.shell.execution_count)
    _parent_ident   = property(lambda self: dict.fromkeys(("shell", "control"), getattr(parent.get(), "ids", [])))  # jupyter_ui_poll
    _parent_header  = property(lambda self: self.get_parent())  # ipywidgets 7
    sub             = property(lambda self: self.k.subs.get(self.get_parent().get("header", {}).get("subshell_id"), self.k.main))

    def get_parent(self, channel=None): return parent.get() or {}  # ipywidgets' Output
    def set_parent(self, ident, msg, channel=None): parent.set(message(msg))  # jupyter_ui_poll

    def send_response(self, stream, type, content=None, ident=None, buffers=None, track=False, header=None, metadata=None, channel=None):
        self.session.send(stream, type, content, self.get_parent(), ident, buffers, metadata=metadata)  # ipywidgets' Output

    def do_complete(self, code, cursor_pos):  # VS Code, from any thread
        return self.bridge.complete(code, cursor_pos, aside=threading.get_ident() != self.k.main.tid)

    def do_inspect(self, code, cursor_pos, detail_level=0, omit_sections=()): return self.bridge.inspect(code, cursor_pos, detail_level, omit_sections)

    def do_one_iteration(self):
        "Handle the comm messages that wait, on this thread; may be awaited, too"
        self.sub.comms(lambda coro: next(coro.__await__(), None))  # jupyter_ui_poll
        return Done()

    @cached_property
    def io_loop(self):
        "tornado's loop around the main one, on which panel schedules from threads"
        from concurrent.futures import ThreadPoolExecutor
        from tornado.ioloop import IOLoop
        with ThreadPoolExecutor(1, initializer=asyncio.set_event_loop, initargs=[self.k.main.loop]) as pool: return pool.submit(IOLoop.current).result()


class Done:
    def __await__(self): yield


class Session:
    "What libraries use of the jupyter_client Session that ipykernel has"
    def __init__(self, k): self.k,self.session,self.key,self.username = k,k.wire.session,k.cfg["key"].encode(),"kernel"

    def send(self, stream, type, content=None, parent=None, ident=None, buffers=None, track=False, header=None, metadata=None):
        if isinstance(type, dict): type,content,parent,metadata = type["header"]["msg_type"],type["content"],type["parent_header"],type["metadata"]
        ids = [ident] if isinstance(ident, bytes) else ident or []
        content,msg,rest = content or {},message(parent),dict(metadata=metadata, buffers=buffers or ())
        if stream is self.k.iopub: self.k.output(type, content, msg=msg, topic=ids[0] if ids else None, **rest)
        else: stream.send(self.k.wire.pack(type, content, msg, ids=ids, **rest))


def message(d):
    "The `Msg` that `d`, a message or a header, tells of"
    return Msg.of(d if not d or "header" in d else dict(header=d))


class Handlers(dict):
    """Serves messages of the types that others put in, by `f(stream, ident, msg)`; those that we serve stay ours

    jupyter_ui_poll puts in an execute_request of its own, so that no cell begins while one polls; here none does."""
    def __init__(self, table, stream):
        super().__init__(table)
        self.table,self.stream = table,stream

    def __setitem__(self, type, f):
        super().__setitem__(type, f)
        self.table.setdefault(type, lambda k, sub, msg: self[type](self.stream, msg.ids, msg))


def with_classes(getfile):
    "`inspect.getfile` that finds classes of cells, too, which name no file: in the newest cell that has a class of the name"
    def find(obj):
        try: return getfile(obj)
        except OSError:
            head = re.compile(rf"\s*class {obj.__name__}\b").match if isinstance(obj, type) else lambda line: False
            for name in reversed(linecache.cache):
                if "ipykernel_" in name and any(map(head, linecache.getlines(name))): return name
            raise
    return find


class Patches:
    "Has a module changed by its function in `patches` when somebody imports it"
    @classmethod
    def find_spec(cls, name, path=None, target=None):
        spec = PathFinder.find_spec(name, path) if name in patches else None
        if not spec: return
        load = spec.loader.exec_module
        def exec_module(module):
            load(module)
            patches[name](module)
        spec.loader.exec_module = exec_module
        return spec


def let_interrupts_leave(pdb):
    "An interrupt ends the prompt of pdb, which would ask again"
    def ask_once(self):
        try: self.cmdloop()
        except KeyboardInterrupt:
            sys.settrace(None)
            raise
    pdb.Pdb._cmdloop = ask_once


def let_anyio_nest(eventloop):
    "`anyio.run` looks for a running loop before it calls asyncio"
    eventloop.run = aside(eventloop.run)


def let_trio_interrupt(trio):
    "`trio.run` spares its internals, but only in place of Python's own handler of SIGINT"
    run = trio.run
    @wraps(run)
    def plainly(*args, **kw):
        if threading.current_thread() is not threading.main_thread(): return run(*args, **kw)
        before = signal.signal(signal.SIGINT, signal.default_int_handler)
        try: return run(*args, **kw)
        finally: signal.signal(signal.SIGINT, before)
    trio.run = plainly


patches = {"pdb": let_interrupts_leave, "anyio._core._eventloop": let_anyio_nest, "trio": let_trio_interrupt}


# -- modules

def stand_ins(k, ip, app):
    "What is in our modules by their names, behind `ipykernel`"
    Comm,Manager = comm.create_comm,type(k.bridge.manager)
    def get_connection_file(app=app): return app.connection_file

    def get_connection_info(connection_file=None, unpack=False):
        import json
        with open(connection_file or app.connection_file, encoding="utf8") as f: info = json.load(f)
        return dict(info, key=info["key"].encode()) if unpack else json.dumps(info)

    def connect_qtconsole(connection_file=None, argv=None):
        from subprocess import Popen
        return Popen([sys.executable, "-m", "qtconsole", "--existing", connection_file or app.connection_file, *(argv or ())])

    connect = dict(get_connection_file=get_connection_file, get_connection_info=get_connection_info, connect_qtconsole=connect_qtconsole)
    return {"": dict(connect, version_info=version, __version__=".".join(map(str, version)), __getattr__=elsewhere),  # ipywidgets, VS Code
        ".comm": dict(Comm=Comm, CommManager=Manager), ".comm.comm": dict(Comm=Comm, BaseComm=Comm),  # bokeh, nbagg, pyviz_comms, panel, ipywidgets 7
        ".zmqshell": dict(ZMQInteractiveShell=type(ip), ZMQDisplayPublisher=type(ip.display_pub)),  # tqdm.auto
        ".displayhook": dict(ZMQShellDisplayHook=type(ip.displayhook)), ".iostream": dict(OutStream=type(k.bridge.out.stdout)),
        ".kernelapp": dict(IPKernelApp=type(app)), ".kernelbase": dict(Kernel=IPythonKernel), ".ipkernel": dict(IPythonKernel=IPythonKernel),
        ".eventloops": dict(enable_gui=lambda gui, kernel=None: ip.enable_gui(gui)), ".connect": connect}


def stand_in(name, content):
    "Make the module `name`, whether or not there is a real one: that would take the comms over when it is imported"
    mod = sys.modules[name] = ModuleType(name, "ipymini's stand-in for the module of this name")
    vars(mod).update(content, __spec__=ModuleSpec(name, None))  # importlib.util.find_spec wants a spec
    parent,_,attr = name.rpartition(".")
    if parent: setattr(sys.modules[parent], attr, mod)


def elsewhere(name):
    "`ipykernel.__path__`: modules that have no stand-in come from the ipykernel that is installed"
    if name != "__path__": raise AttributeError(f"ipymini's stand-in for ipykernel has no {name!r}")
    spec = PathFinder.find_spec("ipykernel")
    return list(spec.submodule_search_locations) if spec else []
