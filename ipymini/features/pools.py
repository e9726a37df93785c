"""Functions and classes of cells in processes that `multiprocessing` starts, whatever its start method.

A forked process has them already; one that is spawned, or forked from a server, has not: there they go by value, made by
the package cloudpickle. This file is loaded on both sides, in the child under the name `name` and without the rest of the
kernel, so it imports only the standard library. Read `patch`, then `reduce`: what happens to each function and class that
is sent, and `bring`, the other side. Source: `multiprocessing.spawn`, cloudpickle."""
import io, pickle, sys
from multiprocessing import process
from types import FunctionType

name = "_ipymini_pools"  # of this module, as pickles know it on both sides

def patch(reduction):
    "Let the pickler of `multiprocessing`, in its module `reduction`, send what cells define."
    sys.modules[name] = sys.modules[__name__]
    for function in (bring, find, set_state): function.__module__ = name
    reduction.ForkingPickler.reducer_override = staticmethod(reduce)

def patch_spawn(spawn):
    "Have a child that `multiprocessing` starts load this file before anything is unpickled in it."
    prepare = spawn.get_preparation_data
    def with_this_file(name):
        data = prepare(name)
        data.setdefault("init_main_from_path", __file__)
        return data
    spawn.get_preparation_data = with_this_file

def reduce(obj):
    """How `obj` is pickled: functions and classes of cells by value or by name, all else as ever.

    Raises: PicklingError where cloudpickle is missing."""
    if not isinstance(obj, (FunctionType, type)) or obj.__module__ != "__main__": return NotImplemented
    if is_by_value(): return bring,(dump(obj),)
    name = obj.__qualname__
    return (find,(name,)) if process._children and named(name) is obj else NotImplemented

def is_by_value():
    "True if a process that did not fork from this one may be the receiver."
    from multiprocessing.context import get_spawning_popen
    if spawned or get_spawning_popen() is not None: return True
    return any(getattr(child._popen, "method", "fork") != "fork" for child in list(process._children))

def dump(obj):
    "`obj` by value, as bytes for `bring`."
    try: from cloudpickle import Pickler
    except ImportError:
        raise pickle.PicklingError(f"{obj.__qualname__!r} is defined in a cell: to send it to a process that was spawned, "
            "the package cloudpickle is needed (%pip install cloudpickle)") from None
    main = sys.modules["__main__"].__dict__
    stand_in = {"__name__": "__main__"}
    file = io.BytesIO()
    pickler = pickler_class(Pickler, main, stand_in)(file)
    pickler.globals_ref[id(main)] = stand_in
    pickler.dump(obj)
    return file.getvalue()

def pickler_class(Pickler, main, stand_in):
    """cloudpickle's `Pickler`, but functions of the namespace `main` keep that of the child's `__main__`.

    So an initializer and the tasks after it share it. `stand_in` is pickled in the place of `main`."""
    from cloudpickle.cloudpickle import _function_setstate as finish

    class ByValue(Pickler):
        "Pickles functions by value."
        def persistent_id(self, obj): return "main" if obj is stand_in else None

        def reducer_override(self, obj):
            "What cloudpickle does with `obj`; a function of a cell is finished by `set_state`."
            reduced = super().reducer_override(obj)
            is_of_cell = isinstance(obj, FunctionType) and obj.__globals__ is main
            if not is_of_cell or not isinstance(reduced, tuple) or reduced[5:] != (finish,): return reduced
            return (*reduced[:5], set_state)

    return ByValue

def set_state(function, state):
    """Finish `function` in the child: what it refers to comes into `__main__`.

    A value that is there already stays: it may be an initializer's."""
    from cloudpickle.cloudpickle import _function_setstate as finish
    main = function.__globals__
    _,slots = state
    for key,value in slots["__globals__"].items():
        if key not in main or isinstance(value, (FunctionType, type)): main[key] = value
    slots["__globals__"] = {}
    finish(function, state)

def bring(data):
    """What `dump` made bytes of. Where that fails, a function that says why when it is called.

    A worker that died here would be waited for in vain."""
    try: return Unpickler(io.BytesIO(data)).load()
    except Exception as e: return failing(e)

class Unpickler(pickle.Unpickler):
    "Has the child's `__main__` where the kernel's was pickled."
    def persistent_load(self, id): return sys.modules["__main__"].__dict__

def find(qualname):
    "The function or class of that name in a forked child, or a function that says why it is not there."
    found = named(qualname)
    if found is not None: return found
    why = f"{qualname!r} was defined after this process was forked: make the pool or process behind it"
    return failing(AttributeError(why))

def named(qualname):
    "What `__main__` has under the dotted name `qualname`, or None."
    found = sys.modules["__main__"]
    for part in qualname.split("."): found = getattr(found, part, None)
    return found

def failing(error):
    "A function that raises `error`."
    def fail(*args, **kw): raise error
    return fail

def become_module():
    "In a child, which runs this file as `__main__`: load it again as the module `name`, and leave nothing behind."
    from importlib.util import module_from_spec, spec_from_file_location
    spec = spec_from_file_location(name, __file__)
    module = module_from_spec(spec)
    module.__dict__["spawned"] = True
    spec.loader.exec_module(module)
    from multiprocessing import reduction
    sys.modules[name] = module
    module.patch(reduction)

spawned = globals().get("spawned", False)  # True in a child that did not fork from the kernel: its results go by value
if __name__ == "__mp_main__":
    become_module()
    for key in list(globals()):
        if not key.startswith("__"): del globals()[key]
