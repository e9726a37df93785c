"The debugger before a session: names and files of cells, sources, modules, and what is refused"
import json, os, pytest, re
from dap import Client, IP, lab
from fastcore.basics import first
from helpers import start
from ipymini.debugger.cells import cell_name, folder, murmur2
from ipymini.debugger.requests import Debugger

# -- names of cells

vectors = {"": 3990065800, "a": 2167009006, "ab": 2805137849, "abc": 3350977461, "abcd": 804720481,
    "print(1)": 3773950048,
    "x = 1\n"
    "print(x)\n": 1538517086,
    "\nx = 1": 1837458733, "é = 1": 743418365, "'🎉'": 3216213187}
@pytest.mark.parametrize("code, hash", vectors.items(), ids=repr)
def test_murmur2(code, hash): assert murmur2(code.encode()) == hash

def test_a_cell_is_named_by_its_hash(): assert cell_name("a") == f"{folder}2167009006.py"

def test_a_cell_of_surrogates_has_a_name(): assert cell_name("'\udcff'").startswith(folder)

def test_the_folder_begins_as_numba_and_joblib_expect():
    assert re.fullmatch(f"ipykernel_{os.getpid()}[0-9]*", os.path.basename(folder[:-1]))

def test_the_environment_names_cells(monkeypatch):
    monkeypatch.setenv("IPYKERNEL_CELL_NAME", "/x/y.py")
    assert cell_name("a") == "/x/y.py"

def test_code_carries_the_name_of_its_cell(kc, idle):
    code = "import inspect; inspect.currentframe().f_code.co_filename"
    assert kc.run(code).result == repr(idle.ok("dumpCell", code=code)["sourcePath"])

# -- before the debugger is started

def test_debug_info(kc, idle):
    info = idle.ok("debugInfo")
    pid = kc.run("import os; os.getpid()").result
    assert re.search(f"{os.sep}ipykernel_{pid}[0-9]*{os.sep}$", info["tmpFilePrefix"])
    assert {k: v for k,v in info.items() if k != "tmpFilePrefix"} == dict(isStarted=False, hashMethod="Murmur2",
        hashSeed=3339675911, tmpFileSuffix=".py",
        breakpoints=[], stoppedThreads=[], richRendering=True, exceptionPaths=["Python Exceptions"], copyToGlobals=True)

def test_a_dumped_cell_is_a_file(idle):
    path = idle.ok("dumpCell", code="é = 1\r\n")["sourcePath"]
    with open(path, "rb") as f: assert f.read() == "é = 1\r\n".encode()

def test_the_folder_is_private(idle):
    assert os.stat(os.path.dirname(idle.ok("dumpCell", code="1")["sourcePath"])).st_mode & 0o777 == 0o700

def test_a_folder_of_somebody_elses_is_not_written_to(monkeypatch):
    monkeypatch.setattr("ipymini.debugger.answers.os.getuid", lambda: -1)
    assert "belongs to another user" in Debugger(IP(),
        None).request(dict(command="dumpCell", arguments=dict(code="1")))["message"]
    assert not os.listdir(folder)

def test_source_of_a_cell(idle):
    path = idle.ok("dumpCell", code="x = 1\ny = 2")["sourcePath"]
    assert idle.ok("source", source=dict(path=path)) == dict(content="x = 1\ny = 2")

def test_source_of_a_cell_that_has_run_is_as_it_was_typed(idle):
    code = "  if 1:\n    !true\n    x = 1"
    path = idle.ok("dumpCell", code=code)["sourcePath"]
    idle.kc.run(code)
    assert idle.ok("source", source=dict(path=path)) == dict(content=code)

def test_source_of_a_module(idle):
    with open(json.__file__) as f:
        assert idle.ok("source", source=dict(path=json.__file__), sourceReference=0)["content"] == f.read()

def test_source_that_is_missing(idle):
    res = idle.ask("source", source=dict(path="/no/such.py"))
    assert (res["success"], res["body"], res["message"]) == (False, {}, "source: source unavailable")

def test_modules_come_with_names_and_paths(idle):
    body = idle.ok("modules")
    assert len(body["modules"]) == body["totalModules"]
    assert os.path.basename(first(body["modules"], lambda o: o["name"] == "json")["path"]) == "__init__.py"

def test_modules_in_pages(idle):
    every = idle.ok("modules")["modules"]
    assert idle.ok("modules", startModule=3, moduleCount=2)["modules"] == every[3:5]

@pytest.mark.parametrize("command", ["setBreakpoints", "stackTrace", "threads", "attach", "configurationDone",
    "evaluate", "next", "continue", "nosuch"])
def test_needs_initialize(idle, command): assert "not started" in idle.refused(command)

def test_no_stack_is_an_empty_one(idle): assert idle.ask("stackTrace")["body"] == dict(stackFrames=[])

@pytest.mark.parametrize("command", ["launch", "restart"])
def test_a_kernel_is_not_launched(idle, command): idle.refused(command)

def test_disconnect_without_a_session(idle): assert idle.ok("disconnect") == {}

@pytest.mark.parametrize("command", ["dumpCell", "copyToGlobals", "richInspectVariables", "variables"])
def test_missing_arguments_are_named(idle, command): assert "the arguments lack" in idle.refused(command)

untraced = "import sys; sys.gettrace(), [i for i in range(6) if hasattr(sys, 'monitoring') and sys.monitoring.get_tool(i)]"

def test_nothing_is_traced(own_dbg):
    own_dbg.ok("debugInfo")
    assert own_dbg.kc.run(untraced).result == "(None, [])"

def test_the_debugger_is_loaded_when_somebody_asks(own_dbg):
    loaded = "import sys; 'ipymini.debugger.requests' in sys.modules"
    before = own_dbg.kc.run(loaded).result
    own_dbg.ok("debugInfo")
    assert (before, own_dbg.kc.run(loaded).result) == ("False", "True")

def test_debugpy_waits_for_initialize(own_dbg):
    code = "import sys; sorted(m for m in sys.modules if m.partition('.')[0] in ('debugpy', 'pydevd'))"
    own_dbg.ok("debugInfo")
    own_dbg.ok("inspectVariables")
    assert own_dbg.kc.run(code).result == "[]"

def test_without_debugpy(tmp_path):
    (tmp_path/"debugpy.py").write_text("raise ImportError('gone')")
    kc = start(env=dict(PYTHONPATH=os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")])))
    try: assert Client(kc).refused("initialize", **lab) == "initialize: debugging needs the package debugpy: gone"
    finally: kc.stop()
