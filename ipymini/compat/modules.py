"""Modules that stand in for ipykernel's, whether or not that is installed; its others can still be imported.

Read `make_stand_ins`. A comment names who needs a module; `pytests/libs` holds it with that library."""
import json, os, sys
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType

from .comms import manager
from ..debugger.cells import folder
from ..features.magics import open_qtconsole

version = 7,4,0  # the ipykernel whose names these are; ipywidgets wants 6.18 at least, VS Code's debugger 6
version_text = ".".join(map(str, version))

def make_stand_ins(kernel, app, stream_class):
    """Make them all.

    `kernel` stands in for ipykernel's, `app` is IPython's application, `stream_class` the class of sys.stdout."""
    connection = connection_functions(app)
    comms = dict(__getattr__=comm_class)
    stand_in("ipykernel", version_info=version, __version__=version_text, __getattr__=of_package, **connection)  # ipywidgets, VS Code
    stand_in("ipykernel.comm", **comms)  # bokeh, nbagg, pyviz_comms, panel
    stand_in("ipykernel.comm.comm", **comms)  # ipywidgets 7
    stand_in("ipykernel.zmqshell", ZMQInteractiveShell=type(kernel.shell))  # tqdm.auto
    stand_in("ipykernel.iostream", OutStream=stream_class)  # loguru
    stand_in("ipykernel.kernelapp", IPKernelApp=type(app))
    stand_in("ipykernel.kernelbase", Kernel=type(kernel))
    stand_in("ipykernel.ipkernel", IPythonKernel=type(kernel))
    stand_in("ipykernel.compiler", get_tmp_directory=lambda: os.path.dirname(folder))  # ipytest's coverage
    stand_in("ipykernel.connect", **connection)

def stand_in(name, **content):
    "Make the module `name`, whether or not there is a real one: that would take the comms over when it is imported."
    module = sys.modules[name] = ModuleType(name, "ipymini's stand-in for the module of this name")
    vars(module).update(content)
    module.__spec__ = ModuleSpec(name, None)  # importlib.util.find_spec wants one
    package,_,attribute = name.rpartition(".")
    if package: setattr(sys.modules[package], attribute, module)

def of_package(name):
    "`ipykernel.__path__`: modules that have no stand-in come from the ipykernel that is installed."
    if name != "__path__": raise AttributeError(f"ipymini's stand-in for ipykernel has no {name!r}")
    spec = PathFinder.find_spec("ipykernel")
    return list(spec.submodule_search_locations) if spec else []

def comm_class(name):
    "`ipykernel.comm.Comm` and its like, made when somebody asks for them."
    if name == "CommManager": return type(manager())
    if name not in ("Comm", "BaseComm"): raise AttributeError(name)  # `inspect` asks all modules for their `__file__`
    import comm
    return comm.create_comm

def connection_functions(app):
    "The functions of `ipykernel.connect`, by their names."
    def get_connection_file(app=app): return app.connection_file  # ipynbname

    def get_connection_info(connection_file=None, unpack=False):
        "What a client needs to connect: the text of the connection file, or a dictionary."
        with open(connection_file or app.connection_file) as file: text = file.read()
        if not unpack: return text
        info = json.loads(text)
        return dict(info, key=info["key"].encode())

    def connect_qtconsole(connection_file=None, argv=None):
        "The process of a Qt console on this kernel."
        return open_qtconsole(connection_file or app.connection_file, argv or [])

    functions = get_connection_file,get_connection_info,connect_qtconsole
    return {function.__name__: function for function in functions}
