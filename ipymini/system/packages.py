"""Packages that the kernel needs late, when the notebook's folder already stands first in `sys.path`: they are not taken from there.

Whoever can write into a folder could else put a jedi.py into it, and have the kernel of whoever opens a notebook there run it."""
import sys
from importlib import import_module
from importlib.machinery import PathFinder
from threading import Lock, get_ident

def import_package(name):
    "The module `name`, with all that it imports, from anywhere but the notebook's folder. Raises: ImportError."
    if name in sys.modules: return import_module(name)  # which waits while another thread imports it
    finder = Elsewhere()
    with changing: sys.meta_path = [finder, *sys.meta_path]  # a new list: another thread may be going through the old one
    try: return import_module(name)
    finally:
        with changing: sys.meta_path = [each for each in sys.meta_path if each is not finder]

changing = Lock()  # of `sys.meta_path`: two threads may import at once

class Elsewhere:
    "Finds what this thread imports with Python's other finders, and on `sys.path` without the notebook's folder."
    def __init__(self):
        self.thread = get_ident()  # another one may import for the user meanwhile
        self.asked = set()         # names that other finders were asked for: one of them, `compat.patches`, asks all others in turn

    def find_spec(self, name, path=None, target=None):
        "The spec of `name`; None leaves submodules, and what others import, to the finders behind this one. Raises: ModuleNotFoundError."
        if path is not None or get_ident() != self.thread: return None
        spec = self.ask_others(name, target)
        if spec: return spec
        spec = PathFinder.find_spec(name, [folder for folder in sys.path if folder])
        if not spec: raise ModuleNotFoundError(f"No module named {name!r} outside of the notebook's folder", name=name)
        return spec

    def ask_others(self, name, target):
        "The spec of `name` that a finder has which does not look on `sys.path`; None if there is none, or if they are being asked."
        if name in self.asked: return None
        self.asked.add(name)
        for finder in list(sys.meta_path):
            is_ours = isinstance(finder, Elsewhere)
            if is_ours or finder is PathFinder or not hasattr(finder, "find_spec"): continue
            spec = finder.find_spec(name, None, target)
            if spec: return spec
