"""pyzmq without `pickle` and `random`, which no message of ours needs, and without `inspect`, which IPython imports later.

That is 7 of the 45 ms in which a kernel comes to answer kernel_info. This room has to be the first that imports zmq: the
other channels take it from here."""
from ..system.late import late

__all__ = ["zmq"]
# all that pyzmq asks these modules for while it is imported; what else it asks for has the real module imported
flags = "OPTIMIZED NEWLOCALS VARARGS VARKEYWORDS NESTED GENERATOR NOFREE COROUTINE ITERABLE_COROUTINE ASYNC_GENERATOR".split()
of_inspect = {f"CO_{name}": 1 << place for place,name in enumerate(flags)}
of_pickle = dict(DEFAULT_PROTOCOL=4)  # which all versions of Python read

with late("inspect", "pickle", "random", **of_inspect, **of_pickle): import zmq
