"What the system tells of a kernel's processes: which they are, their CPU time, their memory. Linux only."

import re, time
from collections import Counter
from contextlib import contextmanager
from pathlib import Path

def session(leader):
    "The numbers of all processes in the session that `leader` began, which is what a kernel and its children are."
    stats = Path("/proc").glob("[0-9]*/stat")
    return [int(path.parent.name) for path in stats if session_of(path) == leader]

def session_of(stat):
    "The session of the process whose stat file this is; None if it has ended."
    try: text = stat.read_text()
    except OSError: return None
    return int(text.rpartition(")")[2].split()[3])

def field(path, key):
    "The number behind `key` in a file of /proc."
    return int(re.search(rf"^{key}:\s*(\d+)", Path(path).read_text(), re.M)[1])

def cpu_time(leader):
    "Seconds of CPU that the session of `leader` has used, exactly, with those of threads that have ended."
    clocks = [(~pid << 3) | 2 for pid in session(leader)]  # MAKE_PROCESS_CPUCLOCK of the kernel's headers
    return sum(map(time.clock_gettime, clocks))

def memory(leader):
    "USS and PSS of the session of `leader`, in MB."
    keys = "Private_Clean", "Private_Dirty", "Pss"
    sums = Counter()
    for pid in session(leader): sums.update({key: field(f"/proc/{pid}/smaps_rollup", key) for key in keys})
    return (sums["Private_Clean"] + sums["Private_Dirty"])/1024, sums["Pss"]/1024

def held(pid):
    "How many threads and descriptors `pid` has."
    return field(f"/proc/{pid}/status", "Threads"), len(list(Path(f"/proc/{pid}/fd").iterdir()))

@contextmanager
def peak(pid):
    "A list that gets the growth of the resident size of `pid`, in MB, at its highest inside."
    status = f"/proc/{pid}/status"
    growth = []
    Path(f"/proc/{pid}/clear_refs").write_text("5")  # VmHWM starts again from here
    before = field(status, "VmRSS")
    yield growth
    growth.append((field(status, "VmHWM") - before)/1024)

def switches(pid):
    "How often the threads of `pid` have gone to sleep of their own."
    statuses = Path(f"/proc/{pid}/task").glob("*/status")
    return sum(field(path, "voluntary_ctxt_switches") for path in statuses)
