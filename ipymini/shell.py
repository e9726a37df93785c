"IPython's shell and application as a kernel has them: no terminal, numbers and payloads by request, errors without our frames, configuration files."
import asyncio, os
from IPython.core import page, payloadpage
from IPython.core.application import BaseIPythonApplication
from IPython.core.autocall import ZMQExitAutocall
from IPython.core.compilerop import CachingCompiler
from IPython.core.interactiveshell import InteractiveShell
from IPython.core.payload import PayloadManager
from IPython.core.shellapp import InteractiveShellApp
from traitlets import Any, Bool, Unicode, default

from .contents import error_content
from .debugger.cells import cell_name
from .output import DisplayHook, DisplayPublisher, Parented
from .tracebacks import in_python_format, needs_python, or_python_format, trim_all

class AsyncioRunner:
    "Runs a coroutine, as `asyncio.run`; %autoawait shows its name"
    def __call__(self, coro): return asyncio.run(coro)
    def __str__(self): return "asyncio"

class Payloads(PayloadManager):
    "Payloads of the request that writes them"
    @property
    def _payload(self):
        msg = self.parent.bridge.parent.get()
        return msg.cell.payload if msg is not None and msg.cell else []

    def clear_payload(self): self._payload.clear()

class Inputs(list):
    "`In`: a cell's source under its number, though cells of subshells begin in any order"
    def __init__(self, ip):
        super().__init__([""])
        self.ip = ip

    def append(self, source):
        n = max(0, self.ip.execution_count-1)
        self.extend([""]*(n+1-len(self)))
        self[n] = source

    def __reduce__(self): return list,(list(self),)  # dill.dump_module

class Compiler(CachingCompiler):
    def get_code_name(self, raw_code, transformed_code, number): return cell_name(raw_code)

class ZMQInteractiveShell(Parented, InteractiveShell):
    "IPython's shell with a frontend in place of a terminal"
    bridge,kernel = Any(),Any()
    displayhook_class,display_pub_class,compiler_class = DisplayHook,DisplayPublisher,Compiler
    banner1 = Unicode("")
    counter,booted,completer,keepkernel_on_exit = 1,False,None,None  # counter: the next cell's number
    history_settled = False  # True once it is known whether history goes to the user's file
    parent_header = property(lambda self: self.get_parent())  # the whole message, as ipykernel's shell has it

    @default("exiter")
    def _exiter(self): return ZMQExitAutocall(self)

    def init_history(self):
        import sqlite3
        cfg = self.config.HistoryManager
        file = cfg.get("hist_file") or os.path.join(self.profile_dir.location, "history.sqlite")
        try:
            if cfg.get("enabled", True):
                with sqlite3.connect(file, timeout=.5) as db: db.execute("begin immediate")
        except sqlite3.OperationalError as e:  # locked or read-only; IPython would take it for corrupt and move it away
            self.log.warning(f"history is kept in memory, {file}: {e}")
            cfg.hist_file = ":memory:"
        except sqlite3.DatabaseError: pass  # corrupt: that it moves away
        super().init_history()
        self.history_manager.input_hist_parsed,self.history_manager.input_hist_raw = Inputs(self),Inputs(self)

    def settle_history(self, attended):
        "At the first cell that is stored: what a batch run does, which no person attends, is not for the user's history, unless that is configured"
        if self.history_settled: return
        self.history_settled = True
        if not attended and not {"hist_file", "enabled"} & set(self.config.HistoryManager): self.keep_history_in_memory()

    def keep_history_in_memory(self):
        "Leave the user's history without a trace of this session"
        import sqlite3
        history = self.history_manager
        try:
            with history.db as db: db.execute("delete from sessions where session = ?", (history.session_number,))
        except sqlite3.OperationalError as e: self.log.warning(f"an empty session is left in {history.hist_file}: {e}")  # it is locked
        history.db.close()
        if history.save_thread: history.save_thread.stop()
        history.save_thread = None
        history.hist_file = ":memory:"
        history.init_db()
        history.new_session()

    def init_completer(self): "Put off until `Completer` or `configurables`, which %config reads, is asked for: it takes 5 ms"

    @property
    def Completer(self):
        if not self.completer: super().init_completer()
        return self.completer

    @Completer.setter
    def Completer(self, o): self.completer = o

    @property
    def configurables(self):
        if self.booted: self.Completer
        return self.configured

    @configurables.setter
    def configurables(self, l): self.configured = l

    def init_payload(self):
        self.payload_manager = Payloads(parent=self)
        self.configurables.append(self.payload_manager)

    def init_hooks(self):
        super().init_hooks()
        self.set_hook("show_in_pager", page.as_hook(payloadpage.page), 99)

    def number(self, store):
        "The number of a cell that begins now; with `store` it is used up"
        n = self.counter
        if store: self.counter = n+1
        return n

    @property
    def execution_count(self):
        "The next cell's number; in a cell, the one that follows it"
        return self.cell.number if self.cell else self.counter

    @execution_count.setter
    def execution_count(self, n):
        if n > self.counter or n < self.execution_count: self.counter = n  # else IPython counts on what `number` has counted
        if self.cell: self.cell.number = n

    @property
    def cell(self):
        "The `Cell` for which this runs, or None."
        msg = self.bridge.parent.get()
        return msg.cell if msg is not None else None

    def _showtraceback(self, etype, evalue, stb):
        "Publish an error with the lines `stb`; None, which a `_render_traceback_` may return, asks for silence"
        lines = [stb] if isinstance(stb, str) else list(stb or [])
        content = error_content(etype, evalue, lines)
        if stb is not None: self.bridge.out.send("error", content)
        if self.cell: self.cell.error = evalue,content
        self._last_traceback = lines

    def init_traceback_handlers(self, custom_exceptions):
        super().init_traceback_handlers(custom_exceptions)
        self.InteractiveTB.structured_traceback = or_python_format(self.InteractiveTB.structured_traceback)

    def set_custom_exc(self, exc_tuple, handler):
        "IPython's, but an error is shown when the handler for it fails; of what the handler returns IPython shows nothing"
        def handle(shell, etype, value, tb, tb_offset=None):
            try: return handler(shell, etype, value, tb, tb_offset=tb_offset)
            except BaseException:  # IPython tells of it and removes the handler
                shell.showtraceback((etype, value, tb), tb_offset=tb_offset)
                raise
        super().set_custom_exc(exc_tuple, handler and handle)

    def show_usage_error(self, exc): self._showtraceback(type(exc), exc, [f"UsageError: {exc}"])

    def showtraceback(self, exc_tuple=None, *args, **kw):
        try: etype,value,tb = self._get_exc_info(exc_tuple)
        except ValueError: return super().showtraceback(exc_tuple, *args, **kw)
        tb = trim_all(value, tb)
        if needs_python(value): self._showtraceback(etype, value, in_python_format(etype, value, tb))
        else: super().showtraceback((etype, value, tb), *args, **kw)

    def set_next_input(self, s, replace=False): self.payload_manager.write_payload(dict(source="set_next_input", text=s, replace=replace))

    def ask_exit(self):
        self.payload_manager.write_payload(dict(source="ask_exit", keepkernel=bool(self.keepkernel_on_exit)))
        self.bridge.exiting = not self.keepkernel_on_exit

    def system_piped(self, cmd):
        "Run `cmd`, a line that begins with `!`, on a terminal of its own; its exit status is `_exit_code`. Raises: CalledProcessError, if asked to."
        if os.name != "posix" or cmd.rstrip().endswith("&"): return super().system_piped(cmd)
        from .features.terminal import system
        status = self.user_ns["_exit_code"] = system(self.var_expand(cmd, depth=1), self.bridge.out.question)
        if self.system_raise_on_error and status != 0:
            from subprocess import CalledProcessError
            raise CalledProcessError(status, cmd)

    system = system_piped

    def enable_gui(self, gui=None):
        from .features.gui import enable
        enable(gui, self.bridge.loop)

    out = property(lambda self: self.bridge.out)

class IPKernelApp(BaseIPythonApplication, InteractiveShellApp):
    "IPython's application: configuration files, profile, extensions, startup code"
    name = "ipython-kernel"
    connection_file = Unicode()
    capture_fd_output = Bool(True, help="show what child processes and C code write").tag(config=True)

    def configure(self, options):
        "Load configuration: files first, then `options`, which win"
        argv = [f"--{k}={v}" for k,v in options.items() if "." in k]
        try: self.initialize(argv)
        except OSError:  # a full disk has no room for a profile
            from tempfile import mkdtemp
            self.ipython_dir = mkdtemp()
            self.initialize(argv)
        self.config.IPKernelApp.connection_file = self.connection_file
        hm = self.config.HistoryManager
        if "db_cache_size" not in hm: hm.db_cache_size = 10**6  # `Bridge.save_soon` decides when to write
        if "connection_options" not in hm: hm.connection_options = dict(check_same_thread=False, timeout=.5)  # then history is kept in memory

    def parse_command_line(self, argv):
        if argv: super().parse_command_line(argv)  # argparse takes a millisecond to find nothing

ZMQInteractiveShell.__module__ = "ipykernel.zmqshell"  # plotly, pandas and rich look at these names
