"""Shared memory for what is big: the sender keeps a few segments, the receiver maps each once, and both use them
again and again.

Making memory is what costs: 100 MB into a new segment take four to ten times as long as into a used one. A segment is
a memfd, so it has no name and nothing stays in /dev/shm; its descriptor travels with the first frame that uses it.
`Outgoing` owns what this end sends, `Incoming` what it was sent. Standard library, Python 3.8 and newer."""
import mmap, os
from collections import deque
from threading import Lock

align = 64
page = 1 << 16
most_kept = 2  # segments that wait for the next frame, each direction
most_bytes = 256 << 20  # bytes in all of those
most_used = 64  # segments that the receiver still needs: each is a descriptor at both ends, of which a process may have 1,024
piece = 4 << 20  # bytes copied without a look at other threads
populate = getattr(mmap, "MAP_POPULATE", 0)  # all pages at once, not one fault each; Python 3.10 and newer

def padded(size, unit): return -(-size // unit) * unit

def mapped(fd, size): return mmap.mmap(fd, size, flags=mmap.MAP_SHARED | populate)

class Segment:
    "Memory that both ends see; `fresh` until its descriptor has been sent."
    def __init__(self, id, size):
        self.id = id
        self.size = padded(size, page)
        self.fd = os.memfd_create("pod")
        self.fresh = True
        try:
            os.ftruncate(self.fd, self.size)
            self.map = mapped(self.fd, self.size)
        except BaseException:
            os.close(self.fd)
            raise

    def fill(self, parts):
        "Copy `parts`, bytes-like, one behind the other."
        start = 0
        with memoryview(self.map) as view:
            for part in parts:
                for at in range(0, len(part), piece):
                    some = part[at:at + piece]
                    view[start + at:start + at + len(some)] = some
                start += padded(len(part), align)

    def sent(self):
        "The receiver has the descriptor now; the mapping needs none."
        os.close(self.fd)
        self.fresh = False

class Outgoing:
    "The segments that this end writes."
    def __init__(self):
        self.kept = []  # segments that can be used again
        self.used = {}  # id: a segment whose bytes the receiver may still look at
        self.retired = deque()  # ids that the receiver is to forget
        self.last = 0  # the newest id
        self.lock = Lock()  # of all these: one thread sends, another reads what is free again

    def store(self, parts):
        "A segment with a copy of `parts`; None if there is no memory to be had, or too many segments are in use."
        size = sum(padded(len(o), align) for o in parts)
        if len(self.used) >= most_used: return None
        try: segment = self.take(size)
        except OSError: return None
        segment.fill(parts)
        return segment

    def take(self, size):
        "A kept segment of about this size, or a new one; it is in use from now on."
        with self.lock:
            segment = self.kept_for(size) or self.new(size)
            self.used[segment.id] = segment
            return segment

    def kept_for(self, size):
        for segment in self.kept:
            if size <= segment.size <= 2 * size + (1 << 20):
                self.kept.remove(segment)
                return segment

    def new(self, size):
        self.last += 1
        return Segment(self.last, size)

    def back(self, id):
        "The receiver needs the segment no more: it is kept, and the oldest one goes if that is too much."
        with self.lock:
            self.kept.append(self.used.pop(id))
            while len(self.kept) > most_kept or sum(o.size for o in self.kept) > most_bytes: self.retire()

    def retire(self): self.retired.append(self.kept.pop(0).id)

    def drop(self):
        "Give back all memory that no array uses."
        with self.lock:
            while self.kept: self.retire()

class Incoming:
    "The segments that the other end writes."
    def __init__(self):
        self.maps = {}  # id: the mapping
        self.freed = deque()  # ids of segments whose last array is gone; never another list: finalisers append to it

    def add(self, id, fd):
        "Map a new segment."
        try: self.maps[id] = mapped(fd, os.fstat(fd).st_size)
        finally: os.close(fd)

    def views(self, id, sizes):
        """A writable view of each part of the segment.

        They are made of a ctypes array, which dies with the last of them, or of the arrays built upon them: numpy
        keeps no reference to a memoryview of an mmap."""
        from ctypes import c_ubyte
        from weakref import finalize
        memory = self.maps[id]
        whole = (c_ubyte * len(memory)).from_buffer(memory)
        finalize(whole, self.freed.append, id).atexit = False
        view = memoryview(whole).cast("B")
        res,start = [],0
        for size in sizes:
            res.append(view[start:start + size])
            start += padded(size, align)
        return res

    def forget(self, id): self.maps.pop(id, None)
