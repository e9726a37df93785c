"""The request that whatever runs now runs for, and which request the output of a thread belongs to.

`parent` is the one object that tells; what a context holds of its request is in the ContextVar `held`."""
from contextvars import ContextVar
from itertools import filterfalse
from operator import attrgetter

held = ContextVar("parent", default=None)  # a `Msg`, or a `Lent`
ended = attrgetter("ended")

class Lent:
    "The request of a cell as a thread holds it that serves whatever cell runs once that one has ended."
    def __init__(self, msg): self.msg = msg

class Parent:
    "The request that whatever runs now runs for: `set` and `reset` as of a ContextVar, `get` with the rule for threads."
    set = held.set
    reset = held.reset

    def __init__(self): self.cells = []  # requests whose cells run, and the newest one, though it may have ended; newest last

    def get(self):
        "The `Msg`, or None."
        msg = held.get()
        return self.now(msg.msg) if type(msg) is Lent else msg

    def now(self, msg):
        "`msg` while its cell runs, then the newest cell that runs, if one does."
        return next(filterfalse(ended, (msg, *reversed(self.cells))), msg)

    def begin(self, msg):
        "Note that the cell of `msg` begins."
        self.cells = [*filterfalse(ended, self.cells), msg]

    @property
    def latest(self):
        "The request of the newest cell, or None: it owns what has no context at all."
        return self.cells[-1] if self.cells else None

    def handed(self, keeps_cell):
        """What a thread is to hold that is started, or gets work, here and now; `keeps_cell`: for code of a cell, which keeps its cell.

        A batch client reads the output of a cell only while it runs: there no thread keeps its cell."""
        msg = self.get()
        if msg is None: return None
        return msg if keeps_cell and not msg.is_batch else Lent(msg)

parent = Parent()
