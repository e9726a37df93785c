"IPython without what the modules that it needs import and hardly ever use: 4 of the 140 ms until the first result."
from importlib import import_module

from .system.late import late

def import_ipython():
    """Import it; this has to be done before any of its modules is imported, or traitlets.

    `ipaddress` is there for addresses in a URL, which `pathlib` does not make; `gettext` for what argparse says;
    `logging.config` for an application whose `logging_config` is set, see `shell.IPKernelApp`."""
    with late("ipaddress", "gettext", "logging.config", functions=("gettext", "ngettext", "dictConfig")): import_module("IPython")
