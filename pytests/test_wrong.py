"What is wrong on purpose: unknown types, wrong contents, frames that are no message. The kernel goes on, and is told in one line of its log"
import os, pytest, re
from helpers import count, dealer, is_error, start, until

@pytest.fixture(scope="module")
def kernels(tmp_path_factory):
    "A function that starts a kernel whose log is in the file `kc.logged`, in place of the one before"
    log,running = tmp_path_factory.mktemp("kernel")/"log",[]
    def begin():
        if running: running.pop().stop()
        with open(log, "wb") as f: running.append(start(stderr=f))
        running[0].logged = log
        return running[0]
    yield running,begin
    if running: running[0].stop()

@pytest.fixture
def kc(request, kernels):
    "The one kernel; a new one if a test that failed has left it dead"
    running,begin = kernels
    failed = request.session.testsfailed
    yield running[0] if running else begin()
    if request.session.testsfailed == failed: return
    try: assert running[0].run("1").status == "ok"
    except (AssertionError, TimeoutError): begin()

# -- wrong on purpose: messages

unknown = [("shell", "nosuch_request"), ("control", "nosuch_request"), ("shell", "nosuch"), ("shell", ""),
    ("control", "comm_msg"),
    ("shell", "__init__"), ("shell", "execute_reply"),
    ("control", "x"*1000), ("shell", "status"), ("shell", "é\n")]
@pytest.mark.parametrize("channel, type", unknown, ids=[f"{c}-{t[:20]!r}" for c,t in unknown])
def test_unknown_type_gets_busy_and_idle_and_no_reply(kc, channel, type):
    r = kc.request(type, dict(comm_id="x"), channel, reply=False)
    kc.request("kernel_info_request", channel=channel)
    assert r.types == ["status", "status"]
    assert r.states == ["busy", "idle"]
    assert r.reply is None

def test_execute_on_control_is_refused(kc):
    r = kc.request("execute_request", dict(code="refused = 1"), "control")
    assert is_error(r.content)
    assert kc.run("'refused' in globals()").result == "False"

wrong = [("execute_request", dict(code=5)), ("execute_request", dict(code=None)), ("execute_request", dict(code=["1"])), ("execute_request", dict(silent=True)),
    ("execute_request", dict(code="1", user_expressions=5)), ("execute_request", dict(code="1", user_expressions=["a"])),
    ("complete_request", {}), ("complete_request", dict(code=5, cursor_pos=0)), ("complete_request", dict(code="a", cursor_pos="x")),
    ("complete_request", dict(code="a", cursor_pos=[1])), ("inspect_request", {}), ("inspect_request", dict(code=None)),
    ("inspect_request", dict(code="len", cursor_pos="x")),
    ("inspect_request", dict(code="len", detail_level="x")), ("inspect_request", dict(code="len", omit_sections=5)), ("is_complete_request", {}),
    ("is_complete_request", dict(code=5))]
@pytest.mark.parametrize("type, content", wrong, ids=lambda o: str(o)[:60])
def test_wrong_content_gets_an_error(kc, type, content):
    n = count(kc)
    r = kc.request(type, content)
    assert is_error(r.content)
    assert r.states == ["busy", "idle"]
    assert count(kc) == n

tolerated = [("execute_request", dict(code="1", silent=None, store_history=None, user_expressions=None, allow_stdin=None, stop_on_error=None)),
    ("execute_request", dict(code="1", silent="x", allow_stdin=5)),
    ("complete_request", dict(code="a", cursor_pos=-1)), ("complete_request", dict(code="a", cursor_pos=10**30)), ("inspect_request", dict(code="len", cursor_pos=-1)),
    ("inspect_request", dict(code="len", cursor_pos=10**30)), ("inspect_request", dict(code="len", detail_level=None, omit_sections=None)),
    ("inspect_request", dict(code="len", detail_level=99)),
    ("history_request", {}), ("history_request", dict(hist_access_type="nosuch")), ("history_request", dict(hist_access_type=["tail"])),
    ("history_request", dict(hist_access_type="tail", n=-1)),
    ("history_request", dict(hist_access_type="range", session=10**9)), ("history_request", dict(hist_access_type="tail", n="x")),
    ("history_request", dict(hist_access_type="range", session={}, start="x", stop=[])),
    ("history_request", dict(hist_access_type="search", pattern=5)), ("comm_info_request", dict(target_name=5)), ("kernel_info_request", dict(a=[1]))]
@pytest.mark.parametrize("type, content", tolerated, ids=lambda o: str(o)[:60])
def test_odd_content_is_answered(kc, type, content): assert kc.request(type, content).status in ("ok", "error")

wrong_control = [("delete_subshell_request", {}), ("delete_subshell_request", dict(subshell_id=None)),
    ("delete_subshell_request", dict(subshell_id=["x"])), ("delete_subshell_request", dict(subshell_id="nosuch"))]
@pytest.mark.parametrize("type, content", wrong_control, ids=str)
def test_wrong_content_on_control_gets_an_error(kc, type, content):
    assert is_error(kc.request(type, content, "control").content)

@pytest.mark.parametrize("content", [{}, dict(command=5), dict(type="request", command="nosuch"),
    dict(seq="x", command="debugInfo", arguments=[])], ids=str)
def test_a_wrong_debug_request_gets_a_response(kc, content):
    c = kc.request("debug_request", content, "control").content
    assert c["type"] == "response"
    assert isinstance(c["success"], bool)

wrong_comms = [("comm_open", {}), ("comm_open", dict(comm_id="w")), ("comm_open", dict(comm_id="w", target_name=None)),
    ("comm_open", dict(comm_id="w", target_name=["x"], data=5)),
    ("comm_open", dict(comm_id=5, target_name="front")), ("comm_msg", {}), ("comm_msg", dict(comm_id=None)),
    ("comm_msg", dict(comm_id=["x"], data={})), ("comm_close", {}), ("comm_close", dict(comm_id={}))]
@pytest.mark.parametrize("type, content", wrong_comms, ids=str)
def test_a_wrong_comm_message_harms_nobody(kc, type, content):
    r = kc.request(type, content)
    kc.request("kernel_info_request")
    assert r.states == ["busy", "idle"]
    assert r.reply is None
    assert kc.run("1").result == "1"

@pytest.mark.parametrize("id", [5, [1], "nosuch", {}, True], ids=str)
@pytest.mark.parametrize("type", ["execute_request", "kernel_info_request", "nosuch_request"])
def test_unknown_subshell_gets_an_error(kc, id, type):
    r = kc.request(type, dict(code="1"), subshell=id or {1: 1}, reply=type != "nosuch_request")
    assert r.states == ["busy", "idle"]
    if r.reply: assert (is_error(r.content), r.content["ename"]) == (True, "UnknownSubshellError")

def test_a_comm_message_for_an_unknown_subshell_gets_busy_and_idle(kc):
    r = kc.request("comm_msg", dict(comm_id="x", data={}), subshell="nosuch")
    assert r.types == ["status", "status"]

@pytest.mark.parametrize("fields", [dict(session=5), dict(session=None), dict(username=None), dict(username=[]),
    dict(date="yesterday"), dict(date=5),
    dict(version=7), dict(version=None)], ids=str)
def test_wrong_fields_in_a_header_do_not_matter(kc, fields):
    assert kc.request("kernel_info_request", **fields).status == "ok"

# -- wrong on purpose: frames

def frames_of(kc, type="kernel_info_request", content=None):
    return kc.session.serialize(kc.session.msg(type, content or {}))

def resigned(kc, i, part):
    "A signed message whose frame `i` is `part`"
    frames = frames_of(kc)
    frames[4] = b'{"%s":1}' % os.urandom(8).hex().encode()  # else it is a replay
    frames[i] = part
    frames[1] = kc.session.sign(frames[2:])
    return frames

bad = dict(nothing=lambda kc: [b""], delimiter_only=lambda kc: [b"<IDS|MSG>"], no_delimiter=lambda kc: frames_of(kc)[1:],
    wrong_delimiter=lambda kc: [b"<ids|msg>", *frames_of(kc)[1:]], four_frames=lambda kc: frames_of(kc)[:5], large_junk=lambda kc: [b"x" * 10**7],
    no_signature=lambda kc: [b"<IDS|MSG>", b"", *frames_of(kc)[2:]], bad_signature=lambda kc: [b"<IDS|MSG>", b"0"*64, *frames_of(kc)[2:]],
    latin_signature=lambda kc: [b"<IDS|MSG>", b"\xe9"*64, *frames_of(kc)[2:]], other_content=lambda kc: [*frames_of(kc)[:5], b'{"code":"1"}'])

# which signed frame, and what is in it
for name,(i,part) in dict(no_json=(2, b"{'a'}"), no_utf8=(5, b'{"a":"\xff"}'), cut_json=(5, b'{"a":'),
    deep_json=(5, b'{"a":' * 100_000), header_list=(2, b"[]"),
    header_empty=(2, b"{}"), no_type=(2, b'{"msg_id":"1"}'), type_number=(2, b'{"msg_id":"1","msg_type":5}'),
    content_list=(5, b"[1]"), content_null=(5, b"null"),
    metadata_text=(4, b'"x"'), parent_list=(3, b"[]")).items():
    bad[name] = lambda kc, i=i, part=part: resigned(kc, i, part)

@pytest.mark.parametrize("channel", ["shell", "control", "stdin"])
@pytest.mark.parametrize("name", bad)
def test_bad_frames_are_dropped(kc, name, channel):
    "No status, no reply, no output, nothing else in the log, and the next request is served"
    kc.request("kernel_info_request")
    kc.others.clear()
    before = kc.logged.read_bytes(),set(kc.held)
    frames = bad[name](kc)
    id = kc.cell("input()", allow_stdin=True) if channel == "stdin" else None
    if id: kc.prompt()
    getattr(kc, f"{channel}_channel").socket.send_multipart(frames)
    if id:
        kc.input("still asked")
        assert kc.wait(id).result == "'still asked'"
    last = kc.request("kernel_info_request", channel="control" if channel == "control" else "shell")
    assert all(b": dropped " in line for line in kc.logged.read_bytes()[len(before[0]):].splitlines())
    assert kc.others == []
    assert set(kc.held)-before[1] == {id, last.id}-{None}

@pytest.mark.parametrize("channel", ["shell", "control", "stdin"])
def test_bad_frames_are_told_in_a_line_of_the_log(kc, channel):
    "Which may come a second later: there is one a second"
    before = len(kc.logged.read_bytes())
    getattr(kc, f"{channel}_channel").socket.send_multipart([b"<IDS|MSG>", b"0"*64, *frames_of(kc)[2:]])
    line = f"{channel}: dropped .*bad signature\n".encode()
    until(lambda: re.search(line, kc.logged.read_bytes()[before:]), "the line")

def test_a_replay_is_dropped_silently(kc):
    frames,log = frames_of(kc),kc.logged.read_bytes()
    with dealer(kc) as one, dealer(kc, "control") as two:
        one.send_multipart(frames)
        one.recv_multipart()  # else the one on control may be the first
        for sock in (one, two): sock.send_multipart(frames)
        for sock,ch in ((one, "shell"), (two, "control")):
            assert kc.request("kernel_info_request", channel=ch).status == "ok" and not sock.poll(100)
    assert kc.logged.read_bytes() == log

def test_a_bad_signature_does_not_block_the_message_itself(kc):
    frames = frames_of(kc)
    with dealer(kc) as sock:
        sock.send_multipart([b"<IDS|MSG>", frames[1], *frames[2:5], b'{"a":1}'])
        sock.send_multipart(frames)
        assert b"kernel_info_reply" in sock.recv_multipart()[2]

def test_whatever_is_sent_to_iopub_is_ignored(kc):
    import zmq
    with kc.context.socket(zmq.XSUB) as sock:
        sock.linger = 0
        sock.connect(kc._make_url("iopub"))
        for frames in ([b"\1"], [b"hello"], [b""], [b"\0nosuch"], [b"\2x"], [b"\1\xff"], [b"\1", b"two"],
            frames_of(kc)):
            sock.send_multipart(frames)
        assert sock.poll(5000)
        assert kc.run("1").result == "1"

def test_the_newer_of_two_clients_with_one_identity_gets_the_reply(kc):
    with dealer(kc, identity=b"same") as old:
        old.send_multipart(frames_of(kc))
        old.recv_multipart()
        with dealer(kc, identity=b"same") as new:
            new.send_multipart(frames_of(kc))
            assert b"kernel_info_reply" in new.recv_multipart()[2]

def test_a_client_that_went_away_harms_nobody(kc):
    for _ in range(20):
        with dealer(kc) as sock: sock.send_multipart(frames_of(kc, "execute_request", dict(code="1")))
    assert kc.run("1").status == "ok"

def test_several_clients_get_their_own_replies_and_see_everything(kc):
    from helpers import connect
    other = connect(kc.file)
    try:
        ours,theirs = kc.cell("'ours'"),other.cell("'theirs'")
        assert (kc.wait(ours).result, other.wait(theirs).result) == ("'ours'", "'theirs'")
        assert other.wait(ours, reply=False).result == kc.wait(theirs, reply=False).result[:0] + "'ours'"
    finally: other.stop_channels()
