"What is said of messages that a channel drops: whoever floods it must not flood the log."
from ..system.clock import clock

pause = 1  # seconds between two lines

class Drops:
    "A line for the first message that the channel `name` drops; those of the next second are counted in one line behind it."
    def __init__(self, name, log):
        self.name = name
        self.log = log
        self.untold = 0       # messages of which nothing was said
        self.last = ""        # why the last one was dropped
        self.quiet_until = 0  # a time of the monotonic clock

    def add(self, why):
        "Note that a message was dropped."
        self.untold += 1
        self.last = str(why)
        self.tell_if_due()

    def due(self):
        "Milliseconds until there is something to tell; None: nothing."
        return int(max(0, self.quiet_until-clock.monotonic())*1000)+1 if self.untold else None

    def tell_if_due(self):
        "Say what was not said, unless something was said just now."
        if not self.untold: return
        now = clock.monotonic()
        if now < self.quiet_until: return
        self.log(f"{self.name}: dropped {self.words()}")
        self.untold = 0
        self.quiet_until = now+pause

    def words(self): return f"{self.last}" if self.untold == 1 else f"{self.untold} messages, the last one: {self.last}"
