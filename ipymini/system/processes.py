"""Processes: interrupts, children, the launcher's life, forks.

A call that only one platform has stands beside its fallback."""
import os, signal, sys, threading

from .clock import clock
from .log import log

has_handles = os.name == "nt"  # Windows: what we inherit is known by handles, and a signal does not end a wait of the main thread
for_ever = 0xffffffff

# -- signals

def interrupt():
    "What Ctrl-C does: SIGINT for us and, if we lead a process group, for the children in it."
    if not hasattr(os, "killpg"): return signal_main()
    pid = os.getpid()
    is_group = os.getpgrp() == pid
    if is_group and pid != 1: os.killpg(pid, signal.SIGINT)
    else: os.kill(pid, signal.SIGINT)  # process 1 of a container, too: killpg(1) is kill(-1), which is everyone but us

main_ident = threading.main_thread().ident  # whatever a cell puts into `threading`

def signal_main(number=signal.SIGINT):
    """Have the handler of the signal `number` run on the main thread, out of any system call.

    On Windows out of time.sleep alone, and only if the signal is raised: `_thread.interrupt_main` does not end that either."""
    if hasattr(signal, "pthread_kill"): signal.pthread_kill(main_ident, number)
    else: signal.raise_signal(number)

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
    "The same where there is no /proc, but for the `ps` that tells and for what has ended: nobody need wait for these."
    import subprocess
    with subprocess.Popen(["ps", "-A", "-o", "pid=,ppid=,pgid=,stat="], stdout=subprocess.PIPE, text=True) as ps:
        rows = [line.split() for line in ps.stdout]
    found = [tuple(map(int, numbers)) for *numbers,state in rows if not state.startswith("Z")]
    return [each for each in found if each[0] != ps.pid]

def process(pid):
    "`pid`, its parent and its process group; None if it has ended."
    try:  # unbuffered: without the GIL a buffer takes up to 50 ms beside threads that run, system calls do not
        with open(f"/proc/{pid}/stat", "rb", buffering=0) as file: stat = file.read()
    except OSError: return None
    state,parent,group = stat.rpartition(b")")[2].split()[:3]
    return None if state == b"Z" else (pid, int(parent), int(group))

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

    Those that left it for a group of their own do not. None on Windows, where `tie_children` sees to them."""
    if not hasattr(os, "getpgrp"): return []
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

def tie_children():
    """Have what this process starts end with it, where no group of processes does that: on Windows, by a job object.

    Whoever calls this keeps what comes back."""
    if not has_handles: return None
    from .jobs import Job
    job = None
    try:
        job = Job()
        job.add(os.getpid())
    except OSError as e: log(f"what cells start may outlive the kernel: {e}")
    return job

def stay_awake():
    "Keep macOS from slowing down a process that has no window that is seen, as it does by its App Nap."
    if sys.platform != "darwin": return
    from appnope import nope
    nope()

# -- the launcher

def watch_launcher(named, channel, callback):
    "Have `channel` call `callback` when the launcher ends. `named`: JPY_PARENT_PID, its process id, or, on Windows, a handle of it."
    number = int(named) if named.isdigit() else 0
    if not 1 < number < 2**31: return
    if not has_handles: return watch_process(number, channel, callback)
    def wait():
        if is_set(number): channel.fence(callback)
    on_thread(wait, "launcher watch")

def watch_process(pid, channel, callback):
    """Have `channel` call `callback` when the process `pid` ends.

    One that cannot be seen, as across containers, is not watched."""
    def ended():
        callback()
        return True
    try: return channel.watch(os.pidfd_open(pid), ended)
    except ProcessLookupError: return
    except (AttributeError, OSError): pass  # there is no such call, or none that may be used
    on_thread(lambda: wait_process(pid, lambda: channel.fence(callback)), "launcher watch")

def wait_process(pid, callback):
    "Call `callback` when the process `pid` has ended, looking once a second as no event tells."
    if not exists(pid): return
    while exists(pid): clock.sleep(1)
    callback()

def watch_interrupts(named, callback):
    "Have `callback` called, on a thread, each time that Jupyter sets an event of Windows. `named`: JPY_INTERRUPT_EVENT, its handle."
    if not (has_handles and named.isdigit()): return
    def wait():
        while is_set(int(named)): callback()  # the event resets itself
    on_thread(wait, "interrupt watch")

def is_set(handle):
    "Wait until what `handle` stands for is set, or has ended; False if it stands for nothing."
    import _winapi
    try: _winapi.WaitForSingleObject(handle, for_ever)
    except OSError as e:
        log(f"the launcher gave a handle that cannot be waited for, {handle}: {e}")
        return False
    return True

def watch_input(fd, channel, callback):
    "Have `channel` call `callback` at the end of what can be read from `fd`."
    def read():
        is_at_end = not os.read(fd, 4096)
        if is_at_end: callback()
        return is_at_end
    def wait():
        while os.read(fd, 4096): pass
        channel.fence(callback)
    if has_handles: on_thread(wait, "stdin watch")  # zmq waits for sockets alone there
    else: channel.watch(fd, read)

def on_thread(function, name):
    "Run `function` on a thread which keeps no process alive, and which the debugger never stops."
    thread = threading.Thread(target=function, name=name, daemon=True)
    thread.pydev_do_not_trace = thread.is_pydev_daemon_thread = True
    thread.start()

def exists(pid):
    "True if there is a process `pid`."
    try: os.kill(pid, 0)
    except ProcessLookupError: return False
    except PermissionError: pass  # another user's
    return True

def hear(numbers):
    "Have this thread hear the signals `numbers`: who started us may have blocked them, as programs do in threads of theirs."
    if hasattr(signal, "pthread_sigmask"): signal.pthread_sigmask(signal.SIG_UNBLOCK, numbers)

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
