"A running execute_request: its numbers, and what it has shown so far. `msg.cell` is a `Cell` while and after a cell runs, else None."

class Cell:
    "What the kernel, the bridge and the streams keep of one execute_request."
    def __init__(self, content, started, number):
        self.code = content["code"]
        self.silent = bool(content.get("silent"))
        has_code = bool(self.code) and not self.code.isspace()
        # True if it uses up a number and goes into the history
        self.is_stored = has_code and not self.silent and bool(content.get("store_history", True))
        self.started = started       # when it began, as headers have it
        self.number = number         # the number that it has, or would have if it were stored: what execute_input tells
        self.count = number if self.is_stored else number-1  # what its reply tells: of one that is not stored the last number
        self.payload = []            # of its reply
        self.transformed = ""        # its code after IPython's input transformers
        self.error = None            # (exception, content of the error message) that was shown last
        self.failure = None          # an exception that fails it though IPython went on: a result that cannot be shown
        self.code_ended = False      # True once its code has ended: its threads may no longer ask
        self.stacks_shown = False    # True once a second interrupt has shown where it is stuck
