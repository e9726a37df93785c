"What a pod asks its caller, answered on the thread of the call."
import os
from .show import ask
from .values import Decoder
from .wire import ANSWER

def answer(link, number, kind, *content):
    "Answer a question of the pod's. Between calls there is no cell that could ask the user."
    if kind == "input" and link.current() is None: return link.tell(ANSWER, number, nobody)
    try: line = questions[kind](*content)
    except KeyboardInterrupt:
        link.tell(ANSWER, number, (None, ("KeyboardInterrupt", "")))
        raise
    link.tell(ANSWER, number, line)

nobody = None,("EOFError", "no call is running that could ask")  # as `ask` tells of an error

def knows(module, name):
    "True if a pickle with this class or function can be read here."
    try: Decoder(b"", (), {}).find_class(module, name)
    except (ImportError, AttributeError, ValueError): return False
    return True

def lendable(version, tag):
    """What a pod's Python needs to import IPython from our environment: the folder of `boot` and the arguments of its
    `lend`; None if it is too old. `tag`: names its bytecode."""
    from ..environments import boot, lending
    from ..environments.pythons import Python, oldest
    python = Python("", version, "", "", tag)
    if python.number < oldest: return None
    packages = lending.lendable(python)
    folders = lending.our_folders(packages)
    lent = dict(packages=packages, folders=folders, bytecode=lending.bytecode_folder(python, folders))
    return os.path.dirname(boot.__file__),lent

questions = dict(input=ask, knows=knows, lend=lendable)
