"""The kernels to compare: which are known, the environment of each, and how its kernelspec says that it starts.

Read `find_peer` first. Nothing of a kernel is imported."""

import atexit, json, os, re, shlex, shutil, sys, tempfile
from contextlib import contextmanager
from pathlib import Path
from venvs import install, make, root, venvs

ours = "ipymini"
old = "old"  # what --old installs
known = {  # chkstyle: ignore-node  (what to install for each kernel)
    ours: str(root),
    "ipykernel": "ipykernel",
    "xeus-python": "xeus-python",
    "async-kernel": "async-kernel",
    "ipymini-0.1": "ipymini==0.1.25"}
specs = {"xeus-python": "xpython"}  # which kernelspec to take where an environment has several
tools = dict(client="pyzmq", plot="matplotlib")
prefixes = "PYTHON", "VIRTUAL_ENV", "IPYTHON", "JUPYTER", "JPY_", "XDG_"

def clean_env(**kw):
    "Our environment less what would change a kernel: PYTHONDONTWRITEBYTECODE alone makes each start three times as long."
    return {key:value for key,value in os.environ.items() if not key.startswith(prefixes)} | kw


# -- environments

def venv_of(name): return venvs/f"bench-{name}"

def setup(names, python, upgrade):
    "Make the environments of `names`, or of all kernels that are known, and the one that the bench itself runs in."
    requirements = known | tools
    for name in dict.fromkeys(["client", *(names or known)]):
        if name not in requirements: sys.exit(f"setup does not know {name}; it knows {', '.join(known)}")
        install_kernel(name, requirements[name], python, upgrade)

def install_kernel(name, requirement, python, upgrade=False):
    "An environment with `requirement`, its bytecode compiled; done once, but for trees of ours, which are installed anew each time."
    venv = venv_of(name)
    mark = venv/"bench-ready"
    is_tree = name in (ours, old)
    is_there = mark.exists() and mark.read_text() == requirement
    if is_there and not is_tree and not upgrade: return print(f"{venv}: there already")
    if not (venv/"bin/python").exists(): make(venv, python)
    install(venv, requirement, "--upgrade", requirement, compiled=True)
    if is_tree: install(venv, f"{requirement} as it is now", "--force-reinstall", "--no-deps", requirement, compiled=True)
    mark.write_text(requirement)

def is_stale():
    "True if the installed copy of our tree is not what the tree is now."
    copy = next(venv_of(ours).glob(f"lib/*/site-packages/{ours}"), None)
    if not copy: return False
    files = (root/ours).rglob("*.py")
    return any(not same(file, copy/file.relative_to(root/ours)) for file in files)

def same(one, two):
    "True if the files `one` and `two` are there and say the same."
    return two.exists() and one.read_bytes() == two.read_bytes()


# -- kernelspecs

class Peer:
    "A kernel to measure: how to start it, the one that is running for the short rows, and remarks on the row being measured."
    def __init__(self, name, argv, env=None, interrupt_mode="signal", is_floor=False, **others):
        self.name = name
        self.argv = argv
        self.env = env or {}
        self.interrupt_mode = interrupt_mode
        self.is_floor = is_floor
        self.current = None  # the kernel that rows share
        self.notes = []
        self.version = ""
        self.home = tempfile.mkdtemp(prefix=f"bench-{name}-")
        atexit.register(shutil.rmtree, self.home, ignore_errors=True)

    def live(self):
        "The kernel that rows share as long as it is well."
        if self.current and not self.current.is_alive: self.drop()
        if not self.current: self.current = self.started().warm()
        return self.current

    def started(self):
        "A new kernel, which its caller ends."
        from client import Kernel  # needs pyzmq, which only the environment of the bench has
        return Kernel(self)

    def drop(self):
        "End the kernel that rows share."
        if self.current: self.current.kill()
        self.current = None

    @contextmanager
    def fresh(self, warm=True):
        "A kernel for one turn of one row."
        kernel = self.started()
        try: yield kernel.warm() if warm else kernel
        finally: kernel.kill()

def find_peer(name, what=None):
    "A Peer from `what`, a venv, a kernel.json or a command line; without it one that `setup` made, or an installed kernelspec."
    what = what or installed(name)
    if not what: sys.exit(f"No kernel {name}: run `python tools/bench setup {name}`, or say what it is: --kernel {name}=VENV")
    path = Path(what)
    if path.is_file(): return Peer(name, **read_spec(path))
    if not path.is_dir(): return Peer(name, shlex.split(str(what)))
    spec = find_spec(path, specs.get(name, "*")) or find_spec(path)
    if not spec: sys.exit(f"{path} has no kernelspec")
    return Peer(name, **read_spec(spec))

def floor_peer(peers):
    "The bare loop, run by the Python of our environment, of ipykernel's or of the first of `peers` that is there."
    pythons = [venv_of(name)/"bin/python" for name in (ours, "ipykernel")] + [peer.argv[0] for peer in peers]
    python = next(str(path) for path in pythons if Path(path).exists())
    return Peer("floor", [python, str(Path(__file__).parent/"floor.py"), "{connection_file}"], is_floor=True)

def installed(name):
    "The environment that `setup` made for `name`, or a kernelspec of that name where Jupyter looks; None if there is neither."
    venv = venv_of(name)
    if venv.exists(): return venv
    folders = [os.environ.get("VIRTUAL_ENV"), Path.home()/".local", "/usr/local", "/usr"]
    found = [find_spec(folder, name) for folder in folders if folder]
    return next(filter(None, found), None)

def find_spec(prefix, name="*"):
    "The first kernel.json below `prefix` whose kernelspec is called `name`, or None."
    return next(iter(sorted(Path(prefix).glob(f"share/jupyter/kernels/{name}/kernel.json"))), None)

def read_spec(path):
    "What a kernel.json says, its placeholders filled; `python` there means the one of the environment that it lies in."
    spec = json.loads(path.read_text())
    prefix = path.parents[4]
    own_python = prefix/"bin/python"
    argv = [arg.replace("{resource_dir}", str(path.parent)).replace("{prefix}", str(prefix)) for arg in spec["argv"]]
    if re.fullmatch(r"python[\d.]*", argv[0]): argv[0] = str(own_python if own_python.exists() else shutil.which("python3"))
    return dict(spec, argv=argv)
