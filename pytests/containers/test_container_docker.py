"docker's command line as the engine, against podman's socket: the same commands, the same kernel."

import os, shutil, subprocess
from boxes import base, containers
from helpers import until
import pytest

@pytest.fixture
def docker(place, monkeypatch):
    "A place whose engine is docker."
    if not shutil.which("docker"): pytest.skip("NOT TESTED: docker's command line is not installed")
    socket = place.folder/"podman.sock"
    with subprocess.Popen(["podman", "system", "service", "--time=0", f"unix://{socket}"],
        stderr=subprocess.DEVNULL) as service:
        until(socket.exists, "podman's socket")
        monkeypatch.setenv("DOCKER_HOST", f"unix://{socket}")
        monkeypatch.setenv("IPYMINI_ENGINE", "docker")
        yield place
        service.terminate()

def test_an_environment_is_made_lists_docker_and_its_kernel_runs_and_goes(docker, kernel, monkeypatch):
    os.chown(docker.cwd, 1000, 1000)
    docker.ipymini("env", "create", "whale", "--from", base)
    assert docker.ipymini("env", "list").splitlines()[1].split()[:4] == ["whale", "global", "docker", "3.11.2"]
    for name,value in docker.variables.items(): monkeypatch.setenv(name, value)
    k = kernel(docker.cwd, "whale")
    assert k.value("import os; os.getuid(), os.listdir('/sys/class/net')") == "(1000, ['lo'])"
    name = k.container
    assert name in containers()
    k.manager.shutdown_kernel()
    assert name not in containers()
    docker.ipymini("env", "remove", "whale")

def test_a_docker_that_does_not_run_is_said_with_what_to_do(place, monkeypatch):
    if not shutil.which("docker"): pytest.skip("NOT TESTED: docker's command line is not installed")
    monkeypatch.setenv("DOCKER_HOST", "unix:///nowhere.sock")
    text = place.ipymini("env", "create", "whale", "--from", base, status=1, IPYMINI_ENGINE="docker")
    assert "Cannot connect to the Docker daemon" in text and "Docker does not run: sudo systemctl start docker" in text
