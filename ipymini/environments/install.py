"""The commands `install`, `kernels`, `uninstall`: kernelspecs for this Python, for others, for projects, scripts and notebooks.

Read `install`, then the functions that plan each kind of kernel. `kernelspecs` writes the files, `lending` finds what is lent."""

import re, shlex, sys
from dataclasses import dataclass
from fastcore.script import anno_parser, call_parse
from itertools import chain, count
from pathlib import Path
from typing import Annotated, NamedTuple

from . import kernelspecs, lending
from .kernelspecs import Kernel
from .make import NoEnvironment, find_uv
from .pythons import find_python, inspect_python, oldest
from .search import find_environments

def option(metavar): return Annotated[str, dict(metavar=metavar)]
pairs = Annotated[str, dict(nargs=2, action="append", metavar=("KEY", "VALUE"))]
folders = Annotated[str, dict(nargs="*", metavar="DIR")]
path = option("PATH")
folder = option("DIR")
file = option("FILE")
word = option("NAME")
text = option("TEXT")

@call_parse
def install(
    python:path=None, # an interpreter, an environment's folder or a version, as 3.13; nothing is installed there
    project:folder=None, # a folder with a pyproject.toml; uv brings its environment up to date at each start
    script:file=None, # a script whose header (PEP 723) says what it needs
    notebook:bool=False, # notebooks whose first cell (PEP 723) says what they need
    all:folders=None, # every environment of conda, uv, pyenv, pipx, Poetry, and virtual environments below the folders DIR
    name:word=None, # folder name and id of the kernel; by default from the environment's folder
    display_name:text=None, # what menus show
    user:bool=False, # where this user's Jupyter looks; the default
    sys_prefix:bool=False, # where the Jupyter of this environment looks
    prefix:path=None, # where the Jupyter of the environment in PATH looks
    env:pairs=None, # an environment variable for the kernel; repeatable
    profile:word=None, # start with this IPython profile
    frozen_modules:bool=False, # start 1 to 2 ms sooner; the debugger cannot step into the standard library
    force:bool=False, # replace another kernel of this name, which uninstall brings back
    yes:bool=False, # answer questions with yes
):
    """Add a kernel to the menus of Jupyter: of this Python, or of another environment, a project, a script.
    The Jupyter of this environment has known the kernel of this Python since pip install. `ipymini uninstall` takes one away."""
    only_one(python=python, project=project, script=script, notebook=notebook, all=all is not None)
    place = prefix_of(user, sys_prefix, prefix)
    if all is not None: return install_all(all, yes, dict(prefix=place, env=env, profile=profile))
    check_name(name)
    plan = plan_for(python, project, script, notebook)
    kernel = plan.kernel(kernelspecs.kernels_folder(place), name)
    if not (force or yes): may_replace(kernel, elsewhere=not prefix)
    title = display_name or plan.title_for(name, profile)
    put(plan, kernel, title, Start(profile, frozen_modules, env))

def prefix_of(user, sys_prefix, prefix):
    "The prefix of the Jupyter whose menus are to have the kernel; None for this user's."
    only_one(user=user, sys_prefix=sys_prefix, prefix=prefix)
    return sys.prefix if sys_prefix else prefix

class Start(NamedTuple):
    "How a kernel starts, as the command line has it: `env` are pairs, or None."
    profile: str | None
    frozen_modules: bool
    env: list | None

    @property
    def variables(self):
        "What kernel.json says of environment variables, nothing if there are none."
        # debugpy would warn of the frozen modules
        pairs = [("PYDEVD_DISABLE_FILE_VALIDATION", "1")] * self.frozen_modules + (self.env or [])
        return dict(env=dict(pairs)) if pairs else {}

def put(plan, kernel, title, start):
    "Write the kernelspec of `kernel`, which menus call `title`, and say so."
    spec = dict(argv=plan.command(kernel, start), display_name=title) | start.variables
    try: kernelspecs.write(kernel, kernelspecs.packaged() | spec, plan.files(kernel))
    except OSError as e:
        sys.exit(f"ipymini: cannot install the kernelspec: {e}\nTry --user, or --prefix PATH with a folder that you may write to.")
    print(f"Installed kernelspec {kernel.name} in {kernel.folder}")
    if plan.said: print(plan.said)

def only_one(**options):
    "End with a usage error if more than one of `options` is given."
    given = [f"--{name.replace('_', '-')}" for name,value in options.items() if value]
    if len(given) < 2: return
    print(f"ipymini install: {given[1]} is not allowed with {given[0]}", file=sys.stderr)
    sys.exit(2)

def check_name(name):
    "End if `name` cannot name a kernel; None, for none that is given, can."
    if name is None: return
    # jupyter_client lets `..` pass, and would empty the folder above
    if not re.fullmatch(r"[A-Za-z0-9._-]+", name) or not name.strip("."):
        sys.exit(f"ipymini: {name!r} cannot name a kernel: letters, digits and . _ - can")

def may_replace(kernel, elsewhere, choices="Choose another with --name, or replace it with --force"):
    """Ask, or end, if the name of `kernel` is another's: in its folder, or with `elsewhere` in any that this Jupyter looks into.

    `choices`: what the command has for this."""
    found = kernel.folder if (kernel.folder/"kernel.json").exists() else None
    if elsewhere and not found: found = kernelspecs.all_specs().get(kernel.name)
    other = kernelspecs.ours(kernel.name, Path(found)) if found else None
    if not found or kernelspecs.is_same(other, kernel): return
    spec = kernelspecs.read(found)
    runs = other.target if other else " ".join(spec["argv"][:1])
    whose = f"The name {kernel.name!r} is that of the kernel {spec['display_name']!r} in {found}, which runs {runs or 'notebooks'}"
    if not is_at_terminal(): sys.exit(f"ipymini: {whose}. {choices}; uninstall brings it back.")
    question = f"{whose}.\nReplace it, until `ipymini uninstall {kernel.name}` brings it back? [y/N] "
    if not asked(question): sys.exit("ipymini: nothing was installed")

def install_all(places, yes, options):
    "Show all environments of this user, ask, and install a kernel with `options` for each that has none."
    taken = {kernel.target for kernel in kernelspecs.kernels().values()}
    found = [(python, made_by, is_taken(python, taken)) for python,made_by in find_environments(places)]
    if not found: sys.exit("ipymini: no environment was found; name the folders in which to look: ipymini install --all DIR")
    show_table([("KERNEL", "PYTHON", "MADE BY", "ENVIRONMENT"), *(row_of(*o) for o in found)])
    wanted = [python for python,_,has_kernel in found if not has_kernel and python.number >= oldest]
    if not wanted: return print("There is nothing to install.")
    if not yes and not asked(f"Install {len(wanted)} kernels? [y/N] "):
        sys.exit("ipymini: nothing was installed; --yes does it without a question")
    failed = [python for python,name in zip(wanted, unused_names(wanted)) if not has_installed(python, name, options)]
    if failed: sys.exit(1)

def is_taken(python, targets):
    "True if `python` is our own, or one of `targets`, for which there are kernels."
    return python.executable in targets or python.prefix == sys.prefix

def has_installed(python, name, options):
    "Install a kernel; one that cannot be is said, and the others go on."
    try: install(python=python.executable, name=name, **options)
    except SystemExit as e:
        print(f"{python.prefix}: {e}", file=sys.stderr)
        return False
    return True

def row_of(python, made_by, has_kernel):
    mark = "yes" if has_kernel else "" if python.number >= oldest else "too old"
    return mark,python.version,made_by,short(python.prefix)

def asked(question):
    "True if a person at a terminal says yes."
    return is_at_terminal() and input(question).strip().lower() in ("y", "yes")

def is_at_terminal():
    "True if a person can be asked."
    return sys.stdin.isatty() and sys.stdout.isatty()

def unused_names(pythons):
    "A name for a kernel of each of `pythons`, that no other kernel has."
    used = set(kernelspecs.all_specs())
    for python in pythons:
        stem = re.sub(r"[^A-Za-z0-9._-]+", "-", python.name)
        numbered = (f"{stem}-{n}" for n in count(2))
        name = next(word for word in chain([stem], numbered) if word.lower() not in used)
        used.add(name.lower())
        yield name

# -- what a kernel is to start

@dataclass
class Plan:
    "A kernel of one kind: what it is for, what starts it, how it is called where nothing is said, a line for the person."
    kind: str
    target: str
    name: str
    title: str
    interpreter: str = sys.executable
    lent: dict | None = None  # what boot.start takes, for a kernel that is lent
    said: str = ""

    def kernel(self, folder, name):
        "The Kernel, called `name` or by default as this says, with its kernelspec below `folder`."
        if not name: check_name(self.name)
        name = (name or self.name).lower()
        return Kernel(name, folder/name, self.kind, self.target)

    def title_for(self, name, profile):
        "What menus show where nothing else is asked for."
        suffix = f" [profile={profile}]" if profile else ""
        return (self.title if name in (None, self.name) else name) + suffix

    def command(self, kernel, start):
        "The command line that starts `kernel` as `start` says."
        flags = ["-P"] if start.frozen_modules else ["-P", "-Xfrozen_modules=off"]
        options = ["--profile", start.profile] if start.profile else []
        return [self.interpreter, *flags, *self.words(kernel), "-f", "{connection_file}", *options]

    def words(self, kernel):
        "The command line behind the interpreter's own flags."
        if self.kind == "lent": return [str(kernel.folder/"start.py")]
        if self.kind == "own": return ["-m", "ipymini"]
        return ["-m", "ipymini", "run", f"--{self.kind}", *filter(None, [self.target])]

    def files(self, kernel):
        "What lies beside kernel.json, besides the logos."
        if not self.lent: return {}
        command = shlex.join(["ipymini", "install", "--python", self.target, "--name", kernel.name])
        return {"start.py": lending.start_code(self.lent, command)}

def plan_for(python, project, script, notebook):
    "The Plan that the options ask for. Ends the process where it cannot be carried out."
    try:
        if python: return plan_python(python)
        if project: return plan_project(project)
        if script: return plan_script(script)
    except NoEnvironment as e: sys.exit(f"ipymini: {e}")
    if notebook: return Plan("notebook", "", "notebook", "Python (as the notebook says)")
    return Plan("own", sys.executable, "ipymini", "Python 3 (ipymini)")

def plan_python(text):
    "A kernel of another interpreter, unless that is ours."
    python = inspect_python(find_python(text))
    if python.prefix == sys.prefix: return Plan("own", sys.executable, "ipymini", "Python 3 (ipymini)")
    lent = lending.prepare(python, print)
    said = f"It runs Python {python.version} of {python.prefix}. What it lacks is lent; the environment is not touched."
    return Plan("lent", python.executable, python.name, python.name, python.executable, lent, said)

def plan_project(folder):
    "A kernel of a project's own environment."
    path = Path(folder).expanduser().absolute()
    if not (path/"pyproject.toml").exists(): raise NoEnvironment(f"There is no pyproject.toml in {path}")
    find_uv()
    said = f"At each start uv brings {path}/.venv up to date; what else it needs is lent."
    return Plan("project", str(path), path.name, path.name, said=said)

def plan_script(file):
    "A kernel of the environment that a script asks for."
    path = Path(file).expanduser().absolute()
    if not path.exists(): raise NoEnvironment(f"There is no script {path}")
    find_uv()
    return Plan("script", str(path), path.stem, path.name, said=f"At each start uv makes what the header of {path} asks for.")

# -- the other commands

@call_parse
def kernels():
    "Show the kernels that `ipymini install` and pip have added to the menus of Jupyter."
    found = kernelspecs.kernels()
    rows = [("NAME", "KIND", "PYTHON", "FOR", "STATE", "FOLDER")]
    show_table(rows + [row_of_kernel(kernel) for kernel in found.values()])

def row_of_kernel(kernel):
    return kernel.name,kernel.kind,version_of(kernel),short(kernel.target),state_of(kernel),short(kernel.folder)

def version_of(kernel):
    "The version of the interpreter of `kernel`, or - where uv chooses it or it is gone."
    if kernel.kind == "container": return kernelspecs.read(kernel.folder)["metadata"]["ipymini"]["python"]
    if kernel.kind not in ("own", "lent") or kernel.missing: return "-"
    try: return inspect_python(kernel.target).version
    except NoEnvironment: return "-"

def state_of(kernel): return f"{short(kernel.missing)} is gone" if kernel.missing else "ok"

def short(path):
    "`path` with ~ for the user's home."
    home = str(Path.home())
    is_below = f"{path}/".startswith(f"{home}/")
    return f"~{str(path)[len(home):]}" if is_below else str(path)

def show_table(rows):
    "Print `rows`, the first of them a head, in columns."
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    for row in rows:
        cells = [f"{cell:{width}}" for cell,width in zip(row, widths)]
        print("  ".join(cells).rstrip())

@call_parse
def uninstall(
    name:str, # as `ipymini kernels` shows it
    prefix:path=None, # of the Jupyter of the environment in PATH
):
    "Take a kernel of ours out of the menus of Jupyter; another that it had replaced comes back."
    folder = kernelspecs.all_specs(prefix).get(name.lower())
    if not folder: sys.exit(f"ipymini: there is no kernel {name!r}; `ipymini kernels` shows what there is")
    kernel = kernelspecs.ours(name.lower(), Path(folder))
    if not kernel: sys.exit(f"ipymini: the kernel {name!r} in {folder} is not ours: jupyter kernelspec remove {name}")
    if kernel.is_packaged: sys.exit(f"ipymini: the kernel {name!r} came with the package and leaves with it: pip uninstall ipymini")
    try: is_back = kernelspecs.remove(kernel)
    except OSError as e: sys.exit(f"ipymini: cannot remove the kernelspec: {e}")
    print(f"Removed kernelspec {kernel.name} from {folder}")
    if is_back: print(f"The kernel {kernelspecs.read(folder)['display_name']!r} is back there.")

commands = dict(install=install, kernels=kernels, uninstall=uninstall)

def main(argv, command="install"):
    "Run one of `commands` with the options `argv`."
    options = [re.sub(r"^--\w+", lambda word: word[0].replace("_", "-"), word) for word in argv]  # ipykernel spells --frozen_modules
    values = vars(anno_parser(commands[command], prog=f"ipymini {command}").parse_args(options))
    commands[command](**{key: value for key,value in values.items() if key not in ("pdb", "xtra")})
