"""The protocol: who handles a message, what is answered, in what order.

Knows neither zmq nor IPython, nor how the kernel begins and ends. Read it as the life of a request: `Kernel.on_shell` and
`on_control` (in), `serve` (busy, handler, reply, idle), `publish` (out); then the handlers, functions that take the kernel,
the subshell and the message and return the content of the reply, and the tables that name them. To add a message type: one
function, one row, one test. `Bridge` is imported while the sockets answer already, by `lifecycle`."""
import os, threading
from functools import cached_property, partial
from types import CoroutineType

from .cell import Cell
from .channels.connection import ports
from .contents import aborted_reply, error_reply, integer, kernel_info, require
from .parent import parent
from .subshells import Subshells, quick
from .system.clock import clock
from .system.log import log
from .system.packages import import_package
from .system.usage import usage
from .wire import iso, solid

reading_time = .0007  # seconds in which a client written in Python reads the messages of a short cell

class Kernel:
    "What a kernel answers on its `sockets`; `ending`, `signals` and `crash_report` come from `lifecycle`."
    def __init__(self, connection, sockets, ending):
        self.connection = connection
        self.sockets = sockets
        self.iopub = sockets.iopub
        self.wire = sockets.wire
        self.topics = Topics(self.wire.session)
        self.ending = ending
        self.subshells = Subshells(partial(self.serve, sockets.shell))
        self.bridge = None                   # IPython, once it is loaded
        self.loaded = threading.Event()      # control waits for it with requests that need IPython
        self.status_lock = threading.Lock()  # between a look whether a request has ended and what is published of it
        self.signals = None
        self.crash_report = None

    shell_handlers   = property(lambda self: shell_handlers)    # for libraries that look for them
    control_handlers = property(lambda self: control_handlers)

    # -- in

    def on_shell(self, msg):
        "Take what came on the shell channel to its subshell. On the shell thread."
        self.hear(msg)
        if not self.subshells.route(msg): run_now(self.serve(self.sockets.shell, None, msg))

    def on_control(self, msg):
        "Serve what came on the control channel at once; a debug request on a thread of its own. On the control thread."
        self.hear(msg)
        if msg.type == "debug_request": self.debug_thread.enqueue(msg)
        else: self.serve_control(msg)

    def serve_control(self, msg):
        "Serve what came on the control channel."
        run_now(self.serve(self.sockets.control, None, msg))

    @cached_property
    def debug_thread(self):
        "Made when the first debug request comes: debugpy may hang, and interrupts and the end must not wait for it."
        from .debugger.thread import DebugThread
        return DebugThread(self.serve_control)

    def hear(self, msg):
        "Note in the journal that the session of `msg` is there."
        journal,session = self.iopub.journal,msg["header"].get("session")
        if journal and isinstance(session, str): journal.hear(session, iso())

    # -- serve

    async def serve(self, channel, subshell, msg):
        "Run the handler for `msg` between busy and idle, and send the content that it returns on `channel`."
        send_reply = None
        token = parent.set(msg)  # whatever is published from now on answers `msg`
        self.publish("status", dict(execution_state="busy"))
        try:
            try:
                content = self.answer(channel, subshell, msg)
                if isinstance(content, CoroutineType): content = await content
            except BaseException as e: content = error_reply(e)  # code of the user's that is asked for something may raise anything
            replies = content is not None and msg.type.endswith("_request")
            if replies and not self.ending.is_forced:  # what was cut off has no result
                send_reply = partial(send_behind_output, channel, msg, self.pack_reply(msg, content))
        finally:
            self.tell_idle(msg, token, send_reply)
            running = self.subshells.served(subshell, msg)
        if running: self.still_busy(running)
        if self.ending.is_decided: self.ending.begin_soon()

    def answer(self, channel, subshell, msg):
        "The content of the reply to `msg`, or a coroutine for it; None if it gets none."
        on_control = channel is self.sockets.control
        handler = (control_handlers if on_control else shell_handlers).get(msg.type)
        if not handler: return log(f"{channel.name}: nobody handles {msg.type!r}")
        if not (subshell or on_control): self.subshells.check_named(msg)
        if on_control and msg.type in needs_bridge: self.loaded.wait(30)
        return handler(self, subshell, msg)

    def pack_reply(self, msg, content):
        "Frames of the reply to `msg`; of an error reply if `content` has no JSON form."
        metadata = dict(started=msg.cell.started, status=content["status"]) if msg.cell else None
        kind = msg.type.removesuffix("_request") + "_reply"
        try: return self.wire.pack(kind, content, msg, metadata, ids=msg.ids)
        except Exception as e: return self.wire.pack(kind, error_reply(e), msg, metadata, ids=msg.ids)

    def tell_idle(self, msg, token, send_reply):
        "Tell that `msg` is done, and send its reply, behind the output if there was some: some clients take it for the end of a cell."
        frames = self.wire.pack("status", dict(execution_state="idle"), msg, ids=[self.topics["status"]])
        with self.status_lock:
            msg.ended = True
            follows_output = msg.has_output  # read once: a thread of the cell may print right now
            self.iopub.send(frames, send_reply if follows_output else None)
        if send_reply and not follows_output: send_reply()  # first: somebody waits for it, and iopub's thread would run beside shell's
        self.iopub.waker.wake()
        journal = self.iopub.journal
        if journal and journal.followers: journal.cell_ended()
        parent.reset(token)

    def still_busy(self, subshell):
        "Tell everybody that what `subshell` runs goes on, after the idle of a request that overtook it."
        with self.status_lock:
            msg = subshell.msg
            if msg and not msg.ended: self.publish("status", dict(execution_state="busy"), msg)

    # -- out

    def publish(self, kind, content, msg=None, metadata=None, buffers=(), topic=None):
        "Send `content` to everybody on behalf of `msg`, by default the request that this runs for; of nobody's, the newest cell."
        topic = topic or self.topics[kind]
        frames = self.wire.pack(kind, content, msg or parent.get() or parent.latest, metadata, [topic])
        frames.extend(map(solid, buffers))
        self.iopub.send(frames)

    def greeting(self):
        "Frames that tell who subscribes within the start that the kernel begins."
        return self.wire.pack("status", dict(execution_state="starting"), ids=[self.topics["status"]])

    def output(self, kind, content, msg=None, **kw):
        "Publish what user code puts out: unlike ours, it waits while the readers are behind."
        msg = msg or parent.get() or parent.latest
        if msg: msg.has_output = True
        self.publish(kind, content, msg, **kw)
        if self.iopub.backlog.is_full: self.iopub.wait_for_room()

    def write(self, name, text, msg=None):
        "Put `text` on the stream `name`: both of class str, as methods of a user's class would run on our threads."
        msg = msg or parent.get() or parent.latest
        if msg: msg.has_output = True
        self.iopub.text(name, msg, text)
        if self.iopub.backlog.is_full: self.iopub.wait_for_room()

    def ask(self, prompt, password):
        "The line that the client of the cell that runs answers to `prompt`."
        msg = parent.get()
        content = dict(prompt=prompt, password=password)
        return self.sockets.stdin.ask(msg, content)

    def leave(self, restart, delay=0):
        "End `delay` seconds after the request that this runs for is answered; the content of the shutdown_reply that everybody sees."
        content = dict(status="ok", restart=restart)
        self.ending.decide(0, delay)
        self.publish("shutdown_reply", content)
        return content

class Topics(dict):
    "The topic of each kind of message, of the kernel whose messages have `session`."
    def __init__(self, session):
        super().__init__(dict.fromkeys(("display_data", "update_display_data", "clear_output"), b"display_data"))
        self["debug_event"] = b"debug_event"
        self.session = session

    def __missing__(self, kind):
        self[kind] = topic = f"kernel.{self.session}.{kind}".encode()
        return topic

def run_now(coro):
    "Run `coro`, which waits for nothing, to its end."
    try: coro.send(None)
    except StopIteration: pass

def send_behind_output(channel, msg, frames):
    "Send the reply `frames`, to a batch client when it can have read the output: it may take the reply for the end of the cell."
    if msg.has_output and msg.is_batch: clock.sleep(reading_time)  # no event tells that a subscriber has read
    channel.send(frames)

# -- handlers: (kernel, subshell, msg) -> content of the reply; of None no reply is sent

async def execute(kernel, subshell, msg):
    "Run a cell."
    content = msg["content"]
    if kernel.ending.is_decided: return None  # a cell behind `exit` is not run, and clients see a kernel that ended
    if subshell.aborting or msg.aborted: return aborted_reply()
    if content.get("user_expressions"): require(content, user_expressions=dict)
    cell = begin_cell(kernel, msg, require(content, code=str))
    try: reply = await subshell.user_code.run(kernel.bridge.execute(msg))
    except KeyboardInterrupt: reply = kernel.bridge.interrupted(cell)
    reply.update(execution_count=cell.count, payload=cell.payload)
    end_cell(kernel, subshell, msg, cell)
    if reply["status"] == "error" and stops_on_error(msg): abort_queued(kernel, subshell)
    if kernel.bridge.exiting: kernel.leave(restart=False, delay=.2)  # a console reads the reply after idle, if we live
    return reply

def stops_on_error(msg):
    "True if those that are queued are not to run once the cell of `msg` has ended in an error."
    return bool(msg["content"].get("stop_on_error", True)) and not msg.cell.silent

def begin_cell(kernel, msg, content):
    "Number the cell of `msg`, which has `content`, and tell everybody what runs; the `Cell`."
    with kernel.status_lock:
        cell = msg.cell = Cell(content, iso(), kernel.bridge.counter)
        kernel.bridge.counter = cell.count+1
        parent.begin(msg)
    if not cell.silent: kernel.publish("execute_input", dict(code=cell.code, execution_count=cell.number))
    if cell.is_stored and kernel.crash_report.before: tell_crash(kernel)
    kernel.crash_report.note_cell(cell.code)
    return cell

def end_cell(kernel, subshell, msg, cell):
    "Take back the signals, put out what is left of the output, and leave nobody waiting for the cell."
    if subshell is kernel.subshells.main: kernel.signals.catch()  # the cell may have taken them
    kernel.crash_report.note_cell("")
    kernel.bridge.out.catch_up()
    cell.code_ended = True
    cell.error = cell.failure = None  # which would keep the frames of the cell alive
    stdin = kernel.sockets.stdin
    if stdin.askers: stdin.answer(lambda question: question.msg is msg, None)

def tell_crash(kernel):
    "Say in the first cell that people see what ended the kernel before this one."
    kernel.write("stderr", kernel.crash_report.before)
    kernel.crash_report.before = ""

def abort_queued(kernel, subshell):
    "Refuse the execute_requests that `subshell` has received by now, those that the shell thread has still to read among them."
    subshell.aborting = True
    kernel.sockets.shell.fence(subshell.abort_queued)

def complete(kernel, subshell, msg):
    "Completions; none where a completer of the user's fails."
    content = require(msg["content"], code=str)
    at = integer(content, "cursor_pos")
    try: return kernel.bridge.complete(content["code"], at, aside=subshell is not kernel.subshells.main)
    except Exception as e: log(f"completion failed: {e!r}")
    return dict(status="ok", matches=[], cursor_start=at or 0, cursor_end=at or 0, metadata={})

def inspect(kernel, subshell, msg):
    "What is known of the name at the cursor."
    content = require(msg["content"], code=str)
    omit = tuple(content.get("omit_sections") or ())
    return kernel.bridge.inspect(content["code"], integer(content, "cursor_pos"), integer(content, "detail_level") or 0, omit)

def is_complete(kernel, subshell, msg): return kernel.bridge.is_complete(require(msg["content"], code=str)["code"])

def history(kernel, subshell, msg): return kernel.bridge.history(msg["content"].get("hist_access_type"), msg["content"])

def comm_info(kernel, subshell, msg): return kernel.bridge.comm_info(msg["content"].get("target_name"))

def tell_kernel_info(kernel, subshell, msg): return kernel_info

def connect(kernel, subshell, msg): return dict({port: kernel.connection.settings[port] for port in ports}, status="ok")

def tell_usage(kernel, subshell, msg): return dict(usage(), status="ok")

def debug(kernel, subshell, msg): return kernel.bridge.debugger.request(msg["content"])

def refuse_to_execute(kernel, subshell, msg): raise ValueError("execute_request belongs on the shell channel; nothing was run")

def comm(kernel, subshell, msg):
    "Hand a comm message to its comm, as user code of the subshell."
    require(msg["content"], comm_id=str)
    msg["content"].setdefault("data", {})
    run_now(subshell.user_code.drive(kernel.bridge.comm(msg)))
    kernel.bridge.out.catch_up()

def interrupt(kernel, subshell, msg):
    "Do what Ctrl-C does."
    kernel.signals.interrupt_all()
    # on the control thread, which would interrupt the subshells behind its reply: that may bring them the next cell
    if not subshell: kernel.signals.on_wakeup()
    return dict(status="ok")

def shutdown(kernel, subshell, msg):
    "End, with a snapshot of the session where IPYMINI_SNAPSHOT asks for one."
    if os.environ.get("IPYMINI_SNAPSHOT") == "1" and kernel.loaded.is_set():
        from .features.snapshot import save_before_end
        save_before_end(kernel.bridge.ip)
    return kernel.leave(restart=bool(msg["content"].get("restart")))

def create_subshell(kernel, subshell, msg):
    "Start a subshell. Source: JEP 91."
    import_package("stack_data")  # for tracebacks; two threads that import it at once can find it half there
    return dict(status="ok", subshell_id=kernel.subshells.create(os.urandom(16).hex()))

def delete_subshell(kernel, subshell, msg):
    "Answer at once; what is queued gets an error, the cell that runs may end. Source: JEP 91."
    id = require(msg["content"], subshell_id=str)["subshell_id"]
    queued = kernel.subshells.delete(id)
    kernel.sockets.stdin.answer(lambda question: question.msg["header"].get("subshell_id") == id, KeyboardInterrupt())
    for request in queued: run_now(kernel.serve(kernel.sockets.shell, None, request))
    return dict(status="ok")

def list_subshell(kernel, subshell, msg): return dict(status="ok", subshell_id=kernel.subshells.ids)

def replay(kernel, subshell, msg):
    "Messages that were published before, from the journal: see docs/replay.md."
    from .features.replay import find
    return dict(status="ok", messages=find(kernel.iopub.journal, msg["content"]))

shared = dict(kernel_info_request=tell_kernel_info, complete_request=complete, inspect_request=inspect, is_complete_request=is_complete,
    history_request=history, comm_info_request=comm_info, connect_request=connect, interrupt_request=interrupt, shutdown_request=shutdown)
shell_handlers = dict(shared, execute_request=execute, comm_open=comm, comm_msg=comm, comm_close=comm)
control_handlers = dict(shared, execute_request=refuse_to_execute, usage_request=tell_usage, debug_request=debug, replay_request=replay,
    create_subshell_request=create_subshell, delete_subshell_request=delete_subshell, list_subshell_request=list_subshell)
needs_bridge = {"debug_request", *quick} - {"kernel_info_request"}
