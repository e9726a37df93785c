"A file of functions in a pod, loaded anew when it changes. Standard library, Python 3.8 and newer."
import os
from .names import function_names

class Source:
    "The file `path`; `refresh` before each call."
    def __init__(self, child, path):
        self.child = child
        self.path = path
        self.stamp = None  # of the version that is loaded

    def refresh(self):
        "Load the file if it has changed, and tell the caller the names of all functions."
        stat = os.stat(self.path)
        stamp = stat.st_mtime_ns,stat.st_size
        if stamp == self.stamp: return
        self.stamp = stamp
        self.load()
        self.child.talk.show("names", function_names(self.child.namespace))

    def load(self):
        """Run the file. `__name__` is not `__main__` meanwhile: a block for that case is for whoever runs the file
        itself."""
        with open(self.path, "rb") as file: code = compile(file.read(), self.path, "exec")
        namespace = self.child.namespace
        namespace.update(__name__="pod", __file__=self.path)
        try: exec(code, namespace)
        finally: namespace["__name__"] = "__main__"
