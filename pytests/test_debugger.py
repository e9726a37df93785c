"""The debugger: JupyterLab's and VS Code's requests, message by message; stops, steps, values, and what must survive them

`dbg` is a session on the module's kernel, a `Client`; `stop(code, line)` runs a cell to a breakpoint. At the end of each test it is disconnected."""
import base64, glob, json, os, pytest, socket, threading, zmq
from fastcore.basics import first
from helpers import start, until
from itertools import count
from types import SimpleNamespace
from uuid import uuid4
from ipymini.debugger.cells import cell_name, folder, murmur2
from ipymini.debugger.link import Link
from ipymini.debugger.requests import Debugger

lab = dict(clientID="jupyterlab", clientName="JupyterLab", adapterID="ipymini", pathFormat="path", linesStartAt1=True, columnsStartAt1=True,
    supportsVariableType=True, supportsVariablePaging=True, supportsRunInTerminalRequest=True, locale="en")
gate = "import time\ngo = True\nprint('on')\nwhile go:\n    n = 1\n    time.sleep(.01)\nn = 2"  # a cell that runs until `go` is false


class Client:
    "Speaks DAP with the kernel of `kc`"
    def __init__(self, kc): self.kc,self.seq,self.read = kc,count(1),0

    def ask(self, command, timeout=20, **args):
        "The response to a request"
        msg = dict(type="request", seq=next(self.seq), command=command, arguments=args)
        res = self.kc.request("debug_request", msg, "control", timeout=timeout).content
        assert (res["type"], res["request_seq"], res["command"]) == ("response", msg["seq"], command)
        return res

    def ok(self, command, **args):
        "The body of a response that must be a success"
        res = self.ask(command, **args)
        assert res["success"], res
        return res["body"]

    def refused(self, command, **args):
        "The message of a response that must be a failure"
        res = self.ask(command, **args)
        assert not res["success"], res
        return res["message"]

    @property
    def events(self):
        "All events so far, in the order in which the kernel sent them"
        msgs = [m for r in self.kc.held.values() for m in r.msgs] + self.kc.others
        found = [m for m in msgs if m["msg_type"] == "debug_event"]
        return [m["content"] for m in sorted(found, key=lambda m: int(m["msg_id"].rsplit("_")[-1]))]

    def event(self, name, timeout=10):
        "Body of the next event of that name; others are skipped"
        def look():
            self.kc.collect("control", .01)
            while self.read < len(evs := self.events):
                self.read += 1
                if evs[self.read-1]["event"] == name: return evs[self.read-1]
        return until(look, f"the event {name}", timeout).get("body", {})

    def quiet(self):
        "True if no thread has stopped since the last event that was read"
        return not [e for e in self.events[self.read:] if e["event"] == "stopped"]

    def start(self, **args):
        self.read = len(self.events)
        self.ok("initialize", **lab)
        self.ok("attach", **args)

    def mark(self, code, *lines):
        "Set breakpoints, numbers or dictionaries; what debugpy made of them"
        path = self.ok("dumpCell", code=code)["sourcePath"]
        lines = [dict(line=o) if isinstance(o, int) else o for o in lines]
        return self.ok("setBreakpoints", source=dict(path=path), breakpoints=lines, sourceModified=False)["breakpoints"]

    def unmark(self):
        for o in self.ok("debugInfo")["breakpoints"]: self.ok("setBreakpoints", source=dict(path=o["source"]), breakpoints=[])

    def stop(self, code, *lines, **kw):
        "Run `code` up to a breakpoint; id of the cell, body of the event"
        self.mark(code, *lines)
        id = self.kc.cell(code, **kw)
        return id,self.event("stopped")

    def frames(self, tid=1): return self.ok("stackTrace", threadId=tid)["stackFrames"]
    def where(self, tid=1): return [(f["name"], f["line"]) for f in self.frames(tid)]
    def value(self, expr, **kw): return self.ok("evaluate", expression=expr, frameId=self.frames()[0]["id"], context="repl", **kw)["result"]
    def scope(self, name): return first(self.ok("scopes", frameId=self.frames()[0]["id"])["scopes"], lambda o: o["name"] == name)["variablesReference"]
    def go_on(self, tid=1): return self.ok("continue", threadId=tid)

    def step(self, how, tid=1):
        self.ok(how, threadId=tid)
        return self.event("stopped")

    def end(self, id, timeout=20): return self.kc.wait(id, timeout=timeout)


@pytest.fixture
def idle(kc):
    "A client that has not started the debugger"
    yield (dbg := Client(kc))
    dbg.ask("disconnect")
    kc.run("go = False")

@pytest.fixture
def dbg(idle):
    idle.start()
    return idle

@pytest.fixture
def own():
    "A client of a kernel of its own, which `name` tells from others in the environment of its children"
    name = f"test-{uuid4()}"
    client = Client(start(env=dict(JPY_SESSION_NAME=name)))
    client.name = name
    yield client
    client.kc.stop()

def texts(body): return {o["name"]: o["value"] for o in body["variables"]}

# -- names of cells

vectors = {"": 3990065800, "a": 2167009006, "ab": 2805137849, "abc": 3350977461, "abcd": 804720481, "print(1)": 3773950048, "x = 1\nprint(x)\n": 1538517086,
    "\nx = 1": 1837458733, "é = 1": 743418365, "'🎉'": 3216213187}
@pytest.mark.parametrize("code, hash", vectors.items(), ids=repr)
def test_murmur2(code, hash): assert murmur2(code.encode()) == hash

def test_a_cell_is_named_by_its_hash(): assert cell_name("a") == f"{folder}2167009006.py"

def test_a_cell_of_surrogates_has_a_name(): assert cell_name("'\udcff'").startswith(folder)

def test_the_folder_begins_as_numba_and_joblib_expect(): assert os.path.basename(folder[:-1]) == f"ipykernel_{os.getpid()}"

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
    assert info["tmpFilePrefix"].endswith(f"{os.sep}ipykernel_{pid}{os.sep}")
    assert {k: v for k,v in info.items() if k != "tmpFilePrefix"} == dict(isStarted=False, hashMethod="Murmur2", hashSeed=3339675911, tmpFileSuffix=".py",
        breakpoints=[], stoppedThreads=[], richRendering=True, exceptionPaths=["Python Exceptions"], copyToGlobals=True)

def test_a_dumped_cell_is_a_file(idle):
    path = idle.ok("dumpCell", code="é = 1\r\n")["sourcePath"]
    with open(path, "rb") as f: assert f.read() == "é = 1\r\n".encode()

def test_the_folder_is_private(idle): assert os.stat(os.path.dirname(idle.ok("dumpCell", code="1")["sourcePath"])).st_mode & 0o777 == 0o700

def test_a_folder_of_somebody_elses_is_not_written_to(monkeypatch):
    monkeypatch.setattr("ipymini.debugger.answers.os.getuid", lambda: -1)
    assert "belongs to another user" in Debugger(IP(), None).request(dict(command="dumpCell", arguments=dict(code="1")))["message"]
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
    with open(json.__file__) as f: assert idle.ok("source", source=dict(path=json.__file__), sourceReference=0)["content"] == f.read()

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

@pytest.mark.parametrize("command", ["setBreakpoints", "stackTrace", "threads", "attach", "configurationDone", "evaluate", "next", "continue", "nosuch"])
def test_needs_initialize(idle, command): assert "not started" in idle.refused(command)

def test_no_stack_is_an_empty_one(idle): assert idle.ask("stackTrace")["body"] == dict(stackFrames=[])

@pytest.mark.parametrize("command", ["launch", "restart"])
def test_a_kernel_is_not_launched(idle, command): idle.refused(command)

def test_disconnect_without_a_session(idle): assert idle.ok("disconnect") == {}

@pytest.mark.parametrize("command", ["dumpCell", "copyToGlobals", "richInspectVariables", "variables"])
def test_missing_arguments_are_named(idle, command): assert "the arguments lack" in idle.refused(command)

untraced = "import sys; sys.gettrace(), [i for i in range(6) if hasattr(sys, 'monitoring') and sys.monitoring.get_tool(i)]"

def test_nothing_is_traced(own):
    own.ok("debugInfo")
    assert own.kc.run(untraced).result == "(None, [])"

def test_the_debugger_is_loaded_when_somebody_asks(own):
    loaded = "import sys; 'ipymini.debugger.requests' in sys.modules"
    before = own.kc.run(loaded).result
    own.ok("debugInfo")
    assert (before, own.kc.run(loaded).result) == ("False", "True")

def test_debugpy_waits_for_initialize(own):
    code = "import sys; sorted(m for m in sys.modules if m.partition('.')[0] in ('debugpy', 'pydevd'))"
    own.ok("debugInfo")
    own.ok("inspectVariables")
    assert own.kc.run(code).result == "[]"

def test_without_debugpy(tmp_path):
    (tmp_path/"debugpy.py").write_text("raise ImportError('gone')")
    kc = start(env=dict(PYTHONPATH=os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")])))
    try: assert Client(kc).refused("initialize", **lab) == "initialize: debugging needs the package debugpy: gone"
    finally: kc.stop()

# -- the namespace, while nothing is stopped

class IP:
    def __init__(self, **ns): self.user_ns = ns

def ask(ip, command, **args): return Debugger(ip, None).request(dict(seq=1, command=command, arguments=args))["body"]

def test_variables_begin_with_two_groups():
    found = ask(IP(x=1), "inspectVariables")["variables"]
    assert [o["name"] for o in found] == ["special variables", "function variables", "x"]

def test_a_variable():
    assert ask(IP(x=[1]), "inspectVariables")["variables"][2] == dict(name="x", value="[1]", type="list", evaluateName="x", variablesReference=1)

def test_what_ipython_puts_there_is_hidden():
    ns = dict.fromkeys("__name__ __builtins__ _ __ ___ _i _ii _iii _i1 _1 _ih _oh _dh In Out exit quit get_ipython debugpy _x _items".split(), 0)
    assert list(texts(ask(IP(**ns), "inspectVariables")))[2:] == ["_x", "_items"]

@pytest.mark.parametrize("name", ["__class__", "__dict__", 5])
def test_names_that_an_object_cannot_have(name):
    ip = IP(x=1)
    ip.user_ns[name] = 2
    assert "x" in texts(ask(ip, "inspectVariables"))

def test_special_variables_are_a_group():
    dap = Debugger(IP(__class__=5), None)
    group = dap.request(dict(command="inspectVariables"))["body"]["variables"][0]
    inside = dap.request(dict(command="variables", arguments=dict(variablesReference=group["variablesReference"])))["body"]
    assert texts(inside) == {"__class__": "5"}

def test_a_repr_that_fails():
    class Bad:
        def __repr__(self): raise SystemExit
    assert "Bad object" in texts(ask(IP(x=Bad()), "inspectVariables"))["x"]

def test_a_repr_that_takes_long():
    hang = threading.Event()
    class Slow:
        def __repr__(self):
            hang.wait(20)
            return "slow"
    dap = Debugger(IP(a=Slow(), b=2), None)
    inspect = lambda: texts(dap.request(dict(command="inspectVariables"))["body"])
    assert "Slow object" in inspect()["a"]
    assert inspect()["b"] == "2"
    hang.set()

def test_large_values_are_cut():
    ns = dict(s="x"*10**6, l=list(range(10**6)), d={i: i for i in range(10**6)}, n=10**9999)
    assert all(len(s) < 200 for s in texts(ask(IP(**ns), "inspectVariables")).values())

def test_a_namespace_that_changes_meanwhile():
    ip,done = IP(),threading.Event()
    def churn():
        for i in iter(count().__next__, None):
            ip.user_ns[f"v{i%99}"] = i
            ip.user_ns.pop(f"v{(i+50)%99}", None)
            if done.is_set(): return
    t = threading.Thread(target=churn)
    t.start()
    for _ in range(20): assert "variables" in ask(ip, "inspectVariables")
    done.set()
    t.join()

@pytest.mark.parametrize("value, inside", [([1, "a"], {"0": "1", "1": "'a'"}), (dict(a=1), {"'a'": "1"}), (SimpleNamespace(a=[]), {"a": "[]"}), ((3,), {"0": "3"})], ids=str)
def test_children(value, inside):
    dap = Debugger(IP(x=value), None)
    ref = dap.request(dict(command="inspectVariables"))["body"]["variables"][2]["variablesReference"]
    assert texts(dap.request(dict(command="variables", arguments=dict(variablesReference=ref)))["body"]) == inside

def test_children_in_pages():
    dap = Debugger(IP(x=list(range(9))), None)
    ref = dap.request(dict(command="inspectVariables"))["body"]["variables"][2]["variablesReference"]
    assert texts(dap.request(dict(command="variables", arguments=dict(variablesReference=ref, start=4, count=2)))["body"]) == {"4": "4", "5": "5"}

def test_functions_have_a_group():
    dap = Debugger(IP(f=lambda: 1), None)
    ref = dap.request(dict(command="inspectVariables"))["body"]["variables"][1]["variablesReference"]
    assert list(texts(dap.request(dict(command="variables", arguments=dict(variablesReference=ref)))["body"])) == ["f"]

def test_rich_inspection_of_a_variable(kc, idle):
    kc.run("from IPython.display import HTML; h = HTML('<b>é</b>')")
    assert idle.ok("richInspectVariables", variableName="h")["data"]["text/html"] == "<b>é</b>"

def test_images_are_base64(kc, idle):
    kc.run("class P:\n    def _repr_png_(self): return b'\\x89PNG'\np = P()")
    assert base64.b64decode(idle.ok("richInspectVariables", variableName="p")["data"]["image/png"]) == b"\x89PNG"

def test_rich_inspection_of_a_group(idle): assert idle.ok("richInspectVariables", variableName="special variables") == dict(data={}, metadata={})

@pytest.mark.parametrize("name", ["a b", "nosuch"])
def test_rich_inspection_of_what_is_not_there(idle, name):
    res = idle.ask("richInspectVariables", variableName=name)
    assert (res["success"], res["body"]) == (False, dict(data={}, metadata={}))

# -- the wire to debugpy

class Peer:
    "The other end of a `Link`"
    def __init__(self):
        server = socket.create_server(("127.0.0.1", 0))
        self.heard = []
        self.link = Link(server.getsockname(), lambda e: self.heard.append((e["event"], [f.done() for f in self.asked])))
        self.sock,self.asked = server.accept()[0],[]
        server.close()

    def ask(self, n): self.asked = [self.link.send(f"c{i}", {}) for i in range(n)]
    def frame(self, **msg):
        b = json.dumps(msg, ensure_ascii=False).encode()
        return b"Content-Length: %d\r\n\r\n" % len(b) + b
    def response(self, seq, body): return self.frame(type="response", request_seq=seq, success=True, body=body)

@pytest.fixture
def peer():
    yield (peer := Peer())
    peer.link.close()
    peer.sock.close()

def test_responses_go_to_who_asked(peer):
    peer.ask(2)
    peer.sock.sendall(peer.response(2, "b") + peer.response(1, "a"))
    assert [f.result(5)["body"] for f in peer.asked] == ["a", "b"]

def test_a_message_in_pieces(peer):
    peer.ask(1)
    for b in peer.response(1, "é🎉"): peer.sock.send(bytes([b]))
    assert peer.asked[0].result(5)["body"] == "é🎉"

def test_events_are_handled_before_the_response_they_precede(peer):
    peer.ask(1)
    peer.sock.sendall(peer.frame(type="event", event="e") + peer.response(1, ""))
    peer.asked[0].result(5)
    assert peer.heard == [("e", [False])]

def test_a_lost_connection_answers_all(peer):
    peer.ask(2)
    peer.sock.close()
    assert [f.result(5)["success"] for f in peer.asked] == [False, False]

# -- sessions

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
    assert (ev["reason"], ev["allThreadsStopped"], idle.ok("debugInfo")["stoppedThreads"]) == ("breakpoint", True, [ev["threadId"]])
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
    assert (lines, idle.end(id).status, kc.run("pass", **hidden).status, kc.run("b").result) == ([2, 3], "ok", "ok", "2")

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

@pytest.mark.parametrize("command, args", [("terminate", {}), ("disconnect", dict(restart=True, terminateDebuggee=True))])
def test_the_kernel_outlives_a_session(kc, dbg, command, args):
    dbg.ok(command, **args)
    assert kc.run("1").result == "1"

def test_an_attach_that_fails(kc, idle):
    idle.ok("initialize", **lab)
    idle.refused("attach", debugOptions=5)
    assert kc.request("kernel_info_request", channel="control").status == "ok"
    idle.start()

@pytest.mark.parametrize("command", ["initialize", "attach"])
def test_an_answer_that_never_comes(monkeypatch, command):
    monkeypatch.setattr("ipymini.debugger.link.answer_timeout", .1)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        dap = Debugger(IP(), lambda *_: None)
        adapter = dap.session.adapter
        monkeypatch.setattr(adapter, "listen", lambda: setattr(adapter, "address", silent.getsockname()))
        monkeypatch.setattr(adapter, "let_go", lambda: None)
        dap.request(dict(command="initialize"))
        res = dap.request(dict(command=command))
        assert (res["success"], "no answer" in res["message"]) == (False, True)
        assert dap.request(dict(command="debugInfo"))["success"]

def test_initialize_without_arguments_leaves_control_working(kc, idle):
    idle.ask("initialize")
    idle.refused("attach")
    assert kc.request("kernel_info_request", channel="control").status == "ok"

@pytest.mark.parametrize("command, args", [("next", dict(threadId=1)), ("stepIn", dict(threadId=99)), ("exceptionInfo", dict(threadId=1)), ("loadedSources", {}),
    ("cancel", {}), ("terminateThreads", dict(threadIds=[1])), ("breakpointLocations", dict(source=dict(path="/x.py"), line=1)), ("setBreakpoints", dict(source={})),
    ("setBreakpoints", dict(source=dict(path="/x.py"), breakpoints=[{}])), ("nosuch", {})], ids=str)
def test_what_debugpy_would_choke_on(dbg, command, args):
    dbg.refused(command, **args)
    assert dbg.ok("threads")["threads"]

def test_continue_twice(dbg):
    id,_ = dbg.stop("r = 1\nr = 2", 2)
    assert [dbg.go_on(), dbg.go_on()] == [dict(allThreadsContinued=True)]*2
    assert dbg.end(id).status == "ok"

def test_threads_of_the_kernel_are_not_shown(dbg): assert [t["name"] for t in dbg.ok("threads")["threads"]] == ["MainThread"]

def test_a_session_leaves_no_tracing(kc, dbg):
    traced = "import sys; sys.gettrace()"
    kc.run(traced)
    dbg.ok("disconnect")
    assert kc.run(traced).result is None

def test_debug_info_knows_breakpoints(dbg):
    dbg.mark("a = 1\n\nb = 2", dict(line=3, condition="a == 1"), 1)
    assert dbg.ok("debugInfo")["breakpoints"] == [dict(source=dbg.ok("dumpCell", code="a = 1\n\nb = 2")["sourcePath"], breakpoints=[dict(line=3, condition="a == 1"), dict(line=1)])]

def test_breakpoints_end_with_the_session(dbg):
    dbg.mark("a = 1", 1)
    dbg.ok("disconnect")
    assert dbg.ok("debugInfo")["breakpoints"] == []

def test_another_kernel_another_folder(idle, own): assert own.ok("debugInfo")["tmpFilePrefix"] != idle.ok("debugInfo")["tmpFilePrefix"]

def test_shutdown_while_stopped(own):
    own.start()
    own.stop("r = 1\nr = 2", 2)
    own.kc.submit("shutdown_request", dict(restart=False), "control")
    assert own.kc.proc.wait(5) == 0

def test_nothing_is_left_behind(own):
    prefix = own.ok("debugInfo")["tmpFilePrefix"]
    own.start()
    own.mark("1", 1)
    until(lambda: adapters(own), "an adapter process")
    own.kc.submit("shutdown_request", dict(restart=False), "control")
    own.kc.proc.wait(5)
    until(lambda: not os.path.exists(prefix), f"{prefix} to go")
    until(lambda: not adapters(own), "the adapter process to end")

def test_the_adapter_ends_with_each_session(own):
    for _ in range(2):
        own.start()
        assert len(until(lambda: adapters(own), "an adapter process")) == 1
        own.ok("disconnect")
        until(lambda: not adapters(own), "the adapter process to end")

def adapters(client):
    "Processes of debugpy's adapter that the kernel of `client` has started"
    found,mark = set(),client.name.encode()
    for path in glob.glob("/proc/[0-9]*"):
        try:
            with open(f"{path}/cmdline", "rb") as cmd, open(f"{path}/environ", "rb") as env:
                if b"debugpy/adapter" in cmd.read() and mark in env.read(): found.add(path)
        except OSError: pass  # gone
    return found

# -- where it stops

@pytest.mark.parametrize("before", [False, True], ids=["no session yet", "after a session"])
def test_a_cell_that_runs_already(kc, idle, before):
    if before:
        idle.start()
        idle.ok("disconnect")
    id = kc.cell(gate)
    kc.wait(id, until=lambda r: r.stdout)
    idle.start()
    idle.mark(gate, 5)
    idle.event("stopped")
    assert idle.where() == [("<module>", 5)]
    idle.unmark()
    idle.value("globals().update(go=False)")
    idle.go_on()
    assert idle.end(id).status == "ok"

def test_a_thread_that_runs_already(kc, idle):
    code = "import threading, time\ngo = True\ndef work():\n    while go:\n        n = 1\n        time.sleep(.01)\nt = threading.Thread(target=work)\nt.start()"
    kc.run(code)
    idle.start()
    idle.mark(code, 5)
    assert idle.where(idle.event("stopped")["threadId"])[0] == ("work", 5)

def test_a_new_thread(dbg):
    id,ev = dbg.stop("import threading\ndef work():\n    n = 1\nt = threading.Thread(target=work)\nt.start(); t.join()", 3)
    assert dbg.where(ev["threadId"])[0] == ("work", 3)
    assert set(dbg.ok("debugInfo")["stoppedThreads"]) == {t["id"] for t in dbg.ok("threads")["threads"]}
    dbg.go_on(ev["threadId"])
    assert dbg.end(id).status == "ok"

def test_a_thread_after_one_that_python_code_outlived(kc, dbg):
    "What finalises the locals of a thread runs when the thread has left `threading`; the next thread may have its number"
    kc.run("import threading\nclass Late:\n    def __del__(self): n = 1\nlocals = threading.local()")
    code = "def work():\n    locals.late = Late()\nt = threading.Thread(target=work)\nt.start(); t.join()"
    for _ in range(3):
        id,ev = dbg.stop(code, 2)
        assert dbg.where(ev["threadId"])[0] == ("work", 2)
        dbg.go_on(ev["threadId"])
        assert dbg.end(id).status == "ok"

def test_an_async_cell(dbg):
    id,_ = dbg.stop("import asyncio\nawait asyncio.sleep(0)\na = 1\nawait asyncio.sleep(.01)\nb = 2", 3)
    assert [dbg.where()[0][1] for _ in range(2) if dbg.step("next")] == [4, 5]

def test_a_background_task(kc, dbg):
    code = "import asyncio\nasync def f():\n    await asyncio.sleep(.05)\n    return 7\ntask = asyncio.create_task(f())"
    dbg.mark(code, 4)
    kc.run(code)
    dbg.event("stopped")
    assert dbg.where()[0] == ("f", 4)
    dbg.go_on()
    assert kc.run("await task").result == "7"

def test_a_subshell(kc, dbg):
    sub = kc.request("create_subshell_request", channel="control").content["subshell_id"]
    id,ev = dbg.stop("s = 1\ns = 2", 2, subshell=sub)
    assert (dbg.where(ev["threadId"]), ev["threadId"] != 1) == ([("<module>", 2)], True)
    dbg.go_on(ev["threadId"])
    assert dbg.end(id).status == "ok"
    kc.request("delete_subshell_request", dict(subshell_id=sub), "control")

def test_blank_lines_at_the_top_count(dbg):
    dbg.stop("\n\n\na = 1\na = 2", 5)
    assert dbg.where() == [("<module>", 5)]

def test_a_cell_magic_below_blank_lines(kc, dbg): assert kc.run("\n\n%%timeit -n1 -r1\n1").status == "ok"

def test_blank_lines_are_stripped_again(kc, dbg):
    dbg.ok("disconnect")
    assert kc.run("get_ipython().input_transformer_manager.cleanup_transforms[0].__name__").result == "'leading_empty_lines'"

def test_a_condition(dbg):
    dbg.stop("for i in range(9):\n    x = i", dict(line=2, condition="i == 7"))
    assert dbg.value("i") == "7"

def test_a_hit_count(dbg):
    dbg.stop("for i in range(9):\n    x = i", dict(line=2, hitCondition="4"))
    assert dbg.value("i") == "3"

def test_a_log_point_does_not_stop(kc, dbg):
    code = "for i in range(2):\n    x = i"
    dbg.mark(code, dict(line=2, logMessage="i is {i}"))
    kc.run(code)
    until(lambda: dbg.event("output")["output"] == "i is 1\n", "the second log message")
    assert dbg.quiet()

def test_a_function_breakpoint(kc, dbg):
    dbg.ok("setFunctionBreakpoints", breakpoints=[dict(name="named")])
    kc.cell("def named():\n    return 1\nnamed()")
    dbg.event("stopped")
    assert dbg.where()[0][0] == "named"

def test_a_raised_exception(kc, dbg):
    dbg.ok("setExceptionBreakpoints", filters=["raised"])
    id = kc.cell("x = 1\n1/0")
    ev = dbg.event("stopped")
    info = dbg.ok("exceptionInfo", threadId=1)
    assert (ev["reason"], ev["text"], info["breakMode"], dbg.where()) == ("exception", "ZeroDivisionError", "always", [("<module>", 2)])
    dbg.go_on()
    assert dbg.end(id).error["ename"] == "ZeroDivisionError"
    assert dbg.quiet()

def test_an_exception_that_leaves_the_users_code(kc, dbg):
    dbg.ok("setExceptionBreakpoints", filters=["userUnhandled"])
    id = kc.cell("def f():\n    try:\n        1/0\n    except ZeroDivisionError:\n        pass\nf()\nint('x')")
    ev = dbg.event("stopped")
    assert (ev["reason"], dbg.where()[0][1]) == ("exception", 7)
    dbg.go_on()
    assert dbg.end(id).error["ename"] == "ValueError"

def test_an_exception_that_ends_a_thread(kc, dbg):
    dbg.ok("setExceptionBreakpoints", filters=["uncaught"])
    id = kc.cell("import threading\nt = threading.Thread(target=lambda: 1/0)\nt.start(); t.join()")
    ev = dbg.event("stopped")
    assert (ev["reason"], dbg.where(ev["threadId"])[0]) == ("exception", ("<lambda>", 2))
    dbg.go_on(ev["threadId"])
    assert dbg.end(id).status == "ok"

@pytest.mark.parametrize("code", ["print(1); 2", "x +", "import asyncio\nawait asyncio.sleep(0)", "from IPython.display import HTML; HTML('')"])
def test_exceptions_of_the_machinery_do_not_stop(kc, idle, code):
    kc.run(code)  # what is imported for the first time may well raise
    idle.start(justMyCode=False)
    idle.ok("setExceptionBreakpoints", filters=["raised"])
    kc.run(code)
    assert idle.quiet()

def test_the_display_of_an_exception_does_not_stop(kc, idle):
    idle.start(justMyCode=False)
    idle.ok("setExceptionBreakpoints", filters=["raised"])
    id = kc.cell("nosuch")
    idle.event("stopped")
    idle.go_on()
    assert idle.end(id).error["ename"] == "NameError"
    assert idle.quiet()

def test_pause(kc, dbg):
    id = kc.cell(gate)
    kc.wait(id, until=lambda r: r.stdout)
    dbg.ok("pause", threadId=1)
    assert dbg.event("stopped")["reason"] == "pause"
    dbg.value("globals().update(go=False)")
    dbg.go_on()
    assert dbg.end(id).status == "ok"

def test_steps_in_and_out(kc, dbg):
    kc.run("def inner(x):\n    return x*2")
    id,_ = dbg.stop("a = 1\nb = inner(a)\nc = 3", 2)
    dbg.step("stepIn")
    assert dbg.where() == [("inner", 2), ("<module>", 2)]
    dbg.step("stepOut")
    assert dbg.where() == [("<module>", 2)]
    dbg.step("next")
    assert dbg.where() == [("<module>", 3)]
    dbg.ok("next", threadId=1)
    assert dbg.end(id).status == "ok"

def test_goto(dbg):
    dbg.stop("def f():\n    a = 1\n    b = 2\n    return b\nf()", 4)
    target, = dbg.ok("gotoTargets", source=dbg.frames()[0]["source"], line=2)["targets"]
    dbg.ok("goto", threadId=1, targetId=target["id"])
    dbg.event("stopped")
    assert dbg.where()[0] == ("f", 2)

def test_breakpoint_stops_in_the_frontend(kc, dbg):
    id = kc.cell("def f():\n    breakpoint()\n    return 1\nf()")
    dbg.event("stopped")
    assert dbg.where()[0] == ("f", 3)
    dbg.go_on()
    assert dbg.end(id).result == "1"

@pytest.mark.parametrize("mine", [True, False])
def test_breakpoint_at_the_top_of_a_cell(kc, idle, mine):
    idle.start(justMyCode=mine)
    kc.cell("a = 1\nbreakpoint()\nb = 2")
    idle.event("stopped")
    assert idle.where() == [("<module>", 3)]

def test_just_my_code_is_of_one_session(idle):
    idle.start(justMyCode=False)
    idle.start()
    idle.stop("import json\njson.loads('1')\nj = 1", 2)
    idle.step("stepIn")
    assert idle.where() == [("<module>", 3)]

@pytest.mark.parametrize("before", [False, True], ids=["no session yet", "after a session"])
def test_breakpoint_opens_pdb_without_a_session(kc, idle, before):
    if before:
        idle.start()
        idle.ok("disconnect")
    id = kc.cell("breakpoint()\nq = 1", allow_stdin=True)
    kc.prompt()
    kc.input("c")
    assert kc.wait(id).status == "ok"

# -- while it is stopped

@pytest.fixture
def stopped(dbg):
    "Stopped in a function"
    dbg.cell,_ = dbg.stop("gamma = 5\ndef f(a):\n    b = [a]\n    return b\nr = f(1)", 4)
    return dbg

def test_locals(stopped): assert texts(stopped.ok("variables", variablesReference=stopped.scope("Locals"))) == dict(a="1", b="[1]")

def test_globals_without_what_is_ipythons(stopped):
    names = set(texts(stopped.ok("variables", variablesReference=stopped.scope("Globals"))))
    assert ("gamma" in names, names & {"In", "Out", "_", "__", "_i", "get_ipython", "exit"}) == (True, set())

def test_set_variable(stopped):
    stopped.ok("setVariable", variablesReference=stopped.scope("Locals"), name="b", value="'new'")
    stopped.go_on()
    stopped.end(stopped.cell)
    assert stopped.kc.run("r").result == "'new'"

@pytest.mark.parametrize("context", ["repl", "hover", "clipboard", "watch"])
def test_evaluate(stopped, context): assert stopped.ok("evaluate", expression="a+1", frameId=stopped.frames()[0]["id"], context=context)["result"] == "2"

def test_evaluate_statements(stopped):
    stopped.value("import math\nq = math.sqrt(a+3)")
    assert stopped.value("q") == "2.0"

def test_get_ipython_in_a_frame(stopped): assert stopped.value("get_ipython().__class__.__name__") == "'ZMQInteractiveShell'"

def test_an_expression_that_fails(stopped): assert "NameError" in stopped.refused("evaluate", expression="nosuch", frameId=stopped.frames()[0]["id"], context="repl")

def test_rich_inspection_in_a_frame(stopped):
    stopped.value("from IPython.display import HTML; h = HTML('<i>é</i>')")
    body = stopped.ok("richInspectVariables", variableName="h", frameId=stopped.frames()[0]["id"])
    assert (body["data"]["text/html"], body["metadata"]) == ("<i>é</i>", {})

def test_rich_inspection_without_a_frame(stopped): assert stopped.ok("richInspectVariables", variableName="gamma")["data"] == {"text/plain": "5"}

def test_copy_to_globals(stopped):
    stopped.ok("copyToGlobals", srcVariableName="b", dstVariableName="copied", srcFrameId=stopped.frames()[0]["id"])
    stopped.go_on()
    stopped.end(stopped.cell)
    assert stopped.kc.run("copied").result == "[1]"

def test_only_identifiers_are_copied(stopped):
    assert "identifiers" in stopped.refused("copyToGlobals", srcVariableName="b", dstVariableName="a b", srcFrameId=stopped.frames()[0]["id"])

def test_inspect_variables_while_stopped(stopped): assert texts(stopped.ok("inspectVariables"))["gamma"] == "5"

def test_control_answers(stopped): assert stopped.kc.request("kernel_info_request", channel="control").status == "ok"

def test_output_of_children_arrives(stopped):
    stopped.value("import os; os.system('echo out')")
    stopped.kc.wait(stopped.cell, until=lambda r: r.stdout == "out\n")

def test_the_heart_beats(stopped):
    hb = stopped.kc.context.socket(zmq.REQ)
    with hb:
        hb.linger,hb.rcvtimeo = 0,10_000
        hb.connect(stopped.kc._make_url("hb"))
        hb.send(b"?")
        assert hb.recv() == b"?"

def test_completions(stopped): assert stopped.kc.request("complete_request", dict(code="gam", cursor_pos=3)).content["matches"] == ["gamma"]

def test_completions_of_the_frame(stopped):
    assert "a" in [o["label"] for o in stopped.ok("completions", text="a", column=2, frameId=stopped.frames()[0]["id"])["targets"]]

@pytest.mark.parametrize("how", ["signal", "message"])
def test_interrupt(stopped, how):
    stopped.kc.interrupt(how)
    res = stopped.end(stopped.cell)
    stopped.event("continued")
    assert (res.error["ename"], stopped.ok("debugInfo")["stoppedThreads"], stopped.kc.run("1").result) == ("KeyboardInterrupt", [], "1")

@pytest.mark.parametrize("how", ["signal", "message"])
def test_an_interrupt_comes_before_the_next_line(kc, dbg, how):
    id,_ = dbg.stop("ran = 0\nran = 0\nran = 1", 2)
    kc.interrupt(how)
    dbg.end(id)
    assert kc.run("ran").result == "0"

def test_breakpoints_hold_after_an_interrupt(stopped):
    stopped.kc.interrupt("message")
    stopped.end(stopped.cell)
    stopped.event("continued")
    stopped.stop("again = 1\nagain = 2", 2)

def test_a_forked_child_does_not_stop(kc, dbg):
    code = "import os\npid = os.fork()\nif pid: print(os.waitpid(pid, 0)[1])\nelse: os._exit(0)"
    dbg.mark(code, 4)
    id = kc.cell(code)
    assert dbg.end(id).stdout == "0\n"

def test_shell_commands_run(kc, dbg): assert kc.run("!echo hi").stdout.split() == ["hi"]
