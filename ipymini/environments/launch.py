"""`ipymini run`: have uv make the environment that a project, a script or a notebook asks for, then become the kernel in it.

The process keeps its pid, so signals and the watch on the server work as ever. What cannot be made is said by a stand-in kernel
of our own interpreter. Read `main` first."""

import json, os, re, sys
from pathlib import Path

from .make import NoEnvironment, cache, header_file, python_for, write_whole

mend = dict(project="Lines with ! and % work, as in !uv add PACKAGE. Then restart the kernel.",
    script="Mend the header of the script, then restart the kernel.",
    notebook="Mend the first cell and save the notebook, then restart the kernel. Lines with ! and % work.")

def main(argv):
    "Become a kernel for `argv`: --project DIR, --script FILE or --notebook, then the kernel's own options."
    kind,target,options = parse(argv)
    server = os.getppid()
    try: python = make(kind, target)
    except (NoEnvironment, KeyboardInterrupt) as e:
        reason = str(e) or "uv was interrupted."
        what = f"the {kind} {target}".strip()
        text = f"The environment of {what} could not be made, so nothing is run:\n\n{reason}\n\n{mend[kind]}"
        run_own(["-m", "ipymini", f"--stand-in={text}", *options])
    if os.getppid() != server: sys.exit("ipymini: the server has gone")
    if python == sys.executable: run_own(["-m", "ipymini", *options])
    run(python, [start_file(python), *options])

def parse(argv):
    "Kind, target and the kernel's own options in `argv`."
    kind = argv[0].removeprefix("--") if argv else ""
    if kind == "notebook": return kind,"",argv[1:]
    if kind in ("project", "script") and len(argv) > 1: return kind,argv[1],argv[2:]
    sys.exit("ipymini: run needs --project DIR, --script FILE or --notebook; Jupyter calls it for kernels that `ipymini install` made")

def run(python, words):
    "Become `python` with the command line `words`."
    flags = ["-P"]
    if "frozen_modules" in sys._xoptions: flags.append(f"-Xfrozen_modules={sys._xoptions['frozen_modules']}")
    os.execv(python, [python, *flags, *words])

def run_own(words): run(sys.executable, words)

# -- which interpreter

def make(kind, target):
    "The interpreter of the environment that is asked for, which is brought up to date. Raises NoEnvironment."
    if kind == "project": return python_for(project=target, progress=say)
    if kind == "script": return python_for(script=target, progress=say)
    header = notebook_header()
    if header: return python_for(script=header_file(header), progress=say)
    project = project_above(Path.cwd())
    return python_for(project=project, progress=say) if project else sys.executable

def say(line):
    "Tell the server's log."
    print(f"ipymini: uv: {line}", file=sys.stderr, flush=True)

is_header = re.compile(r"^# /// script$\s(?:^#(?:| .*)$\s)+^# ///$", re.MULTILINE)  # as PEP 723 has it

def notebook_header():
    "The PEP 723 header in the notebook that this kernel is for, or None. Raises NoEnvironment."
    name = os.environ.get("JPY_SESSION_NAME", "")
    path = Path(name)
    if not path.suffix: return None  # a console has a name, too
    try: text = path.read_text(encoding="utf8")
    except OSError:
        raise NoEnvironment(f"There is no notebook {name}. If it was renamed, shut its kernel down and start it anew.") from None
    cells = code_cells(text, name) if path.suffix == ".ipynb" else [text]
    found = filter(None, map(is_header.search, cells))
    return next((match[0] + "\n" for match in found), None)

def code_cells(text, name):
    "The sources of the code cells of the notebook `text`. Raises NoEnvironment."
    try: cells = json.loads(text)["cells"]
    except (ValueError, KeyError, TypeError): raise NoEnvironment(f"{name} is not a notebook that can be read.") from None
    return ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]

def project_above(folder):
    "The nearest folder at or above `folder` with a pyproject.toml, or None."
    return next((o for o in (folder, *folder.parents) if (o/"pyproject.toml").exists()), None)

# -- what is lent to it

def start_file(python):
    "A start.py for interpreters like `python`, written once for each version of it and of us. Raises NoEnvironment."
    from hashlib import sha256
    from .. import __version__
    from .pythons import inspect_python
    found = inspect_python(python)
    ours = sha256(__file__.encode()).hexdigest()[:8]
    file = cache()/"start"/f"{found.tag}-{__version__}-{ours}.py"
    if not file.exists():
        from . import lending
        write_whole(file, lending.start_code(lending.prepare(found, say), "ipymini install"))
    return str(file)
