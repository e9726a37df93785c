"""A kernel in place of one that cannot be: each cell gets the reason as its error, nothing of it is run.

Lines with ! and % pass, so that the cause can be mended from the notebook. Requests that run no code are answered."""
import os
from IPython.core.error import UsageError

shell_cells = "%%bash","%%sh","%%writefile"  # cells that are no Python
installers = "pip","conda","mamba","micromamba"  # magics

class NoEnvironment(Exception):
    "Why the kernel's environment could not be made."
    def _render_traceback_(self):
        "The lines that IPython shows: there is no code to point to."
        return [f"\x1b[31mNoEnvironment\x1b[39m: {self}"]

def take_over(bridge, reason):
    """Have the shell of `bridge` refuse code for `reason`.

    It stands in our own environment, of which cells are to see nothing."""
    os.environ.pop("VIRTUAL_ENV", None)  # the server's
    ip = bridge.ip
    ip.transform_cell = without_code(ip.transform_cell, reason)
    ip.user_expressions = lambda expressions: {}
    bridge.complete = no_completions
    bridge.inspect = nothing_found
    for name in installers: ip.register_magic_function(refuse_to_install, magic_name=name)

def without_code(transform, reason):
    "IPython's `transform_cell`, which refuses code for `reason`."
    def transform_cell(cell):
        if holds_code(cell): raise NoEnvironment(reason)
        return transform(cell)
    return transform_cell

def holds_code(cell):
    "True if `cell` has a line that is neither empty, a comment, nor for IPython or a shell."
    if cell.lstrip().startswith(shell_cells): return False
    lines = [line.strip() for line in cell.splitlines()]
    return any(line.startswith("%%") or line[0] not in "#!%" for line in lines if line)

def no_completions(code, pos, aside=False):
    "The content of a complete_reply that has no matches."
    pos = len(code) if pos is None else pos
    return dict(status="ok", matches=[], cursor_start=pos, cursor_end=pos, metadata={})

def nothing_found(code, pos, detail=0, omit=()):
    "The content of an inspect_reply about a name that is not known."
    return dict(status="ok", found=False, data={}, metadata={})

def refuse_to_install(line):
    "There is no environment to install anything into."
    raise UsageError("there is no environment yet: say what it needs in the project (!uv add), the script "
        "or the first cell, then restart the kernel")
