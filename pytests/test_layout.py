"""The laws of the house, docs/style.md, read off the source: who imports whom, who may touch what

`rooms.txt` is the map of the package: each room, the rooms of ours that it imports, and the libraries beside Python's own that it does."""

import ast, subprocess, sys
from helpers import root
from pathlib import Path
import pytest

sys.path.insert(0, str(root/"tools"))
import arrows

# from below: a room imports only what stands before it, or on its own floor; `environments` and `pods` stand beside, and import nothing of these but the version, and `system.jobs`
floors = ["__init__ limits", "wire parent cell contents light_asyncio light_ipython tracebacks system",
    "interrupts subshell capture output history cursor held completer channels debugger compat features",
    "shell bridge", "subshells", "kernel", "signals", "lifecycle spare", "__main__"]
beside = {"environments", "pods"}

rooms = {name.strip(): (set(ours.split()), set(libraries.split()))
    for name,ours,libraries in (line.split("|") for line in (root/"pytests/rooms.txt").read_text().splitlines())}
files = {arrows.room(path, arrows.package): path for path in arrows.files(arrows.package)}
trees = {name:ast.parse(f.read_text()) for name,f in files.items()}

def libraries(tree):
    "Top-level names that are imported anywhere in `tree`, without ours"
    names = [a.name for o in ast.walk(tree) if isinstance(o, ast.Import) for a in o.names]
    names += [o.module for o in ast.walk(tree) if isinstance(o, ast.ImportFrom) and not o.level]
    return {n.partition(".")[0] for n in names} - {"ipymini"}

def functions(tree, name=""):
    "(dotted name, node) of each function in `tree`, and of the code around them as ('', tree)"
    yield name,tree
    for o in ast.iter_child_nodes(tree):
        inner = f"{name}.{o.name}".strip(".") if hasattr(o, "name") and not isinstance(o,
            (ast.alias, ast.ExceptHandler)) else name
        if isinstance(o, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)): yield from functions(o, inner)

def own(node):
    "The nodes of a function, without those of functions and classes in it"
    for o in ast.iter_child_nodes(node):
        if isinstance(o, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)): continue
        yield o
        yield from own(o)

def where(test, skip=()):
    "`module.function` of each place in the package that has a node for which `test` is true"
    return {f"{mod}.{name}".strip(".") for mod,tree in trees.items() if mod not in skip
        for name,node in functions(tree) for o in own(node) if test(o)}

def calls(name):
    "A test for a call of `name`, however it is reached"
    return lambda o: isinstance(o, ast.Call) and (getattr(o.func, "id", None) == name or getattr(o.func, "attr", None) == name)

# -- the map

def test_every_room_is_on_the_map(): assert set(files) == set(rooms)

@pytest.mark.parametrize("mod", files)
def test_imports_are_those_of_the_map(mod): assert arrows.imports(files[mod], arrows.package) == rooms[mod][0]

@pytest.mark.parametrize("mod", files)
def test_libraries_are_those_of_the_map(mod): assert libraries(trees[mod]) - sys.stdlib_module_names == rooms[mod][1]

def floor(room): return next(n for n,names in enumerate(floors) if room.partition(".")[0] in names.split())

def test_no_import_goes_upwards():
    "But for `wait_until`, which a cell finds in the package itself"
    pairs = {(room, other) for room,(ours,_) in rooms.items() for other in ours}
    inside = {(room, other) for room,other in pairs if not {room.partition(".")[0], other.partition(".")[0]} & beside}
    assert {(room, other) for room,other in inside
        if floor(other) > floor(room)} == {("__init__", "features.wait_until")}

def test_no_import_cycle(): assert arrows.cycles(arrows.all_arrows(arrows.package)) == []

def test_eight_folders_at_most():
    assert len([name for name in files if (arrows.package/name/"__init__.py").exists()]) <= 8

def test_only_channels_use_zmq():
    assert {m.partition(".")[0] for m in trees if "zmq" in libraries(trees[m])} == {"channels"}

def test_only_environments_use_jupyter():
    assert {m for m in trees if libraries(trees[m]) & {"jupyter_client", "jupyter_core"}} == \
        {"environments.container", "environments.kernelspecs", "environments.provisioner", "environments.server",
            "environments.session"}

def test_bridge_has_no_threads_and_no_sockets():
    assert not libraries(trees["bridge"]) & {"threading", "_thread", "socket", "zmq", "concurrent"}

def test_debugpy_is_imported_on_first_use():
    assert not any("debugpy" in libraries(ast.Module([o], [])) for m in trees if m.startswith("debugger")
        for o in trees[m].body if isinstance(o,
            (ast.Import, ast.ImportFrom)))

@pytest.mark.parametrize("room", ["bridge", "interrupts", "subshell"])
def test_kernel_imports_what_runs_code_only_when_sockets_answer(room):
    top = ast.Module([o for o in trees["kernel"].body if isinstance(o, (ast.Import, ast.ImportFrom))], [])
    assert room not in {o.module for o in ast.walk(top) if isinstance(o, ast.ImportFrom)}

def test_importing_the_package_is_free():
    code = "import sys; before = set(sys.modules); import ipymini; print(*sorted(set(sys.modules)-before))"
    r = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=30, cwd=root)
    assert r.stdout.split() == ["ipymini"]

# -- the laws

@pytest.mark.parametrize("mod", files)
def test_a_module_says_what_lives_there(mod): assert len(ast.get_docstring(trees[mod]) or "") > 20

def test_one_contextvar(): assert where(calls("ContextVar")) == {"parent"}

def test_only_serve_tells_busy_and_idle():
    "`still_busy` repeats a busy that another request's idle has covered, `greeting` says `starting`"
    says = lambda o: isinstance(o, ast.keyword) and o.arg == "execution_state" or isinstance(o,
        ast.Constant) and o.value == "execution_state"
    assert where(says) == {"kernel.Kernel.serve", "kernel.Kernel.tell_idle", "kernel.Kernel.still_busy",
        "kernel.Kernel.greeting"}

def test_only_serve_replies():
    assert where(calls("tell_idle")) == {"kernel.Kernel.serve"}
    assert where(calls("send_reply")) == {"kernel.Kernel.tell_idle"}

def test_nobody_sleeps():
    "But where no event tells: of the end of the launcher or of children, of a condition that a cell waits for, of what a client has read; and for a signal"
    assert where(calls("sleep")) <= {"signals.Signals.on_end", "system.processes.wait_process",
        "system.processes.reap", "features.wait_until.wait_until",
        "pods.process.Process.wait_for_end", "environments.session.end", "kernel.send_behind_output"}

def test_no_timer_repeats():
    "But for a GUI toolkit that `%gui` has enabled"
    assert where(calls("call_later")) <= {"history.HistoryWriter.save_soon", "subshells.Subshells.later",
        "features.gui.Turns.next"}

def catches(name):
    def test(o):
        types = getattr(o.type, "elts", [o.type]) if isinstance(o, ast.ExceptHandler) else []
        return any(t is None or getattr(t, "id", None) == name for t in types)
    return test

# around pickling, repr and reading of the user's objects, at either end, and his input()
caught_in_pods = {"pods.replies.Replies.value", "pods.replies.Replies.pickled", "pods.replies.short_repr",
    "pods.client.read", "pods.client.exception", "pods.show.ask", "pods.pool.in_threads.run", "pods.pool.Work.run"}

def test_exceptions_are_caught_by_name():
    "All of them only where a fault has to become an answer, and around calls into the user's own code"
    assert where(catches("Exception")) <= {"channels.channel.Channel.run",
        # whatever keeps one message from being handled must not end the thread
        "channels.channel.Channel.take", "debugger.thread.DebugThread.run",
        "kernel.Kernel.pack_reply",  # a reply that has no JSON form
        "lifecycle.Lifecycle.run",  # whatever keeps the shell from loading is told
        "kernel.complete",  # a completer of the user's that fails gives no matches, docs/protocol.md
        "debugger.requests.Debugger.request",  # every debug_request needs a DAP response, docs/protocol.md
        "contents.error_content",  # `str` of the user's exception
        "bridge.Bridge.run",  # the user's streams and input transformers
        "tracebacks.or_python_format.structured_traceback",  # an error is shown, whatever keeps IPython from formatting it
        "features.pools.bring",  # what a worker cannot load is told where its result is waited for
        "features.snapshot_file.Writer.as_pickle", "features.snapshot_file.Reader.bring",  # a name whose pickle runs into an error is told, the others go on
        "completer.LiveCompleter.live",  # IPython's evaluation, where the user lets it run code of his
        "held.read_signature",  # `__signature__` and annotations of the user's
        *caught_in_pods}

def test_base_exceptions_are_caught_around_user_code_only():
    "`run_untraced` hands them to whoever waits; `brief`, `is_textless` and `error_content` run a user's repr, `forever` a user's callbacks; `wake` passes them on"
    assert where(catches("BaseException")) <= {"kernel.Kernel.serve", "bridge.Bridge.execute", "bridge.Bridge.comm", "output.is_open",
        "shell.ZMQInteractiveShell.set_custom_exc.handle", "tracebacks.is_textless",
        "contents.error_content", "interrupts.UserCode.drive",
        "subshell.Subshell.forever", "debugger.untraced.run_untraced.run",
        "debugger.values.brief", "channels.waker.Waker.wake",
        "compat.loops.aside.call", "compat.loops.run_nested", "compat.threads.carry_into_threads.starting",
        "compat.threads.carry_into_pools.apply_async", "compat.threads.on_behalf.call", "compat.threads.items",
        "pods.child.attempt", "pods.segments.Segment.__init__", "pods.link.Link.greet", "pods.pool.Work.wait"}  # which take their frame out and raise it again

def test_no_branch_for_a_python_that_is_not_supported():
    "3.11 is, which has no eager tasks"
    assert where(lambda o: isinstance(o, ast.Attribute) and o.attr == "version_info") <= {"subshell",
        "pods.start", "pods.client.command"}  # a pod's interpreter may be any from 3.8 on

def test_only_the_fields_of_small_classes_are_typed_on_the_left():
    assert where(lambda o: isinstance(o, ast.AnnAssign)) == {"environments.kernelspecs.Kernel",
        "environments.pythons.Python", "environments.install.Plan",
        "environments.install.Start", "environments.named.Environment"}

def test_print_is_for_the_command_line_and_for_magics():
    skip = "__main__", "environments.install", "environments.launch", "features.magics", "features.environment", "features.replay", "features.snapshot", "features.terminal", "pods.magics", "pods.pool"
    skip += tuple(f"environments.{o}" for o in ("commands", "engine", "images", "session", "virtual"))
    assert where(calls("print"), skip=skip) <= {"output.print_message", "pods.client.say"}

@pytest.mark.parametrize("folder", ["ipymini", *[pytest.param(o, marks=pytest.mark.slow) for o in ("pytests", "tools")]])
def test_chkstyle_is_silent(folder):
    command = [Path(sys.executable).parent/"chkstyle", *root.glob(f"{folder}/**/*.py")]
    r = subprocess.run(command, capture_output=True, text=True, timeout=110, cwd=root)  # where its configuration is
    assert (r.returncode, r.stdout.strip()) == (0, "found 0 potential violation(s)"), r.stdout + r.stderr
