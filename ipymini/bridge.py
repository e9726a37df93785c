"""Everything IPython, whose own machinery does the work. `Output` is the only way out; methods return reply contents and know no socket.

Read `Bridge` first: how a cell runs, what it replies, the other requests; then the shell it drives and the application that configures it."""
import asyncio, os, sys, warnings
from functools import cached_property
from IPython.core import page, payloadpage
from IPython.core.application import BaseIPythonApplication
from IPython.core.autocall import ZMQExitAutocall
from IPython.core.compilerop import CachingCompiler
from IPython.core.interactiveshell import InteractiveShell
from IPython.core.payload import PayloadManager
from IPython.core.shellapp import InteractiveShellApp
from traitlets import Any, Bool, Unicode, default

from . import comms
from .features import environment
from .debugger import Debugger, cell_name, invisible
from .output import DisplayHook, DisplayPublisher, Parented

environ = dict(TERM="xterm-color", CLICOLOR="1", FORCE_COLOR="1", CLICOLOR_FORCE="1", PAGER="cat", GIT_PAGER="cat")

def error_content(etype, value, traceback):
    "An exception as a message tells it; one whose text cannot be had is told all the same"
    try: text = str(value)
    except BaseException as e: text = f"<its text raised {type(e).__name__}>"
    return dict(ename=etype.__name__, evalue=text, traceback=list(traceback))

class Bridge:
    "An IPython shell behind message contents; `options`: traits by `Class.trait`, and some options of IPython's command line"
    def __init__(self, out, options, file, loop):
        self.loop,self.out,self.parent,self.exiting,self.saving = loop,out,out.parent,False,None
        os.environ.update(environ)
        self.reason = options.get("stand-in")  # why this kernel only stands in for another, or None
        if not self.reason: environment.enter()
        self.app = IPKernelApp.instance(connection_file=file)
        self.app.configure(options)
        out.start(self.app.capture_fd_output)
        self.ip = ip = self.app.shell = ZMQInteractiveShell.instance(parent=self.app, profile_dir=self.app.profile_dir, bridge=self)
        ip.display_pub.out = ip.displayhook.out = out
        ip.loop_runner = AsyncioRunner()  # for cells that a cell runs: %%capture, %run of a notebook
        ip.loop_runner_map["asyncio"] = ip.loop_runner,True
        ip.builtin_trap.__enter__()  # once for all: cells of several threads overlap
        ip.display_trap.__enter__()
        if ip.history_manager.save_thread: invisible(ip.history_manager.save_thread)  # not the user's

    def boot(self):
        "What IPython does before the first cell"
        if self.reason: return self.stand_in()
        self.app.init_path()
        self.app.init_gui_pylab()
        self.app.init_extensions()
        self.ip.booted = True

    async def startup(self):
        "Run startup files, `exec_lines` and the like"
        try: self.app.init_code()
        except KeyboardInterrupt: self.ip.showtraceback()  # between two of them

    def stand_in(self):
        "Refuse to run code, the user's startup files included"
        from .standin import take_over
        take_over(self, self.reason)
        self.ip.booted = True

    # -- execute

    async def execute(self, msg):
        "Run the cell in `msg` and tell how it went"
        c,st,ip = msg["content"],msg.state,self.ip
        self.out.mend()
        sys.displayhook = ip.displayhook
        silent = bool(c.get("silent"))
        store = bool(c.get("store_history", True)) and not silent
        if st["stored"]: ip.settle_history(c.get("allow_stdin", True))
        try: res = await self.run(c["code"], store, silent, msg["metadata"].get("cellId"))
        except BaseException as e:  # of IPython's own making, as when it stores an exception that has no text
            if "error" not in st: ip.showtraceback()
            error = st["error"][0] if "error" in st else e
        else: error = res.error_before_exec or res.error_in_exec or st.get("failed")
        ok = error is None
        reply = dict(status="ok", user_expressions=ip.user_expressions(c.get("user_expressions") or {})) if ok else self.failed(msg, error)
        if store: self.save_soon()
        return self.ended(msg, reply)

    def ended(self, msg, reply):
        "`reply` as the whole content of an execute_reply; the record of what failed goes, which would keep the frames of the cell alive"
        st = msg.state
        for name in ("error", "failed"): st.pop(name, None)
        return dict(reply, execution_count=st["count"], payload=st["payload"])

    async def run(self, code, store, silent, cell_id):
        "IPython's result for `code`; top-level await runs on the loop we are on, unless %autoawait names another"
        ip,exc,res = self.ip,None,None
        try: cell = ip.transform_cell(code)
        except Exception: cell,exc = code,sys.exc_info()
        self.ip.state["transformed"] = cell
        coro = ip.run_cell_async(code, store, silent, transformed_cell=cell, preprocessing_exc_tuple=exc, cell_id=cell_id)
        foreign = ip.loop_runner is not ip.loop_runner_map["asyncio"][0] and ip.should_run_async(code, transformed_cell=cell, preprocessing_exc_tuple=exc)
        try: res = ip.loop_runner(coro) if foreign else await coro
        finally:
            ip.events.trigger("post_execute")
            if not silent: ip.events.trigger("post_run_cell", res)
            self.flush_streams()
        return res

    def flush_streams(self):
        "Let out what streams of the user's buffer; one that cannot be flushed is told and fails no cell"
        try: self.out.flush_others()
        except Exception: self.ip.showtraceback()

    def begin(self, msg):
        "Number the cell in `msg`: the next number for one that is stored, else the last; what execute_input shows"
        c = msg["content"]
        silent = bool(c.get("silent"))
        store = bool(c.get("store_history", True)) and not silent and not c["code"].isspace() and c["code"] != ""
        n = self.ip.number(store)
        msg.state.update(count=n if store else n-1, number=n, stored=store, payload=[])
        return n

    def failed(self, msg, error):
        "Reply content for `error`, with the traceback that was shown; its last line, if somebody shows errors in a way of his own"
        shown,content = msg.state.get("error", (None, None))
        if shown is not error:
            from traceback import format_exception_only
            content = error_content(type(error), error, format_exception_only(error))
        return dict(content, status="error", user_expressions={})

    def interrupted(self, msg):
        "Show and return a KeyboardInterrupt that hit before or after the cell's own code"
        error = KeyboardInterrupt()
        self.ip._showtraceback(KeyboardInterrupt, error, ["KeyboardInterrupt\n"])
        return self.ended(msg, self.failed(msg, error))

    def save_soon(self):
        "Write history a second from now, off the path of replies"
        if self.saving or not self.ip.history_manager.save_flag: return
        self.saving = asyncio.get_running_loop().call_later(1, self.save)

    def save(self):
        self.saving = None
        if self.ip.history_manager.save_flag: self.ip.history_manager.save_flag.set()

    # -- the other requests

    def complete(self, code, pos, aside=False):
        "Completions at `pos`, in code points; `aside`: from another thread than the user's code, so on a copy of the namespace"
        from IPython.core.completer import ProvisionalCompleterWarning, rectify_completions
        if [f[:3:2] for f in warnings.filters[:1]] != [("ignore", ProvisionalCompleterWarning)]: warnings.simplefilter("ignore", ProvisionalCompleterWarning)
        pos = len(code) if pos is None else max(0, min(pos, len(code)))
        completer = self.ip.Completer
        if aside:
            from copy import copy
            completer = copy(completer)
            completer.namespace = completer.global_namespace = dict(self.ip.user_ns)
        found = list(rectify_completions(code, completer.completions(code, pos)))
        start,end = (found[0].start, found[0].end) if found else (pos, pos)
        types = [dict(start=o.start, end=o.end, text=o.text, type=o.type, signature=o.signature) for o in found]
        return dict(status="ok", matches=[o.text for o in found], cursor_start=start, cursor_end=end, metadata=dict(_jupyter_types_experimental=types))

    def inspect(self, code, pos, detail=0, omit=()):
        "What is known of the name at `pos`"
        from IPython.utils.tokenutil import token_at_cursor
        name = token_at_cursor(code, len(code) if pos is None else pos)
        try: data = self.ip.object_inspect_mime(name, detail_level=detail, omit_sections=omit)
        except KeyError: return dict(status="ok", found=False, data={}, metadata={})
        if not self.ip.enable_html_pager: data.pop("text/html", None)
        return dict(status="ok", found=True, data=data, metadata={})

    def is_complete(self, code):
        status,indent = self.ip.input_transformer_manager.check_complete(code)
        return dict(status=status, indent=" "*(indent or 0)) if status == "incomplete" else dict(status=status)

    def history(self, kind, c):
        "Rows of history: tail, range or search"
        hm,raw,output = self.ip.history_manager,bool(c.get("raw", True)),bool(c.get("output", False))
        if kind == "tail": rows = hm.get_tail(10**9 if c.get("n") is None else c["n"], raw=raw, output=output, include_latest=True)
        elif kind == "range":
            session = c.get("session") or 0
            rows = hm.get_range(session, 1 if c.get("start") is None else c["start"], c.get("stop"), raw=raw, output=output)
            if session > 0: rows = [(session, *row[1:]) for row in rows]  # IPython calls the current one 0
        elif kind == "search":
            hm.writeout_cache()
            rows = hm.search(c.get("pattern") or "*", raw=raw, output=output, n=c.get("n"), unique=bool(c.get("unique", False)))
        else: rows = []
        return dict(status="ok", history=list(rows))

    def comm_info(self, target):
        found = {k: dict(target_name=o.target_name) for k,o in list(comms.held().items()) if target in (None, "", o.target_name)}
        return dict(status="ok", comms=found)

    def comm_of(self, msg):
        "The comm to which `msg` goes, or None; also of one that a library has made without us"
        comm = comms.held().get(str(msg["content"].get("comm_id")))
        return comm if hasattr(comm, "in_use") else None

    async def comm(self, msg):
        "Hand a comm message to its comm; a callback's error is shown by the `comm` package's log, on stderr"
        manager = comms.manager()
        if not manager: return self.out.write("stderr", "There are no comms: a module called comm hides the package of this name.\n")
        try: getattr(manager, msg.type)(None, msg.ids, msg)
        except KeyboardInterrupt: self.ip.showtraceback()

    debugger = cached_property(lambda self: Debugger(self.ip, self.out.publish))
    dap = property(lambda self: vars(self).get("debugger"))  # if there is one yet

class AsyncioRunner:
    "Runs a coroutine, as `asyncio.run`; %autoawait shows its name"
    def __call__(self, coro): return asyncio.run(coro)
    def __str__(self): return "asyncio"

class Payloads(PayloadManager):
    "Payloads of the request that writes them"
    @property
    def _payload(self):
        msg = self.parent.bridge.parent.get()
        return msg.state.setdefault("payload", []) if msg is not None else []

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
        return self.state.get("number", self.counter)

    @execution_count.setter
    def execution_count(self, n):
        if n > self.counter or n < self.execution_count: self.counter = n  # else IPython counts on what `number` has counted
        if "number" in self.state: self.state["number"] = n

    @property
    def state(self):
        msg = self.bridge.parent.get()
        return msg.state if msg is not None else {}

    def _showtraceback(self, etype, evalue, stb):
        "Publish an error with the lines `stb`; None, which a `_render_traceback_` may return, asks for silence"
        lines = [stb] if isinstance(stb, str) else list(stb or [])
        content = error_content(etype, evalue, lines)
        if stb is not None: self.bridge.out.send("error", content)
        self.state["error"] = evalue,content
        self._last_traceback = lines

    def init_traceback_handlers(self, custom_exceptions):
        super().init_traceback_handlers(custom_exceptions)
        self.InteractiveTB.structured_traceback = or_plainly(self.InteractiveTB.structured_traceback)

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
        for e in related(value):
            if e is not value: trim(e, traceback_of(e))
        tb = trim(value, tb)
        if not (grouped(value) or textless(value)): return super().showtraceback((etype, value, tb), *args, **kw)
        import traceback
        self._showtraceback(etype, value, [s.rstrip("\n") for s in traceback.format_exception(etype, value, tb)])

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
        from .gui import enable
        enable(gui, self.bridge.loop)

    out = property(lambda self: self.bridge.out)

def trim(e, tb):
    """`tb`, a traceback of `e`, without our frames; `e` loses them, too

    An interrupt ends where it hit the user's code, not in the lock or the loop that waited there.
    The middle of a traceback so long that IPython would take seconds is cut out."""
    chain = [tb] if tb else []
    while chain and chain[-1].tb_next: chain.append(chain[-1].tb_next)
    waits = waiting if isinstance(e, KeyboardInterrupt) else ours
    kept = [o for o in chain if not module(o).startswith(ours)]
    while kept and module(kept[-1]).startswith(waits): kept.pop()
    if not kept: return tb
    if len(kept) > 2000: kept[1000:-1000] = []
    for o,following in zip(kept, [*kept[1:], None]):
        if o.tb_next is not following: o.tb_next = following
    if kept[0] is not tb and traceback_of(e) is tb: BaseException.with_traceback(e, kept[0])
    return kept[0]

ours = "ipymini."
waiting = ours,"threading","asyncio","selectors"

traceback_of,cause_of,context_of = (getattr(BaseException, f"__{n}__").__get__ for n in ("traceback", "cause", "context"))  # whatever a class makes of them

def module(tb): return tb.tb_frame.f_globals.get("__name__") or ""

def related(error):
    "`error` and what a traceback of it shows as well: causes, contexts, members of groups"
    found,left = {},[error]
    while left:
        e = left.pop()
        if e is None or id(e) in found: continue
        found[id(e)] = e
        members = e.exceptions if isinstance(e, BaseExceptionGroup) else ()
        left += [cause_of(e), context_of(e), *members]
    return found.values()

def or_plainly(format):
    "IPython's formatter of tracebacks; what it fails at, as where no file can be opened, Python's formats"
    def formatted(etype=None, value=None, tb=None, *args, **kw):
        try: return format(etype, value, tb, *args, **kw)
        except Exception:
            from traceback import format_exception
            return [s.rstrip("\n") for s in format_exception(etype, value, tb)]
    return formatted

def grouped(e):
    "True if IPython has no format of its own for `e`: its contexts hold an ExceptionGroup, or go in a circle"
    seen = set()
    while e is not None and not isinstance(e, BaseExceptionGroup) and id(e) not in seen:
        seen.add(id(e))
        e = e.__context__
    return e is not None

def textless(e):
    "True if `e` cannot be turned into text, which IPython would not survive"
    try: str(e)
    except BaseException: return True

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
