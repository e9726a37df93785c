"display_data, its updates, clear_output, results, and what JSON has no form for"
import pytest

def test_display_data_has_transient_always(kc):
    r = kc.run("from IPython.display import display; display(1); display(2, display_id='i'); "
        "display({'text/x': 'y'}, raw=True, metadata={'text/x': {'w': 1}})")
    assert r.of("display_data") == [dict(data={"text/plain": "1"}, metadata={}, transient={}),
        dict(data={"text/plain": "2"}, metadata={}, transient=dict(display_id="i")),
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

def test_execute_result_has_no_transient(kc):
    assert set(kc.run("1").of("execute_result")[0]) == {"data", "metadata", "execution_count"}

@pytest.mark.parametrize("code", ["1;", "1; # c", "None", "x = 1", "'a;b';", "pass"])
def test_no_result(kc, code): assert kc.run(code).types == ["status", "execute_input", "status"]

@pytest.mark.parametrize("code", ["'a;'", "1 # ;"])
def test_a_semicolon_inside_suppresses_nothing(kc, code): assert kc.run(code).result

def test_streams_and_displays_come_in_program_order(kc):
    r = kc.run("import sys\nfor i in range(3): print(i); print(-i, file=sys.stderr); display(i)\n'end'")
    assert r.shape == ["status", "execute_input", *["stream", "stream", "display_data"]*3, "execute_result", "status"]
    assert (r.stdout, r.stderr) == ("0\n1\n2\n", "0\n-1\n-2\n")

def test_no_empty_stream(kc):
    assert kc.run("import sys\nfor i in range(9): print(end=''); sys.stdout.write(''); "
        "sys.stdout.flush()").of("stream") == []

def test_printed_lines_are_gathered(kc):
    r = kc.run("for i in range(5000): print(i)")
    assert len(r.of("stream")) < 50
    assert r.stdout == "".join(f"{i}\n" for i in range(5000))

odd = [("{'a': float('nan'), 'b': [float('inf')]}", {"a": "nan", "b": ["inf"]}), ("{'a': b'raw'}", {"a": "cmF3"}), ("{'a': {1, }}", {"a": [1]}),
    ("{'a': (1, 2)}", {"a": [1, 2]}),
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

def test_bytes_of_a_picture_are_base64(kc):
    assert kc.run("display({'image/png': b'PNG'}, raw=True)").of("display_data")[0]["data"] == {"image/png": "UE5H"}
