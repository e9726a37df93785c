"""Lend a kernel what its environment lacks: packages are imported from our folders, and nothing is installed.

The environment's own interpreter runs this, by way of the `start.py` that `install --python` writes. Standard library only."""

import os, re, sys
from importlib.machinery import SOURCE_SUFFIXES, EXTENSION_SUFFIXES, ExtensionFileLoader, FileFinder, PathFinder, SourceFileLoader

core = {"ipython", "traitlets", "pyzmq", "comm"}  # fit each other only as they were installed together

def lend(packages, folders, bytecode=None):
    """Let names of `packages` be imported from `folders`: behind the environment's own, and before those that are too old for us.

    `packages`: `{distribution: {"minimum": version, "names": [what is imported]}}`. `bytecode`: the folder for what is compiled of
    them, or None for Python's own place, beside the sources."""
    old = outdated(packages)
    if old & core: old = set(packages)
    if old: sys.meta_path.insert(0, Lent(packages, old, folders))
    sys.meta_path.append(Lent(packages, packages, folders))
    if not bytecode: return
    sys.path_hooks.insert(0, compiled_in(bytecode, folders))
    sys.path_importer_cache.pop(os.path.dirname(__file__), None)  # without the hook it was searched for this file

class Lent:
    "An import finder for the top-level names of the distributions `chosen`."
    def __init__(self, packages, chosen, folders):
        self.chosen = chosen
        self.names = {name for dist in chosen for name in packages[dist]["names"]}
        self.folders = folders

    def find_spec(self, name, path=None, target=None):
        if path is None and name in self.names: return PathFinder.find_spec(name, self.folders)

    def find_distributions(self, context):
        "The metadata of one that is asked for by name, as some packages do for their own version; lists do not show it."
        from importlib.metadata import DistributionFinder, MetadataPathFinder
        if not context.name or normal(context.name) not in self.chosen: return []
        return MetadataPathFinder.find_distributions(DistributionFinder.Context(name=context.name, path=self.folders))

def outdated(packages):
    "The distributions of this environment that are older than their minimum in `packages`."
    found = {}
    for folder in sys.path:
        try: entries = os.listdir(folder)
        except OSError: continue
        for entry in entries:
            match = is_metadata(entry)
            if match: found.setdefault(normal(match[1]), match[2])
    def is_old(dist): return numbers(found[dist]) < numbers(packages[dist]["minimum"])
    return {dist for dist in found.keys() & packages.keys() if is_old(dist)}

is_metadata = re.compile(r"([\w.]+)-(\d[^-]*)(?:-.*)?\.(?:dist|egg)-info$").match

def normal(dist):
    "The name of a distribution as indexes spell it."
    return re.sub(r"[-_.]+", "-", dist).lower()

def numbers(version):
    "The release of a version, to compare: (9, 18, 1)."
    return tuple(int(n) for n in re.match(r"[\d.]*", version)[0].split(".") if n)

def compiled_in(bytecode, folders):
    "A path hook for modules below `folders` that keeps their compiled code in the folder `bytecode`."
    class Loader(SourceFileLoader):
        "Loads modules, and keeps their compiled code in `bytecode`."
        def get_code(self, name):
            # another thread that imports meanwhile only finds its bytecode missing, and compiles
            before = sys.pycache_prefix
            sys.pycache_prefix = bytecode
            try: return super().get_code(name)
            finally: sys.pycache_prefix = before

    make = FileFinder.path_hook((ExtensionFileLoader, EXTENSION_SUFFIXES), (Loader, SOURCE_SUFFIXES))
    below = tuple(folder + os.sep for folder in folders)
    foreign = tuple(folder for folder in sys.path if folder)
    def hook(path):
        is_lent = f"{path}{os.sep}".startswith(below) and not path.startswith(foreign)
        if not is_lent: raise ImportError(f"{path} is not lent", path=path)
        return make(path)
    return hook
