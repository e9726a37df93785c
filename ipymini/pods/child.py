"""The pod's end: it takes calls, one after the other, on the main thread, and sends back what came of them.

Started by `start`, in any Python from 3.8 on; standard library, and of this folder only what lies beside it. Read
`Child.serve` and downwards. All code of the user's runs below the frame of `user`, where alone a KeyboardInterrupt is
raised."""
import faulthandler, linecache, os, pickle, signal, sys, threading, types
from _signal import getsignal  # that of `signal` makes an enum of it each time
from itertools import count
from .names import refer, resolve
from .passing import hear_interrupts, interrupt_main, take_ends
from .replies import Replies
from .streams import Stream, flush_c, take_streams
from .talk import Talk
from .values import loads
from .wire import DROP, HELLO, Wire

def user(step, *args):
    "Run code of the user's; the signal handler looks for this frame."
    return step(*args)

def attempt(step, *args):
    "What `step` returned, and the exception that it raised; one of them is None."
    try: return user(step, *args),None
    except BaseException as error: return None,error

class Child:
    """This process as a pod. `calls` is the wire of calls and replies, of which the main thread alone reads and sends.
    `control`: see `Talk`. `token`: what the caller calls this process in handles."""
    def __init__(self, calls, control, token):
        self.calls = calls
        self.token = token
        self.inbox = None  # the frame of the call to run; the only reference to its buffers
        self.running = 0  # number of the call that runs, or 0
        self.interrupted = set()  # numbers of calls that are to be interrupted
        self.turn = threading.Lock()  # of `running`: an interrupt must not hit the next call
        self.handler = self.on_interrupt  # one and the same object each time
        self.talk = Talk(control, self.interrupt)
        self.replies = Replies(self.talk)
        self.namespace = new_main()
        self.source = None  # a `Source`, once the caller has named a file of functions
        self.cells = None  # what runs whole cells and shows displays, once there was one

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
        """Run the call in `inbox`. Its arguments are gone when the reply is sent, so that the memory in which they came can be
        used again."""
        number = self.inbox.call
        if getsignal(signal.SIGINT) is not self.handler: signal.signal(signal.SIGINT, self.handler)
        with self.turn: self.running = number
        kind,body,buffers = self.outcome()
        with self.turn: self.running = 0
        self.interrupted.discard(number)
        self.inbox = Stream.last = None
        if os.getpid() != self.talk.pid: os._exit(0)  # the user's code forked, and its child came back here
        self.calls.send(kind, number, body, buffers)

    def outcome(self):
        "Kind, body and buffers of the reply."
        done,error = attempt(self.perform)
        if error is None: return done
        done,trouble = attempt(self.replies.error, error)
        return done if trouble is None else self.replies.trouble(error, trouble)

    def perform(self):
        "Do what the call asks for; the reply."
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
        return self.replies.value(result)

    def loads(self, frame):
        "What a frame says; names and handles in it are already what they stand for."
        meanings = dict(held=self.find_held, named=self.find_named)
        return loads(frame.body, frame.buffers, meanings)

    def find_held(self, token, id):
        if token != self.token: raise ReferenceError("a handle of another pod, or of this one before its restart")
        return self.replies.held[id]

    def find_named(self, token, holder, path):
        if holder is not None: return refer(holder, path)
        return resolve(self.namespace, path)

    def drop(self):
        "Let go of handles that the caller has dropped; if it has been idle for long, of memory, too."
        ids,idle = pickle.loads(self.inbox.body)
        self.inbox = None
        for id in ids: attempt(self.replies.held.pop, id, None)  # a finaliser of the user's may run
        if not idle: return
        self.calls.outgoing.drop()
        self.calls.send(DROP)

    # -- interrupts

    def interrupt(self, number):
        "Interrupt the call `number`, now or when its turn comes; on the thread of `Talk.listen`."
        with self.turn:
            self.interrupted.add(number)
            if self.running == number: interrupt_main()

    def on_interrupt(self, signum, frame):
        "The handler of SIGINT: KeyboardInterrupt in code of the user's, and nowhere else."
        while frame:
            if frame.f_code is Talk.post.__code__:
                self.talk.late = True
                return
            if frame.f_code is user.__code__: raise KeyboardInterrupt
            frame = frame.f_back

    def after_fork(self):
        "In a forked child: close what is the pod's alone, or the caller would not see the pod's end."
        for wire in (self.calls, self.talk.control): wire.sock.close()

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

# -- the process

def new_main():
    "The namespace of a fresh `__main__`, which is also known as the module `pod`: files of functions are loaded under that name."
    module = types.ModuleType("__main__")
    sys.modules["_pod.start"] = sys.modules["__main__"]
    sys.modules["__main__"] = sys.modules["pod"] = module
    return module.__dict__

def enter_environment():
    "Let commands that the pod starts find those of its own environment, and imports what lies in the folder where it runs."
    sys.path.insert(0, "")
    sys.argv[:] = [""]
    if sys.prefix == sys.base_prefix: return
    os.environ["VIRTUAL_ENV"] = sys.prefix
    os.environ["PATH"] = os.path.dirname(sys.executable) + os.pathsep + os.environ.get("PATH", "")

def main(argv):
    "Be a pod: the arguments are what `take_ends` makes its ends of, whether memory is shared, and the token."
    *numbers,shared,token = map(int, argv)
    calls,control,report = take_ends(numbers)
    faulthandler.enable(report, all_threads=False)
    child = Child(Wire(calls, bool(shared)), Wire(control), token)
    signal.signal(signal.SIGINT, child.handler)
    hear_interrupts()
    if hasattr(os, "register_at_fork"): os.register_at_fork(after_in_child=child.after_fork)
    enter_environment()
    take_streams(child.talk)
    from .watch import watch
    watch(lambda: make_cells(child))
    threading.Thread(target=child.talk.listen, name="pod control", daemon=True).start()
    hello = os.getpid(),sys.version.split()[0],sys.executable,sys.prefix
    child.calls.send(HELLO, 0, pickle.dumps(hello, 5))
    child.serve()
