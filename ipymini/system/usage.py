"CPU and memory of us, our children and the host, as jupyter-resource-usage shows them."
import os

from .clock import clock
from .processes import tree

def usage():
    """What jupyter-resource-usage shows of us, our children and the host.

    CPU is in per cent, since usage was asked for last, and memory in bytes. Where there is no /proc, most of it is missing."""
    import socket
    about = dict(hostname=socket.gethostname(), pid=os.getpid(), cpu_count=os.cpu_count())
    if not os.path.isdir("/proc/self"): return about
    before,sample = Sample.last,Sample()
    Sample.last = sample
    shares = sample.since(before) if before else dict(kernel_cpu=0.0)
    return dict(about, **shares, kernel_memory=sample.memory, host_virtual_memory=host_memory())

class Sample:
    "What was used until now."
    last = None  # the one that was taken when usage was asked for last

    def __init__(self):
        self.when = clock.monotonic()
        self.cpu = {}    # CPU seconds by pid, of us and our children
        self.memory = 0  # bytes, of all of them
        for pid in tree(): self.add(pid)
        self.host_jiffies,self.idle_jiffies = host_cpu()

    def add(self, pid):
        "Add what the process `pid` has used, if it is still there."
        try: seconds,size = cpu_seconds(pid),memory(pid)
        except OSError: return
        self.cpu[pid] = seconds
        self.memory += size

    def since(self, before):
        "Per cent of the CPU used since the sample `before`; of the host's only if the time was long enough to tell."
        seconds = max(self.when-before.when, 1e-3)
        used = sum(now-before.cpu.get(pid, 0) for pid,now in self.cpu.items())
        shares = dict(kernel_cpu=round(100*used/seconds, 1))
        jiffies = self.host_jiffies-before.host_jiffies
        idle = self.idle_jiffies-before.idle_jiffies
        if jiffies > 0: shares["host_cpu_percent"] = round(100*(1-idle/jiffies), 1)
        return shares

def cpu_seconds(pid):
    "CPU seconds that the process `pid` has used. Raises: OSError."
    with open(f"/proc/{pid}/stat") as file: fields = file.read().rpartition(")")[2].split()
    user,system = map(int, fields[11:13])
    return (user+system) / os.sysconf("SC_CLK_TCK")

def memory(pid):
    "Bytes of memory of the process `pid`: proportional set size, else resident. Raises: OSError."
    try:
        with open(f"/proc/{pid}/smaps_rollup") as file:
            return next(kilobytes(line) for line in file if line.startswith("Pss:"))
    except (OSError, StopIteration):
        with open(f"/proc/{pid}/statm") as file: pages = int(file.read().split()[1])
        return pages*os.sysconf("SC_PAGE_SIZE")

def host_cpu():
    "Jiffies so far, in all and idle, waiting for a disk included."
    with open("/proc/stat") as file: jiffies = [int(word) for word in file.readline().split()[1:9]]
    return sum(jiffies),jiffies[3]+jiffies[4]

def host_memory():
    "Bytes of memory of the host, by psutil's names."
    with open("/proc/meminfo") as file: found = {line.partition(":")[0]: kilobytes(line) for line in file}
    total = found["MemTotal"]
    free = found.get("MemAvailable", found["MemFree"])
    percent = round(100*(total-free)/total, 1)
    others = {name: found.get(key, 0) for name,key in psutil_names.items()}
    return dict(total=total, available=free, used=total-free, percent=percent, **others)

psutil_names = dict(free="MemFree", active="Active", inactive="Inactive", buffers="Buffers", cached="Cached",
    shared="Shmem", slab="Slab")  # and those of Linux

def kilobytes(line):
    "The number in a line like `Pss: 12 kB`, in bytes."
    return int(line.split()[1])*1024
