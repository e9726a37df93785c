#!/usr/bin/env python3
"""Test the bounds of the dependencies: `tools/bounds.py oldest` (or newest) runs the tests of the core with these versions of all that the kernel is made of.

oldest: each dependency of pyproject.toml at its lower bound. newest: the newest releases that there are, pre-releases included.
The environment is .venvs/oldest or .venvs/newest."""

import argparse, re, subprocess, sys, tomllib
from about import add_version
from tempfile import TemporaryDirectory
from venvs import env, install, programs, ready, root, venvs

files = "test_kernel.py","test_execute.py","test_shown.py","test_errors.py","test_complete.py"  # not test_start.py, which counts what the newest IPython imports
differs = "test_a_cell_finds_its_own_number",  # IPython counts a cell when it begins, which older ones did when it had ended

def main():
    options = arguments()
    venv = venvs/options.end
    ready(options.end, "test", options.python)
    wanted = dependencies()
    if options.end == "oldest": install(venv, "the oldest versions", *[o.replace(">=", "==") for o in wanted])
    else: install(venv, "the newest versions", "--upgrade", "--pre", *wanted)
    python = venv/programs/"python"
    subprocess.run([python, "-m", "pip", "list"], check=True)
    paths = [str(root/"pytests"/o) for o in files]
    with TemporaryDirectory() as folder:
        command = [python, "-m", "pytest", "-q", "-m", "not slow and not matrix", "-k", f"not {' and not '.join(differs)}", "-n", "2", "--dist", "loadfile", *paths]
        sys.exit(subprocess.run(command, cwd=folder, env=env(venv, IPYTHONDIR=folder)).returncode)

def arguments():
    parser = argparse.ArgumentParser(prog="tools/bounds.py", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_version(parser)
    parser.add_argument("end", choices=("oldest", "newest"))
    parser.add_argument("--python", metavar="PATH", help="test with this interpreter (default: the one that runs this script)")
    return parser.parse_args()

def dependencies():
    "The dependencies of pyproject.toml, each with its lower bound and nothing else."
    listed = tomllib.loads((root/"pyproject.toml").read_text())["project"]["dependencies"]
    return [re.match(r"[\w-]+>=[\w.]+", o)[0] for o in listed]

if __name__ == "__main__": main()
