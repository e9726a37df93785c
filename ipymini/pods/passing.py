"""How a pod comes by its ends of the wires: by descriptors that it inherits, or, where a system does not pass these on,
from its standard input. `process` and `sharing` are the caller's halves.

Standard library, Python 3.8 and newer."""
import os, signal, socket, struct, sys, threading

one_size = struct.Struct("<I")  # bytes of what a shared socket is made of

def ready_line(word):
    "How a line to the caller begins that is none of the user's."
    return f"\0pod {word} ".encode()

def take_ends(numbers):
    "The sockets `calls` and `control`, and a descriptor for faulthandler. `numbers`: those on the command line."
    if len(numbers) == 1: return take_shares(*numbers)
    for fd in numbers: os.set_inheritable(fd, False)
    calls,control,life,report = numbers
    tie(life)
    return socket.socket(fileno=calls),socket.socket(fileno=control),report

def take_shares(report):
    """The same from standard input, as Windows has it. `report`: the handle of a file.

    A socket is shared with one process, whose id the caller does not know: it may have started a launcher. So we say
    ours first, and when the sockets are here, for until then the caller has to keep its own."""
    import msvcrt
    os.write(1, ready_line("pid") + b"%d\n" % os.getpid())
    calls,control = [socket.fromshare(read_sized(0)) for _ in range(2)]
    os.write(1, ready_line("ready") + b"\n")
    return calls,control,msvcrt.open_osfhandle(report, os.O_RDWR)

def read_sized(fd):
    "Bytes that come behind their number."
    size, = one_size.unpack(read_exactly(fd, one_size.size))
    return read_exactly(fd, size)

def read_exactly(fd, size):
    "The next bytes; the end of the process, if there are no more."
    data = b""
    while len(data) < size:
        part = os.read(fd, size - len(data))
        if not part: sys.exit("the pod's caller has gone")
        data += part
    return data

def tie(fd):
    """Let Linux kill our process group when the last writer of the pipe `fd` is gone, even while C code holds the GIL;
    elsewhere `Talk.listen` sees to it, and on Windows the caller's job object, too."""
    if sys.platform != "linux": return
    import fcntl
    set_signal = 10  # F_SETSIG, which fcntl does not name
    fcntl.fcntl(fd, fcntl.F_SETOWN, -os.getpgrp())
    fcntl.fcntl(fd, set_signal, signal.SIGKILL)
    fcntl.fcntl(fd, fcntl.F_SETFL, fcntl.fcntl(fd, fcntl.F_GETFL) | os.O_ASYNC)

def hear_interrupts():
    "Have this thread hear SIGINT: who started us may have blocked it."
    if hasattr(signal, "pthread_sigmask"): signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGINT])

def interrupt_main():
    """Have the handler of SIGINT run on the main thread, which may be in a call that blocks.

    Windows has no signals for threads. There one that is raised on any thread ends time.sleep on the main thread."""
    if hasattr(signal, "pthread_kill"): signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)
    else: signal.raise_signal(signal.SIGINT)
