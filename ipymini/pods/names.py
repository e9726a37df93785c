"What a dotted name stands for in a pod. Standard library, Python 3.8 and newer."
import builtins, types
from importlib import import_module

def resolve(namespace, path):
    """The value of a dotted name: its first part is looked for in the pod's namespace, then among builtins, then as a
    module, which is imported."""
    first,_,rest = path.partition(".")
    if first in namespace: value = namespace[first]
    elif hasattr(builtins, first): value = getattr(builtins, first)
    else: value = module_named(first)
    return refer(value, rest)

def module_named(name):
    try: return import_module(name)
    except ModuleNotFoundError as error:
        if error.name != name: raise
    raise NameError(f"the pod knows no {name!r}: no variable, builtin or module has that name")

def refer(value, path):
    """The attribute `path`, dots in it, of `value`; an empty path is the value itself. Modules inside of packages are
    imported."""
    for name in filter(None, path.split(".")):
        try: value = getattr(value, name)
        except AttributeError:
            inner = submodule(value, name)
            if inner is None: raise
            value = inner
    return value

def submodule(package, name):
    "The module `name` of a package, None if there is none."
    if not hasattr(package, "__path__"): return None
    full = f"{package.__name__}.{name}"
    try: return import_module(full)
    except ModuleNotFoundError as error:
        if error.name != full: raise

def function_names(namespace):
    "The public names of functions in a namespace."
    def is_function(value): return callable(value) and not isinstance(value, (type, types.ModuleType))
    return [name for name,value in namespace.items() if is_function(value) and not name.startswith("_")]
