"A running execute_request: its numbers, and what it has shown so far. `msg.cell` is a `Cell` while and after a cell runs, else None."

class Cell:
    "What the kernel, the bridge and the streams keep of one execute_request."
    def __init__(self, content, started):
        self.content = content       # of the request
        self.code = content["code"]
        self.is_stored = self.store_history and bool(self.code) and not self.code.isspace()
        self.started = started       # when it began, as headers have it
        self.number = None           # the number that it has, or would have if it were stored: what execute_input tells
        self.count = None            # what its reply tells: of one that is not stored the last number
        self.payload = []            # of its reply
        self.transformed = ""        # its code after IPython's input transformers
        self.error = None            # (exception, content of the error message) that was shown last
        self.failure = None          # an exception that fails it though IPython went on: a result that cannot be shown
        self.code_ended = False      # True once its code has ended: its threads may no longer ask
        self.stacks_shown = False    # True once a second interrupt has shown where it is stuck

    @property
    def silent(self): return bool(self.content.get("silent"))

    @property
    def store_history(self):
        "True if it is to use up a number and go into the history; blank code does neither, all the same."
        return bool(self.content.get("store_history", True)) and not self.silent

    @property
    def stops_on_error(self): return bool(self.content.get("stop_on_error", True)) and not self.silent
