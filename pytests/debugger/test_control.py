"The control channel while debugpy takes its time: debug requests are served on a thread of their own"
import pytest
from dap import lab

hang = """import debugpy.server.api, pydevd, threading
end = threading.Event()
pydevd.settrace = lambda *args, **kw: end.wait()
import ipymini.debugger.backend
ipymini.debugger.backend.answer_timeout = {seconds}"""

@pytest.fixture
def starting(own_dbg):
    "A client of a kernel whose debugpy does not come to the end of its start; the id of the request"
    own_dbg.kc.run(hang.format(seconds=60))
    yield own_dbg,own_dbg.kc.submit("debug_request", dict(type="request", seq=1, command="initialize", arguments=lab),
        "control")
    own_dbg.kc.run("end.set()")

def has_no_reply(client, id): return id not in client.kc.held or client.kc.held[id].reply is None

def test_control_answers_while_debugpy_starts(starting):
    client,id = starting
    assert client.kc.request("kernel_info_request", channel="control").status == "ok"
    assert has_no_reply(client, id)

def test_an_interrupt_request_lands_while_debugpy_starts(starting):
    client,id = starting
    cell = client.kc.cell("print('on')\nwhile True: pass")
    client.kc.wait(cell, until=lambda r: r.stdout)
    client.kc.interrupt("message")
    assert client.kc.wait(cell).content["ename"] == "KeyboardInterrupt"
    assert has_no_reply(client, id)

def test_a_shutdown_does_not_wait_for_debugpy(own_dbg):
    own_dbg.kc.run(hang.format(seconds=60))
    own_dbg.kc.submit("debug_request", dict(type="request", seq=1, command="initialize", arguments=lab), "control")
    own_dbg.kc.submit("shutdown_request", dict(restart=False), "control")
    assert own_dbg.kc.proc.wait(10) == 0

def test_debug_requests_are_answered_in_order(kc, idle):
    ids = [kc.submit("debug_request", dict(type="request", seq=i, command="debugInfo", arguments={}), "control")
        for i in range(20)]
    kc.wait(ids[-1], "control")
    replies = [kc.held[id].reply for id in ids]
    assert all(replies)
    assert sorted(replies, key=lambda m: m["header"]["date"]) == replies

def test_a_start_of_debugpy_that_does_not_end_is_refused(own_dbg):
    own_dbg.kc.run(hang.format(seconds=.1))
    assert "debugpy did not start within 0.2 s" in own_dbg.refused("initialize", **lab)
    assert own_dbg.ok("debugInfo")["isStarted"] is False

def test_a_session_is_refused_where_a_cell_has_begun_one(own_dbg):
    own_dbg.kc.run("import debugpy.server.api, pydevd\npydevd.PyDB()")
    assert "debugpy is in use" in own_dbg.refused("initialize", **lab)

def test_a_session_follows_one_that_debugpy_has_not_forgotten(own_dbg):
    "It swallows whatever goes wrong when it ends, and would take the next session for the last one"
    own_dbg.start()
    own_dbg.kc.run("import pydevd\npydevd.PyDB.dispose_and_kill_all_pydevd_threads = lambda self, **kw: None")
    own_dbg.ok("disconnect")
    own_dbg.start()
    id,_ = own_dbg.stop("r = 1\nr = 2", 2)
    own_dbg.go_on()
    assert own_dbg.end(id).status == "ok"
