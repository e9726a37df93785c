"""What user code writes, shows and asks: stdout and stderr, displays and results, `input`; and which request a thread's output belongs to.

Imports nothing of ours: `Output` is handed its ways out; `parent`, the ContextVar of the current request; `message(dict)`, which makes a request of one.
Read `Output` first; below it the streams, IPython's two display hooks, and `Capture`, which turns file descriptors 1 and 2 into streams."""
import builtins, codecs, io, os, select, sys, threading
from contextvars import Context
from functools import wraps
from IPython.core import displayhook, displaypub
from IPython.core.error import StdinNotImplementedError

class Output:
    "Takes over, from `start`, the process's streams and prompts"
    def __init__(self, publish, write, flush, ask, parent, message):
        self.publish,self.write,self.flush,self.ask,self.parent,self.message = publish,write,flush,ask,parent,message
        self.stdout,self.stderr,self.capture = OutStream(self, "stdout"),OutStream(self, "stderr"),None

    def start(self, capture):
        if capture and os.name == "posix": self.capture = Capture(self)
        sys.stdout,sys.stderr,sys.stdin = self.stdout,self.stderr,open(os.devnull)
        builtins.input = self.input
        import getpass
        getpass.getpass = self.getpass
        if os.environ.get("IPYMINI_THREAD_OUTPUT") != "latest": self.carry()
        if hasattr(os, "register_at_fork"): os.register_at_fork(after_in_child=self.after_fork)

    def mend(self):
        "Put back streams that a cell took away"
        for name in ("stdout", "stderr"):
            if not hasattr(getattr(sys, name, None), "write"): setattr(sys, name, getattr(self, name))

    def send(self, type, content, **kw):
        "Publish `content` behind all that was written before it, by C code and child processes, too"
        if self.capture: self.capture.drain(False)
        self.publish(type, content, **kw)

    def drain(self):
        "Wait until what has been written to file descriptors 1 and 2 so far is queued"
        if self.capture: self.capture.drain()

    def input(self, prompt=""): return self.question(str(prompt), False)
    def getpass(self, prompt="Password: ", stream=None, *, echo_char=None): return self.question(str(prompt), True)

    def question(self, prompt, password):
        msg = self.parent.get()
        if msg is None or not msg["content"].get("allow_stdin"):
            raise StdinNotImplementedError("input() was called, but this frontend does not support input requests")
        self.stdout.flush()
        line = None if "closed" in msg.state else self.ask(prompt, password)
        if line is None: raise StdinNotImplementedError("input() was called, but the cell that could ask has ended")
        if line == "\x04": raise EOFError
        return line

    def carry(self):
        "Let threads, and what is submitted to thread pools, write on behalf of the request that started them"
        from concurrent.futures import ThreadPoolExecutor
        start,submit,parent = threading.Thread.start,ThreadPoolExecutor.submit,self.parent

        @wraps(start)
        def carrying(thread):
            msg,run = parent.get(),thread.run
            def run_for():
                parent.set(msg)
                try: run()
                finally: del thread.run
            if msg is not None: thread.run = run_for
            start(thread)

        @wraps(submit)
        def submitting(pool, fn, /, *args, **kw):
            msg = parent.get()
            @wraps(fn)
            def call(*args, **kw):
                parent.set(msg)
                return fn(*args, **kw)
            return submit(pool, fn if msg is None else call, *args, **kw)

        threading.Thread.start,ThreadPoolExecutor.submit = carrying,submitting

    def after_fork(self):
        # in a forked child, which has neither our threads nor a right to our sockets: its text goes through file descriptors
        for s in (self.stdout, self.stderr):
            f = open(s.fd, "w", buffering=1, encoding="utf8", errors="backslashreplace", closefd=False)
            s.write,s.flush = f.write,f.flush
        self.capture,self.publish,self.flush,self.ask = None,self.say,sys.stdout.flush,self.refuse

    def say(self, type, content, **kw):
        if type == "error": print("\n".join(content["traceback"]), file=sys.stderr)
        elif "text/plain" in content.get("data", {}): print(content["data"]["text/plain"])

    def refuse(self, prompt, password): raise StdinNotImplementedError("input() does not work in a forked process")

class Parented:
    "Tells and sets the request that what runs now runs for; `out` is the `Output`"
    parent_header = property(lambda self: self.get_parent().get("header", {}))

    def get_parent(self):                 return self.out.parent.get() or {}
    def set_parent(self, parent):         return self.out.parent.set(self.out.message(parent))
    def reset_thread_parent(self, token): self.out.parent.reset(token)
    set_thread_parent = set_parent

class Hooked(Parented):
    "Publishes through hooks that a thread may register: each takes the message and returns it, changed or not, or None to drop it"
    def hooks(self):
        if "local" not in self.__dict__: self.local = threading.local()
        return self.local.__dict__.setdefault("hooks", [])

    def register_hook(self, hook): self.hooks().append(hook)

    def unregister_hook(self, hook):
        "True if `hook` was there to be removed"
        try: self.hooks().remove(hook)
        except ValueError: return False
        return True

    def emit(self, type, content, metadata=None, **kw):
        if self.hooks():
            msg = dict(header=dict(msg_type=type), msg_type=type, parent_header=self.parent_header, metadata=metadata or {}, content=content)
            for hook in self.hooks():
                msg = hook(msg)
                if msg is None: return
            content,metadata = msg["content"],msg["metadata"]
        if type == "stream": self.out.write(**content)
        else: self.out.send(type, content, metadata=metadata, **kw)

class OutStream(Hooked, io.TextIOBase):
    "sys.stdout or sys.stderr: what is written becomes stream messages of the request that the writer runs for"
    encoding,errors,newlines = "UTF-8","backslashreplace",None

    def __init__(self, out, name):
        self.out,self.name,self.local = out,name,threading.local()
        self.fd = dict(stdout=1, stderr=2)[name]
        self.buffer = Bytes(self)

    def write(self, s):
        if not isinstance(s, str): raise TypeError(f"write() argument must be str, not {type(s).__name__}")
        if s and not self.closed:
            if self.local.__dict__: self.emit("stream", dict(name=self.name, text=s))
            else:
                if self.out.capture: self.out.capture.drain(False)
                self.out.write(self.name, s)
        return len(s)

    def flush(self):    self.out.flush()
    def fileno(self):   return self.fd
    def writable(self): return True
    def isatty(self):   return False
    def close(self):    pass  # the process has no other

class Bytes(io.RawIOBase):
    "The byte side of a stream"
    def __init__(self, stream): self.stream,self.decode = stream,codecs.getincrementaldecoder("utf8")("replace").decode

    def write(self, b):
        self.stream.write(self.decode(bytes(b)))
        return len(b)

    def writable(self): return True
    def flush(self):    self.stream.flush()
    def fileno(self):   return self.stream.fileno()

class DisplayHook(Hooked, displayhook.DisplayHook):
    "execute_result; whatever depends on the cell comes from the request, as cells of subshells overlap"
    @property
    def prompt_count(self):
        msg = self.out.parent.get()
        return msg.state["count"] if msg is not None and "count" in msg.state else super().prompt_count  # a comm message has none

    def quiet(self):
        "True if the cell ends in `;` as Python sees it: in what magics have become, not in the text of an SQL statement"
        code = self.shell.state.get("transformed", "")
        return ";" in code and self.semicolon_at_end_of_expression(code)

    def write_output_prompt(self): pass

    def compute_format_data(self, result):
        st = self.shell.state
        before = st.get("error")
        data = super().compute_format_data(result)
        if st.get("error") is not before: st["failed"] = st["error"][0]  # a result that cannot be shown fails the cell
        return data

    def write_format_data(self, format_dict, md_dict=None):
        self.emit("execute_result", dict(data=format_dict, metadata=md_dict or {}, execution_count=self.prompt_count))

    def finish_displayhook(self): self._is_active = False

class DisplayPublisher(Hooked, displaypub.DisplayPublisher):
    "display_data, update_display_data and clear_output"
    def publish(self, data, metadata=None, source=None, *, transient=None, update=False, **kw):
        self._validate_data(data, metadata)
        self.emit("update_display_data" if update else "display_data", dict(data=data, metadata=metadata or {}, transient=transient or {}), **kw)

    def clear_output(self, wait=False): self.emit("clear_output", dict(wait=wait))

class Capture:
    "Reads what is written to file descriptors 1 and 2 and puts it on the streams, for the cell that began last"
    def __init__(self, out):
        self.out,self.lock,self.busy,self.sources = out,threading.RLock(),False,{}
        for fd,name in ((1, "stdout"), (2, "stderr")):
            r,w = os.pipe()
            os.set_blocking(r, False)
            os.dup2(w, fd)  # w itself stays open: the pipe must outlive a cell that closes fd
            self.sources[r] = name,codecs.getincrementaldecoder("utf8")("replace").decode
        self.thread = threading.Thread(target=self.run, name="fd capture", daemon=True)
        self.thread.pydev_do_not_trace = self.thread.is_pydev_daemon_thread = True
        self.thread.start()

    def run(self):
        while True:
            self.poll()
            self.drain()

    def poll(self, *timeout):
        "True if there is something to read; two threads may not use a poll object at a time"
        p = select.poll()
        for fd in self.sources: p.register(fd, select.POLLIN)
        return p.poll(*timeout)

    def drain(self, wait=True):
        "Queue what can be read; without `wait` only look, in this order, whether there is something, or somebody has read it but not queued it yet"
        if not wait and not self.poll(0) and not self.busy: return
        with self.lock:  # reentrant: a finaliser may print
            self.busy = True
            try: Context().run(self.read)  # nobody's context: the text is the newest cell's
            finally: self.busy = False

    def read(self):
        for fd,(name,decode) in self.sources.items():
            for _ in range(16):  # a child that never stops writing must not keep us here
                try: b = os.read(fd, 65536)
                except BlockingIOError: break
                text = decode(b)
                if text: self.out.write(name, text)
