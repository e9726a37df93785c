"""`get_ipython().kernel`: the kernel under the names that ipykernel has for its parts.

A comment names who needs an entry; `pytests/libs` holds it with that library."""
import asyncio, threading
from functools import cached_property

from .comms import manager
from ..contents import kernel_info
from ..parent import parent
from ..wire import Msg

told = "implementation","implementation_version","banner","language_info","help_links"  # of kernel_info, for %notebook

class IPythonKernel:
    "Stands in for ipykernel's; `k` is the kernel itself."
    made = None  # the one that there is

    def __init__(self, kernel):
        self.k = kernel
        self.bridge = kernel.bridge
        self.shell = kernel.bridge.ip
        app = self.shell.parent
        self.parent = app  # finders of the notebook's path
        self.config = self.shell.config
        self.log = app.log
        self.session = Session(kernel)
        self.iopub_socket = kernel.iopub  # ipywidgets' Output
        self.shell_handlers = dict(kernel.shell_handlers)  # for jupyter_ui_poll to change, not called
        self.control_handlers = dict(kernel.control_handlers)
        for name in told: setattr(self, name, kernel_info[name])

    def __init_subclass__(cls):
        raise ImportError("this is ipymini's stand-in for ipykernel: run a kernel of your own in a process of its own")

    initialized = classmethod(lambda cls: bool(cls.made))  # older detectors of notebooks
    instance    = classmethod(lambda cls, *args, **kw: cls.made)
    comm_manager    = property(lambda self: manager())  # pyviz_comms, jupysql
    execution_count = property(lambda self: self.shell.execution_count)
    user_ns         = property(lambda self: self.shell.user_ns)
    user_module     = property(lambda self: self.shell.user_module)
    profile_dir     = property(lambda self: self.shell.profile_dir)
    _parent_header  = property(lambda self: self.get_parent())  # ipywidgets 7

    @property
    def _parent_ident(self):
        "The identities of the client that the cell runs for, by channel: jupyter_ui_poll."
        ids = getattr(parent.get(), "ids", [])
        return dict(shell=ids, control=ids)

    @property
    def sub(self):
        "The subshell that the request which runs here was sent to."
        id = self.get_parent().get("header", {}).get("subshell_id")
        return self.k.subshells.by_id.get(id, self.k.subshells.main)

    def get_parent(self, channel=None): return parent.get() or {}  # ipywidgets' Output

    def set_parent(self, ident, msg, channel=None): parent.set(Msg.of(msg))  # jupyter_ui_poll

    def send_response(self, stream, type, content=None, ident=None, buffers=None, track=False, header=None,
        metadata=None, channel=None):
        "Publish a message of the request that runs here: ipywidgets' Output."
        self.session.send(stream, type, content, self.get_parent(), ident, buffers, metadata=metadata)

    def do_complete(self, code, cursor_pos):
        "The content of a complete_reply: VS Code, from any thread."
        is_aside = threading.get_ident() != self.k.subshells.main.tid
        return self.bridge.complete(code, cursor_pos, aside=is_aside)

    def do_inspect(self, code, cursor_pos, detail_level=0, omit_sections=()):
        return self.bridge.inspect(code, cursor_pos, detail_level, omit_sections)

    def do_shutdown(self, restart):
        """End the kernel when the cell that runs has ended: a recipe to restart from a cell.

        What started it, as a Jupyter server, sees that it has ended and starts it again."""
        return self.k.leave(restart, delay=.2)

    def do_one_iteration(self):
        "Handle the comm messages that wait, on this thread; may be awaited, too: jupyter_ui_poll."
        self.sub.handle_comms()
        return Done()

    @cached_property
    def io_loop(self):
        "tornado's loop around the main one, on which panel schedules from threads."
        from concurrent.futures import ThreadPoolExecutor
        from tornado.ioloop import IOLoop
        pool = ThreadPoolExecutor(1, initializer=asyncio.set_event_loop, initargs=[self.k.subshells.main.loop])
        with pool: return pool.submit(IOLoop.current).result()

class Done:
    "What can be awaited and has nothing to wait for."
    def __await__(self): yield

class Session:
    "What libraries use of the jupyter_client Session that ipykernel has: the stream they send on is always iopub's."
    def __init__(self, kernel):
        self.k = kernel
        self.session = kernel.wire.session
        self.key = kernel.connection.settings["key"].encode()
        self.username = "kernel"

    def send(self, stream, type, content=None, parent=None, ident=None, buffers=None, track=False, header=None, metadata=None):
        "Publish a message of the request `parent`, under the topic `ident`, the first of a list."
        topic = ident or None
        if isinstance(topic, list): topic = topic[0]
        self.k.output(type, content or {}, msg=Msg.of(parent), metadata=metadata, buffers=buffers or (), topic=topic)
