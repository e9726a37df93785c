"What a kernel imports before its first cell, all at once: for a process that waits to become a kernel, and to compile it."

import pkgutil
from importlib import import_module

import ipymini

apart = "ipymini.__main__", "ipymini.environments", "ipymini.pods"  # not the kernel's
at_first = "sqlite3", "stack_data"  # what IPython imports with the shell, and with the first traceback
later = "comm", "debugpy.server.api", "fastcore.basics", "jedi", "prompt_toolkit"

def preload():
    "Import the kernel's own modules, and what they need to run a first cell."
    for module in pkgutil.walk_packages(ipymini.__path__, "ipymini."):
        if not module.name.startswith(apart): import_module(module.name)
    for name in at_first: import_module(name)

def check():
    "Import all that a kernel may ever need, which compiles it; an error says what does not work here."
    preload()
    for name in later: import_module(name)
