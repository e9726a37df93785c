"""What holds for every request and on iopub, and the requests that no other file is about

Every message of docs/protocol.md with every field, on the right channel, in the right order: here, in test_execute.py, test_shown.py, test_errors.py,
test_complete.py, test_comm_messages.py; what is wrong on purpose in test_wrong.py. What tells about start and end of a kernel is in test_process.py."""
import json, os, pytest, re, sys
from helpers import dealer, subscriber
from ipymini import __version__

# -- around every request

both = [("kernel_info_request", {}), ("complete_request", dict(code="impor", cursor_pos=5)),
    ("inspect_request", dict(code="len", cursor_pos=3, detail_level=0)), ("is_complete_request", dict(code="1")),
    ("history_request", dict(hist_access_type="tail", n=1, raw=True, output=False)), ("comm_info_request", {}), ("connect_request", {})]
requests = [(ch, *r) for r in both for ch in ("shell", "control")] + [("shell", "execute_request", dict(code="1"))] + [("control", *r) for r in [
    ("usage_request", {}), ("interrupt_request", {}), ("list_subshell_request", {}), ("create_subshell_request", {}),
    ("debug_request", dict(type="request", seq=1, command="debugInfo"))]]
each_request = pytest.mark.parametrize("channel, type, content", requests, ids=[f"{t}-{ch}" for ch,t,_ in requests])

@each_request
def test_reply_is_named_and_parented_for_its_request(kc, channel, type, content):
    r = kc.request(type, content, channel)
    assert r.reply["msg_type"] == type.replace("_request", "_reply")
    assert r.reply["parent_header"]["msg_id"] == r.id

@each_request
def test_busy_and_idle_enclose_every_request(kc, channel, type, content):
    r = kc.request(type, content, channel)
    assert r.states == ["busy", "idle"]
    assert (r.types[0], r.types[-1]) == ("status", "status")

@each_request
def test_header_of_a_reply(kc, channel, type, content):
    h = kc.request(type, content, channel).reply["header"]
    assert set(h) == {"msg_id", "msg_type", "username", "session", "date", "version"}
    assert h["version"] == "5.5"
    assert h["date"].tzinfo is not None

@each_request
def test_unknown_fields_of_a_request_are_ignored(kc, channel, type, content):
    r = kc.request(type, dict(content, no_such_field=[1]), channel)
    assert r.content.get("status") in ("ok", "complete", None)

@each_request
def test_parent_header_is_a_copy_of_the_request_header(kc, channel, type, content):
    "Byte for byte, with fields that we do not know, on the reply and on iopub"
    with dealer(kc, channel) as sock, subscriber(kc, f"kernel.{session(kc)}.status".encode()) as sub:
        sub.recv_multipart()
        msg = kc.session.msg(type, content)
        msg["header"].update(subshell_id=None, extra={"é": [1.50]}, date="2026-01-01T00:00:00+02:00")
        frames = kc.session.serialize(msg)
        sock.send_multipart(frames)
        head = frames[frames.index(b"<IDS|MSG>")+2]
        assert sock.recv_multipart()[3] == head
        assert [sub.recv_multipart()[4] for _ in range(2)] == [head, head]

def session(kc):
    "The kernel's session id"
    return kc.request("kernel_info_request").reply["header"]["session"]

@pytest.mark.parametrize("channel", ["shell", "control"])
def test_all_identities_are_echoed(kc, channel):
    with dealer(kc, channel, b"me") as sock:
        sock.send_multipart([b"one", b"", b"two", *kc.session.serialize(kc.session.msg("kernel_info_request"))])
        assert sock.recv_multipart()[:4] == [b"one", b"", b"two", b"<IDS|MSG>"]

def test_one_session_for_all_channels(kc):
    r = kc.run("import asyncio, threading; threading.Thread(target=print, args=('t',)).start(); print('x'); input()",
        allow_stdin=False)
    s = {m["header"]["session"] for m in [r.reply, *r.msgs]}
    s |= {kc.request(t, {}, ch).reply["header"]["session"] for ch,
        t in (("shell", "kernel_info_request"), ("control", "usage_request"))}
    assert len(s) == 1

def test_msg_ids_are_unique(kc):
    rs = [kc.run("print(1); 2") for _ in range(3)]
    found = [m["header"]["msg_id"] for r in rs for m in [r.reply, *r.msgs]]
    assert len(set(found)) == len(found)

def test_metadata_and_content_are_objects_even_when_empty(kc):
    r = kc.run("from IPython.display import display, clear_output; print(1); display(2); clear_output(); 3")
    for m in [r.reply, *r.msgs]: assert isinstance(m["metadata"], dict) and isinstance(m["content"], dict)

def test_requests_are_answered_in_order(kc):
    found = [kc.submit("kernel_info_request") if i%2 else kc.cell("1") for i in range(10)]
    rs = [kc.wait(id) for id in found]
    dates = [r.reply["header"]["date"] for r in rs]
    assert dates == sorted(dates)

# -- iopub

topics = [("status", "kernel.{s}.status"), ("execute_input", "kernel.{s}.execute_input"), ("stream", "stream.stdout"), ("stream", "stream.stderr"),
    ("display_data", "display_data"), ("update_display_data", "display_data"), ("clear_output", "display_data"), ("comm_open", "comm-abc"),
    ("execute_result", "kernel.{s}.execute_result"), ("error", "kernel.{s}.error")]
everything = """import sys, comm
from IPython.display import display, clear_output
print('o'); print('e', file=sys.stderr); h = display(1, display_id='d'); h.update(2); clear_output(); c = comm.create_comm('t', comm_id='abc')
get_ipython().displayhook(3); 1/0"""

def test_topics(kc):
    s = session(kc)
    with subscriber(kc) as sub:
        sub.recv_multipart()
        kc.run(everything)
        got = []
        while not (got and b'"idle"' in got[-1][-1]): got.append(sub.recv_multipart())
    kc.run("c.close()")
    assert {(json.loads(f[3])["msg_type"], f[0].decode()) for f in got} == {(t, p.format(s=s)) for t,p in topics}

def test_every_new_subscriber_is_welcomed_first(kc):
    for _ in range(3):
        with subscriber(kc) as sub:
            frames = sub.recv_multipart()
            assert frames[0] == b"<IDS|MSG>"
            assert json.loads(frames[2])["msg_type"] == "iopub_welcome"
            assert json.loads(frames[3]) == dict.fromkeys("msg_id msg_type username session date version".split(), "")  # for clients that look into it
            assert frames[4:] == [b"{}", b'{"subscription":""}']

def test_welcome_of_a_topic_carries_it(kc):
    with subscriber(kc, b"stream.st") as sub:
        frames = sub.recv_multipart()
        assert frames[:2] == [b"stream.st", b"<IDS|MSG>"]
        assert json.loads(frames[-1]) == dict(subscription="stream.st")

def test_subscribing_to_a_topic_that_is_no_text_harms_nobody(kc):
    with subscriber(kc, b"\xff\xfe"): assert kc.run("1").status == "ok"
    assert kc.run("1").status == "ok"

def test_a_subscriber_to_a_topic_gets_that_topic_alone(kc):
    with subscriber(kc, b"stream.stderr") as sub:
        sub.recv_multipart()
        kc.run("import sys; print('out'); print('err', file=sys.stderr)")
        assert b'"err' in sub.recv_multipart()[-1]
        assert not sub.poll(0)

# -- kernel_info

def test_kernel_info(kc):
    c = kc.request("kernel_info_request").content
    assert set(c) >= {"status", "protocol_version", "implementation", "implementation_version", "language_info",
        "banner", "help_links", "supported_features"}
    assert (c["status"], c["protocol_version"], c["implementation"], c["implementation_version"]) == ("ok", "5.5",
        "ipymini", __version__)
    assert re.fullmatch(r"\d+\.\d+\.\d+", c["implementation_version"])
    assert c["language_info"] == dict(name="python", version=sys.version.split()[0], mimetype="text/x-python",
        file_extension=".py", pygments_lexer="ipython3",
        codemirror_mode=dict(name="ipython", version=3), nbconvert_exporter="python")
    assert sys.version in c["banner"]
    assert all(set(o) == {"text", "url"} for o in c["help_links"])
    assert c["supported_features"] == ["kernel subshells", "debugger"]

def test_kernel_info_is_the_same_on_control(kc):
    assert kc.request("kernel_info_request", channel="control").content == kc.request("kernel_info_request").content

# -- the rest

def test_connect(kc):
    with open(kc.file) as f: cfg = json.load(f)
    assert kc.request("connect_request").content == dict({p: cfg[p]
        for p in ("shell_port", "iopub_port", "stdin_port", "control_port", "hb_port")}, status="ok")

def test_usage(kc):
    kc.request("usage_request", channel="control")
    kc.run("x = sum(range(10**6))")
    c = kc.request("usage_request", channel="control").content
    assert (c["status"], c["pid"], c["cpu_count"]) == ("ok", kc.proc.pid, os.cpu_count())
    assert isinstance(c["hostname"], str)
    assert 0 <= c["kernel_cpu"] and 10**7 < c["kernel_memory"] < 10**10
    assert 0 <= c["host_cpu_percent"] <= 100
    assert set(c["host_virtual_memory"]) >= {"total", "available", "percent", "used", "free", "active", "inactive",
        "buffers", "cached", "shared", "slab"}

def test_usage_counts_children(kc):
    before = kc.request("usage_request", channel="control").content["kernel_memory"]
    kc.run("import subprocess, sys; p = subprocess.Popen([sys.executable, '-c', 'x = bytearray(60_000_000); "
        "print(1, flush=True); input()'], stdin=-1, stdout=-1); p.stdout.readline()")
    after = kc.request("usage_request", channel="control").content["kernel_memory"]
    kc.run("p.kill(); p.wait()")
    assert after-before > 50_000_000

def test_interrupt_request_when_idle_does_nothing(kc):
    r = kc.interrupt("message")
    assert (r.content, r.types) == (dict(status="ok"), ["status", "status"])
    assert kc.run("1").status == "ok"

def test_interrupt_request_interrupts(kc):
    id = kc.cell("import time\nprint('on')\ntime.sleep(600)")
    kc.wait(id, until=lambda r: r.stdout)
    assert kc.interrupt("message").content == dict(status="ok")
    r = kc.wait(id)
    assert (r.status, r.content["ename"]) == ("error", "KeyboardInterrupt")

@pytest.mark.parametrize("channel", ["control", "shell"])
def test_kernel_info_while_a_cell_runs(kc, channel):
    id = kc.cell("import time\nprint('on')\ntime.sleep(600)")
    kc.wait(id, until=lambda r: r.stdout)
    assert kc.request("kernel_info_request", channel=channel).status == "ok"
    kc.interrupt()
    assert kc.wait(id).status == "error"

def test_input(kc):
    id = kc.cell("print('before'); input('name? ')", allow_stdin=True)
    m = kc.prompt()
    assert (m["msg_type"], m["content"]) == ("input_request", dict(prompt="name? ", password=False))
    assert m["parent_header"]["msg_id"] == id
    kc.input("Zoë")
    assert kc.wait(id).result == "'Zoë'"

def test_getpass(kc):
    id = kc.cell("import getpass; getpass.getpass('pw: ')", allow_stdin=True)
    assert kc.prompt()["content"] == dict(prompt="pw: ", password=True)
    kc.input("s3")
    assert kc.wait(id).result == "'s3'"

@pytest.mark.parametrize("kw", [dict(allow_stdin=False), dict(allow_stdin=None)], ids=str)
def test_input_that_is_not_allowed_fails_at_once(kc, kw):
    assert kc.run("input()", **kw).error["ename"] == "StdinNotImplementedError"

def test_input_is_not_allowed_by_default(kc):
    assert kc.request("execute_request", dict(code="input()")).error["ename"] == "StdinNotImplementedError"
