"""`ipymini.wait_until`, for a cell that cannot await.

Not in `subshell`: an interrupt ends its wait at once, as it ends a library's."""
from ..subshell import here
from ..system.clock import clock

pause = .01  # seconds between two looks at the condition; no event tells of it

def wait_until(condition, timeout):
    """True once `condition()` is, False after `timeout` seconds; blocks this thread.

    Comm messages are handled on it meanwhile."""
    subshell = getattr(here, "subshell", None)
    if not subshell: raise RuntimeError("wait_until handles comm messages on the thread of a cell: call it there")
    end = None if timeout is None else clock.monotonic()+timeout
    while not condition():
        if end and clock.monotonic() > end: return False
        subshell.handle_comms()
        if not condition(): clock.sleep(pause)
    return True
