"""The file that a pod's interpreter is started with, by its path: it makes this folder the package `_pod` and runs
`_pod.child`.

The name is not `ipymini.pods`, as the environment may have an ipymini of its own, of another version. Python 3.8 and
newer. Its first argument is the folder for bytecode of these files, the others are for `main`."""
import os, sys, types
from importlib.machinery import SOURCE_SUFFIXES, FileFinder, SourceFileLoader

if sys.version_info < (3, 8): sys.exit("A pod needs Python 3.8 or newer, and this is " + sys.version.split()[0])

def stand_first(child):
    """Wait for `child`, the pod, and end as it did: the container ends with its first process. That is not the pod itself,
    for Linux keeps signals that would kill it from a first process."""
    for fd in sys.argv[2:-2]: os.close(int(fd))
    pid = None
    while pid != child: pid,status = os.wait()
    os._exit(128 + os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.WEXITSTATUS(status))

if os.getpid() == 1:
    child = os.fork()
    if child: stand_first(child)
    os.setsid()  # a group of its own, which ends with the caller

class Loader(SourceFileLoader):
    "Keeps bytecode in a folder of the caller's cache: this file's folder is the caller's, whose Python may be another."
    def get_code(self, name):
        before,sys.pycache_prefix = sys.pycache_prefix,bytecode
        try: return super().get_code(name)
        finally: sys.pycache_prefix = before

bytecode = sys.argv[1]
folder = os.path.dirname(os.path.abspath(__file__))
if sys.path and sys.path[0] == folder: del sys.path[0]  # a Python that is started with a file puts its folder there, but with -P
sys.path_importer_cache[folder] = FileFinder(folder, (Loader, SOURCE_SUFFIXES))
package = types.ModuleType("_pod")
package.__path__ = [folder]
sys.modules["_pod"] = package

from _pod.child import main
main(sys.argv[2:])
