"""What user code writes, shows and asks: stdout and stderr, displays and results, `input`.

Imports nothing of ours: `Output` is handed its ways out; `parent`, the `Parent` that tells the current request; `message(dict)`, which makes a request of one.
Read `Output` first; below it the streams, IPython's two display hooks, and `Capture`, which turns file descriptors 1 and 2 into streams."""
import builtins, codecs, io, os, select, sys, threading
from contextvars import Context
from IPython.core import displayhook, displaypub
from IPython.core.error import StdinNotImplementedError

class Output:
    "Takes over, from `start`, the process's streams and prompts"
    def __init__(self, publish, write, flush, ask, parent, message):
        self.publish,self.write,self.flush,self.ask,self.parent,self.message = publish,write,flush,ask,parent,message
        self.stdout,self.stderr,self.capture = OutStream(self, "stdout"),OutStream(self, "stderr"),None

    def start(self, capture):
        if capture and os.name == "posix": self.capture = Capture(self)
        for stream in (self.stdout, self.stderr): stream.end = os.dup(stream.fd)  # the pipe outlives a cell that closes `fd`
        sys.stdout,sys.stderr,sys.stdin = self.stdout,self.stderr,open(os.devnull)
        builtins.input = self.input
        import getpass
        getpass.getpass = self.getpass
        if hasattr(os, "register_at_fork"): os.register_at_fork(after_in_child=self.after_fork)

    def mend(self):
        "Put back streams and file descriptors that a cell took away"
        for stream in (self.stdout, self.stderr):
            if not is_open(getattr(sys, stream.name, None)): setattr(sys, stream.name, stream)
            stream.mend()

    def flush_others(self):
        "Flush what a cell has put in the place of our streams, and Python's first ones: they may buffer"
        for name in ("stdout", "stderr", "__stdout__", "__stderr__"):
            stream = getattr(sys, name, None)
            if stream is not self.stdout and stream is not self.stderr and is_open(stream) and hasattr(stream, "flush"): stream.flush()

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
            name = "getpass" if password else "raw_input"
            raise StdinNotImplementedError(f"{name} was called, but this frontend does not support input requests.")  # nbclient's tests read these words
        self.stdout.flush()
        line = None if msg.cell and msg.cell.code_ended else self.ask(prompt, password)
        if line is None: raise StdinNotImplementedError("input() was called, but the cell that could ask has ended")
        if line == "\x04": raise EOFError
        return line

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

def is_open(stream):
    "True if `stream` can be written to, as far as it tells"
    try: return hasattr(stream, "write") and getattr(stream, "closed", False) is not True
    except ValueError: return False  # its buffer has been detached

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
        self.fd = dict(stdout=1, stderr=2)[name]  # where C code and children write
        self.end,self.handed = None,-1  # of our own, leading where `fd` led at the start; what `fileno` hands out, which a cell may close
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
    def writable(self): return True
    def isatty(self):   return False
    def close(self):    pass  # the process has no other
    def detach(self):   return self.buffer  # scripts wrap what they get

    def reconfigure(self, *, encoding=None, errors=None, newline=None, line_buffering=None, write_through=None):
        "As TextIOWrapper's; text is sent as it is, so the encoding matters only for bytes that are written to `buffer`"
        if encoding is not None:
            self.buffer.decode = decoder(encoding)
            self.encoding = encoding
        if errors is not None: self.errors = errors

    def fileno(self):
        "A file descriptor that is not 1 or 2: wurlitzer and its like read those and write here, which must not come back to them"
        if not same_file(self.handed, self.end): self.handed = os.dup(self.end)
        return self.handed

    def mend(self):
        "Open file descriptor 1 or 2 anew if a cell has closed it"
        if not same_file(self.fd, self.fd): os.dup2(self.end, self.fd)

def same_file(fd, other):
    "True if both file descriptors are open and lead to the same file"
    try: return os.path.sameopenfile(fd, other)
    except OSError: return False

def enlarge(pipe):
    """Give `pipe` room for what C code prints while it holds the GIL, when nobody can read: beyond that it waits for ever

    Not the 1 MB that Linux allows: all pipes of a user may hold 64 MB, and there are hubs on which all kernels are one user's."""
    from fcntl import fcntl
    try: from fcntl import F_SETPIPE_SZ
    except ImportError: return  # not Linux
    try: fcntl(pipe, F_SETPIPE_SZ, pipe_size)
    except PermissionError: pass  # fs.pipe-max-size is smaller, or that user has too many pipes

pipe_size = 2**19

def decoder(encoding): return codecs.getincrementaldecoder(encoding)("replace").decode

class Bytes(io.RawIOBase):
    "The byte side of a stream"
    def __init__(self, stream): self.stream,self.decode = stream,decoder("utf8")

    def write(self, b):
        self.stream.write(self.decode(bytes(b)))
        return len(b)

    def writable(self): return True
    def flush(self):    self.stream.flush()
    def fileno(self):   return self.stream.fileno()
    def close(self):    pass  # a wrapper that is dropped closes what it wraps

class DisplayHook(Hooked, displayhook.DisplayHook):
    "execute_result; whatever depends on the cell comes from the request, as cells of subshells overlap"
    @property
    def prompt_count(self):
        msg = self.out.parent.get()
        return msg.cell.count if msg is not None and msg.cell else super().prompt_count  # a comm message has none

    def quiet(self):
        "True if the cell ends in `;` as Python sees it: in what magics have become, not in the text of an SQL statement"
        code = self.shell.cell.transformed if self.shell.cell else ""
        return ";" in code and self.semicolon_at_end_of_expression(code)

    def write_output_prompt(self): pass

    def compute_format_data(self, result):
        cell = self.shell.cell
        before = cell and cell.error
        data = super().compute_format_data(result)
        if cell and cell.error is not before: cell.failure = cell.error[0]  # a result that cannot be shown fails the cell
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
        self.polls = []  # poll objects that no thread uses just now
        for fd,name in ((1, "stdout"), (2, "stderr")):
            r,w = os.pipe()
            os.set_blocking(r, False)
            os.dup2(w, fd)
            os.close(w)
            enlarge(r)
            self.sources[r] = name,decoder("utf8")
        self.thread = threading.Thread(target=self.run, name="fd capture", daemon=True)
        self.thread.pydev_do_not_trace = self.thread.is_pydev_daemon_thread = True
        self.thread.start()

    def run(self):
        while True:
            self.poll()
            self.drain()

    def poll(self, *timeout):
        "True if there is something to read; two threads may not use a poll object at a time, and a new one for each write would be a sixth of its cost"
        try: poller = self.polls.pop()
        except IndexError:
            poller = select.poll()
            for fd in self.sources: poller.register(fd, select.POLLIN)
        found = poller.poll(*timeout)
        self.polls.append(poller)
        return found

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
