"""`%snapshot` and `%restore`: the names of a session, written to a file of the user's and brought back.

The magics are in `magics`, the file is `snapshot_file`'s; here is where the file lies, and what people see."""
import os, time
from hashlib import sha256
from threading import Thread

from ..system.clock import clock
from ..system.log import log
from .snapshot_file import NoSnapshot, remove_part, restore, write

silence = 1   # seconds before a progress bar is shown
patience = 2  # seconds that a snapshot before the end may take: clients kill a kernel after five
suffix = ".snapshot"

def snapshot(shell, name):
    "Write the snapshot `name`, and print what became of it. Raises: NoSnapshot."
    start = time.monotonic()
    path = snapshot_path(shell, name)
    index = write(path, names_of(shell), Progress("Writing"))
    number = len(index["names"])
    size = size_text(index["bytes"])
    seconds = time.monotonic()-start
    print(f"{path}: {number} names, {size}, {seconds:.1f} s")
    print_table("Left out", index["left_out"])

def save_before_end(shell):
    "Write the snapshot \"last\" within `patience`, or give it up, which leaves the one before. On any thread, cells may run meanwhile."
    names = names_of(shell)
    path = snapshot_path(shell, "last")
    end = clock.monotonic()+patience
    def give_up_late(fraction, name):
        if clock.monotonic() > end: raise NoSnapshot(f"{name!r} was not reached within {patience} s")
    def save():
        try: write(path, names, give_up_late)
        except NoSnapshot as e: log(f"no snapshot before the end: {e}")
    if not names: return
    thread = Thread(target=save, name="snapshot", daemon=True)  # what pickles an object may never return
    thread.start()
    thread.join(patience+.5)
    if thread.is_alive():
        log(f"no snapshot before the end: an object takes more than {patience} s")
        remove_part(path)

def bring_back(shell, name):
    "Restore the snapshot `name`, and print what became of it. Raises: NoSnapshot."
    def run_source(source):
        file = shell.compile.cache(source, shell.execution_count)
        exec(compile(source, file, "exec"), shell.user_ns)

    path = snapshot_path(shell, name)
    index,failed = restore(path, run_source, shell.user_ns, Progress("Restoring"))
    total = len(index["names"])
    back = total-len(failed)
    print(f"{back} names of {total} are back")
    print_table("Not brought back", failed)
    print_table("Left out when it was written", index["left_out"])

def list_snapshots(shell):
    "Print the snapshots of this notebook, the newest first."
    folder = folder_of(shell)
    names = os.listdir(folder) if os.path.isdir(folder) else []
    found = {name: os.stat(os.path.join(folder, name)) for name in names if name.endswith(suffix)}
    if not found: print("There is no snapshot of this notebook.")
    for name in sorted(found, key=lambda name: -found[name].st_mtime):
        info = found[name]
        written = time.strftime("%Y-%m-%d %H:%M", time.localtime(info.st_mtime))
        print(name.removesuffix(suffix), written, size_text(info.st_size), sep="  ")


# -- what is written, and where

def names_of(shell):
    "The names that the user has made, in their order, without those of IPython."
    hidden = shell.user_ns_hidden
    def is_users(name, value): return not name.startswith("_") and hidden.get(name, hidden) is not value
    return {name: value for name,value in shell.user_ns.copy().items() if is_users(name, value)}

def snapshot_path(shell, name):
    """The file of the snapshot `name`: a path if it looks like one, else in the profile's folder, apart for each notebook.

    Without a name it is "last"."""
    if os.sep in name or name.endswith(suffix): return os.path.abspath(os.path.expanduser(name))
    return os.path.join(folder_of(shell), f"{name or 'last'}{suffix}")

def folder_of(shell):
    "The folder for snapshots of this notebook, or, where none is known, of this working directory."
    place = shell.user_ns.get("__session__") or os.getcwd()
    stem,_ = os.path.splitext(os.path.basename(place))
    mark = sha256(place.encode()).hexdigest()[:8]
    return os.path.join(shell.profile_dir.location, "snapshots", f"{stem}-{mark}")


# -- what people see

def print_table(title, reasons):
    "Print `reasons`, by name, below `title`, if there are any."
    if not reasons: return
    print(f"{title}:")
    for name,why in reasons.items(): print(f"  {name}: {why}")

class Progress:
    "A progress bar, shown once something takes longer than `silence`."
    def __init__(self, title):
        self.title = title
        self.start = self.shown = time.monotonic()
        self.handle = None  # of the display, once there is one

    def __call__(self, fraction, name):
        now = time.monotonic()
        if now - self.start < silence or now - self.shown < .1: return
        self.shown = now
        percent = f"{100*fraction:3.0f} %"
        text = {"text/plain": f"{self.title} [{bar(fraction)}] {percent}  {name}"}
        if self.handle: return self.handle.update(text, raw=True)
        from IPython.display import display
        self.handle = display(text, raw=True, display_id=True)

def bar(fraction): return ("#"*round(30*fraction)).ljust(30)

def size_text(size):
    "A number of bytes for people."
    if size < 1000: return f"{size:.0f} bytes"
    for unit in ("KB", "MB"):
        size /= 1000
        if size < 1000: return f"{size:.1f} {unit}"
    return f"{size/1000:.1f} GB"
