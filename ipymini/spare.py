"""A spare: a process that has imported what a kernel needs and waits on its stdin to become one. So a restart is quick.

`wait` is the whole life of a spare. What it is told comes from `environments.provisioner`: a line of JSON with the
environment variables, the folder and the kernel's command line. `check` has the same modules compiled for a Python that
is new to us."""

import gc, json, os, pkgutil, sys
from importlib import import_module

import ipymini

apart = "ipymini.__main__","ipymini.environments","ipymini.pods"  # not the kernel's
at_first = "sqlite3","stack_data"  # what IPython imports with the shell, and with the first traceback
later = "comm","debugpy.server.api","fastcore.basics","jedi","prompt_toolkit"

def wait():
    "Import, then wait to be told what to become: the command line of a kernel. Ends the process when the server has gone."
    gc.disable()  # nothing of what is imported dies
    preload()
    files = stamps()
    line = read_line()
    if not line: os._exit(0)
    order = json.loads(line)
    os.environ.clear()
    os.environ.update(order["env"])
    os.chdir(order["cwd"])
    command = [*order["start"], *order["argv"]]
    if stamps() != files: os.execv(command[0], command)
    rename(command)
    sys.argv[1:] = order["argv"]
    return order["argv"]

def preload():
    "Import the kernel's own modules, and what they need to run a first cell."
    for module in pkgutil.walk_packages(ipymini.__path__, "ipymini."):
        if not module.name.startswith(apart): import_module(module.name)
    for name in at_first: import_module(name)

def check():
    "Import all that a kernel may ever need, which compiles it; an error says what does not work here."
    preload()
    for name in later: import_module(name)

def stamps():
    "What tells a change of what was imported: of the files of all modules, of the interpreter, of what is installed."
    files = [getattr(module, "__file__", None) for module in list(sys.modules.values())]
    installed = [folder for folder in sys.path if folder.endswith("-packages")]
    return {path: stamp(path) for path in [*files, sys.executable, sys.argv[0], *installed] if path}

def stamp(path):
    "What changes when the file or folder `path` does, or None if it is not there."
    try: info = os.stat(path)
    except OSError: return None
    return info.st_mtime_ns, info.st_ino, info.st_size

def read_line():
    "The bytes of stdin up to the end of a line; nothing if it ends before."
    parts = []
    while not parts or not parts[-1].endswith(b"\n"):
        parts.append(os.read(0, 65536))
        if not parts[-1]: return b""
    return b"".join(parts)

def rename(command):
    "Have `ps` show `command`, as far as the room of our own command line goes; Linux alone lets us."
    if not os.path.exists("/proc/self/mem"): return
    with open("/proc/self/stat") as file: fields = file.read().rpartition(")")[2].split()
    begin,end = map(int, fields[45:47])
    room = end-begin
    text = b"".join(os.fsencode(word) + b"\0" for word in command)
    memory = os.open("/proc/self/mem", os.O_WRONLY)
    try: os.pwrite(memory, text[:room].ljust(room, b"\0"), begin)
    finally: os.close(memory)
