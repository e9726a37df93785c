"Each comm message with every field, and comm_info_request"
import pytest
from comm_talk import comms

first_cell = "import comm"

def test_comm_info(kc):
    kc.run("c1 = comm.create_comm('one', comm_id='i1'); c2 = comm.create_comm('two', comm_id='i2')")
    assert comms(kc) == comms(kc, target_name=None) == dict(i1=dict(target_name="one"), i2=dict(target_name="two"))
    assert comms(kc, target_name="two") == dict(i2=dict(target_name="two"))
    assert comms(kc, target_name="none") == {}
    kc.run("c1.close(); c2.close()")
    assert comms(kc) == {}

def test_a_comm_of_the_kernel(kc):
    r = kc.run("c = comm.create_comm('t', comm_id='k', data=dict(a=1), metadata=dict(version='2')); "
        "c.send(dict(b=2), buffers=[b'buf']); c.close(dict(z=0))")
    ms = [m for m in r.msgs if m["msg_type"].startswith("comm_")]
    assert [m["msg_type"] for m in ms] == ["comm_open", "comm_msg", "comm_close"]
    assert ms[0]["content"] == dict(comm_id="k", target_name="t", target_module=None, data=dict(a=1))
    assert ms[0]["metadata"] == dict(version="2")
    assert (ms[1]["content"], [bytes(b) for b in ms[1]["buffers"]]) == (dict(comm_id="k", data=dict(b=2)), [b"buf"])
    assert ms[2]["content"] == dict(comm_id="k", data=dict(z=0))

target = """log = []
def opened(c, msg):
    log.append(('open', msg['content']['data'], [bytes(b) for b in msg['buffers']], msg['metadata']))
    c.on_msg(lambda m: (log.append(('msg', m['content']['data'])), c.send(m['content']['data']), print('in callback')))
    c.on_close(lambda m: log.append(('close', m['content']['data'])))
comm.get_comm_manager().register_target('front', opened)"""

def test_a_comm_of_the_frontend(kc):
    kc.run(target)
    kc.request("comm_open", dict(comm_id="f", target_name="front", data=dict(a=1)), buffers=[b"b1"], metadata=dict(v=1))
    r = kc.request("comm_msg", dict(comm_id="f", data=dict(b=2)))
    assert r.shape == ["status", "comm_msg", "stream", "status"]
    assert r.of("comm_msg") == [dict(comm_id="f", data=dict(b=2))]
    assert "f" in comms(kc)
    assert kc.request("comm_close", dict(comm_id="f", data=dict(c=3))).types == ["status", "status"]
    assert comms(kc) == {}
    assert kc.run("log").result == repr([("open", dict(a=1), [b"b1"], dict(v=1)), ("msg", dict(b=2)),
        ("close", dict(c=3))])

def test_comm_messages_get_no_reply(kc):
    r = kc.request("comm_open", dict(comm_id="n", target_name="front", data={}))
    kc.request("kernel_info_request")
    kc.request("comm_close", dict(comm_id="n", data={}))
    assert r.reply is None

@pytest.mark.parametrize("type", ["comm_msg", "comm_close"])
def test_unknown_comm_is_ignored(kc, type):
    assert "error" not in kc.request(type, dict(comm_id="nosuchcomm", data={})).types

