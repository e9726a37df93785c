"Processes: interrupts, children, the launcher's life, forks. A call that only one platform has stands beside its fallback."
import os, signal, threading

from .clock import clock
from .log import log

def interrupt():
    "What Ctrl-C does: SIGINT for us and, if we lead a process group, for the children in it"
    if os.name == "nt": return signal_main()
    me = os.getpid()
    if os.getpgrp() == me != 1: os.killpg(me, signal.SIGINT)
    else: os.kill(me, signal.SIGINT)  # process 1 of a container, too: killpg(1) is kill(-1), which is everyone but us

main_ident = threading.main_thread().ident  # whatever a cell puts into `threading`

def signal_main(num=signal.SIGINT):
    "Have the handler of `num` run on the main thread, out of any system call"
    if hasattr(signal, "pthread_kill"): signal.pthread_kill(main_ident, num)
    else:
        import _thread
        _thread.interrupt_main(num)

def processes():
    "pid, parent and process group of every process that can be seen"
    if not os.path.isdir("/proc/self"):
        import subprocess
        out = subprocess.run(["ps", "-A", "-o", "pid=,ppid=,pgid="], capture_output=True, text=True).stdout
        return [tuple(map(int, line.split())) for line in out.splitlines()]
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/stat") as f: state,ppid,pgid = f.read().rpartition(")")[2].split()[:3]
        except OSError: continue
        if state != "Z": found.append((int(pid), int(ppid), int(pgid)))
    return found

def tree():
    "Our descendants, with their process groups"
    ps,found = processes(),{os.getpid(): os.getpgrp()}
    while new := {pid: pgid for pid,ppid,pgid in ps if ppid in found and pid not in found}: found.update(new)
    return found

def children():
    "Processes that end with us: our descendants, and all others of the group if we lead it, save those that left it for a group of their own"
    if os.name == "nt": return []
    me,group = os.getpid(),os.getpgrp()
    mine = {pid for pid,pgid in tree().items() if pgid == group}
    if me == group: mine |= {pid for pid,_,pgid in processes() if pgid == group}
    return sorted(mine-{me})

def signal_all(pids, num):
    for pid in pids:
        try: os.kill(pid, num)
        except ProcessLookupError: pass

def reap(patience=1):
    "Wait for our children to end; kill those that live on after `patience` seconds, and those that they have begun meanwhile"
    end = clock.monotonic()+patience
    while (alive := children()) and clock.monotonic() < end+.2:
        if clock.monotonic() > end: signal_all(alive, signal.SIGKILL)
        clock.sleep(.01)

def watch_process(pid, channel, f):
    "Have `channel` call `f` when the process `pid` ends; one that cannot be seen, as across containers, is not watched"
    try: return channel.watch(os.pidfd_open(pid), f)
    except ProcessLookupError: return
    except (AttributeError, OSError): pass
    t = threading.Thread(target=wait_process, args=(pid, lambda: channel.fence(f)), name="launcher watch", daemon=True)
    t.pydev_do_not_trace = t.is_pydev_daemon_thread = True
    t.start()

def wait_process(pid, f):
    "Call `f` when `pid` has ended, looking once a second where no event tells"
    if os.name == "nt":
        import _winapi
        try: _winapi.WaitForSingleObject(_winapi.OpenProcess(0x100000, False, pid), 0xffffffff)  # SYNCHRONIZE, for ever
        except OSError: return
        return f()
    if not exists(pid): return
    while exists(pid): clock.sleep(1)
    f()

def exists(pid):
    try: os.kill(pid, 0)
    except ProcessLookupError: return False
    except PermissionError: pass
    return True

def remove(*paths):
    for p in paths:
        try: os.remove(p)
        except FileNotFoundError: pass
        except OSError as e: log(f"ipymini: cannot remove {p}: {e.strerror}\n")

fork = threading.local()  # mask: the signals that this thread had blocked when it began the fork that goes on, else None

def forking():
    "True if this thread forks: what it runs just now, hooks and warnings, must not be left by an exception"
    return getattr(fork, "mask", None) is not None

def part_at_fork(nums, handler):
    """Leave a forked child the signals `nums`: through `handler` and the wakeup fd, which it shares with us, they would hit us in its place

    multiprocessing ends the workers of a pool by SIGTERM, often before they have run at all; so signals wait until the child is on its own."""
    def hold():
        mask = signal.pthread_sigmask(signal.SIG_BLOCK, nums)
        if not forking(): fork.mask = mask  # else the fork before this one failed half-way
    def release():
        signal.pthread_sigmask(signal.SIG_SETMASK, fork.mask)
        fork.mask = None
    def part():
        signal.set_wakeup_fd(-1)
        for n in nums:
            if signal.getsignal(n) == handler: signal.signal(n, signal.default_int_handler if n == signal.SIGINT else signal.SIG_DFL)
        release()
    os.register_at_fork(before=hold, after_in_parent=release, after_in_child=part)
