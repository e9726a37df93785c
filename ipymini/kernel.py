"""The protocol: who handles a message, what is answered, in what order; start, stop, signals. Knows neither zmq nor IPython.

Read it as the life of a request: `on_shell` and `on_control` (in), `serve` (busy, handler, reply, idle), the handlers and their table, `publish` (out);
then the life of the kernel: `run`, `load`, `interrupt`, `stop`, `finish`. `Bridge` and `Subshell` are imported while the sockets answer already."""
import atexit, gc, os, signal, sys, threading
from contextlib import contextmanager
from inspect import isawaitable
from socket import socketpair

from .cell import Cell
from .system import crash, log, processes, stacks, usage
from .channels.channel import Channel, Context, Heartbeat
from .channels.connection import ports, read_connection, register, write_connection
from .channels.iopub import IOPub
from .channels.stdin import Stdin
from .contents import Aborted, UnknownSubshellError, failure, info, need, whole
from .parent import parent
from .subshells import Overtaking, comm_types, quick
from .system.clock import clock
from .wire import BadConnection, Msg, Wire, iso

grace = .2      # seconds that a cell has to end before the kernel ends without it
piece = 2**18   # characters in one stream message
ends = [getattr(signal, s) for s in ("SIGTERM", "SIGHUP") if hasattr(signal, s)]
caught = [signal.SIGINT, *(num for num in ends if signal.getsignal(num) != signal.SIG_IGN)]  # nohup ignores SIGHUP: so do we
repeat = getattr(signal, "SIGURG", None) or signal.SIGBREAK  # has the main thread look again at an interrupt that was put off; nobody else sends it
show = getattr(signal, "SIGUSR1", None)  # shows the stacks
second_look = .3  # seconds after a second interrupt when the stacks are shown, if its cell still runs
nudges = .002, .02, .2  # seconds after an interrupt when the main thread is called out of a call that it may have begun just then
switch = .0005  # seconds until a busy thread gives way, see DEVLOG: our threads need the GIL some ten times a message

class Kernel:
    "One kernel process: sockets, subshells and what goes on between them. Raises: BadConnection"
    def __init__(self, file, options):
        self.file,self.options,self.made = os.path.abspath(file),options,not os.path.exists(file)
        cfg = dict(transport="tcp", ip="127.0.0.1", key=os.urandom(16).hex(), signature_scheme="hmac-sha256", **dict.fromkeys(ports, 0)) if self.made \
            else read_connection(file)
        self.cfg,asked = cfg,dict(cfg)
        self.wire = wire = Wire(cfg["key"].encode(), cfg["signature_scheme"])
        self.ctx = Context()
        self.shell = Channel("shell", wire, self.ctx, self.log, self.on_shell, self.died)
        self.control = Channel("control", wire, self.ctx, self.log, self.on_control, self.died)
        self.stdin = Stdin("stdin", wire, self.ctx, self.log, None, self.died)
        self.iopub = IOPub("iopub", wire, self.ctx, self.log, None, self.died)
        self.hb = Heartbeat("hb", wire, Context(), self.log)
        self.channels = [self.iopub, self.control, self.stdin, self.shell]
        for ch in (*self.channels, self.hb): ch.bind(cfg, f"{ch.name}_port")
        if "registration_port" in cfg: register(self.ctx, wire, cfg)
        elif self.made or cfg != asked: write_connection(file, cfg)
        self.overtaking = Overtaking(self)
        self.subs,self.gone,self.main,self.side,self.bridge,self.loaded = {},[],None,None,None,threading.Event()
        self.early,self.hit,self.lock = [],(0, None),threading.Lock()
        self.overdue = False  # True once the next SIGINT has the main thread finish
        self.repeating = False  # True while an interrupt of the main thread is put off
        self.hit_early = None  # the cell that was the first to have arrived when an interrupt came, before `open`
        self.status,self.delay,self.stopping,self.finishing,self.ending = None,0,False,threading.Event(),threading.Lock()
        sockets = [os.path.abspath(f"{cfg['ip']}-{cfg[p]}") for p in ports if cfg["transport"] == "ipc"]  # a cell may change the cwd
        self.files = [self.file, *sockets] if self.made else sockets
        self.crash_report,self.landed = crash.CrashReport(self.file),threading.Lock()
        self.signals = socketpair()
        for s in self.signals: s.setblocking(False)
        self.control.watch(self.signals[0].fileno(), self.on_signals)
        if hasattr(os, "register_at_fork"): processes.part_at_fork([*caught, repeat, *filter(None, [show])], self.on_signal)

    # -- in

    def on_shell(self, msg):
        # on the shell thread
        id = msg["header"].get("subshell_id")
        if None not in self.subs and msg.type != "kernel_info_request": return self.early.append(msg)  # waits for `open`
        sub = self.subs.get(id) if id is None or isinstance(id, str) else None
        if not sub: return now(self.serve(self.shell, None, msg))
        if msg.type in comm_types: return self.overtaking.enqueue_comm(msg, sub)
        beside = msg.type in quick and (sub.msg or sub.q)
        sub.put(msg)
        if beside: self.aside().tell(self.overtaking.overtake, sub)

    def on_control(self, msg): now(self.serve(self.control, None, msg))  # on the control thread

    def aside(self):
        "The subshell that answers what must not wait for a cell; it runs no user code"
        if not self.side:
            from .subshell import Subshell
            self.side = Subshell(self.serve_shell, "aside", traced=False)
            self.side.start()
        return self.side

    # -- serve

    async def serve_shell(self, sub, msg):
        "Serve what came on the shell channel; a message that was overtaken comes with the subshell whose cell still runs"
        msg,slow = msg if isinstance(msg, tuple) else (msg, None)
        try: await self.serve(self.shell, sub, msg)
        finally: self.overtaking.served(sub, msg)
        if slow or sub.msg and sub.msg is not msg and sub is not self.side: self.still_busy(slow or sub)
        elif sub is not self.main and msg.type in comm_types: self.still_busy(self.main)

    async def serve(self, ch, sub, msg):
        "Run the handler for `msg` and send the content it returns on `ch`"
        frames = None
        with self.busy(msg):
            try: res = await self.answer(ch, sub, msg)
            except Exception as e: res = failure(e)
            if res is not None and msg.type.endswith("_request") and not self.status:  # else we end unasked: what was cut off has no result
                try: frames = self.reply(msg, res)
                except Exception as e: frames = self.reply(msg, failure(e))
        if frames: self.send_reply(ch, sub, frames)
        if self.status is not None: threading.Timer(self.delay, self.control.fence, [self.stop]).start()

    def send_reply(self, ch, sub, frames):
        "Send a reply; one that comes of a queue behind all that was published before it, as there are clients that take it for the end of a cell"
        if sub and sub is not self.side: self.iopub.fence(lambda: ch.send(frames))
        else: ch.send(frames)

    async def answer(self, ch, sub, msg):
        f = (self.on_the_control if ch is self.control else self.on_the_shell).get(msg.type)
        if not f: return self.log(f"{ch.name}: nobody handles {msg.type!r}")
        if not sub and ch is self.shell and None in self.subs: raise UnknownSubshellError(msg["header"].get("subshell_id"))
        if ch is self.control: self.loaded.wait(30) if msg.type in needs_bridge else None
        res = f(self, sub, msg)
        return await res if isawaitable(res) else res

    def reply(self, msg, res):
        meta = dict(started=msg.cell.started, status=res["status"]) if msg.cell else None
        return self.wire.pack(msg.type.removesuffix("_request")+"_reply", res, msg, meta, ids=msg.ids)

    @contextmanager
    def busy(self, msg):
        "Whatever is published inside answers `msg`, between its busy and its idle"
        tok = parent.set(msg)
        self.publish("status", dict(execution_state="busy"))
        try: yield
        finally:
            with self.lock:
                msg.ended = True
                self.publish("status", dict(execution_state="idle"))
            parent.reset(tok)

    def still_busy(self, sub):
        "Tell everybody that the cell of `sub` runs on, after the idle of a request that overtook it"
        with self.lock:
            msg = sub.msg
            if msg and not callable(msg) and not msg.ended: self.publish("status", dict(execution_state="busy"), msg)

    # -- handlers: (sub, msg) -> reply content; None sends no reply

    async def execute(self, sub, msg):
        c = msg["content"]
        if self.status is not None: return None  # the kernel ends: a cell behind `exit` is not run, and clients see a kernel that ended
        if sub.aborting: return dict(failure(Aborted("a cell before this one failed")), status="aborted", execution_count=None)
        need(c, code=str)
        cell = msg.cell = Cell(c, iso())
        with self.lock:
            parent.begin(msg)
            self.bridge.number(cell)
        if not cell.silent: self.publish("execute_input", dict(code=cell.code, execution_count=cell.number))
        if cell.is_stored: self.tell_crash()
        self.crash_report.note_cell(c["code"])
        sub.context.run(parent.set, msg)
        try: res = await sub.user(self.bridge.execute(msg))
        except KeyboardInterrupt: res = self.bridge.interrupted(cell)
        if msg.has_output: self.iopub.drain()  # while we do the rest, clients read it, and have it before the reply
        if sub is self.main: self.catch_signals()  # the cell may have taken them
        self.crash_report.note_cell("")
        self.bridge.out.drain()
        if res["status"] == "error" and cell.stops_on_error: self.abort(sub)
        cell.code_ended = True
        self.stdin.answer(lambda q: q.msg is msg, None)
        if self.bridge.exiting: self.leave(dict(status="ok", restart=False), .2)  # a console reads the reply after idle, if we live
        return res

    def tell_crash(self):
        "Say in the first cell that people see what ended the kernel before this one"
        if self.crash_report.before: self.write("stderr", self.crash_report.before)
        self.crash_report.before = ""

    def abort(self, sub):
        "Refuse the execute requests that `sub` has received by now"
        sub.aborting = True
        self.shell.fence(lambda: sub.put(lambda: setattr(sub, "aborting", False)))

    def complete(self, sub, msg):
        c = need(msg["content"], code=str)
        try: return self.bridge.complete(c["code"], whole(c, "cursor_pos"), aside=sub is not self.main)
        except Exception as e:
            self.log(f"completion failed: {e!r}")
            pos = whole(c, "cursor_pos") or 0
            return dict(status="ok", matches=[], cursor_start=pos, cursor_end=pos, metadata={})

    def inspect(self, sub, msg):
        c = need(msg["content"], code=str)
        return self.bridge.inspect(c["code"], whole(c, "cursor_pos"), whole(c, "detail_level") or 0, tuple(c.get("omit_sections") or ()))

    def is_complete(self, sub, msg): return self.bridge.is_complete(need(msg["content"], code=str)["code"])
    def history(self, sub, msg):     return self.bridge.history(msg["content"].get("hist_access_type"), msg["content"])
    def comm_info(self, sub, msg):   return self.bridge.comm_info(msg["content"].get("target_name"))
    def kernel_info(self, sub, msg): return info
    def connect(self, sub, msg):     return dict({p: self.cfg[p] for p in ports}, status="ok")
    def usage(self, sub, msg):       return dict(usage.usage(), status="ok")
    def debug(self, sub, msg):       return self.bridge.debugger.request(msg["content"])
    def refuse(self, sub, msg):      raise ValueError("execute_request belongs on the shell channel; nothing was run")
    def list_subshell(self, sub, msg): return dict(status="ok", subshell_id=[id for id in list(self.subs) if id])

    def comm(self, sub, msg):
        need(msg["content"], comm_id=str)
        msg["content"].setdefault("data", {})
        def callback():
            tok = parent.set(msg)
            try: now(sub.drive(self.bridge.comm(msg)))
            finally: parent.reset(tok)
        try: sub.context.run(int)
        except RuntimeError: sub.context.copy().run(callback)  # a cell that waits in `wait_until` is in it
        else: sub.context.run(callback)
        self.bridge.out.drain()

    def interrupt(self, sub, msg):
        self.landed.acquire(blocking=False)
        processes.interrupt()
        self.landed.acquire(timeout=.1)  # else it could hit a cell that comes after the reply
        return dict(status="ok")

    def shutdown(self, sub, msg): return self.leave(dict(status="ok", restart=bool(msg["content"].get("restart"))))

    def leave(self, res, delay=0):
        "End `delay` seconds after the message being served is answered; `res`: the shutdown_reply that everybody sees"
        self.status,self.delay = 0,delay
        self.publish("shutdown_reply", res)
        return res

    def create_subshell(self, sub, msg):
        __import__("stack_data")  # for tracebacks; two threads that import it at once can find it half there
        from .subshell import Subshell
        id = os.urandom(16).hex()
        self.subs[id] = Subshell(self.serve_shell, id)
        self.subs[id].start()
        return dict(status="ok", subshell_id=id)

    def delete_subshell(self, sub, msg):
        "Answer at once; what is queued gets an error, the cell that runs may end"
        id = need(msg["content"], subshell_id=str)["subshell_id"]
        gone = self.subs.pop(id, None)
        if not gone: raise UnknownSubshellError(id)
        gone.stop()
        self.stdin.answer(lambda q: q.msg["header"].get("subshell_id") == id, KeyboardInterrupt())
        self.gone = [o for o in (*self.gone, gone) if o.msg]
        self.overtaking.bring_home(gone)
        for o in gone.take(lambda queue: [o for o in queue if not callable(o)]): now(self.serve(self.shell, None, o))
        return dict(status="ok")

    shared = dict(kernel_info_request=kernel_info, complete_request=complete, inspect_request=inspect, is_complete_request=is_complete,
        history_request=history, comm_info_request=comm_info, connect_request=connect, interrupt_request=interrupt, shutdown_request=shutdown)
    on_the_shell = dict(shared, execute_request=execute, comm_open=comm, comm_msg=comm, comm_close=comm)
    on_the_control = dict(shared, execute_request=refuse, usage_request=usage, debug_request=debug, create_subshell_request=create_subshell,
        delete_subshell_request=delete_subshell, list_subshell_request=list_subshell)

    # -- out

    def publish(self, type, content, msg=None, metadata=None, buffers=(), topic=None):
        "Send `content` to everybody on behalf of `msg`, by default the request that this runs for; of nobody's, the newest cell"
        topic = topic or self.topic_of(type)
        self.iopub.send(self.wire.pack(type, content, msg or parent.get() or parent.latest, metadata, buffers, [topic]))

    def topic_of(self, type): return topics.get(type) or f"kernel.{self.wire.session}.{type}".encode()

    def output(self, type, content, msg=None, **kw):
        "Publish what user code puts out: unlike ours, it waits while the readers are behind"
        msg = msg or parent.get() or parent.latest
        if msg: msg.has_output = True
        self.publish(type, content, msg, **kw)
        self.iopub.wait_for_room()

    def write(self, name, text, msg=None):
        "Put `text` on the stream `name`"
        if type(name) is not str: name = str.__str__(name)  # else methods of a user's class would run on our threads
        if type(text) is not str: text = str.__str__(text)
        msg = msg or parent.get() or parent.latest
        if msg: msg.has_output = True
        for part in pieces(text) if len(text) > piece else (text,): self.iopub.text(name, msg, part)
        self.iopub.wait_for_room()

    def ask(self, prompt, password):
        msg = parent.get()
        frames = self.wire.pack("input_request", dict(prompt=prompt, password=password), msg, ids=msg.ids)
        return self.stdin.ask(msg, frames)

    def log(self, text): log.log(f"ipymini: {text}\n")

    # -- life

    def run(self):
        "Serve until told to stop"
        sys.setswitchinterval(switch)
        sys.unraisablehook = self.on_unraisable
        self.catch_signals()
        for num in filter(None, (repeat, show)): signal.signal(num, self.on_signal)
        self.watch_launcher()
        # nobody has subscribed yet: who comes within the start is told
        self.iopub.greeting = lambda: self.wire.pack("status", dict(execution_state="starting"), ids=[self.topic_of("status")])
        for ch in (*self.channels, self.hb): ch.start()
        try: self.load()
        except (Exception, SystemExit):  # a setting that IPython refuses, a package that is broken
            from traceback import format_exc
            self.log(f"could not start:\n{format_exc()}")
            self.status = 1
        else: self.main.forever()
        self.finish()

    def catch_signals(self):
        "SIGINT reaches user code here and, like the others, the control thread, which is there when the main thread is stuck"
        signal.set_wakeup_fd(self.signals[1].fileno(), warn_on_full_buffer=False)
        for num in caught:
            if signal.getsignal(num) != self.on_signal: signal.signal(num, self.on_signal)

    def watch_launcher(self):
        "End with the process that started us"
        pid = os.environ.get("JPY_PARENT_PID", "")
        if pid.isdigit() and 1 < int(pid) < 2**31: processes.watch_process(int(pid), self.control, lambda: self.end(1))
        if os.environ.get("IPYMINI_EXIT_ON_STDIN_EOF") == "1":
            fd = os.dup(0)
            self.control.watch(fd, lambda: os.read(fd, 4096) or self.end(1))
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)  # a cell's children must not wait for a line, nor eat the launcher's

    def end(self, status):
        # on the control thread
        self.status = status
        self.stop()

    def load(self):
        "Import and start what runs code; the sockets answer meanwhile"
        from .compat.loops import let_loops_nest
        from .subshell import Subshell
        let_loops_nest()
        self.main = Subshell(self.serve_shell)
        self.main.tid = threading.get_ident()  # startup files run before its loop does
        self.aside()  # before there are cells: one may take all descriptors
        from .compat import names
        from .bridge import Bridge
        from .output import Output
        self.bridge = Bridge(Output(self.output, self.write, self.iopub.flush, self.ask, parent, Msg.of), self.options, self.file, self.main.loop)
        if not (sys.flags.isolated or os.environ.get("PYTHONSAFEPATH")): sys.path.insert(0, "")  # -P of kernel.json was for us
        sys.argv[:] = [""]  # as at Python's prompt: our options are none of an `argparse` in a cell
        names.install(self)
        self.bridge.boot()
        now(self.main.drive(self.bridge.startup()))
        gc.freeze()
        gc.enable()
        self.loaded.set()
        self.shell.fence(self.open)

    def open(self):
        # on the shell thread
        self.iopub.greeting = None
        self.main.doom(self.hit_early)
        self.subs[None] = self.main
        for msg in self.early: self.on_shell(msg)

    def on_signal(self, num, frame):
        # on the main thread, wherever user code or we happen to be
        if num == show: return  # the control thread shows them
        if num == repeat and not self.repeating: return  # it was to end a call that blocks, no more
        self.repeating = False
        if num not in (signal.SIGINT, repeat): return self.on_end(num)
        if None not in self.subs: self.hit_early = next((o for o in self.early if o.type == "execute_request"), None)
        if not self.main: return self.land()
        if self.overdue: return self.finish_here(frame)
        if self.stopping: self.main.put_off = sys.maxsize
        if processes.forking() or self.main.must_wait(frame): return self.later(.001, self.again)
        self.land()
        try: self.main.interrupt(frame)
        except KeyboardInterrupt as e:
            e.__traceback__ = None  # the user's traceback ends where the interrupt hit, not here
            raise

    def land(self):
        "Let an interrupt_request be answered"
        try: self.landed.release()  # a bare lock: all else of `threading` could be interrupted by the next signal, and block it
        except RuntimeError: pass

    def finish_here(self, frame):
        "Finish, unless this thread does already, or is where a lock of ours may be held: the next signal comes soon"
        if not self.ending.locked() and not self.main.delicate(frame): self.finish()

    def on_end(self, num):
        "Have the control thread, which may have lost the wakeup fd to trio, end the kernel; the cell does not go on till that interrupts it"
        self.control.fence(lambda: self.end(128+num))
        if self.main and self.main.msg: clock.sleep(grace)

    def on_unraisable(self, e):
        "Interrupt again where a finaliser or a fork hook swallowed the KeyboardInterrupt"
        if issubclass(e.exc_type, KeyboardInterrupt): self.later(.02, self.again)
        else: sys.__unraisablehook__(e)

    def later(self, seconds, f, *args): self.aside().tell(lambda: self.side.loop.call_later(seconds, f, *args))

    def again(self):
        "Have the main thread's signal handler look again at an interrupt"
        self.repeating = True
        processes.signal_main(repeat)

    def nudge(self):
        "Call the main thread out of a call that blocks; if that is for a child begun since the interrupt, which was put off, it is for the child, too"
        if self.repeating: processes.signal_all(processes.children(), signal.SIGINT)
        processes.signal_main(repeat)

    def on_signals(self):
        # on the control thread
        for num in set(self.signals[0].recv(64)):
            if num == signal.SIGINT: self.interrupted()
            elif num in caught: self.end(128+num)
            elif num == show and signal.getsignal(num) == self.on_signal: self.show_stacks()
            elif num != repeat: self.main.tell(self.main.loop._handle_signal, num)  # which the loop would have read, had we left it the fd

    def interrupted(self):
        "Interrupt all but the main thread, which its signal handler does; the second time within 3 s tell where the cell is stuck"
        for seconds in nudges if self.main else (): self.later(seconds, self.nudge)
        for sub in (*self.subs.values(), *self.gone):
            if sub is not self.main: self.reach(sub)
        self.stdin.answer(lambda q: not self.main or q.tid != self.main.tid, KeyboardInterrupt())
        if self.bridge and self.bridge.dap: self.bridge.dap.interrupt()
        msg = self.main.msg if self.main else None
        when,before = self.hit
        now = clock.monotonic()
        self.hit = now,msg
        if msg and msg is before and now-when < 3 and msg.cell: self.later(second_look, self.tell_stuck, msg)

    def tell_stuck(self, msg):
        "Tell, once, where the cell `msg` is, if it still runs: a program that ends gracefully may raise the signal a second time itself"
        if msg.cell.stacks_shown: return
        text = stacks.stacks("Still running after an interrupt.", self.bridge.name_cell)
        with self.lock:
            if msg.ended: return
            msg.cell.stacks_shown = True
            self.iopub.text("stderr", msg, text)

    def show_stacks(self):
        "Put the stacks into the log, and into the cell that runs"
        text = stacks.stacks("SIGUSR1 came.", self.bridge.name_cell if self.bridge else no_cell)
        self.log(text)
        msg = self.main.msg if self.main else None
        with self.lock:
            if msg and msg.cell and not msg.ended: self.iopub.text("stderr", msg, text)

    def reach(self, sub):
        "Interrupt `sub`, once it has left delicate code"
        frame = sys._current_frames().get(sub.tid)
        if frame and (sub.must_wait(frame) or not sub.interrupt(frame)): self.later(.001, self.reach, sub)

    def stop(self):
        # on the control thread
        if self.stopping: return
        self.stopping = True
        end = threading.Timer(1.5, lambda: (processes.reap(0), os._exit(self.status)))  # whatever hangs below, we go
        end.daemon = True
        end.start()
        processes.signal_all(processes.children(), signal.SIGTERM)
        if self.main:
            self.main.stop()
            if self.main.msg: processes.signal_main()
        if self.finishing.wait(grace): return
        if self.loaded.is_set() and self.finish_there(): return
        self.finish()

    def finish_there(self):
        "Have the main thread finish on top of what it runs, which swallowed the interrupt; False if it does not come to handle signals"
        self.overdue = True
        for _ in range(10):
            processes.signal_main()
            if self.finishing.wait(grace/20): return True
        return False

    def died(self, ch, e):
        # on the thread of `ch`; a kernel that lost a channel only looks alive
        self.log(f"the {ch.name} channel died: {e!r}")
        os._exit(1)

    def finish(self):
        "Run exit functions, let everything out, and go; on the main thread, or, without the exit functions, on the control thread when that hangs"
        if not self.ending.acquire(blocking=False): threading.Event().wait()
        self.finishing.set()
        if threading.current_thread() is threading.main_thread(): atexit._run_exitfuncs()
        elif self.loaded.is_set(): self.log("exit functions were not run: the main thread is in code that does not return")
        if self.bridge and self.bridge.dap: self.bridge.dap.close()
        if self.bridge: self.bridge.out.drain()
        processes.reap()
        for ch in self.channels:  # iopub is the first: replies wait there for the output before them
            ch.stop()
            if ch is not threading.current_thread(): ch.join(.5)
        self.ctx.destroy(200)
        self.crash_report.remove()
        processes.remove(*self.files)
        os._exit(self.status)

def no_cell(filename): "None: before IPython is there no file is a cell's."

def now(coro):
    "Run `coro`, which waits for nothing, to its end"
    try: coro.send(None)
    except StopIteration: pass

def pieces(text):
    "`text` in parts that a frontend can show one by one: cut behind a line if there is one, never inside an escape sequence"
    begin = 0
    while len(text)-begin > piece:
        end = text.rfind("\n", begin, begin+piece)+1
        if not end:
            end = begin+piece
            escape = text.rfind("\x1b", end-32, end)
            if escape > begin: end = escape
        yield text[begin:end]
        begin = end
    if begin < len(text): yield text[begin:]

needs_bridge = {"debug_request", *quick} - {"kernel_info_request"}
topics = dict(display_data=b"display_data", update_display_data=b"display_data", clear_output=b"display_data", debug_event=b"debug_event")

def main(file, options):
    "Run a kernel on the connection file `file`, made if it is missing; ends the process"
    try: kernel = Kernel(file, options)
    except BadConnection as e: sys.exit(f"ipymini: {e}")
    kernel.run()
