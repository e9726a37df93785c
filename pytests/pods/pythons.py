"The Pythons of this machine that a pod can be, one of each version."
import glob, os, shutil, subprocess

wanted = ["3.8", "3.9", "3.10", "3.11", "3.12", "3.13", "3.14", "3.15"]

def candidates(version):
    "Paths where an interpreter of `version` may be: on PATH, pyenv's, uv's, and what IPYMINI_PYTHONS names, folders with a colon between."
    name = f"python{version}"
    for folder in os.environ.get("IPYMINI_PYTHONS", "").split(":"): yield os.path.join(folder, name)
    yield from sorted(glob.glob(os.path.expanduser(f"~/.pyenv/versions/{version}.*/bin/{name}")))
    yield from sorted(glob.glob(os.path.expanduser(f"~/.local/share/uv/python/*{version}.*/bin/{name}")))
    path = shutil.which(name)
    if path: yield path

def runs(path, version):
    "True if `path` is a Python of this version; pyenv's shims are there also for versions that are not."
    if not os.path.exists(path): return False
    out = subprocess.run([path, "-c", "import sys; print('%d.%d' % sys.version_info[:2])"], capture_output=True, text=True)
    return out.stdout.strip() == version

def python(version): return next((path for path in candidates(version) if runs(path, version)), None)
