"""Files of ours in a folder that others may write into: what one of them has prepared there is neither followed, nor read, nor written.

Read `make_anew` and `take_over`; `Unshared` is a file whose descriptor may be closed, and given to another file, by a cell."""
import errno, os, stat, threading
from contextlib import contextmanager

from .log import log

# the flags that a platform lacks are 0
no_links = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0)
no_waiting = getattr(os, "O_NONBLOCK", 0)  # for a writer, where somebody has put a pipe
goes_when_closed = getattr(os, "O_TEMPORARY", 0)  # Windows lets nobody unlink a file that is open in another way

def make_anew(path):
    "The descriptor of the new, empty file `path`, for the owner's eyes only. Raises: OSError, also where anything has this name."
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | no_links, 0o600)

def take_over(path):
    """Unlink `path`; the descriptor of the file that was there, for reading.

    None if there was none, or what is no regular file of this user's with this one name: a stranger could have made or seen that."""
    try: fd = os.open(path, os.O_RDONLY | no_links | no_waiting | goes_when_closed)
    except OSError: fd = None  # not there, or a link
    try: os.unlink(path)
    except OSError: pass  # not there; what cannot be removed keeps us from making a file, which is told then
    if fd is None or is_ours_alone(os.fstat(fd)): return fd
    os.close(fd)
    return None

def is_ours_alone(info):
    "True if `info`, of a file that has been unlinked, is that of a regular file of this user's which has no other name."
    is_mine = not hasattr(os, "getuid") or info.st_uid == os.getuid()
    has_one_name = info.st_nlink == 0 or goes_when_closed  # there it has its name until it is closed
    return is_mine and stat.S_ISREG(info.st_mode) and bool(has_one_name)

def remove(*paths):
    "Remove the files `paths`, those that are there; what cannot be removed is logged."
    for path in paths:
        try: os.remove(path)
        except FileNotFoundError: pass
        except OSError as e: log(f"cannot remove {path}: {e.strerror}")

class Unshared:
    "The file with the descriptor `fd`, as long as a cell does not close that: then its number may be another file's."
    def __init__(self, fd):
        self.fd = fd
        self.info = os.fstat(fd)  # that of the file

    def write(self, data, offset):
        "Write `data` at `offset`. Raises: OSError."
        is_there = os.path.samestat(os.fstat(self.fd), self.info)
        if not is_there: raise OSError(errno.EBADF, os.strerror(errno.EBADF))
        write_at(self.fd, data, offset)

    def close(self):
        "Close the file, if it is still there."
        try: is_there = os.path.samestat(os.fstat(self.fd), self.info)
        except OSError: return
        if is_there: os.close(self.fd)

position = threading.Lock()  # of files whose position is moved: a descriptor and its duplicates have one between them

@contextmanager
def at(fd, offset):
    "Have the file `fd` at `offset` meanwhile."
    with position:
        before = os.lseek(fd, 0, os.SEEK_CUR)
        os.lseek(fd, offset, os.SEEK_SET)
        try: yield
        finally: os.lseek(fd, before, os.SEEK_SET)

def seek_and_write(fd, data, offset):
    "As `os.pwrite`, for Windows, which cannot write elsewhere than at the position."
    with at(fd, offset): return os.write(fd, data)

def seek_and_read(fd, size, offset):
    "As `os.pread`, for Windows."
    with at(fd, offset): return os.read(fd, size)

write_at = getattr(os, "pwrite", seek_and_write)  # (fd, data, offset): how many bytes were written
read_at = getattr(os, "pread", seek_and_read)     # (fd, size, offset): at most so many bytes
