"A kernel on other systems than Linux: what they lack is taken away, what they have is a stand-in, see `platforms/sitecustomize.py`"
import json, os, subprocess, sys
from types import ModuleType

import pytest
from dap import Client
from helpers import root, until
from ipymini.system import files, processes

@pytest.fixture
def like(own):
    "Start a kernel that sees another system"
    def inner(system, **kw):
        env = {"IPYMINI_LIKE": system, "PYTHONPATH": f"{root/'pytests/platforms'}{os.pathsep}{root}", **kw.pop("env", {})}
        return own(env=env, **kw)
    return inner

@pytest.fixture
def handle():
    "The two ends of a pipe, the first to be inherited as a handle"
    ends = os.pipe()
    os.set_inheritable(ends[0], True)
    yield ends
    for end in ends:
        try: os.close(end)
        except OSError: pass  # the test has closed it

def windows(like, **env):
    "A kernel that inherits all, as on Windows, and has no launcher unless `env` names one"
    return like("windows", env=dict(JPY_PARENT_PID="", **env) if "JPY_PARENT_PID" not in env else env, close_fds=False)

busy = {
    "loop": "print('on')\nwhile True: pass",
    "await": "import asyncio\nprint('on')\nawait asyncio.sleep(60)",
    "await, another loop": "import asyncio\nother = asyncio.new_event_loop()\nprint('on')\nawait asyncio.sleep(60)",
    "await, another loop closed": "import asyncio\nasyncio.new_event_loop().close()\nprint('on')\nawait asyncio.sleep(60)",
    "run": "import asyncio\nprint('on')\nasyncio.run(asyncio.sleep(60))"}

# -- Windows

def test_a_kernel_without_what_windows_lacks_runs_cells(like):
    kc = windows(like)
    assert kc.run("import os; print(1); hasattr(os, 'getpgrp')").result == "False"
    assert kc.run("1/0").status == "error"
    assert kc.request("shutdown_request", channel="control").status == "ok"
    assert kc.proc.wait(10) == 0

@pytest.mark.parametrize("what", busy)
def test_the_event_of_the_launcher_interrupts_the_cell(like, handle, what):
    reader,writer = handle
    kc = windows(like, JPY_INTERRUPT_EVENT=str(reader))
    id = kc.cell(busy[what])
    kc.wait(id, until=lambda r: r.stdout)
    os.write(writer, b"x")
    assert kc.wait(id).error["ename"] == "KeyboardInterrupt"
    assert kc.run("1").result == "1"

@pytest.mark.parametrize("what", busy)
def test_an_interrupt_request_interrupts_the_cell(like, what):
    kc = windows(like)
    id = kc.cell(busy[what])
    kc.wait(id, until=lambda r: r.stdout)
    assert kc.request("interrupt_request", channel="control").status == "ok"
    assert kc.wait(id).error["ename"] == "KeyboardInterrupt"
    assert kc.run("1").result == "1"

def test_the_kernel_ends_with_the_process_that_the_handle_stands_for(like, handle):
    reader,writer = handle
    kc = windows(like, JPY_PARENT_PID=str(reader))
    assert kc.run("1").result == "1"
    os.close(writer)
    assert kc.proc.wait(10) == 1

def test_a_handle_that_stands_for_nothing_is_told(like, tmp_path):
    with open(tmp_path/"log", "w") as log: kc = like("windows", env=dict(JPY_PARENT_PID="999"), stderr=log)
    assert kc.run("1").result == "1"
    until(lambda: "a handle that cannot be waited for, 999" in (tmp_path/"log").read_text(), "a line of the log")

def test_the_end_of_stdin_is_noticed_by_a_thread(like, handle):
    reader,writer = handle
    kc = like("windows", env=dict(JPY_PARENT_PID="", IPYMINI_EXIT_ON_STDIN_EOF="1"), stdin=reader)
    assert kc.run("1").result == "1"
    os.close(writer)
    assert kc.proc.wait(10) == 1

def test_what_cells_start_is_in_a_job_of_the_kernels(like):
    kc = windows(like)
    assert kc.run("import os\nfrom ipymini.system import jobs\njobs.Job.made == [[os.getpid()]]").result == "True"

def test_a_crash_is_told_by_the_next_kernel_and_its_file_goes_with_that(like, tmp_path):
    file = tmp_path/"k.json"
    file.write_text(json.dumps(dict(key="k")))
    kc = windows_on(like, file)
    kc.cell("mine = 1; import os; os._exit(3)")
    assert kc.proc.wait(10) == 3
    kc = windows_on(like, file)
    assert "mine = 1" in kc.run("1").stderr
    kc.request("shutdown_request", channel="control")
    assert kc.proc.wait(10) == 0
    assert [path.name for path in tmp_path.iterdir()] == ["k.json"]

def windows_on(like, file): return like("windows", env=dict(JPY_PARENT_PID=""), file=file)

def test_the_file_of_crashes_is_closed_before_it_is_removed(tmp_path, monkeypatch):
    from ipymini.system import crash
    monkeypatch.setattr(crash.faulthandler, "enable", lambda *args, **kw: None)
    monkeypatch.setattr(crash.faulthandler, "disable", lambda: None)
    report = crash.CrashReport(str(tmp_path/"k.json"))
    fd = report.file.fd
    monkeypatch.setattr(crash, "remove", lambda *paths: seen.append(is_open(fd)))
    seen = []
    report.remove()
    assert seen[0] is False

def is_open(fd):
    try: os.fstat(fd)
    except OSError: return False
    return True

def test_where_there_is_no_pread_the_position_stays(tmp_path):
    fd = os.open(tmp_path/"file", os.O_RDWR | os.O_CREAT)
    try:
        os.write(fd, b"abcdef")
        assert files.seek_and_write(fd, b"XY", 1) == 2
        os.write(fd, b"g")
        assert files.seek_and_read(fd, 100, 0) == b"aXYdefg"
    finally: os.close(fd)

def test_on_windows_files_are_read_and_written_in_that_way(like):
    kc = windows(like)
    code = "from ipymini.system import files\nfiles.write_at is files.seek_and_write, files.read_at is files.seek_and_read"
    assert kc.run(code).result == "(True, True)"

# -- macOS

def test_the_ps_that_tells_is_no_child(monkeypatch):
    monkeypatch.setattr(processes.os.path, "isdir", lambda path: False)
    found = {pid: parent for pid,parent,_ in processes.processes()}
    assert os.getpid() in found and os.getpid() not in found.values()

def test_a_child_that_has_ended_need_not_be_waited_for(monkeypatch):
    monkeypatch.setattr(processes.os.path, "isdir", lambda path: False)
    with subprocess.Popen(["sleep", "60"]) as child:
        assert child.pid in [pid for pid,_,_ in processes.processes()]
        child.kill()
        os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
        assert child.pid not in [pid for pid,_,_ in processes.processes()]

def test_without_proc_the_children_of_cells_end_with_the_kernel(like):
    kc = like("macos")
    pid = int(kc.run("import subprocess\nchild = subprocess.Popen(['sleep', '60'])\nchild.pid").result)
    kc.request("shutdown_request", channel="control")
    assert kc.proc.wait(10) == 0
    until(lambda: not processes.exists(pid), "the child to end")

def test_cells_in_a_temporary_folder_behind_a_link_stop_at_breakpoints(own, tmp_path):
    (tmp_path/"real").mkdir()
    (tmp_path/"link").symlink_to("real")
    kc = own(env=dict(TMPDIR=str(tmp_path/"link")))
    debugger = Client(kc)
    debugger.start()
    assert debugger.ok("debugInfo")["tmpFilePrefix"].startswith(str(tmp_path/"real"))
    id,_ = debugger.stop("a = 1\nb = 2", 2)
    debugger.go_on()
    assert debugger.end(id).status == "ok"

def test_macos_is_asked_not_to_slow_the_kernel_down(monkeypatch):
    asked = []
    appnope = ModuleType("appnope")
    appnope.nope = lambda: asked.append("nope")
    monkeypatch.setitem(sys.modules, "appnope", appnope)
    processes.stay_awake()
    assert asked == []
    monkeypatch.setattr(processes.sys, "platform", "darwin")
    processes.stay_awake()
    assert asked == ["nope"]
