"""What child processes and C code write to file descriptors 1 and 2, as text on the streams. POSIX alone.

`Capture` has a thread that reads at all times; what is to come behind all that was written before calls `catch_up` first."""
import codecs, os, select, threading
from contextvars import Context

pipe_size = 2**19    # bytes, see `enlarge`
read_size = 2**16    # bytes that are read at once,
most_reads = 16      # so many times from one pipe: a child that never stops writing must not keep a reader here

class Capture:
    "Hands what is written to file descriptors 1 and 2 to `write(stream, text)`, for the cell that began last."
    def __init__(self, write):
        self.write = write
        self.lock = threading.RLock()  # one thread reads at a time, which keeps order; reentrant: a finaliser may print
        self.is_reading = False        # True while text may have been read that is not handed on
        self.pipes = {read_end_for(fd): (name, decoder("utf8")) for fd,name in ((1, "stdout"), (2, "stderr"))}
        self.look = looker(self.pipes)  # at the pipes: true if one can be read; waits for that without a 0
        thread = threading.Thread(target=self.run, name="fd capture", daemon=True)
        thread.pydev_do_not_trace = thread.is_pydev_daemon_thread = True  # the debugger neither shows nor stops it
        thread.start()

    def run(self):
        while True:
            self.look()
            self.drain()

    def catch_up(self):
        """Hand on what has been written so far, if there is something.

        The pipes are looked at first: what has left one since is seen in `is_reading`."""
        if self.look(0) or self.is_reading: self.drain()

    def drain(self):
        "Hand on what has been written so far; also waits for a thread that does."
        with self.lock:
            self.is_reading = True
            try: Context().run(self.read)  # nobody's context: the text is the newest cell's
            finally: self.is_reading = False

    def read(self):
        "Hand on what the pipes hold."
        for fd,(name,decode) in self.pipes.items():
            for _ in range(most_reads):
                try: text = decode(os.read(fd, read_size))
                except BlockingIOError: break
                if text: self.write(name, text)

def read_end_for(fd):
    "The end to read from of a pipe that from now on takes what is written to `fd`."
    read_end,write_end = os.pipe()
    os.set_blocking(read_end, False)
    os.dup2(write_end, fd)
    os.close(write_end)
    enlarge(read_end)
    return read_end

def enlarge(pipe):
    """Give `pipe` room for what C code prints while it holds the GIL, when nobody can read; beyond that it waits for ever.

    Not the 1 MB that Linux allows: all pipes of a user may hold 64 MB, and on some hubs all kernels are one user's."""
    from fcntl import fcntl
    try: from fcntl import F_SETPIPE_SZ
    except ImportError: return  # not Linux
    try: fcntl(pipe, F_SETPIPE_SZ, pipe_size)
    except PermissionError: pass  # fs.pipe-max-size is smaller, or that user has too many pipes

def looker(fds):
    """A function that tells which of `fds` can be read, for several threads at a time; it takes how long to wait.

    A poll object is for one thread, and a new one for each write would be a sixth of its cost."""
    if hasattr(select, "epoll"): return registered(select.epoll(), fds).poll
    return lambda *timeout: registered(select.poll(), fds).poll(*timeout)

def registered(poller, fds):
    "`poller` with `fds` to look at."
    for fd in fds: poller.register(fd, select.POLLIN)
    return poller

def decoder(encoding):
    "A function from bytes, cut anywhere, to text, in which what is none in `encoding` becomes U+FFFD."
    return codecs.getincrementaldecoder(encoding)("replace").decode
