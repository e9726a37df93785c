"""A pod's process where a child inherits no sockets, and pipes cannot be waited for: on Windows.

The sockets are shared with the child through its standard input, of which `passing` is the other half; a job object
stands for the process group; pipes are looked at now and then."""
import msvcrt, os, select, subprocess, time, _winapi
from ..system.jobs import Job
from .passing import one_size, ready_line
from .process import Process

looks = .01  # s between looks at pipes: Windows has no event for text in them

class SharedProcess(Process):
    """A child that gets its sockets through its standard input. `popen` may be a launcher, as that of a virtual environment
    is."""

    def begin(self, words, theirs, token, place):
        "Start the words; the sockets follow, see `hand_over`. Raises: PodError."
        self.theirs = theirs
        self.life = self.job = Job()
        try: self.popen = self.launch(words, [], [handle_of(self.report)], token, place)
        except OSError as error:
            self.let_go_of_theirs()
            self.refuse(error)

    def options(self, fds):
        "For Popen. Ctrl-C on our console is not the pod's, and it opens no window."
        report = handle_of(self.report)
        os.set_handle_inheritable(report, True)
        startup = subprocess.STARTUPINFO(lpAttributeList=dict(handle_list=[report]))
        flags = subprocess.CREATE_NEW_PROCESS_GROUP | subprocess.CREATE_NO_WINDOW
        return dict(startupinfo=startup, creationflags=flags, stdin=subprocess.PIPE)

    def hand_over(self):
        "Share the sockets with the child once it has said who it is; what was written before that."
        try:
            before,pid = self.next_line("pid")
            if pid: self.share(int(pid))
            more,_ = self.next_line("ready")
            return before + more
        except OSError: return b""  # the child has died, which its sockets tell
        finally: self.let_go_of_theirs()

    def next_line(self, word):
        "What the child writes before its line that begins with `word`, and the rest of this; no rest if it ends before."
        start = ready_line(word)
        data = b""
        while not (data.endswith(b"\n") and start in data):
            byte = self.popen.stdout.read(1)
            if not byte: return data,b""
            data += byte
        before,_,rest = data.rpartition(start)
        return before,rest.strip()

    def share(self, pid):
        "Give the sockets to the process `pid`, which is the pod."
        self.job.add(pid)
        with self.popen.stdin as stream:
            for sock in self.theirs:
                data = sock.share(pid)
                stream.write(one_size.pack(len(data)) + data)

    def let_go_of_theirs(self):
        for sock in self.theirs: sock.close()

    def poller(self, fds): return Looks(fds, [self.popen.stdout.fileno(), self.popen.stderr.fileno()])

    def kill(self):
        "End the child and what it has started."
        self.job.end()
        self.popen.kill()

    def close_files(self):
        super().close_files()
        self.popen.stdin.close()

class Looks:
    "Tells which of `fds` can be read, sockets and `pipes`, as `select.poll` does."
    def __init__(self, fds, pipes):
        self.sockets = [fd for fd in fds if fd is not None and fd not in pipes]
        self.pipes = [fd for fd in fds if fd in pipes]

    def unregister(self, fd): self.pipes.remove(fd)

    def poll(self, timeout=None):
        "A pair for each descriptor that can be read, the descriptor first; none if `timeout` ms are over."
        end = None if timeout is None else time.monotonic() + timeout / 1000
        while True:
            left = None if end is None else max(0, end - time.monotonic())
            if self.pipes: wait = looks if left is None else min(left, looks)
            else: wait = left
            found = self.readable(wait)
            if found or left == 0: return [(fd, None) for fd in found]

    def readable(self, wait):
        "Those that can be read within `wait` seconds, the pipes last: text from before a frame is seen with it."
        sockets = select.select(self.sockets, [], [], wait)[0] if self.sockets else []
        return [*sockets, *filter(has_text, self.pipes)]

def handle_of(file): return msvcrt.get_osfhandle(file.fileno())

def has_text(pipe):
    "True if reading the descriptor of a pipe returns at once, be it for its end."
    try: return _winapi.PeekNamedPipe(msvcrt.get_osfhandle(pipe), 0)[0] > 0
    except BrokenPipeError: return True
