"ipymini: a small, fast Jupyter kernel for Python. Importing the package loads nothing; `python -m ipymini` starts the kernel."

__version__ = "0.2.0"

def __getattr__(name):
    "What pods offer, as `from ipymini import pod`, loaded when it is first asked for."
    if name not in ("pod", "PodError", "pool", "load", "unload"): raise AttributeError(f"module 'ipymini' has no attribute {name!r}")
    from importlib import import_module
    return import_module("ipymini.pods.offers").offer(name)

def wait_until(condition, timeout=None):
    """True once `condition()` is true, False when `timeout` seconds have passed; comm messages, as of widgets, are handled meanwhile.

    For code in a cell that cannot `await`. Call it on the thread that runs the cell; elsewhere it raises AttributeError."""
    from .features.wait_until import wait_until as wait
    return wait(condition, timeout)
