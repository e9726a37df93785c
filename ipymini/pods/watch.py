"""Notices, before it happens, the import of what shows things: so displays and figures of plain calls, too, reach the
caller's cell.

Standard library, Python 3.8 and newer."""
import sys

triggers = {"IPython.display", "IPython.core.display_functions", "matplotlib.pyplot"}

def watch(prepare):
    "Call `prepare` at the first import of one of `triggers`."
    sys.meta_path.insert(0, Watch(prepare))

def unwatch(): sys.meta_path[:] = [o for o in sys.meta_path if type(o) is not Watch]

class Watch:
    "A finder that finds nothing."
    def __init__(self, prepare): self.prepare = prepare

    def find_spec(self, name, path=None, target=None):
        if name not in triggers: return None
        self.prepare()
        return None
