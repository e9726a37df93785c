"""The crash report: what the next kernel on a connection file says of one that died.

Its file has a place for the cell that runs, `cell_size` bytes up to a zero, and behind it what faulthandler wrote of a crash."""
import faulthandler, os

from .files import Unshared, make_anew, remove, take_over
from .log import log
from .stacks import package

cell_size = 4096
cell_limit = 4000  # bytes of a cell that are kept
most_read = 2**20  # bytes of a report
suffix = ".death"
not_the_users = package,"/IPython/core/","/asyncio/","<frozen runpy>"  # lines of a stack that have these are left out

class CrashReport:
    "The report beside the connection file `connection_file`: that of the kernel before this one, and the place for ours."
    def __init__(self, connection_file):
        folder,name = os.path.split(connection_file)
        # hidden: jupyter_client finds connection files by part of a name
        self.path = os.path.join(folder, f".{name}{suffix}")
        self.before = ""  # what is to be told of the kernel before this one; "" if it ended well
        self.file = None  # an `Unshared` for as long as we run: faulthandler has its descriptor
        try: self.open()
        except OSError as e: log(f"no record of crashes, {self.path}: {e.strerror}")

    def open(self):
        "Read what the kernel before this one left, and begin anew. Raises: OSError."
        before = take_over(self.path)
        if before is not None:
            with open(before, "rb", 0) as file: self.before = in_words(file.read(most_read))
        fd = make_anew(self.path)
        os.write(fd, bytes(cell_size))  # what faulthandler writes comes behind it
        faulthandler.enable(fd, all_threads=False)
        self.file = Unshared(fd)

    def note_cell(self, code):
        "Note the cell that runs now, or \"\" for none."
        if not self.file: return
        data = code[:cell_limit].encode("utf8", "backslashreplace")[:cell_limit]
        try: self.file.write(data+b"\0", 0)  # not by memory of the file: a full disk would end us with SIGBUS
        except OSError as e:
            self.file = None
            log(f"no record of crashes from now on, {self.path}: {e.strerror}")

    def close(self):
        "Report no crash from now on. Windows removes no file that is open."
        file,self.file = self.file,None
        if not file: return
        faulthandler.disable()
        file.close()

    def remove(self):
        "Leave no report, neither ours nor one beside a connection file that is gone."
        self.close()
        remove(self.path)
        folder = os.path.dirname(self.path)
        try: names = os.listdir(folder)
        except OSError: return  # it is gone, too
        reports = [name for name in names if name.startswith(".") and name.endswith(f".json{suffix}")]
        left = [name for name in reports if name[1:].removesuffix(suffix) not in names]
        remove(*[os.path.join(folder, name) for name in left])

def in_words(report):
    "What people are told of a kernel that left the bytes `report`; nothing of one that was killed between cells."
    cell,_,_ = report[:cell_size].partition(b"\0")
    code = cell.decode("utf8", "replace")
    stack = report[cell_size:].decode("utf8", "replace")
    if not code and not stack: return ""
    parts = ["The kernel before this one died.\n"]
    if code: parts.append(f"It ran this cell:\n\n{code}\n\n")
    parts.append(users_part(stack) or "It left no trace: it was killed, ran out of memory, or called os._exit.\n")
    return "".join(parts)

def users_part(stack):
    "What faulthandler wrote, without the lines that are none of the user's."
    lines = stack.splitlines(keepends=True)
    return "".join(line for line in lines if not any(path in line for path in not_the_users))
