"The files that cells seem to come from: a frontend computes the same names."
import os
from functools import lru_cache

from ..system.late import late

with late("shutil"): import tempfile  # which has it, and what it has for archives, for folders that are removed again

# numba and joblib look for this beginning of its name, others for a number behind it. It is made when the first cell is written:
# whoever knew the name could have put something of his own there, and the debugger would be off
number = f"{os.getpid()}{int.from_bytes(os.urandom(5)):013}"
# its real path: the debugger knows files by that; macOS has a link in the usual one, Windows short names such as RUNNER~1
folder = os.path.join(os.path.realpath(tempfile.gettempdir()), f"ipykernel_{number}", "")
seed = 0xC70F6907  # the frontend's, too: debugInfo tells it
factor = 0x5BD1E995
mask = 0xFFFFFFFF  # 32 bits

def cell_name(code, *others):
    """The file that the cell `code` seems to come from; a frontend computes the same name from the text in its editor.

    `others`: what IPython's compiler knows of the cell besides, and a frontend does not."""
    return os.environ.get("IPYKERNEL_CELL_NAME") or hashed(code)

@lru_cache(4096)
def hashed(code):
    "The name by the hash of `code`."
    number = murmur2(code.encode("utf8", "surrogatepass"))
    return f"{folder}{number}.py"

def murmur2(data):
    "MurmurHash2 of the bytes `data`, 32 bits."
    whole = len(data) & ~3  # bytes that are in words
    state = seed ^ len(data)
    for word in memoryview(data)[:whole].cast("I"):
        word = word*factor & mask
        word = (word ^ word>>24)*factor
        state = (state*factor ^ word) & mask
    if whole < len(data):
        rest = int.from_bytes(data[whole:], "little")
        state = (state ^ rest)*factor & mask
    state = (state ^ state>>13)*factor & mask
    return state ^ state>>15
