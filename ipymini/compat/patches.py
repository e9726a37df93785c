"""Changes in others' modules, each made as the module is imported.

Read `Patches`, then the changes; `patches` at the end is the table. Threads are changed in `threads`, event loops in `loops`."""
import linecache, re, signal, sys, threading
from functools import lru_cache, wraps
from importlib import import_module
from weakref import WeakKeyDictionary

from .loops import aside, lent_wakeup_fd

class Patches:
    "A finder of modules that has a module changed by its function in `patches` when somebody imports it."
    @classmethod
    def find_spec(cls, name, path=None, target=None):
        "The spec that another finder has for a module of `patches`, with our change behind its loader's work."
        if name not in patches: return None
        others = (finder.find_spec(name, path, target) for finder in sys.meta_path if finder is not cls)
        spec = next(filter(None, others), None)
        if not spec: return None
        load = spec.loader.exec_module

        def exec_module(module):
            load(module)
            patches[name](module)

        spec.loader.exec_module = exec_module
        return spec

def with_classes(getfile):
    "`inspect.getfile` that finds classes of cells, too, which name no file: in the newest cell that has a class of the name."
    def find(obj):
        try: return getfile(obj)
        except OSError:
            file = cell_with_class(obj.__name__) if isinstance(obj, type) else None
            if file is None: raise
            return file
    return find

def cell_with_class(name):
    "The file name of the newest cell that has a class called `name`, or None."
    is_head = re.compile(rf"\s*class {name}\b").match
    cells = [file for file in reversed(linecache.cache) if "ipykernel_" in file]
    return next((file for file in cells if any(map(is_head, linecache.getlines(file)))), None)

def let_interrupts_leave(debugger):
    """A debugger of ours, which an interrupt ends with its cell, in the place of pdb's and of the one that IPython's `set_trace` makes.

    At an interrupt IPython's asks again, and the one of its shell goes on."""
    pdb = sys.modules["pdb"]
    forget_at_end(debugger.Pdb)
    ours = type("Pdb", (debugger.InterruptiblePdb,), dict(interaction=pdb.Pdb.interaction))
    forget_at_end(ours)
    pdb.Pdb = debugger.Pdb = ours

def forget_at_end(Pdb):
    """Have the class `Pdb` forget its instance at the end of each interaction.

    Python 3.14 would use it again for the next `breakpoint()`, though it was told to stop nowhere."""
    original = Pdb.interaction

    @wraps(original)
    def interaction(self, *args):
        try: return original(self, *args)
        finally: sys.modules["pdb"].Pdb._last_pdb_instance = None

    Pdb.interaction = interaction

def let_anyio_nest(eventloop):
    "`anyio.run` looks for a running loop before it calls asyncio."
    eventloop.run = aside(eventloop.run)

def let_uvloop_nest(uvloop):
    "uvloop's loop has ways of its own to run; on Python 3.11 `uvloop.run` looks for a running loop, too."
    for name in ("run_forever", "run_until_complete"): setattr(uvloop.Loop, name, aside(getattr(uvloop.Loop, name)))
    uvloop.run = aside(uvloop.run)

def let_trio_interrupt(trio):
    "`trio.run` spares its internals from interrupts, but only in place of Python's own handler of SIGINT."
    run = getattr(trio, "run", None)
    if not run: return  # a module of the user's has this name

    @wraps(run)
    def with_pythons_handler(*args, **kw):
        "On the main thread: run with Python's handler, and put ours back."
        if threading.current_thread() is not threading.main_thread(): return run(*args, **kw)
        handler = signal.signal(signal.SIGINT, signal.default_int_handler)
        try:
            with lent_wakeup_fd(): return run(*args, **kw)
        finally: signal.signal(signal.SIGINT, handler)

    trio.run = with_pythons_handler

def let_pools_find_cells(module):
    "Functions that cells define, in processes that do not fork from the kernel."
    from ..features import pools
    if module.__name__ == "multiprocessing.spawn": pools.patch_spawn(module)
    else: pools.patch(module)

def load_ipythons_debugger(pdb):
    "Load the module that `let_interrupts_leave` changes."
    import_module("IPython.core.debugger")

def keep_styles(core):
    "One style for all tracebacks: stack_data makes a class for each, of which pygments knows nothing yet."
    core.style_with_executing_node = lru_cache(core.style_with_executing_node)

def keep_colors(terminal256):
    "Keep the colors of a style, some 200, that its formatters work out each time one is made: half of the time that a traceback takes."
    Formatter = terminal256.Terminal256Formatter
    original = Formatter._setup_styles
    known = WeakKeyDictionary()  # by style, colors by what else they depend on

    @wraps(original)
    def setup_styles(formatter):
        "Take the colors from those that are known, or work them out."
        colors = known.setdefault(formatter.style, {})
        options = type(formatter), formatter.usebold, formatter.useunderline, formatter.useitalic
        if options in colors: formatter.style_string = colors[options]
        else:
            original(formatter)
            colors[options] = formatter.style_string

    Formatter._setup_styles = setup_styles

def forgive_damage(cache):
    "A file of parso's that was cut short, as its kernel was killed, counts as none: with it jedi would fail ever after."
    load = cache._load_from_file_system

    @wraps(load)
    def load_whole(*args, **kw):
        "What the file holds; None if it is not whole, and it is written anew."
        try: return load(*args, **kw)
        except (EOFError, cache.pickle.UnpicklingError): return None

    cache._load_from_file_system = load_whole

patches = {  # the function that changes a module, by the module's name; `names.install` adds more
    "IPython.core.debugger": let_interrupts_leave,
    "anyio._core._eventloop": let_anyio_nest,
    "multiprocessing.reduction": let_pools_find_cells,
    "multiprocessing.spawn": let_pools_find_cells,
    "parso.cache": forgive_damage,
    "pdb": load_ipythons_debugger,
    "pygments.formatters.terminal256": keep_colors,
    "stack_data.core": keep_styles,
    "trio": let_trio_interrupt,
    "uvloop": let_uvloop_nest}
