"""sys.stdout, sys.stderr and sys.stdin of a pod. Text goes unbuffered to file descriptors 1 and 2, pipes that the caller reads:
so it is live and in order whoever writes it, a child process or C code too, and is not lost with a pod that dies.

Standard library, Python 3.8 and newer."""
import builtins, getpass, io, os, sys
from .wire import SYNC

class Stream(io.TextIOWrapper):
    "A stream without a buffer. Before the other one follows it, the caller has read what it wrote."
    last = None  # the stream that was written to last in this call
    talk = None

    def write(self, text):
        if Stream.last is not self: self.begin()
        return super().write(text)

    def begin(self):
        before,Stream.last = Stream.last,self
        if before is not None: self.talk.tell(SYNC, None)

class Stdin(io.TextIOBase):
    "A stream whose lines are asked for, as those of `input`."
    def __init__(self, talk): self.talk = talk
    def readable(self): return True
    def fileno(self): return 0

    def readline(self, size=-1):
        try: return self.talk.ask("", False) + "\n"
        except EOFError: return ""

def take_streams(talk):
    "Put the streams, `input` and `getpass` in place."
    Stream.talk = talk
    sys.stdout = new_stream(1)
    sys.stderr = new_stream(2)
    sys.stdin = Stdin(talk)
    builtins.input = talk.input
    getpass.getpass = talk.getpass

def new_stream(fd):
    file = io.FileIO(fd, "w", closefd=False)
    return Stream(file, encoding="utf8", errors="backslashreplace", newline="", write_through=True)

def flush_c():
    """Write what C code has printed and the C library still holds. ctypes is not loaded for that: without it and what it
    serves, hardly anything prints in C."""
    ctypes = sys.modules.get("ctypes")
    if ctypes and os.name == "posix": ctypes.pythonapi.fflush(None)
