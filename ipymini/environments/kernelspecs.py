"""Kernelspecs: where they lie, which of them are ours and what they start, writing and removing one.

A kernelspec that ours replaces is kept in its folder, in `before`, and comes back when ours is removed."""

import json, re, shutil, sys
from ast import literal_eval
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

package = Path(__file__).absolute().parents[1]
resources = package/"kernelspec"  # in a wheel
if not resources.exists(): resources = package.parent/"share/jupyter/kernels/ipymini"  # in a checkout
kinds = {"--project": "project", "--script": "script", "--notebook": "notebook"}

@dataclass(frozen=True)
class Kernel:
    """One kernelspec of ours.

    `kind`: own, lent, project, script, notebook, container; `target`: the interpreter, folder or file that it is for."""
    name: str
    folder: Path
    kind: str
    target: str

    @property
    def missing(self):
        "The file or folder without which it does not start, or None."
        needed = [self.target, *self.argv[:1]]
        if self.kind == "lent": needed.append(boot_of(self.folder))
        return next((o for o in needed if o and not Path(o).exists() and not shutil.which(o)), None)

    @property
    def argv(self): return read(self.folder)["argv"]

    @property
    def is_packaged(self):
        "True if it came with ipymini's own installation, not by a command."
        return self.argv[0] == "python"

def read(folder):
    "The contents of kernel.json in `folder`, with an empty argv if it has none."
    try: spec = json.loads((Path(folder)/"kernel.json").read_text())
    except (OSError, ValueError): spec = {}
    return dict(argv=[], display_name="") | spec

def ours(name, folder):
    "The `Kernel` whose spec lies in `folder`, or None if that starts something else."
    spec = read(folder)
    argv = spec["argv"]
    is_lent = any(word.endswith("start.py") for word in argv) and boot_of(folder)
    if is_lent: return Kernel(name, folder, "lent", argv[0])
    if "ipymini" not in argv: return None
    metadata = spec.get("metadata", {})
    if "kernel_provisioner" in metadata:
        return Kernel(name, folder, "container", metadata.get("ipymini", {}).get("environment", ""))
    return Kernel(name, folder, *kind_and_target(argv))

def kind_and_target(argv):
    "What the command line of a kernel that runs in our own Python is for."
    rest = argv[argv.index("ipymini")+1:]
    # the spec that comes with the package leaves the interpreter to the Jupyter that starts it
    if rest[:1] != ["run"]: return "own",argv[0] if argv[0] != "python" else sys.executable
    flag = next(word for word in rest if word in kinds)
    return kinds[flag],"" if flag == "--notebook" else rest[rest.index(flag)+1]

def boot_of(folder):
    "The path of boot.py that the start.py in `folder` runs, or None if that is not ours."
    try: text = (Path(folder)/"start.py").read_text()
    except OSError: return None
    found = re.search(r"^boot = (.*)$", text, re.MULTILINE)
    return literal_eval(found[1]) if found else None

# -- where they lie

def kernels():
    "All kernelspecs of ours that this Jupyter sees, by name."
    found = {name: ours(name, Path(folder)) for name,folder in all_specs().items()}
    return {name: kernel for name,kernel in sorted(found.items()) if kernel}

def all_specs(prefix=None):
    "The folder of each kernelspec by name: of those below `prefix`, or all that this Jupyter sees."
    from jupyter_client.kernelspec import KernelSpecManager
    manager = KernelSpecManager(ensure_native_kernel=False)
    if prefix: manager.kernel_dirs = [str(kernels_folder(prefix))]
    return manager.find_kernel_specs()

def kernels_folder(prefix=None):
    "Where kernelspecs lie: below `prefix`, or where this user's are."
    if prefix: return Path(prefix).absolute()/"share/jupyter/kernels"
    from jupyter_core.paths import jupyter_data_dir
    return Path(jupyter_data_dir())/"kernels"

def runtime_file(name):
    "The path of the connection file `name` in Jupyter's runtime folder, which is made if need be."
    from jupyter_core.paths import jupyter_runtime_dir
    folder = Path(jupyter_runtime_dir())
    try: folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as e: sys.exit(f"ipymini: cannot make {folder}, the folder of connection files: {e.strerror}. Name one with -f")
    return str(folder/name)

# -- writing and removing

def packaged():
    "The kernel.json that comes with the package. Ends the process where that is a zip file, from which no kernel starts."
    if not resources.is_dir(): sys.exit(f"ipymini: {package} is not a folder on disk, and no kernel can start from it: pip install ipymini")
    return read(resources)

def write(kernel, spec, files):
    "Write the kernelspec of `kernel`: kernel.json with `spec`, our logos, `files` {name: text}. It keeps what it replaces."
    folder = kernel.folder
    with TemporaryDirectory() as scratch:
        new = Path(scratch)/"new"
        shutil.copytree(resources, new)
        (new/"kernel.json").write_text(json.dumps(spec, indent=1) + "\n")
        for name,text in files.items(): (new/name).write_text(text)
        replaced = folder/"before" if is_same(ours(folder.name, folder), kernel) else folder
        if replaced.exists(): shutil.copytree(replaced, new/"before")
        keep_from_others(new)
        make_folder(folder.parent)
        if folder.exists(): shutil.rmtree(folder)
        shutil.copytree(new, folder)

def make_folder(folder):
    "Make `folder`, and those above it that are missing, so that this user alone may write into it, whatever the umask."
    if not folder.parent.exists(): make_folder(folder.parent)
    folder.mkdir(mode=0o755, exist_ok=True)

def keep_from_others(folder):
    "Let nobody but this user write into `folder`, whatever the umask: what lies there tells Jupyter what to run."
    for path in (folder, *folder.rglob("*")): path.chmod(path.stat().st_mode & ~0o022)

def is_same(one, other):
    "True if the Kernels `one`, which may be None, and `other` run the same."
    return one is not None and (one.kind, one.target) == (other.kind, other.target)

def remove(kernel):
    "Take away the kernelspec of `kernel`; True if that brought back another, which it had replaced."
    before = kernel.folder/"before"
    with TemporaryDirectory(dir=kernel.folder.parent) as scratch:
        if before.exists(): before = before.rename(Path(scratch)/"before")
        shutil.rmtree(kernel.folder)
        if before.exists(): before.rename(kernel.folder)
    return (kernel.folder/"kernel.json").exists()
