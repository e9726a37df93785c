"""The laws of the house, style.md section 2 and 3, read off the source: sizes, imports, who may touch what

`rooms` is the map of the package: what a module may import of ours, and what else besides the standard library."""

import ast, subprocess, sys
from helpers import root
from pathlib import Path
from statistics import median
import pytest

sys.path.insert(0, str(root/"tools"))
import size

# module: rooms of ours it may import, libraries it may import; `system` has the clock that no cell can replace
rooms = dict(__init__=("subshell", ""), __main__=("__init__ kernel environments.install environments.kernelspecs environments.launch environments.commands spare", ""),
    kernel=("__init__ wire channels system subshell subshells bridge output compat", ""), bridge=("output comms debugger compat magics gui features.environment features.terminal standin", "IPython traitlets"),
    channels=("wire system", "zmq"), wire=("system", ""), system=("", ""), subshell=("system", ""), output=("", "IPython"), comms=("", "comm"), compat=("comms debugger wire magics subshell features.environment features.pools", "comm tornado"),
    debugger=("", "debugpy _pydevd_bundle IPython"), magics=("features.snapshot pods.magics", "IPython"), gui=("system", "IPython"),
    spare=("__init__", ""), standin=("", "IPython"),
    subshells=("system", ""),
    **{"environments": ("", ""), "environments.make": ("", ""), "environments.boot": ("", ""),
        "environments.pythons": ("environments.make", ""), "environments.lending": ("__init__ environments.boot environments.make environments.pythons", ""),
        "environments.kernelspecs": ("", "jupyter_client jupyter_core"),
        "environments.install": ("environments.kernelspecs environments.lending environments.make environments.pythons", "fastcore"),
        "environments.provisioner": ("environments.kernelspecs", "jupyter_client traitlets"), "environments.server": ("", "jupyter_client"),
        "environments.launch": ("__init__ environments.lending environments.make environments.pythons", ""),
        "environments.engine": ("", ""), "environments.named": ("", ""),
        "environments.container": ("environments.engine", "jupyter_client traitlets"),
        "environments.images": (" ".join(f"environments.{o}" for o in "boot container engine kernelspecs lending named pythons".split()), ""),
        "environments.virtual": (" ".join(f"environments.{o}" for o in "engine kernelspecs lending make named pythons".split()), ""),
        "environments.commands": (" ".join(f"environments.{o}" for o in "engine images install kernelspecs make named virtual".split()), "fastcore"),
        "features": ("", ""), "features.waiting": ("", ""), "features.pools": ("", "cloudpickle"), "features.snapshot": ("", "IPython cloudpickle"),
        "features.terminal": ("features.waiting", "IPython ptyprocess"), "features.environment": ("environments.make", "IPython")})

# the folder of pods, which never imports the kernel; `python_for` makes their environments
pods = {"":"", "segments":"", "wire":"segments", "values":"", "names":"", "source":"names", "watch":"", "ipython":"", "cells":"ipython", "start":"",
    "child":"cells names source values watch wire", "figures":"cells child", "errors":"", "marks":"", "show":"",
    "link":"errors show values wire environments.boot environments.lending environments.pythons",
    "client":"errors link marks values wire environments.make", "magics":"client", "pool":"client cluster errors", "cluster":"client errors link show wire", "layout":"client errors environments.make",
    "offers":"client errors layout magics pool show"}
pod_libraries = dict(cluster="distributed", ipython="IPython traitlets", cells="boot", magics="IPython", figures="matplotlib", start="_pod")
rooms |= {f"pods{'.' if name else ''}{name}": (" ".join(f"pods.{o}" if o in pods else o for o in arrows.split()), pod_libraries.get(name, ""))
    for name,arrows in pods.items()}

files = {size.room(f):f for f in size.files()}
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
        inner = f"{name}.{o.name}".strip(".") if hasattr(o, "name") and not isinstance(o, (ast.alias, ast.ExceptHandler)) else name
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

# -- size

@pytest.mark.parametrize("mod", files)
def test_no_function_over_40_lines(mod): assert [o for o in size.functions(files[mod]) if o[0] > 40] == []

def test_median_function_is_short(): assert median(n for f in files.values() for n,*_ in size.functions(f)) <= 6

def test_size_tool_prints_files_and_longest_functions_and_agrees():
    r = subprocess.run([sys.executable, root/"tools/size.py"], capture_output=True, text=True, timeout=30)
    assert "ipymini/kernel.py" in r.stdout and "longest of" in r.stdout
    lines = sum(len(f.read_text().splitlines()) for f in files.values())
    assert f"{lines}  in all" in r.stdout
    assert (r.returncode == 0) == ("over budget" not in r.stderr)

@pytest.mark.parametrize("mod", files)
def test_lines_are_about_140_columns(mod):
    assert [f"line {i}: {len(l)}" for i,l in enumerate(files[mod].read_text().splitlines(), 1) if len(l) > 160] == []

# -- the map

def test_every_module_is_on_the_map(): assert set(files) <= set(rooms)

@pytest.mark.parametrize("mod", files)
def test_imports_follow_the_map(mod): assert size.imports(files[mod]) <= set(rooms[mod][0].split())

@pytest.mark.parametrize("mod", files)
def test_libraries_follow_the_map(mod): assert libraries(trees[mod]) - sys.stdlib_module_names <= set(rooms[mod][1].split())

def test_no_import_cycle(): assert size.cycles() == []

def test_only_channels_uses_zmq(): assert {m for m in trees if "zmq" in libraries(trees[m])} == {"channels"}

def test_only_environments_use_jupyter():
    assert {m for m in trees if libraries(trees[m]) & {"jupyter_client", "jupyter_core"}} == \
        {"environments.container", "environments.kernelspecs", "environments.provisioner", "environments.server"}

def test_bridge_has_no_threads_and_no_sockets(): assert not libraries(trees["bridge"]) & {"threading", "_thread", "socket", "zmq", "concurrent"}

def test_debugpy_is_imported_on_first_use():
    assert not any("debugpy" in libraries(ast.Module([o], [])) for o in trees["debugger"].body if isinstance(o, (ast.Import, ast.ImportFrom)))

@pytest.mark.parametrize("room", ["bridge", "subshell"])
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

def test_one_contextvar(): assert where(calls("ContextVar")) == {"wire"}

def test_only_busy_tells_busy_and_idle():
    "`still_busy` repeats a busy that another request's idle has covered, `run` says `starting`"
    says = lambda o: isinstance(o, ast.keyword) and o.arg == "execution_state" or isinstance(o, ast.Constant) and o.value == "execution_state"
    assert where(says) == {"kernel.Kernel.busy", "kernel.Kernel.still_busy", "kernel.Kernel.run"}

def test_only_serve_replies(): assert where(calls("reply")) == {"kernel.Kernel.serve"}

def test_nobody_sleeps():
    "But where no event tells: of the end of the launcher or of children, of a condition that a cell waits for; and for a signal"
    assert where(calls("sleep")) <= {"kernel.Kernel.on_end", "system.wait_process", "system.reap", "system.wait_for_one", "subshell.Subshell.wait_until",
        "pods.link.Link.reap"}

def test_no_timer_repeats():
    "But for a GUI toolkit that `%gui` has enabled"
    assert where(calls("call_later")) <= {"bridge.Bridge.save_soon", "kernel.Kernel.later", "gui.Turns.next"}

def catches(name):
    def test(o):
        types = getattr(o.type, "elts", [o.type]) if isinstance(o, ast.ExceptHandler) else []
        return any(t is None or getattr(t, "id", None) == name for t in types)
    return test

# around pickling, repr and reading of the user's objects, at either end, and his input()
caught_in_pods = {"pods.child.Child.encode", "pods.child.Child.pickled", "pods.child.short_repr", "pods.client.read", "pods.client.exception", "pods.show.ask",
    "pods.pool.in_threads.run", "pods.pool.Work.run"}

def test_exceptions_are_caught_by_name():
    "All of them only where a fault has to become an answer, and around calls into the user's own code"
    assert where(catches("Exception")) <= {"kernel.Kernel.serve", "channels.Channel.run",
        "kernel.Kernel.run",  # whatever keeps the shell from loading is told
        "kernel.Kernel.complete",  # a completer of the user's that fails gives no matches, protocol.md 2.10
        "debugger.Debugger.request",  # every debug_request needs a DAP response, protocol.md 4.1
        "bridge.error_content",  # `str` of the user's exception
        "bridge.Bridge.flush_streams",  # the user's streams
        "bridge.or_plainly.formatted",  # an error is shown, whatever keeps IPython from formatting it
        "features.pools.bring",  # what a worker cannot load is told where its result is waited for
        "features.snapshot.Writer.as_pickle", "features.snapshot.restore",  # a name whose pickle runs into an error is told, the others go on
        "bridge.Bridge.run",  # the user's input transformers
        *caught_in_pods}

def test_base_exceptions_are_caught_around_user_code_only():
    "`aside` hands them to whoever waits; `brief`, `textless` and `error_content` run a user's repr, `forever` a user's callbacks; `wake` passes them on"
    assert where(catches("BaseException")) <= {"bridge.Bridge.execute", "bridge.ZMQInteractiveShell.set_custom_exc.handle", "bridge.textless", "bridge.error_content", "subshell.Subshell.drive",
        "subshell.Subshell.forever", "subshell.Subshell.user.cell", "debugger.aside.run", "debugger.brief", "channels.Channel.wake",
        "subshell.aside.call", "output.Output.carry_threads.starting", "output.Output.carry_pools.apply_async", "output.Output.on_behalf.call", "output.Output.items",
        "pods.child.attempt", "pods.segments.Segment.__init__", "pods.link.Link.greet", "pods.pool.Work.wait"}  # which take their frame out and raise it again

def test_no_branch_for_a_python_that_is_not_supported():
    "3.11 is, which has no eager tasks"
    assert where(lambda o: isinstance(o, ast.Attribute) and o.attr == "version_info") <= {"subshell",
        "pods.start", "pods.client.command"}  # a pod's interpreter may be any from 3.8 on

def test_only_the_fields_of_small_classes_are_typed_on_the_left():
    assert where(lambda o: isinstance(o, ast.AnnAssign)) == {"environments.kernelspecs.Kernel", "environments.pythons.Python", "environments.install.Plan",
        "environments.named.Environment"}

def test_print_is_for_the_command_line_and_for_magics():
    skip = "__main__", "environments.install", "environments.launch", "magics", "features.environment", "features.snapshot", "features.terminal", "pods.magics", "pods.pool"
    skip += tuple(f"environments.{o}" for o in ("commands", "engine", "images", "virtual"))
    assert where(calls("print"), skip=skip) <= {"output.Output.say", "pods.client.say"}

@pytest.mark.parametrize("folder", ["ipymini", "pytests", "tools"])
def test_chkstyle_is_silent(folder):
    command = [Path(sys.executable).parent/"chkstyle", *root.glob(f"{folder}/**/*.py")]
    r = subprocess.run(command, capture_output=True, text=True, timeout=60, cwd=root)  # where its configuration is
    assert (r.returncode, r.stdout.strip()) == (0, "found 0 potential violation(s)"), r.stdout + r.stderr
