"Comm messages both ways: who is told of errors, what is carried, how they end"
import pytest
from comm_talk import comms, say, talk
from helpers import start

first_cell = "import asyncio, comm, time"

def test_an_unknown_target_is_closed_and_named_on_stderr(kc):
    r = kc.request("comm_open", dict(comm_id="u1", target_name="no_such_target", data={}))
    assert r.of("comm_close") == [dict(comm_id="u1", data={})]
    assert "no_such_target" in r.stderr
    assert "u1" not in comms(kc)

def test_an_error_in_a_target_is_shown_with_its_traceback_and_closes_the_comm(kc):
    kc.run("def broken(c, msg): raise ValueError('while opening')\n"
        "comm.get_comm_manager().register_target('broken', broken)")
    r = kc.request("comm_open", dict(comm_id="b1", target_name="broken", data={}))
    assert "ValueError: while opening" in r.stderr
    assert "in broken" in r.stderr
    assert r.of("comm_close")
    assert "b1" not in comms(kc)

def test_an_error_in_a_callback_is_shown_with_its_traceback_and_the_comm_lives_on(kc):
    id = talk(kc, "if data: raise ValueError('in a callback')\nprint('fine')")
    r = say(kc, id, dict(a=1))
    assert "ValueError: in a callback" in r.stderr and "in answer" in r.stderr and r.states == ["busy", "idle"]
    assert say(kc, id).stdout == "fine\n" and id in comms(kc)

def test_an_error_in_a_callback_leaves_the_queue_of_cells_alone(kc):
    id = talk(kc, "1/0")
    ids = [kc.cell("time.sleep(.1)"), say(kc, id, wait=False), kc.cell("'still run'")]
    assert kc.wait(ids[2]).result == "'still run'"

@pytest.mark.parametrize("raised", ["SystemExit", "KeyboardInterrupt", "asyncio.CancelledError", "BaseException('b')",
    "GeneratorExit"])
def test_whatever_a_callback_raises_the_kernel_goes_on(kc, raised):
    r = say(kc, talk(kc, f"raise {raised}"))
    assert r.states == ["busy", "idle"] and kc.run("'alive'").result == "'alive'"

def test_an_error_when_a_comm_is_closed_is_shown(kc):
    kc.run("c = comm.create_comm('t', comm_id='close1'); c.on_close(lambda m: 1/0)")
    r = kc.request("comm_close", dict(comm_id="close1", data={}))
    assert "ZeroDivisionError" in r.stderr and "close1" not in comms(kc)

def test_a_close_of_the_frontends_is_not_answered(kc):
    kc.run("c = comm.create_comm('t', comm_id='close2'); c.on_close(lambda m: print('closed', m['content']['data']))")
    r = kc.request("comm_close", dict(comm_id="close2", data=dict(z=1)))
    assert (r.stdout, r.of("comm_close")) == ("closed {'z': 1}\n", [])
    assert not kc.run("c.close()").of("comm_close")

def test_buffers_reach_the_callback(kc):
    id = talk(kc, "print([bytes(b) for b in m['buffers']], [len(b) for b in m['buffers']])")
    assert say(kc, id, buffers=[b"\x00\xff", b"", b"abc"]).stdout == "[b'\\x00\\xff', b'', b'abc'] [2, 0, 3]\n"

def test_buffers_reach_the_frontend(kc):
    r = kc.run(
        "import array\n"
        "c = comm.create_comm('t'); "
        "c.send(buffers=[b'\\x00\\xff', bytearray(b'ab'), memoryview(b'cd'), memoryview(array.array('H', [1, 2])), b'']); c.close()")
    (m,) = [m for m in r.msgs if m["msg_type"] == "comm_msg"]
    assert [bytes(b) for b in m["buffers"]] == [b"\x00\xff", b"ab", b"cd", b"\x01\x00\x02\x00", b""]

def test_large_buffers_pass_both_ways(kc):
    id = talk(kc, "c.send(dict(n=len(m['buffers'][0])), buffers=[m['buffers'][0]])")
    big = bytes(range(256))*2**15
    r = say(kc, id, buffers=[big])
    (m,) = [m for m in r.msgs if m["msg_type"] == "comm_msg"]
    assert m["content"]["data"] == dict(n=len(big)) and bytes(m["buffers"][0]) == big

def test_what_becomes_of_a_buffer_after_it_was_sent_does_not_change_the_message(kc):
    r = kc.run("b = bytearray(b'x'*100); c = comm.create_comm('t'); c.send(buffers=[b]); b[:] = b'y'*100; c.close()")
    (m,) = [m for m in r.msgs if m["msg_type"] == "comm_msg"]
    assert bytes(m["buffers"][0]) == b"x"*100

def test_metadata_is_carried_both_ways(kc):
    id = talk(kc, "c.send(dict(got=m['metadata']['v']), metadata=dict(w=[1, {'a': None}]))")
    r = say(kc, id, metadata=dict(v=dict(x=1)))
    (m,) = [m for m in r.msgs if m["msg_type"] == "comm_msg"]
    assert m["content"]["data"] == dict(got=dict(x=1)) and m["metadata"]["w"] == [1, dict(a=None)]

def test_a_callback_sees_the_whole_message(kc):
    id = talk(kc, "print(sorted(m), m['header']['msg_type'], m['content']['comm_id'] == c.comm_id, m['msg_id'] == m['header']['msg_id'])")
    assert "'buffers'" in (out := say(kc, id).stdout) and "comm_msg True True" in out

def test_a_comm_message_without_data_is_one_with_none(kc):
    id = talk(kc, "print('data', data)")
    assert kc.request("comm_msg", dict(comm_id=id)).stdout == "data {}\n"

def test_what_a_callback_says_has_the_comm_message_as_parent(kc):
    id = talk(kc, "print('out'); display('shown'); c.send(dict(r=1)); comm.create_comm('new', comm_id='made').close()")
    r = say(kc, id)
    assert r.types == ["status", "stream", "display_data", "comm_msg", "comm_open", "comm_close", "status"]

def test_messages_come_in_order(kc):
    id = talk(kc, "heard.append(data['i'])")
    kc.run("heard = []")
    ids = [say(kc, id, dict(i=i), wait=False) for i in range(200)]
    for o in ids: kc.wait(o, reply=False)
    assert kc.run("heard == list(range(200))").result == "True"

def test_a_comm_that_is_dropped_is_closed(kc):
    r = kc.run(
        "from comm.base_comm import BaseComm\n"
        "c = comm.create_comm('t', comm_id='gc1'); comm.get_comm_manager().unregister_comm(c); del c; import gc; "
        "gc.collect()")
    assert r.of("comm_close") == [dict(comm_id="gc1", data={})] and r.stderr == ""

@pytest.mark.parametrize("end", ["exit", "shutdown"])
def test_comms_that_are_open_at_the_end_are_quiet(tmp_path, end):
    with open(tmp_path/"err", "w") as err:
        kc = start(stderr=err, stdout=err)
        kc.run(
            "import comm\n"
            "kept = [comm.create_comm('t') for _ in range(5)]\n"
            "for c in kept[:2]: comm.get_comm_manager().unregister_comm(c)")
        kc.run("exit") if end == "exit" else kc.request("shutdown_request", dict(restart=False), channel="control")
        try: assert kc.proc.wait(20) == 0
        finally: kc.stop()
    assert (tmp_path/"err").read_text() == ""

def test_a_task_that_a_callback_starts_goes_on(kc):
    id = talk(kc,
        "async def later():\n"
        "    await asyncio.sleep(.02)\n"
        "    print('later')\n"
        "tasks.append(asyncio.create_task(later()))")
    kc.run("tasks = []")
    r = say(kc, id)
    assert kc.wait(r.id, reply=False, until=lambda r: r.stdout).stdout == "later\n"

def test_asyncio_run_works_in_a_callback(kc):
    id = talk(kc, "async def f(): return await asyncio.sleep(.01, 'ran')\nprint(asyncio.run(f()))")
    assert say(kc, id).stdout == "ran\n"

def test_a_callback_sees_the_context_variables_of_cells(kc):
    "numpy.seterr and decimal's precision are such"
    kc.run("from contextvars import ContextVar; v = ContextVar('v', default='unset'); v.set('by a cell')")
    id = talk(kc, "print(v.get())")
    assert say(kc, id).stdout == "by a cell\n"

def test_a_cell_sees_the_context_variables_of_callbacks(kc):
    kc.run("from contextvars import ContextVar; v = ContextVar('v', default='unset')")
    say(kc, talk(kc, "v.set('by a callback')"))
    assert kc.run("v.get()").result == "'by a callback'"

def test_a_callback_runs_a_cell(kc):
    id = talk(kc, "get_ipython().run_cell('print(1)\\n2')")
    r = say(kc, id)
    assert (r.stdout, r.result) == ("1\n", "2")

def test_a_kernels_comm_may_be_opened_with_an_id_of_its_own(kc):
    kc.run("c = comm.create_comm('t', comm_id='mine', data=dict(a=1))")
    assert comms(kc)["mine"] == dict(target_name="t")
    kc.run("c.close()")
