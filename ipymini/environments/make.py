"""Environments that uv makes: `python_for` gives the interpreter of one. Standard library only; read it downwards.

It runs in launchers, on the command line and in whatever program uses pods, so it imports nothing of the kernel."""

import hashlib, os, shutil, subprocess, sys
from pathlib import Path

class NoEnvironment(Exception):
    "An environment that cannot be made; the text is uv's own, or says what is missing."

def python_for(version=None, project=None, script=None, deps=None, progress=None) -> str:
    """The path of an interpreter whose environment is up to date.

    `version`: what uv calls a Python, as 3.9, or a path; alone it stands for that interpreter itself. `project`: a folder with a
    pyproject.toml. `script`: a file with a PEP 723 header. `deps`: a list of requirements. `progress` is called with each line that
    uv writes. Raises NoEnvironment."""
    if deps is not None: return python_for(version, script=header_file(header(deps)), progress=progress)
    if script: return synced(["--script", str(script)], version, progress)
    if project: return synced(["--project", str(project)], version, progress)
    if version is None: return sys.executable
    if os.sep in version: return existing(version)
    return bare_python(version, progress)

def synced(place, version, progress):
    "The interpreter of the project or script `place`, options of uv, which is brought up to date; what else is installed there stays."
    flag,path = place
    if not os.path.exists(path): raise NoEnvironment(f"There is no {flag.strip('-')} {path}")
    wanted = ["--python", version] if version else []
    sync = ["sync", "--inexact", *place, *wanted]
    try: run(sync, progress)
    except NoEnvironment as error:
        # what is needed may be in uv's cache, and only the network be missing
        try: run([*sync, "--offline"])
        except NoEnvironment: raise error from None
    # `python find` knows a script's environment, but a project's only from inside its folder
    if flag == "--script": return run(["python", "find", *place])
    return run(["run", "--no-sync", *place, "python", "-c", "import sys; print(sys.executable)"])

def bare_python(version, progress):
    "An interpreter of `version` outside of virtual environments; uv fetches one if there is none."
    find = ["python", "find", "--system", "--no-project", version]
    try: return run(find)
    except NoEnvironment: run(["python", "install", version], progress)
    return run(find)

def existing(path):
    "The interpreter `path`, in full. Raises NoEnvironment."
    found = shutil.which(os.path.expanduser(path))
    if not found: raise NoEnvironment(f"There is no interpreter {path}")
    return os.path.abspath(found)

# -- requirements without a file of the user's

def header(deps, requires_python=None):
    "A PEP 723 header that asks for `deps`."
    lines = [f'requires-python = "{requires_python}"'] if requires_python else []
    lines.append(f"dependencies = [{', '.join(map(quoted, deps))}]")
    return "\n".join(["# /// script", *(f"# {line}" for line in lines), "# ///", ""])

def quoted(text):
    "`text` as a TOML string."
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'

def header_file(text):
    "A file of ours with the PEP 723 header `text`. uv keeps one environment a file, so equal headers share theirs."
    name = hashlib.sha256(text.encode()).hexdigest()[:16]
    file = cache()/"scripts"/f"{name}.py"
    if not file.exists(): write_whole(file, text)
    return file

def cache():
    "The folder for what we can make again. Raises NoEnvironment if it is another user's."
    home = Path.home()
    if os.environ.get("XDG_CACHE_HOME"): base = Path(os.environ["XDG_CACHE_HOME"])
    elif sys.platform == "darwin": base = home/"Library/Caches"
    elif os.name == "nt": base = Path(os.environ.get("LOCALAPPDATA", home/"AppData/Local"))
    else: base = home/".cache"
    refuse_of_others(base/"ipymini")
    return base/"ipymini"

def refuse_of_others(folder):
    "Raise NoEnvironment if another user owns `folder`, or may write into it: code is imported from there."
    if not folder.exists() or not hasattr(os, "getuid"): return
    info = folder.stat()
    mend = "Remove it, or set XDG_CACHE_HOME to a folder of yours"
    if info.st_uid != os.getuid(): raise NoEnvironment(f"{folder}, from which code is imported, is another user's. {mend}")
    if info.st_mode & 0o002: raise NoEnvironment(f"{folder}, from which code is imported, is open to others. {mend}")

def make_private(folder):
    "Make `folder`, and those above it that are missing, for this user alone, whatever the umask: code is imported from there."
    if not folder.parent.exists(): make_private(folder.parent)
    folder.mkdir(mode=0o700, exist_ok=True)

def write_whole(file, text):
    "Write `file` so that another process sees all of `text` or nothing."
    make_private(file.parent)
    part = file.with_name(f"{file.name}.{os.getpid()}")
    part.write_text(text)
    os.replace(part, file)

# -- uv

def find_uv():
    "The path of uv: on PATH, beside our interpreter, or where its installer puts it. Raises NoEnvironment."
    folders = [os.environ.get("PATH", ""), os.path.dirname(sys.executable), os.path.expanduser("~/.local/bin")]
    uv = shutil.which("uv", path=os.pathsep.join(folders))
    if not uv: raise NoEnvironment("uv is not there, which makes environments. Install it: pip install uv")
    return uv

def run(args, progress=None):
    "What uv prints for `args`, without the line's end. Raises NoEnvironment."
    words = []
    call = [find_uv(), "--color", "never", *args]
    pipes = dict(stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, encoding="utf8", errors="replace")
    with subprocess.Popen(call, env=environ(), **pipes) as uv:
        try:
            for line in uv.stderr:
                words.append(line)
                if progress: progress(line.rstrip())
            out = uv.stdout.read()  # a path at most, so the pipe never fills while stderr is read
            uv.wait()
        finally: uv.kill()  # if we were interrupted
    if uv.returncode: raise NoEnvironment(complaint(words))
    return out.strip()

def environ():
    "The environment variables for uv."
    env = dict(os.environ)
    env.pop("VIRTUAL_ENV", None)  # of whoever runs us, not the one that is meant
    folders = env.get("PATH", "").split(os.pathsep)
    env["PATH"] = os.pathsep.join(real for folder in folders for real in unshimmed(folder))
    return env

def unshimmed(folder):
    "`folder` alone, or where it is pyenv's shims the folders of its Pythons: uv gives up at a shim whose version is not chosen."
    root = Path(folder).parent
    versions = root/"versions"
    if Path(folder).name != "shims" or not versions.is_dir(): return [folder]
    chosen = (root/"version").read_text().split() if (root/"version").exists() else []
    rest = sorted(versions.iterdir(), key=version_key, reverse=True)
    return [str(o/"bin") for o in dict.fromkeys([*(versions/name for name in chosen), *rest])]

def version_key(path):
    "The numbers in a file's name, by which 3.10 comes behind 3.9."
    return [int(o) for o in path.name.split(".") if o.isdecimal()]

def complaint(words):
    "Of the lines that uv wrote, the error and its causes."
    starts = [i for i,line in enumerate(words) if line.lstrip().startswith(("error:", "×"))]
    return "".join(words[starts[0] if starts else 0:]).strip()
