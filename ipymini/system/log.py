"The log: the standard error that the kernel was started with."
import os

# before file descriptor 2 is captured: what we log must not become a cell's output
try: log_fd = os.dup(2)
except OSError: log_fd = os.open(os.devnull, os.O_WRONLY)

def log(text):
    "Write a line to the log."
    try: os.write(log_fd, f"ipymini: {text}\n".encode("utf8", "backslashreplace"))
    except OSError: pass  # whoever read it has gone
