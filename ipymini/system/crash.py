"The crash report: what the next kernel on a connection file says of one that died."
import faulthandler, mmap, os

from .log import log
from .processes import remove
from .stacks import package

class Letter:
    "What the next kernel on the connection file `file` says in its first cell if this one dies: the cell that ran and faulthandler's stack"
    def __init__(self, file):
        folder,name = os.path.split(file)
        self.path,self.text = os.path.join(folder, f".{name}.death"),""  # hidden: jupyter_client finds connection files by part of a name
        try:
            f = open(os.open(self.path, os.O_RDWR|os.O_CREAT|os.O_APPEND, 0o600), "r+b", 0)
            self.text = story(f.read())
            f.truncate(0)
            f.write(bytes(4096))  # the cell goes here, through memory; faulthandler writes behind it
            self.f,self.map = f,mmap.mmap(f.fileno(), 4096)
            faulthandler.enable(f, all_threads=False)
        except OSError as e:
            self.map = bytearray(4096)
            log(f"ipymini: no record of crashes, {self.path}: {e.strerror}\n")

    def cell(self, code):
        "Note the cell that runs now, or \"\" for none"
        b = code.encode("utf8", "backslashreplace")[:4000]
        self.map[:len(b)+1] = b+b"\0"

    def burn(self):
        "Leave no letter, neither ours nor one beside a connection file that is gone"
        remove(self.path)
        folder = os.path.dirname(self.path)
        try: names = os.listdir(folder)
        except OSError: return  # it is gone, too
        remove(*(os.path.join(folder, n) for n in names if n.startswith(".") and n.endswith(".json.death") and n[1:-6] not in names))

def story(letter):
    "A letter in words; of a kernel that was killed between cells there is nothing to tell"
    code,fault = (b.decode("utf8", "replace") for b in (letter[:4096].partition(b"\0")[0], letter[4096:]))
    if not code+fault: return ""
    fault = "".join(l for l in fault.splitlines(True) if not any(f in l for f in (package, "/IPython/core/", "/asyncio/", "<frozen runpy>")))
    what = f"\nIt ran this cell:\n\n{code}\n\n" if code else "\n"
    return "The kernel before this one died." + what + (fault or "It left no trace: it was killed, ran out of memory, or called os._exit.\n")
