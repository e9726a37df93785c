"Interpreters: what one is, asked of itself, and how a person names it."

import json, os, re, shutil, subprocess
from dataclasses import dataclass
from pathlib import Path

from .make import NoEnvironment, python_for

oldest = 3,11  # that the kernel runs on

asked = """
import json, os, sys, sysconfig
tag = sys.implementation.cache_tag + ("t" if sysconfig.get_config_var("Py_GIL_DISABLED") else "")
print(json.dumps(dict(executable=sys.executable, version=sys.version.split()[0], prefix=sys.prefix, base=sys.base_prefix, tag=tag)))
"""

@dataclass(frozen=True)
class Python:
    "An interpreter. `prefix`: its environment's folder; `base`: that of the Python it was made from; `tag`: names its bytecode."
    executable: str
    version: str
    prefix: str
    base: str
    tag: str

    @property
    def number(self): return tuple(map(int, re.findall(r"\d+", self.version)[:2]))

    @property
    def name(self):
        "A word for a person who has several: the environment's folder, or pythonX.Y for one that is not in an environment."
        folder = Path(self.prefix)
        is_environment = self.prefix != self.base or (folder/"conda-meta").exists()
        if not is_environment: return "python{}.{}".format(*self.number)
        if folder.name in ("venv", ".venv", "env", ".env"): folder = folder.parent
        return folder.name

def inspect_python(path):
    "The `Python` at `path`. Raises NoEnvironment."
    try: out = subprocess.run([path, "-I", "-c", asked], capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL)
    except (OSError, subprocess.TimeoutExpired) as e: raise NoEnvironment(f"{path} does not run: {e}") from None
    if out.returncode:
        said = out.stderr.strip().splitlines() or ["it says nothing"]
        raise NoEnvironment(f"{path} is no Python 3: {said[-1]}")
    return Python(**json.loads(out.stdout) | dict(executable=path))

def find_python(text):
    """The path of the interpreter that a person calls `text`: a file, an environment's folder, a command, a version.

    Raises NoEnvironment."""
    path = Path(text).expanduser()
    if path.is_dir():
        inside = [path/"bin/python", path/"bin/python3", path/"Scripts/python.exe", path/"python.exe"]
        found = next((o for o in inside if o.exists()), None)
        if not found: raise NoEnvironment(f"There is no interpreter in {path}")
        return os.path.abspath(found)
    command = shutil.which(path)
    if command: return os.path.abspath(command)
    if re.fullmatch(r"\d+(\.\d+)*t?", text): return python_for(text)
    raise NoEnvironment(f"There is no interpreter {text}")
