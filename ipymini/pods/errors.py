"What goes wrong with a pod, as its caller sees it."

class PodError(Exception):
    "A pod that died or was ended, or an exception of its own whose class cannot be imported here."

class RemoteTraceback(Exception):
    "The cause of an exception that a pod raised: its traceback there, as text."
    def __init__(self, text): self.text = text
    def __str__(self): return "\n" + self.text.rstrip()
