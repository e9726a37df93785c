"""The folder that a kernel and its clients share, for this user alone: sockets of ipc, and for a container its connection file.

POSIX alone."""

import fcntl, os, shutil, stat, tempfile
from pathlib import Path

class Folder:
    """What one kernel and its clients share: sockets, the connection file, the crash report.

    While we live we hold a lock in it. Folders without one are of servers that were killed; the next kernel's start removes them."""
    parent = "/tmp"  # the path of a socket has 107 bytes at most

    def __init__(self):
        self.remove_stale()
        new = tempfile.mkdtemp(prefix="new-ipymini-", dir=self.parent)
        self.lock = locked(f"{new}/lock")
        self.path = new.replace("new-", "", 1)
        os.rename(new, self.path)  # others look at it only now that it is locked

    @property
    def connection_file(self): return f"{self.path}/kernel.json"

    def remove_stale(self):
        "Remove folders that nobody uses."
        for path in Path(self.parent).glob("ipymini-*/lock"):
            if locked(path): shutil.rmtree(path.parent, ignore_errors=True)

    def give_to(self, who):
        "Make it the property of `who`, a user and a group: without capabilities root cannot use what is another's."
        if os.getuid() == 0:
            for path in (self.path, self.connection_file): os.chown(path, *who)

    def remove(self):
        "Remove it, and what is in it."
        shutil.rmtree(self.path, ignore_errors=True)
        self.lock.close()

def locked(path):
    """The open file `path`, locked until it is closed or we die; None if it is locked already, or is not ours.

    Anybody can make a folder in /tmp that is called as ours are, with a link to a file of ours in it: nothing is followed, or emptied."""
    try: file = open(os.open(path, os.O_RDWR|os.O_CREAT|os.O_NOFOLLOW|os.O_CLOEXEC, 0o600), "r+")
    except OSError: return None
    info = os.fstat(file.fileno())
    if stat.S_ISREG(info.st_mode) and (info.st_uid, info.st_nlink) == (os.getuid(), 1):
        try:
            fcntl.flock(file, fcntl.LOCK_EX|fcntl.LOCK_NB)
            return file
        except OSError: pass  # somebody else's
    file.close()
    return None
