"ipymini: a small, fast Jupyter kernel for Python. Importing the package loads nothing; `python -m ipymini` starts the kernel."

__version__ = "0.2.0"

def wait_until(condition, timeout=None):
    """True once `condition()` is true, False when `timeout` seconds have passed; comm messages, as of widgets, are handled meanwhile

    For code in a cell that cannot `await`. Call it on the thread that runs the cell; elsewhere it raises AttributeError."""
    from .subshell import here
    return here.sub.wait_until(condition, timeout)
