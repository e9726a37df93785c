"""`%snapshot` and `%restore`: the names of a session, written to a file of the user's and brought back, each on its own.

A snapshot is a zip file: `index.json` tells the names in their order, what each is, and what was left out and why. Modules and what comes from
modules are kept as imports, functions and classes of cells as source, all else as pickles (protocol 5); the memory of arrays goes beside these
without a copy. The file is written beside its place and moved there when it is whole. Pickles run code: nothing is read but the file that the user
names. Read `Writer`, then `restore`."""
import inspect, io, json, os, pickle, sys, textwrap, time, zipfile
from hashlib import sha256
from importlib import import_module
from types import BuiltinFunctionType, FunctionType, ModuleType

piece = 2**24  # bytes that are written or read between two looks at the clock
silence = 1    # seconds before a progress bar is shown

class NoSnapshot(Exception): "A snapshot that cannot be written or read; says which and why."

class LeftOut(Exception): "A name that is not written; says why."

def path_of(name, profile, notebook):
    "The file of the snapshot `name`: a path if it looks like one, else in the profile's folder, apart for each notebook."
    if os.sep in name or name.endswith(".snapshot"): return os.path.abspath(os.path.expanduser(name))
    return os.path.join(folder_of(profile, notebook), f"{name}.snapshot")

def folder_of(profile, notebook):
    where = notebook or os.getcwd()
    label = f"{os.path.splitext(os.path.basename(where))[0]}-{sha256(where.encode()).hexdigest()[:8]}"
    return os.path.join(profile, "snapshots", label)

def write(path, names, progress=None):
    """Write `names`, a dict, to the file `path`, for the owner's eyes only; the index: `names`, `left_out`, `bytes`. Raises: NoSnapshot.

    `progress(fraction, name)` is called now and then. Whatever stops it, an interrupt or a full disk, leaves the file that was there."""
    part = f"{path}.{os.getpid()}.part"
    try:
        os.makedirs(os.path.dirname(path), 0o700, exist_ok=True)
        fd = os.open(part, os.O_RDWR|os.O_CREAT|os.O_EXCL, 0o600)
    except OSError as e: raise NoSnapshot(f"cannot write {path}: {e.strerror}") from None
    try:
        with open(fd, "w+b") as file:
            index = Writer(file, names, progress).write()
            file.flush()
            os.fsync(file.fileno())
        os.replace(part, path)
    except OSError as e: raise NoSnapshot(f"cannot write {path}: {e.strerror or e}") from None
    finally:
        if os.path.exists(part): os.remove(part)
    return index

class Writer:
    "Writes the names of a namespace into a zip file."
    def __init__(self, file, names, progress=None):
        self.file = file
        self.names = names
        self.progress = progress or (lambda fraction, name: None)
        self.kept = []      # an entry of the index for each name that is written
        self.left_out = {}  # why, by name
        self.seen = {}      # names by the id of their object: two names of one object stay so
        self.written = 0    # bytes of objects

    def write(self):
        self.zip = zipfile.ZipFile(self.file, "w", zipfile.ZIP_STORED)
        with self.zip:
            for n,(name,o) in enumerate(self.names.items()):
                self.progress(n/len(self.names), name)
                try: entry = self.entry(name, o)
                except LeftOut as e: self.left_out[name] = str(e)
                else: self.kept.append(dict(name=name, type=type(o).__name__, **entry))
            index = dict(version=1, python=sys.version.split()[0], names=self.kept, left_out=self.left_out, bytes=self.written)
            self.zip.writestr("index.json", json.dumps(index))
        return index

    def entry(self, name, o):
        "How `o` is kept. Raises: LeftOut"
        if id(o) in self.seen: return dict(kind="alias", of=self.seen[id(o)])
        entry = as_import(o) or self.as_definition(name, o) or self.as_pickle(name, o)
        if entry["kind"] not in ("module", "import"): self.seen[id(o)] = name
        return entry

    def as_definition(self, name, o):
        "A function or class of a cell: its source, else, where the package cloudpickle is installed, its value; None for all else. Raises: LeftOut"
        if not isinstance(o, (FunctionType, type)) or o.__module__ != "__main__": return None
        try: return as_source(o)
        except LeftOut as e: why = e
        try: import cloudpickle
        except ImportError: raise LeftOut(f"{why} (with the package cloudpickle it could be kept)") from None
        return dict(self.as_pickle(name, o, cloudpickle.CloudPickler), kind="value")

    def as_pickle(self, name, o, pickler=pickle.Pickler):
        "Pickle `o`, and write the memory that it shares, as arrays do, without copying it."
        buffers,data = [],io.BytesIO()
        try: pickler(data, 5, buffer_callback=buffers.append).dump(o)
        except Exception as e: raise LeftOut(f"{type(e).__name__}: {e}" if str(e) else type(e).__name__) from None
        try: parts = [data.getbuffer(), *(buffer.raw() for buffer in buffers)]
        except BufferError: parts = [pickle.dumps(o, 5)]  # memory that is not contiguous
        for n,part in enumerate(parts): self.write_part(f"{len(self.kept)}.{n}", part, name)
        return dict(kind="pickle", file=len(self.kept), sizes=[len(part) for part in parts])

    def write_part(self, entry, data, name):
        with self.zip.open(entry, "w", force_zip64=True) as out:
            for start in range(0, len(data), piece):
                out.write(data[start:start+piece])
                self.progress(len(self.kept)/len(self.names), name)
        self.written += len(data)

def as_import(o):
    "How a module, or a function or class of one, is imported again; None for all else."
    if isinstance(o, ModuleType):
        if sys.modules.get(o.__name__) is not o: raise LeftOut(f"the module {o.__name__} cannot be imported")
        return dict(kind="module", module=o.__name__)
    if not isinstance(o, (FunctionType, BuiltinFunctionType, type)) or o.__module__ in ("__main__", None): return None
    found = sys.modules.get(o.__module__)
    for part in o.__qualname__.split("."): found = getattr(found, part, None)
    return dict(kind="import", module=o.__module__, qualname=o.__qualname__) if found is o else None

def as_source(o):
    "The source of the function or class `o` of a cell. Raises: LeftOut"
    if o.__name__ == "<lambda>": raise LeftOut("a lambda has no source of its own: give it a name with def")
    if "<locals>" in o.__qualname__ and not hasattr(o, "__wrapped__"): raise LeftOut("it was made by a function, of which it keeps variables")
    try: source = inspect.getsource(o)
    except (OSError, TypeError): raise LeftOut("its source is not known") from None
    return dict(kind="source", source=textwrap.dedent(source), defines=o.__name__)

def read_index(path):
    "What the snapshot at `path` holds, and the zip file, which is open. Raises: NoSnapshot"
    try:
        file = zipfile.ZipFile(path)
        index = json.loads(file.read("index.json"))
    except FileNotFoundError: raise NoSnapshot(f"there is no snapshot {path}") from None
    except OSError as e: raise NoSnapshot(f"cannot read {path}: {e.strerror or e}") from None
    except (zipfile.BadZipFile, KeyError, ValueError) as e: raise NoSnapshot(f"{path} is no snapshot: {e}") from None
    if index.get("version") != 1: raise NoSnapshot(f"{path} was written by another version of ipymini")
    return index, file

def restore(path, run_source, namespace, progress=None):
    """Bring the names of the snapshot at `path` back into `namespace`; the index, and why names failed, by name. Raises: NoSnapshot.

    `run_source(text)` runs a definition. Imports come first, then definitions, then data, which may need both."""
    progress = progress or (lambda fraction, name: None)
    index,file = read_index(path)
    failed,done = {},0
    with file:
        for kinds in (("module", "import"), ("source",), ("value",), ("pickle",), ("alias",)):
            todo = [entry for entry in index["names"] if entry["kind"] in kinds]
            while todo:  # a definition may need a later one: those that fail are tried again as long as one succeeds
                again = []
                for entry in todo:
                    progress(done/len(index["names"]), entry["name"])
                    try: bring(entry, file, run_source, namespace)
                    except Exception as e:
                        failed[entry["name"]] = f"{type(e).__name__}: {e}"
                        again.append(entry)
                    else:
                        failed.pop(entry["name"], None)
                        done += 1
                todo = again if len(again) < len(todo) and kinds == ("source",) else []
    return index, failed

def bring(entry, file, run_source, namespace):
    "Bring back one name."
    kind,name = entry["kind"],entry["name"]
    if kind == "source":
        run_source(entry["source"])
        o = namespace[entry["defines"]]
    elif kind == "alias": o = namespace[entry["of"]]
    elif kind == "module": o = import_module(entry["module"])
    elif kind == "import":
        o = import_module(entry["module"])
        for part in entry["qualname"].split("."): o = getattr(o, part)
    else:
        data,*buffers = [read_part(file, f"{entry['file']}.{n}", size) for n,size in enumerate(entry["sizes"])]
        o = pickle.loads(data, buffers=buffers)
    namespace[name] = o

def read_part(file, entry, size):
    "The bytes of an entry, in memory that may be written to: arrays keep it."
    data = bytearray(size)
    view = memoryview(data)
    with file.open(entry) as source:
        at = 0
        while at < size: at += source.readinto(view[at:at+piece]) or end_of_file(entry)
    return data

def end_of_file(entry): raise EOFError(f"entry {entry} of the snapshot is cut off")

def names_of(shell):
    "The names that the user has made, in their order, without those of IPython."
    hidden = shell.user_ns_hidden
    return {name: o for name,o in shell.user_ns.items() if not name.startswith("_") and hidden.get(name, hidden) is not o}

def snapshot_path(shell, name): return path_of(name or "last", shell.profile_dir.location, shell.user_ns.get("__session__"))

def snapshot(shell, name):
    "Write the snapshot `name`, and print what became of it. Raises: NoSnapshot"
    path,start = snapshot_path(shell, name),time.monotonic()
    index = write(path, names_of(shell), Progress("Writing"))
    print(f"{path}: {len(index['names'])} names, {size_text(index['bytes'])}, {time.monotonic()-start:.1f} s")
    print_table("Left out", index["left_out"])

def bring_back(shell, name):
    "Restore the snapshot `name`, and print what became of it. Raises: NoSnapshot"
    def run_source(source):
        file = shell.compile.cache(source, shell.execution_count)
        exec(compile(source, file, "exec"), shell.user_ns)
    index,failed = restore(snapshot_path(shell, name), run_source, shell.user_ns, Progress("Restoring"))
    print(f"{len(index['names'])-len(failed)} names of {len(index['names'])} are back")
    print_table("Not brought back", failed)
    print_table("Left out when it was written", index["left_out"])

def print_table(title, reasons):
    if reasons: print(f"{title}:", *(f"  {name}: {why}" for name,why in reasons.items()), sep="\n")

def list_snapshots(shell):
    "Print the snapshots of this notebook, the newest first."
    folder = folder_of(shell.profile_dir.location, shell.user_ns.get("__session__"))
    names = [o for o in os.listdir(folder) if o.endswith(".snapshot")] if os.path.isdir(folder) else []
    if not names: print("There is no snapshot of this notebook.")
    for name in sorted(names, key=lambda o: -os.stat(os.path.join(folder, o)).st_mtime):
        info = os.stat(os.path.join(folder, name))
        print(f"{name.removesuffix('.snapshot')}  {time.strftime('%Y-%m-%d %H:%M', time.localtime(info.st_mtime))}  {size_text(info.st_size)}")

class Progress:
    "A progress bar, shown once something takes longer than `silence`."
    def __init__(self, title):
        self.title = title
        self.start = self.shown = time.monotonic()
        self.handle = None

    def __call__(self, fraction, name):
        now = time.monotonic()
        if now - self.start < silence or now - self.shown < .1: return
        self.shown = now
        full = round(30*fraction)
        text = {"text/plain": f"{self.title} [{'#'*full}{' '*(30-full)}] {100*fraction:3.0f} %  {name}"}
        if self.handle: self.handle.update(text, raw=True)
        else:
            from IPython.display import display
            self.handle = display(text, raw=True, display_id=True)

def size_text(n):
    "A number of bytes for people."
    for unit in ("bytes", "KB", "MB"):
        if n < 1000: return f"{n:.0f} {unit}" if unit == "bytes" else f"{n:.1f} {unit}"
        n /= 1000
    return f"{n:.1f} GB"
