"""Makes a kernel see what it would on another system; Python runs this file at its start. IPYMINI_LIKE: which system.

"windows": what that lacks is gone, and handles are file descriptors here: of a pipe whose end is a process's, or each byte of which sets an event."""
import os, signal, sys

def like_macos():
    "No /proc, and no descriptor for a process."
    isdir = os.path.isdir
    os.path.isdir = lambda path: path != "/proc/self" and isdir(path)
    del os.pidfd_open

def like_windows():
    import _thread, threading
    from importlib import import_module
    from types import ModuleType
    for name in ("subprocess", "multiprocessing.connection"): import_module(name)  # which take _winapi for the sign of Windows
    sys.modules["subprocess"]._CAN_USE_PIDFD_OPEN = False  # Python 3.15
    for name in ("fork", "forkpty", "killpg", "getpgrp", "pidfd_open", "register_at_fork", "pread", "pwrite"):
        delattr(os, name)
    signal.SIGBREAK = signal.SIGURG
    for name in ("pthread_kill", "pthread_sigmask", "SIGURG", "SIGUSR1", "SIGHUP"): delattr(signal, name)
    signal.raise_signal = _thread.interrupt_main  # which ends no wait: so it is on Windows, but for time.sleep
    winapi = sys.modules["_winapi"] = ModuleType("_winapi")
    winapi.WaitForSingleObject = wait
    from ipymini.system import jobs, processes
    jobs.Job = Job
    processes.has_handles = True
    from ipymini.light_asyncio import asyncio
    class ProactorEventLoop(asyncio.SelectorEventLoop):
        "A loop, which on the main thread takes the wake-up descriptor, and gives it to nobody when it is closed, as that of Windows does."
        def __init__(self):
            super().__init__()
            if threading.current_thread() is threading.main_thread(): signal.set_wakeup_fd(self._csock.fileno())

        def close(self):
            if threading.current_thread() is threading.main_thread(): signal.set_wakeup_fd(-1)
            super().close()

    asyncio.ProactorEventLoop = ProactorEventLoop
    asyncio.new_event_loop = asyncio.events.new_event_loop = lambda: ProactorEventLoop()
    del asyncio.SelectorEventLoop._handle_signal

ended = set()

def wait(handle, milliseconds):
    "Until a byte can be read of the handle, or its end has come, which is told once."
    if handle in ended: raise OSError(6, "The handle is invalid")
    if not os.read(handle, 1): ended.add(handle)

class Job:
    made = []
    def __init__(self): Job.made.append([])
    def add(self, pid): Job.made[-1].append(pid)

system = os.environ.pop("IPYMINI_LIKE", "")
if system: globals()[f"like_{system}"]()
