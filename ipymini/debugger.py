"""The debugger: what we answer ourselves, what debugpy answers, and the files that cells seem to come from.

Touches debugpy, which the first `initialize` imports, and one TCP socket to its adapter. Is handed `publish(type, content)` for events. Read `cell_name`, which
every cell pays for, then `Debugger.request`: the way of one request of the debug adapter protocol (DAP); then a session from `initialize` to `end`, the requests
that debugpy answers, and those that never need it; last `Link`, the wire to debugpy, and `Looks`, which tells of values without a debugger."""
import json, linecache, os, re, socket, sys, tempfile, threading
from ast import literal_eval
from collections import deque
from concurrent.futures import FIRST_COMPLETED, Future, wait
from contextlib import ExitStack
from functools import lru_cache
from itertools import count, islice, zip_longest
from types import BuiltinFunctionType, FunctionType, MemberDescriptorType, MethodType

folder = os.path.join(tempfile.gettempdir(), f"ipykernel_{os.getpid()}", "")  # numba and joblib look for this beginning of its name
seed,mult,mask = 0xC70F6907,0x5BD1E995,0xFFFFFFFF
patience,glance = 15,.5  # seconds for debugpy to answer, during which a user's repr or expression may run; for all the reprs of one look at the namespace
room,most = 120,300      # characters of a value, children of a container
environ = dict(PYDEVD_DISABLE_FILE_VALIDATION="1",  # else it warns of frozen modules
    PYDEVD_IPYTHON_COMPATIBLE_DEBUGGING="1")        # each statement of a cell is a frame of its own, and a step goes from one to the next
plumbing = "IPython traitlets zmq tornado asyncio decorator comm runpy os posixpath genericpath collections.abc enum signal shutil re tokenize inspect".split()  # what runs around a cell on its thread
hidden = re.compile(r"_\d+|_i\d*|_ii|_iii|_[ido]h|_|__|___|__(name|doc|package|loader|spec|annotations|builtins?|display)__|get_ipython|debugpy|exit|quit|In|Out").fullmatch
resuming = "continue","next","stepIn","stepOut","goto"
groups = "special variables","function variables"


def cell_name(code):
    "The file that the cell `code` seems to come from; frontends compute the same name from the text in their editor"
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


class Refused(Exception):
    "A request that fails: why, and the body of the response"
    def __init__(self, why, body=None): self.why,self.body = why,body or {}


class Debugger:
    "Answers debug requests; `ip`: IPython's shell; `stopped`: DAP ids of the threads that are"
    def __init__(self, ip, publish):
        self.ip,self.publish,self.looks,self.undo = ip,publish,Looks(ip),ExitStack()
        self.seq,self.addr,self.link,self.ready,self.stopped,self.set = count(1),None,None,None,frozenset(),{}

    def request(self, msg):
        "The response to the DAP request `msg`"
        cmd,args,why,body = msg.get("command"),msg.get("arguments"),None,{}
        try:
            if not isinstance(cmd, str): raise Refused("a request needs a command")
            body = self.answer(cmd, args if isinstance(args, dict) else {})
        except Refused as e: why,body = f"{cmd}: {e.why}",e.body
        except KeyError as e: why = f"{cmd}: the arguments lack {e}"
        except Exception as e: why = f"{cmd}: {type(e).__name__}: {e}"  # whatever the arguments lead to, a frontend waits for a DAP response
        res = dict(type="response", request_seq=msg.get("seq"), seq=next(self.seq), success=why is None, command=cmd, body=body or {})
        return res if why is None else dict(res, message=why)

    def answer(self, cmd, args):
        "Body of the response. Raises: Refused"
        if cmd in self.static: return self.static[cmd](self, args)
        if not self.started: raise Refused("the debugger is not started, send initialize first", dict(stackFrames=[]) if cmd == "stackTrace" else None)
        if cmd in resuming and cmd != "continue" and args.get("threadId") not in self.stopped: raise Refused("the thread is not stopped")
        return self.handlers[cmd](self, args) if cmd in self.handlers else self.ask(cmd, args)

    def ask(self, cmd, args, seconds=patience):
        "Body of debugpy's response. Raises: Refused"
        return taken(self.link.send(cmd, args, self.resumed if cmd in resuming else None), seconds)

    # -- a session

    @property
    def started(self): return self.link is not None and self.link.is_alive()

    def initialize(self, args):
        "Start a session; a client that went away without a word loses its own"
        self.disconnect({})
        folder_made()
        self.addr = self.addr or listen()
        self.ready,self.link = Future(),Link(self.addr, self.event)
        self.link.start()
        self.looks.slow.clear()
        invisible(getattr(self.ip.history_manager, "save_thread", None) or threading.current_thread())
        try: return self.ask("initialize", args)
        except Refused:
            self.end()
            raise

    def attach(self, args):
        "Attach and configure debugpy, which answers the one only after the other"
        rules = [*args.get("rules", []), dict(path=os.path.dirname(__file__), include=False), *(dict(module=m, include=False) for m in plumbing)]
        res = self.link.send("attach", dict(args, connect=dict(host=self.addr[0], port=self.addr[1]), rules=rules))
        wait([res, self.ready], patience, FIRST_COMPLETED)
        if self.ready.done(): self.ask("configurationDone", {})
        body = taken(res, patience if self.ready.done() else 0)
        self.enter()
        return body

    def enter(self):
        "What a session changes in this process, with its undo"
        import debugpy
        dbg,manager,events = sys.modules["pydevd"],self.ip.input_transformer_manager,self.ip.events
        dbg.get_global_debugger().writer.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # its two writes a message cost 40 ms otherwise
        dbg.TIMEOUT_SLOW = .02  # how often a stopped thread looks whether it may go on
        self.undo.callback(setattr, dbg, "TIMEOUT_SLOW", .2)
        self.undo.callback(setattr, manager, "cleanup_transforms", manager.cleanup_transforms)
        manager.cleanup_transforms = [keeping_leading(manager.cleanup_transforms)]
        self.ip.showtraceback = untraced(self.ip.showtraceback, debugpy.trace_this_thread)
        self.undo.callback(delattr, self.ip, "showtraceback")
        if not os.environ.get("PYTHONBREAKPOINT"):
            self.undo.callback(setattr, sys, "breakpointhook", sys.breakpointhook)
            sys.breakpointhook = debugpy.breakpoint
        if not dbg.PYDEVD_USE_SYS_MONITORING:
            def trace(): return sys.gettrace() or debugpy.debug_this_thread()  # an interrupt that leaves through the debugger ends tracing
            events.register("pre_execute", trace)
            self.undo.callback(events.unregister, "pre_execute", trace)

    def disconnect(self, args):
        "End the session, not the process"
        try: return self.ask("disconnect", dict(restart=False, terminateDebuggee=False), 5) if self.started else {}
        finally: self.end()

    def end(self):
        "Everything as it was before the session"
        link,self.link,self.stopped = self.link,None,frozenset()
        if link: link.close()
        self.set.clear()
        self.undo.close()

    def interrupt(self):
        """Let stopped threads go on, into the KeyboardInterrupt that has been raised or injected in them

        Not by a DAP request, which is answered by the thread that goes on, if it gets there: another one would wait for ever behind it."""
        if not self.started: return
        from _pydevd_bundle.pydevd_thread_lifecycle import resume_threads
        resume_threads("*")

    def close(self):
        "The end: leave nothing behind, wait for nothing"
        if self.link: self.link.close()
        if os.path.isdir(folder):
            import shutil
            shutil.rmtree(folder, ignore_errors=True)

    def event(self, link, msg):
        # on the link's thread: pass an event on, once we know all that a frontend may ask us when it sees it
        typ,body = msg.get("event"),msg.get("body") or {}
        if typ == "initialized": self.ready.set_result(None)
        elif typ == "stopped": self.stopped = self.halted(link, body)
        elif typ == "continued": self.stopped = frozenset() if body.get("allThreadsContinued", True) else self.stopped-{body.get("threadId")}
        elif typ == "terminated": self.stopped = frozenset()
        self.publish("debug_event", dict(msg, seq=next(self.seq)))

    def halted(self, link, body):
        "The threads that a `stopped` event is about"
        one = {body.get("threadId")}
        if not body.get("allThreadsStopped"): return self.stopped|one
        return frozenset(t["id"] for t in (link.ask_inside("threads").get("body") or {}).get("threads", []))|one

    def resumed(self, res):
        # on the link's thread, which sees the next stop after this
        if res.result().get("success"): self.stopped = frozenset()

    # -- what debugpy answers

    def go_on(self, args): return self.ask("continue", args) if self.stopped else dict(allThreadsContinued=True)  # else it never answers

    def set_breakpoints(self, args):
        "Set them, and remember where debugpy put them"
        body,path,asked = self.ask("setBreakpoints", args),args["source"]["path"],args.get("breakpoints") or []
        if asked: self.set[path] = "setBreakpoints",dict(args, breakpoints=[dict(o, line=got.get("line", o["line"])) for o,got in zip(asked, body["breakpoints"])])
        else: self.set.pop(path, None)
        return body

    def set_exceptions(self, args): return self.remember("setExceptionBreakpoints", args)
    def set_functions(self, args):  return self.remember("setFunctionBreakpoints", args)

    def remember(self, cmd, args):
        self.set[cmd] = cmd,args
        return self.ask(cmd, args)

    def variables(self, args):
        "Children of a value: debugpy's while stopped, else ours"
        if not self.stopped: return self.looks.children(args)
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
        name,frame,none = args["variableName"],args.get("frameId"),dict(data={}, metadata={})
        if name in groups: return none
        if not name.isidentifier(): raise Refused(f"{name!r} is no identifier", none)
        if self.stopped and frame is not None:
            expr = f"get_ipython().display_formatter.format({name})"
            data,meta = literal_eval(self.ask("evaluate", dict(expression=expr, context="clipboard", frameId=frame))["result"])
        elif name not in self.ip.user_ns: raise Refused(f"there is no {name!r}", none)
        else: data,meta = aside(lambda: self.ip.display_formatter.format(self.ip.user_ns[name]), patience)
        return dict(data=data, metadata={k: v for k,v in meta.items() if k in data})

    # -- what we answer

    def info(self, args):
        found = [dict(source=path, breakpoints=a["breakpoints"]) for path,(cmd,a) in self.set.items() if cmd == "setBreakpoints"]
        return dict(isStarted=self.started, hashMethod="Murmur2", hashSeed=seed, tmpFilePrefix=folder, tmpFileSuffix=".py", breakpoints=found,
            stoppedThreads=sorted(self.stopped), richRendering=True, exceptionPaths=["Python Exceptions"], copyToGlobals=True)

    def dump_cell(self, args):
        "Write a cell to its file, unless the environment names a file that is not ours"
        path = cell_name(args["code"])
        if path.startswith(folder_made()):
            with open(path, "w", encoding="utf8", errors="surrogatepass", newline="") as f: f.write(args["code"])
        return dict(sourcePath=path)

    def source(self, args):
        "Text of a source file"
        ref,path = args.get("sourceReference"),(args.get("source") or {}).get("path") or ""
        if ref and self.started: return self.ask("source", args)
        linecache.checkcache(path)
        lines = linecache.getlines(path)
        if not lines: raise Refused("source unavailable")
        return dict(content="".join(lines))

    def modules(self, args):
        "Modules that come from Python files"
        found,start,n = [],args.get("startModule") or 0,args.get("moduleCount") or None
        for name,mod in list(sys.modules.items()):
            origin = getattr(getattr(mod, "__spec__", None), "origin", None)
            if isinstance(origin, str) and origin.endswith(".py"): found.append(dict(id=len(found), name=name, path=origin))
        return dict(modules=found[start:][:n], totalModules=len(found))

    def inspect(self, args): return self.looks.names()
    def done(self, args): "`attach` did it"
    def unsupported(self, args): raise Refused("a kernel is attached to, it can be neither launched nor restarted")

    static = dict(debugInfo=info, inspectVariables=inspect, richInspectVariables=rich_inspect, copyToGlobals=copy_to_globals, modules=modules, source=source,
        dumpCell=dump_cell, variables=variables, initialize=initialize, disconnect=disconnect, terminate=disconnect, launch=unsupported, restart=unsupported)
    handlers = {"attach": attach, "configurationDone": done, "continue": go_on, "setBreakpoints": set_breakpoints, "setExceptionBreakpoints": set_exceptions,
        "setFunctionBreakpoints": set_functions}


def taken(res, seconds):
    "The body of debugpy's response `res`, a future. Raises: Refused"
    try: msg = res.result(seconds)
    except TimeoutError: raise Refused(f"no answer from debugpy within {seconds or patience} s") from None
    if not msg.get("success"): raise Refused(msg.get("message") or "debugpy gave no reason", msg.get("body"))
    return msg.get("body")


def listen():
    "Start debugpy's adapter process; the address where it waits. Raises: Refused"
    for k,v in environ.items(): os.environ.setdefault(k, v)
    hook = sys.breakpointhook
    def start():
        import debugpy
        debugpy.configure(subProcess=False)
        return debugpy.listen(("127.0.0.1", 0))
    try: return aside(start, 2*patience)  # it has its way with the thread that calls it
    except ImportError as e: raise Refused(f"debugging needs the package debugpy: {e}") from None
    finally: sys.breakpointhook = hook


def keeping_leading(transforms):
    "What `transforms` do, except that blank lines at the top of a cell stay: a frontend counts lines from there"
    def cleanup(lines):
        n = next((i for i,s in enumerate(lines) if not s.isspace()), 0)
        blank,rest = lines[:n],lines
        for f in transforms: rest = f(rest)
        return rest if rest and rest[0].startswith("%%") else blank+rest  # a cell magic must be first
    return cleanup


def untraced(f, trace):
    "`f`, which works through many exceptions to show one: nobody wants to stop at them"
    def g(*args, **kw):
        trace(False)
        try: return f(*args, **kw)
        finally: trace(True)
    return g


def folder_made():
    "The folder of cell files, ours alone. Raises: Refused"
    try: os.mkdir(folder, 0o700)
    except FileExistsError:
        if hasattr(os, "getuid") and os.lstat(folder[:-1]).st_uid != os.getuid(): raise Refused(f"{folder} belongs to another user") from None
    return folder


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
        self.file,self.on_event,self.seq,self.waiting,self.held,self.lock = self.sock.makefile("rb"),on_event,count(1),{},deque(),threading.Lock()
        thread = invisible(threading.Thread(target=self.run, name="debugger", daemon=True))
        self.start,self.is_alive = thread.start,thread.is_alive

    def send(self, cmd, args, then=None):
        "A future for debugpy's response, ours if debugpy is gone; `then` is called with it, before anything that follows it is handled"
        n,res = next(self.seq),Future()
        if then: res.add_done_callback(then)
        self.waiting[n] = res
        b = json.dumps(dict(seq=n, type="request", command=cmd, arguments=args)).encode()
        try:
            with self.lock: self.sock.sendall(b"Content-Length: %d\r\n\r\n" % len(b) + b)
        except OSError: self.lost()
        return res

    def close(self):
        try: self.sock.shutdown(socket.SHUT_RDWR)
        except OSError: pass  # debugpy was faster
        self.sock.close()

    def run(self):
        try:
            while msg := self.held.popleft() if self.held else self.read(): self.handle(msg)
        except (OSError, ValueError): pass  # cut off, between or within messages
        self.lost()

    def lost(self):
        while self.waiting: self.waiting.popitem()[1].set_result(dict(success=False, message="the connection to debugpy is gone"))

    def read(self):
        "The next message, None at the end"
        size = 0
        if hasattr(socket, "TCP_QUICKACK"): self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)  # else the second of two events is 40 ms late
        while line := self.file.readline().strip():
            name,_,value = line.partition(b":")
            if name.lower() == b"content-length": size = int(value)
        return json.loads(self.file.read(size)) if size else None

    def handle(self, msg):
        if msg.get("type") == "event": self.on_event(self, msg)
        elif res := self.waiting.pop(msg.get("request_seq"), None): res.set_result(msg)

    def ask_inside(self, cmd):
        "The response to a request of an event's handler; what comes before it is handled after the event"
        res = self.send(cmd, {})
        while not res.done() and (msg := self.read()):
            if msg.get("type") == "response" and self.waiting.get(msg.get("request_seq")) is res: self.handle(msg)
            else: self.held.append(msg)
        return res.result() if res.done() else {}


class Looks:
    "The namespace as a debugger shows it while nothing is stopped; a reference stands for a path of names, so that it keeps no object alive"
    def __init__(self, ip): self.ip,self.refs,self.paths,self.slow = ip,{},[()],set()

    def names(self):
        top = [dict(name=g, value="", type="", evaluateName="", variablesReference=self.ref((g,))) for g in groups]
        return dict(variables=top + self.look(("",)))

    def children(self, args):
        ref,start = args.get("variablesReference"),args.get("start") or 0
        if not isinstance(ref, int) or not 0 < ref < len(self.paths): raise Refused(f"there is no reference {ref}")
        return dict(variables=self.look(self.paths[ref], start, args.get("count") or None))

    def ref(self, path):
        "The number that stands for `path`"
        if path not in self.refs:
            self.refs[path] = len(self.paths)
            self.paths.append(path)
        return self.refs[path]

    def look(self, path, start=0, n=None):
        "What is at `path`, in DAP's terms, within a glance: a class whose repr takes longer is not asked again"
        found,texts,asked = [],[],[]
        def enter(t):
            if t not in self.slow: return not asked.append(t)
        def fill():
            found.extend(self.items(path, enter)[start:][:n])
            for _,o,_ in found: texts.append(brief(o, enter))
        try: aside(fill, glance)
        except TimeoutError: self.slow.update(asked[-1:])
        told = zip_longest(found[:], texts[:len(found)])
        return [dict(name=k, value=s or bare(o), type=type(o).__name__, evaluateName=expr, variablesReference=self.ref((*path, k)) if any(parts(o)) else 0)
            for (k,o,expr),s in told]

    def items(self, path, enter):
        "Name, value and expression of all that is at `path`. Raises: Refused"
        if len(path) == 1: return [(k, o, k) for k,o in self.ip.user_ns.copy().items() if kind(k, o) == path[0] and not hidden(k)]
        for k,o,expr in self.items(path[:-1], enter):
            if k == path[-1]: return [(k, o, expr and suffix and expr+suffix) for k,o,suffix in parts(o, enter)]
        raise Refused(f"{path[-1]} is gone")


def kind(name, o):
    "The group that a name is shown in"
    if name.startswith("__") and name.endswith("__"): return groups[0]
    return groups[1] if type(o) in functions else ""


def parts(o, enter=None):
    "Name, value and suffix of an expression for all that a container holds, or an object's attributes; runs no user code but reprs of keys"
    t = type(o)
    if issubclass(t, dict):
        for k,v in list(islice(dict.items(o), most)): yield brief(k, enter), v, f"[{k!r}]" if type(k) in plain else ""
    elif base := next((c for c in containers if issubclass(t, c)), None):
        for i,v in enumerate(list(islice(base.__iter__(o), most))): yield str(i), v, f"[{i}]" if base in (list, tuple) else ""
    elif t not in plain: yield from ((k, v, f".{k}") for k,v in attributes(o)[:most] if not k.startswith("__"))


def attributes(o):
    "Names and values of what `o` has in slots and its dictionary"
    found = []
    for k,d in [kd for c in type(o).__mro__ for kd in vars(c).items() if type(kd[1]) is MemberDescriptorType]:
        try: found.append((k, d.__get__(o)))
        except AttributeError: pass  # not set
    try: return found + list(object.__getattribute__(o, "__dict__").items())
    except (AttributeError, TypeError): return found


def brief(o, enter, depth=3):
    "About `room` characters that tell of `o`; what is of no plain type is asked for its repr if `enter` says so"
    t = type(o)
    try:
        if t in (str, bytes): return repr(o) if len(o) <= room else repr(o[:room]) + "..."
        if t is not dict and t not in containers: return cut(repr(o)) if t in plain or enter and enter(t) else bare(o)
        if not o: return repr(o)
        if not depth: return bare(o)
        some = list(islice(o.items() if t is dict else o, 12))
        texts = [": ".join(brief(x, enter, depth-1) for x in (kv if t is dict else (kv,))) for kv in some]
    except BaseException: return bare(o)  # whatever a user's repr raises
    left,right = ("[", "]") if t is list else ("(", ")") if t is tuple else ("{", "}") if t in (dict, set) else (f"{t.__name__}([", "])")
    return left + cut(", ".join(texts) + ("," if t is tuple and len(o) == 1 else ", ..." if len(o) > len(some) else "")) + right


def cut(s): return s if len(s) <= room else s[:room] + "..."
def bare(o): return f"<{type(o).__module__}.{type(o).__qualname__} object>"

plain,containers = {bool, int, float, complex, str, bytes, range, type(None), type(...)},(list, tuple, set, frozenset, deque)
functions = FunctionType,BuiltinFunctionType,MethodType
