"`pod(image=...)` and `pod(env=\"NAME\")`: pods in containers of podman."

import os, signal, subprocess, sys, threading
from boxes import base, containers
from helpers import until
from ipymini import PodError, pod
from pathlib import Path
from pythons import python
import pytest

@pytest.fixture(scope="module")
def p(tmp_path_factory, podman):
    "A pod of the base image, in a folder of the user 1000."
    with pod(image=base, cwd=folder(tmp_path_factory.mktemp("work"))) as pod_:
        yield pod_

@pytest.fixture
def own(tmp_path, podman):
    "A pod of the base image that a test may end."
    with pod(image=base, cwd=folder(tmp_path/"own")) as pod_:
        yield pod_

def folder(path):
    path.mkdir(exist_ok=True)
    os.chown(path, 1000, 1000)
    return path

def pods(): return [name for name in containers() if name.startswith("ipymini-pod-")]

def test_it_calls_functions_of_the_images_python(p):
    assert p["sys.executable"] == "/usr/bin/python3"
    assert p.math.sqrt(4) == 2

def test_it_has_no_network_no_capabilities_and_is_not_root(p):
    assert p.os.listdir("/sys/class/net") == ["lo"]
    status = p.open("/proc/self/status").read()
    assert "CapEff:\t0000000000000000" in status and "NoNewPrivs:\t1" in status
    assert p.os.getuid() == 1000

def test_a_file_that_it_writes_is_the_owners_of_the_folder(own, tmp_path):
    own.run("open('made.txt', 'w').write('x')")
    assert (tmp_path/"own/made.txt").stat().st_uid == 1000

def test_what_it_prints_is_shown(p, capfd):
    p.run("import subprocess\nprint('hello', flush=True)\nsubprocess.run(['echo', 'child'])")
    assert capfd.readouterr().out == "hello\nchild\n"

def test_big_buffers_cross_by_shared_memory_there_and_back(p):
    data = os.urandom(1 << 20) * 3
    back = p.bytearray(bytearray(data))
    assert back == data
    assert "memfd" in p.open("/proc/self/maps").read()

def test_an_interrupt_ends_the_call_and_the_pod_keeps_its_state(p):
    p["x"] = 1
    def interrupt():
        until(p._core.busy, "the call to run")
        os.kill(os.getpid(), signal.SIGINT)
    threading.Thread(target=interrupt).start()
    with pytest.raises(KeyboardInterrupt): p.time.sleep(60)
    assert p["x"] == 1

def test_a_signal_that_ends_it_is_told(own):
    with pytest.raises(PodError, match="^the pod died: SIGKILL"): own.os.kill(own.pid, signal.SIGKILL)

def test_an_exit_is_told(own):
    with pytest.raises(PodError, match="^the pod died: exit code 3"): own.call("os._exit", 3)

def test_a_crash_is_told_with_its_lines(own):
    own.run("import ctypes\ndef crash(): ctypes.string_at(0)")
    with pytest.raises(PodError, match="(?s)^the pod died: SIGSEGV.* in crash"): own.crash()

def test_close_leaves_no_container(own):
    assert len(pods()) >= 1
    name = own._core.link.process.container
    assert name in pods()
    own.close()
    assert name not in pods()

def test_close_ends_a_call_that_runs_and_what_it_started(own):
    own.run("import subprocess, time\nsubprocess.Popen(['sleep', '600'], start_new_session=True)")
    name = own._core.link.process.container
    thread = threading.Thread(target=lambda: pytest.raises(PodError, own.time.sleep, 600))
    thread.start()
    until(own._core.busy, "the call to run")
    own.close()
    thread.join(20)
    assert not thread.is_alive() and name not in pods()

def test_restart_makes_a_new_container(own):
    own["x"] = 1
    name = own._core.link.process.container
    own.restart()
    assert own._core.link.process.container != name and "x" not in dir(own)

def test_a_container_that_does_not_end_by_itself_can_be_removed_and_may_be_gone_already(own):
    process = own._core.link.process
    process.remove()
    assert process.container not in pods()
    process.remove()
    until(lambda: own._core.link.ended, "the pod's end to be seen")

killed = """
import os, sys, time
from ipymini import pod
p = pod(image=sys.argv[1])
p.run("import ctypes")
print(p._core.link.process.container, flush=True)
p.run("ctypes.PyDLL(None).sleep(600)")  # holds the GIL
"""

def test_a_pod_ends_with_a_parent_that_is_killed_even_while_c_code_runs(tmp_path, podman):
    script = subprocess.Popen([sys.executable, "-c", killed, base], stdout=subprocess.PIPE, text=True, cwd=tmp_path)
    name = script.stdout.readline().strip()
    assert name in pods()
    script.kill()
    script.wait()
    until(lambda: name not in pods(), "the container to end", timeout=20)

def test_its_variables_are_those_of_env(podman, tmp_path, monkeypatch):
    monkeypatch.setenv("OURS", "1")
    with pod(image=base, env=dict(COLOUR="red"), cwd=tmp_path) as p:
        assert (p.os.getenv("COLOUR"), p.os.getenv("OURS")) == ("red", None)

def test_a_file_of_functions_is_loaded_from_its_place(podman, tmp_path):
    (tmp_path/"functions").mkdir()
    file = tmp_path/"functions/mine.py"
    file.write_text("def f(): return 1\n")
    with pod(image=base, file=file, cwd=folder(tmp_path/"work")) as p: assert p.f() == 1

def test_a_cell_runs_as_plain_python_where_the_image_has_no_ipython(p, capsys):
    p._core.do("cell", "y = 6\ny * 7")
    assert "42" in capsys.readouterr().out

def test_it_can_be_python_3_8(podman):
    "That of this machine, which the container sees as it runs in its folder."
    path = python("3.8")
    if not path: pytest.skip("Python 3.8 is not on this machine")
    with pod(image=base, python=path, cwd=Path(path).parent.parent) as p: assert p["sys.version"].startswith("3.8.")

def test_its_repr_has_no_memory_of_another_process(p):
    assert repr(p).endswith(f"at /usr/bin/python3, pid {p.pid}, idle>")

def test_a_named_environment(lab, monkeypatch):
    for name,value in lab.variables.items(): monkeypatch.setenv(name, value)
    with pod(env="lab", cwd=folder(lab.folder/"notebooks")) as p:
        assert p["sys.executable"] == "/usr/bin/python3"
        assert p.os.path.expanduser("~") == "/opt/ipymini/home"

# -- what cannot be

def test_an_environment_that_is_not_there_is_told_with_those_that_are(lab, monkeypatch):
    for name,value in lab.variables.items(): monkeypatch.setenv(name, value)
    with pytest.raises(PodError, match="There is no environment 'lap'; there are lab"): pod(env="lap")

def test_an_image_that_is_not_there_is_not_fetched(podman):
    with pytest.raises(PodError, match="^there is no image localhost/none here; fetch it: podman pull localhost/none$"):
        pod(image="localhost/none")

def test_a_python_that_the_image_does_not_have_is_told_and_leaves_no_container(podman, tmp_path, capfd):
    before = pods()
    with pytest.raises(PodError, match="^the pod did not start: exit code 127"):
        pod(image=base, python="python2", cwd=tmp_path)
    assert "python2" in capfd.readouterr().err
    assert pods() == before

@pytest.mark.parametrize("kw", [dict(env="lab"), dict(deps=["x"]), dict(project=".")])
def test_an_image_has_its_own_packages(kw):
    with pytest.raises(PodError, match="image= "): pod(image=base, **kw)

def test_docker_cannot_and_the_error_says_what_can(tmp_path, monkeypatch):
    docker = tmp_path/"docker"
    docker.write_text("#!/bin/sh\nexit 0\n")
    docker.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    monkeypatch.setenv("IPYMINI_ENGINE", "docker")
    with pytest.raises(PodError, match="needs podman, and docker cannot pass sockets on to a container"): pod(image="x")
