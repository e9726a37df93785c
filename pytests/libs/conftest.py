"""Every test here runs twice: on ipymini, which does not see the ipykernel that is installed, and on ipykernel, which shows that what the test expects is what
users of ipykernel see. A test that ipykernel fails is marked `only_ipymini(why)`; where an ipymini that sees ipykernel matters, it takes `beside`."""
import os, subprocess, sys, tempfile, uuid
import pytest
from helpers import connect, start
from jupyter_client.connect import write_connection_file

hidden = '''
from importlib.machinery import PathFinder
find = PathFinder.find_spec
def find_spec(cls, name, path=None, target=None): return None if name.partition(".")[0] == "ipykernel" else find(name, path, target)
PathFinder.find_spec = classmethod(find_spec)
'''  # of a sitecustomize.py

def new_file():
    "A connection file named as Jupyter does"
    file = f"{tempfile.mkdtemp()}/kernel-{uuid.uuid4()}.json"
    return write_connection_file(file, key=uuid.uuid4().hex.encode())[0]

def ipymini(**env): return start(env=env, file=new_file())

def ipykernel(**env):
    file = new_file()
    proc = subprocess.Popen([sys.executable, "-m", "ipykernel_launcher", "-f", file], env={**os.environ, "JPY_PARENT_PID": str(os.getpid()), **env},
        start_new_session=True, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    kc = connect(file, welcome=False)
    kc.proc,kc.file = proc,file
    while kc.get_iopub_msg(timeout=30)["msg_type"] != "iopub_welcome": pass  # what it logs while starting may come first
    return kc

def pytest_configure(config): config.addinivalue_line("markers", "only_ipymini(why): ipykernel does not do it")

@pytest.fixture(scope="module", params=["ipymini", "ipykernel"])
def kernel(request): return request.param

@pytest.fixture(scope="module")
def path(tmp_path_factory):
    "PYTHONPATH of a kernel that finds no ipykernel"
    d = tmp_path_factory.mktemp("absent")
    (d/"sitecustomize.py").write_text(hidden)
    return os.pathsep.join(filter(None, [str(d), os.environ.get("PYTHONPATH")]))

@pytest.fixture(scope="module")
def fresh(kernel, path):
    "A function that starts a kernel; `env`: variables of its own"
    kernels = []
    def begin(**env):
        kernels.append(ipymini(PYTHONPATH=path, **env) if kernel == "ipymini" else ipykernel(**env))
        kernels[-1].name = kernel
        return kernels[-1]
    yield begin
    for kc in kernels: kc.stop()

@pytest.fixture(scope="module")
def kc(fresh): return fresh()

@pytest.fixture(scope="module")
def beside():
    "An ipymini that could import ipykernel"
    kc = ipymini()
    yield kc
    kc.stop()

@pytest.fixture(autouse=True)
def known_gaps(request):
    mark = request.node.get_closest_marker("only_ipymini")
    if mark and "kernel" in request.fixturenames and request.getfixturevalue("kernel") == "ipykernel":
        pytest.skip(mark.args[0])
