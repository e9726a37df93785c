"The clock, where nobody replaces it."
import time

class clock:
    """The functions of `time` as Python made them.

    What freezes time for a test, as freezegun, replaces them in all modules; what a class holds it leaves."""
    monotonic = time.monotonic
    now = time.time
    sleep = time.sleep
    gmtime = time.gmtime
    strftime = time.strftime
