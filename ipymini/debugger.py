"""The debugger: what debugpy answers, what we answer without it, and the files that cells seem to come from.

Touches debugpy, which the first `initialize` imports, and a TCP socket to its adapter process. Read `cell_name`, which every cell pays for, then `Debugger`:
the way of a request, a session, what debugpy answers, what we do; then `Link`, the wire to debugpy, and `Looks`, which tells of values without it."""
import atexit, json, linecache, os, re, reprlib, shutil, socket, sys, tempfile, threading, tokenize, types
from ast import literal_eval
from concurrent.futures import Future
from contextlib import ExitStack
from functools import lru_cache
from itertools import count, islice, zip_longest

folder = os.path.join(tempfile.gettempdir(), f"ipykernel_{os.getpid()}", "")  # numba and joblib look for this beginning of its name
seed,mult,mask = 0xC70F6907,0x5BD1E995,0xFFFFFFFF
patience,glance = 15,.5  # seconds for debugpy to answer, while a user's expression may run; for all the reprs of one look at the namespace
most = 1000              # children of a container, variables
plumbing = """IPython traitlets zmq tornado asyncio decorator comm runpy
    os posixpath genericpath collections.abc contextlib codeop enum signal shutil re tokenize inspect""".split()  # what runs around a cell
passed = set("""threads stackTrace scopes evaluate setVariable setExpression completions pause gotoTargets stepInTargets exceptionInfo setDebuggerProperty
    setFunctionBreakpoints setExceptionBreakpoints continue next stepIn stepOut goto""".split())  # to others debugpy never answers, nor to what comes after
stepping = "next","stepIn","stepOut","goto"
dunder = r"__(name|doc|package|loader|spec|annotations|builtins?|display)__"
hidden = re.compile(rf"_\d+|_i\d*|_ii|_iii|_[ido]h|_|__|___|{dunder}|get_ipython|debugpy|exit|quit|In|Out").fullmatch
groups = "special variables","function variables"
functions,containers = (types.FunctionType, types.BuiltinFunctionType, types.MethodType),(dict, list, tuple, set, frozenset)

def cell_name(code):
    "The file that the cell `code` seems to come from; a frontend computes the same name from the text in its editor"
    return os.environ.get("IPYKERNEL_CELL_NAME") or hashed(code)

@lru_cache(4096)
def hashed(code): return f"{folder}{murmur2(code.encode('utf8', 'surrogatepass'))}.py"

def murmur2(b):
    "MurmurHash2 of `b`, 32 bits"
    n,h = len(b)&~3,seed^len(b)
    for k in memoryview(b)[:n].cast("I"):
        k = k*mult & mask
        h = (h*mult ^ (k^k>>24)*mult) & mask
    if n < len(b): h = (h^int.from_bytes(b[n:], "little"))*mult & mask
    h = (h^h>>13)*mult & mask
    return h^h>>15

class Refused(Exception): "A request that fails, and why"

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
        rules = [*(args.get("rules") or []), dict(path=os.path.dirname(__file__), include=False), *(dict(module=m, include=False) for m in plumbing)]
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

def taken(res):
    "The body of debugpy's response `res`, a future. Raises: Refused"
    try: msg = res.result(patience)
    except TimeoutError: raise Refused(f"no answer from debugpy within {patience} s") from None
    if not msg.get("success"): raise Refused(msg.get("message") or "debugpy gave no reason")
    return msg.get("body")

def listen():
    "Start debugpy's adapter process; the address where that waits. Raises: Refused"
    os.environ.setdefault("PYDEVD_DISABLE_FILE_VALIDATION", "1")        # else it warns of frozen modules
    os.environ.setdefault("PYDEVD_IPYTHON_COMPATIBLE_DEBUGGING", "1")  # each statement of a cell is a frame of its own: a step goes from one to the next
    hook = sys.breakpointhook
    def start():
        import debugpy
        debugpy.configure(subProcess=False)
        return debugpy.listen(("127.0.0.1", 0))
    try: addr = aside(start, 2*patience)  # it has its way with the thread that calls it
    except ImportError as e: raise Refused(f"debugging needs the package debugpy: {e}") from None
    finally: sys.breakpointhook = hook
    return addr

def let_go(pydevd, pydb):
    "End what `listen` has started, in this process and in the adapter's"
    try: pydb.writer.sock.shutdown(socket.SHUT_RDWR)  # closing it is not enough: a thread reads it
    except OSError: pass  # the adapter has ended
    pydb.dispose_and_kill_all_pydevd_threads(wait=False)  # `stoptrace` would wait half a second for them
    pydevd.stoptrace()
    sys.modules["debugpy.server.api"].listen.called = False  # it refuses a second call in a process, as if the first was not over

def hurry(pydevd, pydb):
    "Make debugpy quicker than it is; its internals may change"
    try:
        atexit.unregister(pydevd.stoptrace)  # it takes half a second
        pydb.writer.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # else each of its messages, sent in two parts, waits 40 ms
    except AttributeError: pass

def tune(pydevd):
    "What debugpy does well without, but worse; its internals may change"
    try:
        os.register_at_fork(after_in_child=lambda: part(pydevd))
        cls = sys.modules["_pydev_bundle.pydev_monkey"]._NewThreadStartupWithTrace  # made for each thread that is about to start
        init = cls.__init__
        def forget(*args):  # a finaliser behind the end of a thread leaves a dummy, as which debugpy would know the next thread of that number
            dummies = {n for n,t in list(threading._active.items()) if isinstance(t, threading._DummyThread)}
            for n in dummies-{*sys._current_frames()}: threading._active.pop(n, None)
            init(*args)
        cls.__init__ = forget
    except (AttributeError, KeyError): pass  # or we have no fork

def part(pydevd):
    "Leave a forked child without a debugger: nobody could end a stop there"
    debugger = pydevd.get_global_debugger()
    if debugger: debugger.pydb_disposed = True

def aside(f, seconds):
    "What `f()` returns, on a thread that the debugger leaves alone. Raises: TimeoutError"
    res = Future()
    def run():
        try: res.set_result(f())
        except BaseException as e: res.set_exception(e)
    invisible(threading.Thread(target=run, name="debugger, aside", daemon=True)).start()
    return res.result(seconds)

def invisible(thread):
    "`thread`, which the debugger will neither show nor stop"
    thread.pydev_do_not_trace = thread.is_pydev_daemon_thread = True
    return thread

class Link:
    "A connection to debugpy: requests out, responses to whoever waits for them, events to `on_event`, all in the order in which they come"
    def __init__(self, addr, on_event):
        self.sock = socket.create_connection(addr, patience)
        self.sock.settimeout(None)
        self.file,self.on_event,self.seq,self.waiting,self.lock = self.sock.makefile("rb"),on_event,count(1),{},threading.Lock()
        self.thread = invisible(threading.Thread(target=self.run, name="debugger", daemon=True))
        self.thread.start()

    def send(self, cmd, args):
        "A future for debugpy's response, ours if debugpy is gone"
        n,res = next(self.seq),Future()
        self.waiting[n] = res
        b = json.dumps(dict(seq=n, type="request", command=cmd, arguments=args)).encode()
        try:
            with self.lock: self.sock.sendall(b"Content-Length: %d\r\n\r\n" % len(b) + b)
        except OSError: self.lost()
        return res

    def close(self):
        "Hang up, which debugpy does itself after a disconnect"
        try: self.sock.shutdown(socket.SHUT_RDWR)
        except OSError: pass  # debugpy was faster
        self.sock.close()

    def run(self):
        try:
            while msg := self.read():
                if msg["type"] == "event": self.on_event(msg)
                elif res := self.waiting.pop(msg["request_seq"], None): res.set_result(msg)
        except (OSError, ValueError): pass  # cut off, between or within messages
        finally: self.lost()

    def lost(self):
        while self.waiting: self.waiting.popitem()[1].set_result(dict(success=False, message="the connection to debugpy is gone"))

    def read(self):
        "The next message, None at the end"
        size = 0
        if hasattr(socket, "TCP_QUICKACK"): self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)  # else the second of two events is 40 ms late
        while line := self.file.readline().strip():
            if line.lower().startswith(b"content-length:"): size = int(line[15:])
        return json.loads(self.file.read(size)) if size else None

class Looks:
    "The namespace as a debugger shows it while nothing is stopped; a reference is good until the next look at the top"
    def __init__(self, ip): self.ip,self.seq,self.refs,self.slow = ip,count(1),{},set()

    def top(self):
        "Two groups, then variables"
        self.refs.clear()
        kinds = {g: Group() for g in (*groups, None)}
        for k,o in self.ip.user_ns.copy().items():
            if isinstance(k, str) and not hidden(k): kinds[groups[0] if k[:2] == "__" == k[-2:] else groups[1] if type(o) in functions else None].names[k] = o
        return [self.entry(g, kinds[g]) for g in groups] + self.look(kinds[None], True)

    def look(self, o, top=False):
        "What is in `o`, in DAP's terms, within a glance: of what takes longer the repr is not asked again"
        found,texts = parts(o, most),[]
        def fill():
            for _,v in found: texts.append(bare(v) if id(v) in self.slow else brief(v))
        try: aside(fill, glance)
        except TimeoutError: self.slow.update(id(v) for _,v in found[len(texts):][:1])
        return [self.entry(k, v, type(v).__name__, s or bare(v), k if top else "") for (k,v),s in zip_longest(found, texts[:len(found)])]

    def entry(self, name, o, typ="", text="", expr=""):
        ref = next(self.seq) if parts(o, 1) else 0
        if ref: self.refs[ref] = o
        return dict(name=name, value=text, type=typ, evaluateName=expr, variablesReference=ref)

class Group:
    "Variables that are shown together, `names` to values: not an object's attributes, which cannot have all names that variables have"
    def __init__(self): self.names = {}

def parts(o, most):
    "Names and values of the first so many things that a container holds, or of an object's attributes"
    if type(o) is Group: return list(islice(o.names.items(), most))
    base = next((c for c in containers if issubclass(type(o), c)), None)
    if base is dict: return [(brief(k), v) for k,v in list(islice(dict.items(o), most))]
    if base: return [(str(i), v) for i,v in enumerate(list(islice(base.__iter__(o), most)))]
    try: return list(islice(object.__getattribute__(o, "__dict__").items(), most))
    except (AttributeError, TypeError): return []

def brief(o):
    "Some hundred characters that tell of `o`; `reprlib` would sort all of a large dictionary for them"
    t = type(o)
    try: return short.repr(t(islice(o.items() if t is dict else o, 20)) if t in containers and len(o) > 20 else o)
    except BaseException: return bare(o)  # whatever a user's repr raises

def bare(o): return f"<{type(o).__module__}.{type(o).__qualname__} object>"

short = reprlib.Repr()
short.maxlevel,short.maxstring,short.maxother,short.maxlist,short.maxtuple,short.maxdict,short.maxset,short.maxfrozenset = 3,120,120,12,12,12,12,12
