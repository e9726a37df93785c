"Comms: the `comm` package, which is loaded when somebody needs it, bound to iopub."
import sys
from importlib import import_module
from importlib.util import find_spec
from weakref import ref

from .. import limits

class TooManyComms(RuntimeError):
    "There are as many comms as may be."

def package():
    "The package `comm`, loaded now at the latest; None where a module of the user's has its name."
    if "comm" not in sys.modules:
        spec = find_spec("comm")
        if not spec or not spec.submodule_search_locations: return None
    module = import_module("comm")
    return module if hasattr(module, "get_comm_manager") else None

def manager():
    "The one that holds all comms, or None."
    module = package()
    return module.get_comm_manager() if module else None

def held():
    "The comms that are open, by their ids."
    if "comm" not in sys.modules or not package(): return {}
    return manager().comms

def comm_of(msg):
    "The comm of ours to which the comm message `msg` goes; None if there is none, or a library has made it without us."
    comm = held().get(str(msg["content"].get("comm_id")))
    return comm if hasattr(comm, "in_use") else None

def bind(comm, publish, kernel):
    """Have the module `comm` make comms of ours, which send by `publish`.

    They have `kernel`: anywidget and the Output widget of ipywidgets look for it."""
    if not hasattr(comm, "get_comm_manager"): return  # a module of the user's has this name
    ours = manager_class()()
    comm.create_comm = comm_class(publish, kernel)
    comm.get_comm_manager = lambda: ours

def manager_class():
    "The class of the manager that holds all comms, up to a limit."
    from comm.base_comm import CommManager

    class Manager(CommManager):
        "Holds all comms that are open."
        def register_comm(self, comm):
            "Hold `comm`; its id. Raises: TooManyComms."
            if len(self.comms) < limits.comms: return super().register_comm(comm)
            raise TooManyComms(f"there are {limits.comms} comms already: close some, or widgets, before")

    return Manager

def comm_class(publish, kernel):
    "The class of comms that send by `publish` and have `kernel`."
    from comm.base_comm import BaseComm

    class Comm(BaseComm):
        "A comm whose messages go out on iopub."
        comm_id = ""   # each has its own; tests of ipywidgets replace the class's
        home = None    # the subshell whose cell sent the last of them
        opener = None  # a weak reference to the request that opened it
        sender = None  # one to the cell that sent last

        def publish_msg(self, msg_type, data=None, metadata=None, buffers=None, **keys):
            "Send a message, and remember for which request."
            self.note(msg_type, kernel.get_parent())
            content = dict(data={} if data is None else data, comm_id=self.comm_id, **keys)
            publish(msg_type, content, metadata=metadata, buffers=buffers or (), topic=self.topic)

        def note(self, msg_type, request):
            "Remember who uses this comm."
            if not request: return
            if msg_type == "comm_open": self.opener = ref(request)
            if request["msg_type"] == "execute_request":
                self.home = kernel.sub
                self.sender = ref(request)

        def in_use(self):
            "True while the request that opened this comm, or the cell that sent on it last, has not ended."
            requests = [reference() for reference in (self.opener, self.sender) if reference]
            return any(request is not None and not request.ended for request in requests)

    Comm.kernel = kernel
    return Comm
