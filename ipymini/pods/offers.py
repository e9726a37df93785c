"What `from ipymini import ...` gives of pods; in IPython the magics come along."
from importlib import import_module
from .show import shell

modules = dict(pod="client", PodError="errors", pool="pool", load="layout", unload="layout")  # name: the module of this folder that has it

def offer(name):
    "The function or class `name`."
    if name not in modules: raise AttributeError(f"module 'ipymini' has no attribute {name!r}")
    value = getattr(import_module(f"{__package__}.{modules[name]}"), name)
    if shell():
        from .magics import register
        register(shell())
    return value
