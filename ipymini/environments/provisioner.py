"""The provisioner that the server extension makes the default: as jupyter_client's own, but kernels of ours come from spare processes.

Read `SpareProvisioner` first, then `Spares`, the processes that wait. What a spare does is in `ipymini.spare`."""

import asyncio, atexit, json, os, subprocess, threading
from jupyter_client.provisioning import LocalProvisioner
from traitlets import Bool, Float, Integer, default

from .kernelspecs import boot_of

room = " " * 200  # in the command line of a spare, for that of the kernel which it becomes
# variables that matter before a kernel's own code is told of its environment: to the interpreter, libraries in C, what we import
early = "PYTHON", "LD_", "DYLD_", "LC_", "LANG", "TZ", "MALLOC_", "OMP_", "TMPDIR", "TEMP", "TMP"

class SpareProvisioner(LocalProvisioner):
    """Starts kernels as LocalProvisioner does, those of ipymini from a spare if one waits, and tells at once when one has ended.

    With `ipc` every kernel, of whatever kind, is reached by unix sockets in a folder of this user's alone."""
    spares = Integer(help="How many spare kernels may wait at most; 0 switches them off.").tag(config=True)
    refill_after = Float(1, help="Seconds from the start of a kernel until a spare for the next one is started.").tag(config=True)
    ipc = Bool(False, help="True: unix sockets in place of ports, so that no other user reaches a kernel.").tag(config=True)
    folder = None  # the `Folder` of the sockets, from the first start to the end
    is_ending = False  # True from the moment that the end of the kernel was asked for

    @default("spares")
    def default_spares(self): return 2 if spares_are_wanted(os.environ) else 0

    async def pre_launch(self, **kw):
        "What the kernel is started with; its connection file is written."
        if self.ipc: self.use_sockets(self.parent)
        return await super().pre_launch(**kw)

    def use_sockets(self, manager):
        "Have `manager` tell kernel and clients to meet at unix sockets."
        from .folder import Folder  # which Windows lacks
        if not self.folder: self.folder = Folder()
        manager.transport = "ipc"
        manager.ip = f"{self.folder.path}/s"

    async def cleanup(self, restart=False):
        "Remove the folder of the sockets, if no kernel comes after this one."
        await super().cleanup(restart=restart)
        if not self.folder or restart: return
        self.folder.remove()
        self.folder = None

    async def launch_kernel(self, cmd, **kw):
        "Start the kernel `cmd`, or tell a spare to become it; its connection info."
        self.is_ending = False
        start = startable(cmd, kw)
        process = start and waiting.take(start, cmd, kw)
        if process: self.adopt(process, kw)
        else: await super().launch_kernel(cmd, **kw)
        if start: waiting.refill(start, self.spares, self.refill_after)
        return self.connection_info

    def adopt(self, process, kw):
        "Make `process` the kernel; it leads a process group, as one that LocalProvisioner starts."
        self.process = process
        self.pid = self.pgid = process.pid
        self.cwd = kw.get("cwd") or os.getcwd()

    async def shutdown_requested(self, restart=False):
        self.is_ending = True
        await super().shutdown_requested(restart)

    async def kill(self, restart=False):
        self.is_ending = True
        await super().kill(restart)

    async def poll(self):
        "None while the kernel runs; once its end was asked for, wait for that a little. The manager asks ten times a second."
        process = self.process
        if self.is_ending and process and process.poll() is None: await ended(process.pid, .5)
        return await super().poll()

def spares_are_wanted(env):
    "True unless IPYMINI_SPARE is 0, or the server is a hub's, where memory is many people's, and it is not 1."
    return env.get("IPYMINI_SPARE", "0" if "JUPYTERHUB_USER" in env else "1") != "0"

async def ended(pid, patience):
    "Wait until the process `pid` has ended, `patience` seconds at most, where the system can tell."
    loop = asyncio.get_running_loop()
    try:
        fd = os.pidfd_open(pid)
        end = loop.create_future()
        loop.add_reader(fd, lambda: end.done() or end.set_result(None))
    except (AttributeError, NotImplementedError, OSError): return  # macOS, Windows; or it has ended just now
    try: await asyncio.wait([end], timeout=patience)
    finally:
        loop.remove_reader(fd)
        os.close(fd)

# -- the processes that wait

class Start:
    "How a kernel is started: the command before -f, and the variables that matter before it is told anything; equal ones share spares."
    def __init__(self, command, env):
        self.command = command
        self.early = {name: value for name,value in env.items() if name.startswith(early)}
        self.key = json.dumps([command, self.early], sort_keys=True)

def startable(cmd, kw):
    "The Start of a kernel of ours that is started directly, else None."
    if "-f" not in cmd or kw.keys() - {"env", "cwd", "extra_arguments", "kernel_id"}: return None
    command = cmd[:cmd.index("-f")]
    is_lent = command[-1].endswith("start.py") and boot_of(os.path.dirname(command[-1]))
    if not is_lent and command[-2:] != ["-m", "ipymini"]: return None
    return Start(command, kw.get("env") or os.environ)

class Spares:
    "The processes that wait, by the key of their Start."
    def __init__(self):
        self.processes = {}
        self.lock = threading.Lock()  # `processes` changes on the server's thread and on timers'
        atexit.register(self.end_all)

    def take(self, start, cmd, kw):
        "A spare that has been told to become the kernel `cmd`; None if none waits, or the order does not suit one."
        env = {**(kw.get("env") or os.environ), "JPY_PARENT_PID": str(os.getpid())}
        cwd = kw.get("cwd") or os.getcwd()
        options = cmd[len(start.command):]
        order = json.dumps(dict(env=env, cwd=cwd, start=start.command, argv=options)) + "\n"
        # a pipe holds 64 KB: more would keep the server waiting
        if len(order) > 60_000 or not os.path.isdir(cwd): return None
        with self.lock: process = self.processes.pop(start.key, None)
        if not process or process.poll() is not None: return None
        try:
            with process.stdin as pipe: pipe.write(order.encode())
        except BrokenPipeError: return None  # it died just now
        return process

    def refill(self, start, most, delay):
        "Have a spare for `start` wait, `delay` seconds from now: the kernel that has just been started goes first."
        timer = threading.Timer(delay, self.add, [start, most])
        timer.daemon = True
        timer.start()

    def add(self, start, most):
        "Start a spare for `start` unless one waits; the oldest makes room for it if there would be more than `most`."
        with self.lock:
            self.processes = {key: process for key,process in self.processes.items() if process.poll() is None}
            if most < 1 or start.key in self.processes or memory_is_short(): return
            while len(self.processes) >= most: self.end(next(iter(self.processes)))
            env = {**os.environ, **start.early}
            options = dict(stdin=subprocess.PIPE, start_new_session=True, cwd="/")
            self.processes[start.key] = subprocess.Popen([*start.command, "spare", room], env=env, **options)

    def end(self, key):
        "Let the spare of `key` end, which it does when its stdin does."
        process = self.processes.pop(key)
        process.stdin.close()
        process.wait()

    def end_all(self):
        with self.lock:
            for key in list(self.processes): self.end(key)

least = 2**30  # bytes of memory that must be free for a spare

def memory_is_short():
    "True where the system says that less than `least` bytes of memory are free; a container may have less than its host."
    free = []
    try:
        with open("/proc/meminfo") as file: lines = [line.split() for line in file]
        free += [int(words[1]) * 1024 for words in lines if words[0] == "MemAvailable:"]
        with open("/sys/fs/cgroup/memory.max") as most, open("/sys/fs/cgroup/memory.current") as now:
            text = most.read().strip()
            if text != "max": free.append(int(text) - int(now.read()))
    except OSError: pass  # not Linux, or another version of cgroups
    return bool(free) and min(free) < least

waiting = Spares()
