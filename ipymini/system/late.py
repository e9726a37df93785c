"""Modules that others import at their beginning, and that a kernel needs later, or never: `late` puts off their import.

In `sys.modules` they stand only as long as the `with` lasts; whoever imports one later gets the real module."""
import sys
from contextlib import contextmanager
from functools import partial
from importlib import import_module
from types import ModuleType

class Late(ModuleType):
    "A module that is imported when something of it is asked for that is not `known`; one of its `functions`, when it is called."
    def __init__(self, name, functions, known):
        super().__init__(name)
        self.__dict__.update({function: partial(call, self, function) for function in functions})
        self.__dict__.update(known)

    def __getattr__(self, name):
        if name == "__path__": raise AttributeError(name)  # `from ... import` looks whether this is a package
        give_way(self)
        return getattr(import_module(self.__name__), name)

def call(module, function, *args, **kw):
    "Call a function of the real `module`."
    give_way(module)
    return getattr(import_module(module.__name__), function)(*args, **kw)

def give_way(module):
    "Let the real module be imported."
    if sys.modules.get(module.__name__) is module: del sys.modules[module.__name__]

@contextmanager
def late(*names, functions=(), **known):
    """What is imported inside gets the modules `names` as modules that are imported when they are used.

    `functions`: of these modules, to be had by `from ... import`. `known`: other values that need no import."""
    put_off = [Late(name, functions, known) for name in names if name not in sys.modules]
    sys.modules.update({module.__name__: module for module in put_off})
    try: yield
    finally:
        for module in put_off: give_way(module)
