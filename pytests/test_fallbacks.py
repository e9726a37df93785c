"""What only some systems have: in which rooms it stands, beside its fallback, and that the fallback does what it has to.

Here the parts, without it; kernels that see another system are in `test_platforms`."""
import fcntl, os, re, select, subprocess
from types import SimpleNamespace

import pytest
from helpers import root
from ipymini import capture, spare
from ipymini.environments import engine
from ipymini.features import terminal, waiting
from ipymini.system import processes

rooms = {  # chkstyle: ignore-node  (a call a line: the rooms that have it)
    "SIGBREAK": "signals",
    "SIGHUP": "features.terminal signals",
    "SIGURG": "signals",
    "SIGUSR1": "signals",
    "_winapi": "pods.sharing system.jobs system.processes",
    "appnope": "system.processes",
    "epoll": "capture features.waiting",
    "F_DUPFD_CLOEXEC": "pods.renumber",
    "F_SETPIPE_SZ": "capture",
    "getpgrp": "pods.passing pods.talk system.processes",
    "kernel32": "system.jobs",
    "killpg": "features.terminal pods.process pods.talk system.processes",
    "memfd_create": "pods.segments pods.wire",
    "pidfd_open": "environments.provisioner features.terminal pods.reader system.processes",
    "pread": "system.files",
    "pthread_kill": "pods.passing system.processes",
    "pthread_sigmask": "pods.passing system.processes",
    "pwrite": "spare system.files",
    "register_at_fork": "debugger.backend output pods.child pods.link signals system.processes",
    "SCM_RIGHTS": "pods.wire",
    "set_blocking": "capture",
    "setsid": "pods.start",
    "tcgetpgrp": "features.terminal",
    "termios": "features.terminal features.waiting",
    "waitid": "pods.process",
    "/proc": "environments.provisioner features.terminal features.waiting pods.client spare system.processes system.usage"}

def rooms_with(name):
    "The rooms of the package in whose text the word `name` stands"
    word = re.compile(rf"(?<!\w){re.escape(name)}\b")
    package = root/"ipymini"
    files = [file for file in package.rglob("*.py") if word.search(file.read_text())]
    return {".".join(file.relative_to(package).with_suffix("").parts) for file in files}

@pytest.mark.parametrize("name", rooms)
def test_what_only_some_systems_have_stands_in_these_rooms(name): assert rooms_with(name) == set(rooms[name].split())

# -- commands on a terminal

def test_where_proc_tells_nothing_a_wait_is_not_sure(monkeypatch):
    monkeypatch.setattr(waiting, "list_folder", lambda path: [])
    wait = waiting.find_wait(os.getpgrp(), 0)
    assert (wait.turn, wait.sure) == (None, False)

@pytest.mark.parametrize("line,asks", [("Password:", True), ("Go on? ", True), ("working", False), ("", False)])
def test_a_wait_that_is_not_sure_is_one_for_an_answer_if_the_line_asks(line, asks):
    canonical_with_echo = waiting.termios.ICANON | waiting.termios.ECHO
    assert waiting.Wait(None, sure=False).asks(line, canonical_with_echo) == asks

def test_a_terminal_that_shows_nothing_asks_for_a_secret(): assert waiting.Wait(None, sure=False).asks("", waiting.termios.ICANON)

def test_where_there_is_no_descriptor_of_a_process_none_is_waited_for(monkeypatch):
    monkeypatch.delattr(os, "pidfd_open", raising=False)
    assert terminal.end_of(os.getpid()) is None

def test_a_process_that_proc_does_not_show_has_no_terminal(): assert terminal.terminal_of(2**22 + 1) is None

# -- captured descriptors

def test_without_epoll_poll_tells_which_pipe_can_be_read(monkeypatch):
    monkeypatch.delattr(select, "epoll", raising=False)
    reader,writer = os.pipe()
    try:
        look = capture.looker([reader])
        assert not look(0)
        os.write(writer, b"x")
        assert look(0)
    finally:
        for end in (reader, writer): os.close(end)

def test_a_pipe_that_cannot_be_enlarged_is_used_as_it_is(monkeypatch):
    monkeypatch.delattr(fcntl, "F_SETPIPE_SZ", raising=False)
    reader,writer = os.pipe()
    try:
        capture.enlarge(reader)
        os.write(writer, b"x")
        assert os.read(reader, 1) == b"x"
    finally:
        for end in (reader, writer): os.close(end)

# -- spares and containers

def test_where_a_process_cannot_change_its_name_a_spare_keeps_its_own(monkeypatch):
    monkeypatch.setattr(spare.os.path, "exists", lambda path: False)
    with open("/proc/self/cmdline", "rb") as file: before = file.read()
    spare.rename(["other"])
    with open("/proc/self/cmdline", "rb") as file: assert file.read() == before

def test_elsewhere_than_on_linux_pods_in_containers_say_why_they_cannot_be(monkeypatch):
    for name in ("CONTAINER_HOST", "DOCKER_HOST"): monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(engine, "sys", SimpleNamespace(platform="darwin"))
    assert "virtual machine" in engine.unreachable()

# -- processes

@pytest.mark.parametrize("list_them", [processes.processes, processes.processes_by_ps], ids=["proc", "ps"])
def test_a_process_that_has_ended_is_none(list_them):
    "Though it is there until its parent asks for its status: the end of a kernel would wait for it"
    ended = subprocess.Popen(["true"])
    os.waitid(os.P_PID, ended.pid, os.WEXITED|os.WNOWAIT)
    pids = {pid for pid,_,_ in list_them()}
    ended.wait()
    assert os.getpid() in pids
    assert ended.pid not in pids
