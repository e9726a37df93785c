"""What the operating system knows of us: the log, children, the launcher's life, resources. Standard library only.

A call that only Linux has stands beside its fallback."""
import faulthandler, mmap, os, signal, sys, threading, time

try: log_fd = os.dup(2)  # before file descriptor 2 is captured: what we log must not become a cell's output
except OSError: log_fd = os.open(os.devnull, os.O_WRONLY)

here = os.path.dirname(__file__)

class clock:
    "The functions of `time` as Python made them. What freezes time for a test (freezegun) replaces them in all modules; what a class holds it leaves"
    monotonic = time.monotonic
    now = time.time
    sleep = time.sleep
    gmtime = time.gmtime
    strftime = time.strftime

def log(text):
    try: os.write(log_fd, text.encode("utf8", "backslashreplace"))
    except OSError: pass  # whoever read it has gone

class Letter:
    "What the next kernel on the connection file `file` says in its first cell if this one dies: the cell that ran and faulthandler's stack"
    def __init__(self, file):
        folder,name = os.path.split(file)
        self.path,self.text = os.path.join(folder, f".{name}.death"),""  # hidden: jupyter_client finds connection files by part of a name
        try:
            f = open(os.open(self.path, os.O_RDWR|os.O_CREAT|os.O_APPEND, 0o600), "r+b", 0)
            self.text = story(f.read())
            f.truncate(0)
            f.write(bytes(4096))  # the cell goes here, through memory; faulthandler writes behind it
            self.f,self.map = f,mmap.mmap(f.fileno(), 4096)
            faulthandler.enable(f, all_threads=False)
        except OSError as e:
            self.map = bytearray(4096)
            log(f"ipymini: no record of crashes, {self.path}: {e.strerror}\n")

    def cell(self, code):
        "Note the cell that runs now, or \"\" for none"
        b = code.encode("utf8", "backslashreplace")[:4000]
        self.map[:len(b)+1] = b+b"\0"

    def burn(self):
        "Leave no letter, neither ours nor one beside a connection file that is gone"
        remove(self.path)
        folder = os.path.dirname(self.path)
        try: names = os.listdir(folder)
        except OSError: return  # it is gone, too
        remove(*(os.path.join(folder, n) for n in names if n.startswith(".") and n.endswith(".json.death") and n[1:-6] not in names))

def story(letter):
    "A letter in words; of a kernel that was killed between cells there is nothing to tell"
    code,fault = (b.decode("utf8", "replace") for b in (letter[:4096].partition(b"\0")[0], letter[4096:]))
    if not code+fault: return ""
    fault = "".join(l for l in fault.splitlines(True) if not any(f in l for f in (here, "/IPython/core/", "/asyncio/", "<frozen runpy>")))
    what = f"\nIt ran this cell:\n\n{code}\n\n" if code else "\n"
    return "The kernel before this one died." + what + (fault or "It left no trace: it was killed, ran out of memory, or called os._exit.\n")

def interrupt():
    "What Ctrl-C does: SIGINT for us and, if we lead a process group, for the children in it"
    if os.name == "nt": return signal_main()
    me = os.getpid()
    if os.getpgrp() == me != 1: os.killpg(me, signal.SIGINT)
    else: os.kill(me, signal.SIGINT)  # process 1 of a container, too: killpg(1) is kill(-1), which is everyone but us

def signal_main(num=signal.SIGINT):
    "Have the handler of `num` run on the main thread, out of any system call"
    if hasattr(signal, "pthread_kill"): signal.pthread_kill(threading.main_thread().ident, num)
    else:
        import _thread
        _thread.interrupt_main(num)

def stacks():
    "Where each thread that runs user code is, as text"
    import traceback
    names,parts = {t.ident: t for t in threading.enumerate()},[]
    for id,frame in sys._current_frames().items():
        t,calls = names.get(id),traceback.extract_stack(frame)
        ours = max((i for i,f in enumerate(calls) if f.filename.startswith(here)), default=-1)
        if not (getattr(t, "pydev_do_not_trace", False) or type(t).__module__.startswith("zmq.")) and calls[ours+1:]:
            parts += [f"\nThread {t.name if t else id}, most recent call last:\n", *traceback.format_list(calls[ours+1:])]
    return "\nStill running after an interrupt. Where each thread is:\n" + "".join(parts)

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

last = {}  # CPU seconds by pid and of the host, when usage was asked for last

def usage():
    "What jupyter-resource-usage shows: CPU in percent and memory in bytes of us and our children, and of the host; all of it only from /proc"
    import socket
    res = dict(hostname=socket.gethostname(), pid=os.getpid(), cpu_count=os.cpu_count())
    if not os.path.isdir("/proc/self"): return res
    now,cpu,mem = clock.monotonic(),{},0
    for pid in tree():
        try: cpu[pid],mem = cpu_seconds(pid), mem+memory(pid)
        except OSError: continue
    host,idle = host_cpu()
    before = last.get("when")
    if before:
        res["kernel_cpu"] = round(100*sum(s-last["cpu"].get(pid, 0) for pid,s in cpu.items())/max(now-before, 1e-3), 1)
        if host > last["host"]: res["host_cpu_percent"] = round(100*(1-(idle-last["idle"])/(host-last["host"])), 1)
    last.update(when=now, cpu=cpu, host=host, idle=idle)
    return dict(dict(kernel_cpu=0.0), **res, kernel_memory=mem, host_virtual_memory=host_memory())

def cpu_seconds(pid):
    with open(f"/proc/{pid}/stat") as f: return sum(map(int, f.read().rpartition(")")[2].split()[11:13])) / os.sysconf("SC_CLK_TCK")

def memory(pid):
    "Proportional set size, else resident"
    try:
        with open(f"/proc/{pid}/smaps_rollup") as f: return next(int(l.split()[1])*1024 for l in f if l.startswith("Pss:"))
    except (OSError, StopIteration):
        with open(f"/proc/{pid}/statm") as f: return int(f.read().split()[1])*os.sysconf("SC_PAGE_SIZE")

def host_cpu():
    "Jiffies so far, in all and idle"
    with open("/proc/stat") as f: t = list(map(int, f.readline().split()[1:9]))
    return sum(t), t[3]+t[4]

def host_memory():
    with open("/proc/meminfo") as f: m = {k: int(v.split()[0])*1024 for k,v in (l.split(":") for l in f)}
    total,free = m["MemTotal"], m.get("MemAvailable", m["MemFree"])
    names = dict(free="MemFree", active="Active", inactive="Inactive", buffers="Buffers", cached="Cached", shared="Shmem", slab="Slab")
    return dict(total=total, available=free, used=total-free, percent=round(100*(total-free)/total, 1), **{k: m.get(v, 0) for k,v in names.items()})

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
