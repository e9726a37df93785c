"""The magics that a kernel brings along; all others are IPython's.

Each does here what a terminal would have done: pages and edits become payloads, the rest is text."""
import sys, threading
from IPython.core import page
from IPython.core.error import UsageError
from IPython.core.magic import Magics, line_cell_magic, line_magic, magics_class
from pathlib import Path
from subprocess import Popen

@magics_class
class KernelMagics(Magics):
    "Magics of the kernel; `self.shell.kernel` is what `compat` makes."

    @line_magic
    def connect_info(self, arg):
        "Show what another client needs to connect to this kernel."
        file = self.shell.parent.connection_file
        print(Path(file).read_text())
        print("\nA console on this machine connects to this kernel with")
        print(f"    jupyter console --existing {file}")
        print("On another one, save the JSON above to a file there and name that file.")

    @line_magic
    def qtconsole(self, arg):
        "Open a Qt console on this kernel; `arg`: its options."
        open_qtconsole(self.shell.parent.connection_file, arg.split())

    @line_magic
    def autosave(self, arg):
        "Let the notebook save itself every `arg` seconds, 0 for never, in frontends that run JavaScript of a notebook's."
        try: seconds = int(arg)
        except ValueError: raise UsageError(f"%autosave needs a number of seconds, got {arg!r}") from None
        script = f"IPython.notebook.set_autosave_interval({seconds*1000})"
        self.shell.display_pub.publish({"application/javascript": script})
        print(f"Autosaving every {seconds} seconds" if seconds else "Autosave disabled")

    @line_magic
    def less(self, arg):
        "Show a file in the pager."
        if not arg: raise UsageError("%less needs the name of a file")
        text = Path(arg).expanduser().read_text(errors="replace")
        page.page(self.shell.pycolorize(text) if arg.endswith(".py") else text)

    more = line_magic("more")(less)

    @line_magic
    def man(self, arg):
        "Show a manual page in the pager."
        page.page(self.shell.getoutput(f"man {arg} | col -b", split=False))

    @line_magic
    def edit(self, arg, last=["", ""]):
        "Have the frontend open what IPython's %edit would: a file, a line of it, cells of the history, a function, a class."
        from IPython.core.magics.code import CodeMagics, InteractivelyDefined, MacroToEdit
        options,args = self.parse_options(arg, "prxn:")
        def find(args): return CodeMagics._find_edit_target(self.shell, args, options, last)
        try: file,line,_ = find(args)
        except InteractivelyDefined as e: file,line,_ = find(str(e.index))
        except MacroToEdit: raise UsageError("a macro has no file: show it with print, define it anew with %macro") from None
        if not file: return
        payload = dict(source="edit_magic", filename=str(Path(file).absolute()), line_number=int(line or 0))
        self.shell.payload_manager.write_payload(payload)

    @line_cell_magic
    def pod(self, line, cell=None):
        "List the pods; `%%pod NAME` runs a cell in one."
        __tracebackhide__ = True
        from ..pods.magics import run_magic
        run_magic(self.shell, line, cell)

    @line_magic
    def clear(self, arg):
        "Clear the terminal."
        print("\x1b[H\x1b[2J", end="")

    @line_magic
    def replay(self, arg):
        """Show outputs of cells again that nobody watched, because the page was closed or reloaded while they ran.

        %replay               cells of others that went on after these had gone
        %replay 7             the cell In [7]
        %replay -3            the last three cells with output
        %replay --all         all that is kept
        %replay --list        which cells are kept
        %replay --last-kernel what the kernel before this one published, if it died."""
        from . import replay
        try: replay.replay(self.shell, arg.strip())
        except replay.BadArgument as e: raise UsageError(str(e)) from None

    @line_magic
    def snapshot(self, arg):
        """Write the session's names to a file, to be brought back by %restore: %snapshot [NAME or FILE], %snapshot --list.

        Without a name it is "last", kept apart for each notebook. What cannot be written is named, with the reason."""
        from .snapshot import list_snapshots, snapshot
        from .snapshot_file import NoSnapshot
        if arg.strip() == "--list": return list_snapshots(self.shell)
        try: snapshot(self.shell, arg.strip())
        except NoSnapshot as e: raise UsageError(str(e)) from None

    @line_magic
    def restore(self, arg):
        """Bring back the names of a snapshot: %restore [NAME or FILE].

        A snapshot holds pickles, which run code when they are read: restore only files that you trust."""
        from .snapshot import bring_back
        from .snapshot_file import NoSnapshot
        try: bring_back(self.shell, arg.strip())
        except NoSnapshot as e: raise UsageError(str(e)) from None

    @line_magic
    def subshell(self, arg):
        "Tell in which subshell and thread this runs, and which others there are."
        kernel = self.shell.kernel
        print("subshell id:", kernel.sub.id)
        print("thread id:", threading.get_ident())
        print("main thread id:", threading.main_thread().ident)
        print("subshells:", kernel.k.subshells.ids)

def open_qtconsole(connection_file, options):
    "The process of a new Qt console on the kernel of `connection_file`."
    return Popen([sys.executable, "-m", "qtconsole", "--existing", connection_file, *options])
