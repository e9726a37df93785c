"""The asyncio of Python without what it needs for TLS alone, which takes 5 of the 110 ms until the first result.

This room has to be the first that imports asyncio: the rooms that run code take it from here."""
import sys, threading
from importlib import import_module
from types import ModuleType, SimpleNamespace

class Later(ModuleType):
    "A module that is imported when something of it is asked for."
    def __getattr__(self, name): return getattr(import_module(self.__name__), name)

# asyncio holds on to these, and looks them up when it comes to TLS; all others find the real modules
later = {name: Later(name) for name in ("ssl", "asyncio.sslproto") if name not in sys.modules}
sys.modules.update(later)
import asyncio
for name in later: del sys.modules[name]
# from Python 3.14 on asyncio makes an RLock for each call from another thread: of the kind that it knows, whatever a
# cell puts into `threading`
asyncio.events.threading = SimpleNamespace(**vars(threading))
