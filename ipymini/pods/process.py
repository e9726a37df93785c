"""A child process that is a pod: how it is started, ended and buried.

Its sockets and pipes are made here and passed by descriptor, so nobody else can have them; `sharing` is the way of a
system that does not pass descriptors."""
import os, select, signal, socket, subprocess, time
from pathlib import Path
from tempfile import TemporaryFile
from ..environments.make import cache
from .errors import PodError
from .wire import Wire, can_share

quit_time = 1  # s for a pod to end by itself
start_file = Path(__file__).with_name("start.py")

class Process:
    "The child. `argv`: what starts Python there; `token`: what the pod is called in handles."
    patience = quit_time  # s for it to be gone once it has closed its socket
    is_contained = False  # its number is one of this machine's

    def __init__(self, argv, env, cwd, token):
        self.shared = can_share() and os.environ.get("IPYMINI_POD_SHARED") != "0"
        self.calls,calls = new_wire(self.shared)
        self.control,control = new_wire()
        self.report = TemporaryFile()  # where the pod's faulthandler writes
        words = [*argv, str(start_file), str(cache()/"bytecode/pods")]
        self.begin(words, [calls, control], token, dict(env=env, cwd=cwd))

    def begin(self, words, theirs, token, place):
        "Start the words, which get the sockets `theirs`. Raises: PodError."
        life,end = os.pipe()
        self.life = open(end, "wb", buffering=0)  # its end is the end of the pod
        fds = [*[sock.fileno() for sock in theirs], life, self.report.fileno()]
        try: self.popen = self.open(words, fds, token, place)
        except OSError as error: self.refuse(error)
        finally:
            os.close(life)
            for sock in theirs: sock.close()

    def refuse(self, error):
        "Raise the PodError of a process that could not be made."
        self.let_go()
        raise PodError(f"the pod did not start: {error}") from None

    def open(self, words, fds, token, place):
        "Start the words, with the descriptors and what else the child is to know behind them."
        return self.launch(words, fds, fds, token, place)

    def launch(self, words, fds, numbers, token, place):
        "Start the words. `numbers`: what the child knows the descriptors by."
        known = map(str, [*numbers, int(self.shared), token])
        pipes = dict(stdout=subprocess.PIPE, stderr=subprocess.PIPE, bufsize=0)
        return subprocess.Popen([*words, *known], **pipes, **self.options(fds), **place)

    def options(self, fds):
        "For Popen. In a session of its own, for an interrupt of the caller's group must not reach a pod by itself."
        return dict(pass_fds=fds, start_new_session=True, stdin=subprocess.DEVNULL)

    def hand_over(self):
        "Text of the child from before it was a pod. On the reader's thread, which begins with this."
        return b""

    def poller(self, fds):
        "What tells which of the descriptors can be read, None left out."
        poll = select.poll()
        for fd in fds:
            if fd is not None: poll.register(fd, select.POLLIN)
        return poll

    def kill(self):
        "End the child and what it has started."
        try: os.killpg(self.popen.pid, signal.SIGKILL)
        except (ProcessLookupError, PermissionError): pass  # all have ended; macOS says it so of zombies

    def shut(self, how=socket.SHUT_WR):
        "Send no more calls: the child ends when it has done what it has."
        try: self.calls.sock.shutdown(how)
        except OSError: pass  # the other end has gone already

    def reap(self):
        "The exit code, soon: the child has closed its socket. What it started and left is killed while its number cannot be another's."
        self.wait_for_end()
        self.kill()
        return self.popen.wait()

    def wait_for_end(self):
        "True once the child has ended, whose exit code can be asked for all the same; False after `patience` seconds."
        if not hasattr(os, "waitid"):
            try: self.popen.wait(self.patience)
            except subprocess.TimeoutExpired: return False
            return True
        end = time.monotonic() + self.patience
        while time.monotonic() < end:
            try: has_ended = os.waitid(os.P_PID, self.popen.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
            except ChildProcessError: return True  # the program waits for all its children, or ignores SIGCHLD
            if has_ended: return True
            time.sleep(.002)  # no event tells of an end that another thread may also wait for
        return False

    def crash_report(self):
        "The lines that faulthandler wrote, but for those of our own files."
        self.report.seek(0)
        lines = self.report.read().decode("utf8", "replace").splitlines()
        return [line for line in lines if line and str(start_file.parent) not in line]

    def close_files(self):
        "Close our ends of all that joins us to the pod."
        sockets = self.calls.sock,self.control.sock
        streams = self.popen.stdout,self.popen.stderr
        for file in (*sockets, *streams, self.report, self.life): file.close()

    def let_go(self):
        "In a forked child: close what keeps the pod alive."
        self.life.close()
        self.calls.sock.close()
        self.control.sock.close()

def new_wire(shared=False):
    "Our end of a wire, and the socket for the other one."
    ours,theirs = socket.socketpair()
    if ours.family == socket.AF_INET: tighten(ours, theirs)
    return Wire(ours, shared),theirs

def tighten(ours, theirs):
    """Make sure that the ends of a pair speak to each other, and at once.

    Windows has no pairs: Python connects two sockets by a port of loopback, open for a moment, and before 3.12.5 does
    not look whose connection came."""
    if ours.getsockname() != theirs.getpeername() or theirs.getsockname() != ours.getpeername():
        raise PodError("another process connected to the port by which the pod's sockets find each other; try again")
    for sock in (ours, theirs): sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

def cause_of_death(code):
    "A signal's name, or the exit code. Above 128 it is how a shell, or uv, tells of a signal."
    if code >= 1 << 31: return f"exit code {code:#x}"  # as Windows tells of an exception: 0xc0000005, an access violation
    number = -code if code < 0 else code - 128
    return signal.Signals(number).name if number in signal.valid_signals() else f"exit code {code}"
