"""The pod's end: it takes calls, one after the other, on the main thread, and sends back what came of them.

Started by `start`, in any Python from 3.8 on; standard library, and of this folder only what lies beside it. Read
`Child.serve` and downwards. All code of the user's runs below the frame of `user`, where alone a KeyboardInterrupt is
raised. Text is written to file descriptors 1 and 2, pipes that the caller reads: so it is live and in order whoever
writes it, a child process or C code too, and nothing is lost with a pod that dies."""
import builtins, faulthandler, getpass, io, linecache, os, pickle, signal, socket, sys, threading, types
from _signal import getsignal  # that of `signal` makes an enum of it each time
from itertools import count
from queue import SimpleQueue
from .names import refer, resolve
from .values import loads, raw
from .wire import ASK, DROP, HELLO, INTERRUPT, PLAIN, REPLY, SHOW, SYNC, Wire

folder = os.path.dirname(os.path.abspath(__file__))

def user(step, *args):
    "Run code of the user's; the signal handler looks for this frame."
    return step(*args)

def attempt(step, *args):
    "What `step` returned, and the exception that it raised; one of them is None."
    try: return user(step, *args),None
    except BaseException as error: return None,error

class Unknown(Exception):
    "The caller cannot import a class or function of the result, which therefore stays here."

class Child:
    """This process as a pod. `calls` is the wire of calls and replies, of which the main thread alone reads and
    sends. `control` brings interrupts and answers, and takes what user code on any thread shows and asks. `token`:
    what the caller calls this process in handles."""
    def __init__(self, calls, control, token):
        self.calls = calls
        self.control = control
        self.token = token
        self.pid = os.getpid()  # a forked child may not speak
        self.inbox = None  # the frame of the call to run; the only reference to its buffers
        self.running = 0  # number of the call that runs, or 0
        self.interrupted = set()  # numbers of calls that are to be interrupted
        self.late = False  # an interrupt came while a frame was being sent
        self.turn = threading.Lock()  # of `running`: an interrupt must not hit the next call
        self.telling = threading.Lock()  # of `control`: one frame at a time
        self.handler = self.on_interrupt  # one and the same object each time
        self.numbers = count(1)
        self.questions = {}  # number: the SimpleQueue for the answer
        self.held = {}  # id: an object that stays here
        self.known = {}  # (module, name): whether the caller can import it
        self.namespace = new_main()
        self.source = None  # a `Source`, once the caller has named a file of functions
        self.cells = None  # the `Cells` that run whole cells and show displays, once there was one

    # -- calls

    def serve(self):
        "Run calls until the caller closes the wire."
        while self.next():
            if self.inbox.kind == DROP: self.drop()
            else: self.run_call()

    def next(self):
        try: self.inbox = self.calls.receive()
        except (EOFError, OSError): self.inbox = None
        return self.inbox is not None

    def run_call(self):
        """Run the call in `inbox`. Its arguments are gone when the reply is sent, so that the memory in which they
        came can be used again."""
        number = self.inbox.call
        if getsignal(signal.SIGINT) is not self.handler: signal.signal(signal.SIGINT, self.handler)
        with self.turn: self.running = number
        kind,body,buffers = self.outcome()
        with self.turn: self.running = 0
        self.interrupted.discard(number)
        self.inbox = Stream.last = None
        if os.getpid() != self.pid: os._exit(0)  # the user's code forked, and its child came back here
        self.calls.send(kind, number, body, buffers)

    def outcome(self):
        "Kind, body and buffers of a reply."
        done,error = attempt(self.perform)
        if error is None: return done
        done,trouble = attempt(self.describe, error)
        if trouble is None: return done
        if isinstance(trouble, KeyboardInterrupt): return told(("error", pickle.dumps(trouble, 5), "", "", ""))
        return told(("error", None, type(error).__name__, f"(and {type(trouble).__name__} in telling it)", ""))

    def perform(self):
        "Do what the call asks for; a reply."
        if self.running in self.interrupted: raise KeyboardInterrupt
        if self.source: self.source.refresh()
        frame,self.inbox = self.inbox,None
        op,*args = self.loads(frame)
        del frame
        result = operations[op](self, *args)
        if type(result) is types.CoroutineType: result = run_coroutine(result)
        del args
        if self.cells: self.cells.after_call()
        flush_c()
        return self.encode(result)

    def loads(self, frame):
        "What a frame says; names and handles in it are already what they stand for."
        meanings = dict(held=self.find_held, named=self.find_named)
        return loads(frame.body, frame.buffers, meanings)

    def find_held(self, token, id):
        if token != self.token: raise ReferenceError("a handle of another pod, or of this one before its restart")
        return self.held[id]

    def find_named(self, token, holder, path):
        if holder is not None: return refer(holder, path)
        return resolve(self.namespace, path)

    # -- replies

    def encode(self, result):
        "The reply with `result`, or with a handle for it."
        if type(result) in plain_types: return PLAIN,pickle.dumps(result, 5),()
        buffers = []
        stream = io.BytesIO()
        try:
            Encoder(self, stream, buffers.append).dump(("value", result))
            return REPLY,stream.getbuffer(),raw(buffers)
        except Exception as error:  # whatever its own code raises: it cannot be sent
            return self.hold(result, f"{type(error).__name__}: {error}")

    def hold(self, result, reason):
        "Keep `result`; a reply that tells the caller under which id."
        id = next(self.numbers)
        self.held[id] = result
        return told(("held", id, type(result).__name__, short_repr(result), reason))

    def describe(self, error):
        "The reply that tells of an exception."
        text = traceback_text(error)
        error.__traceback__ = None
        name = type(error).__qualname__
        if type(error).__module__ not in ("builtins", "__main__", "pod"): name = f"{type(error).__module__}.{name}"
        return told(("error", self.pickled(error), name, str(error), text))

    def pickled(self, error):
        "A pickle of the exception, or None. SystemExit is none: it would end the caller."
        if isinstance(error, SystemExit): return None
        stream = io.BytesIO()
        try: Encoder(self, stream).dump(error)
        except Exception: return None  # the caller makes a PodError of it
        return stream.getvalue()

    def knows(self, module, name):
        "True if the caller can import `name` of `module`; asked once."
        if module in plain_modules: return True
        key = module,name
        if key not in self.known: self.known[key] = self.ask_caller("knows", module, name)
        return self.known[key]

    # -- frames

    def post(self, kind, number, body):
        "Send a frame of user code's. A KeyboardInterrupt is never raised in here: half a frame would be the last."
        with self.telling: self.control.send(kind, number, body)

    def tell(self, kind, content):
        """Send a frame from user code and wait for the answer: then the caller has all that was written and shown
        before."""
        if os.getpid() != self.pid: return None
        number = next(self.numbers)
        box = self.questions[number] = SimpleQueue()
        try:
            self.post(kind, number, pickle.dumps(content, 5))
            if self.late and threading.get_ident() == threading.main_thread().ident:
                self.late = False
                raise KeyboardInterrupt
            return box.get()
        finally: self.questions.pop(number, None)

    def ask_caller(self, *question): return self.tell(ASK, question)
    def show(self, *content): self.tell(SHOW, content)

    def input(self, prompt=""): return self.ask(prompt, False)
    def getpass(self, prompt="Password: ", stream=None, **kw): return self.ask(prompt, True)

    def ask(self, prompt, password):
        "A line that the user types at the caller's."
        if os.getpid() != self.pid: raise EOFError("input() does not work in a forked process")
        line,error = self.ask_caller("input", str(prompt), password)
        if error: raise getattr(builtins, error[0], RuntimeError)(error[1])
        return line

    def drop(self):
        "Let go of handles that the caller has dropped; if it has been idle for long, of memory, too."
        ids,idle = pickle.loads(self.inbox.body)
        self.inbox = None
        for id in ids: attempt(self.held.pop, id, None)  # a finaliser of the user's may run
        if not idle: return
        self.calls.outgoing.drop()
        self.calls.send(DROP)

    # -- control

    def listen(self):
        "On a thread of its own: heed the control wire; its end is the caller's."
        while True:
            try: frame = self.control.receive()
            except (EOFError, OSError): end_group()
            if frame.kind == INTERRUPT: self.interrupt(frame.call)
            elif frame.call in self.questions: self.questions[frame.call].put(pickle.loads(frame.body))

    def interrupt(self, number):
        "Interrupt the call `number`, now or when its turn comes."
        with self.turn:
            self.interrupted.add(number)
            if self.running == number: wake_main()

    def on_interrupt(self, signum, frame):
        "The handler of SIGINT: KeyboardInterrupt in code of the user's, and nowhere else."
        while frame:
            if frame.f_code is post_code:
                self.late = True
                return
            if frame.f_code is user.__code__: raise KeyboardInterrupt
            frame = frame.f_back

    def after_fork(self):
        "In a forked child: close what is the pod's alone, or the caller would not see the pod's end."
        for wire in (self.calls, self.control): wire.sock.close()

post_code = Child.post.__code__

class Encoder(pickle.Pickler):
    "Pickles a result; raises Unknown where the caller could not read it."
    def __init__(self, child, stream, buffer_callback=None):
        super().__init__(stream, 5, buffer_callback=buffer_callback)
        self.child = child

    def reducer_override(self, value):
        if isinstance(value, (type, types.FunctionType)):
            name = value.__qualname__
            if not self.child.knows(value.__module__, name): raise Unknown(f"{value.__module__}.{name} cannot be imported there")
        return NotImplemented

plain_types = {type(None), bool, int, float, str}  # what the caller can read without a look at classes
plain_modules = {"builtins", "copyreg", "collections", "datetime", "decimal", "pathlib"}

def told(content): return REPLY,pickle.dumps(content, 5),()

# -- what a call can ask for

def call(child, function, args, kwargs):
    if type(function) is str: function = resolve(child.namespace, function)
    return function(*args, **kwargs)

def get(child, value): return value
def set_name(child, path, value): assign(child.namespace, path, value)
def names(child): return sorted(name for name in child.namespace if not name.startswith("_"))

def assign(namespace, path, value):
    holder,_,name = path.rpartition(".")
    if holder: setattr(resolve(namespace, holder), name, value)
    else: namespace[name] = value

def run(child, code):
    "Run statements in the pod's namespace."
    name = f"cell {next(cell_numbers)}"
    keep_source(name, code)
    exec(compile(code, name, "exec"), child.namespace)

def define(child, code, name, line, file):
    """Run the source of a function or class, which begins on `line` of the caller's `file`, so that tracebacks tell
    its real place."""
    code = "\n" * (line - 1) + code
    if not os.path.exists(file): keep_source(file, code)
    exec(compile(code, file, "exec"), child.namespace)

def load(child, path):
    "Take the functions of a file; those that it gets later are there at the next call."
    from .source import Source
    child.source = Source(child, path)
    child.source.refresh()

def run_cell(child, code):
    "Run a cell as a notebook would."
    if not child.cells or not child.cells.whole: make_cells(child, True)
    name = f"cell {next(cell_numbers)}"
    keep_source(name, code)
    child.cells.run(code, name)

def make_cells(child, whole=False):
    from .cells import make_cells
    from .watch import unwatch
    unwatch()
    child.cells = make_cells(child, whole)

operations = dict(call=call, get=get, set=set_name, names=names, run=run, define=define, load=load, cell=run_cell)
cell_numbers = count(1)

def keep_source(name, code): linecache.cache[name] = len(code),None,code.splitlines(True),name

def run_coroutine(coroutine):
    import asyncio
    return asyncio.run(coroutine)

def traceback_text(error):
    "The traceback of an exception and of those before it, without frames of our own."
    from traceback import TracebackException
    whole = each = TracebackException(type(error), error, error.__traceback__)
    while each:
        each.stack[:] = [frame for frame in each.stack if not frame.filename.startswith(folder)]
        each = each.__cause__ or each.__context__
    return "".join(whole.format())

def short_repr(value):
    "The beginning of a repr, whatever that does."
    try: text = repr(value)
    except Exception as error: text = f"{type(value).__name__}, whose repr raises {type(error).__name__}"
    return text if len(text) <= 200 else text[:199] + "…"

def flush_c():
    """Write what C code has printed and the C library still holds. ctypes is not loaded for that: without it and what
    it serves, hardly anything prints in C."""
    ctypes = sys.modules.get("ctypes")
    if ctypes and os.name == "posix": ctypes.pythonapi.fflush(None)

# -- the process

class Stream(io.TextIOWrapper):
    "sys.stdout and sys.stderr: unbuffered. Before one follows the other, the caller has read what that wrote."
    last = None  # the stream that was written to last in this call
    child = None

    def write(self, text):
        if Stream.last is not self: self.begin()
        return super().write(text)

    def begin(self):
        before,Stream.last = Stream.last,self
        if before is not None: self.child.tell(SYNC, None)

def new_stream(fd):
    return Stream(io.FileIO(fd, "w", closefd=False), encoding="utf8", errors="backslashreplace", newline="", write_through=True)

class Stdin(io.TextIOBase):
    "sys.stdin: its lines are asked for, as those of `input`."
    def __init__(self, child): self.child = child
    def readable(self): return True
    def fileno(self): return 0

    def readline(self, size=-1):
        try: return self.child.ask("", False) + "\n"
        except EOFError: return ""

def new_main():
    """The namespace of a fresh `__main__`, which is also known as the module `pod`: files of functions are loaded
    under that name."""
    module = types.ModuleType("__main__")
    sys.modules["_pod.start"] = sys.modules["__main__"]
    sys.modules["__main__"] = sys.modules["pod"] = module
    return module.__dict__

def wake_main():
    if hasattr(signal, "pthread_kill"): signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)
    else:
        import _thread
        _thread.interrupt_main()

def end_group():
    "End this process and its children."
    if hasattr(os, "killpg"): os.killpg(os.getpgrp(), signal.SIGKILL)
    os._exit(1)

def tie(fd):
    """Let Linux kill our process group when the last writer of the pipe `fd` is gone, even while C code holds the
    GIL; elsewhere `listen` sees to it."""
    if sys.platform != "linux": return
    import fcntl
    set_signal = 10  # F_SETSIG, which fcntl does not name
    fcntl.fcntl(fd, fcntl.F_SETOWN, -os.getpgrp())
    fcntl.fcntl(fd, set_signal, signal.SIGKILL)
    fcntl.fcntl(fd, fcntl.F_SETFL, fcntl.fcntl(fd, fcntl.F_GETFL) | os.O_ASYNC)

def enter_environment():
    """Let commands that the pod starts find those of its own environment, and imports what lies in the folder where
    it runs."""
    sys.path.insert(0, "")
    sys.argv[:] = [""]
    if sys.prefix == sys.base_prefix: return
    os.environ["VIRTUAL_ENV"] = sys.prefix
    os.environ["PATH"] = os.path.dirname(sys.executable) + os.pathsep + os.environ.get("PATH", "")

def take_streams(child):
    Stream.child = child
    sys.stdout,sys.stderr,sys.stdin = new_stream(1),new_stream(2),Stdin(child)
    builtins.input = child.input
    getpass.getpass = child.getpass

def main(argv):
    "Be a pod: the arguments are file descriptors, those of the wires first, whether memory is shared, and the token."
    *fds,shared,token = map(int, argv)
    calls,control,life,report = fds
    for fd in fds: os.set_inheritable(fd, False)
    tie(life)
    faulthandler.enable(report, all_threads=False)
    child = Child(Wire(socket.socket(fileno=calls), bool(shared)), Wire(socket.socket(fileno=control)), token)
    signal.signal(signal.SIGINT, child.handler)
    if hasattr(os, "register_at_fork"): os.register_at_fork(after_in_child=child.after_fork)
    enter_environment()
    take_streams(child)
    from .watch import watch
    watch(lambda: make_cells(child))
    threading.Thread(target=child.listen, name="pod control", daemon=True).start()
    hello = os.getpid(),sys.version.split()[0],sys.executable,sys.prefix
    child.calls.send(HELLO, 0, pickle.dumps(hello, 5))
    child.serve()
