"""The file that a pod's interpreter is started with, by its path: it makes this folder the package `_pod` and runs
`_pod.child`.

The name is not `ipymini.pods`, as the environment may have an ipymini of its own, of another version. Python 3.8 and
newer."""
import os, sys, types

if sys.version_info < (3, 8): sys.exit("A pod needs Python 3.8 or newer, and this is " + sys.version.split()[0])

folder = os.path.dirname(os.path.abspath(__file__))
if sys.path and sys.path[0] == folder: del sys.path[0]  # a Python that is started with a file puts its folder there, but with -P
package = types.ModuleType("_pod")
package.__path__ = [folder]
sys.modules["_pod"] = package

from _pod.child import main
main(sys.argv[1:])
