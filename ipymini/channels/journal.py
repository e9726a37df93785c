"""The journal: what was published for cells, kept for those who were not looking.

Written by iopub's thread, read by `%replay` and `replay_request`. It is a file beside the connection file, hidden, for the
owner's eyes only, made anew exclusively; a second one takes its place when it has half of the bytes that the journal may
have, and then the older one goes. Where no file can be made a smaller part is kept in memory. A kernel that ends by itself
removes its journal; that of a kernel that died is kept open by the next one, for `%replay --last-kernel`. Read
`Journal.record`, then `Journal.records`."""
import os, struct, threading
from collections import deque
from json import loads

from ..system.files import make_anew, read_at, take_over, write_at

sizes = struct.Struct("<4I")  # bytes of header, parent_header, metadata and content, which follow
in_memory = 2**22             # bytes kept where there is no file
sessions = 1000               # of which it is known when they made a request
kept = b"execute_input", b"execute_result", b"error"  # last words of topics; beside these streams and displays, whose topics begin so

class Journal:
    "Published messages, the newest `limit` bytes of them at most."
    def __init__(self, path, limit, delimiter, log):
        self.path = path
        self.limit = limit
        self.delimiter = delimiter
        self.log = log
        self.lock = threading.Lock()  # a reader takes the files while the writer may replace one; also protects `heard`, `followers`
        self.files = deque()          # [file descriptor, bytes], the older one first
        self.memory = Memory()        # where records go once a file could not be made
        self.dropped = 0              # bytes that had to go
        self.heard = {}               # when each session made its last request, by its id; the one heard of last is the last
        self.topics = {}              # whether messages of a topic are kept
        self.followers = ()           # `Follower`s, who get each record as well
        self.last = self.take_over()  # the files of a kernel that died here

    def record(self, frames):
        "Keep the message `frames`, if it is output of a cell. On iopub's thread."
        topic = frames[0]
        if topic not in self.topics: self.topics[topic] = is_kept(topic)
        if not self.topics[topic]: return
        at = frames.index(self.delimiter) + 2
        parts = frames[at:at+4]
        data = b"".join((sizes.pack(*map(len, parts)), *parts))
        if len(data) > self.limit//2: self.dropped += len(data)
        elif not self.write(data): self.remember(data)
        for follower in self.followers: follower.put(data)

    def write(self, data):
        "Append `data` to the newest file; False where that cannot be."
        if self.memory.records: return False
        try:
            if not self.has_room(len(data)): self.begin_file()
            fd,size = self.files[-1]
            done = write_at(fd, data, size)
            if done < len(data): raise OSError(28, os.strerror(28))
        except OSError as e:
            self.log(f"the journal goes on in memory, {self.path}: {e.strerror}")
            return False
        self.files[-1][1] += len(data)
        return True

    def has_room(self, size):
        "True if there is a file that takes `size` more bytes."
        if not self.files: return False
        return self.files[-1][1] + size <= self.limit//2

    def begin_file(self):
        "Make a new file, and drop the oldest if there are two."
        with self.lock:
            if self.files: os.replace(self.path, self.older)
            if len(self.files) == 2:
                fd,size = self.files.popleft()
                self.dropped += size
                os.close(fd)
            self.files.append([make_anew(self.path), 0])

    def remember(self, data):
        "Keep `data` in memory."
        with self.lock: self.dropped += self.memory.add(data)

    def records(self, last=False):
        """Yield what is kept, in order, as (header, parent_header, metadata, content); with `last` that of the kernel which died.

        In another thread than iopub's it is what has been recorded until now."""
        with self.lock:
            files = [(os.dup(fd), size) for fd,size in (self.last if last else self.files)]
            memory = [] if last else list(self.memory.records)
        try:
            for fd,size in files: yield from read_file(fd, size)
        finally:
            for fd,_ in files: os.close(fd)
        for data in memory: yield parse(data)

    def hear(self, session, when):
        "Note that `session` makes a request, at the time `when`, as headers have it. On the shell or the control thread."
        with self.lock:
            self.heard.pop(session, None)
            self.heard[session] = when
            if len(self.heard) > sessions: del self.heard[next(iter(self.heard))]

    def cell_ended(self):
        "Have those who follow look whether the cell that they follow has ended. On any thread."
        for follower in self.followers: follower.put(None)

    def follow(self, follower):
        "Have `follower` get what is recorded from now on."
        with self.lock: self.followers = (*self.followers, follower)

    def leave(self, follower):
        "Have `follower` get nothing any more."
        with self.lock: self.followers = tuple(other for other in self.followers if other is not follower)

    @property
    def older(self): return f"{self.path}.older"

    def take_over(self):
        "Open and unlink what a kernel that died has left here: (file descriptor, bytes) of each file."
        found = [take_over(path) for path in (self.older, self.path)]
        return [(fd, os.fstat(fd).st_size) for fd in found if fd is not None]

    def remove(self):
        "Leave nothing behind."
        with self.lock: files,self.files = self.files,deque()
        for path in (self.path, self.older)[:len(files)]:
            try: os.unlink(path)
            except FileNotFoundError: pass

class Memory:
    "Records where there is no file for them, the newest `in_memory` bytes at most."
    def __init__(self):
        self.records = deque()
        self.size = 0  # bytes of all

    def add(self, data):
        "Keep `data`; how many bytes had to go for it."
        self.records.append(data)
        self.size += len(data)
        dropped = 0
        while self.size > in_memory:
            oldest = len(self.records.popleft())
            self.size -= oldest
            dropped += oldest
        return dropped

def is_kept(topic): return topic.startswith((b"stream.", b"display_data")) or topic.rpartition(b".")[2] in kept

class Follower:
    "Gets what is recorded from now on, while it is entered; iterating waits for it, and gives None when some cell has ended."
    def __init__(self, journal):
        from queue import SimpleQueue  # and heapq with it, which nobody else needs at the start
        self.journal = journal
        self.queue = SimpleQueue()
        self.put = self.queue.put

    def __enter__(self):
        self.journal.follow(self)
        return self

    def __exit__(self, *error): self.journal.leave(self)

    def __iter__(self):
        while True:
            data = self.queue.get()
            yield parse(data) if data else None

    def rest(self):
        "What has come and was not iterated over."
        while not self.queue.empty():
            data = self.queue.get()
            yield parse(data) if data else None

def read_file(fd, size):
    "Yield the records in the first `size` bytes of a file; one that was cut off by the end of its kernel is left out."
    at = 0
    while at < size:
        lengths = sizes.unpack(read_at(fd, sizes.size, at).ljust(sizes.size, b"\0"))
        end = at + sizes.size + sum(lengths)
        if end > size or not lengths[0]: return
        yield parse(read_at(fd, end-at, at))
        at = end

def parse(data):
    "The four dicts of the record `data`."
    at,parts = sizes.size,[]
    for length in sizes.unpack_from(data):
        parts.append(loads(data[at:at+length]))
        at += length
    return tuple(parts)
