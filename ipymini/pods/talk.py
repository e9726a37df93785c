"""What user code of a pod, on any thread, shows and asks, by the wire `control`; and what comes by it: answers and interrupts.

Standard library, Python 3.8 and newer."""
import builtins, os, pickle, signal, threading
from itertools import count
from queue import SimpleQueue
from .wire import ASK, INTERRUPT, SHOW

class Talk:
    "The wire `control`. `interrupt` is called with the number of the call that is to be interrupted."
    def __init__(self, control, interrupt):
        self.control = control
        self.interrupt = interrupt
        self.pid = os.getpid()  # a forked child may not speak
        self.telling = threading.Lock()  # of the wire: one frame at a time
        self.numbers = count(1)
        self.questions = {}  # number: the SimpleQueue for the answer
        self.late = False  # an interrupt came while the main thread was sending a frame

    def post(self, kind, number, body):
        "Send a frame of user code's. A KeyboardInterrupt is never raised in here: half a frame would be the last."
        with self.telling: self.control.send(kind, number, body)

    def tell(self, kind, content):
        "Send a frame and wait for the answer: then the caller has all that was written and shown before."
        if os.getpid() != self.pid: return None
        number = next(self.numbers)
        box = self.questions[number] = SimpleQueue()
        try:
            self.post(kind, number, pickle.dumps(content, 5))
            self.raise_late()
            return box.get()
        finally: self.questions.pop(number, None)

    def raise_late(self):
        "The KeyboardInterrupt that `post` put off."
        if not self.late or threading.current_thread() is not threading.main_thread(): return
        self.late = False
        raise KeyboardInterrupt

    def ask_caller(self, *question): return self.tell(ASK, question)
    def show(self, *content): self.tell(SHOW, content)

    def input(self, prompt=""): return self.ask(prompt, False)
    def getpass(self, prompt="Password: ", stream=None, **kw): return self.ask(prompt, True)

    def ask(self, prompt, password):
        "A line that the user types at the caller's."
        if os.getpid() != self.pid: raise EOFError("input() does not work in a forked process")
        line,error = self.ask_caller("input", str(prompt), password)
        if error: raise getattr(builtins, error[0], RuntimeError)(error[1])
        return line

    def listen(self):
        "On a thread of its own: heed the wire; its end is the caller's."
        while True:
            try: frame = self.control.receive()
            except (EOFError, OSError): end_group()
            if frame.kind == INTERRUPT: self.interrupt(frame.call)
            elif frame.call in self.questions: self.questions[frame.call].put(pickle.loads(frame.body))

def end_group():
    "End this process and its children."
    if hasattr(os, "killpg"): os.killpg(os.getpgrp(), signal.SIGKILL)
    os._exit(1)
