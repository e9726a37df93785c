"""Private environments for the tools: venvs under .venvs/, made by uv, which pip fetches where there is none, else by venv and pip.

Read downwards from `ready`, which puts ipymini into one as users get it: from a wheel built of this checkout.
Standard library only: this runs before anything is installed."""

import hashlib, os, re, shutil, subprocess, sys, time
from functools import cache
from importlib.util import find_spec
from pathlib import Path

root = Path(__file__).resolve().parent.parent
venvs = root/".venvs"
log = venvs/"log.txt"  # what the step that runs prints
oldest = 3,11
# for free-threaded Python 3.13 the newest releases of many libraries have no wheels: the newest that has one is taken; tornado, which never had one, is built in seconds
free_threaded = "--only-binary=:all:", "--no-binary=tornado"
programs = "Scripts" if os.name == "nt" else "bin"  # the folder of a venv that has its programs

def ready(name, extras, python=None, fresh=False, lock=None):
    """The Python of the venv `name`, in which `python` (or the one that runs this) has ipymini, as it is now, and its `extras` installed.

    `lock`: a file of the checkout with the versions to take; without it the newest."""
    python = python or sys.executable
    venv = venvs/name
    exe = venv/programs/"python"
    tools_wanted = f"{version(python)} {extras} {digest('pyproject.toml', *filter(None, [lock]))}"
    tree_wanted = digest("pyproject.toml", "README.md", "ipymini", "share")
    tools_there,tree_there = (None, None) if fresh else stamped(venv)
    if (tools_there, tree_there) == (tools_wanted, tree_wanted): return exe
    is_new = tools_there != tools_wanted
    if is_new:
        make(venv, python)
        install(venv, "hatchling, the build tool", "hatchling>=1.27")
    stamp_of(venv).unlink(missing_ok=True)  # whoever is interrupted from here on begins anew
    whl = wheel(venv)
    versions = ["--constraint", root/lock] if lock else []
    wheels = free_threaded if is_free_threaded(python) else ()
    if is_new: install(venv, f"ipymini and {extras} tools", f"{whl}[{extras}]", *versions, *wheels)
    else: install(venv, "ipymini", "--force-reinstall", "--no-deps", whl)
    stamp_of(venv).write_text(f"{tools_wanted}\n{tree_wanted}")
    return exe

def stamp_of(venv): return venv/"made-of.txt"

def stamped(venv):
    "What `venv` was made of: two lines, of its tools and of the tree; None for each if it was not finished."
    stamp = stamp_of(venv)
    return stamp.read_text().split("\n") if stamp.exists() else (None, None)

def version(python):
    "Version, with the `t` of a free-threaded one, and prefix of the interpreter `python`; exits if it is too old or does not run."
    flags = "getattr(sys, 'abiflags', '')"  # not on Windows
    code = f"import sys; print(*sys.version_info[:2]); print(sys.version.split()[0] + {flags}, sys.prefix)"
    try: run = subprocess.run([python, "-c", code], capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError) as error: sys.exit(f"{python} is no Python that runs: {error}")
    numbers,described = run.stdout.splitlines()
    if tuple(map(int, numbers.split())) >= oldest: return described
    sys.exit(f"ipymini needs Python {oldest[0]}.{oldest[1]} or newer, {python} is {described.split()[0]}; --python PATH names another")

def is_free_threaded(python): return version(python).split()[0].endswith("t")

def digest(*names):
    "A digest of the files and folders `names` of the checkout."
    res = hashlib.sha256()
    for path in map(root.joinpath, names):
        for file in sorted(path.rglob("*")) or [path]:
            if file.is_file() and file.suffix != ".pyc": res.update(f"{file.relative_to(root)}\0".encode() + file.read_bytes() + b"\0")
    return res.hexdigest()


# -- uv, or venv and pip

@cache
def uv():
    "A uv that runs: the one on the path, else one that pip fetches into .venvs/uv; None if neither can be had."
    path = shutil.which("uv")
    return path if path and runs(path) else fetched_uv()

def runs(path):
    "True if the uv at `path` runs: pyenv leaves shims of programs that it does not run."
    return subprocess.run([path, "--version"], capture_output=True).returncode == 0

def fetched_uv():
    "The uv in .venvs/uv, put there by the pip of this Python, which then has the least to do; None if that cannot be."
    folder = venvs/"uv"
    if not folder.exists() and may_fetch():
        venvs.mkdir(exist_ok=True)
        attempt("fetching uv, which is faster than pip", sys.executable, "-m", "pip", "install", "--target", folder, "uv")
    path = shutil.which("uv", path=folder/programs)
    return path if path and runs(path) else None

def may_fetch():
    "True if pip is here and takes packages from where uv does: a mirror that only pip is told of stays pip's."
    if not find_spec("pip"): return False
    settings = subprocess.run([sys.executable, "-m", "pip", "config", "list"], capture_output=True, text=True)
    return not re.search(r"\bno-index=|[.]index-url=", settings.stdout)

def make(venv, python):
    "An empty venv of `python`, in place of what may be there; pip is in it, which users and tests expect."
    venv.parent.mkdir(exist_ok=True)
    shutil.rmtree(venv, ignore_errors=True)
    what = f"making {venv.relative_to(root)}"
    if uv(): step(what, uv(), "venv", "--seed", "--python", python, venv)
    else: step(what, python, "-m", "venv", venv, hint="On Debian and Ubuntu: apt-get install python3-venv")

def install(venv, what, *args, compiled=False):
    "Install into `venv`; `args` are for pip or uv, which both know them, `what` is for whoever waits. `compiled`: now, not at the first import."
    python = venv/programs/"python"
    compiling = ["--compile-bytecode"] if compiled else []  # pip compiles always
    if uv(): step(f"installing {what}", uv(), "pip", "install", "--python", python, *compiling, *args)
    else: step(f"installing {what}", python, "-m", "pip", "install", *args)

def wheel(venv):
    "A wheel of the checkout, newly built by the tools in `venv`."
    folder,python = venv/"wheel",venv/programs/"python"
    shutil.rmtree(folder, ignore_errors=True)
    if uv(): command = uv(), "build", "--wheel", "--no-build-isolation", "--python", python, "--out-dir", folder, root
    else: command = python, "-m", "pip", "wheel", "--no-deps", "--no-build-isolation", "-w", folder, root
    step("building the wheel", *command)
    return next(folder.glob("*.whl"))

def env(venv, **kw):
    "Variables for what runs in `venv`: nothing that changes what Python imports or keeps it from storing bytecode, and `kw`."
    drop = "PYTHONDONTWRITEBYTECODE", "PYTHONPATH", "PYTHONHOME", "JUPYTER_PATH"
    kept = {k:v for k,v in os.environ.items() if k not in drop}
    return dict(kept, VIRTUAL_ENV=str(venv), PATH=f"{venv/programs}{os.pathsep}{kept.get('PATH', os.defpath)}", **kw)


# -- progress

tty = sys.stdout.isatty()

def step(what, *command, hint=""):
    "Run `command` under a line that says `what` and for how long; if it fails, show the end of what it printed and exit."
    if attempt(what, *command): fail(what, hint)

def attempt(what, *command):
    "The exit status of `command`, which runs under a line that says `what` and for how long."
    begin = time.monotonic()
    if not tty: print(what, end=" ... ", flush=True)
    status = run_logged(command, lambda: show(f"{what} ... {time.monotonic() - begin:.0f} s  {last_line()}"))
    show("")
    took = f"failed after {time.monotonic() - begin:.1f} s" if status else f"{time.monotonic() - begin:.1f} s"
    print(f"{what + ' ... ' if tty else ''}{took}", flush=True)
    return status

def run_logged(command, tick):
    "The exit status of `command`, whose output goes to `log`; calls `tick` five times a second meanwhile."
    variables = env(Path(command[0]).parent.parent, PYTHONUNBUFFERED="1")
    with open(log, "w") as file, subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=file, stderr=file, env=variables) as process:
        while process.poll() is None:
            tick()
            try: process.wait(0.2)
            except subprocess.TimeoutExpired: pass  # the next tick is due
    return process.returncode

def fail(what, hint):
    "Show the end of the log and exit."
    end = log.read_text(errors="replace").splitlines()[-25:]
    print(f"{what} failed:", *end, f"(all of it: {log})", hint, sep="\n    ", flush=True)
    sys.exit(1)

def show(text):
    "Put `text` on the line that is shown on a terminal for now."
    if tty: print("\r\033[K" + text[:shutil.get_terminal_size().columns - 1], end="", flush=True)

def last_line():
    "The last whole line of the log that is no warning."
    lines = [o for o in log.read_text(errors="replace").split("\n")[:-1] if not o.startswith("WARNING")]
    return lines[-1].split(" (from")[0].strip() if lines else ""
