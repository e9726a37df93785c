"The files that cells seem to come from: a frontend computes the same names."
import os, tempfile
from functools import lru_cache

folder = os.path.join(tempfile.gettempdir(), f"ipykernel_{os.getpid()}", "")  # numba and joblib look for this beginning of its name
seed,mult,mask = 0xC70F6907,0x5BD1E995,0xFFFFFFFF

def cell_name(code):
    "The file that the cell `code` seems to come from; a frontend computes the same name from the text in its editor"
    return os.environ.get("IPYKERNEL_CELL_NAME") or hashed(code)

@lru_cache(4096)
def hashed(code): return f"{folder}{murmur2(code.encode('utf8', 'surrogatepass'))}.py"

def murmur2(b):
    "MurmurHash2 of `b`, 32 bits"
    n,h = len(b)&~3,seed^len(b)
    for k in memoryview(b)[:n].cast("I"):
        k = k*mult & mask
        h = (h*mult ^ (k^k>>24)*mult) & mask
    if n < len(b): h = (h^int.from_bytes(b[n:], "little"))*mult & mask
    h = (h^h>>13)*mult & mask
    return h^h>>15
