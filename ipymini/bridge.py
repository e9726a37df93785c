"The door to IPython: how a cell runs, what it replies, the other requests. Methods return reply contents and know no socket; `Output` is the only way out."
import asyncio, os, sys, warnings
from functools import cached_property

from .contents import error_content
from .compat import comms
from .debugger.requests import Debugger
from .debugger.untraced import untraced
from .features import environment
from .shell import AsyncioRunner, IPKernelApp, ZMQInteractiveShell

environ = dict(TERM="xterm-color", CLICOLOR="1", FORCE_COLOR="1", CLICOLOR_FORCE="1", PAGER="cat", GIT_PAGER="cat")

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
        if ip.history_manager.save_thread: untraced(ip.history_manager.save_thread)  # not the user's

    def boot(self):
        "What IPython does before the first cell"
        if self.reason: return self.stand_in()
        self.app.init_path()
        self.app.init_gui_pylab()
        self.app.init_extensions()
        self.ip.booted = True

    async def startup(self):
        "Run startup files, `exec_lines` and the like"
        if self.reason: return
        try: self.app.init_code()
        except KeyboardInterrupt: self.ip.showtraceback()  # between two of them

    def stand_in(self):
        "Refuse to run code, the user's startup files included"
        from .features.standin import take_over
        take_over(self, self.reason)
        self.ip.booted = True

    # -- execute

    async def execute(self, msg):
        "Run the cell in `msg` and tell how it went"
        cell,ip = msg.cell,self.ip
        self.out.mend()
        sys.displayhook = ip.displayhook
        if cell.is_stored: ip.settle_history(cell.content.get("allow_stdin", True))
        try: res = await self.run(cell, msg["metadata"].get("cellId"))
        except BaseException as e:  # of IPython's own making, as when it stores an exception that has no text
            if not cell.error: ip.showtraceback()
            error = cell.error[0] if cell.error else e
        else: error = res.error_before_exec or res.error_in_exec or cell.failure
        if error is None: reply = dict(status="ok", user_expressions=ip.user_expressions(cell.content.get("user_expressions") or {}))
        else: reply = self.failed(cell, error)
        if cell.store_history: self.save_soon()
        return self.ended(cell, reply)

    def ended(self, cell, reply):
        "`reply` as the whole content of an execute_reply; the record of what failed goes, which would keep the frames of the cell alive."
        cell.error = cell.failure = None
        return dict(reply, execution_count=cell.count, payload=cell.payload)

    async def run(self, cell, cell_id):
        "IPython's result for the code of `cell`; top-level await runs on the loop we are on, unless %autoawait names another."
        ip,code,exc,res = self.ip,cell.code,None,None
        try: cell.transformed = ip.transform_cell(code)
        except Exception:
            cell.transformed = code
            exc = sys.exc_info()
        transformed = dict(transformed_cell=cell.transformed, preprocessing_exc_tuple=exc)
        coro = ip.run_cell_async(code, cell.store_history, cell.silent, cell_id=cell_id, **transformed)
        foreign = ip.loop_runner is not ip.loop_runner_map["asyncio"][0] and ip.should_run_async(code, **transformed)
        try: res = ip.loop_runner(coro) if foreign else await coro
        finally:
            ip.events.trigger("post_execute")
            if not cell.silent: ip.events.trigger("post_run_cell", res)
            self.flush_streams()
        return res

    def flush_streams(self):
        "Let out what streams of the user's buffer; one that cannot be flushed is told and fails no cell"
        try: self.out.flush_others()
        except Exception: self.ip.showtraceback()

    def number(self, cell):
        "Give `cell` its numbers: the next one, which it uses up if it is stored."
        cell.number = self.ip.number(cell.is_stored)
        cell.count = cell.number if cell.is_stored else cell.number-1

    def failed(self, cell, error):
        "Reply content for `error`, with the traceback that was shown; its last line, if somebody shows errors in a way of his own."
        shown,content = cell.error or (None, None)
        if shown is not error:
            from traceback import format_exception_only
            content = error_content(type(error), error, format_exception_only(error))
        return dict(content, status="error", user_expressions={})

    def interrupted(self, cell):
        "Show and return a KeyboardInterrupt that hit before or after the cell's own code."
        error = KeyboardInterrupt()
        self.ip._showtraceback(KeyboardInterrupt, error, ["KeyboardInterrupt\n"])
        return self.ended(cell, self.failed(cell, error))

    def save_soon(self):
        "Write history a second from now, off the path of replies"
        if self.saving or not self.ip.history_manager.save_flag: return
        self.saving = asyncio.get_running_loop().call_later(1, self.save)

    def save(self):
        self.saving = None
        if self.ip.history_manager.save_flag: self.ip.history_manager.save_flag.set()

    def name_cell(self, filename):
        "`Cell In[5]` for the file of a cell, as tracebacks call it; None for another file"
        name = self.ip.compile.format_code_name(filename)
        return name and " ".join(name)

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
