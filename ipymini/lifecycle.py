"""How a kernel begins and ends: sockets first, then IPython, then `run_forever` on the main thread; the watch on the launcher; the end.

Read `Lifecycle.run` for the beginning, `end` and `stop` for the end, `finish` for its last steps; `Ending` is what is known of it."""
import atexit, gc, os, signal, sys, threading
from contextvars import Context
from functools import lru_cache

from .channels.connection import BadConnection, Connection
from .channels.journal import Journal
from .channels.sockets import Sockets
from .kernel import Kernel, run_now
from .parent import parent
from .signals import Signals, grace
from .subshells import when_idle
from .system import crash, files, processes
from .system.log import log
from .wire import Msg, UnknownScheme, Wire, delim

switch = .0005  # seconds until a busy thread gives way, see docs/decisions.md: our threads need the GIL some ten times a message
greeting = """this kernel waits for clients. Its connection file is {file}
To connect:  jupyter console --existing {file}
To end it:   press Ctrl-C twice"""
idleness = 2  # seconds without a request, after which what completion needs is loaded for who has begun to type
patience = 1.5  # seconds that the end may take, whatever hangs

class Ending:
    "The end of the kernel: whether it is decided, by whom, and how far it has come."
    def __init__(self, begin):
        self.begin = begin                 # a function: begins the end, on any thread
        self.is_decided = False
        self.status = None                 # the exit status, once the end is decided
        self.is_forced = False             # True if no request asked for it: what it cuts off gets no reply, as if the kernel had died
        self.delay = 0                     # seconds between the reply to who asked for it and the end
        self.is_stopping = False           # True once what runs has been told to stop
        self.is_overdue = False            # True once the main thread, which did not stop, is to finish on top of what it runs
        self.has_finisher = threading.Event()  # set when a thread has begun to finish; `stop` waits for it
        self.finisher = threading.Lock()   # held for ever by the one thread that finishes

    def decide(self, status, delay=0):
        "End with the exit `status`; one that is not 0 nobody asked for by a request."
        self.status = status
        self.delay = delay
        self.is_forced = bool(status)
        self.is_decided = True

    def begin_soon(self):
        "Begin the end, as the request that asked for it is answered."
        threading.Timer(self.delay, self.begin).start()

class Lifecycle:
    "One kernel process, on the connection file `file`. Raises: BadConnection, UnknownScheme."
    def __init__(self, file, options, on_terminal=False):
        self.options = options
        self.on_terminal = on_terminal  # True if a person has started it there
        connection = Connection(file)
        wire = Wire(connection.settings["key"].encode(), connection.settings["signature_scheme"])
        self.sockets = Sockets(wire, log, self.on_death)
        self.sockets.bind(connection)
        self.ending = Ending(lambda: self.sockets.control.fence(self.stop))
        self.kernel = Kernel(connection, self.sockets, self.ending)
        self.sockets.iopub.journal = make_journal(connection.path)
        self.kernel.crash_report = crash.CrashReport(connection.path)
        self.kernel.signals = self.signals = Signals(self.kernel, self)

    # -- the beginning

    def run(self):
        "Serve until told to stop."
        sys.setswitchinterval(switch)
        self.job = processes.tie_children()
        self.signals.start()
        self.watch_launcher()
        self.sockets.iopub.greeting = self.kernel.greeting  # nobody has subscribed yet
        self.sockets.start(self.kernel.on_shell, self.kernel.on_control)
        if self.on_terminal: log(greeting.format(file=self.kernel.connection.path))
        try: self.load()
        except (Exception, SystemExit) as e:  # a setting that IPython refuses, a package that is broken
            if is_out_of_threads(e): raise  # `main` says so in a line
            from traceback import format_exc
            log(f"could not start:\n{format_exc()}")
            self.ending.decide(1)
        else: self.kernel.subshells.main.forever()
        self.finish()

    def watch_launcher(self):
        "End with the process that started us, or with whoever holds the other end of stdin; on Windows hear its interrupts, too."
        control = self.sockets.control
        def end(): self.end(1)
        processes.watch_launcher(os.environ.get("JPY_PARENT_PID", ""), control, end)
        processes.watch_interrupts(os.environ.get("JPY_INTERRUPT_EVENT", ""), self.signals.interrupt_all)
        if os.environ.get("IPYMINI_EXIT_ON_STDIN_EOF") == "1": processes.watch_input(os.dup(0), control, end)
        nothing = os.open(os.devnull, os.O_RDONLY)
        os.dup2(nothing, 0)  # a cell's children must not wait for a line, nor eat the launcher's
        os.close(nothing)

    def load(self):
        "Import and start what runs code; the sockets answer meanwhile."
        subshells,kernel = self.kernel.subshells,self.kernel
        from .compat.loops import let_loops_nest, let_us_hear_signals  # imports asyncio, without what TLS needs
        let_loops_nest()
        let_us_hear_signals()
        main = subshells.make_main()
        processes.stay_awake()
        main.tid = threading.get_ident()  # startup files run before its loop does
        subshells.start_side()
        kernel.bridge = self.make_bridge(main.loop)
        if not (sys.flags.isolated or os.environ.get("PYTHONSAFEPATH")): sys.path.insert(0, "")  # -P of kernel.json was for us
        sys.argv[:] = [""]  # as at Python's prompt: our options are none of an `argparse` in a cell
        from .compat import comms, names
        subshells.comm_of = comms.comm_of
        names.install(kernel)
        run = main.user_code.context.run  # cells find what extensions and startup files set, as numpy's options
        run(kernel.bridge.boot)
        run(run_now, main.user_code.drive(kernel.bridge.startup()))
        gc.freeze()
        gc.enable()
        kernel.loaded.set()
        self.sockets.shell.fence(self.open)

    def make_bridge(self, loop):
        "IPython, with its ways out."
        from .light_ipython import import_ipython
        import_ipython()
        from .bridge import Bridge
        from .output import Output
        kernel = self.kernel
        output = Output(kernel.output, kernel.write, kernel.iopub.flush, kernel.ask, parent, Msg.of)
        return Bridge(output, self.options, kernel.connection.path, loop)

    def open(self):
        "Let cells run. On the shell thread."
        self.sockets.iopub.greeting = None
        self.kernel.subshells.main.user_code.doom(self.signals.early_target)
        if not self.kernel.bridge.reason: self.kernel.bridge.on_typing = lru_cache(self.warm_up)  # once
        for msg in self.kernel.subshells.open(): self.kernel.on_shell(msg)

    def warm_up(self):
        "Load what completion needs, once the kernel is idle. On any thread."
        Context().run(when_idle, self.kernel.subshells, idleness, self.kernel.bridge.ip.warm_up)  # for no request

    # -- the end

    def end(self, status):
        "End without being asked by a request. On the control thread."
        self.ending.decide(status)
        self.stop()

    def stop(self):
        "Have everything that runs stop, and finish. On the control thread."
        if self.ending.is_stopping: return
        self.ending.is_stopping = True
        self.kill_if_late()
        self.signals.interrupt_subshells()  # first: beside their loops each system call of the look for children waits for the GIL
        processes.signal_all(processes.children(), signal.SIGTERM)
        main = self.kernel.subshells.main
        if main:
            main.stop()
            if main.msg: processes.signal_main()
        if self.ending.has_finisher.wait(grace): return
        if self.kernel.loaded.is_set() and self.finish_there(): return
        self.finish()

    def kill_if_late(self):
        "Go within `patience`, whatever hangs."
        def kill():
            processes.reap(0)
            os._exit(self.ending.status)
        timer = threading.Timer(patience, kill)
        timer.daemon = True
        timer.start()

    def finish_there(self):
        "Have the main thread finish on top of what it runs, which swallowed the interrupt; False if it does not come to handle signals."
        self.ending.is_overdue = True
        for _ in range(10):
            processes.signal_main()
            if self.ending.has_finisher.wait(grace/20): return True
        return False

    def finish_here(self, frame):
        "Finish, unless this thread does already, or is where a lock of ours may be held: the next signal comes soon. In a signal handler."
        if not self.ending.finisher.locked() and not self.kernel.subshells.main.user_code.is_delicate(frame): self.finish()

    def finish(self):
        """Run exit functions, let everything out, and go. On the main thread.

        On the control thread, and without the exit functions, if the main thread hangs."""
        if not self.ending.finisher.acquire(blocking=False): threading.Event().wait()
        self.ending.has_finisher.set()
        if threading.current_thread() is threading.main_thread(): atexit._run_exitfuncs()
        elif self.kernel.loaded.is_set(): log("exit functions were not run: the main thread is in code that does not return")
        bridge = self.kernel.bridge
        if bridge and bridge.dap: bridge.dap.close()
        if bridge: bridge.out.catch_up()
        processes.reap()
        self.sockets.close()
        self.kernel.crash_report.remove()
        files.remove(*self.kernel.connection.files)
        if self.sockets.iopub.journal: self.sockets.iopub.journal.remove()
        os._exit(self.ending.status)

    def on_death(self, channel, error):
        "A kernel that lost a channel only looks alive. On the thread of `channel`."
        log(f"the {channel.name} channel died: {error!r}")
        os._exit(1)

def make_journal(path):
    "The journal beside the connection file `path`; None if IPYMINI_JOURNAL_MB, its size, is 0."
    size = os.environ.get("IPYMINI_JOURNAL_MB", "")
    megabytes = int(size) if size.isdigit() else 64
    folder,name = os.path.split(path)
    hidden = os.path.join(folder, f".{name}.journal")  # jupyter_client finds connection files by part of a name
    return Journal(hidden, megabytes*10**6, delim, log) if megabytes else None

def is_out_of_threads(error): return isinstance(error, RuntimeError) and "start new thread" in str(error)

def main(file, options, on_terminal=False):
    "Run a kernel on the connection file `file`, made if it is missing; ends the process."
    try: Lifecycle(file, options, on_terminal).run()
    except (BadConnection, UnknownScheme) as e: sys.exit(f"ipymini: {e}")
    except RuntimeError as e:
        if not is_out_of_threads(e): raise
        log(f"{e}: the limit of processes (ulimit -u) is too low for a kernel, which has about ten threads")
        os._exit(1)  # the threads that did start would be waited for
