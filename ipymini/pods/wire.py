"""Frames over a socket between the two ends of a pod, used by both. Standard library, Python 3.8 and newer.

A frame is a head of fixed size, the sizes of its parts, signs about segments, and the parts: a pickle and the buffers
that it left out. Parts travel in the stream, or, if they are big, in a shared segment. One thread sends on a wire,
one receives."""
import array, os, socket, struct
from collections import deque, namedtuple
from .segments import Incoming, Outgoing

head = struct.Struct("<BBHIII")  # kind, whether a new segment's descriptor comes along, signs, call, parts, segment or 0
big = 1 << 18  # bytes from which on a segment is faster than the socket
small = 1 << 14  # bytes that a socket takes whole
one_size = struct.Struct("<Q")
chunk = 1 << 16

# kinds of frames: to the pod
CALL = 1
DROP = 2  # in both directions
INTERRUPT = 3
ANSWER = 4
# from the pod; the body of a PLAIN reply is the value itself; ANSWER is what SHOW, ASK and SYNC wait for
HELLO = 11
REPLY = 12
PLAIN = 13
SHOW = 14
ASK = 15
SYNC = 16

# call: the number of the call, or of the question for SHOW, ASK, SYNC and ANSWER; body: a pickle; buffers: what belongs to it
Frame = namedtuple("Frame", "kind call body buffers")

def can_share(): return hasattr(os, "memfd_create") and hasattr(socket, "SCM_RIGHTS")

def small_frame(kind, call, body):
    "The bytes of a frame without buffers and signs, to be sent in one piece."
    return head.pack(kind, False, 0, call, 1, 0) + one_size.pack(len(body)) + body

class Wire:
    "One end of a socket that carries frames; `shared`: big ones go through shared memory."
    def __init__(self, sock, shared=False):
        self.sock = sock
        self.shared = shared
        self.outgoing = Outgoing()
        self.incoming = Incoming()
        self.rest = bytearray()  # what has been received and not been used
        self.fds = deque()  # descriptors that have come, in order

    def send(self, kind, call=0, body=b"", buffers=()):
        "Send a frame; `buffers`: one-dimensional memoryviews of bytes."
        is_small = len(body) <= small and not buffers
        if is_small and not self.has_signs(): return self.sock.sendall(small_frame(kind, call, body))
        parts = [body, *buffers]
        sizes = [len(o) for o in parts]
        is_shared = self.shared and sum(sizes) >= big
        segment = self.outgoing.store(parts) if is_shared else None
        start = self.start_of(kind, call, sizes, segment)
        if not segment: self.write([start, *parts])
        elif segment.fresh: self.write_fresh(start, segment)
        else: self.write([start])

    def start_of(self, kind, call, sizes, segment):
        "What goes before the parts of a frame: its head, the `sizes` of the parts, and the signs."
        signs = self.signs()
        fresh = segment is not None and segment.fresh
        id = segment.id if segment else 0
        start = head.pack(kind, fresh, len(signs), call, len(sizes), id)
        return start + struct.pack(f"<{len(sizes)}Q{len(signs)}i", *sizes, *signs)

    def write_fresh(self, start, segment):
        "Send a frame whose parts lie in `segment`, and the segment's descriptor, which the other end has not got yet."
        self.write([start], segment.fd)
        segment.sent()

    def has_signs(self): return bool(self.incoming.freed or self.outgoing.retired)

    def signs(self):
        """What the other end should know of segments: ids of its own that are free again, and, negative, those of
        ours that it should forget."""
        res = []
        while self.incoming.freed and len(res) < 1000: res.append(self.incoming.freed.popleft())
        while self.outgoing.retired and len(res) < 2000: res.append(-self.outgoing.retired.popleft())
        return res

    def write(self, parts, fd=None):
        "Send bytes, with a descriptor or without."
        if len(parts) > 500 or not hasattr(self.sock, "sendmsg"): parts = [b"".join(parts)]
        extra = [] if fd is None else [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [fd]))]
        while parts:
            if hasattr(self.sock, "sendmsg"): sent = self.sock.sendmsg(parts, extra)
            else: sent = self.sock.send(parts[0])
            extra = []
            while parts and sent >= len(parts[0]): sent -= len(parts.pop(0))
            if sent: parts[0] = memoryview(parts[0])[sent:]

    def receive(self):
        "The next frame; EOFError when the other end is gone."
        kind,fresh,signs,call,parts,segment = head.unpack(self.read(head.size))
        is_plain = parts == 1 and not signs and not segment
        if is_plain: return Frame(kind, call, self.read_small(), ())
        form = struct.Struct(f"<{parts}Q{signs}i")
        numbers = form.unpack(self.read(form.size))
        if fresh: self.incoming.add(segment, self.fds.popleft())
        for sign in numbers[parts:]: self.heed(sign)
        sizes = numbers[:parts]
        if segment: body,*buffers = self.incoming.views(segment, sizes)
        else: body,*buffers = map(self.read, sizes)
        return Frame(kind, call, body, buffers)

    def read_small(self):
        "The one part of a frame that has nothing else."
        size, = one_size.unpack(self.read(8))
        return self.read(size)

    def heed(self, sign):
        if sign > 0: self.outgoing.back(sign)
        else: self.incoming.forget(-sign)

    def read(self, size):
        "The next `size` bytes, a bytearray, which arrays made of it may change."
        if size > chunk: return self.read_big(size)
        while len(self.rest) < size: self.rest += self.fetch()
        res = self.rest[:size]
        del self.rest[:size]
        return res

    def read_big(self, size):
        "As `read`, without a copy."
        res = bytearray(size)
        start = min(size, len(self.rest))
        res[:start] = self.rest[:start]
        del self.rest[:start]
        with memoryview(res) as view:
            while start < size:
                got = self.sock.recv_into(view[start:])
                if not got: raise EOFError
                start += got
        return res

    def fetch(self):
        "Some bytes from the socket; descriptors that come with them are kept aside."
        if not self.shared: data = self.sock.recv(chunk)
        else:
            data,extra,_,_ = self.sock.recvmsg(chunk, socket.CMSG_SPACE(4 * 16))
            for _,type,fds in extra:
                if type == socket.SCM_RIGHTS: self.fds.extend(array.array("i", fds))
        if not data: raise EOFError
        return data

    def buffered(self):
        "True if the next frame, or a part of it, has been received already."
        return bool(self.rest)
