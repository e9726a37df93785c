"%pod and %%pod, in IPython's shell of any kernel."
from IPython.core.error import UsageError
from IPython.core.magic import Magics, line_cell_magic, magics_class
from .client import Pod, cores

@magics_class
class PodMagics(Magics):
    "The magics of pods, for a shell that is not the kernel's of ipymini, which has them."
    @line_cell_magic
    def pod(self, line, cell=None):
        "Without a cell: list the pods. With one: run it in the pod that the variable, or the pod's own name, tells."
        __tracebackhide__ = True
        run_magic(self.shell, line, cell)

def register(shell):
    "Give `shell` the magics, once."
    if "pod" not in shell.magics_manager.magics["cell"]: shell.register_magics(PodMagics)

def run_magic(shell, line, cell):
    "What %pod and %%pod do."
    __tracebackhide__ = True
    if cell is None: print(listing(shell))
    else: core_named(shell, line.strip()).do("cell", cell)

def core_named(shell, name):
    "The pod that a variable holds, else the one that has this name."
    value = shell.user_ns.get(name)
    if isinstance(value, Pod): return value._core
    for core in list(cores):
        if core.name == name and not core.link.ended: return core
    if not name: raise UsageError("which pod? %%pod NAME runs the cell there")
    raise UsageError(f"there is no pod {name!r}; %pod lists those that there are")

def listing(shell):
    "A line for each pod."
    variables = list(shell.user_ns.items())
    names = {id(value._core):name for name,value in variables if isinstance(value, Pod) and not name.startswith("_")}
    lines = []
    for core in list(cores):
        name = names.get(id(core), core.name) or ""
        if not core.link.ended: lines.append(f"{name:12} {Pod(core)!r}")
    return "\n".join(sorted(lines)) or "There are no pods; pod(python=\"3.9\") makes one"
