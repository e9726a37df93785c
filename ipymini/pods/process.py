"""A child process that is a pod: how it is started, ended and buried.

Its sockets and pipes are made here and passed by descriptor, so nobody else can have them. POSIX only: `pass_fds`."""
import os, signal, socket, subprocess, time
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
        if os.name != "posix": raise PodError("pods need descriptors to be passed to a child process, which this system does not do")
        self.shared = can_share() and os.environ.get("IPYMINI_POD_SHARED") != "0"
        life,end = os.pipe()
        self.life = open(end, "wb", buffering=0)  # its end is the end of the pod
        self.calls,calls = new_wire(self.shared)
        self.control,control = new_wire()
        self.report = TemporaryFile()  # where the pod's faulthandler writes
        theirs = [calls, control, life]
        fds = [*theirs, self.report.fileno()]
        words = [*argv, str(start_file), str(cache()/"bytecode/pods")]
        try: self.popen = self.open(words, fds, token, dict(env=env, cwd=cwd))
        except OSError as error:
            self.let_go()
            raise PodError(f"the pod did not start: {error}") from None
        finally:
            for fd in theirs: os.close(fd)

    def open(self, words, fds, token, place):
        """Start the words, with the descriptors and what else the child is to know behind them, in a session of their own:
        an interrupt of the caller's group must not reach a pod by itself."""
        return self.launch(words, fds, fds, token, place)

    def launch(self, words, fds, numbers, token, place):
        "Start the words. `numbers`: what the child knows the descriptors by."
        known = map(str, [*numbers, int(self.shared), token])
        return subprocess.Popen([*words, *known], pass_fds=fds, start_new_session=True, bufsize=0, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, **place)

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
        "Wait for `patience` seconds at most, and leave the exit code to be asked for."
        if not hasattr(os, "waitid"):
            try: self.popen.wait(self.patience)
            except subprocess.TimeoutExpired: pass
            return
        end = time.monotonic() + self.patience
        while time.monotonic() < end:
            if os.waitid(os.P_PID, self.popen.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT): return
            time.sleep(.002)  # no event tells of an end that another thread may also wait for

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
    "Our end, and the descriptor of the other one."
    ours,theirs = socket.socketpair()
    return Wire(ours, shared),theirs.detach()

def cause_of_death(code):
    "A signal's name, or the exit code. Above 128 it is how a shell, or uv, tells of a signal."
    number = -code if code < 0 else code - 128
    return signal.Signals(number).name if number in signal.valid_signals() else f"exit code {code}"
