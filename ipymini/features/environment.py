"""The environment that the kernel runs in, for all that cells start: `!python`, `%pip`, `%uv` mean the kernel's.

`enter` runs before the shell is made; the magics take the place of IPython's."""

import json, os, sys
from importlib.machinery import PathFinder
from importlib.util import find_spec
from shlex import quote
from IPython.core.magic import Magics, line_magic, magics_class

inline = "module://matplotlib_inline.backend_inline"
unset = "***unset***"  # conda's word for a variable that an environment takes away

def enter():
    "Set the variables that activating the environment would set, whatever the server had."
    folder = os.path.dirname(sys.executable)
    path = os.environ.get("PATH", os.defpath).split(os.pathsep)
    if path[0] != folder: os.environ["PATH"] = os.pathsep.join([folder, *path])
    if sys.prefix != sys.base_prefix: os.environ["VIRTUAL_ENV"] = sys.prefix
    else: os.environ.pop("VIRTUAL_ENV", None)
    if os.path.isdir(os.path.join(sys.prefix, "conda-meta")): enter_conda()
    # children cannot import a matplotlib_inline that is only lent to us; `compat` chooses the backend then
    if PathFinder.find_spec("matplotlib_inline"): os.environ.setdefault("MPLBACKEND", inline)

def enter_conda():
    "Set what `conda activate` sets, but for what scripts in etc/conda/activate.d would do."
    os.environ.update(CONDA_PREFIX=sys.prefix, CONDA_DEFAULT_ENV=os.path.basename(sys.prefix))
    try:
        with open(os.path.join(sys.prefix, "conda-meta", "state")) as file: state = json.load(file)
    except FileNotFoundError: return
    variables = state.get("env_vars", {})
    for name,value in variables.items():
        if value == unset: os.environ.pop(name, None)
        else: os.environ[name] = value

def plot_inline(matplotlib):
    "Have `matplotlib` show figures in the notebook, where the variable MPLBACKEND does not say so."
    matplotlib.rcParams["backend"] = inline

def offer_inline(registry):
    "Tell matplotlib, from 3.9 on, of the backend `inline`: a matplotlib_inline that is lent has no entry point."
    registry.backend_registry._validate_and_store_entry_points([("inline", "matplotlib_inline.backend_inline")])

@magics_class
class PackageMagics(Magics):
    "IPython's %pip and %uv, where the environment has no pip or no uv of its own."

    @line_magic
    def pip(self, line):
        "Run pip for the environment of this kernel; where it has none, uv does what pip would."
        command = f"{quote(sys.executable)} -m pip {line}" if find_spec("pip") else uv_command(f"pip {line}")
        self.run(command, f"pip is not in {sys.prefix}, and uv, which can do without, is not there. "
            f"In a terminal: {quote(sys.executable)} -m ensurepip")

    @line_magic
    def uv(self, line):
        "Run uv for the environment of this kernel, as in %uv pip install PACKAGE or %uv add PACKAGE."
        self.run(uv_command(line), f"uv is not there. {sys.executable} can do it: %pip install uv")

    def run(self, command, otherwise):
        "Run `command`, or print `otherwise` if there is none."
        if not command: return print(otherwise)
        self.shell.system(command)
        print("Note: you may need to restart the kernel to use updated packages.")

def uv_command(line):
    "A shell command that runs uv on our environment, or None without uv."
    from ..environments.make import NoEnvironment, find_uv
    try: uv = find_uv()
    except NoEnvironment: return None
    # a system Python has no VIRTUAL_ENV by which uv would find it
    place = f" --python {quote(sys.executable)}" if line.split()[:1] == ["pip"] else ""
    return f"{quote(uv)} {line}{place}"
