"Sessions: what JupyterLab and VS Code send, in order; what begins, survives and ends with them"
import glob, os, pytest, socket, threading
from dap import IP, lab, texts
from helpers import until
from processes import doors
from ipymini.debugger.cells import murmur2
from ipymini.debugger.requests import Debugger
from ipymini.debugger.session import Session

@pytest.mark.parametrize("everyone, stopped", [(False, {2}), (True, {1, 2, 3})])
def test_those_threads_count_as_stopped_that_an_event_tells_of(everyone, stopped):
    session = Session(ip=None, publish=list)
    for number in (1, 2, 3): session.on_event(dict(event="thread", body=dict(reason="started", threadId=number)))
    session.on_event(dict(event="stopped", body=dict(reason="step", threadId=2, allThreadsStopped=everyone)))
    assert session.stopped == stopped

def test_jupyterlab(kc, idle):
    "What it sends, in order: notebook opened, button on, breakpoint, run, stop, look around, step, continue, off"
    code = "def f(a):\n    b = a+1\n    return b\nc = f(1)\nprint(c)"
    assert idle.ok("debugInfo")["isStarted"] is False
    caps = idle.ok("initialize", **lab)
    assert {"raised", "uncaught", "userUnhandled"} == {o["filter"] for o in caps["exceptionBreakpointFilters"]}
    idle.ok("attach")
    path = idle.ok("dumpCell", code=code)["sourcePath"]
    info = idle.ok("debugInfo")
    assert (info["isStarted"], path) == (True, f"{info['tmpFilePrefix']}{murmur2(code.encode())}.py")
    bp, = idle.ok("setBreakpoints", source=dict(path=path), breakpoints=[dict(line=2)], sourceModified=False)["breakpoints"]
    assert (bp["verified"], bp["line"]) == (True, 2)
    idle.ok("setExceptionBreakpoints", filters=[])
    idle.ok("configurationDone")
    assert "variables" in idle.ok("inspectVariables")
    assert idle.ok("modules")["totalModules"]
    id = kc.cell(code)
    ev = idle.event("stopped")
    assert (ev["reason"], ev["allThreadsStopped"], idle.ok("debugInfo")["stoppedThreads"]) == ("breakpoint", True,
        [ev["threadId"]])
    frames = idle.frames(ev["threadId"])
    assert [(f["name"], f["line"], f["source"]["path"]) for f in frames] == [("f", 2, path), ("<module>", 4, path)]
    scopes = idle.ok("scopes", frameId=frames[0]["id"])["scopes"]
    assert [o["name"] for o in scopes] == ["Locals", "Globals"]
    assert texts(idle.ok("variables", variablesReference=scopes[0]["variablesReference"])) == dict(a="1")
    assert idle.step("next")["reason"] == "step"
    assert idle.value("b") == "2"
    idle.go_on()
    res = idle.end(id)
    assert (res.stdout, idle.ok("debugInfo")["stoppedThreads"]) == ("2\n", [])
    idle.ok("disconnect", restart=False, terminateDebuggee=False)
    assert idle.ok("debugInfo")["isStarted"] is False

def test_vscode(kc, idle):
    "Run by line: hidden cells while the session is set up, a breakpoint on the first line, stepIn to the end, a hidden cell, disconnect"
    hidden = dict(store_history=False, stop_on_error=False)
    code,other = "\na = 1\nb = a+1\n", "z = 0"
    idle.start(justMyCode=True)
    assert kc.run("import debugpy\ndebugpy.debug_this_thread()", **hidden).status == "ok"
    paths = [idle.ok("dumpCell", code=o)["sourcePath"] for o in (code, other)]
    idle.ok("setBreakpoints", source=dict(path=paths[0]), breakpoints=[dict(line=2)])
    id = kc.cell(code)
    idle.event("stopped")
    lines = [idle.ok("stackTrace", threadId=1, startFrame=0, levels=1)["stackFrames"][0]["line"]]
    idle.step("stepIn")
    lines.append(idle.ok("stackTrace", threadId=1, startFrame=0, levels=1)["stackFrames"][0]["line"])
    idle.ok("disconnect", restart=False)
    assert (lines, idle.end(id).status, kc.run("pass", **hidden).status, kc.run("b").result) == ([2, 3], "ok", "ok",
        "2")

def test_a_session_after_another(kc, idle):
    for _ in range(3):
        idle.start()
        id,_ = idle.stop("r = 1\nr = 2", 2)
        idle.ok("disconnect")
        assert idle.end(id).status == "ok"

def test_a_session_after_a_client_that_vanished(idle):
    idle.start()
    id,_ = idle.stop("r = 1\nr = 2", 2)
    idle.start()
    assert (idle.end(id).status, idle.ok("debugInfo")["breakpoints"]) == ("ok", [])

@pytest.mark.parametrize("command, args",
    [("terminate", {}), ("disconnect", dict(restart=True, terminateDebuggee=True))])
def test_the_kernel_outlives_a_session(kc, dbg, command, args):
    dbg.ok(command, **args)
    assert kc.run("1").result == "1"

def test_an_attach_that_fails(kc, idle):
    idle.ok("initialize", **lab)
    idle.refused("attach", debugOptions=5)
    assert kc.request("kernel_info_request", channel="control").status == "ok"
    idle.start()

@pytest.mark.parametrize("silent_on", ["initialize", "attach"])
def test_an_answer_that_never_comes(monkeypatch, silent_on):
    monkeypatch.setattr("ipymini.debugger.link.answer_timeout", .5)
    debugger = Debugger(IP(), lambda *_: None)
    ours,its = socket.socketpair()
    with its:
        monkeypatch.setattr(debugger.session.backend, "connect", lambda: ours)
        if silent_on == "attach":
            threading.Thread(target=answer_one, args=(its,)).start()
            assert debugger.request(dict(command="initialize"))["success"]
        response = debugger.request(dict(command=silent_on))
        assert (response["success"], "no answer" in response["message"]) == (False, True)
        assert debugger.request(dict(command="debugInfo"))["success"]

def answer_one(sock):
    "Be a debugpy that answers its first request"
    sock.recv(65536)
    body = b'{"type": "response", "request_seq": 1, "success": true, "body": {}}'
    sock.sendall(b"Content-Length: %d\r\n\r\n%s" % (len(body), body))

def test_initialize_without_arguments_leaves_control_working(kc, idle):
    idle.ask("initialize")
    idle.refused("attach")
    assert kc.request("kernel_info_request", channel="control").status == "ok"

@pytest.mark.parametrize("command, args",
    [("next", dict(threadId=1)), ("stepIn", dict(threadId=99)), ("exceptionInfo", dict(threadId=1)),
        ("loadedSources", {}),
        ("cancel", {}), ("terminateThreads", dict(threadIds=[1])),
        ("breakpointLocations", dict(source=dict(path="/x.py"), line=1)), ("setBreakpoints", dict(source={})),
        ("setBreakpoints", dict(source=dict(path="/x.py"), breakpoints=[{}])), ("nosuch", {})], ids=str)
def test_what_debugpy_would_choke_on(dbg, command, args):
    dbg.refused(command, **args)
    assert dbg.ok("threads")["threads"]

def test_continue_twice(dbg):
    id,_ = dbg.stop("r = 1\nr = 2", 2)
    assert [dbg.go_on(), dbg.go_on()] == [dict(allThreadsContinued=True)]*2
    assert dbg.end(id).status == "ok"

def test_threads_of_the_kernel_are_not_shown(dbg):
    assert [t["name"] for t in dbg.ok("threads")["threads"]] == ["MainThread"]

def test_a_thread_that_ends_while_a_client_attaches_is_not_shown(kc, idle):
    "Such as debugpy has itself, for a moment, where it uses sys.settrace; here its number is 1"
    idle.ask("initialize", adapterID="test")
    kc.run("import sys\nfound = sys._current_frames\nsys._current_frames = lambda: {1: None} | found()")
    idle.ask("attach")
    kc.run("sys._current_frames = found")
    assert [t["name"] for t in idle.ok("threads")["threads"]] == ["MainThread"]

def test_a_session_leaves_no_tracing(kc, dbg):
    traced = "import sys; sys.gettrace()"
    kc.run(traced)
    dbg.ok("disconnect")
    assert kc.run(traced).result is None

def test_debug_info_knows_breakpoints(dbg):
    dbg.mark("a = 1\n\nb = 2", dict(line=3, condition="a == 1"), 1)
    assert dbg.ok("debugInfo")["breakpoints"] == [dict(source=dbg.ok("dumpCell", code="a = 1\n\nb = 2")["sourcePath"],
        breakpoints=[dict(line=3, condition="a == 1"), dict(line=1)])]

seen = """
import sys
threads = sys.modules["_pydevd_bundle.pydevd_constants"]._thread_id_to_thread_found.values()
len(threads), sum(thread.is_alive() and thread.name.startswith("pydevd") for thread in threads)
"""

def test_threads_of_earlier_sessions_are_forgotten(own_dbg):
    def session():
        own_dbg.start()
        own_dbg.ok("disconnect")
    def threads(): return eval(own_dbg.kc.run(seen).result)
    for _ in range(8): session()
    until(lambda: threads()[1] == 0, "the end of debugpy's threads")
    session()
    assert threads()[0] < 8

def test_breakpoints_end_with_the_session(dbg):
    dbg.mark("a = 1", 1)
    dbg.ok("disconnect")
    assert dbg.ok("debugInfo")["breakpoints"] == []

def test_another_kernel_another_folder(idle, own_dbg):
    assert own_dbg.ok("debugInfo")["tmpFilePrefix"] != idle.ok("debugInfo")["tmpFilePrefix"]

def test_shutdown_while_stopped(own_dbg):
    own_dbg.start()
    own_dbg.stop("r = 1\nr = 2", 2)
    own_dbg.kc.submit("shutdown_request", dict(restart=False), "control")
    assert own_dbg.kc.proc.wait(20) == 0

def test_nothing_is_left_behind(own_dbg):
    prefix = own_dbg.ok("debugInfo")["tmpFilePrefix"]
    own_dbg.start()
    own_dbg.mark("1", 1)
    own_dbg.kc.submit("shutdown_request", dict(restart=False), "control")
    own_dbg.kc.proc.wait(20)
    until(lambda: not os.path.exists(prefix), f"{prefix} to go")

def test_a_session_opens_no_door(own_dbg):
    "Whoever reaches debugpy runs code as us: nobody else on the machine can, as it neither listens nor has another process do so"
    before = doors_of_family(own_dbg)
    assert len(before) == 5
    for _ in range(2):
        own_dbg.start()
        id,_ = own_dbg.stop("r = 1\nr = 2", 2)
        assert doors_of_family(own_dbg) == before
        own_dbg.ok("disconnect")
        assert own_dbg.end(id).status == "ok"
    assert doors_of_family(own_dbg) == before

def test_initialize_that_fails_leaves_no_session(idle):
    idle.refused("initialize")
    assert idle.ok("debugInfo")["isStarted"] is False
    assert "initialize first" in idle.refused("attach")

def doors_of_family(client):
    "Where the kernel of `client` and its children listen"
    return {door for pid in family(client) for door in doors(pid)}

def family(client):
    "The kernel of `client` and processes that it has started, which have its environment"
    found,mark = {client.kc.proc.pid},client.name.encode()
    for path in glob.glob("/proc/[0-9]*"):
        try:
            with open(f"{path}/environ", "rb") as env:
                if mark in env.read(): found.add(int(path.rpartition("/")[2]))
        except OSError: pass  # gone
    return found
