"""Kernels that a server of ours reaches by unix sockets: `SpareProvisioner.ipc`, as docs/security.md says

A real jupyter_server that has the extension; its kernels are driven by the server's API and read over their own sockets."""
import json, pytest, stat, sys
from pathlib import Path
from places import Server, install
from processes import doors
from test_spare import is_spare

@pytest.fixture(scope="module")
def own(places): return install("--name", "by-sockets")

@pytest.fixture
def server(tmp_path, request):
    "A server that has the setting, and the variables that a test is marked with"
    (tmp_path/"config").mkdir()
    (tmp_path/"config/jupyter_server_config.json").write_text(json.dumps(dict(SpareProvisioner=dict(ipc=True))))
    made = Server(tmp_path/"server", JUPYTER_CONFIG_DIR=str(tmp_path/"config"), **getattr(request, "param", {}))
    yield made
    made.stop()

def folder_of_sockets(server, id): return Path(json.loads((server.folder/f"runtime/kernel-{id}.json").read_text())["ip"]).parent

def mode(path): return stat.S_IMODE(path.stat().st_mode)

def test_a_kernel_has_sockets_in_a_folder_of_this_users_and_no_port(server, own):
    id = server.start(own)
    pid = server.value(id, "__import__('os').getpid()")
    folder = folder_of_sockets(server, id)
    assert mode(folder) == 0o700
    assert len([path for path in folder.iterdir() if stat.S_ISSOCK(path.stat().st_mode)]) == 5
    assert not [door for door in doors(pid) if isinstance(door, int)]

def test_a_restart_keeps_the_folder_and_takes_the_spare(server, own):
    id = server.start(own)
    pid, = server.ready()
    before = folder_of_sockets(server, id)
    server.restart(id)
    assert server.value(id, f"__import__('os').getpid(), {is_spare}") == (pid, True)
    assert folder_of_sockets(server, id) == before

def test_the_folder_goes_with_the_kernel(server, own):
    id = server.start(own)
    server.value(id, "1")
    folder = folder_of_sockets(server, id)
    server.api(f"kernels/{id}", "DELETE")
    assert not folder.exists()

@pytest.mark.parametrize("server", [dict(JUPYTERHUB_USER="someone")], indirect=True)
def test_it_holds_on_a_hub_where_no_spare_waits(server, own):
    id = server.start(own)
    assert server.value(id, "6*7") == 42
    assert mode(folder_of_sockets(server, id)) == 0o700 and server.spares() == []

def test_kernels_of_others_are_reached_by_sockets_too(server, places):
    pytest.importorskip("ipykernel", reason="NOT TESTED: ipykernel is not installed")
    folder = places/"data/kernels/other"
    folder.mkdir(parents=True, exist_ok=True)
    argv = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    (folder/"kernel.json").write_text(json.dumps(dict(argv=argv, display_name="other", language="python")))
    id = server.start("other")
    assert mode(folder_of_sockets(server, id)) == 0o700
