"`ipymini env` where there is no engine: the same commands make virtual environments by uv. No podman is needed here."

import shutil, sys
from boxes import Place, make_wheels
from ipymini import PodError, pod
from jupyter_client import KernelManager
import pytest

version = "{}.{}".format(*sys.version_info)

@pytest.fixture(scope="module")
def place(tmp_path_factory):
    "A place without an engine, with the environment `one`, and packages in a folder."
    if not shutil.which("uv"): pytest.skip("NOT TESTED: uv is not installed")
    folder = tmp_path_factory.mktemp("uv")
    make_wheels(folder/"wheels")
    place = Place(folder)
    (folder/"uv.toml").write_text(f'no-index = true\nfind-links = ["{folder/"wheels"}"]\n')
    place.variables |= dict(IPYMINI_ENGINE="uv", UV_CONFIG_FILE=str(folder/"uv.toml"))
    place.said = place.ipymini("env", "create", "one", "--python", version)
    return place

def test_create_says_that_there_is_no_engine(place):
    assert "There is no podman or docker to use: uv makes one a virtual environment" in place.said

def test_its_kernel_is_an_ordinary_lent_one(place, monkeypatch):
    for name,value in place.variables.items(): monkeypatch.setenv(name, value)
    manager = KernelManager(kernel_name="one")
    manager.start_kernel(cwd=str(place.cwd))
    client = manager.client()
    client.start_channels()
    client.wait_for_ready(timeout=60)
    reply = client.execute("", user_expressions=dict(prefix="__import__('sys').prefix"), reply=True, timeout=20)
    client.stop_channels()
    manager.shutdown_kernel()
    assert str(place.folder/"data/ipymini/venvs/ipymini-one") in reply["content"]["user_expressions"]["prefix"]["data"]["text/plain"]

def test_it_is_a_pod_too(place, monkeypatch):
    for name,value in place.variables.items(): monkeypatch.setenv(name, value)
    with pod(env="one") as p: assert p["sys.prefix"] == str(place.folder/"data/ipymini/venvs/ipymini-one")

def test_a_pod_of_an_environment_that_is_not_built_says_what_to_run(place, monkeypatch):
    for name,value in place.variables.items(): monkeypatch.setenv(name, value)
    folder = place.folder/"data/ipymini/envs/empty"
    folder.mkdir()
    (folder/"Dockerfile").write_text("FROM scratch\n")
    try:
        with pytest.raises(PodError, match="^the environment empty has not been built here; "
            "run: ipymini env build empty$"):
            pod(env="empty")
    finally: shutil.rmtree(folder)

def test_a_pods_environment_has_its_own_python():
    with pytest.raises(PodError, match="^env='one' names an environment, .* does not go with python=$"):
        pod("3.9", env="one")

def test_list_says_uv(place):
    row = place.ipymini("env", "list").splitlines()[1].split()
    assert row[:3] == ["one", "global", "uv"] and row[3].startswith(version)

def test_install_and_uninstall_change_the_same_requirements_file(place):
    requirements = place.folder/"data/ipymini/envs/one/requirements.txt"
    place.ipymini("env", "install", "one", "tide", "moon<1.1")
    assert requirements.read_text() == "tide==2.0\nmoon==1.0\n"
    assert place.ipymini("env", "shell", "one", "python", "-c", "import tide; print(tide.phase)") == "new\n"
    place.ipymini("env", "uninstall", "one", "tide")
    assert requirements.read_text() == "moon==1.0\n"
    assert "ModuleNotFoundError" in place.ipymini("env", "shell", "one", "python", "-c", "import tide", status=1)

def test_a_package_that_is_not_there_is_said_by_uv_and_changes_nothing(place):
    requirements = place.folder/"data/ipymini/envs/one/requirements.txt"
    before = requirements.read_text()
    assert "no-such-thing" in place.ipymini("env", "install", "one", "no-such-thing", status=1)
    assert requirements.read_text() == before

def test_the_folder_is_the_same_as_with_an_engine(place):
    folder = place.folder/"data/ipymini/envs/one"
    assert sorted(path.name for path in folder.iterdir()) == ["Dockerfile", "requirements.txt"]
    assert f"FROM docker.io/library/python:{version}-slim" in (folder/"Dockerfile").read_text()

@pytest.mark.parametrize("args, words", [
    (["create", "two", "--from", "debian"], "two starts from the image debian, which needs podman or docker"),
    (["create", "two", "--memory", "1g"], "--memory, --cpus and --option are for containers"),
    (["save", "one", "one.tar"], "An image can be saved, and for that podman or docker is needed"),
    (["load", "two", "one.tar"], "There is no file one.tar")])
def test_what_needs_an_engine_says_so(place, args, words): assert words in place.ipymini("env", *args, status=1)

def test_an_engine_that_is_named_and_is_not_there_is_an_error(place):
    assert "nerdctl is not there" in place.ipymini("env", "build", "one", status=1, IPYMINI_ENGINE="nerdctl")

def test_remove_leaves_nothing(place):
    place.ipymini("env", "remove", "one")
    assert [path for path in place.folder.rglob("*one*") if "wheels" not in str(path)] == []
