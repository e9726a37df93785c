"While it is stopped: scopes, expressions, copies, completion, interrupts"
import pytest, zmq
from dap import texts

@pytest.fixture
def stopped(dbg):
    "Stopped in a function"
    dbg.cell,_ = dbg.stop("gamma = 5\ndef f(a):\n    b = [a]\n    return b\nr = f(1)", 4)
    return dbg

def test_locals(stopped):
    assert texts(stopped.ok("variables", variablesReference=stopped.scope("Locals"))) == dict(a="1", b="[1]")

def test_globals_without_what_is_ipythons(stopped):
    names = set(texts(stopped.ok("variables", variablesReference=stopped.scope("Globals"))))
    assert ("gamma" in names, names & {"In", "Out", "_", "__", "_i", "get_ipython", "exit"}) == (True, set())

def test_set_variable(stopped):
    stopped.ok("setVariable", variablesReference=stopped.scope("Locals"), name="b", value="'new'")
    stopped.go_on()
    stopped.end(stopped.cell)
    assert stopped.kc.run("r").result == "'new'"

@pytest.mark.parametrize("context", ["repl", "hover", "clipboard", "watch"])
def test_evaluate(stopped, context):
    assert stopped.ok("evaluate", expression="a+1", frameId=stopped.frames()[0]["id"], context=context)["result"] == "2"

def test_evaluate_statements(stopped):
    stopped.value("import math\nq = math.sqrt(a+3)")
    assert stopped.value("q") == "2.0"

def test_get_ipython_in_a_frame(stopped):
    assert stopped.value("get_ipython().__class__.__name__") == "'ZMQInteractiveShell'"

def test_an_expression_that_fails(stopped):
    assert "NameError" in stopped.refused("evaluate", expression="nosuch", frameId=stopped.frames()[0]["id"],
        context="repl")

def test_rich_inspection_in_a_frame(stopped):
    stopped.value("from IPython.display import HTML; h = HTML('<i>é</i>')")
    body = stopped.ok("richInspectVariables", variableName="h", frameId=stopped.frames()[0]["id"])
    assert (body["data"]["text/html"], body["metadata"]) == ("<i>é</i>", {})

def test_rich_inspection_without_a_frame(stopped):
    assert stopped.ok("richInspectVariables", variableName="gamma")["data"] == {"text/plain": "5"}

def test_copy_to_globals(stopped):
    stopped.ok("copyToGlobals", srcVariableName="b", dstVariableName="copied", srcFrameId=stopped.frames()[0]["id"])
    stopped.go_on()
    stopped.end(stopped.cell)
    assert stopped.kc.run("copied").result == "[1]"

def test_only_identifiers_are_copied(stopped):
    assert "identifiers" in stopped.refused("copyToGlobals", srcVariableName="b", dstVariableName="a b",
        srcFrameId=stopped.frames()[0]["id"])

def test_inspect_variables_while_stopped(stopped): assert texts(stopped.ok("inspectVariables"))["gamma"] == "5"

def test_control_answers(stopped): assert stopped.kc.request("kernel_info_request", channel="control").status == "ok"

def test_output_of_children_arrives(stopped):
    stopped.value("import os; os.system('echo out')")
    stopped.kc.wait(stopped.cell, until=lambda r: r.stdout == "out\n")

def test_the_heart_beats(stopped):
    hb = stopped.kc.context.socket(zmq.REQ)
    with hb:
        hb.linger,hb.rcvtimeo = 0,60_000
        hb.connect(stopped.kc._make_url("hb"))
        hb.send(b"?")
        assert hb.recv() == b"?"

def test_completions(stopped):
    assert stopped.kc.request("complete_request", dict(code="gam", cursor_pos=3)).content["matches"] == ["gamma"]

def test_completions_of_the_frame(stopped):
    assert "a" in [o["label"] for o in stopped.ok("completions", text="a", column=2,
        frameId=stopped.frames()[0]["id"])["targets"]]

@pytest.mark.parametrize("how", ["signal", "message"])
def test_interrupt(stopped, how):
    stopped.kc.interrupt(how)
    res = stopped.end(stopped.cell)
    stopped.event("continued")
    assert (res.error["ename"], stopped.ok("debugInfo")["stoppedThreads"],
        stopped.kc.run("1").result) == ("KeyboardInterrupt", [], "1")

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
