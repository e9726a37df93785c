"Every change that we make in others' modules, each as the module is imported."
import linecache, re, signal, sys, threading
from functools import wraps
from importlib import import_module

from .loops import aside

def with_classes(getfile):
    "`inspect.getfile` that finds classes of cells, too, which name no file: in the newest cell that has a class of the name"
    def find(obj):
        try: return getfile(obj)
        except OSError:
            head = re.compile(rf"\s*class {obj.__name__}\b").match if isinstance(obj, type) else lambda line: False
            for name in reversed(linecache.cache):
                if "ipykernel_" in name and any(map(head, linecache.getlines(name))): return name
            raise
    return find

class Patches:
    "Has a module changed by its function in `patches` when somebody imports it"
    @classmethod
    def find_spec(cls, name, path=None, target=None):
        if name not in patches: return
        others = (finder.find_spec(name, path, target) for finder in sys.meta_path if finder is not cls)
        spec = next(filter(None, others), None)
        if not spec: return
        load = spec.loader.exec_module
        def exec_module(module):
            load(module)
            patches[name](module)
        spec.loader.exec_module = exec_module
        return spec

def let_interrupts_leave(debugger):
    "IPython's debugger in the place of pdb's; an interrupt ends the cell, where one of them would ask again and the other go on"
    pdb = sys.modules["pdb"]
    original = pdb.Pdb.interaction

    def interaction(self, *args):
        try: return original(self, *args)
        finally: pdb.Pdb._last_pdb_instance = None  # which Python 3.14 would use again for `breakpoint()`, though it was told to stop nowhere
    pdb.Pdb = type("Pdb", (debugger.InterruptiblePdb,), dict(interaction=interaction))

def let_anyio_nest(eventloop):
    "`anyio.run` looks for a running loop before it calls asyncio"
    eventloop.run = aside(eventloop.run)

def let_uvloop_nest(uvloop):
    "Its loop has ways of its own to run"
    for name in ("run_forever", "run_until_complete"): setattr(uvloop.Loop, name, aside(getattr(uvloop.Loop, name)))

def let_trio_interrupt(trio):
    "`trio.run` spares its internals, but only in place of Python's own handler of SIGINT"
    run = getattr(trio, "run", None)
    if not run: return  # a module of the user's has this name
    @wraps(run)
    def plainly(*args, **kw):
        if threading.current_thread() is not threading.main_thread(): return run(*args, **kw)
        before,fd = signal.signal(signal.SIGINT, signal.default_int_handler),signal.set_wakeup_fd(-1)
        try: return run(*args, **kw)
        finally:
            signal.signal(signal.SIGINT, before)
            signal.set_wakeup_fd(fd, warn_on_full_buffer=False)
    trio.run = plainly

def let_pools_find_cells(module):
    "Functions that cells define, in processes that do not fork from the kernel"
    from ..features import pools
    if module.__name__ == "multiprocessing.spawn": pools.patch_spawn(module)
    else: pools.patch(module)

patches = {"multiprocessing.reduction": let_pools_find_cells, "multiprocessing.spawn": let_pools_find_cells,
    "pdb": lambda _: import_module("IPython.core.debugger"), "IPython.core.debugger": let_interrupts_leave,
    "anyio._core._eventloop": let_anyio_nest, "trio": let_trio_interrupt, "uvloop": let_uvloop_nest}
