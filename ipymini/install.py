"Where Jupyter keeps things: the kernelspec that `python -m ipymini install` writes, the runtime folder. The only user of jupyter_client and jupyter_core"

import argparse, json, re, shutil, sys
from pathlib import Path
from tempfile import TemporaryDirectory

here = Path(__file__).parent
resources = here/"kernelspec" if (here/"kernelspec").exists() else here.parent/"share/jupyter/kernels/ipymini"  # in a wheel, in a checkout

def runtime_file(name):
    "The path of the connection file `name` in Jupyter's runtime folder, which is made if need be"
    from jupyter_core.paths import jupyter_runtime_dir
    folder = Path(jupyter_runtime_dir())
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    return str(folder/name)

def arguments():
    p = argparse.ArgumentParser(prog="python -m ipymini install", description="""Make this Python a kernel of a Jupyter elsewhere: of your
        user's (--user), of another environment (--prefix), or of the whole machine (neither). The Jupyter of this environment needs none of
        this: it has known the kernel since pip install. To remove one again: jupyter kernelspec remove NAME.""")
    add = p.add_argument
    where = p.add_mutually_exclusive_group()
    where.add_argument("--user", action="store_true", help="for this user")
    where.add_argument("--sys-prefix", action="store_const", dest="prefix", const=sys.prefix, help=f"for this environment, {sys.prefix}")
    where.add_argument("--prefix", metavar="PATH", help="for the environment in PATH")
    add("--name", default="ipymini", help="folder name and id of the kernel (default: %(default)s)")
    add("--display-name", metavar="TEXT", help='what menus show (default: NAME, or "Python 3 (ipymini)")')
    add("--env", nargs=2, action="append", default=[], metavar=("KEY", "VALUE"), help="environment variable for the kernel; repeatable")
    add("--profile", metavar="NAME", help="start with this IPython profile")
    add("--frozen-modules", "--frozen_modules", action="store_true",
        help="start 1 to 2 ms sooner, with the standard library that is built into Python; the debugger cannot step into that")
    return p

def spec(a):
    "The contents of kernel.json for the arguments `a`"
    res = json.loads((resources/"kernel.json").read_text())
    flags = ["-P"] if a.frozen_modules else ["-P", "-Xfrozen_modules=off"]
    profile = ["--profile", a.profile] if a.profile else []
    env = dict([("PYDEVD_DISABLE_FILE_VALIDATION", "1")] * a.frozen_modules + a.env)
    name = res["display_name"] if a.name == "ipymini" else a.name
    if a.profile: name += f" [profile={a.profile}]"
    res.update(argv=[sys.executable, *flags, "-m", "ipymini", "-f", "{connection_file}", *profile], display_name=a.display_name or name)
    return dict(res, env=env) if env else res

def main(argv):
    a = arguments().parse_args(argv)
    # jupyter_client lets `..` pass, and would empty the folder above
    if not re.fullmatch(r"[A-Za-z0-9._-]+", a.name) or not a.name.strip("."):
        sys.exit(f"ipymini: {a.name!r} cannot name a kernel: letters, digits and . _ - can")
    from jupyter_client.kernelspec import KernelSpecManager
    with TemporaryDirectory() as d:
        new = Path(d)/a.name
        shutil.copytree(resources, new)
        (new/"kernel.json").write_text(json.dumps(spec(a), indent=1) + "\n")
        try: path = KernelSpecManager().install_kernel_spec(str(new), a.name, user=a.user, prefix=a.prefix)
        except OSError as e: sys.exit(f"ipymini: cannot install the kernelspec: {e}\nTry --user, or --prefix PATH with a folder that you may write to.")
    print(f"Installed kernelspec {Path(path).name} in {path}")
