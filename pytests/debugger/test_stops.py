"Where it stops: running cells, threads, tasks, subshells, conditions, exceptions, steps, `breakpoint()`"
import pytest
from dap import gate
from helpers import until

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
    id,ev = dbg.stop("import threading\ndef work():\n    n = 1\nt = threading.Thread(target=work)\n"
        "t.start(); t.join()", 3)
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
    assert (ev["reason"], ev["text"], info["breakMode"], dbg.where()) == ("exception", "ZeroDivisionError", "always",
        [("<module>", 2)])
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

@pytest.mark.parametrize("code", ["print(1); 2", "x +", "import asyncio\nawait asyncio.sleep(0)",
    "from IPython.display import HTML; HTML('')"])
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
