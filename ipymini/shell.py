"""IPython's shell and application as a kernel has them: no terminal, numbers and payloads by request, errors without our frames.

The small classes that IPython is given come first, then `ZMQInteractiveShell`, then `IPKernelApp`, the configuration."""
import asyncio, logging, os
from operator import index
from threading import RLock
from IPython.core import page, payloadpage
from IPython.core.application import BaseIPythonApplication
from IPython.core.autocall import ZMQExitAutocall
from IPython.core.compilerop import CachingCompiler
from IPython.core.interactiveshell import InteractiveShell
from IPython.core.payload import PayloadManager
from IPython.core.shellapp import InteractiveShellApp
from traitlets import Any, Bool, Unicode, default

from . import history
from .contents import error_content
from .debugger.cells import cell_name
from .output import DisplayFormatter, DisplayHook, DisplayPublisher, Parented
from .system.packages import import_package
from .tracebacks import in_python_format, needs_python, or_python_format, trim_all

class AsyncioRunner:
    "Runs a coroutine, as `asyncio.run`; %autoawait shows its name."
    def __call__(self, coro): return asyncio.run(coro)
    def __str__(self): return "asyncio"

class Payloads(PayloadManager):
    "Payloads of the request that writes them."
    @property
    def _payload(self):
        "The list of payloads; where no cell runs one that nobody sees."
        cell = self.parent.cell
        return cell.payload if cell else []

    def clear_payload(self): self._payload.clear()

class Compiler(CachingCompiler):
    "Names cells as the debugger does."
    get_code_name = staticmethod(cell_name)

    def ast_parse(self, *args, **kw):
        """IPython's; once more where Python 3.11 fails, whose parser counts for all threads in one place.

        So it does if a garbage collection lets another thread parse meanwhile: a subshell's, or one that makes a traceback."""
        try: return super().ast_parse(*args, **kw)
        except SystemError: return super().ast_parse(*args, **kw)

class LateCompleter:
    """A shell that makes IPython's completer, which takes 5 ms, when somebody asks for it.

    That is: for `Completer`, or for `configurables`, which %config reads."""
    completer = None
    booted = False  # True once whoever asks for `configurables` is the user
    making = RLock()  # one thread makes the completer: the side thread may ask for it as the main thread does

    def init_completer(self): "Put off."

    def make_completer(self):
        "Make IPython's completer, with its hooks; from then on it looks at what lives before it asks jedi."
        if self.completer: return
        LiveCompleter = load_completer().LiveCompleter
        with self.making:
            if self.completer: return
            super().init_completer()
            self.completer.__class__ = LiveCompleter
            wanted = os.environ.get("IPYMINI_USE_JEDI")
            if wanted in ("0", "1"): self.completer.use_jedi = wanted == "1"

    def warm_up(self):
        "Load what completion and inspection need, so that nobody waits for it. On the side thread, once the kernel is idle."
        completer = load_completer()
        self.inspector._get_info(len)  # pygments, which colours signatures
        completer.warm_up(self.Completer)

    @property
    def Completer(self):
        self.make_completer()
        return self.completer

    @Completer.setter
    def Completer(self, completer): self.completer = completer

    @property
    def configurables(self):
        if self.booted: self.make_completer()
        return self.configured

    @configurables.setter
    def configurables(self, configurables): self.configured = configurables

def load_completer():
    "Our module `completer`, with what it and IPython import late; never from the notebook's folder."
    for name in ("IPython.core.guarded_eval", "uuid"): import_package(name)
    from . import completer
    return completer

def with_stack_data(formatter):
    "IPython's `formatter` of tracebacks, which imports stack_data at the first error; never from the notebook's folder."
    def structured_traceback(*args, **kw):
        import_package("stack_data")
        return formatter(*args, **kw)
    return structured_traceback

class ZMQInteractiveShell(Parented, LateCompleter, InteractiveShell):
    "IPython's shell with a frontend in place of a terminal."
    bridge = Any()
    kernel = Any()  # what stands in for ipykernel's
    displayhook_class = DisplayHook
    display_pub_class = DisplayPublisher
    compiler_class = Compiler
    banner1 = Unicode("")
    keepkernel_on_exit = None
    out = property(lambda self: self.bridge.out)
    parent_header = property(lambda self: self.get_parent())  # the whole message, as ipykernel's shell has it

    @default("exiter")
    def _exiter(self): return ZMQExitAutocall(self)

    def init_history(self):
        "IPython's, with a look at the file before, and `In` by number."
        history.check_file(self)
        super().init_history()
        self.history_manager.input_hist_parsed = history.Inputs(self)
        self.history_manager.input_hist_raw = history.Inputs(self)

    def init_display_formatter(self):
        self.display_formatter = DisplayFormatter(parent=self)
        self.configurables.append(self.display_formatter)

    def init_payload(self):
        self.payload_manager = Payloads(parent=self)
        self.configurables.append(self.payload_manager)

    def init_hooks(self):
        super().init_hooks()
        self.set_hook("show_in_pager", page.as_hook(payloadpage.page), 99)

    @property
    def cell(self):
        "The `Cell` for which this runs, or None."
        msg = self.bridge.parent.get()
        return msg.cell if msg is not None else None

    @property
    def execution_count(self):
        "The next cell's number; in a cell, the one that follows it."
        cell = self.cell
        return cell.number if cell else self.bridge.counter

    @execution_count.setter
    def execution_count(self, number):
        "Number cells from `number` on, if it is new: IPython counts a cell that runs, which has been counted when it began."
        number = index(number)
        if number > self.bridge.counter or number < self.execution_count: self.bridge.counter = number
        if self.cell: self.cell.number = number

    def _showtraceback(self, etype, evalue, stb):
        "Publish an error with the lines `stb`; None, which a `_render_traceback_` may return, asks for silence."
        lines = [stb] if isinstance(stb, str) else list(stb or [])
        content = error_content(etype, evalue, lines)
        if stb is not None: self.out.send("error", content)
        if self.cell: self.cell.error = evalue,content
        self._last_traceback = lines

    def _format_exception_for_storage(self, exception, *args, **kw):
        "What was shown of `exception`: IPython would format it once more, for its history, which is half of the time that an error takes."
        shown,content = (self.cell and self.cell.error) or (None, None)
        return dict(content) if shown is exception else super()._format_exception_for_storage(exception, *args, **kw)

    def init_traceback_handlers(self, custom_exceptions):
        super().init_traceback_handlers(custom_exceptions)
        self.InteractiveTB.structured_traceback = or_python_format(with_stack_data(self.InteractiveTB.structured_traceback))

    def set_custom_exc(self, exc_tuple, handler):
        "IPython's, but an error is shown when the handler for it fails. IPython shows nothing of what the handler returns."
        def handle(shell, etype, value, tb, tb_offset=None):
            try: return handler(shell, etype, value, tb, tb_offset=tb_offset)
            except BaseException:  # IPython tells of it and removes the handler
                shell.showtraceback((etype, value, tb), tb_offset=tb_offset)
                raise
        super().set_custom_exc(exc_tuple, handler and handle)

    def show_usage_error(self, exc): self._showtraceback(type(exc), exc, [f"UsageError: {exc}"])

    def showtraceback(self, exc_tuple=None, *args, **kw):
        "IPython's, without our frames, and in Python's format where IPython has none."
        try: etype,value,tb = self._get_exc_info(exc_tuple)
        except ValueError: return super().showtraceback(exc_tuple, *args, **kw)  # which tells that there is none
        tb = trim_all(value, tb)
        if needs_python(value): return self._showtraceback(etype, value, in_python_format(etype, value, tb))
        super().showtraceback((etype, value, tb), *args, **kw)

    def set_next_input(self, s, replace=False):
        "Have the frontend put the text `s` into the next cell."
        self.payload_manager.write_payload(dict(source="set_next_input", text=s, replace=replace))

    def ask_exit(self):
        "Have the kernel end with this cell, unless `keepkernel_on_exit` says that the frontend alone is to go."
        self.payload_manager.write_payload(dict(source="ask_exit", keepkernel=bool(self.keepkernel_on_exit)))
        self.bridge.exiting = not self.keepkernel_on_exit

    def system_piped(self, cmd):
        """Run `cmd`, a line that begins with `!`, on a terminal of its own; its exit status is `_exit_code`.

        Raises: CalledProcessError, if asked to."""
        if os.name != "posix" or cmd.rstrip().endswith("&"): return super().system_piped(cmd)
        from .features.terminal import system
        status = self.user_ns["_exit_code"] = system(self.var_expand(cmd, depth=1), self.out.question)
        if self.system_raise_on_error and status != 0:
            from subprocess import CalledProcessError
            raise CalledProcessError(status, cmd)

    system = system_piped

    def enable_gui(self, gui=None):
        from .features.gui import enable
        enable(gui, self.bridge.loop)

class IPKernelApp(BaseIPythonApplication, InteractiveShellApp):
    "IPython's application: configuration files, profile, extensions, startup code."
    name = "ipython-kernel"
    connection_file = Unicode()
    capture_fd_output = Bool(True, help="show what child processes and C code write").tag(config=True)

    def configure(self, options):
        "Load configuration: files first, then `options`, which win."
        argv = [f"--{trait}={value}" for trait,value in options.items() if "." in trait]
        try: self.initialize(argv)
        except OSError:  # a full disk has no room for a profile
            from tempfile import mkdtemp
            self.ipython_dir = mkdtemp()
            self.initialize(argv)
        self.config.IPKernelApp.connection_file = self.connection_file
        history.configure(self.config.HistoryManager)

    def _configure_logging(self):
        "What traitlets does, by hand where nothing is configured: its `logging.config` takes 2 ms to import."
        if self.logging_config or os.name == "nt": return super()._configure_logging()
        handler = logging.StreamHandler()
        handler.setLevel(self.log_level)
        handler.setFormatter(self._log_formatter_cls(self.log_format, self.log_datefmt))
        log = logging.getLogger(type(self).__name__)
        log.setLevel(logging.DEBUG)
        log.handlers[:] = [handler]

    def parse_command_line(self, argv):
        if argv: super().parse_command_line(argv)  # argparse takes a millisecond to find nothing

ZMQInteractiveShell.__module__ = "ipykernel.zmqshell"  # plotly, pandas and rich look at these names
