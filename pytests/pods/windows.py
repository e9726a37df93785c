"""Stand-ins for what Windows has and Linux has not, and Linux without what Windows lacks, at both ends of a pod.

`like_windows` changes the caller's process; run as a program, this file changes its own and then runs the file that it is given."""
import fcntl, os, runpy, secrets, select, signal, socket, struct, subprocess, sys, termios, threading
from contextlib import contextmanager
from importlib import import_module
from types import ModuleType, SimpleNamespace

killpg,pthread_kill,main_thread = os.killpg,signal.pthread_kill,threading.main_thread()

lacking = {os: "fork killpg getpgrp setsid register_at_fork memfd_create pidfd_open waitid set_blocking".split(),
    signal: ["pthread_kill", "pthread_sigmask", "SIGKILL"], select: ["poll", "epoll"], socket: ["SCM_RIGHTS", "AF_UNIX", "socketpair"]}

unix = socket.AF_UNIX
rights = socket.SCM_RIGHTS

class Socket(socket.socket):
    "A socket that can be shared with a process, and only there be got again."
    sendmsg = recvmsg = property(lambda self: missing())

    def share(self, pid):
        "What `fromshare` makes a socket of, in the process `pid`."
        server = socket.socket(unix)
        name = b"\0" + secrets.token_bytes(16)
        server.bind(name)
        server.listen()
        threading.Thread(target=self.give, args=(server, pid), daemon=True).start()
        return name

    def give(self, server, pid):
        with server, server.accept()[0] as taker:
            theirs, = struct.unpack("i8x", taker.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))
            assert theirs == pid, f"shared with {pid}, taken by {theirs}"
            taker.sendmsg([b"x"], [(socket.SOL_SOCKET, rights, struct.pack("i", self.fileno()))])
            taker.recv(1)  # as WSADuplicateSocket: the socket must stay until it has been taken

def missing(): raise AttributeError("not on Windows")

def fromshare(name):
    with socket.socket(unix) as sock:
        sock.connect(name)
        _,((_,_,data),),_,_ = sock.recvmsg(1, socket.CMSG_SPACE(4))
        return Socket(fileno=struct.unpack("i", data)[0])

def socketpair():
    "Two sockets connected by loopback."
    with socket.create_server(("127.0.0.1", 0)) as server:
        ours = Socket()
        ours.connect(server.getsockname())
        theirs,_ = server.accept()
        return ours,Socket(fileno=theirs.detach())

def peek(pipe, size):
    "How much there is to read. Raises: BrokenPipeError, at the end."
    number = struct.unpack("i", fcntl.ioctl(pipe, termios.FIONREAD, b"\0" * 4))[0]
    poll = select_poll()
    poll.register(pipe, select.POLLIN)
    if not number and any(event & select.POLLHUP for _,event in poll.poll(0)): raise BrokenPipeError
    return number,0

select_poll = select.poll
msvcrt = ModuleType("msvcrt")
msvcrt.get_osfhandle = lambda fd: fd
msvcrt.open_osfhandle = lambda handle, flags: handle
winapi = ModuleType("_winapi")
winapi.PeekNamedPipe = peek

class Job:
    "A process group for a job object."
    def __init__(self): self.pids = []
    def add(self, pid): self.pids.append(pid)
    def close(self): pass

    def end(self):
        for pid in self.pids:
            try: killpg(pid, 9)
            except ProcessLookupError: pass

def popen(words, startupinfo, creationflags, **kw):
    "A process that inherits the handles of `startupinfo`, and what else Windows takes."
    assert creationflags == 3 and not {"pass_fds", "start_new_session", "preexec_fn"} & kw.keys()
    return subprocess.Popen(words, pass_fds=startupinfo.lpAttributeList["handle_list"], start_new_session=True, **kw)

def without(module):
    "The names of a module that Windows lacks, which are there."
    return [name for name in lacking.get(module, ()) if hasattr(module, name)]

def replica(module, **extra):
    "The module as Windows has it."
    kept = {name: value for name,value in vars(module).items() if name not in without(module)}
    return SimpleNamespace(**{**kept, **extra})

@contextmanager
def like_windows(monkeypatch):
    "The rooms of pods see Windows; the words for `pod` of a Python that does, too."
    from ipymini.pods import client, link, process, reader, segments, wire
    with monkeypatch.context() as m:
        m.setitem(sys.modules, "msvcrt", msvcrt)
        m.setitem(sys.modules, "_winapi", winapi)
        from ipymini.pods import sharing
    with monkeypatch.context() as m:
        windows = replica(os, name="nt", set_handle_inheritable=lambda handle,
            inheritable: os.set_inheritable(handle, inheritable))
        processes = replica(subprocess, Popen=popen, STARTUPINFO=SimpleNamespace, CREATE_NEW_PROCESS_GROUP=1, CREATE_NO_WINDOW=2)
        for room in (client, link, process, reader, segments, sharing, wire):
            if hasattr(room, "os"): m.setattr(room, "os", windows)
            if hasattr(room, "subprocess"): m.setattr(room, "subprocess", processes)
            if hasattr(room, "socket"): m.setattr(room, "socket", replica(socket, socketpair=socketpair))
            if hasattr(room, "select"): m.setattr(room, "select", replica(select))
        m.setattr(sharing, "Job", Job)
        yield [sys.executable, __file__]

def main():
    "Be such a Python, and run the file that the command line names."
    signal.raise_signal = lambda number: pthread_kill(main_thread.ident, number)
    socket.fromshare = fromshare
    for module in lacking:
        for name in without(module): delattr(module, name)
    import_module("multiprocessing.connection")  # takes these modules for the sign of Windows, as subprocess does
    sys.modules["msvcrt"] = msvcrt
    del sys.argv[0]
    runpy.run_path(sys.argv[0], run_name="__main__")

if __name__ == "__main__": main()
