"""Whether a command waits for input from its terminal, or just thinks: asked of the operating system.

Linux tells in `/proc` which system call each thread sleeps in, and on which file descriptors. That is exact for our own
processes. Where it cannot be read, on macOS or of a program that runs as another user, as sudo does, the terminal's modes
and the text have to tell. Read `find_wait`, then `Wait`."""
import os, platform, re, struct, termios

# numbers of the system calls in which a thread sleeps until there is input, by machine
x86_64 = {0: "read", 19: "read", 7: "poll", 271: "poll", 23: "select", 270: "select", 232: "epoll", 281: "epoll", 441: "epoll"}
aarch64 = {63: "read", 65: "read", 73: "poll", 72: "select", 22: "epoll", 441: "epoll"}
calls = dict(x86_64=x86_64, aarch64=aarch64).get(platform.machine(), {})
prompt_end = re.compile(r"[?:>\])$#%] ?$")  # how an unfinished line ends that asks for something

class Wait:
    "A thread that waits for input."
    def __init__(self, turn, alone=False, sure=True):
        self.turn = turn    # changes when it waits anew; None if that cannot be told
        self.alone = alone  # True if it waits for nothing else
        self.sure = sure    # True if the system said so

    def asks(self, line, modes):
        "True if a person has to answer: `line` is the unfinished line before it, `modes` are those of the terminal."
        if is_secret(modes): return True
        if self.sure and self.alone and modes & termios.ICANON: return True
        return is_prompt(line)

def is_prompt(line): return bool(prompt_end.search(line))

def is_secret(modes):
    "True if the terminal reads lines without showing them, as for a password."
    return bool(modes & termios.ICANON) and not modes & termios.ECHO

def find_wait(group, terminal):
    """The `Wait` of a process in the process group `group` for the terminal `terminal`, a device number; None if all are busy.

    Where nothing can be read of the processes, one that is not sure: then only the text and the modes of the terminal tell."""
    members = processes_of(group)
    if members is None: return Wait(None, sure=False)
    found = None
    for pid in members:
        for thread in list_folder(f"/proc/{pid}/task"):
            wait = thread_wait(f"/proc/{pid}/task/{thread}", pid, terminal)
            if wait and wait.sure: return wait
            found = found or wait
    return found

def thread_wait(folder, pid, terminal):
    "The `Wait` of the thread in `folder` of /proc, or None."
    try:
        turn = folder,switches(folder)
        call,args = system_call(folder)
    except PermissionError: return Wait(turn, sure=False) if is_asleep(folder) else None
    except OSError: return None  # it has ended
    if not call: return None
    try: fds = waited_fds(call, args, pid)
    except (OSError, struct.error): return None
    ours = [fd for fd in fds if leads_to(pid, fd, terminal)]
    return Wait(turn, alone=len(ours) == len(fds)) if ours else None

def system_call(folder):
    "The name and the arguments of the call in which the thread in `folder` sleeps, if it is one of `calls`. Raises: OSError."
    with open(f"{folder}/syscall") as file: words = file.read().split()
    is_number = bool(words) and words[0].lstrip("-").isdigit()  # else it is "running"
    call = calls.get(int(words[0])) if is_number else None
    return call,[int(word, 16) for word in words[1:7]] if call else []

def waited_fds(call, args, pid):
    "The file descriptors of the process `pid` from which the system call `call` with `args` waits to read."
    if call == "read": return args[:1]
    if call == "epoll": return epoll_fds(pid, args[0])
    return poll_fds(pid, *args[:2]) if call == "poll" else select_fds(pid, *args[:2])

def poll_fds(pid, address, number):
    "The file descriptors that poll(2) is to read, of the array at `address`."
    entries = struct.iter_unpack("ihh", memory(pid, address, 8*min(number, 1024)))
    return [fd for fd,events,_ in entries if fd >= 0 and events & 1]  # 1: POLLIN

def select_fds(pid, number, address):
    "Those that select(2) is to read, of the set at `address`, which may be 0."
    bits = int.from_bytes(memory(pid, address, 128), "little") if address else 0
    return [fd for fd in range(min(number, 1024)) if bits >> fd & 1]

def epoll_fds(pid, fd):
    "Those that the epoll instance `fd` watches."
    with open(f"/proc/{pid}/fdinfo/{fd}") as file: lines = [line for line in file if line.startswith("tfd:")]
    return [int(line.split()[1]) for line in lines]

def memory(pid, address, size):
    "`size` bytes of the memory of the process `pid`. Raises: OSError."
    with open(f"/proc/{pid}/mem", "rb", 0) as file:
        file.seek(address)
        return file.read(size)

def leads_to(pid, fd, terminal):
    "True if `fd` of the process `pid` is the terminal itself, or /dev/tty, its name for the terminal that it has."
    try: device = os.stat(f"/proc/{pid}/fd/{fd}").st_rdev
    except OSError: return False
    return device in (terminal, os.makedev(5, 0))

def switches(folder):
    "How often the thread in `folder` has gone to sleep by itself: a number that tells one wait from the next."
    with open(f"{folder}/status") as file: counts = [line.split()[1] for line in file if line.startswith("voluntary")]
    return counts[0] if counts else None

def is_asleep(folder):
    "True if the thread in `folder` sleeps."
    with open(f"{folder}/stat") as file: fields = file.read().rpartition(")")[2].split()
    return fields[0] == "S"

def processes_of(group):
    "The processes of the process group `group`, or None where /proc does not tell."
    pids = [name for name in list_folder("/proc") if name.isdigit()]
    if not pids: return None
    found = []
    for pid in pids:
        try:
            with open(f"/proc/{pid}/stat") as file: fields = file.read().rpartition(")")[2].split()
        except OSError: continue  # it has ended
        if int(fields[2]) == group: found.append(int(pid))
    return found

def list_folder(path):
    "The names in the folder `path`; none if it is not there."
    try: return os.listdir(path)
    except OSError: return []
