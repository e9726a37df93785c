"Job objects of Windows, by what is asked of kernel32"
import struct, sys
from types import ModuleType

import pytest
from ipymini.system import jobs

@pytest.fixture
def asked(monkeypatch):
    "The calls of kernel32 and of `_winapi`, which all succeed: their names and arguments"
    calls = []
    def call(name, *args):
        calls.append((name, *args))
        return 40
    winapi = ModuleType("_winapi")
    winapi.OpenProcess = lambda rights, inherit, pid: call("OpenProcess", rights, pid) + pid
    winapi.CloseHandle = lambda handle: call("CloseHandle", handle)
    monkeypatch.setattr(jobs, "call", call)
    monkeypatch.setitem(sys.modules, "_winapi", winapi)
    return calls

@pytest.mark.skipif(struct.calcsize("P") != 8, reason="the size is that of 64 bits")
def test_the_limits_are_laid_out_as_windows_wants_them(): assert jobs.limits.size == 144

def test_a_job_ends_its_processes_when_its_last_handle_is_closed(asked):
    jobs.Job()
    assert asked[0][0] == "CreateJobObjectW"
    name,handle,kind,data,size = asked[1]
    assert (name, handle, kind, size) == ("SetInformationJobObject", 40, 9, jobs.limits.size)
    assert struct.unpack_from("I", data, 16) == (0x2800,)

def test_a_process_is_put_into_the_job_by_a_handle_that_is_closed(asked):
    job = jobs.Job()
    del asked[:]
    job.add(7)
    assert asked == [("OpenProcess", 0x101, 7), ("AssignProcessToJobObject", 40, 47), ("CloseHandle", 47)]

def test_a_job_is_closed_once(asked):
    job = jobs.Job()
    del asked[:]
    for _ in range(2): job.close()
    job.end()
    assert asked == [("CloseHandle", 40)]
