"IPython's shell in a pod: cells have its syntax, and what they display goes to the caller. Any IPython from 7 on."
import os, sys
from importlib.util import find_spec
from IPython.core.compilerop import CachingCompiler
from IPython.core.displayhook import DisplayHook
from IPython.core.displaypub import DisplayPublisher
from IPython.core.interactiveshell import InteractiveShell
from traitlets import Type
from traitlets.config import Config

class Publisher(DisplayPublisher):
    "Sends displays to the caller."
    def publish(self, data, metadata=None, source=None, *, transient=None, update=False, **kw):
        self.shell.child.talk.show("display", data, metadata or {}, transient or {}, update)

    def clear_output(self, wait=False): self.shell.child.talk.show("clear", wait)

class Hook(DisplayHook):
    "Sends the result of a cell to the caller."
    def write_output_prompt(self): pass
    def finish_displayhook(self): self._is_active = False

    def write_format_data(self, format_dict, md_dict=None):
        self.shell.child.talk.show("display", format_dict, md_dict or {}, {}, False)

class Compiler(CachingCompiler):
    "Names a cell as tracebacks show it."
    def get_code_name(self, raw_code, transformed_code, number): return self.cell_name
    def code_name(self, code, number=0): return self.cell_name  # IPython 7

class Shell(InteractiveShell):
    "A shell that has no terminal, keeps no history and leaves tracebacks to the caller."
    displayhook_class = Type(Hook)
    display_pub_class = Type(Publisher)
    compiler_class = Type(Compiler)
    child = None

    def showtraceback(self, *args, **kwargs): pass
    def showsyntaxerror(self, *args, **kwargs): pass
    def init_sys_modules(self): pass  # `__main__` is the pod's namespace already
    def enable_gui(self, gui=None): pass

class ShellCells:
    "Runs cells by IPython's shell."
    whole = True

    def __init__(self, child):
        Shell.child = child
        kept = sys.stdin,sys.stdout,sys.displayhook
        config = Config(HistoryManager=dict(enabled=False), InteractiveShell=dict(colors="NoColor"))
        self.shell = Shell.instance(config=config, user_module=sys.modules["__main__"], user_ns=child.namespace)
        sys.stdin,sys.stdout,sys.displayhook = kept
        if find_spec("matplotlib_inline"): os.environ.setdefault("MPLBACKEND", "module://matplotlib_inline.backend_inline")

    def run(self, code, name):
        self.shell.compile.cell_name = name
        result = self.shell.run_cell(code)
        error = result.error_before_exec or result.error_in_exec
        if error is None: return
        raise error.with_traceback(without_ipython(error.__traceback__))

    def after_call(self):
        "Let matplotlib show its figures, and whatever else waits for the end of a cell."
        self.shell.events.trigger("post_execute")

def without_ipython(trace):
    "A traceback without the frames by which IPython came to the cell."
    inside = f"{os.sep}IPython{os.sep}core{os.sep}"
    while trace and trace.tb_next and inside in trace.tb_frame.f_code.co_filename: trace = trace.tb_next
    return trace
