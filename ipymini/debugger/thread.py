"The thread on which debug requests are served: debugpy may take seconds for one, and the control channel must not."
import threading
from queue import SimpleQueue

from .untraced import untraced
from ..system.log import log

class DebugThread:
    "Calls `serve(msg)` for each message that is handed over, one after the other."
    def __init__(self, serve):
        self.serve = serve
        self.queue = SimpleQueue()  # of messages
        untraced(threading.Thread(target=self.run, name="debug requests", daemon=True)).start()

    def enqueue(self, msg):
        "Have `msg` served after those that wait. On any thread."
        self.queue.put(msg)

    def run(self):
        while True:
            msg = self.queue.get()
            try: self.serve(msg)
            except Exception as e: log(f"control: {msg.type} was not handled: {e!r}")  # the next one may be
