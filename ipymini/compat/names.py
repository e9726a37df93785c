"""What libraries look for under ipykernel's names: an object for `get_ipython().kernel`, modules that stand in for ipykernel's.

Read `install` first, then the kernel's attributes, then the modules. A comment names who needs an entry; `pytests/libs` holds it with that library."""
import asyncio, inspect, json, os, sys, threading
from functools import cached_property
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType

from .comms import bind, manager
from .patches import Patches, patches, with_classes
from .threads import carry_into_pools, carry_requests
from ..debugger.cells import folder
from ..features.environment import PackageMagics, offer_inline, plot_inline
from ..features.magics import KernelMagics, open_qtconsole
from ..parent import parent
from ..wire import Msg

version = 7,4,0  # the ipykernel whose names these are; ipywidgets wants 6.18 at least, VS Code's debugger 6

def install(k):
    "Give the shell of the kernel `k` what libraries look for; takes less than 1 ms"
    ip,app = k.bridge.ip,k.bridge.app
    ip.kernel = app.kernel = IPythonKernel.made = IPythonKernel(k)
    for o in (ip.display_pub, ip.displayhook): o.session,o.pub_socket = ip.kernel.session,k.iopub  # jupyter_client's execute_interactive in a cell
    ip.register_magics(KernelMagics)
    ip.register_magics(PackageMagics)
    if "MPLBACKEND" not in os.environ: patches.update({"matplotlib": plot_inline, "matplotlib.backends.registry": offer_inline})
    name = os.environ.get("JPY_SESSION_NAME")
    if name: ip.user_ns["__session__"] = ip.user_ns_hidden["__session__"] = name  # whoever asks for the path of the notebook
    type(k.bridge.out.stdout).__module__ = "ipykernel.iostream"  # click: keeps colours
    inspect.getfile = with_classes(inspect.getfile)
    patches["comm"] = lambda comm: bind(comm, k.bridge.out.send, ip.kernel)
    if os.environ.get("IPYMINI_THREAD_OUTPUT") != "latest":  # else what threads write belongs to the newest cell
        carry_requests()
        patches["multiprocessing.pool"] = carry_into_pools
    sys.meta_path.insert(0, Patches)
    for name in patches.keys() & sys.modules.keys(): patches[name](sys.modules[name])
    for mod,content in stand_ins(k, ip, app).items(): stand_in(f"ipykernel{mod}", content)

class IPythonKernel:
    "`get_ipython().kernel`: the kernel `k` under the names that ipykernel has for its parts"
    made = None

    def __init__(self, k):
        self.k,self.bridge,self.shell = k,k.bridge,k.bridge.ip
        self.parent,self.config,self.log = self.shell.parent,self.shell.config,self.shell.parent.log  # finders of the notebook's path
        self.session,self.iopub_socket = Session(k),k.iopub  # ipywidgets' Output
        self.shell_handlers,self.control_handlers = dict(k.on_the_shell),dict(k.on_the_control)  # for jupyter_ui_poll to change, not called
        told = "implementation", "implementation_version", "banner", "language_info", "help_links"
        self.__dict__.update({name: k.kernel_info(None, None)[name] for name in told})  # %notebook

    def __init_subclass__(cls): raise ImportError("this is ipymini's stand-in for ipykernel: run a kernel of your own in a process of its own")

    initialized = classmethod(lambda cls: bool(cls.made))  # older detectors of notebooks
    instance    = classmethod(lambda cls, *args, **kw: cls.made)
    comm_manager    = property(lambda self: manager())  # pyviz_comms, jupysql
    execution_count = property(lambda self: self.shell.execution_count)
    user_ns         = property(lambda self: self.shell.user_ns)
    user_module     = property(lambda self: self.shell.user_module)
    profile_dir     = property(lambda self: self.shell.profile_dir)
    _parent_ident   = property(lambda self: dict.fromkeys(("shell", "control"), getattr(parent.get(), "ids", [])))  # jupyter_ui_poll
    _parent_header  = property(lambda self: self.get_parent())  # ipywidgets 7
    sub             = property(lambda self: self.k.subs.get(self.get_parent().get("header", {}).get("subshell_id"), self.k.main))

    def get_parent(self, channel=None): return parent.get() or {}  # ipywidgets' Output
    def set_parent(self, ident, msg, channel=None): parent.set(Msg.of(msg))  # jupyter_ui_poll

    def send_response(self, stream, type, content=None, ident=None, buffers=None, track=False, header=None, metadata=None, channel=None):
        self.session.send(stream, type, content, self.get_parent(), ident, buffers, metadata=metadata)  # ipywidgets' Output

    def do_complete(self, code, cursor_pos):  # VS Code, from any thread
        return self.bridge.complete(code, cursor_pos, aside=threading.get_ident() != self.k.main.tid)

    def do_inspect(self, code, cursor_pos, detail_level=0, omit_sections=()): return self.bridge.inspect(code, cursor_pos, detail_level, omit_sections)

    def do_shutdown(self, restart):
        "End the kernel when the cell that runs has ended; whoever started it, as a Jupyter server, sees that and starts it again"
        return self.k.leave(dict(status="ok", restart=restart), .2)  # a recipe to restart from a cell

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
    "What libraries use of the jupyter_client Session that ipykernel has: the stream they send on is always iopub's"
    def __init__(self, k): self.k,self.session,self.key,self.username = k,k.wire.session,k.cfg["key"].encode(),"kernel"

    def send(self, stream, type, content=None, parent=None, ident=None, buffers=None, track=False, header=None, metadata=None):
        topic = ident[0] if isinstance(ident, list) and ident else ident or None
        self.k.output(type, content or {}, msg=Msg.of(parent), metadata=metadata, buffers=buffers or (), topic=topic)

def stand_ins(k, ip, app):
    "What is in our modules by their names, behind `ipykernel`"
    def late_comms(name):
        import comm
        if name in ("Comm", "BaseComm"): return comm.create_comm
        if name == "CommManager": return type(manager())
        raise AttributeError(name)

    def get_connection_file(app=app): return app.connection_file  # ipynbname

    def get_connection_info(connection_file=None, unpack=False):
        "What a client needs to connect: the text of the connection file, or a dictionary"
        with open(connection_file or app.connection_file) as f: text = f.read()
        if not unpack: return text
        info = json.loads(text)
        return dict(info, key=info["key"].encode())

    def connect_qtconsole(connection_file=None, argv=None):
        "The process of a Qt console on this kernel"
        return open_qtconsole(connection_file or app.connection_file, argv or [])

    connect = dict(get_connection_file=get_connection_file, get_connection_info=get_connection_info, connect_qtconsole=connect_qtconsole)
    return {"": dict(connect, version_info=version, __version__=".".join(map(str, version)), __getattr__=elsewhere),  # ipywidgets, VS Code
        ".comm": dict(__getattr__=late_comms), ".comm.comm": dict(__getattr__=late_comms),  # bokeh, nbagg, pyviz_comms, panel, ipywidgets 7
        ".zmqshell": dict(ZMQInteractiveShell=type(ip)), ".iostream": dict(OutStream=type(k.bridge.out.stdout)),  # tqdm.auto, loguru
        ".kernelapp": dict(IPKernelApp=type(app)), ".kernelbase": dict(Kernel=IPythonKernel), ".ipkernel": dict(IPythonKernel=IPythonKernel),
        ".compiler": dict(get_tmp_directory=lambda: os.path.dirname(folder)), ".connect": connect}  # ipytest's coverage

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
