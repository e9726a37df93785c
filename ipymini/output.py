"""What user code writes, shows and asks: stdout and stderr, displays and results, `input`.

`Output` is handed its ways out; `parent`, the `Parent` that tells the current request; `message(dict)`, which makes a
request of one. Read `Output` first; below it the streams and IPython's two display hooks."""
import builtins, io, os, sys, threading
from functools import cached_property
from IPython.core import displayhook, displaypub, formatters
from IPython.core.error import StdinNotImplementedError

from .capture import Capture, decoder

class Output:
    "The streams, displays and prompts of the process, from `start` on."
    def __init__(self, publish, write, flush, ask, parent, message):
        self.publish = publish  # (type, content, **keys): a message on iopub
        self.write = write      # (stream, text)
        self.flush = flush      # lets out text that is being gathered
        self.ask = ask          # (prompt, password): the line that a person entered, None once the cell has ended
        self.parent = parent
        self.message = message
        self.stdout = OutStream(self, "stdout")
        self.stderr = OutStream(self, "stderr")
        self.catch_up = nothing  # waits until what C code and child processes have written so far is queued

    def start(self, capture):
        "Put ours in the place of Python's streams and prompts, and with `capture` of file descriptors 1 and 2."
        if capture and os.name == "posix": self.catch_up = Capture(self.write).catch_up
        for stream in (self.stdout, self.stderr): stream.kept_fd = os.dup(stream.fd)
        sys.stdout = self.stdout
        sys.stderr = self.stderr
        sys.stdin = open(os.devnull)
        builtins.input = self.input
        import getpass
        getpass.getpass = self.getpass
        if hasattr(os, "register_at_fork"): os.register_at_fork(after_in_child=self.after_fork)

    def mend(self):
        "Put back streams and file descriptors that a cell took away."
        for stream in (self.stdout, self.stderr):
            if not is_open(getattr(sys, stream.name, None)): setattr(sys, stream.name, stream)
            try: os.fstat(stream.fd)
            except OSError: os.dup2(stream.kept_fd, stream.fd)

    def flush_others(self):
        "Flush what a cell has put in the place of our streams, and Python's first ones: they may buffer."
        for name in ("stdout", "stderr", "__stdout__", "__stderr__"):
            stream = getattr(sys, name, None)
            if stream is self.stdout or stream is self.stderr: continue
            if is_open(stream) and hasattr(stream, "flush"): stream.flush()

    def send(self, type, content, **keys):
        "Publish `content` behind all that was written before it, by C code and child processes, too."
        self.catch_up()
        self.publish(type, content, **keys)

    def input(self, prompt=""): return self.question(str(prompt), False)
    def getpass(self, prompt="Password: ", stream=None, *, echo_char=None): return self.question(str(prompt), True)

    def question(self, prompt, password):
        "The line that a person enters. Raises: EOFError; StdinNotImplementedError, where nobody can be asked."
        msg = self.parent.get()
        if msg is None or not msg["content"].get("allow_stdin"):
            name = "getpass" if password else "raw_input"
            raise StdinNotImplementedError(f"{name} was called, {no_stdin}")
        self.stdout.flush()
        line = None if msg.cell and msg.cell.code_ended else self.ask(prompt, password)
        if line is None: raise StdinNotImplementedError("input() was called, but the cell that could ask has ended")
        if line == "\x04": raise EOFError  # Ctrl+D
        return line

    def after_fork(self):
        """In a forked child, have text go through file descriptors.

        It has neither our threads nor a right to our sockets."""
        for stream in (self.stdout, self.stderr):
            file = open(stream.fd, "w", buffering=1, encoding="utf8", errors="backslashreplace", closefd=False)
            stream.write = file.write
            stream.flush = file.flush
        self.catch_up = nothing
        self.publish = print_message
        self.flush = sys.stdout.flush
        self.ask = refuse_to_ask

def nothing(): "Where file descriptors are not captured nothing has to be waited for."

no_stdin = "but this frontend does not support input requests."  # nbclient's tests read these words

def print_message(type, content, **keys):
    "What a forked child publishes, as text on its streams."
    if type == "error": print("\n".join(content["traceback"]), file=sys.stderr)
    elif "text/plain" in content.get("data", {}): print(content["data"]["text/plain"])

def refuse_to_ask(prompt, password): raise StdinNotImplementedError("input() does not work in a forked process")

def is_open(stream):
    "True if `stream` can be written to, as far as it tells."
    try: return hasattr(stream, "write") and getattr(stream, "closed", False) is not True
    except BaseException: return False  # its buffer has been detached, or its class is the user's

class Parented:
    "Tells and sets the request that what runs now runs for; `out` is the `Output`."
    parent_header = property(lambda self: self.get_parent().get("header", {}))

    def get_parent(self):                 return self.out.parent.get() or {}
    def set_parent(self, parent):         return self.out.parent.set(self.out.message(parent))
    def reset_thread_parent(self, token): self.out.parent.reset(token)
    set_thread_parent = set_parent

class Hooked(Parented):
    """Publishes through hooks that a thread may register.

    Each takes the message and returns it, changed or not, or None to drop it."""
    @cached_property
    def per_thread(self):
        "What has `hooks`, a list, in a thread that has registered one; the same for two threads that ask for it first."
        return vars(self).setdefault("per_thread", threading.local())

    def hooks(self): return vars(self.per_thread).setdefault("hooks", [])
    def register_hook(self, hook): self.hooks().append(hook)

    def unregister_hook(self, hook):
        "True if `hook` was there to be removed."
        try: self.hooks().remove(hook)
        except ValueError: return False
        return True

    def emit(self, type, content, **keys):
        "Publish a display, as the hooks leave it."
        msg = self.hooked(type, content) if vars(self.per_thread) else dict(content=content, metadata=None)
        if msg is not None: self.out.send(type, msg["content"], metadata=msg["metadata"], **keys)

    def hooked(self, type, content):
        "The message as the hooks of this thread leave it, or None."
        header = dict(msg_type=type)
        msg = dict(header=header, msg_type=type, parent_header=self.parent_header, metadata={}, content=content)
        for hook in self.hooks():
            msg = hook(msg)
            if msg is None: return None
        return msg

class OutStream(Hooked, io.TextIOBase):
    "The class of sys.stdout and sys.stderr: text becomes stream messages of the request that its writer runs for."
    encoding = "UTF-8"
    errors = "backslashreplace"
    newlines = None

    def __init__(self, out, name):
        self.out = out
        self.name = name
        self.fd = dict(stdout=1, stderr=2)[name]  # where C code and children write
        self.kept_fd = None  # leads where `fd` led at the start: the pipe outlives a cell that closes `fd`
        self.lent_fd = -1    # what `fileno` hands out, which a cell may close
        self.buffer = Bytes(self)

    def write(self, text):
        "Write `text`; the number of its characters."
        if type(text) is not str: text = as_str(text)
        if text:
            self.out.catch_up()
            if vars(self.per_thread): self.write_hooked(text)
            else: self.out.write(self.name, text)
        return len(text)

    def write_hooked(self, text):
        "Write `text` as the hooks leave it."
        msg = self.hooked("stream", dict(name=self.name, text=text))
        if msg is None: return
        content = msg["content"]
        self.out.write(as_str(content["name"]), as_str(content["text"]))

    def flush(self):    self.out.flush()
    def writable(self): return True
    def isatty(self):   return False
    def close(self):    pass  # the process has no other
    def detach(self):   return self.buffer  # scripts wrap what they get

    def reconfigure(self, *, encoding=None, errors=None, newline=None, line_buffering=None, write_through=None):
        "As TextIOWrapper's; text is sent as it is, so the encoding matters for bytes that are written to `buffer` alone."
        if encoding is not None:
            self.buffer.decode = decoder(encoding)
            self.encoding = encoding
        if errors is not None: self.errors = errors

    def fileno(self):
        """A file descriptor that is not 1 or 2.

        Wurlitzer and its like read those and write here, which must not come back to them."""
        if not same_file(self.lent_fd, self.kept_fd): self.lent_fd = os.dup(self.kept_fd)
        return self.lent_fd

def as_str(text):
    "`text` without what its class makes of it. Raises: TypeError."
    if not isinstance(text, str): raise TypeError(f"write() argument must be str, not {type(text).__name__}")
    return str.__str__(text)

def same_file(fd, other):
    "True if both file descriptors are open and lead to the same file."
    try: return os.path.sameopenfile(fd, other)
    except OSError: return False

class Bytes(io.RawIOBase):
    "The byte side of a stream."
    def __init__(self, stream):
        self.stream = stream
        self.decode = decoder("utf8")

    def write(self, data):
        "Write `data` as text; the number of its bytes."
        self.stream.write(self.decode(bytes(data)))
        return len(data)

    def writable(self): return True
    def flush(self):    self.stream.flush()
    def fileno(self):   return self.stream.fileno()
    def close(self):    pass  # a wrapper that is dropped closes what it wraps

class DisplayHook(Hooked, displayhook.DisplayHook):
    "Publishes results; whatever depends on the cell comes from the request, as cells of subshells overlap."
    @property
    def prompt_count(self):
        "The number that a result has."
        cell = self.shell.cell
        return cell.count if cell else super().prompt_count  # a comm message has none

    def quiet(self):
        """True if the cell ends in `;` as Python sees it.

        That is: in what magics have become, not in the text of an SQL statement."""
        cell = self.shell.cell
        code = cell.transformed if cell else ""
        return ";" in code and self.semicolon_at_end_of_expression(code)

    def compute_format_data(self, result):
        "IPython's; a result that cannot be shown, which IPython shows as an error, fails the cell."
        cell = self.shell.cell
        before = cell and cell.error
        data = super().compute_format_data(result)
        if cell and cell.error is not before: cell.failure = cell.error[0]
        return data

    def write_format_data(self, format_dict, md_dict=None):
        "Publish a result."
        self.emit("execute_result", dict(data=format_dict, metadata=md_dict or {}, execution_count=self.prompt_count))

    def write_output_prompt(self): pass
    def finish_displayhook(self): self._is_active = False

class DisplayFormatter(formatters.DisplayFormatter):
    """IPython's, which asks twelve formatters what they make of an object: a quarter of the time of a small cell.

    Of a value that is plain, as numbers, text and collections are, one has something to say, unless somebody has taught another."""
    def format(self, obj, include=None, exclude=None):
        "The forms of `obj` by MIME type, and their metadata."
        cls = type(obj)
        if include or exclude or cls not in plain_classes or self.has_rich_form(cls): return super().format(obj, include, exclude)
        text = self.formatters["text/plain"](obj)
        return {} if text is None else {"text/plain": text}, {}

    def has_rich_form(self, cls):
        "True if anything may be known of the plain class `cls` but how it is text."
        rich = dict(self.formatters)
        plain = rich.pop("text/plain", None)
        if type(plain) is not formatters.PlainTextFormatter: return True
        for formatter in (self.ipython_display_formatter, self.mimebundle_formatter, *rich.values()):
            if type(formatter).__module__ != formatters.__name__: return True  # its own way to find a form
            if formatter.singleton_printers or formatter.deferred_printers: return True
            if not formatter.type_printers.keys().isdisjoint(cls.__mro__): return True
        return False

plain_classes = {type(None), bool, int, float, complex, str, bytes, list, tuple, dict, set, frozenset}

class DisplayPublisher(Hooked, displaypub.DisplayPublisher):
    "Publishes display_data, update_display_data and clear_output."
    def publish(self, data, metadata=None, source=None, *, transient=None, update=False, **keys):
        "Publish a display, or with `update` its new content."
        self._validate_data(data, metadata)
        content = dict(data=data, metadata=metadata or {}, transient=transient or {})
        self.emit("update_display_data" if update else "display_data", content, **keys)

    def clear_output(self, wait=False): self.emit("clear_output", dict(wait=wait))
