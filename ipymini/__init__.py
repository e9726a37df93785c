"ipymini: a small, fast Jupyter kernel for Python. Importing the package loads nothing; `python -m ipymini` starts the kernel."

__version__ = "0.2.0"
