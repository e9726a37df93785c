"""What may be lent to another interpreter: our own distribution and all that it needs to run a kernel, from where they are installed.

Read `prepare` first. Nothing is written but below `make.cache()`: packages for another version of Python, and bytecode."""

import os, re, subprocess, sys
from importlib.machinery import PathFinder
from importlib.metadata import PackageNotFoundError, distribution
from inspect import getmodulename
from pathlib import Path
from pprint import pformat
from shutil import rmtree

from . import boot
from .boot import normal, numbers
from .make import NoEnvironment, cache, find_uv, make_private
from .pythons import oldest

kept_back = {"jupyter-client"}  # only commands and servers need it

def prepare(python, say, try_out=None):
    """What `boot.lend` takes to run a kernel in `python`, as a dict, once that has been tried. `say` is told of what is fetched.

    `try_out`: a function like `try_out_here`, for a Python that does not run here but in a container. Raises NoEnvironment."""
    try_out = try_out or try_out_here
    if python.number < oldest:
        raise NoEnvironment(f"Python {python.version} is too old for a kernel, which needs 3.11. "
            "Its functions can be called from a kernel, see pods")
    packages = lendable(python)
    fetched = cache()/"lent"/python.tag
    folders = [*map(str, [fetched] if fetched.exists() else []), *our_folders(packages)]
    lent = dict(packages=packages, folders=folders, bytecode=bytecode_folder(python, folders))
    missing = [dist for dist in packages if not fits(dist, python)]
    if not missing and not try_out(python, lent): return lent
    complete(lent, missing, python, fetched, say, is_here=try_out is try_out_here)
    error = try_out(python, lent)
    if error: raise NoEnvironment(f"A kernel does not run in {python.prefix}: {error}")
    return lent

def complete(lent, missing, python, folder, say, is_here):
    "Fetch into `folder` what of ours does not run in `python`: `missing`, and pyzmq, which is compiled. Raises NoEnvironment."
    wanted = sorted({*missing, "pyzmq"})
    say(f"Fetching {', '.join(wanted)} for Python {python.version}")
    fetch(wanted, python, folder, is_here)
    lent["folders"] = list(dict.fromkeys([str(folder), *lent["folders"]]))
    for dist in missing: lent["packages"][dist]["names"] = names_in(dist, folder)

prelude = """\
import os, sys

command = {command!r}
boot = {boot!r}
lent = {lent}

if not os.path.exists(boot): sys.exit(f"ipymini: {{boot}} is gone. Where ipymini is installed now, run: {{command}}")
before,sys.pycache_prefix = sys.pycache_prefix,lent["bytecode"]
sys.path.insert(0, os.path.dirname(boot))
from boot import lend
del sys.path[0]
sys.pycache_prefix = before
lend(**lent)
"""
start = """\
del __file__  # multiprocessing would run it in its children
from ipymini.__main__ import main
sys.exit(main(sys.argv[1:]))
"""

check = "from ipymini.spare import check\ncheck()\n"

def start_code(lent, command, boot=boot.__file__):
    "The text of a start.py; `command` makes it anew, which it says where ipymini has moved. `boot`: where boot.py is found."
    head = '"Starts a kernel in an environment where ipymini is not installed; written by the command below."\n'
    return head + lending_code(lent, command, boot) + start

def lending_code(lent, command="", boot=boot.__file__):
    "Code that lends what `lent` says."
    return prelude.format(command=command, boot=boot, lent=pformat(lent, width=140))

def try_out_here(python, lent):
    "Import in `python` what a kernel needs, which compiles it as well; the last line of the error, or nothing."
    code = lending_code(lent) + check
    call = [python.executable, "-P", "-Xfrozen_modules=off", "-c", code]
    out = subprocess.run(call, capture_output=True, text=True, stdin=subprocess.DEVNULL)
    return (out.stderr.strip() or f"exit status {out.returncode}").splitlines()[-1] if out.returncode else ""

# -- which distributions

def lendable(python):
    "`{distribution: {minimum, names}}` of all that a kernel needs in `python`, from the metadata of our own installation."
    packages = dict(ipymini=dict(minimum=our_version(), names=["ipymini"]))
    todo = ["ipymini"]
    while todo:
        for text in requirements(todo.pop()):
            dist,minimum = parse_requirement(text, python)
            if not dist or dist in kept_back: continue
            if dist not in packages:
                packages[dist] = dict(minimum=minimum, names=names_of(dist))
                todo.append(dist)
            elif numbers(minimum) > numbers(packages[dist]["minimum"]): packages[dist]["minimum"] = minimum
    return packages

def requirements(dist):
    "What `dist` requires, as its metadata spell it; nothing for one that is not installed here."
    try: return distribution(dist).requires or []
    except PackageNotFoundError: return []

is_requirement = re.compile(r"([\w.-]+)\s*(?:\[[^]]*\])?\s*\(?([^;)]*)\)?\s*(?:;(.*))?").match

def parse_requirement(text, python):
    "(name, least version) of a requirement, or (None, '') if it is for an extra, another system or another Python."
    name,versions,marker = is_requirement(text).groups(default="")
    dist = normal(name)
    bound = re.search(r"python_version\s*<\s*['\"]([\d.]+)", marker)
    if "extra" in marker or bound and python.number >= numbers(bound[1]): return None,""
    if marker and not bound and not is_installed(dist): return None,""
    least = re.search(r"(?:>=?|==|~=)\s*([\d.]+)", versions)
    return dist,least[1] if least else "0"

def our_version():
    from ipymini import __version__
    return __version__

def is_installed(dist):
    try: distribution(dist)
    except PackageNotFoundError: return False
    return True

def fits(dist, python):
    "True if the `dist` that is installed here says that it runs on the version of `python`."
    if dist == "ipymini": return True
    if not is_installed(dist): return False
    least = re.search(r">=\s*([\d.]+)", distribution(dist).metadata.get("Requires-Python", ""))
    return not least or python.number >= numbers(least[1])[:2]

# -- what they bring, and where

def names_of(dist):
    "The top-level names that can be imported from `dist` as it is installed here."
    try: files = distribution(dist).files or []
    except PackageNotFoundError: return []
    return top_names(Path(str(file)) for file in files)

def names_in(dist, folder):
    "The top-level names of `dist` in the folder `folder`."
    for record in folder.glob("*.dist-info/RECORD"):
        if normal(record.parent.name.split("-")[0]) != dist: continue
        return top_names(Path(line.split(",")[0]) for line in record.read_text().splitlines())
    return []

def top_names(files):
    "What can be imported by a plain name of a distribution that has `files`."
    modules = [file for file in files if file.suffix in (".py", ".so", ".pyd")]
    return sorted({name for name in map(top_name, modules) if name.isidentifier()})

def top_name(file):
    "The first part of the dotted name of a module's `file`."
    return file.parts[0] if len(file.parts) > 1 else getmodulename(file.name) or ""

def our_folders(packages):
    "The folders in which names of `packages` lie here."
    folders = {}
    for name in (name for o in packages.values() for name in o["names"]):
        spec = PathFinder.find_spec(name) or PathFinder.find_spec(name, [str(package.parent)])
        if not spec or not spec.origin: continue
        depth = 1 if spec.submodule_search_locations else 0
        folders[str(Path(spec.origin).absolute().parents[depth])] = None
    return list(folders)

package = Path(__file__).absolute().parents[1]

def bytecode_folder(python, folders):
    "Where bytecode for `python` is kept: a folder of our cache if it is not of our version, or may not be written beside the sources."
    is_same = python.tag == sys.implementation.cache_tag
    if is_same and all(os.access(folder, os.W_OK) for folder in folders): return None
    folder = cache()/"bytecode"/python.tag
    try: make_private(folder)
    except OSError: pass  # a home that cannot be written to: what is compiled is not kept
    return str(folder)

# -- for another Python than ours

def fetch(dists, python, folder, is_here=True):
    """Put `dists` for `python` into `folder`, whatever of them is installed here in the same version.

    `is_here`: False for the Python of a container, which uv cannot ask. Raises NoEnvironment."""
    by_version = ["--python-version", f"{python.number[0]}.{python.number[1]}", "--only-binary=:all:"]
    asked = [python.executable] if is_here else [sys.executable, *by_version]
    try: tool = [find_uv(), "pip", "install", "--quiet", "--python", *asked]
    except NoEnvironment: tool = [sys.executable, "-m", "pip", "install", "--quiet", "--upgrade", *by_version]
    exact = [f"{dist}=={distribution(dist).version}" if fits(dist, python) else dist for dist in dists]
    call = [*tool, "--no-deps", "--target", str(folder), *exact]
    make_private(folder.parent)
    out = subprocess.run(call, capture_output=True, text=True, stdin=subprocess.DEVNULL)
    if out.returncode:
        rmtree(folder, ignore_errors=True)
        said = (out.stderr or out.stdout).strip()
        raise NoEnvironment(f"{', '.join(dists)} for Python {python.version} could not be fetched:\n{said}")
