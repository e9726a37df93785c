"""A session of the debugger: from initialize, which starts debugpy, by attach to disconnect.

Read `initialize`, `attach` and `disconnect`, then `pass_on`, the way of most requests, then `on_event`. All runs on the
thread for debug requests, but `on_event` on the link's, `interrupt` on the control thread, and `keep_tracing` on those
that run cells."""
import sys, threading

from .backend import Backend
from .changes import Changes
from .link import Link, Refused
from ..system.stacks import package

stepping = {"next", "stepIn", "stepOut", "goto"}
resuming = {"continue", *stepping}
needs_stop = {"exceptionInfo", *stepping}
for_all = {"continue", "pause"}  # threads stop and go on together

# what runs around a cell: debugpy does not stop there
plumbing = """IPython traitlets zmq tornado asyncio decorator comm runpy
    os posixpath genericpath collections.abc contextlib codeop enum signal shutil re tokenize inspect""".split()

class Session:
    "The one session that there may be; `publish(event)` tells frontends."
    def __init__(self, ip, publish):
        self.ip = ip
        self.publish = publish
        self.backend = Backend()
        self.changes = Changes()
        self.link = None       # to debugpy; None without a session
        self.threads = set()   # by their numbers in DAP
        self.stopped = frozenset()  # those that are stopped
        self.breakpoints = {}  # lists by path, as debugpy has set them

    @property
    def is_open(self): return self.link is not None and self.link.thread.is_alive()

    def initialize(self, args):
        "Start a session; debugpy's capabilities."
        is_first = not self.backend.debugger
        sock = self.backend.connect()
        if is_first and self.backend.uses_settrace: self.ip.events.register("pre_execute", self.keep_tracing)
        self.threads = set()
        self.link = Link(sock, self.on_event)
        try: return self.link.ask("initialize", args)
        except Refused:
            self.end()
            raise

    def attach(self, args):
        "Attach and configure debugpy."
        body = self.link.ask("attach", self.attach_arguments(args))
        self.link.ask("configurationDone", {})
        self.changes.leave()
        self.changes.enter(self.ip)
        if self.backend.uses_settrace: self.trace_all()
        return body

    def attach_arguments(self, args):
        "The client's, with rules that keep debugpy out of us and of what runs around a cell. Raises: Refused."
        options = args.get("debugOptions") or []
        if not isinstance(options, list): raise Refused("debugOptions must be a list")
        ours = dict(path=package, include=False)
        around = [dict(module=name, include=False) for name in plumbing]
        rules = [*(args.get("rules") or []), ours, *around]
        # told each time: else it is what it was in the last session
        just_my_code = "DebugStdLib" not in options
        return dict(justMyCode=just_my_code) | args | dict(rules=rules)

    def trace_all(self):
        "Have all threads traced again: `keep_tracing` may have ended it."
        debugger = sys.modules["pydevd"].get_global_debugger()
        # by itself debugpy would also find threads of its own that are just ending, and show them as the user's
        idents = [thread.ident for thread in threading.enumerate() if not getattr(thread, "pydev_do_not_trace", False)]
        sys.modules["pydevd_tracing"].set_trace_to_threads(debugger.trace_dispatch, idents, create_dummy_thread=False)

    def keep_tracing(self):
        """Before each cell, where `sys.settrace` is used: trace it in a session, and only there.

        An interrupt that leaves through the debugger ends tracing, the end of a session does not."""
        now = sys.gettrace()
        if self.is_open:
            if not now: sys.modules["debugpy"].debug_this_thread()
        elif type(now).__module__.startswith("_pydevd"): sys.settrace(None)

    def disconnect(self):
        "End the session, not the process: everything is as it was before."
        if not self.is_open: return self.end()
        try: return self.link.ask("disconnect", dict(restart=False, terminateDebuggee=False))
        finally:
            self.end()
            self.publish(dict(type="event", event="terminated"))

    def end(self):
        "Leave nothing of the session."
        self.hang_up()
        self.link = None
        self.stopped = frozenset()
        self.breakpoints.clear()
        self.changes.leave()
        self.backend.let_go()

    def hang_up(self):
        "Close the connection to debugpy."
        if self.link: self.link.close()

    def interrupt(self):
        """Let stopped threads go on, into the KeyboardInterrupt that is raised in them.

        A DAP request would wait for an answer from just those."""
        lifecycle = sys.modules.get("_pydevd_bundle.pydevd_thread_lifecycle")
        if lifecycle and self.is_open: lifecycle.resume_threads("*")

    # -- requests that debugpy answers

    def pass_on(self, command, args):
        "The body of debugpy's response. Raises: Refused where debugpy would not answer."
        if command == "continue" and not self.stopped: return dict(allThreadsContinued=True)
        if command in needs_stop and args.get("threadId") not in self.stopped: raise Refused("the thread is not stopped")
        if command in for_all: args = dict(args, threadId="*")
        return self.resume(command, args) if command in resuming else self.link.ask(command, args)

    def resume(self, command, args):
        "Let threads go on; the event that they have may come before the response."
        before = self.stopped
        self.stopped = frozenset()
        try: return self.link.ask(command, args)
        except Refused:
            self.stopped = before
            raise

    def set_breakpoints(self, args):
        "Set them, and remember where debugpy put them; one without path or line would make it close the connection."
        path = args["source"]["path"]
        asked = args.get("breakpoints") or []
        if not path or not all(isinstance(each["line"], int) for each in asked): raise Refused("needs a path and lines")
        body = self.link.ask("setBreakpoints", args)
        lines = [got.get("line", each["line"]) for each,got in zip(asked, body["breakpoints"])]
        self.breakpoints[path] = [dict(each, line=line) for each,line in zip(asked, lines)]
        if not asked: del self.breakpoints[path]
        return body

    # -- events of debugpy

    def on_event(self, event):
        "Pass an event on, once we know all that a frontend may ask us when it sees it. On the link's thread."
        kind = event["event"]
        body = event.get("body") or {}
        if kind == "thread": self.on_thread(body)
        elif kind == "stopped": self.on_stopped(body)
        elif kind in ("continued", "terminated"): self.on_continued(body)
        self.publish(event)

    def on_thread(self, body):
        "A thread has begun or ended."
        if body["reason"] == "started": self.threads.add(body["threadId"])
        else: self.threads.discard(body["threadId"])

    def on_stopped(self, body):
        "A thread, or all of them, has stopped."
        others = self.threads if body.get("allThreadsStopped") else set()
        self.stopped |= {body["threadId"]} | others

    def on_continued(self, body):
        "A thread, or all of them, goes on, or the session has ended."
        if body.get("allThreadsContinued") is False: self.stopped -= {body["threadId"]}
        else: self.stopped = frozenset()
