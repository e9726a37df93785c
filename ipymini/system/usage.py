"CPU and memory of us, our children and the host, as jupyter-resource-usage shows them."
import os

from .clock import clock
from .processes import tree

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
