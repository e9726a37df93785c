"How the other threads rouse one that sleeps in `poll`."
from socket import socketpair

from ..system.clock import clock

moment = .001  # seconds that the first messages of a request wait for the others
too_short = .0003  # seconds that may be left of it and are not worth another wait: those of `poll` are whole milliseconds

class Waker:
    """Rouses a thread out of `poll`.

    Iopub's can be held for a moment: most requests are over by then, and all that one has published rouses the thread once.
    Each time costs the cell some 60 µs, as the two threads take turns at the GIL. Who holds it asks `left` until that is None."""
    def __init__(self):
        self.is_roused = False  # True from `wake` until the thread has seen it
        self.held_until = None  # a time, while it is held
        self.reader,self.writer = socketpair()
        for end in (self.reader, self.writer): end.setblocking(False)

    def fileno(self):
        "The descriptor to poll."
        return self.reader.fileno()

    def wake(self):
        "Rouse the thread now, from any other; from now on it is not held."
        self.held_until = None  # first: who finds it held has queued before, and relies on this
        if self.is_roused: return
        self.is_roused = True
        try: self.writer.send(b"\0")
        except BaseException:  # an interrupt: nobody would wake the thread ever after
            self.is_roused = False
            raise

    def clear(self):
        "Take note: what is queued from now on rouses the thread anew."
        self.reader.recv(64)
        self.is_roused = False

    def close(self):
        for end in (self.reader, self.writer): end.close()

    # -- holding it

    def wake_soon(self):
        "Rouse the thread; while it is held somebody else does, soon."
        if not self.held_until: self.wake()

    def hold(self):
        "Leave the thread alone for a moment, or until `wake`."
        if not self.held_until: self.held_until = clock.monotonic()+moment

    def left(self):
        "Milliseconds until the thread is to be roused, which is done if there are none; None: it is not held."
        until = self.held_until  # another thread may wake it
        if not until: return None
        if too_short < until-clock.monotonic() < 2*moment: return 1  # a clock that was set back stops nobody
        self.wake()
