"""Notices the import of what shows things before it happens: so displays and figures of plain calls, too, reach the
caller's cell.

Standard library, Python 3.8 and newer."""
import sys
from importlib.machinery import ModuleSpec

def watch(prepare):
    "Call `prepare` at the first import of IPython or of matplotlib's pyplot."
    sys.meta_path.insert(0, Watch(prepare))

def unwatch():
    "Watch no more. The list is a new one, as whoever imports may be going through the old one."
    sys.meta_path = [o for o in sys.meta_path if type(o) is not Watch]

class Watch:
    "An import finder that is the first to be asked. It finds what `prepare` has imported itself."
    def __init__(self, prepare): self.prepare = prepare

    def find_spec(self, name, path=None, target=None):
        if name not in ("IPython", "matplotlib.pyplot"): return None
        self.prepare()
        return ModuleSpec(name, Imported()) if name in sys.modules else None

class Imported:
    "A loader of a module that is there already."
    def create_module(self, spec):
        module = sys.modules[spec.name]
        self.spec = module.__spec__
        return module

    def exec_module(self, module): module.__spec__ = self.spec
