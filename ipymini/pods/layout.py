"""PyPods' layout: a folder `pods/NAME` with `pod.py`, whose functions are called from outside, `requirements.txt` and
`venv/`.

`load` puts the functions into the caller's namespace, `unload` takes them out again. The caller never imports the
pod's code; `pods` is importable in the pod, as the project's folder is on its path. A pod.py that PyPods made loads
unchanged: its last block is for `__main__`, which a pod is not."""
import hashlib, os, subprocess, sys
from pathlib import Path
from .client import Name, pod
from .errors import PodError

template = '''"""The functions of this pod: each can be called from outside, and is there at the next call after it was written."""

def hello(name="world"):
    return f"Hello, {name}!"
'''
loaded = {}  # folder: the pod, the namespace, the names that it got

def load(path, namespace=None):
    """The pod of a folder, its functions in `namespace`, a dict like globals().

    `path`: the folder, or a name, which is a folder in `pods`. What is missing is made: the folder, a `pod.py`,
    `requirements.txt`, `venv`, brought up to date when requirements.txt changes. Raises: PodError"""
    folder = folder_for(path)
    complete(folder)
    if folder in loaded: unload(folder)
    root = folder.parent.parent
    res = pod(python(folder), name=folder.name, env=dict(PYTHONPATH=search_path(root)), cwd=os.getcwd())
    names = {}
    loaded[folder] = res,namespace,names
    if namespace is not None: res._core.screen.names = lambda found: inject(res, found, namespace, names)
    res._core.use_file(folder/"pod.py")
    return res

def unload(path):
    "End the pod of a folder and take its functions out of the namespace, but for those that are others now."
    folder = folder_for(path)
    if folder not in loaded: raise KeyError(f"no pod is loaded from {folder}")
    pod,namespace,names = loaded.pop(folder)
    for name,value in names.items():
        if namespace.get(name) is value: del namespace[name]
    pod.close()

def folder_for(path):
    "The folder that a path or a name means. Raises: ValueError, if its name is no identifier."
    path = Path(path)
    if path.name == str(path) and not path.is_dir(): path = Path("pods")/path
    if not path.name.isidentifier(): raise ValueError(f"the name of a pod must be an identifier, not {path.name!r}")
    return path.absolute()

def complete(folder):
    "Make what the folder lacks."
    folder.mkdir(parents=True, exist_ok=True)
    if not (folder/"pod.py").exists(): (folder/"pod.py").write_text(template)
    if not (folder/"requirements.txt").exists(): (folder/"requirements.txt").touch()
    install(folder)

def python(folder): return str(folder/"venv"/("Scripts/python.exe" if os.name == "nt" else "bin/python"))

def install(folder):
    "Bring the folder's venv up to what its requirements.txt says."
    wanted = (folder/"requirements.txt").read_bytes()
    stamp = folder/"venv"/"requirements.sha256"
    digest = hashlib.sha256(wanted).hexdigest()
    if stamp.exists() and stamp.read_text() == digest: return
    commands = commands_for(folder)
    if Path(python(folder)).exists(): del commands[0]
    if not wanted.strip(): del commands[-1]
    for command in commands: run(command, folder/"requirements.txt")
    stamp.write_text(digest)

def run(command, requirements):
    "Run a command that makes the venv; what it says is shown if it fails."
    out = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if out.returncode: raise PodError(f"the environment of {requirements} cannot be made:\n{out.stdout.strip()}")

def commands_for(folder):
    "What makes the venv, and what fills it: uv, or where that is not to be had Python's own."
    from ..environments.make import NoEnvironment, find_uv
    requirements = str(folder/"requirements.txt")
    try: uv = find_uv()
    except NoEnvironment:
        return [[sys.executable, "-m", "venv", str(folder/"venv")], [python(folder), "-m", "pip", "install", "-q", "-r", requirements]]
    return [[uv, "venv", "-q", "--python", sys.executable, str(folder/"venv")],
        [uv, "pip", "install", "-q", "--python", python(folder), "-r", requirements]]

def search_path(root): return os.pathsep.join(filter(None, [str(root), os.environ.get("PYTHONPATH")]))

def inject(pod, found, namespace, names):
    "Put the functions that pod.py has now into the namespace."
    for name in found:
        if name not in names: namespace[name] = names[name] = Name(pod._core, None, name)
