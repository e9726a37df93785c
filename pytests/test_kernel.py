"""Every message of protocol.md section 2 with every field, on the right channel, in the right order; then what is wrong on purpose

One kernel for all that does not end it; what tells about start and end of a kernel is in test_process.py."""

import json, os, re, sys
from datetime import datetime
from helpers import dealer, start, subscriber
from ipymini import __version__
import pytest

error_keys = {"status", "ename", "evalue", "traceback"}

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
    try: assert running[0].run("1", timeout=5).status == "ok"
    except (AssertionError, TimeoutError): begin()

def is_error(c): return error_keys <= set(c) and c["status"] == "error" and all(isinstance(c[k], str) for k in ("ename", "evalue")) \
    and isinstance(c["traceback"], list) and all(isinstance(s, str) for s in c["traceback"])

# -- around every request

both = [("kernel_info_request", {}), ("complete_request", dict(code="impor", cursor_pos=5)), ("inspect_request", dict(code="len", cursor_pos=3, detail_level=0)),
    ("is_complete_request", dict(code="1")), ("history_request", dict(hist_access_type="tail", n=1, raw=True, output=False)), ("comm_info_request", {}),
    ("connect_request", {})]
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
    r = kc.run("import asyncio, threading; threading.Thread(target=print, args=('t',)).start(); print('x'); input()", allow_stdin=False)
    s = {m["header"]["session"] for m in [r.reply, *r.msgs]}
    s |= {kc.request(t, {}, ch).reply["header"]["session"] for ch,t in (("shell", "kernel_info_request"), ("control", "usage_request"))}
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
    assert set(c) >= {"status", "protocol_version", "implementation", "implementation_version", "language_info", "banner", "help_links", "supported_features"}
    assert (c["status"], c["protocol_version"], c["implementation"], c["implementation_version"]) == ("ok", "5.5", "ipymini", __version__)
    assert re.fullmatch(r"\d+\.\d+\.\d+", c["implementation_version"])
    assert c["language_info"] == dict(name="python", version=sys.version.split()[0], mimetype="text/x-python", file_extension=".py", pygments_lexer="ipython3",
        codemirror_mode=dict(name="ipython", version=3), nbconvert_exporter="python")
    assert sys.version in c["banner"]
    assert all(set(o) == {"text", "url"} for o in c["help_links"])
    assert c["supported_features"] == ["kernel subshells", "debugger"]

def test_kernel_info_is_the_same_on_control(kc):
    assert kc.request("kernel_info_request", channel="control").content == kc.request("kernel_info_request").content

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
    assert (c["ename"], c["evalue"], c["user_expressions"], c["payload"]) == ("ZeroDivisionError", "division by zero", {}, [])

def test_execute_with_code_alone(kc):
    r = kc.request("execute_request", dict(code="print(5); 6"))
    assert (r.status, r.stdout, r.result) == ("ok", "5\n", "6")
    assert kc.request("execute_request", dict(code="_")).result == "6"

def test_empty_content_gets_an_error(kc): assert is_error(kc.request("execute_request", {}).content)

def test_execute_input_echoes_the_code(kc):
    r = kc.run("x = 'é'\n\n# c")
    assert r.of("execute_input") == [dict(code="x = 'é'\n\n# c", execution_count=r.content["execution_count"])]

def count(kc): return kc.run("", silent=True).content["execution_count"]

def test_one_count_in_input_result_and_reply(kc):
    n = count(kc)
    r = kc.run("1")
    assert [r.of("execute_input")[0]["execution_count"], r.of("execute_result")[0]["execution_count"], r.content["execution_count"]] == [n+1]*3

@pytest.mark.parametrize("code", ["1", "1/0", "(", "%nosuch", "import asyncio; await asyncio.sleep(0)", "# only a comment", "raise SystemExit"])
def test_a_stored_cell_is_counted_once(kc, code):
    n = count(kc)
    assert kc.run(code).content["execution_count"] == n+1
    assert count(kc) == n+1

@pytest.mark.parametrize("code", ["", "  ", "\n\n", "\t\n "])
def test_blank_code_is_not_counted(kc, code):
    n = count(kc)
    r = kc.run(code)
    assert (r.status, r.content["execution_count"], r.of("execute_input")) == ("ok", n, [dict(code=code, execution_count=n+1)])
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
    r = kc.run("import sys\nfrom IPython.display import display\nprint('o'); print('e', file=sys.stderr); display(7); 1/0", silent=True)
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

def test_user_expressions_are_evaluated_when_silent(kc): assert kc.run("", silent=True, user_expressions=dict(a="1+1")).content["user_expressions"]["a"]["data"] == {"text/plain": "2"}

def test_namespace_is_a_real_main_module(kc):
    r = kc.run("import sys; f = lambda: 0; sys.modules['__main__'].__dict__ is globals(), __name__, '__file__' in globals(), f.__module__")
    assert r.result == "(True, '__main__', False, '__main__')"

def test_namespace_starts_as_ipythons(kc): assert kc.run("all(n in globals() for n in 'In Out _oh _dh get_ipython exit quit open'.split())").result == "True"

def test_results_are_remembered(kc):
    n = kc.run("123").content["execution_count"]
    assert kc.run(f"_, Out[{n}], _{n}").result == "(123, 123, 123)"

def test_top_level_await(kc): assert kc.run("import asyncio\nfor i in range(2): await asyncio.sleep(0)\nawait asyncio.sleep(0, 'done')").result == "'done'"

@pytest.mark.parametrize("code, out", [("!echo shell; exit 3", "shell\r\n"), ("%%bash\necho b", "b\n"), ("a = !echo got\nprint(a)", "['got']\n"), ("%pwd\nprint('p')", "p\n"),
    ("%%capture c\nprint('x')", ""), ("print(c.stdout)", "x\n\n"), ("%%python\nprint(1)", "1\n")])
def test_magics_and_shell(kc, code, out): assert kc.run(code).stdout.replace("\r\n", "\n") == out.replace("\r\n", "\n")

def test_exit_code_of_a_shell_line(kc):
    kc.run("!exit 3")
    assert kc.run("_exit_code").result == "3"

@pytest.mark.slow
def test_pip_is_this_environments(kc): assert f"python {sys.version_info[0]}.{sys.version_info[1]}" in kc.run("%pip --version", timeout=60).stdout

# -- display

def test_display_data_has_transient_always(kc):
    r = kc.run("from IPython.display import display; display(1); display(2, display_id='i'); display({'text/x': 'y'}, raw=True, metadata={'text/x': {'w': 1}})")
    assert r.of("display_data") == [dict(data={"text/plain": "1"}, metadata={}, transient={}), dict(data={"text/plain": "2"}, metadata={}, transient=dict(display_id="i")),
        dict(data={"text/x": "y"}, metadata={"text/x": dict(w=1)}, transient={})]

def test_update_display_data(kc):
    r = kc.run("h = display(1, display_id=True); h.update(2)")
    assert r.types == ["status", "execute_input", "display_data", "update_display_data", "status"]
    first,second = r.msgs[2]["content"],r.msgs[3]["content"]
    assert second == dict(data={"text/plain": "2"}, metadata={}, transient=first["transient"])
    assert isinstance(first["transient"]["display_id"], str)

def test_an_update_belongs_to_the_cell_that_makes_it(kc):
    kc.run("h = display(1, display_id='later')")
    assert kc.run("h.update(3)").of("update_display_data")[0]["transient"] == dict(display_id="later")

@pytest.mark.parametrize("args, wait", [("", False), ("wait=True", True)])
def test_clear_output(kc, args, wait):
    r = kc.run(f"from IPython.display import clear_output; print('a'); clear_output({args}); print('b')")
    assert r.shape == ["status", "execute_input", "stream", "clear_output", "stream", "status"]
    assert r.of("clear_output") == [dict(wait=wait)]

def test_execute_result_has_no_transient(kc): assert set(kc.run("1").of("execute_result")[0]) == {"data", "metadata", "execution_count"}

@pytest.mark.parametrize("code", ["1;", "1; # c", "None", "x = 1", "'a;b';", "pass"])
def test_no_result(kc, code): assert kc.run(code).types == ["status", "execute_input", "status"]

@pytest.mark.parametrize("code", ["'a;'", "1 # ;"])
def test_a_semicolon_inside_suppresses_nothing(kc, code): assert kc.run(code).result

def test_streams_and_displays_come_in_program_order(kc):
    r = kc.run("import sys\nfor i in range(3): print(i); print(-i, file=sys.stderr); display(i)\n'end'")
    assert r.shape == ["status", "execute_input", *["stream", "stream", "display_data"]*3, "execute_result", "status"]
    assert (r.stdout, r.stderr) == ("0\n1\n2\n", "0\n-1\n-2\n")

def test_no_empty_stream(kc): assert kc.run("import sys\nfor i in range(9): print(end=''); sys.stdout.write(''); sys.stdout.flush()").of("stream") == []

def test_printed_lines_are_gathered(kc):
    r = kc.run("for i in range(5000): print(i)")
    assert len(r.of("stream")) < 50
    assert r.stdout == "".join(f"{i}\n" for i in range(5000))

odd = [("{'a': float('nan'), 'b': [float('inf')]}", {"a": "nan", "b": ["inf"]}), ("{'a': b'raw'}", {"a": "cmF3"}), ("{'a': {1, }}", {"a": [1]}), ("{'a': (1, 2)}", {"a": [1, 2]}),
    ("{'d': __import__('datetime').datetime(2026, 1, 2, tzinfo=__import__('datetime').timezone.utc)}", {"d": "2026-01-02T00:00:00Z"}), ("{1: 2}", {"1": 2})]
@pytest.mark.parametrize("value, shown", odd)
def test_what_json_has_no_form_for_is_shown(kc, value, shown):
    r = kc.run("display({'application/json': " + value + "}, raw=True)")
    assert (r.status, r.of("display_data")[0]["data"]["application/json"]) == ("ok", shown)

def test_what_cannot_be_sent_is_the_users_error(kc):
    r = kc.run("display({'application/json': object()}, raw=True)")
    assert (r.status, r.error["ename"], r.idle) == ("error", "TypeError", True)

def test_surrogates_come_through(kc):
    r = kc.run(r"print('\ud800'); '\udc80'")
    assert (r.status, r.stdout) == ("ok", "\ud800\n")

def test_bytes_of_a_picture_are_base64(kc): assert kc.run("display({'image/png': b'PNG'}, raw=True)").of("display_data")[0]["data"] == {"image/png": "UE5H"}

# -- errors

errors = [("1/0", "ZeroDivisionError", "division by zero"), ("(", "SyntaxError", None), ("%nosuch", "UsageError", None), ("%%nosuch\n1", "UsageError", None),
    ("%timeit -q", None, None), ("raise ExceptionGroup('eg', [ValueError('inner')])", "ExceptionGroup", "eg (1 sub-exception)"), ("raise KeyboardInterrupt", "KeyboardInterrupt", ""),
    ("raise SystemExit", "SystemExit", ""), ("raise SystemExit(3)", "SystemExit", "3"), ("import sys; sys.exit('bye')", "SystemExit", "bye"), ("raise GeneratorExit", "GeneratorExit", ""),
    ("import asyncio; raise asyncio.CancelledError", "CancelledError", ""), ("def f(): f()\nf()", "RecursionError", None), ("raise MemoryError", "MemoryError", ""),
    ("class B(BaseException): pass\nraise B('b')", "B", "b"), (r"raise ValueError('\ud800')", "ValueError", None), ("raise StopIteration(1)", "StopIteration", "1"),
    ("raise StopAsyncIteration", "StopAsyncIteration", ""), ("await 5", "TypeError", None), ("import nosuchmodule", "ModuleNotFoundError", "No module named 'nosuchmodule'"),
    ("import asyncio\nawait asyncio.sleep(0)\n{}['k']", "KeyError", "'k'"), ("\0", None, None), ("  x\n y", "IndentationError", None), ("!!!\n%", None, None), ("assert 0, 'é'", "AssertionError", "é")]
kept = [e for e in errors if e[1]]

@pytest.mark.parametrize("code, ename, evalue", kept)
def test_error_and_reply_agree(kc, code, ename, evalue):
    r = kc.run(code)
    assert is_error(r.content)
    assert r.error == {k: r.content[k] for k in ("ename", "evalue", "traceback")}
    assert r.error["ename"] == ename
    if evalue is not None: assert r.error["evalue"] == evalue
    assert ename in "\n".join(r.error["traceback"])

@pytest.mark.parametrize("code", [e[0] for e in kept if e[1] != "SystemExit"])
def test_an_error_is_one_output(kc, code): assert kc.run(code).types == ["status", "execute_input", "error", "status"]

@pytest.mark.parametrize("code", [e[0] for e in errors if not e[1]])
def test_odd_code_gets_an_answer(kc, code): assert kc.run(code).status in ("ok", "error")

@pytest.mark.parametrize("code", ["raise SystemExit", "import sys; sys.exit(1)"])
def test_system_exit_warns_and_the_kernel_lives(kc, code):
    kc.run("import warnings; warnings.simplefilter('always')")
    r = kc.run(code)
    assert "To exit: use 'exit'" in r.stderr
    assert kc.run("1").status == "ok"

broken = """class Broken(Exception):
    def __str__(self): raise {}
    __repr__ = __str__
raise Broken"""
@pytest.mark.parametrize("by", ["ValueError('no')", "RecursionError", "Broken", "KeyboardInterrupt", "SystemExit", "GeneratorExit", "BaseException"])
def test_an_exception_without_a_text(kc, by):
    r = kc.run(broken.format(by), timeout=5)
    assert is_error(r.content) and r.idle
    assert r.error == {k: r.content[k] for k in ("ename", "evalue", "traceback")}
    assert kc.run("1").result == "1"

@pytest.mark.parametrize("by", ["ValueError('no')", "RecursionError"])
def test_an_exception_without_a_text_keeps_its_name(kc, by): assert kc.run(broken.format(by)).error["ename"] == "Broken"

def test_traceback_shows_the_cell(kc):
    tb = "\n".join(kc.run("def f():\n    return 1/0\nf()").error["traceback"])
    assert re.search(r"1.*/.*0", tb) and "ZeroDivisionError" in tb and "f()" in re.sub(r"\x1b\[[0-9;]*m", "", tb)

def test_a_group_shows_what_is_in_it(kc): assert "inner" in "\n".join(kc.run("raise ExceptionGroup('eg', [ValueError('inner')])").error["traceback"])

def test_no_stale_traceback_after_async_cells(kc):
    kc.run("1/0")
    tb = "\n".join(kc.run("import asyncio\nawait asyncio.sleep(0)\n[][1]").content["traceback"])
    assert "IndexError" in tb and "ZeroDivision" not in tb

def test_no_stale_traceback_after_a_usage_error(kc):
    kc.run("1/0")
    assert "ZeroDivision" not in "\n".join(kc.run("%nosuch").content["traceback"])

bad_repr = "class Bad:\n    def __repr__(self): raise LookupError('in repr')\n"
def test_an_error_in_the_results_repr_has_its_true_name(kc):
    r = kc.run(bad_repr + "Bad()")
    assert (r.status, r.content["ename"], r.content["evalue"]) == ("error", "LookupError", "in repr")
    assert r.error["ename"] == "LookupError"

def test_an_error_in_the_repr_of_display_is_shown_and_the_cell_goes_on(kc):
    r = kc.run(bad_repr + "display(Bad()); print('on')")
    assert (r.status, r.error["ename"], r.stdout) == ("ok", "LookupError", "on\n")

def test_showtraceback_shows_without_failing(kc):
    r = kc.run("try: 1/0\nexcept Exception: get_ipython().showtraceback()")
    assert (r.status, r.error["ename"]) == ("ok", "ZeroDivisionError")

def test_tb_magic_shows_the_last_one(kc):
    kc.run("1/0")
    assert "ZeroDivisionError" in str(kc.run("%tb").msgs)

def test_xmode(kc):
    kc.run("%xmode Minimal")
    assert len("".join(kc.run("1/0").error["traceback"]).splitlines()) == 1
    kc.run("%xmode Context")

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

def test_payloads_come_with_errors_too(kc): assert [p["source"] for p in kc.run("get_ipython().set_next_input('x'); 1/0").content["payload"]] == ["set_next_input"]

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
    "Results of cells, the first of which runs until the others are there"
    found = [kc.cell(f"import time; time.sleep(.2)\n{first}", **kw or {}), *(kc.cell(c) if isinstance(c, str) else kc.submit(*c) for c in rest)]
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
    a,b = kc.cell("import time; time.sleep(.2); 1/0"),kc.cell("1", stop_on_error=False)
    assert [kc.wait(id).status for id in (a, b)] == ["error", "aborted"]

def test_other_requests_are_answered_while_cells_are_aborted(kc):
    rs = queued(kc, "1/0", "1", ("is_complete_request", dict(code="1")), ("kernel_info_request",), "2")
    assert [r.status for r in rs] == ["error", "aborted", "complete", "ok", "aborted"]

def test_cells_that_come_after_the_error_run(kc):
    queued(kc, "1/0", "1")
    assert kc.run("1").status == "ok"

def test_many_cells_are_aborted(kc): assert {r.status for r in queued(kc, "1/0", *["1"]*200)[1:]} == {"aborted"}

@pytest.mark.parametrize("kw", [dict(stop_on_error=False), dict(silent=True)], ids=str)
def test_nothing_is_aborted(kc, kw): assert [r.status for r in queued(kc, "1/0", "1", kw=kw)] == ["error", "ok"]

def test_success_aborts_nothing(kc): assert [r.status for r in queued(kc, "0", "1", "1/0", "1")] == ["ok", "ok", "error", "aborted"]

@pytest.mark.parametrize("code", ["(", "%nosuch", "raise KeyboardInterrupt", "raise SystemExit", "import asyncio; await asyncio.sleep(0); 1/0"])
def test_every_kind_of_failure_aborts(kc, code): assert [r.status for r in queued(kc, "0", code, "1")][1:] == ["error", "aborted"]

# -- complete

def complete(kc, code, pos=None, **kw): return kc.request("complete_request", dict(dict(code=code) if pos is None else dict(code=code, cursor_pos=pos), **kw)).content

def test_complete(kc):
    kc.run("zebra_1 = zebra_2 = 0")
    c = complete(kc, "print(zeb", 9)
    assert set(c) == {"status", "matches", "cursor_start", "cursor_end", "metadata"}
    assert (c["status"], sorted(c["matches"]), c["cursor_start"], c["cursor_end"]) == ("ok", ["zebra_1", "zebra_2"], 6, 9)

def test_types_are_parallel_to_matches(kc):
    c = complete(kc, "zebra_")
    found = c["metadata"]["_jupyter_types_experimental"]
    assert [t["text"] for t in found] == c["matches"]
    assert all(set(t) == {"start", "end", "text", "type", "signature"} for t in found)
    assert {t["type"] for t in found} == {"instance"}

@pytest.mark.parametrize("code, pos, span", [("'🎉🎉'; zeb", 9, (6, 9)), ("é = zeb + 1", 7, (4, 7)), ("zeb\nzebra", 3, (0, 3)), ("'𝒳' + zeb", 9, (6, 9))])
def test_positions_are_code_points(kc, code, pos, span):
    c = complete(kc, code, pos)
    assert ((c["cursor_start"], c["cursor_end"]), set(c["matches"])) == (span, {"zebra_1", "zebra_2"})

@pytest.mark.parametrize("extra", [{}, dict(cursor_pos=None), dict(cursor_pos=1000)], ids=str)
def test_cursor_is_at_the_end_by_default(kc, extra): assert sorted(complete(kc, "zeb", **extra)["matches"]) == ["zebra_1", "zebra_2"]

@pytest.mark.parametrize("code", ["nothing_like_it_", "", "1 + "])
def test_no_matches_is_ok(kc, code):
    c = complete(kc, code)
    assert (c["status"], isinstance(c["matches"], list), isinstance(c["metadata"], dict)) == ("ok", True, True)

def test_nothing_found_is_at_the_cursor(kc):
    c = complete(kc, "nothing_like_it_", 5)
    if not c["matches"]: assert (c["cursor_start"], c["cursor_end"]) == (5, 5)

@pytest.mark.parametrize("code", ["a.b", "%tim", "%%ba", "import o", "from os import pa", "d['", "open('/et", "x.\n", "a"*5000, "(((((", "'''", "\0", "é."])
def test_completion_always_answers(kc, code): assert complete(kc, code)["status"] == "ok"

@pytest.mark.parametrize("body", ["def __dir__(self): raise KeyboardInterrupt", "def __getattr__(self, n): 1/0", "def __dir__(self): return [1, None]", "__dict__ = property(lambda self: 1/0)"])
def test_a_hostile_object_is_completed(kc, body):
    kc.run(f"class Hostile:\n    {body}\nhostile = Hostile()")
    assert complete(kc, "hostile.a")["status"] == "ok"
    assert kc.run("1").status == "ok"

def test_magics_are_completed(kc): assert "%timeit" in complete(kc, "%timei")["matches"]

# -- inspect

def inspect(kc, code, pos=None, **kw): return kc.request("inspect_request", dict(dict(code=code) if pos is None else dict(code=code, cursor_pos=pos), **kw)).content

def test_inspect(kc):
    c = inspect(kc, "x = len", 7)
    assert set(c) == {"status", "found", "data", "metadata"}
    assert (c["status"], c["found"], c["metadata"]) == ("ok", True, {})
    assert "number of items" in c["data"]["text/plain"]
    assert "text/html" not in c["data"]

@pytest.mark.parametrize("code, pos", [("len(", 4), ("len([1, 2]", 9), ("len", 0), ("len", None)])
def test_the_name_at_the_cursor_is_inspected(kc, code, pos): assert "number of items" in inspect(kc, code, pos)["data"]["text/plain"]

@pytest.mark.parametrize("code", ["nosuchname", "", "1+", "nosuch.attr", "(("])
def test_not_found(kc, code): assert inspect(kc, code) == dict(status="ok", found=False, data={}, metadata={})

def test_detail_level_adds_the_source(kc):
    kc.run("def with_source():\n    'its docstring'\n    return 'its body'")
    plain,more = (inspect(kc, "with_source", detail_level=n)["data"]["text/plain"] for n in (0, 1))
    assert "its docstring" in plain and "its body" not in plain
    assert "its body" in re.sub(r"\x1b\[[0-9;]*m", "", more)

def test_omitted_sections(kc):
    plain = lambda **kw: re.sub(r"\x1b\[[0-9;]*m", "", inspect(kc, "with_source", **kw)["data"]["text/plain"])
    assert "Type:" in plain() and "File:" in plain()
    assert "File:" not in plain(omit_sections=["file"]) and "Type:" in plain(omit_sections=["file"])

def test_magics_are_inspected(kc): assert "Time execution" in inspect(kc, "%timeit")["data"]["text/plain"]

# -- is_complete

@pytest.mark.parametrize("code, c", [("1", dict(status="complete")), ("", dict(status="complete")), ("for i in x:", dict(status="incomplete", indent=" "*4)),
    ("if 1:\n    if 2:", dict(status="incomplete", indent=" "*8)), ("'''", dict(status="incomplete", indent="")), ("f(", dict(status="incomplete", indent="")),
    ("import = 1", dict(status="invalid")), ("x x", dict(status="invalid")), ("%%bash\nls", dict(status="incomplete", indent="")), ("%time 1", dict(status="complete")), ("await x", dict(status="complete"))])
def test_is_complete(kc, code, c): assert kc.request("is_complete_request", dict(code=code)).content == c

# -- comms

def comms(kc, **kw): return kc.request("comm_info_request", kw).content["comms"]

def test_comm_info(kc):
    kc.run("import comm; c1 = comm.create_comm('one', comm_id='i1'); c2 = comm.create_comm('two', comm_id='i2')")
    assert comms(kc) == comms(kc, target_name=None) == dict(i1=dict(target_name="one"), i2=dict(target_name="two"))
    assert comms(kc, target_name="two") == dict(i2=dict(target_name="two"))
    assert comms(kc, target_name="none") == {}
    kc.run("c1.close(); c2.close()")
    assert comms(kc) == {}

def test_a_comm_of_the_kernel(kc):
    r = kc.run("c = comm.create_comm('t', comm_id='k', data=dict(a=1), metadata=dict(version='2')); c.send(dict(b=2), buffers=[b'buf']); c.close(dict(z=0))")
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
    assert kc.run("log").result == repr([("open", dict(a=1), [b"b1"], dict(v=1)), ("msg", dict(b=2)), ("close", dict(c=3))])

def test_comm_messages_get_no_reply(kc):
    r = kc.request("comm_open", dict(comm_id="n", target_name="front", data={}))
    kc.request("kernel_info_request")
    kc.request("comm_close", dict(comm_id="n", data={}))
    assert r.reply is None

def test_unknown_target_is_closed(kc):
    r = kc.request("comm_open", dict(comm_id="u", target_name="nosuchtarget", data={}))
    assert r.of("comm_close") == [dict(comm_id="u", data={})]
    assert comms(kc) == {}

@pytest.mark.parametrize("type", ["comm_msg", "comm_close"])
def test_unknown_comm_is_ignored(kc, type): assert "error" not in kc.request(type, dict(comm_id="nosuchcomm", data={})).types

def test_an_error_in_a_target_closes_and_is_shown(kc):
    kc.run("comm.get_comm_manager().register_target('bad', lambda c, m: 1/0)")
    r = kc.request("comm_open", dict(comm_id="e", target_name="bad", data={}))
    assert "comm_close" in r.types
    assert "ZeroDivisionError" in r.stderr

def test_an_error_in_a_callback_is_shown(kc):
    kc.run("c = comm.create_comm('t', comm_id='cb'); c.on_msg(lambda m: 1/0)")
    r = kc.request("comm_msg", dict(comm_id="cb", data={}))
    assert "ZeroDivisionError" in r.stderr
    kc.run("c.close()")

def test_callbacks_run_between_pre_and_post_execute(kc):
    kc.run("seen = []\nfor e in ('pre_execute', 'post_execute'): get_ipython().events.register(e, lambda e=e: seen.append(e))\n"
        "c = comm.create_comm('t', comm_id='ev'); c.on_msg(lambda m: seen.append('msg'))")
    kc.run("seen.clear()", silent=True)
    kc.request("comm_msg", dict(comm_id="ev", data={}))
    got = kc.run("seen", store_history=False).result
    kc.run("c.close(); get_ipython().events.callbacks['pre_execute'].pop(); get_ipython().events.callbacks['post_execute'].pop()")
    assert "'pre_execute', 'msg', 'post_execute'" in got

# -- the rest

def test_connect(kc):
    with open(kc.file) as f: cfg = json.load(f)
    assert kc.request("connect_request").content == dict({p: cfg[p] for p in ("shell_port", "iopub_port", "stdin_port", "control_port", "hb_port")}, status="ok")

def test_usage(kc):
    kc.request("usage_request", channel="control")
    kc.run("x = sum(range(10**6))")
    c = kc.request("usage_request", channel="control").content
    assert (c["status"], c["pid"], c["cpu_count"]) == ("ok", kc.proc.pid, os.cpu_count())
    assert isinstance(c["hostname"], str)
    assert 0 <= c["kernel_cpu"] and 10**7 < c["kernel_memory"] < 10**10
    assert 0 <= c["host_cpu_percent"] <= 100
    assert set(c["host_virtual_memory"]) >= {"total", "available", "percent", "used", "free", "active", "inactive", "buffers", "cached", "shared", "slab"}

def test_usage_counts_children(kc):
    before = kc.request("usage_request", channel="control").content["kernel_memory"]
    kc.run("import subprocess, sys; p = subprocess.Popen([sys.executable, '-c', 'x = bytearray(60_000_000); print(1, flush=True); input()'], stdin=-1, stdout=-1); p.stdout.readline()")
    after = kc.request("usage_request", channel="control").content["kernel_memory"]
    kc.run("p.kill(); p.wait()")
    assert after-before > 50_000_000

def test_interrupt_request_when_idle_does_nothing(kc):
    r = kc.interrupt("message")
    assert (r.content, r.types) == (dict(status="ok"), ["status", "status"])
    assert kc.run("1").status == "ok"

def test_interrupt_request_interrupts(kc):
    id = kc.cell("import time\nprint('on')\ntime.sleep(30)")
    kc.wait(id, until=lambda r: r.stdout)
    assert kc.interrupt("message").content == dict(status="ok")
    r = kc.wait(id)
    assert (r.status, r.content["ename"]) == ("error", "KeyboardInterrupt")

@pytest.mark.parametrize("channel", ["control", "shell"])
def test_kernel_info_while_a_cell_runs(kc, channel):
    id = kc.cell("import time\nprint('on')\ntime.sleep(30)")
    kc.wait(id, until=lambda r: r.stdout)
    assert kc.request("kernel_info_request", channel=channel, timeout=5).status == "ok"
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
def test_input_that_is_not_allowed_fails_at_once(kc, kw): assert kc.run("input()", **kw).error["ename"] == "StdinNotImplementedError"

def test_input_is_not_allowed_by_default(kc): assert kc.request("execute_request", dict(code="input()")).error["ename"] == "StdinNotImplementedError"

# -- wrong on purpose: messages

unknown = [("shell", "nosuch_request"), ("control", "nosuch_request"), ("shell", "nosuch"), ("shell", ""), ("control", "comm_msg"), ("shell", "__init__"), ("shell", "execute_reply"),
    ("control", "x"*1000), ("shell", "status"), ("shell", "é\n")]
@pytest.mark.parametrize("channel, type", unknown, ids=[f"{c}-{t[:20]!r}" for c,t in unknown])
def test_unknown_type_gets_busy_and_idle_and_no_reply(kc, channel, type):
    r = kc.request(type, dict(comm_id="x"), channel, reply=False)
    kc.request("kernel_info_request", channel=channel)
    assert r.types == ["status", "status"]
    assert r.states == ["busy", "idle"]
    assert r.reply is None

def test_execute_on_control_is_refused(kc):
    r = kc.request("execute_request", dict(code="refused = 1"), "control", timeout=3)
    assert is_error(r.content)
    assert kc.run("'refused' in globals()").result == "False"

wrong = [("execute_request", dict(code=5)), ("execute_request", dict(code=None)), ("execute_request", dict(code=["1"])), ("execute_request", dict(silent=True)),
    ("complete_request", {}), ("complete_request", dict(code=5, cursor_pos=0)), ("complete_request", dict(code="a", cursor_pos="x")),
    ("complete_request", dict(code="a", cursor_pos=[1])), ("inspect_request", {}), ("inspect_request", dict(code=None)), ("inspect_request", dict(code="len", cursor_pos="x")),
    ("inspect_request", dict(code="len", detail_level="x")), ("inspect_request", dict(code="len", omit_sections=5)), ("is_complete_request", {}), ("is_complete_request", dict(code=5))]
@pytest.mark.parametrize("type, content", wrong, ids=lambda o: str(o)[:60])
def test_wrong_content_gets_an_error(kc, type, content):
    n = count(kc)
    r = kc.request(type, content)
    assert is_error(r.content)
    assert r.states == ["busy", "idle"]
    assert count(kc) == n

def test_wrong_user_expressions_get_an_error(kc): assert is_error(kc.request("execute_request", dict(code="1", user_expressions=5)).content)

tolerated = [("execute_request", dict(code="1", silent=None, store_history=None, user_expressions=None, allow_stdin=None, stop_on_error=None)),
    ("execute_request", dict(code="1", silent="x", allow_stdin=5)),
    ("complete_request", dict(code="a", cursor_pos=-1)), ("complete_request", dict(code="a", cursor_pos=10**30)), ("inspect_request", dict(code="len", cursor_pos=-1)),
    ("inspect_request", dict(code="len", cursor_pos=10**30)), ("inspect_request", dict(code="len", detail_level=None, omit_sections=None)), ("inspect_request", dict(code="len", detail_level=99)),
    ("history_request", {}), ("history_request", dict(hist_access_type="nosuch")), ("history_request", dict(hist_access_type=["tail"])), ("history_request", dict(hist_access_type="tail", n=-1)),
    ("history_request", dict(hist_access_type="range", session=10**9)), ("history_request", dict(hist_access_type="tail", n="x")),
    ("history_request", dict(hist_access_type="range", session={}, start="x", stop=[])), ("history_request", dict(hist_access_type="search", pattern=5)), ("comm_info_request", dict(target_name=5)), ("kernel_info_request", dict(a=[1]))]
@pytest.mark.parametrize("type, content", tolerated, ids=lambda o: str(o)[:60])
def test_odd_content_is_answered(kc, type, content): assert kc.request(type, content).status in ("ok", "error")

wrong_control = [("delete_subshell_request", {}), ("delete_subshell_request", dict(subshell_id=None)), ("delete_subshell_request", dict(subshell_id=["x"])),
    ("delete_subshell_request", dict(subshell_id="nosuch"))]
@pytest.mark.parametrize("type, content", wrong_control, ids=str)
def test_wrong_content_on_control_gets_an_error(kc, type, content): assert is_error(kc.request(type, content, "control").content)

@pytest.mark.parametrize("content", [{}, dict(command=5), dict(type="request", command="nosuch"), dict(seq="x", command="debugInfo", arguments=[])], ids=str)
def test_a_wrong_debug_request_gets_a_response(kc, content):
    c = kc.request("debug_request", content, "control").content
    assert c["type"] == "response"
    assert isinstance(c["success"], bool)

wrong_comms = [("comm_open", {}), ("comm_open", dict(comm_id="w")), ("comm_open", dict(comm_id="w", target_name=None)), ("comm_open", dict(comm_id="w", target_name=["x"], data=5)),
    ("comm_open", dict(comm_id=5, target_name="front")), ("comm_msg", {}), ("comm_msg", dict(comm_id=None)), ("comm_msg", dict(comm_id=["x"], data={})), ("comm_close", {}), ("comm_close", dict(comm_id={}))]
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

@pytest.mark.parametrize("fields", [dict(session=5), dict(session=None), dict(username=None), dict(username=[]), dict(date="yesterday"), dict(date=5),
    dict(version=7), dict(version=None)], ids=str)
def test_wrong_fields_in_a_header_do_not_matter(kc, fields): assert kc.request("kernel_info_request", **fields).status == "ok"

# -- wrong on purpose: frames

def frames_of(kc, type="kernel_info_request", content=None): return kc.session.serialize(kc.session.msg(type, content or {}))

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
for name,(i,part) in dict(no_json=(2, b"{'a'}"), no_utf8=(5, b'{"a":"\xff"}'), cut_json=(5, b'{"a":'), deep_json=(5, b'{"a":' * 100_000), header_list=(2, b"[]"),
    header_empty=(2, b"{}"), no_type=(2, b'{"msg_id":"1"}'), type_number=(2, b'{"msg_id":"1","msg_type":5}'), content_list=(5, b"[1]"), content_null=(5, b"null"),
    metadata_text=(4, b'"x"'), parent_list=(3, b"[]")).items(): bad[name] = lambda kc, i=i, part=part: resigned(kc, i, part)

@pytest.mark.parametrize("channel", ["shell", "control", "stdin"])
@pytest.mark.parametrize("name", bad)
def test_bad_frames_are_dropped_with_one_line(kc, name, channel):
    "No status, no reply, no output, one line of log, and the next request is served"
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
    assert kc.logged.read_bytes()[len(before[0]):].count(b"\n") == 1
    assert kc.others == []
    assert set(kc.held)-before[1] == {id, last.id}-{None}

def test_a_replay_is_dropped_silently(kc):
    frames,log = frames_of(kc),kc.logged.read_bytes()
    with dealer(kc) as one, dealer(kc, "control") as two:
        for sock in (one, one, two): sock.send_multipart(frames)
        one.recv_multipart()
        for sock,ch in ((one, "shell"), (two, "control")): assert kc.request("kernel_info_request", channel=ch).status == "ok" and not sock.poll(100)
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
        for frames in ([b"\1"], [b"hello"], [b""], [b"\0nosuch"], [b"\2x"], [b"\1\xff"], [b"\1", b"two"], frames_of(kc)): sock.send_multipart(frames)
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
