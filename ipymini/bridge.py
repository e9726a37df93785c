"""The door to IPython: how a cell runs, what it replies, the other requests. Knows no socket.

Methods return contents of replies; whatever is shown on the way goes out through `Output`. Read `execute` first."""
import os, sys, warnings
from copy import copy
from functools import cached_property

from .contents import error_content
from .compat import comms
from .debugger.untraced import untraced
from .features import environment
from .history import HistoryWriter, find_history
from .shell import AsyncioRunner, IPKernelApp, ZMQInteractiveShell

environ = dict(TERM="xterm-color", CLICOLOR="1", FORCE_COLOR="1", CLICOLOR_FORCE="1", PAGER="cat", GIT_PAGER="cat")
no_comms = "There are no comms: a module called comm hides the package of this name.\n"

class Bridge:
    """An IPython shell behind contents of messages.

    `options`: traits by `Class.trait`, and some options of IPython's command line."""
    def __init__(self, out, options, file, loop):
        self.out = out
        self.parent = out.parent
        self.loop = loop      # the main one
        self.counter = 1      # the next cell's number
        self.exiting = False  # True once a cell has asked the kernel to end
        self.on_typing = lambda: None  # called when somebody is seen to type; `lifecycle` puts its own there
        self.reason = options.get("stand-in")  # why this kernel only stands in for another, or None
        os.environ.update(environ)
        if not self.reason: environment.enter()
        self.app = IPKernelApp.instance(connection_file=file)
        self.app.configure(options)
        out.start(self.app.capture_fd_output)
        self.ip = make_shell(self)
        self.history_writer = HistoryWriter(self.ip)

    def boot(self):
        """What IPython does before the first cell.

        A kernel that stands in for another refuses code instead."""
        if self.reason:
            from .features.standin import take_over
            take_over(self, self.reason)
        else:
            self.app.init_path()
            self.app.init_gui_pylab()
            self.app.init_extensions()
        self.ip.booted = True

    async def startup(self):
        "Run startup files, `exec_lines` and the like; none in a kernel that stands in for another."
        if self.reason: return
        try: self.app.init_code()
        except KeyboardInterrupt: self.ip.showtraceback()  # between two of them

    # -- execute

    async def execute(self, msg):
        "Run the cell of `msg`; how it ended, as its execute_reply tells it."
        cell = msg.cell
        self.out.mend()
        sys.displayhook = self.ip.displayhook
        writer = self.history_writer
        if cell.is_stored and not writer.is_settled: writer.settle(attended=msg["content"].get("allow_stdin", True))
        try: result = await self.run(cell, cell_id=msg["metadata"].get("cellId"))
        except BaseException as e: error = self.unfinished(cell, e)
        else: error = result.error_before_exec or result.error_in_exec or cell.failure
        if cell.is_stored: writer.save_soon()
        if error is not None: return self.failed(cell, error)
        return dict(status="ok", user_expressions=self.ip.user_expressions(msg["content"].get("user_expressions") or {}))

    async def run(self, cell, cell_id):
        "IPython's result for `cell`; top-level await runs on the loop we are on, unless %autoawait names another."
        ip = self.ip
        result = None
        error = None  # of an input transformer of the user's
        cell.transformed = cell.code
        try: cell.transformed = ip.transform_cell(cell.code)
        except Exception: error = sys.exc_info()
        transformed = dict(transformed_cell=cell.transformed, preprocessing_exc_tuple=error)
        running = ip.run_cell_async(cell.code, cell.is_stored, cell.silent, cell_id=cell_id, **transformed)
        is_ours = ip.loop_runner is ip.loop_runner_map["asyncio"][0]
        needs_loop = not is_ours and ip.should_run_async(cell.code, **transformed)
        try: result = ip.loop_runner(running) if needs_loop else await running
        finally:
            ip.events.trigger("post_execute")
            if not cell.silent: ip.events.trigger("post_run_cell", result)
            try: self.out.flush_others()
            except Exception: ip.showtraceback()  # a stream of the user's that cannot be flushed fails no cell
        return result

    def unfinished(self, cell, error):
        "What fails `cell` where `error` came out of IPython itself, as when it stores an exception that has no text."
        if not cell.error: self.ip.showtraceback()
        return cell.error[0] if cell.error else error

    def failed(self, cell, error):
        "The content of a reply for `error`, with the traceback that was shown; if it was not shown by us, with its last line."
        shown,content = cell.error or (None, None)
        if shown is not error:
            from traceback import format_exception_only
            content = error_content(type(error), error, format_exception_only(error))
        return dict(content, status="error", user_expressions={})

    def interrupted(self, cell):
        "Show a KeyboardInterrupt that hit before or after the cell's own code; how the cell ended."
        error = KeyboardInterrupt()
        self.ip._showtraceback(KeyboardInterrupt, error, ["KeyboardInterrupt\n"])
        return self.failed(cell, error)

    def name_cell(self, filename):
        "`Cell In[5]` for the file of a cell, as tracebacks call it; None for another file."
        name = self.ip.compile.format_code_name(filename)
        return name and " ".join(name)

    # -- the other requests

    def complete(self, code, pos, aside=False):
        """Completions at `pos`, in code points.

        With `aside` the user's code may run meanwhile, on another thread, so they come from a copy of the namespace."""
        self.on_typing()
        pos = len(code) if pos is None else max(0, min(pos, len(code)))
        completer = completer_aside(self.ip) if aside else self.ip.Completer
        return completions(completer, code, pos)

    def inspect(self, code, pos, detail=0, omit=()):
        "What is known of the name at `pos`."
        self.on_typing()
        from IPython.utils.tokenutil import token_at_cursor
        name = token_at_cursor(code, len(code) if pos is None else pos)
        try: data = self.ip.object_inspect_mime(name, detail_level=detail, omit_sections=omit)
        except KeyError: return dict(status="ok", found=False, data={}, metadata={})
        if not self.ip.enable_html_pager: data.pop("text/html", None)
        return dict(status="ok", found=True, data=data, metadata={})

    def is_complete(self, code):
        "Whether `code` can run, or what the next line is indented by."
        status,indent = self.ip.input_transformer_manager.check_complete(code)
        reply = dict(status=status)
        if status == "incomplete": reply["indent"] = " "*(indent or 0)
        return reply

    def history(self, kind, content):
        "Rows of history; `kind`: tail, range or search."
        return dict(status="ok", history=find_history(self.ip.history_manager, kind, content))

    def comm_info(self, target):
        "The comms that are open, of `target` if one is named."
        found = {id: comm.target_name for id,comm in list(comms.held().items())}
        named = {id: dict(target_name=name) for id,name in found.items() if target in (None, "", name)}
        return dict(status="ok", comms=named)

    async def comm(self, msg):
        "Hand a comm message to its comm; a callback's Exception is shown by the `comm` package's log, on stderr."
        manager = comms.manager()
        if not manager: return self.out.write("stderr", no_comms)
        try: getattr(manager, msg.type)(None, msg.ids, msg)
        except comms.TooManyComms as e: self.out.write("stderr", f"The comm was not opened: {e}\n")
        except BaseException: self.ip.showtraceback()  # the `comm` package leaves all but an Exception to us

    @cached_property
    def debugger(self):
        "Made, and loaded, when somebody asks for it."
        from .debugger.requests import Debugger
        return Debugger(self.ip, self.out.publish)

    dap = property(lambda self: vars(self).get("debugger"))  # if there is one yet

def make_shell(bridge):
    "IPython's shell behind `bridge`, for cells of several threads that overlap."
    app = bridge.app
    ip = app.shell = ZMQInteractiveShell.instance(parent=app, profile_dir=app.profile_dir, bridge=bridge)
    ip.display_pub.out = ip.displayhook.out = bridge.out
    ip.loop_runner = AsyncioRunner()  # for cells that a cell runs: %%capture, %run of a notebook
    ip.loop_runner_map["asyncio"] = ip.loop_runner,True
    ip.builtin_trap.__enter__()  # once for all
    ip.display_trap.__enter__()
    if ip.history_manager.save_thread: untraced(ip.history_manager.save_thread)  # not the user's
    return ip

def completer_aside(ip):
    "A completer of `ip` that has a copy of the namespace."
    completer = copy(ip.Completer)
    completer.namespace = completer.global_namespace = dict(ip.user_ns)
    return completer

def completions(completer, code, pos):
    "The content of a complete_reply with what IPython's `completer` finds at `pos`."
    from IPython.core.completer import ProvisionalCompleterWarning, rectify_completions
    first = [entry[:3:2] for entry in warnings.filters[:1]]  # action and category
    if first != [("ignore", ProvisionalCompleterWarning)]: warnings.simplefilter("ignore", ProvisionalCompleterWarning)
    found = list(rectify_completions(code, completer.completions(code, pos)))  # all for the same span of `code`
    start,end = (found[0].start, found[0].end) if found else (pos, pos)
    matches = [match.text for match in found]
    wanted = os.environ.get("IPYMINI_EXPERIMENTAL_COMPLETIONS") != "0"
    metadata = dict(_jupyter_types_experimental=[typed(match) for match in found]) if wanted else {}
    return dict(status="ok", matches=matches, cursor_start=start, cursor_end=end, metadata=metadata)

def typed(match):
    "A match as frontends that show types take it."
    return dict(start=match.start, end=match.end, text=match.text, type=match.type, signature=match.signature)
