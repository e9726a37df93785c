"DAP requests: the way of a request, a session, what debugpy answers, what we answer without it."
import linecache, os, shutil, sys, threading, tokenize
from ast import literal_eval
from contextlib import ExitStack
from itertools import count

from .adapter import hurry, let_go, listen, tune
from .cells import cell_name, folder, seed
from .common import Refused, aside, patience, taken
from .link import Link
from .values import Looks, groups, hidden

plumbing = """IPython traitlets zmq tornado asyncio decorator comm runpy
    os posixpath genericpath collections.abc contextlib codeop enum signal shutil re tokenize inspect""".split()  # what runs around a cell
passed = set("""threads stackTrace scopes evaluate setVariable setExpression completions pause gotoTargets stepInTargets exceptionInfo setDebuggerProperty
    setFunctionBreakpoints setExceptionBreakpoints continue next stepIn stepOut goto""".split())  # to others debugpy never answers, nor to what comes after
stepping = "next","stepIn","stepOut","goto"

class Debugger:
    "Answers debug requests; `ip`: IPython's shell; `stopped`: the threads that are, by their numbers in DAP"
    def __init__(self, ip, publish):
        self.ip,self.publish,self.looks,self.undo,self.seq = ip,publish,Looks(ip),ExitStack(),count(1)
        self.addr,self.link,self.ready,self.stopped,self.breakpoints = None,None,None,frozenset(),{}
        self.pydb = None    # debugpy's object for this session, or for the last one
        self.traces = None  # True where debugpy uses `sys.settrace`, False where `sys.monitoring`; known once it has been imported

    def request(self, msg):
        # on the control thread: the response to the DAP request `msg`
        cmd,args,why,body = msg.get("command"),msg.get("arguments"),None,None
        try: body = self.answer(cmd, args if isinstance(args, dict) else {})
        except Refused as e: why = str(e)
        except KeyError as e: why = f"the arguments lack {e}"
        except Exception as e: why = f"{type(e).__name__}: {e}"  # whatever the arguments lead to, a frontend waits for a DAP response
        res = dict(type="response", request_seq=msg.get("seq"), seq=next(self.seq), success=why is None, command=cmd, body=body or {})
        return res if why is None else dict(res, message=f"{cmd}: {why}", body=self.blank.get(str(cmd), {}))

    def answer(self, cmd, args):
        "Body of the response. Raises: Refused"
        if cmd in self.static: return self.static[cmd](self, args)
        if not self.started: raise Refused("the debugger is not started, send initialize first")
        if cmd in self.handlers: return self.handlers[cmd](self, args)
        if cmd not in passed: raise Refused("unknown request")
        if cmd == "continue" and not self.stopped: return dict(allThreadsContinued=True)
        if cmd in (*stepping, "exceptionInfo") and args.get("threadId") not in self.stopped: raise Refused("the thread is not stopped")
        if cmd not in (*stepping, "continue"): return self.ask(cmd, args)
        before,self.stopped = self.stopped,frozenset()
        try: return self.ask(cmd, args)
        except Refused:
            self.stopped = before
            raise

    def ask(self, cmd, args): return taken(self.link.send(cmd, args))

    # -- a session

    @property
    def started(self): return self.link is not None and self.link.thread.is_alive()

    def initialize(self, args):
        "Start a session; a client that went away without a word loses its own"
        self.disconnect({})
        self.listen()
        self.ready,self.threads,self.link = threading.Event(),set(),Link(self.addr, self.event)
        return self.ask("initialize", args)

    def listen(self):
        "Start debugpy and its adapter for a session. Raises: Refused"
        self.addr = listen()
        pydevd,before = sys.modules["pydevd"],self.pydb
        self.pydb = pydevd.get_global_debugger()
        if before: self.pydb.mtime = before.mtime+1  # what is known of a code object is kept under this number, beyond the session
        else: self.prepare(pydevd)
        hurry(pydevd, self.pydb)

    def prepare(self, pydevd):
        "Do what holds for all sessions"
        self.traces = not getattr(pydevd, "PYDEVD_USE_SYS_MONITORING", False)
        if self.traces: self.ip.events.register("pre_execute", self.trace)
        tune(pydevd)

    def stop_listening(self):
        """Have debugpy stop tracing and let go of its adapter process, which then ends

        The adapter lets in whoever comes, without a token: with no session any local user could run code as ours."""
        if self.addr: aside(lambda: let_go(sys.modules["pydevd"], self.pydb), patience)
        self.addr = None

    def attach(self, args):
        "Attach and configure debugpy, which answers the one only after the other"
        rules = [*(args.get("rules") or []), dict(path=os.path.dirname(os.path.dirname(__file__)), include=False), *(dict(module=m, include=False) for m in plumbing)]
        mine = dict(justMyCode="DebugStdLib" not in (args.get("debugOptions") or []))  # else it is what it was in the last session
        res = self.link.send("attach", mine | args | dict(connect=dict(host=self.addr[0], port=self.addr[1]), rules=rules))
        res.add_done_callback(lambda _: self.ready.set())  # whichever comes first, debugpy being ready or its refusal
        if self.ready.wait(patience) and not res.done(): self.ask("configurationDone", {})
        body = taken(res)
        self.undo.close()
        self.enter(self.ip, sys.modules["debugpy"], sys.modules["pydevd"])
        return body

    def enter(self, ip, debugpy, pydevd):
        "Do what a session changes in this process, and note its undo"
        manager,show = ip.input_transformer_manager,ip.showtraceback
        transforms = manager.cleanup_transforms
        def cleanup(lines):  # keeps blank lines at the top: a frontend counts lines from there
            n,rest = next((i for i,s in enumerate(lines) if not s.isspace()), 0),lines
            for f in transforms: rest = f(rest)
            return rest if rest and rest[0].startswith("%%") else lines[:n]+rest  # a cell magic must be first
        def showtraceback(*args, **kw):  # works through many exceptions to show one: nobody wants to stop at them
            debugpy.trace_this_thread(False)
            try: return show(*args, **kw)
            finally: debugpy.trace_this_thread(True)
        self.change(manager, "cleanup_transforms", [cleanup])
        self.change(ip, "showtraceback", showtraceback)
        self.change(pydevd, "TIMEOUT_SLOW", .02)  # how often a stopped thread looks whether it may go on
        if not os.environ.get("PYTHONBREAKPOINT"): self.change(sys, "breakpointhook", debugpy.breakpoint)
        if self.traces: sys.modules["pydevd_tracing"].set_trace_to_threads(pydevd.get_global_debugger().trace_dispatch)  # `trace` may have ended it

    def change(self, o, name, new):
        self.undo.callback(setattr, o, name, getattr(o, name, None))
        setattr(o, name, new)

    def trace(self):
        # before each cell, unless there is `sys.monitoring`: an interrupt that leaves through the debugger ends tracing, the end of a session does not
        now = sys.gettrace()
        if self.started: now or sys.modules["debugpy"].debug_this_thread()
        elif type(now).__module__.startswith("_pydevd"): sys.settrace(None)

    def disconnect(self, args):
        "End the session, not the process; everything is as it was before"
        try: return self.ask("disconnect", dict(restart=False, terminateDebuggee=False)) if self.started else {}
        finally:
            link,self.link,self.stopped = self.link,None,frozenset()
            if link: link.close()
            for o in (self.breakpoints, self.looks.refs, self.looks.slow): o.clear()
            self.undo.close()
            self.stop_listening()

    def interrupt(self):
        "Let stopped threads go on, into the KeyboardInterrupt that is raised in them; a DAP request would wait for an answer from just those"
        if self.started and (m := sys.modules.get("_pydevd_bundle.pydevd_thread_lifecycle")): m.resume_threads("*")

    def close(self):
        "The end: leave nothing behind, wait for nothing"
        if self.link: self.link.close()
        shutil.rmtree(folder, ignore_errors=True)

    def event(self, msg):
        # on the link's thread: pass an event on, once we know all that a frontend may ask us when it sees it
        typ,body = msg["event"],msg.get("body") or {}
        if typ == "initialized": self.ready.set()
        elif typ == "thread": (self.threads.add if body["reason"] == "started" else self.threads.discard)(body["threadId"])
        elif typ == "stopped": self.stopped |= {body["threadId"]} | (self.threads if body.get("allThreadsStopped") else set())
        elif typ in ("continued", "terminated"): self.stopped = self.stopped-{body["threadId"]} if body.get("allThreadsContinued") is False else frozenset()
        self.publish("debug_event", dict(msg, seq=next(self.seq)))

    # -- what debugpy answers

    def set_breakpoints(self, args):
        "Set them, and remember where debugpy put them; one without a path or a line would make it close the connection"
        path,asked = args["source"]["path"],args.get("breakpoints") or []
        if not path or not all(isinstance(o["line"], int) for o in asked): raise Refused("needs a path and lines")
        body = self.ask("setBreakpoints", args)
        self.breakpoints[path] = [dict(o, line=got.get("line", o["line"])) for o,got in zip(asked, body["breakpoints"])]
        if not asked: del self.breakpoints[path]
        return body

    def variables(self, args):
        "Children of a value: debugpy's while stopped, else ours"
        ref,start,n = args["variablesReference"],args.get("start") or 0,args.get("count") or None
        if not self.stopped and ref not in self.looks.refs: raise Refused(f"there is no reference {ref}")
        if not self.stopped: return dict(variables=self.looks.look(self.looks.refs[ref])[start:][:n])
        body = self.ask("variables", args)
        return dict(body, variables=[v for v in body["variables"] if not hidden(v["name"])])

    def copy_to_globals(self, args):
        "Copy a variable of a frame to the namespace (JEP 93)"
        src,dst = args["srcVariableName"],args["dstVariableName"]
        if not (src.isidentifier() and dst.isidentifier()): raise Refused("both names must be identifiers")
        if not self.stopped: raise Refused("no thread is stopped")
        return self.ask("setExpression", dict(expression=f"globals()[{dst!r}]", value=src, frameId=args["srcFrameId"]))

    def rich_inspect(self, args):
        "A variable's mimebundle, from a frame if one is given"
        name,frame,ns = args["variableName"],args.get("frameId"),self.ip.user_ns
        if name in groups: return self.blank["richInspectVariables"]
        if not name.isidentifier(): raise Refused(f"{name!r} is no identifier")
        if self.stopped and frame is not None:
            expr = f"get_ipython().display_formatter.format({name})"
            data,meta = literal_eval(self.ask("evaluate", dict(expression=expr, context="clipboard", frameId=frame))["result"])
        elif name not in ns: raise Refused(f"there is no {name!r}")
        else: data,meta = aside(lambda: self.ip.display_formatter.format(ns[name]), patience)
        return dict(data=data, metadata={k: v for k,v in meta.items() if k in data})

    def source(self, args):
        "Text of a source file; what is in no file has a number"
        if args.get("sourceReference") and self.started: return self.ask("source", args)
        path = (args.get("source") or {}).get("path") or ""
        try:
            with tokenize.open(path) as f: text = f.read()
        except (OSError, SyntaxError, UnicodeDecodeError): text = "".join(linecache.getlines(path))  # for a cell, what IPython made of it
        if not text: raise Refused("source unavailable")
        return dict(content=text)

    # -- what we answer

    def info(self, args):
        return dict(isStarted=self.started, hashMethod="Murmur2", hashSeed=seed, tmpFilePrefix=folder, tmpFileSuffix=".py", stoppedThreads=sorted(self.stopped),
            breakpoints=[dict(source=path, breakpoints=lines) for path,lines in self.breakpoints.items()],
            richRendering=True, exceptionPaths=["Python Exceptions"], copyToGlobals=True)

    def dump_cell(self, args):
        "Write a cell to its file, unless the environment names a file that is not ours"
        path = cell_name(args["code"])
        if path.startswith(folder):
            os.makedirs(folder, 0o700, exist_ok=True)
            if hasattr(os, "getuid") and os.lstat(folder[:-1]).st_uid != os.getuid(): raise Refused(f"{folder} belongs to another user")
            with open(path, "w", encoding="utf8", errors="surrogatepass", newline="") as f: f.write(args["code"])
        return dict(sourcePath=path)

    def modules(self, args):
        "Modules that come from Python files"
        start,n = args.get("startModule") or 0,args.get("moduleCount") or None
        origins = [(name, getattr(getattr(mod, "__spec__", None), "origin", None)) for name,mod in list(sys.modules.items())]
        found = [(name, path) for name,path in origins if isinstance(path, str) and path.endswith(".py")]
        return dict(modules=[dict(id=i, name=name, path=path) for i,(name,path) in enumerate(found)][start:][:n], totalModules=len(found))

    def inspect(self, args):     return dict(variables=self.looks.top())
    def done(self, args):        "`attach` did it"
    def unsupported(self, args): raise Refused("a kernel is attached to, not launched")

    static = dict(debugInfo=info, inspectVariables=inspect, richInspectVariables=rich_inspect, copyToGlobals=copy_to_globals, modules=modules, source=source,
        dumpCell=dump_cell, variables=variables, initialize=initialize, disconnect=disconnect, terminate=disconnect, launch=unsupported, restart=unsupported)
    handlers = dict(attach=attach, configurationDone=done, setBreakpoints=set_breakpoints)
    blank = dict(stackTrace=dict(stackFrames=[]), richInspectVariables=dict(data={}, metadata={}))  # bodies that a frontend looks into after a failure
