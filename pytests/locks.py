"A lock for tests of what two threads do at once: it tells when the second one asks for it"
from threading import Lock

class TellingLock:
    "In place of a Lock: `asked` is called by a thread that finds it taken, before it waits"
    def __init__(self, asked):
        self.lock = Lock()
        self.asked = asked

    def __enter__(self):
        if self.lock.locked(): self.asked()
        self.lock.acquire()

    def __exit__(self, *args): self.lock.release()
