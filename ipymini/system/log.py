"The log: the standard error that the kernel was started with."
import os

try: log_fd = os.dup(2)  # before file descriptor 2 is captured: what we log must not become a cell's output
except OSError: log_fd = os.open(os.devnull, os.O_WRONLY)

def log(text):
    try: os.write(log_fd, text.encode("utf8", "backslashreplace"))
    except OSError: pass  # whoever read it has gone
