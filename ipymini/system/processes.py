"""Processes: interrupts, children, the launcher's life, forks.

A call that only one platform has stands beside its fallback."""
import os, signal, threading

from .clock import clock

# -- signals

def interrupt():
    "What Ctrl-C does: SIGINT for us and, if we lead a process group, for the children in it."
    if os.name == "nt": return signal_main()
    pid = os.getpid()
    is_group = os.getpgrp() == pid
    if is_group and pid != 1: os.killpg(pid, signal.SIGINT)
    else: os.kill(pid, signal.SIGINT)  # process 1 of a container, too: killpg(1) is kill(-1), which is everyone but us

main_ident = threading.main_thread().ident  # whatever a cell puts into `threading`

def signal_main(number=signal.SIGINT):
    "Have the handler of the signal `number` run on the main thread, out of any system call."
    if hasattr(signal, "pthread_kill"): signal.pthread_kill(main_ident, number)
    else:
        import _thread
        _thread.interrupt_main(number)

def signal_all(pids, number):
    "Send the signal `number` to those of the processes `pids` that are still there."
    for pid in pids:
        try: os.kill(pid, number)
        except ProcessLookupError: pass


# -- children

def processes():
    "Pid, parent and process group of every process that can be seen."
    if not os.path.isdir("/proc/self"): return processes_by_ps()
    found = [process(int(name)) for name in os.listdir("/proc") if name.isdigit()]
    return [each for each in found if each]

def processes_by_ps():
    "The same where there is no /proc."
    import subprocess
    output = subprocess.run(["ps", "-A", "-o", "pid=,ppid=,pgid="], capture_output=True, text=True).stdout
    return [tuple(map(int, line.split())) for line in output.splitlines()]

def process(pid):
    "`pid`, its parent and its process group; None if it has ended."
    try:
        with open(f"/proc/{pid}/stat") as file: fields = file.read().rpartition(")")[2].split()
    except OSError: return None
    state,parent,group = fields[:3]
    return None if state == "Z" else (pid, int(parent), int(group))

def tree():
    "The process groups of us and our descendants, by their pids."
    every = processes()
    found = {os.getpid(): os.getpgrp()}
    while True:
        children = {pid: group for pid,parent,group in every if parent in found and pid not in found}
        if not children: return found
        found.update(children)

def children():
    """Processes that end with us: our descendants, and all others of our process group if we lead it.

    Those that left it for a group of their own do not."""
    if os.name == "nt": return []
    own = os.getpid()
    own_group = os.getpgrp()
    found = {pid for pid,group in tree().items() if group == own_group}
    if own == own_group: found |= {pid for pid,_,group in processes() if group == own_group}
    return sorted(found-{own})

def reap(seconds=1):
    "Wait for our children to end; kill those that live on after `seconds`, and those that they have begun meanwhile."
    end = clock.monotonic()+seconds
    while (alive := children()) and clock.monotonic() < end+.2:
        if clock.monotonic() > end: signal_all(alive, signal.SIGKILL)
        clock.sleep(.01)


# -- the launcher

def watch_process(pid, channel, callback):
    """Have `channel` call `callback` when the process `pid` ends.

    One that cannot be seen, as across containers, is not watched."""
    try: return channel.watch(os.pidfd_open(pid), callback)
    except ProcessLookupError: return
    except (AttributeError, OSError): pass  # there is no such call, or none that may be used
    ended = lambda: channel.fence(callback)
    watch = threading.Thread(target=wait_process, args=(pid, ended), name="launcher watch", daemon=True)
    watch.pydev_do_not_trace = watch.is_pydev_daemon_thread = True  # the debugger must never stop it
    watch.start()

def wait_process(pid, callback):
    "Call `callback` when the process `pid` has ended, looking once a second where no event tells."
    if os.name == "nt": return wait_on_windows(pid, callback)
    if not exists(pid): return
    while exists(pid): clock.sleep(1)
    callback()

def wait_on_windows(pid, callback):
    "The same on Windows, which tells."
    import _winapi
    try:
        handle = _winapi.OpenProcess(0x100000, False, pid)  # SYNCHRONIZE
        _winapi.WaitForSingleObject(handle, 0xffffffff)  # for ever
    except OSError: return
    callback()

def exists(pid):
    "True if there is a process `pid`."
    try: os.kill(pid, 0)
    except ProcessLookupError: return False
    except PermissionError: pass  # another user's
    return True


# -- files

# -- forks

fork = threading.local()  # mask: the signals that this thread had blocked when it began the fork that goes on, else None

def forking():
    "True if this thread forks: what it runs just now, hooks and warnings, must not be left by an exception."
    return getattr(fork, "mask", None) is not None

def part_at_fork(numbers, handler):
    """Leave a forked child its signals: through `handler` and the wakeup fd, which it shares with us, `numbers` would hit us in its place.

    multiprocessing ends the workers of a pool by SIGTERM, often before they have run at all. So signals wait until the
    child is on its own."""
    def hold():
        mask = signal.pthread_sigmask(signal.SIG_BLOCK, numbers)
        if not forking(): fork.mask = mask  # else the fork before this one failed half-way

    def release():
        signal.pthread_sigmask(signal.SIG_SETMASK, fork.mask)
        fork.mask = None

    def part():
        signal.set_wakeup_fd(-1)
        for number in numbers:
            if signal.getsignal(number) == handler: signal.signal(number, defaults.get(number, signal.SIG_DFL))
        release()

    os.register_at_fork(before=hold, after_in_parent=release, after_in_child=part)

defaults = {signal.SIGINT: signal.default_int_handler}  # what Python has for signals in place of the system's own
