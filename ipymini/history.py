"""The user's history: the file that it is kept in, when it is written, what a history_request finds.

IPython's HistoryManager does the work. Read `configure` and `check_file`, which run before there is one, then
`HistoryWriter`, then `find_history`."""
import asyncio, os, sqlite3
from contextlib import closing
from threading import RLock

patience = .5       # seconds that a locked file is waited for, before history is kept in memory
save_delay = 1      # seconds until it is written, off the path of replies: most of the cost of a short cell
unwritten = 10**6   # cells after which IPython writes by itself: before that `HistoryWriter` decides when
everything = 10**9  # rows
forget_session = "delete from sessions where session = ?"

def configure(settings):
    "Set what `settings`, the HistoryManager's part of the configuration, leaves open."
    if "db_cache_size" not in settings: settings.db_cache_size = unwritten
    if "connection_options" not in settings:
        settings.connection_options = dict(check_same_thread=False, timeout=patience)

def check_file(shell):
    "Have history kept in memory if its file is locked or read-only; IPython would take that for corrupt and move it away."
    settings = shell.config.HistoryManager
    if not settings.get("enabled", True): return
    file = settings.get("hist_file") or os.path.join(shell.profile_dir.location, "history.sqlite")
    try:
        with closing(sqlite3.connect(file, timeout=patience)) as database: database.execute("begin immediate")
    except sqlite3.OperationalError as e:
        shell.log.warning(f"history is kept in memory, {file}: {e}")
        settings.hist_file = ":memory:"
    except sqlite3.DatabaseError: pass  # corrupt: that it moves away

filling = RLock()  # `In` is made longer by one thread at a time

class Inputs(list):
    "What `In` is: a cell's source under its number, though cells of subshells begin in any order."
    def __init__(self, shell):
        super().__init__([""])
        self.shell = shell

    def append(self, source):
        "Put in the source of the cell that runs."
        number = max(0, self.shell.execution_count-1)
        with filling:
            missing = number+1-len(self)
            self.extend([""]*missing)
            self[number] = source

    def __reduce__(self): return list,(list(self),)  # dill.dump_module

class HistoryWriter:
    "Decides where the history of `shell` goes, and when it is written."
    def __init__(self, shell):
        self.shell = shell
        self.is_settled = False  # True once it is known whether history goes to the user's file
        self.timer = None        # until history is written, if some waits for that

    def settle(self, attended):
        """At the first cell that is stored, decide whether history goes to the user's file.

        What a batch run does, which no person attends, does not, unless history is configured."""
        self.is_settled = True
        configured = {"hist_file", "enabled"} & set(self.shell.config.HistoryManager)
        if not attended and not configured: keep_in_memory(self.shell.history_manager)

    def save_soon(self):
        "Write history a second from now."
        if self.timer or not self.shell.history_manager.save_flag: return
        self.timer = asyncio.get_running_loop().call_later(save_delay, self.save)

    def save(self):
        "Have IPython's thread write history now."
        self.timer = None
        flag = self.shell.history_manager.save_flag
        if flag: flag.set()

def keep_in_memory(manager):
    "Leave the user's history without a trace of this session."
    try:
        with manager.db as database: database.execute(forget_session, [manager.session_number])
    except sqlite3.OperationalError as e:  # it is locked
        manager.log.warning(f"an empty session is left in {manager.hist_file}: {e}")
    manager.db.close()
    if manager.save_thread: manager.save_thread.stop()
    manager.save_thread = None
    manager.hist_file = ":memory:"
    manager.init_db()
    manager.new_session()

def find_history(manager, kind, content):
    "The rows that a history_request of `kind`, its hist_access_type, with `content` asks for; of another kind none."
    find = finders.get(kind)
    if not find: return []
    raw = bool(content.get("raw", True))
    output = bool(content.get("output", False))
    return list(find(manager, content, raw=raw, output=output))

def find_tail(manager, content, **form):
    count = content.get("n")
    return manager.get_tail(everything if count is None else count, include_latest=True, **form)

def find_range(manager, content, **form):
    "The rows of one session, by their numbers."
    session = content.get("session") or 0
    start = content.get("start")
    rows = manager.get_range(session, 1 if start is None else start, content.get("stop"), **form)
    if session > 0: rows = [(session, *row[1:]) for row in rows]  # IPython calls the current one 0
    return rows

def find_pattern(manager, content, **form):
    "The rows that match a pattern as a shell has them."
    manager.writeout_cache()
    unique = bool(content.get("unique", False))
    return manager.search(content.get("pattern") or "*", n=content.get("n"), unique=unique, **form)

finders = dict(tail=find_tail, range=find_range, search=find_pattern)
