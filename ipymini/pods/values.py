"""Values on the wire: pickle 5 with buffers out of band, and what a pickle cannot say. Used by both ends. Standard
library, Python 3.8 and newer.

A name or a handle goes into a pickle as a call of a function of the module `marks`, for which the pod's decoder has a
meaning of its own. numpy's modules changed their names between versions 1 and 2: a pickle of either is read."""
import io, pickle, re, sys
from importlib import import_module

marks = "ipymini.pods.marks"  # the module of the caller's end whose functions mean something else to a pod
special = re.compile(rb"ipymini\.pods\.marks|numpy\._?core").search  # what only a `Decoder` can read

def raw(buffers):
    "The bytes of pickle's buffers, as memoryviews."
    return [o.raw() for o in buffers]

def numpy_core():
    "What numpy's inner package is called here."
    numpy = sys.modules.get("numpy") or import_module("numpy")
    return "numpy._core" if int(numpy.__version__.split(".")[0]) > 1 else "numpy.core"

def here(module):
    "The name by which a module of the other end is known here."
    for name in ("numpy._core", "numpy.core"):
        if module == name or module.startswith(name + "."): return numpy_core() + module[len(name):]
    return module

class Decoder(pickle.Unpickler):
    "Reads a pickle; `meanings`: functions for what is `marks` in it."
    def __init__(self, body, buffers, meanings):
        super().__init__(io.BytesIO(body), buffers=buffers)
        self.meanings = meanings

    def find_class(self, module, name):
        if module == marks: return self.meanings[name]
        return super().find_class(here(module), name)

def loads(body, buffers, meanings):
    "The value of a pickle; most need no `Decoder`."
    if type(body) is bytearray and not special(body): return pickle.loads(body, buffers=buffers)
    return Decoder(body, buffers, meanings).load()
