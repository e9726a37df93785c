"""What libraries look for under ipykernel's names, and the changes in others' modules, given to the shell once at the start.

`kernel` has the object for `get_ipython().kernel`, `modules` what stands in for ipykernel's modules, `patches` and
`threads` have the changes."""
import inspect, os, sys
from importlib import import_module

from .comms import bind
from .kernel import IPythonKernel
from .modules import make_stand_ins
from .patches import Patches, patches, with_classes
from .threads import carry_into_pools, carry_into_work, carry_requests
from ..features.environment import PackageMagics, offer_inline, plot_inline
from ..features.magics import KernelMagics

def install(kernel):
    "Give the shell of `kernel` what libraries look for; takes less than 1 ms."
    ip,app = kernel.bridge.ip,kernel.bridge.app
    stand_in = IPythonKernel(kernel)
    IPythonKernel.made = ip.kernel = app.kernel = stand_in
    for hook in (ip.display_pub, ip.displayhook):  # jupyter_client's execute_interactive in a cell
        hook.session = stand_in.session
        hook.pub_socket = kernel.iopub
    ip.register_magics(KernelMagics)
    ip.register_magics(PackageMagics)
    name_notebook(ip)
    type(kernel.bridge.out.stdout).__module__ = "ipykernel.iostream"  # click: keeps colours
    change_modules(kernel.bridge.out.send, stand_in)
    make_stand_ins(stand_in, app, type(kernel.bridge.out.stdout))

def name_notebook(ip):
    "Tell cells the path of the notebook, if the server has told us."
    name = os.environ.get("JPY_SESSION_NAME")
    if name: ip.user_ns["__session__"] = ip.user_ns_hidden["__session__"] = name

def change_modules(publish, kernel):
    "Change modules that are there, and have others changed as they are imported; `kernel` is the stand-in that comms have."
    patches["comm"] = lambda comm: bind(comm, publish, kernel)
    if "MPLBACKEND" not in os.environ:
        patches["matplotlib"] = plot_inline
        patches["matplotlib.backends.registry"] = offer_inline
    if os.environ.get("IPYMINI_THREAD_OUTPUT") != "latest":  # else what threads write belongs to the newest cell
        carry_requests()
        patches["concurrent.futures.thread"] = carry_into_work
        patches["multiprocessing.pool"] = carry_into_pools
    inspect.getfile = with_classes(inspect.getfile)
    begun = patches.keys() & sys.modules.keys()  # before the finder is there, which has the others changed
    sys.meta_path.insert(0, Patches)
    for name in begun: patches[name](import_module(name))  # which waits while another thread imports it
