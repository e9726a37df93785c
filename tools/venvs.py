"""Private environments for `try` and `test`: a venv under .venvs/, with ipymini in it as users get it, from a wheel built of this checkout

Read downwards from `ready`. Standard library only: this runs before anything is installed."""

import hashlib, os, shutil, subprocess, sys, time
from pathlib import Path

root = Path(__file__).resolve().parent.parent
venvs = root/".venvs"
oldest = 3,11

def ready(name, extras, python=None, fresh=False):
    "The Python of the venv `name`, in which `python` (or the one that runs this) has ipymini, as it is now, and its `extras` installed"
    python,venv = python or sys.executable,venvs/name
    want = [f"{version(python)} {extras} {digest('pyproject.toml')}", digest("pyproject.toml", "README.md", "ipymini", "share")]
    stamp,exe = venv/"made-of.txt",venv/"bin/python"
    have = stamp.read_text().split("\n") if stamp.exists() and not fresh else [None, None]
    if have == want: return exe
    venvs.mkdir(exist_ok=True)
    if have[0] != want[0]: make(venv, python)
    stamp.unlink(missing_ok=True)
    whl = wheel(venv)
    if have[0] != want[0]: step(f"installing ipymini and {extras} tools", exe, "-m", "pip", "install", f"{whl}[{extras}]")
    else: step("installing ipymini", exe, "-m", "pip", "install", "--force-reinstall", "--no-deps", whl)
    stamp.write_text("\n".join(want))
    return exe

def version(python):
    "Version and path of the interpreter `python`; exits unless it can run ipymini"
    code = "import sys; print(*sys.version_info[:2]); print(sys.version.split()[0], sys.prefix)"
    try: nums,res = subprocess.run([python, "-c", code], capture_output=True, text=True, check=True).stdout.splitlines()
    except (OSError, subprocess.CalledProcessError) as e: sys.exit(f"{python} is no Python that runs: {e}")
    if tuple(map(int, nums.split())) >= oldest: return res
    sys.exit(f"ipymini needs Python {oldest[0]}.{oldest[1]} or newer, {python} is {res.split()[0]}; --python PATH names another")

def digest(*names):
    "A digest of the files and folders `names` of the checkout"
    res = hashlib.sha256()
    for o in map(root.joinpath, names):
        for f in sorted(o.rglob("*")) or [o]:
            if f.is_file() and f.suffix != ".pyc": res.update(f"{f.relative_to(root)}\0".encode() + f.read_bytes() + b"\0")
    return res.hexdigest()

def make(venv, python):
    shutil.rmtree(venv, ignore_errors=True)
    step(f"making {venv.relative_to(root)}", python, "-m", "venv", venv, hint="On Debian and Ubuntu: apt-get install python3-venv")
    step("installing hatchling, the build tool", venv/"bin/python", "-m", "pip", "install", "hatchling>=1.27")

def wheel(venv):
    "A wheel of the checkout, newly built"
    shutil.rmtree(venv/"wheel", ignore_errors=True)
    step("building the wheel", venv/"bin/python", "-m", "pip", "wheel", "--no-deps", "--no-build-isolation", "-w", venv/"wheel", root)
    return next((venv/"wheel").glob("*.whl"))

def env(venv, **kw):
    "Variables for what runs in `venv`: nothing that changes what Python imports or keeps it from storing bytecode, and `kw`"
    drop = "PYTHONDONTWRITEBYTECODE", "PYTHONPATH", "PYTHONHOME", "JUPYTER_PATH"
    res = {k:v for k,v in os.environ.items() if k not in drop}
    return dict(res, VIRTUAL_ENV=str(venv), PATH=f"{venv}/bin:{res.get('PATH', os.defpath)}", **kw)

def step(what, *cmd, hint=""):
    "Run `cmd` under a line that says `what` and how long; if it fails, show the end of what it printed and exit"
    t0,log = time.monotonic(),venvs/"log.txt"
    if not tty: print(what, end=" ... ", flush=True)
    with open(log, "w") as f, subprocess.Popen(cmd, stdin=subprocess.DEVNULL, stdout=f, stderr=f, env=env(Path(cmd[0]).parent.parent, PYTHONUNBUFFERED="1")) as p:
        while p.poll() is None:
            show(f"{what} ... {time.monotonic() - t0:.0f} s  {last_line(log)}")
            try: p.wait(0.2)
            except subprocess.TimeoutExpired: pass
    show("")
    if not p.returncode: return print(f"{what + ' ... ' if tty else ''}{time.monotonic() - t0:.1f} s", flush=True)
    print(f"{what} failed:", *log.read_text(errors="replace").splitlines()[-25:], f"(all of it: {log})", hint, sep="\n    ", flush=True)
    sys.exit(1)

tty = sys.stdout.isatty()

def show(s):
    "Put `s` on the line that is shown on a terminal for now"
    if tty: print("\r\033[K" + s[:shutil.get_terminal_size().columns - 1], end="", flush=True)

def last_line(log):
    lines = [o for o in log.read_text(errors="replace").split("\n")[:-1] if not o.startswith("WARNING")]
    return lines[-1].split(" (from")[0].strip() if lines else ""
