"""The asyncio of Python without what it needs for TLS alone, which takes 5 of the 110 ms until the first result.

This room has to be the first that imports asyncio: the rooms that run code take it from here."""
import threading
from types import SimpleNamespace

from .system.late import late

# asyncio holds on to these, and looks them up when it comes to TLS
with late("ssl", "asyncio.sslproto"): import asyncio
# from Python 3.14 on asyncio makes an RLock for each call from another thread: of the kind that it knows, whatever a
# cell puts into `threading`
asyncio.events.threading = SimpleNamespace(**vars(threading))
