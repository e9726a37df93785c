"""Spare processes, in a real jupyter_server that has the extension: each restart ends in a right kernel, and no spare outlives its server

`served` starts a server of the test's own; its kernels are driven by the server's API and read over their own sockets."""

import json, os, signal, subprocess, sys
from helpers import connect, until
from pathlib import Path
from places import Server, children, folder_of, install, run_uv, waits
from processes import doors
import pytest

is_spare = "'ipymini.spare' in __import__('sys').modules"  # a kernel that was one has the module

@pytest.fixture
def served(tmp_path, places):
    servers = []
    def make(**env):
        servers.append(Server(tmp_path/f"s{len(servers)}", **env))
        return servers[-1]
    yield make
    for server in servers: server.stop()

@pytest.fixture(scope="module")
def own(places): return install("--name", "spared")

def test_a_restart_takes_the_spare(served, own):
    server = served()
    id = server.start(own)
    for _ in range(3):
        pid, = server.ready()
        server.restart(id)
        assert server.value(id, f"__import__('os').getpid(), {is_spare}") == (pid, True)

@pytest.mark.slow
def test_a_lent_kernel_has_spares(served, venv):
    server = served()
    id = server.start(install("--python", venv(), "--name", "lent"))
    pid, = server.ready()
    server.restart(id)
    assert server.value(id, f"__import__('os').getpid(), {is_spare}, __import__('sys').prefix") == (pid, True,
        str(venv()))

@pytest.mark.slow
def test_the_next_notebook_takes_the_spare(served, own):
    server = served()
    server.start(own)
    pid, = server.ready()
    assert server.value(server.start(own), "__import__('os').getpid()") == pid

@pytest.mark.slow
def test_a_spare_becomes_what_it_would_have_been(served, own, tmp_path):
    "Variables, folder, arguments, standard input, the command line that ps shows."
    server = served(A_B="1")
    code = "(lambda os, sys: (sorted(k for k in os.environ if k not in ('_', 'JPY_PARENT_PID')), os.getcwd(), sys.path, sys.argv, os.readlink('/proc/self/fd/0'), os.getpgrp() == os.getpid()))" \
        "(__import__('os'), __import__('sys'))"
    plain = server.value(server.start(own), code)
    server.ready()
    id = server.start(own)
    assert server.value(id, code) == plain and server.value(id, is_spare)
    words = children(server.proc.pid)[server.value(id, "__import__('os').getpid()")]
    assert f"kernel-{id}.json" in words[words.index("-f")+1]
    assert words[1:5] == ["-P", "-Xfrozen_modules=off", "-m", "ipymini"]

def test_a_spare_opens_no_door(served, own):
    server = served()
    server.start(own)
    pid, = server.ready()
    assert doors(pid) == set()

@pytest.mark.slow
def test_a_dead_spare_is_not_missed(served, own):
    server = served()
    id = server.start(own)
    pid, = server.ready()
    os.kill(pid, signal.SIGKILL)
    until(lambda: not waits(pid), "the spare to die")
    server.restart(id)
    assert server.value(id, is_spare) is False

@pytest.mark.slow
def test_two_restarts_at_once_end_in_a_kernel(served, own):
    server = served()
    id = server.start(own)
    server.ready()
    server.restart(id)
    server.restart(id)
    assert server.value(id, "1 + 1") == 2

@pytest.mark.slow
def test_a_package_that_changed_makes_a_spare_stale(served, venv):
    server = served()
    folder = venv(name="stale")
    id = server.start(install("--python", folder, "--name", "stale"))
    server.ready()
    run_uv("pip", "install", "-q", "-p", folder/"bin/python", "idna")
    pid, = server.spares()
    server.restart(id)
    assert server.value(id, f"__import__('os').getpid(), {is_spare}") == (pid, False)

@pytest.mark.slow
def test_a_kernel_with_another_pythonpath_is_started_plainly(served, own, tmp_path):
    server = served()
    id = server.start(own)
    server.ready()
    file = folder_of(own)/"kernel.json"
    spec = json.loads(file.read_text())
    file.write_text(json.dumps(dict(spec, env=dict(PYTHONPATH=str(tmp_path)))))
    try:
        other = server.start(own)
        assert server.value(other, f"{str(tmp_path)!r} in __import__('sys').path, {is_spare}") == (True, False)
    finally: file.write_text(json.dumps(spec))

@pytest.mark.slow
def test_at_most_two_wait(served, own, venv):
    server = served()
    for name in (own, *(install("--python", venv(name=f"many{i}"), "--name", f"many{i}") for i in range(2))):
        server.start(name)
    def for_whom():
        return sorted(Path(words[3]).parent.name for words in children(server.proc.pid).values() if "spare" in words)
    until(lambda: for_whom() == ["many0", "many1"], "spares of the two newest")

def test_no_spare_outlives_a_server_that_is_killed(served, own):
    server = served()
    server.start(own)
    pid, = server.ready()
    server.proc.kill()
    server.proc.wait()
    until(lambda: not os.path.exists(f"/proc/{pid}") or not waits(pid)
        and " Z " in Path(f"/proc/{pid}/stat").read_text(), "the spare to end")

@pytest.mark.slow
def test_no_spare_outlives_a_server_that_ends(served, own):
    server = served()
    server.start(own)
    pid, = server.ready()
    server.stop()
    until(lambda: not os.path.exists(f"/proc/{pid}"), "the spare to end")

@pytest.mark.slow
@pytest.mark.parametrize("env", [dict(IPYMINI_SPARE="0"), dict(JUPYTERHUB_USER="someone")])
def test_spares_are_switched_off(served, own, env):
    server = served(**env)
    id = server.start(own)
    server.restart(id)
    assert server.value(id, is_spare) is False and server.spares() == []

@pytest.mark.slow
def test_kernels_of_others_are_started_as_ever(served, places):
    pytest.importorskip("ipykernel", reason="NOT TESTED: ipykernel is not installed")
    folder = places/"data/kernels/plain"
    folder.mkdir(parents=True, exist_ok=True)
    argv = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    (folder/"kernel.json").write_text(json.dumps(dict(argv=argv, display_name="plain", language="python")))
    server = served()
    id = server.start("plain")
    for restart in (False, True):
        if restart: server.restart(id)
        kc = connect(server.folder/f"runtime/kernel-{id}.json", welcome=False)
        kc.start_channels()
        kc.wait_for_ready(timeout=60)
        kc.stop_channels()
    assert server.spares() == [] and "Traceback" not in server.log.read_text()

@pytest.mark.slow
def test_fifty_restarts_leave_nothing_behind(served, own):
    server = served()
    id = server.start(own)
    fds = lambda: len(os.listdir(f"/proc/{server.proc.pid}/fd"))
    def restart():
        server.ready()
        server.restart(id)
        assert server.value(id, is_spare)
    for _ in range(5): restart()
    before = fds()
    for _ in range(45): restart()
    server.ready()
    assert len(children(server.proc.pid)) == 2 and abs(fds() - before) <= 5

def test_waiting_for_the_end_is_an_event():
    "`poll` returns when the process ends, not at the next tenth of a second."
    import asyncio, time
    from ipymini.environments.provisioner import ended
    async def main():
        process = subprocess.Popen(["sleep", "60"])
        asyncio.get_running_loop().call_later(.05, process.kill)
        begin = time.monotonic()
        await ended(process.pid, 30)
        assert process.wait() == -signal.SIGKILL and time.monotonic() - begin < 20
    asyncio.run(main())
