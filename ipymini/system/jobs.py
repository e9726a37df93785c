"""Job objects: what Windows has in place of process groups. What is in a job, and what that starts, ends with it.

A process that is started with CREATE_BREAKAWAY_FROM_JOB is not in it: so a cell can start what is to outlive the kernel."""
import struct

limits = struct.Struct("@qqInnIPII6Q4n")  # JOBOBJECT_EXTENDED_LIMIT_INFORMATION; the third number is LimitFlags
limit_flags = 0x2000 | 0x800  # KILL_ON_JOB_CLOSE, BREAKAWAY_OK
extended_limits = 9  # JobObjectExtendedLimitInformation
may_assign = 0x100 | 0x1  # PROCESS_SET_QUOTA, PROCESS_TERMINATE: what a process must allow that is put into a job

class Job:
    "A job without processes. Those that it gets end with this process at the latest, however that comes. Raises: OSError."
    def __init__(self):
        self.handle = call("CreateJobObjectW", None, None)
        numbers = [0] * 19
        numbers[2] = limit_flags
        data = limits.pack(*numbers)
        call("SetInformationJobObject", self.handle, extended_limits, data, len(data))

    def add(self, pid):
        "Put the process `pid` into the job."
        import _winapi
        process = _winapi.OpenProcess(may_assign, False, pid)
        try: call("AssignProcessToJobObject", self.handle, process)
        finally: _winapi.CloseHandle(process)

    def end(self):
        "End what is in the job."
        if self.handle: call("TerminateJobObject", self.handle, 1)

    def close(self):
        "End what is in the job, and give it back."
        import _winapi
        handle,self.handle = self.handle,None
        if handle: _winapi.CloseHandle(handle)

def call(name, *args):
    """What the function `name` of kernel32 returns; as a C int, also if it is a handle, which Windows keeps in 32 bits.

    Raises: OSError, where it returns 0."""
    import ctypes
    result = getattr(ctypes.WinDLL("kernel32", use_last_error=True), name)(*args)
    if not result: raise ctypes.WinError(ctypes.get_last_error())
    return result
