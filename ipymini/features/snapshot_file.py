"""The file of a snapshot: the names of a session, each on its own, written and brought back.

It is a zip file: `index.json` tells the names in their order, what each is, and what was left out and why. Modules and
what comes from modules are kept as imports, functions and classes of cells as source, all else as pickles, protocol 5;
the memory of arrays goes beside these without a copy. The file is written beside its place and moved there when it is
whole. Pickles run code: nothing is read but the file that the user names. Read `write` and `Writer`, then `restore` and
`Reader`."""
import inspect, io, json, os, pickle, sys, textwrap, zipfile
from importlib import import_module
from types import BuiltinFunctionType, FunctionType, ModuleType

piece = 2**24  # bytes that are written or read between two looks at the clock

class NoSnapshot(Exception):
    "A snapshot that cannot be written or read; says which and why."

class LeftOut(Exception):
    "A name that is not written; says why."

def no_progress(fraction, name): "Nobody wants to know."


# -- write

def write(path, names, progress=no_progress):
    """Write `names`, a dict, to the file `path`, for the owner's eyes only; the index: `names`, `left_out`, `bytes`.

    `progress(fraction, name)` is called now and then. Whatever stops it, an interrupt or a full disk, leaves the file that
    was there. Raises: NoSnapshot."""
    part = part_of(path)
    try: fd = create(part)
    except OSError as e: raise NoSnapshot(f"cannot write {path}: {e.strerror}") from None
    try:
        with open(fd, "w+b") as file: index = write_to_disk(file, names, progress)
        os.replace(part, path)
    except OSError as e: raise NoSnapshot(f"cannot write {path}: {e.strerror or e}") from None
    finally: remove_part(path)
    return index

def part_of(path):
    "The file that becomes `path` when it is whole."
    return f"{path}.{os.getpid()}.part"

def remove_part(path):
    "Leave nothing of a file `path` that did not become whole."
    if os.path.exists(part_of(path)): os.remove(part_of(path))

def create(path):
    "A file descriptor of a new file `path`, which is the owner's alone, as is its folder, made if need be. Raises: OSError."
    os.makedirs(os.path.dirname(path), 0o700, exist_ok=True)
    return os.open(path, os.O_RDWR|os.O_CREAT|os.O_EXCL, 0o600)

def write_to_disk(file, names, progress):
    "Write a snapshot of `names` to `file`, past all buffers; the index."
    index = Writer(file, names, progress).write()
    file.flush()
    os.fsync(file.fileno())
    return index

class Writer:
    "Writes the names of a namespace into a zip file."
    def __init__(self, file, names, progress):
        self.names = names
        self.progress = progress
        self.zip = zipfile.ZipFile(file, "w", zipfile.ZIP_STORED)
        self.kept = []      # an entry of the index for each name that is written
        self.left_out = {}  # why, by name
        self.seen = {}      # names by the id of their object: two names of one object stay so
        self.written = 0    # bytes of objects

    def write(self):
        "Write all names, and the index, which comes back."
        with self.zip:
            for done,(name,value) in enumerate(self.names.items()):
                self.progress(done/len(self.names), name)
                self.add(name, value)
            python,_,_ = sys.version.partition(" ")
            index = dict(version=1, python=python, names=self.kept)
            index.update(left_out=self.left_out, bytes=self.written)
            self.zip.writestr("index.json", json.dumps(index))
        return index

    def add(self, name, value):
        "Write `value`, or note why it is left out."
        try: entry = self.entry(name, value)
        except LeftOut as e: self.left_out[name] = str(e)
        else: self.kept.append(dict(name=name, type=type(value).__name__, **entry))

    def entry(self, name, value):
        "How `value` is kept. Raises: LeftOut."
        if id(value) in self.seen: return dict(kind="alias", of=self.seen[id(value)])
        entry = as_import(value) or self.as_definition(name, value) or self.as_pickle(name, value)
        if entry["kind"] not in ("module", "import"): self.seen[id(value)] = name
        return entry

    def as_definition(self, name, value):
        """The source of a function or class of a cell, or without one its value; None for all else.

        The value needs the package cloudpickle. Raises: LeftOut."""
        if not isinstance(value, (FunctionType, type)) or value.__module__ != "__main__": return None
        try: return as_source(value)
        except LeftOut as e: why = e
        try: from cloudpickle import CloudPickler
        except ImportError: raise LeftOut(f"{why} (with the package cloudpickle it could be kept)") from None
        return dict(self.as_pickle(name, value, CloudPickler), kind="value")

    def as_pickle(self, name, value, pickler=pickle.Pickler):
        "Pickle `value`, and write the memory that it shares, as arrays do, without copying it. Raises: LeftOut."
        try: parts = pickled(value, pickler)
        except Exception as e: raise LeftOut(reason(e)) from None
        number = len(self.kept)
        for i,part in enumerate(parts): self.write_part(f"{number}.{i}", part, name)
        return dict(kind="pickle", file=number, sizes=[len(part) for part in parts])

    def write_part(self, entry, data, name):
        "Write `data`, of the value called `name`, as a file in the zip file."
        with self.zip.open(entry, "w", force_zip64=True) as file:
            for start in range(0, len(data), piece):
                file.write(data[start:start+piece])
                self.progress(len(self.kept)/len(self.names), name)
        self.written += len(data)

def reason(error):
    "What `error` says, with its class."
    name,text = type(error).__name__,str(error)
    return f"{name}: {text}" if text else name

def pickled(value, pickler):
    "The pickle of `value`, and the memory that it shares."
    data = io.BytesIO()
    buffers = []
    pickler(data, 5, buffer_callback=buffers.append).dump(value)
    try: return [data.getbuffer(), *(buffer.raw() for buffer in buffers)]
    except BufferError: return [pickle.dumps(value, 5)]  # memory that is not contiguous

def as_import(value):
    "How a module, or a function or class of one, is imported again; None for all else. Raises: LeftOut."
    if isinstance(value, ModuleType): return as_module(value)
    if not isinstance(value, (FunctionType, BuiltinFunctionType, type)): return None
    module,name = value.__module__,value.__qualname__
    if module in ("__main__", None): return None
    found = sys.modules.get(module)
    for part in name.split("."): found = getattr(found, part, None)
    return dict(kind="import", module=module, qualname=name) if found is value else None

def as_module(module):
    "How `module` is imported again. Raises: LeftOut."
    name = module.__name__
    if sys.modules.get(name) is not module: raise LeftOut(f"the module {name} cannot be imported")
    return dict(kind="module", module=name)

def as_source(value):
    "The source of a function or class of a cell. Raises: LeftOut."
    if value.__name__ == "<lambda>": raise LeftOut("a lambda has no source of its own: give it a name with def")
    is_closure = "<locals>" in value.__qualname__ and not hasattr(value, "__wrapped__")
    if is_closure: raise LeftOut("it was made by a function, of which it keeps variables")
    try: source = inspect.getsource(value)
    except (OSError, TypeError): raise LeftOut("its source is not known") from None
    return dict(kind="source", source=textwrap.dedent(source), defines=value.__name__)


# -- bring back

def restore(path, run_source, namespace, progress=no_progress):
    """Bring the names of the snapshot at `path` back into `namespace`; the index, and why names failed, by name.

    `run_source(text)` runs a definition. Raises: NoSnapshot."""
    index,file = read_index(path)
    reader = Reader(file, run_source, namespace, progress)
    with file: reader.read(index["names"])
    return index,reader.failed

def read_index(path):
    "What the snapshot at `path` holds, and the zip file, which is open. Raises: NoSnapshot."
    try:
        file = zipfile.ZipFile(path)
        index = json.loads(file.read("index.json"))
    except FileNotFoundError: raise NoSnapshot(f"there is no snapshot {path}") from None
    except OSError as e: raise NoSnapshot(f"cannot read {path}: {e.strerror or e}") from None
    except (zipfile.BadZipFile, KeyError, ValueError) as e: raise NoSnapshot(f"{path} is no snapshot: {e}") from None
    if index.get("version") != 1: raise NoSnapshot(f"{path} was written by another version of ipymini")
    return index,file

# the order in which kinds of entries come back: data may need definitions, and all may need imports
definitions = {"source"}
order = {"module", "import"},definitions,{"value"},{"pickle"},{"alias"}

class Reader:
    "Brings the names of a zip file back into a namespace."
    def __init__(self, file, run_source, namespace, progress):
        self.file = file
        self.run_source = run_source
        self.namespace = namespace
        self.progress = progress
        self.total = 0    # how many names there are
        self.done = 0     # how many are back
        self.failed = {}  # why, by name

    def read(self, entries):
        "Bring back the names of `entries`, kind by kind."
        self.total = len(entries)
        for kinds in order:
            chosen = [entry for entry in entries if entry["kind"] in kinds]
            left = self.attempt(chosen)
            while kinds is definitions and 0 < len(left) < len(chosen):  # one may need a later one: again as long as one succeeds
                chosen = left
                left = self.attempt(chosen)

    def attempt(self, entries):
        "Try to bring back the names of `entries`; those that failed."
        return [entry for entry in entries if not self.bring(entry)]

    def bring(self, entry):
        "True if the name of `entry` is back; else it is noted why not."
        name = entry["name"]
        self.progress(self.done/self.total, name)
        try: self.namespace[name] = self.value_of(entry)
        except Exception as e:
            self.failed[name] = f"{type(e).__name__}: {e}"
            return False
        self.failed.pop(name, None)
        self.done += 1
        return True

    def value_of(self, entry):
        "The value that `entry` tells of. Raises whatever keeps it from coming back."
        kind = entry["kind"]
        if kind == "alias": return self.namespace[entry["of"]]
        if kind == "module": return import_module(entry["module"])
        if kind == "import": return imported(entry["module"], entry["qualname"])
        if kind == "source": return self.define(entry)
        number = entry["file"]
        parts = [self.read_part(f"{number}.{i}", size) for i,size in enumerate(entry["sizes"])]
        return pickle.loads(parts[0], buffers=parts[1:])

    def define(self, entry):
        "Run a definition; what it defines."
        self.run_source(entry["source"])
        return self.namespace[entry["defines"]]

    def read_part(self, entry, size):
        "The bytes of a file in the zip file, in memory that may be written to: arrays keep it."
        data = bytearray(size)
        rest = memoryview(data)
        with self.file.open(entry) as source:
            while len(rest):
                count = source.readinto(rest[:piece])
                if not count: raise EOFError(f"entry {entry} of the snapshot is cut off")
                rest = rest[count:]
        return data

def imported(module, name):
    "What has the dotted `name` in `module`."
    value = import_module(module)
    for part in name.split("."): value = getattr(value, part)
    return value
