"""docker/: the image of a class, and the three compose files, by podman-compose.

The image takes its packages from the index: that needs a network, and minutes."""

import json, os, pexpect, shutil, socket, subprocess, urllib.error, urllib.request
from boxes import base, engine
from helpers import root, until
import pytest

pytestmark = [pytest.mark.matrix, pytest.mark.timeout(900)]  # the image alone takes minutes
token = "apple-tree-7"

@pytest.fixture(scope="module")
def image(podman, tmp_path_factory):
    "The image of docker/Dockerfile on Debian's packages."
    if not shutil.which("podman-compose"): pytest.skip("NOT TESTED: podman-compose is not installed")
    folder = tmp_path_factory.mktemp("online")
    (folder/"Dockerfile").write_text(f"FROM {base}\nRUN rm /etc/pip.conf\n")  # which names the tests' own packages alone
    engine("build", "--tag=localhost/tests/online", folder)
    engine("build", "--layers=false", "--build-arg=BASE=localhost/tests/online", "--tag=ipymini-class", "--file",
        root/"docker/Dockerfile", root)
    yield "ipymini-class"
    engine("image", "rm", "ipymini-class")

@pytest.fixture
def compose(image, request):
    "Runs a command of podman-compose with a file of docker/; what it started ends with the test."
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        port = s.getsockname()[1]
    env = {**os.environ, "JUPYTER_TOKEN": token, "PORT": str(port)}
    used = []
    def inner(file, *args, **variables):
        used.append(file)
        command = ["podman-compose", "-p", "class", "-f", str(root/"docker"/file), *args]
        out = subprocess.run(command, env={**env, **variables}, text=True, capture_output=True, stdin=subprocess.DEVNULL)
        assert out.returncode == 0, out.stderr
        return out.stdout
    inner.port = port
    yield inner
    for file in used[:1]: inner(file, "down", "--volumes")

def api(port, path, password=token):
    "What the server says, or None while it does not answer."
    request = urllib.request.Request(f"http://127.0.0.1:{port}/api/{path}", headers=dict(Authorization=f"token {password}"))
    try: return json.loads(urllib.request.urlopen(request, timeout=5).read())
    except urllib.error.HTTPError as error: return error.code
    except OSError: return None

def test_the_image_is_under_900_megabytes_and_not_root(image):
    assert int(engine("image", "inspect", "--format", "{{.Size}}", image)) < 900e6
    assert engine("run", "--rm", "--network=none", image, "id", "-u") == "1000"

def test_one_command_starts_a_lab_that_wants_the_token_and_is_healthy(compose):
    compose("compose.yaml", "up", "--detach", "--no-build")
    until(lambda: api(compose.port, "status"), "the lab to answer", 60)
    assert api(compose.port, "kernelspecs", "wrong") == 403
    assert api(compose.port, "kernelspecs")["default"] == "ipymini"
    engine("healthcheck", "run", "class_lab_1")

def test_work_is_kept_when_the_lab_is_made_anew(compose):
    compose("compose.yaml", "up", "--detach", "--no-build")
    engine("exec", "class_lab_1", "sh", "-c", "echo kept > note.txt")
    compose("compose.yaml", "down")
    compose("compose.yaml", "up", "--detach", "--no-build")
    assert engine("exec", "class_lab_1", "cat", "note.txt") == "kept"

def test_without_a_token_it_does_not_start(compose):
    command = ["podman-compose", "-f", str(root/"docker/compose.yaml"), "up", "--detach", "--no-build"]
    env = {name: value for name,value in os.environ.items() if name != "JUPYTER_TOKEN"}
    out = subprocess.run(command, env=env, text=True, capture_output=True)
    assert out.returncode != 0 and "choose one, as JUPYTER_TOKEN=" in out.stderr

def test_server_and_kernel_apart_meet_at_sockets_and_the_kernel_has_no_network(compose):
    compose("apart.yaml", "up", "--detach")
    until(lambda: api(compose.port, "kernels"), "the server to see the kernel", 60)
    assert [kernel["name"] for kernel in api(compose.port, "kernels")] == ["ipymini"]
    assert engine("exec", "class_kernel_1", "ls", "/sys/class/net") == "lo"

def test_a_session_on_a_project_has_its_startup_scripts_and_reloads_its_code(compose, tmp_path):
    for name in ("project", "startup"): (tmp_path/name).mkdir()
    (tmp_path/"project/pyproject.toml").write_text(
        '[project]\n'
        'name = "sea"\n'
        'version = "1"\n'
        'requires-python = ">=3.11"\n')
    (tmp_path/"project/tides.py").write_text("def level(): return 3\n")
    (tmp_path/"startup/first.py").write_text("greeting = 'hello'\n")
    for folder in (tmp_path.parent, tmp_path, tmp_path/"project"): folder.chmod(0o777)
    env = {**os.environ, "PROJECT": str(tmp_path/"project"), "STARTUP": str(tmp_path/"startup"), "TERM": "xterm"}
    words = ["-p", "class", "-f", str(root/"docker/session.yaml"), "run", "--rm", "session"]
    term = pexpect.spawn("podman-compose", words, env=env, encoding="utf8", timeout=90, dimensions=(40, 160))
    term.expect(r"In \[")
    term.send("import tides, sys; print(greeting, tides.level(), sys.prefix)\r")
    term.expect("hello 3 /home/learner/venv")
    (tmp_path/"project/tides.py").write_text("def level(): return 4444\n")
    term.expect(r"In \[")
    term.send("print('now', tides.level())\r")
    term.expect("now 4444")
    term.expect(r"In \[")
    term.send("exit\r")
    term.expect(pexpect.EOF)
    compose("session.yaml", "down", "--volumes")
