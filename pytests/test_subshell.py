"""Subshells (JEP 91): made and ended on control, addressed by the header; what they share with the main shell, and what becomes of their cells when they are deleted

`kc` is one kernel for the whole module; `sub` is the id of a subshell that ends with its test."""
import os, pytest
from helpers import begun, listed, start, until
from subshell_helpers import control, framed

shell_requests = dict(execute_request=dict(code="1"), complete_request=dict(code="pri", cursor_pos=3),
    inspect_request=dict(code="print", cursor_pos=5),
    is_complete_request=dict(code="1"), history_request=dict(hist_access_type="tail", n=1), kernel_info_request={}, comm_info_request={})
no_id = "0123456789abcdef"

def told_in_full(c):
    "True if `c` is an error reply with all that one has"
    return c["status"] == "error" and bool(c["ename"]) and isinstance(c["evalue"],
        str) and c["traceback"] and all(isinstance(s, str) for s in c["traceback"])

# -- create, list, delete

def test_none_at_the_start(kc): assert listed(kc) == []

def test_create_gives_an_id(kc):
    r = control(kc, "create")
    assert r.reply["msg_type"] == "create_subshell_reply" and r.status == "ok" and len(r.content["subshell_id"]) > 8
    assert r.states == ["busy", "idle"]
    control(kc, "delete", subshell_id=r.content["subshell_id"])

def test_list_tells_all_but_the_main_shell(kc):
    ids = [kc.subshell() for _ in range(3)]
    r = control(kc, "list")
    assert (r.reply["msg_type"], r.status, r.states, sorted(r.content["subshell_id"])) == ("list_subshell_reply",
        "ok", ["busy", "idle"], sorted(ids))
    for id in ids: assert control(kc, "delete", subshell_id=id).content == dict(status="ok")
    assert listed(kc) == []

def test_the_thread_of_a_deleted_subshell_ends(kc):
    r = kc.run("import threading; threading.get_native_id()", subshell=(id := kc.subshell()))
    control(kc, "delete", subshell_id=id)
    until(lambda: not os.path.exists(f"/proc/{kc.proc.pid}/task/{r.result}"), "the end of a thread")

@pytest.mark.slow
def test_hundreds_come_and_go(kc):
    fds = lambda: len(os.listdir(f"/proc/{kc.proc.pid}/fd"))
    control(kc, "delete", subshell_id=kc.subshell())
    before = fds()
    for i in range(100):
        id = kc.subshell()
        if i % 10 == 0: assert kc.run("1+1", subshell=id).result == "2"
        control(kc, "delete", subshell_id=id)
    until(lambda: fds() <= before, "the file descriptors of a hundred subshells to be closed")

# -- errors

@pytest.mark.parametrize("content", [dict(subshell_id=no_id), {},
    *(dict(subshell_id=o) for o in (None, 5, True, "", [], {}, [no_id], {"a": 1}))], ids=repr)
def test_delete_of_what_is_not_there(kc, content):
    r = control(kc, "delete", **content)
    assert r.reply["msg_type"] == "delete_subshell_reply" and told_in_full(r.content) and r.states == ["busy", "idle"]
    assert kc.run("'main is there'").status == "ok"

def test_delete_twice(kc):
    id = kc.subshell()
    assert [control(kc, "delete", subshell_id=id).status for _ in range(2)] == ["ok", "error"]

def test_the_error_names_the_subshell(kc):
    c = control(kc, "delete", subshell_id=no_id).content
    assert c["ename"] == "UnknownSubshellError" and no_id in c["evalue"]

@pytest.mark.parametrize("type", shell_requests)
def test_request_to_an_unknown_subshell(kc, type):
    r = kc.request(type, shell_requests[type], subshell=no_id)
    assert r.reply["msg_type"] == type.removesuffix("request")+"reply"
    assert told_in_full(r.content)
    assert r.states == ["busy", "idle"]
    assert r.content["ename"] == "UnknownSubshellError" and no_id in r.content["evalue"]
    assert "execute_input" not in r.types

@pytest.mark.parametrize("type", ["comm_open", "comm_msg", "comm_close"])
def test_comm_message_to_an_unknown_subshell(kc, type):
    r = kc.request(type, dict(comm_id="c", target_name="t", data={}), subshell=no_id)
    assert r.states == ["busy", "idle"] and not r.replies and set(r.types) == {"status"}

@pytest.mark.parametrize("id", [5, 0, True, False, 1.5, "", [], [1], {}, {"a": 1}], ids=repr)
def test_subshell_id_that_is_none(kc, id):
    r = kc.request("execute_request", dict(code="1"), subshell_id=id)
    assert told_in_full(r.content) and r.states == ["busy", "idle"]

def test_null_is_the_main_shell(kc):
    r = kc.request("execute_request", dict(code="import threading; "
        "threading.current_thread() is threading.main_thread()"), subshell_id=None)
    assert r.result == "True"

@pytest.mark.parametrize("type", ["create", "list", "delete"])
def test_not_on_the_shell_channel(kc, type):
    r = kc.request(f"{type}_subshell_request", dict(subshell_id=no_id), reply=False)
    assert r.states == ["busy", "idle"] and listed(kc) == []

def test_an_id_of_an_earlier_kernel(own_kc):
    id = own_kc.subshell()
    kc = start()
    try: assert told_in_full(kc.run("1", subshell=id).content)
    finally: kc.stop()

# -- routing, what is shared

def test_a_subshell_is_one_thread_and_not_the_main_one(kc, sub):
    code = "import threading; (threading.get_ident(), threading.current_thread() is threading.main_thread())"
    third = kc.subshell()
    one,two,other,main = (kc.run(code, subshell=o).result for o in (sub, sub, third, None))
    control(kc, "delete", subshell_id=third)
    assert one == two and len({one, other, main}) == 3 and "False" in one and "True" in main

def test_parent_header_is_a_copy_with_the_subshells_id(kc, sub):
    r = kc.run("1", subshell=sub)
    assert {m["parent_header"]["subshell_id"] for m in [r.reply, *r.msgs]} == {sub}
    assert "subshell_id" not in kc.run("1").reply["parent_header"]

@pytest.mark.parametrize("type", shell_requests)
def test_every_request_of_the_shell_is_answered(kc, sub, type):
    r = kc.request(type, shell_requests[type], subshell=sub)
    assert framed(r) and r.reply["msg_type"] == type.removesuffix("request")+"reply" and r.status in ("ok", "complete")

def test_namespace_is_shared(kc, sub):
    kc.run("from_main = 1")
    assert kc.run("from_sub = from_main+1; from_sub", subshell=sub).result == "2"
    assert kc.run("from_sub").result == "2"

def test_context_variables_last_within_a_subshell(kc, sub):
    kc.run("from contextvars import ContextVar; v = ContextVar('v', default='unset'); v.set('main')")
    assert kc.run("v.get()", subshell=sub).result == "'unset'"
    kc.run("v.set('sub')", subshell=sub)
    assert (kc.run("v.get()", subshell=sub).result, kc.run("v.get()").result) == ("'sub'", "'main'")

@pytest.mark.parametrize("busy", ["import time\nprint('begun')\nwhile not go: time.sleep(.01)",
    "import asyncio\n"
    "print('begun')\n"
    "while not go: await asyncio.sleep(.01)",
    "print('begun')\nwhile not go: pass"], ids=["sleep", "await", "loop"])
@pytest.mark.parametrize("where", ["main", "sub"])
def test_one_runs_beside_the_other(kc, sub, busy, where):
    one,two = (None, sub) if where == "main" else (sub, None)
    kc.run("go = []")
    id = kc.cell(busy+"\nprint('ended')", subshell=one)
    begun(kc, id)
    r = kc.run("print('beside'); 7", subshell=two)
    assert (r.stdout, r.result) == ("beside\n", "7") and framed(r)
    assert not kc.held[id].replies
    kc.run("go.append(1)", subshell=two)
    r = kc.wait(id)
    assert framed(r) and r.stdout == "begun\nended\n" and r.status == "ok"

def test_cells_of_one_subshell_run_in_order(kc, sub):
    kc.run("seen = []")
    ids = [kc.cell(f"import time; time.sleep({.02 if i % 3 == 0 else 0}); seen.append({i})", subshell=sub) for i in range(20)]
    for id in ids: kc.wait(id)
    assert kc.run("seen == list(range(20))").result == "True"

def test_subshell_magic(kc, sub):
    r = kc.run("%subshell", subshell=sub)
    assert r.status == "ok" and sub in r.stdout and "thread" in r.stdout
    assert kc.run("%subshell").stdout.count(sub) == 1

def test_code_that_looks_for_the_loop_finds_the_subshells(kc, sub):
    code = "import asyncio; loop{0} = asyncio.get_running_loop(); loop{0}.is_running()"
    assert [kc.run(code.format(i), subshell=o).result for i,o in enumerate((sub, sub, None))] == ["True"]*3
    assert kc.run("loop0 is loop1, loop0 is loop2").result == "(True, False)"

# -- delete while busy

@pytest.mark.parametrize("code", ["import time\nwhile not go: time.sleep(.01)",
    "import asyncio; await asyncio.sleep(600)", "input()", "while not go: pass"],
    ids=["sync", "await", "input", "loop"])
def test_delete_while_busy_answers_at_once_and_stops_no_channel(kc, sub, code):
    kc.run("go = []")
    id = kc.cell(f"print('begun')\n{code}\nprint('ended')", subshell=sub, allow_stdin=True)
    begun(kc, id)
    if "input" in code: kc.prompt()
    queued = [kc.cell("print('not run')", subshell=sub), kc.submit("complete_request", dict(code="pri", cursor_pos=3), subshell=sub),
        kc.cell("print('nor this')", subshell=sub, stop_on_error=False)]
    assert control(kc, "delete", subshell_id=sub).content == dict(status="ok")
    assert kc.request("kernel_info_request",
        channel="control").status == kc.request("kernel_info_request").status == kc.run("1").status == "ok"
    assert sub not in listed(kc) and "ended" not in kc.held[id].stdout
    refused = [kc.wait(id) for id in queued]
    assert all(framed(r) and r.replies and set(r.types) == {"status"} for r in refused)
    assert [r.status for r in (refused[0], refused[2])] in (["error"]*2,
        ["aborted"]*2) and all({"ename", "evalue", "traceback"} <= set(r.content) for r in refused if r.status != "ok")
    assert told_in_full(kc.run("1", subshell=sub).content)
    kc.run("go.append(1)")
    r = kc.wait(id)
    assert framed(r) and len(r.replies) == 1

def test_a_deleted_subshells_cell_may_end_what_it_does(kc, sub):
    id = kc.cell("import time\nprint('begun')\ntime.sleep(.5)\nprint('ended')\n'result'", subshell=sub)
    begun(kc, id)
    control(kc, "delete", subshell_id=sub)
    r = kc.wait(id)
    assert (r.status, r.stdout, r.result) == ("ok", "begun\nended\n", "'result'")

def test_a_deleted_subshells_awaiting_cell_is_told_so(kc, sub):
    id = kc.cell("import asyncio\nprint('begun')\ntry: await asyncio.sleep(600)\nfinally: print('cleaned up')",
        subshell=sub)
    begun(kc, id)
    control(kc, "delete", subshell_id=sub)
    r = kc.wait(id)
    assert told_in_full(r.content) and "cleaned up" in r.stdout and framed(r) and r.error["ename"] == r.content["ename"]

def test_background_tasks_end_with_their_subshell(kc, sub):
    r = kc.run(
        "import asyncio\n"
        "async def f():\n"
        "    try: await asyncio.sleep(600)\n"
        "    finally: print('cancelled')\n"
        "t = asyncio.create_task(f()); await asyncio.sleep(0)", subshell=sub)
    control(kc, "delete", subshell_id=sub)
    assert kc.wait(r.id, until=lambda r: r.stdout).stdout == "cancelled\n"

def test_interrupt_after_the_deletion_ends_the_cell_all_the_same(kc, sub):
    id = kc.cell("import time\nprint('begun')\nwhile True: time.sleep(.01)", subshell=sub)
    begun(kc, id)
    control(kc, "delete", subshell_id=sub)
    kc.interrupt("message")
    assert kc.wait(id).content["ename"] == "KeyboardInterrupt"

def test_comm_messages_queued_on_a_deleted_subshell_get_their_idle(kc, sub):
    kc.run("go = []")
    id = kc.cell("import time\nprint('begun')\nwhile not go: time.sleep(.01)", subshell=sub)
    begun(kc, id)
    msg = kc.submit("comm_msg", dict(comm_id="none", data={}), subshell=sub)
    control(kc, "delete", subshell_id=sub)
    r = kc.wait(msg, reply=False)
    assert r.states == ["busy", "idle"] and not r.replies
    kc.run("go.append(1)")
    kc.wait(id)
