"execute_request: counts, history, user expressions, namespace, payloads; and which cells are aborted"
import pytest, sys
from datetime import datetime
from helpers import count, error_keys, is_error

# -- execute

def test_outputs_lie_between_busy_and_idle(kc):
    r = kc.run("print('hi'); 40+2")
    assert r.shape == ["status", "execute_input", "stream", "execute_result", "status"]
    assert (r.stdout, r.result) == ("hi\n", "42")

def test_ok_reply(kc): assert set(kc.run("1").content) == {"status", "execution_count", "user_expressions", "payload"}

def test_error_reply(kc):
    c = kc.run("1/0").content
    assert set(c) == error_keys | {"execution_count", "user_expressions", "payload"}
    assert is_error(c)
    assert (c["ename"], c["evalue"], c["user_expressions"], c["payload"]) == ("ZeroDivisionError", "division by zero",
        {}, [])

def test_execute_with_code_alone(kc):
    r = kc.request("execute_request", dict(code="print(5); 6"))
    assert (r.status, r.stdout, r.result) == ("ok", "5\n", "6")
    assert kc.request("execute_request", dict(code="_")).result == "6"

def test_empty_content_gets_an_error(kc): assert is_error(kc.request("execute_request", {}).content)

def test_execute_input_echoes_the_code(kc):
    r = kc.run("x = 'é'\n\n# c")
    assert r.of("execute_input") == [dict(code="x = 'é'\n\n# c", execution_count=r.content["execution_count"])]

def test_one_count_in_input_result_and_reply(kc):
    n = count(kc)
    r = kc.run("1")
    assert [r.of("execute_input")[0]["execution_count"], r.of("execute_result")[0]["execution_count"],
        r.content["execution_count"]] == [n+1]*3

@pytest.mark.parametrize("code", ["1", "1/0", "(", "%nosuch", "import asyncio; await asyncio.sleep(0)",
    "# only a comment", "raise SystemExit"])
def test_a_stored_cell_is_counted_once(kc, code):
    n = count(kc)
    assert kc.run(code).content["execution_count"] == n+1
    assert count(kc) == n+1

@pytest.mark.parametrize("code", ["", "  ", "\n\n", "\t\n "])
def test_blank_code_is_not_counted(kc, code):
    n = count(kc)
    r = kc.run(code)
    assert (r.status, r.content["execution_count"], r.of("execute_input")) == ("ok", n,
        [dict(code=code, execution_count=n+1)])
    assert count(kc) == n

def test_a_cell_finds_its_own_number(kc):
    r = kc.run("print(get_ipython().execution_count, len(In))")
    assert r.stdout == f"{r.content['execution_count']+1} {r.content['execution_count']+1}\n"

def test_silent_leaves_no_trace(kc):
    n = count(kc)
    r = kc.run("silent_x = 5; silent_x", silent=True)
    assert r.types == ["status", "status"]
    assert (r.status, r.content["execution_count"], count(kc)) == ("ok", n, n)
    assert kc.run("_i, 'silent_x' in ''.join(In[-3:-1])", store_history=False).result.endswith("False)")

def test_silent_is_still_heard(kc):
    r = kc.run(
        "import sys\n"
        "from IPython.display import display\n"
        "print('o'); print('e', file=sys.stderr); display(7); 1/0", silent=True)
    assert r.shape == ["status", "stream", "stream", "display_data", "error", "status"]
    assert r.status == "error"

def test_unstored_cell(kc):
    n = count(kc)
    r = kc.run("'unstored', 1", store_history=False)
    assert r.of("execute_input")[0]["execution_count"] == n+1
    assert r.of("execute_result")[0]["execution_count"] == r.content["execution_count"] == n
    assert count(kc) == n
    assert kc.run(f"{n+1} in Out, any('unstored' in s for s in In[:-1])").result == "(False, False)"

def test_reply_metadata_tells_when_it_started_and_how_it_went(kc):
    for code,status in (("1", "ok"), ("1/0", "error")):
        r = kc.run(code)
        assert r.reply["metadata"]["status"] == status
        t = r.reply["metadata"]["started"]
        t = datetime.fromisoformat(t) if isinstance(t, str) else t
        assert r.msgs[0]["header"]["date"] <= t <= r.reply["header"]["date"]

def test_metadata_of_the_request_may_be_anything(kc):
    assert kc.run("1", metadata=dict(cellId="a-b", deletedCells=["x"], recordTiming=True, tags=[])).status == "ok"
    assert kc.run("1", metadata=dict(cellId=None)).status == "ok"

def test_user_expressions(kc):
    c = kc.run("a = 6", user_expressions=dict(good="a*7", bad="1/0", wrong="(")).content
    assert c["status"] == "ok"
    assert c["user_expressions"]["good"] == dict(status="ok", data={"text/plain": "42"}, metadata={})
    assert is_error(c["user_expressions"]["bad"]) and is_error(c["user_expressions"]["wrong"])
    assert c["user_expressions"]["bad"]["ename"] == "ZeroDivisionError"

def test_user_expressions_are_not_evaluated_after_an_error(kc):
    assert kc.run("seen = []; 1/0", user_expressions=dict(a="seen.append(1)")).content["user_expressions"] == {}
    assert kc.run("seen").result == "[]"

def test_user_expressions_are_evaluated_when_silent(kc): assert kc.run("", silent=True,
    user_expressions=dict(a="1+1")).content["user_expressions"]["a"]["data"] == {"text/plain": "2"}

def test_namespace_is_a_real_main_module(kc):
    r = kc.run("import sys; f = lambda: 0; "
        "sys.modules['__main__'].__dict__ is globals(), __name__, '__file__' in globals(), f.__module__")
    assert r.result == "(True, '__main__', False, '__main__')"

def test_namespace_starts_as_ipythons(kc):
    assert kc.run("all(n in globals() for n in 'In Out _oh _dh get_ipython exit quit open'.split())").result == "True"

def test_results_are_remembered(kc):
    n = kc.run("123").content["execution_count"]
    assert kc.run(f"_, Out[{n}], _{n}").result == "(123, 123, 123)"

def test_top_level_await(kc):
    assert kc.run("import asyncio\nfor i in range(2): await asyncio.sleep(0)\n"
        "await asyncio.sleep(0, 'done')").result == "'done'"

@pytest.mark.parametrize("code, out",
    [("!echo shell; exit 3", "shell\r\n"), ("%%bash\necho b", "b\n"), ("a = !echo got\nprint(a)", "['got']\n"),
        ("%pwd\nprint('p')", "p\n"),
        ("%%capture c\nprint('x')", ""), ("%%python\nprint(1)", "1\n")])
def test_magics_and_shell(kc, code, out): assert kc.run(code).stdout.replace("\r\n", "\n") == out.replace("\r\n", "\n")

def test_what_was_captured_is_kept(kc):
    kc.run("%%capture kept\nprint('x')")
    assert kc.run("kept.stdout").result == repr("x\n")

def test_exit_code_of_a_shell_line(kc):
    kc.run("!exit 3")
    assert kc.run("_exit_code").result == "3"

@pytest.mark.slow
def test_pip_is_this_environments(kc):
    assert f"python {sys.version_info[0]}.{sys.version_info[1]}" in kc.run("%pip --version", timeout=60).stdout

# -- payloads

def test_page_payload(kc):
    p, = kc.run("print?").content["payload"]
    assert set(p) == {"source", "data", "start"}
    assert (p["source"], p["start"]) == ("page", 0)
    assert "Prints the values" in p["data"]["text/plain"]

def test_of_two_pages_the_last_stays(kc):
    p, = kc.run("print?\nlen?").content["payload"]
    assert "number of items" in p["data"]["text/plain"]

@pytest.mark.parametrize("replace", [False, True])
def test_set_next_input_payload(kc, replace):
    assert kc.run(f"get_ipython().set_next_input('x = 1', replace={replace})").content["payload"] == [dict(source="set_next_input", text="x = 1", replace=replace)]

def test_load_replaces_the_cell(kc, tmp_path):
    (tmp_path/"a.py").write_text("a = 1\n")
    p, = kc.run(f"%load {tmp_path/'a.py'}").content["payload"]
    assert (p["source"], p["replace"]) == ("set_next_input", True)
    assert "a = 1" in p["text"]

@pytest.mark.parametrize("args, line", [("", 0), ("-n 3 ", 3)])
def test_edit_payload(kc, tmp_path, args, line):
    (tmp_path/"b.py").write_text("b = 1\n")
    p, = kc.run(f"%edit {args}{tmp_path/'b.py'}").content["payload"]
    assert p == dict(source="edit_magic", filename=str(tmp_path/"b.py"), line_number=line)

def test_payloads_are_those_of_this_cell(kc):
    kc.run("print?")
    assert kc.run("1").content["payload"] == []

def test_payloads_come_with_errors_too(kc):
    assert [p["source"] for p in kc.run("get_ipython().set_next_input('x'); "
        "1/0").content["payload"]] == ["set_next_input"]

def test_pager_functions_page(kc, tmp_path):
    (tmp_path/"c.txt").write_text("in the file")
    p, = kc.run(f"%less {tmp_path/'c.txt'}").content["payload"]
    assert (p["source"], "in the file" in p["data"]["text/plain"]) == ("page", True)

@pytest.mark.parametrize("line, what", [("%connect_info", "shell_port"), ("%autosave 0", ""), ("%clear", "")])
def test_magics_that_a_kernel_provides(kc, line, what):
    r = kc.run(line)
    assert r.status == "ok"
    assert what in r.stdout

# -- abort

def queued(kc, first, *rest, kw=None):
    "Results of cells, the first of which runs until the kernel has read the others: what ends it comes behind them, for a subshell"
    kc.run("import time; go = []", silent=True)
    found = [kc.cell(f"while not go: time.sleep(.002)\n{first}", **kw or {}),
        *(kc.cell(c) if isinstance(c, str) else kc.submit(*c) for c in rest)]
    beside = kc.subshell()
    kc.run("go.append(1)", subshell=beside, silent=True)
    kc.request("delete_subshell_request", dict(subshell_id=beside), channel="control")
    return [kc.wait(id) for id in found]

def test_cells_after_a_failed_one_are_aborted(kc):
    rs = queued(kc, "1/0", "print(1)", "2")
    assert [r.status for r in rs] == ["error", "aborted", "aborted"]
    assert [r.types for r in rs[1:]] == [["status", "status"]]*2
    assert rs[1].states == ["busy", "idle"]

def test_an_aborted_reply_has_what_clients_look_for(kc):
    c = queued(kc, "1/0", "1")[1].content
    assert {"status", "ename", "evalue", "traceback", "execution_count"} <= set(c)
    assert c["execution_count"] is None  # JupyterLab writes a number beside a cell that never ran

def test_an_aborted_cell_is_not_counted(kc):
    rs = queued(kc, "1/0", "1", "2")
    assert count(kc) == rs[0].content["execution_count"]

def test_a_queued_cell_that_does_not_stop_on_error_is_aborted_as_well(kc):
    assert [r.status for r in queued(kc, "1/0",
        ("execute_request", dict(code="1", stop_on_error=False)))] == ["error", "aborted"]

def test_other_requests_are_answered_while_cells_are_aborted(kc):
    rs = queued(kc, "1/0", "1", ("is_complete_request", dict(code="1")), ("kernel_info_request",), "2")
    assert [r.status for r in rs] == ["error", "aborted", "complete", "ok", "aborted"]

def test_cells_that_come_after_the_error_run(kc):
    queued(kc, "1/0", "1")
    assert kc.run("1").status == "ok"

def test_many_cells_are_aborted(kc): assert {r.status for r in queued(kc, "1/0", *["1"]*200)[1:]} == {"aborted"}

@pytest.mark.parametrize("kw", [dict(stop_on_error=False), dict(silent=True)], ids=str)
def test_nothing_is_aborted(kc, kw): assert [r.status for r in queued(kc, "1/0", "1", kw=kw)] == ["error", "ok"]

def test_success_aborts_nothing(kc):
    assert [r.status for r in queued(kc, "0", "1", "1/0", "1")] == ["ok", "ok", "error", "aborted"]

@pytest.mark.parametrize("code", ["(", "%nosuch", "raise KeyboardInterrupt", "raise SystemExit",
    "import asyncio; await asyncio.sleep(0); 1/0"])
def test_every_kind_of_failure_aborts(kc, code):
    assert [r.status for r in queued(kc, "0", code, "1")][1:] == ["error", "aborted"]
