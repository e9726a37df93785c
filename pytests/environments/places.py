"Environments for the tests, made by uv, and kernels in them; what a test calls by name. Fixtures are in conftest.py."

import hashlib, json, os, subprocess, sys
from jupyter_client.kernelspec import KernelSpecManager
from pathlib import Path
import pytest

from ipymini.environments.kernelspecs import kernels_folder
from ipymini.environments.make import NoEnvironment, find_uv, run

def run_uv(*args): return subprocess.run([find_uv(), *map(str, args)], check=True, capture_output=True, text=True, timeout=300)

def find(version):
    "The interpreter of `version`, a path, or a skip that says that it was not tested."
    try: return run(["python", "find", "--system", "--no-project", "--no-python-downloads", version])
    except NoEnvironment: pytest.skip(f"NOT TESTED: Python {version} is not there")

def cli(*argv, python=sys.executable, **kw):
    "Run `ipymini` with `argv`."
    env = {**os.environ, "COLUMNS": "120", **kw.pop("env", {})}
    return subprocess.run([python, "-m", "ipymini", *map(str, argv)], capture_output=True, text=True, timeout=300, stdin=subprocess.DEVNULL, env=env, **kw)

def install(*argv, **kw):
    "Install a kernel with the options `argv`; its name."
    out = cli("install", *argv, **kw)
    assert out.returncode == 0, out.stderr
    return out.stdout.split()[2]

def folder_of(name):
    "The folder of the kernelspec `name`."
    return Path(KernelSpecManager().get_kernel_spec(name).resource_dir)

def contents(folder):
    "What the files below `folder` hold, by name, for comparison; bytecode is left out."
    found = {}
    for path in sorted(Path(folder).rglob("*")):
        if "__pycache__" in path.parts: continue
        if path.is_symlink(): found[str(path)] = os.readlink(path)
        elif path.is_file(): found[str(path)] = hashlib.sha256(path.read_bytes()).hexdigest()
        else: found[str(path)] = "folder"
    return found

def spec_of(name): return json.loads((folder_of(name)/"kernel.json").read_text())

def foreign(name, argv=("/bin/other", "{connection_file}")):
    "A kernelspec that is not ours, in this user's folder; its folder."
    folder = kernels_folder()/name
    folder.mkdir(parents=True)
    (folder/"kernel.json").write_text(json.dumps(dict(argv=argv, display_name="Other", language="python")))
    return folder
