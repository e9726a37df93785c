"""Whatever arrives on a socket: junk, floods, wrong types, messages that nobody signed. The kernel lives on and serves the next request

One kernel for most; `fine(kc)` asks it on every channel, for us and for a second client."""
import hmac, os, re, resource, socket, threading, zmq
from itertools import count
from hypothesis import given, settings, strategies as st
import pytest
from helpers import connect, dealer, start, until
from odd_values import dumps, fuzz, surrogates, values

channels = "shell control stdin iopub hb".split()
delim = b"<IDS|MSG>"
ids = count(1)

@pytest.fixture(scope="module")
def kc(tmp_path_factory):
    log = tmp_path_factory.mktemp("log")/"log"
    kc = start(stderr=log.open("wb"))
    kc.logged,kc.other = log,connect(kc.file)
    kc.run("1")
    yield kc
    kc.other.stop_channels()
    kc.stop()

def fine(kc):
    "Every channel answers, another client's reply is its own, and nothing has run that nobody signed"
    for ch in ("shell", "control"): assert kc.request("kernel_info_request", channel=ch).status == "ok"
    with kc.context.socket(zmq.REQ) as hb:
        hb.linger,hb.rcvtimeo = 0,60_000
        hb.connect(kc._make_url("hb"))
        hb.send(b"x")
        assert hb.recv() == b"x"
    assert kc.other.run("'hacked' in globals(), 6*7").result == "(False, 42)"
    assert kc.proc.poll() is None
    return True

def dropped(kc):
    "How many messages the log says were dropped, a line each or some in a line"
    found = re.findall(rb": dropped (?:(\d+) messages)?", kc.logged.read_bytes())
    return sum(int(number or 1) for number in found)

def rss(kc):
    with open(f"/proc/{kc.proc.pid}/statm") as f: return int(f.read().split()[1])*os.sysconf("SC_PAGE_SIZE")

def fds(kc): return len(os.listdir(f"/proc/{kc.proc.pid}/fd"))

def signed(kc, type, content, header={}, parent={}, metadata={}, buffers=(), key=None):
    "Its id and the frames of a message that jupyter_client would not make"
    id = f"hostile-{next(ids)}"
    parts = [dumps(o) for o in (dict(dict(session="s", username="u", version="5.5", date=""), **header, msg_id=id,
        msg_type=type), parent, metadata, content)]
    return id,[delim, hmac.new(kc.session.key if key is None else key, b"".join(parts),
        "sha256").hexdigest().encode(), *parts, *buffers]

def send(kc, channel, *args, **kw):
    id,frames = signed(kc, *args, **kw)
    getattr(kc, f"{channel}_channel").socket.send_multipart(frames)
    return id

# -- bytes that are not ZMTP

greeting = b"\xff\0\0\0\0\0\0\0\1\x7f\3\0NULL" + b"\0"*16 + b"\0"*32
ready = b"\4\x19\5READY\x0bSocket-Type\0\0\0\6DEALER"
junk = dict(nothing=b"", zero=b"\0", http=b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", tls=b"\x16\3\1\2\0\1\0\1\xfc\3\3"+b"x"*300, random=os.urandom(5000),
    half_a_greeting=greeting[:11], old=b"\1\0", newer=greeting.replace(b"\x7f\3", b"\x7f\x09"), no_ready=greeting+b"\0\5hello",
    plain=greeting.replace(b"NULL\0", b"PLAIN"), curve=greeting.replace(b"NULL\0", b"CURVE"), no_mechanism=greeting.replace(b"NULL", b"XXXX"),
    cut_ready=greeting+ready[:12], bad_ready=greeting+b"\4\x05\5READY\xff\xff\xff\xff", message_cut=greeting+ready+b"\1\x05he",
    huge_frame=greeting+ready+b"\2"+b"\x3f"+b"\xff"*7, large_frame=greeting+ready+b"\2\0\0\0\2\0\0\0\0"+b"x", command=greeting+ready+b"\4\xff"+b"x"*255,
    subscribe=greeting+ready+b"\0\1\1", frames=greeting+ready+b"\1\0"*5000)

def plug(kc, ch):
    s = socket.create_connection((kc.ip, getattr(kc, f"{ch}_port")), timeout=60)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")  # a reset at the end, as of a client that crashed
    return s

@pytest.mark.parametrize("name", junk)
def test_bytes_that_are_no_messages(kc, name):
    assert fine(kc)
    before,socks = fds(kc),[plug(kc, ch) for ch in channels]
    for s in socks:
        try: s.sendall(junk[name])
        except ConnectionError: pass
    assert fine(kc)
    for s in socks: s.close()
    until(lambda: fds(kc) <= before+4, f"the {fds(kc)} descriptors to become {before} again")  # but a loop that began beside a cell

@given(st.lists(st.binary(max_size=100), max_size=5), st.sampled_from(channels))
@settings(fuzz, max_examples=50)
def random_bytes(kc, parts, ch):
    with plug(kc, ch) as s:
        try:
            for b in (greeting, ready, *parts): s.sendall(b)
        except ConnectionError: pass

def test_random_bytes_behind_a_handshake(kc):
    random_bytes(kc)
    assert fine(kc)

def test_1000_connections(kc):
    "Of which none says a word; fewer where the tests may not open as many"
    soft,hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(hard, 4096)), hard))
    before,n = fds(kc), min(1000, resource.getrlimit(resource.RLIMIT_NOFILE)[0]-200)
    try:
        socks = [plug(kc, channels[i%5]) for i in range(n)]
        assert fine(kc)
        for s in socks: s.close()
        until(lambda: fds(kc) <= before+9, "the descriptors to be closed")
        assert fine(kc)
    finally: resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))

@pytest.mark.slow
def test_200_clients_at_once(kc):
    n,socks = fds(kc),[kc.context.socket(zmq.DEALER) for _ in range(200)]
    for s in socks:
        s.linger,s.rcvtimeo = 0,20_000
        s.connect(kc._make_url("shell"))
        s.send_multipart(signed(kc, "kernel_info_request", {})[1])
    for s in socks: assert b"kernel_info_reply" in s.recv_multipart()[2]
    for s in socks: s.close()
    until(lambda: fds(kc) <= n+9, "the descriptors to be closed")

def test_more_connections_than_descriptors(own):
    "Those that find no room wait; when the others have gone, they are served"
    kc = own()
    kc.run("1")
    resource.prlimit(kc.proc.pid, resource.RLIMIT_NOFILE, (fds(kc)+20, fds(kc)+20))
    socks = [plug(kc, ch) for ch in channels for _ in range(40)]
    assert kc.run("6*7").result == "42"
    for s in socks: s.close()
    with dealer(kc) as sock:
        sock.send_multipart(signed(kc, "kernel_info_request", {})[1])
        assert sock.recv_multipart()

# -- frames

frames = st.lists(st.binary(max_size=50) | st.sampled_from([delim, b"", b"{}",
    b'{"msg_id":"1","msg_type":"execute_request"}']), min_size=1, max_size=12)

@pytest.mark.slow
@pytest.mark.parametrize("channel", ["shell", "control", "stdin"])
def test_random_frames_are_dropped_and_counted(kc, channel):
    sent,before = [],dropped(kc)
    with dealer(kc, channel) as sock:
        @given(frames)
        @fuzz
        def run(frames):
            sock.send_multipart(frames)
            sent.append(frames)
        run()
        sock.send_multipart(signed(kc, "input_reply" if channel == "stdin" else "kernel_info_request", {})[1])
        until(lambda: dropped(kc) == before+len(sent), f"{len(sent)} to be dropped, not {dropped(kc)-before}")
        if channel != "stdin": assert b"kernel_info_reply" in sock.recv_multipart()[2]
        assert not sock.poll(0)
    assert fine(kc)

def test_random_frames_on_iopub(kc):
    with kc.context.socket(zmq.XSUB) as sock:
        sock.linger = 0
        sock.connect(kc._make_url("iopub"))
        @given(frames | st.binary(max_size=20).map(lambda b: [b"\1"+b]))
        @fuzz
        def run(frames): sock.send_multipart(frames)
        run()
        assert fine(kc)

def test_a_subscription_to_the_delimiter_reaches_nobody(kc):
    with kc.context.socket(zmq.XSUB) as sock:
        sock.linger = 0
        sock.connect(kc._make_url("iopub"))
        sock.send(b"\1" + delim)
        assert fine(kc)
    assert delim not in [m["content"].get("subscription", "").encode() for m in kc.others]

def test_5000_subscriptions(kc):
    with kc.context.socket(zmq.XSUB) as sock:
        sock.linger = 0
        sock.connect(kc._make_url("iopub"))
        for i in range(5000): sock.send(b"\1topic %d" % i)
        assert fine(kc)
    assert fine(kc)

@pytest.mark.parametrize("n", [1, 4, 5, 6, 7, 8, 50, 1000])
def test_any_number_of_identities(kc, n):
    with dealer(kc) as sock:
        names = [b"id %d" % i for i in range(n)]
        sock.send_multipart([*names, *signed(kc, "kernel_info_request", {})[1]])
        assert sock.recv_multipart()[:n] == names
    assert fine(kc)

def test_1000_buffers(kc):
    assert kc.wait(send(kc, "shell", "execute_request", dict(code="6*7"), buffers=[b"x"]*1000)).result == "42"

# -- code that nobody signed, or that was sent before

hack = dict(code="hacked = 1; import os; os.environ['HACKED'] = '1'", silent=False)
forged = dict(unsigned=lambda f: [f[0], b"", *f[2:]], cut=lambda f: [f[0], f[1][:-1], *f[2:]], longer=lambda f: [f[0], f[1]+b"0", *f[2:]],
    upper=lambda f: [f[0], f[1].upper(), *f[2:]], raw=lambda f: [f[0], bytes.fromhex(f[1].decode()), *f[2:]],
    twice=lambda f: [f[0], f[1], f[1], *f[2:]], moved=lambda f: [f[0], f[1], b"", b"".join(f[2:4]), *f[4:]],
    in_buffers=lambda f: [f[0], b"", b"{}", b"{}", b"{}", b"{}", *f])

@pytest.mark.parametrize("channel", ["shell", "control", "stdin", "iopub"])
@pytest.mark.parametrize("name", forged)
def test_forged_code_does_not_run(kc, name, channel):
    frames = forged[name](signed(kc, "execute_request", hack)[1])
    with kc.context.socket(zmq.XSUB if channel == "iopub" else zmq.DEALER) as sock:
        sock.linger = 0
        sock.connect(kc._make_url(channel))
        sock.send_multipart(frames)
        assert fine(kc)
        assert channel == "iopub" or not sock.poll(0)

@pytest.mark.parametrize("key", [b"", b"wrong", b"0"*64])
def test_code_signed_with_another_key_does_not_run(kc, key):
    send(kc, "shell", "execute_request", hack, key=key)
    assert fine(kc)

@given(st.data())
@fuzz
def changed(kc, sock, data):
    frames = signed(kc, "execute_request", hack)[1]
    i = data.draw(st.integers(1, 5))
    j = data.draw(st.integers(0, 9999)) % len(frames[i])  # whose length changes with the number in its id
    sock.send_multipart([*frames[:i],
        frames[i][:j] + bytes([frames[i][j]^data.draw(st.integers(1, 255))]) + frames[i][j+1:], *frames[i+1:]])

def test_code_with_one_byte_changed_does_not_run(kc):
    with dealer(kc) as sock:
        changed(kc, sock)
        assert fine(kc)
        assert not sock.poll(0)

def test_a_replay_does_not_run(kc):
    "By the same client, by another, on another channel, while the first runs, and in the middle of other requests"
    kc.run("runs = 0")
    id,frames = signed(kc, "execute_request", dict(code="runs += 1; import time; time.sleep(.1)"))
    with dealer(kc) as one, dealer(kc, "control") as two, dealer(kc, "stdin") as three:
        for sock in (kc.shell_channel.socket, kc.shell_channel.socket): sock.send_multipart(frames)
        kc.wait(id, until=lambda result: result.states)  # now the reply is ours
        for sock in (one, two, three): sock.send_multipart(frames)
        kc.wait(id)
        for _ in range(5):
            one.send_multipart(frames)
            kc.request("kernel_info_request")
        assert kc.run("runs").result == "1"
        assert not any(s.poll(0) for s in (one, two, three))
    assert fine(kc)

# -- signed messages with odd values

fields = dict(execute_request="silent store_history user_expressions allow_stdin stop_on_error", complete_request="code cursor_pos",
    inspect_request="code cursor_pos detail_level omit_sections", is_complete_request="code",
    history_request="hist_access_type raw output session start stop n pattern unique", comm_info_request="target_name",
    kernel_info_request="x", connect_request="x",
    comm_open="comm_id target_name target_module data", comm_msg="comm_id data", comm_close="comm_id data", nosuch_request="x")
sane = dict(code=st.sampled_from(["", "1", "len", "("]),
    hist_access_type=st.sampled_from(["tail", "range", "search"]), comm_id=st.just("c"))

def contents(type):
    return st.fixed_dictionaries({}, optional={k: values | sane.get(k, st.nothing()) for k in fields[type].split()})

headers = st.fixed_dictionaries({}, optional=dict(session=values, username=values, date=values, version=values,
    subshell_id=st.none() | values))

def odd(kc, type, channel="shell"):
    "Every request gets busy, an ok or an error, and idle, whatever is in its fields"
    @given(contents(type), headers, st.dictionaries(surrogates, values, max_size=2),
        st.dictionaries(st.sampled_from(["msg_id", "msg_type", "cellId", "tags"]), values, max_size=2),
        st.lists(st.binary(max_size=9), max_size=3))
    @settings(fuzz, max_examples=40)
    def run(content, header, parent, metadata, buffers):
        if type == "execute_request": content = dict(dict(code="1"), **content)
        id = send(kc, channel, type, content, header, parent, metadata, buffers)
        r = kc.wait(id, channel, reply=type.endswith("_request") and type != "nosuch_request", timeout=10)
        assert r.states[-1] == "idle"
        if r.reply: assert r.status in ("ok", "error", "complete", "incomplete", "invalid", "unknown")
    run()
    assert fine(kc)

@pytest.mark.parametrize("type", fields)
def test_odd_values_on_shell(kc, type): odd(kc, type)

@pytest.mark.parametrize("type", ["usage_request", "list_subshell_request", "delete_subshell_request",
    "interrupt_request", "execute_request"])
def test_odd_values_on_control(kc, type, monkeypatch):
    monkeypatch.setitem(fields, type, "subshell_id code x")
    odd(kc, type, "control")

dap = "initialize attach launch evaluate source stackTrace variables setBreakpoints dumpCell debugInfo inspectVariables richInspectVariables copyToGlobals modules configurationDone continue next disconnect nosuch".split()

@pytest.mark.slow
def test_odd_values_in_debug_requests(own):
    kc = own()
    @given(st.sampled_from(dap) | surrogates,
        values | st.dictionaries(st.sampled_from("code source path lines breakpoints threadId frameId variableName srcVariableName dstVariableName variablesReference expression".split()), values, max_size=4), values, values)
    @settings(fuzz, max_examples=80)
    def run(command, arguments, seq, type):
        c = kc.wait(send(kc, "control", "debug_request",
            dict(type=type, seq=seq, command=command, arguments=arguments)), "control", timeout=15).content
        assert isinstance(c.get("success"), bool) or c.get("status") == "error"
    run()
    assert kc.run("6*7").result == "42"
    assert kc.request("debug_request", dict(type="request", seq=1, command="debugInfo"), "control").content["success"]

def test_odd_input_replies(kc):
    "Only the client that was asked answers, with its own words"
    id = kc.cell("input()", allow_stdin=True)
    asked = {k: kc.prompt()["header"][k] for k in ["msg_id"]}
    with dealer(kc, "stdin") as other:
        @given(st.dictionaries(st.sampled_from(["value", "status", "x"]), values, max_size=3),
            st.dictionaries(st.sampled_from(["msg_id", "session"]), values, min_size=1, max_size=2))
        @fuzz
        def run(content, parent):
            other.send_multipart(signed(kc, "input_reply", content, parent=asked)[1])
            send(kc, "stdin", "input_reply", content, parent=dict(dict(msg_id="other"), **parent))
            send(kc, "stdin", "nosuch", content, parent=asked)
        run()
        kc.input("right")
        assert kc.wait(id).result == "'right'"
    assert fine(kc)

def test_an_input_reply_that_is_no_text_is_empty(kc):
    for value in (5, None, [1], {}):
        id = kc.cell("input()", allow_stdin=True)
        send(kc, "stdin", "input_reply", dict(value=value), parent=dict(msg_id=kc.prompt()["header"]["msg_id"]))
        assert kc.wait(id).result == "''"

# -- floods and size

@pytest.mark.slow
def test_a_flood_of_junk_disturbs_nobody(kc):
    stop,sent,before = threading.Event(),[],rss(kc)
    def flood():
        with dealer(kc) as a, dealer(kc, "control") as b, dealer(kc, "stdin") as c:
            for i in range(30_000):
                for s in (a, b, c): s.send_multipart([b"junk", b"x"*200])
                if stop.is_set(): break
            sent.append(i)
            stop.wait(20)
    t = threading.Thread(target=flood)
    t.start()
    try:
        for i in range(20):
            assert (kc.run(f"{i}").result, kc.request("kernel_info_request", channel="control").status) == (f"{i}",
                "ok")
    finally:
        stop.set()
        t.join()
    assert fine(kc) and sent[0] > 100
    until(lambda: rss(kc)-before < 60e6, f"{rss(kc)-before} bytes to be given back")

@pytest.mark.parametrize("channel", ["shell", "control", "stdin", "iopub"])
def test_100_MB_of_junk_are_dropped_and_given_back(kc, channel):
    assert fine(kc)
    before = rss(kc)
    with kc.context.socket(zmq.XSUB if channel == "iopub" else zmq.DEALER) as sock:
        sock.linger = 10_000
        sock.connect(kc._make_url(channel))
        sock.send_multipart([b"junk", b"x"*100_000_000])
        sock.send_multipart([delim, b"0"*64, *[b"{}"]*3, b"x"*100_000_000])
    assert fine(kc)
    until(lambda: rss(kc)-before < 60e6, f"{rss(kc)-before} bytes to be given back")

def test_a_comm_message_with_100_MB(kc):
    before = rss(kc)
    kc.request("comm_msg", dict(comm_id="nosuch", data={}), buffers=[b"x"*100_000_000])
    assert fine(kc)
    until(lambda: rss(kc)-before < 60e6, f"{rss(kc)-before} bytes to be given back")
