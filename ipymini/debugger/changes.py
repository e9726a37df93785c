"What a session of the debugger changes in this process, to be undone at its end."
import os, sys
from contextlib import ExitStack

class Changes:
    "Attributes that a session replaces, and what they were before."
    def __init__(self): self.undo = ExitStack()

    def enter(self, ip):
        "Change what a session needs changed, `ip` being IPython's shell."
        debugpy,pydevd = sys.modules["debugpy"],sys.modules["pydevd"]
        manager = ip.input_transformer_manager
        self.replace(manager, "cleanup_transforms", [keep_blank_lines(manager.cleanup_transforms)])
        self.replace(ip, "showtraceback", without_tracing(ip.showtraceback, debugpy))
        self.replace(pydevd, "TIMEOUT_SLOW", .02)  # how often a stopped thread looks whether it may go on
        if not os.environ.get("PYTHONBREAKPOINT"): self.replace(sys, "breakpointhook", debugpy.breakpoint)

    def replace(self, owner, name, value):
        "Set an attribute until `leave`."
        self.undo.callback(setattr, owner, name, getattr(owner, name, None))
        setattr(owner, name, value)

    def leave(self):
        "Undo all changes."
        self.undo.close()

def keep_blank_lines(transforms):
    "IPython's `transforms`, as one that keeps the blank lines at the top of a cell: a frontend counts from there."
    def cleanup(lines):
        "The lines of a cell as IPython's `transforms` leave them, and blank ones before them."
        blank = next((i for i,line in enumerate(lines) if not line.isspace()), 0)
        rest = lines
        for transform in transforms: rest = transform(rest)
        is_cell_magic = not rest or rest[0].startswith("%%")  # which must be first
        return rest if is_cell_magic else lines[:blank]+rest
    return cleanup

def without_tracing(show, debugpy):
    "IPython's `showtraceback`, which works through many exceptions to show one: nobody wants to stop at them."
    def showtraceback(*args, **kw):
        debugpy.trace_this_thread(False)
        try: return show(*args, **kw)
        finally: debugpy.trace_this_thread(True)
    return showtraceback
