"`%replay` and `replay_request`: outputs of cells that nobody watched, shown again by a real kernel; the journal on disk."
import os, signal
from pathlib import Path
import pytest
from helpers import connect, until

@pytest.fixture
def tabs(own):
    "A kernel and a second client of it, as a page that was opened later"
    kc = own()
    other = connect(kc.file)
    yield kc, other
    other.stop_channels()

def journals(kc): return sorted(p.name for p in Path(kc.file).parent.glob(f".{Path(kc.file).name}.journal*"))

def test_what_another_session_ran_is_shown_under_its_number_and_first_line(tabs):
    kc,other = tabs
    kc.run("print('unseen')\n1+1")
    r = other.run("%replay")
    assert r.stdout.splitlines() == ["In [1]: print('unseen')", "unseen"]
    assert r.of("display_data")[0]["data"]["text/plain"] == "2"

def test_an_error_is_shown_as_an_error(tabs):
    kc,other = tabs
    kc.run("1/0")
    r = other.run("%replay")
    assert (r.error["ename"], r.status) == ("ZeroDivisionError", "ok")

def test_ones_own_cells_are_not(tabs):
    kc,_ = tabs
    kc.run("print('seen')")
    assert kc.run("%replay").stdout == "There is nothing to replay.\n"

def test_what_came_before_the_last_request_of_its_session_was_watched(tabs):
    kc,other = tabs
    kc.run("print('first')")
    kc.run("print('second')")
    assert "first" not in other.run("%replay").stdout

@pytest.mark.parametrize("argument, shown",
    [("1", ["one"]), ("-2", ["two", "three"]), ("--all", ["one", "two", "three"])])
def test_cells_are_chosen_by_number(tabs, argument, shown):
    kc,other = tabs
    for word in ("one", "two", "three"): kc.run(f"print('{word}')")
    lines = other.run(f"%replay {argument}").stdout.splitlines()
    assert [line for line in lines if not line.startswith("In [")] == shown

def test_the_list_tells_what_is_kept(tabs):
    kc,other = tabs
    kc.run("print('x')")
    assert "1 outputs  In [1]: print('x')" in other.run("%replay --list").stdout

def test_a_wrong_word_is_told(tabs): assert "%replay --list" in tabs[0].run("%replay sideways").error["evalue"]

def test_a_cell_that_runs_on_goes_on_behind_what_is_replayed(tabs):
    kc,other = tabs
    id = kc.cell("import time\ngo = False\nprint('begun')\nwhile not go: time.sleep(.01)\nprint('ended')")
    kc.wait(id, until=lambda r: "begun" in r.stdout)
    shell = other.subshell()
    again = other.cell("%replay -1", subshell=shell)
    other.wait(again, until=lambda r: "begun" in r.stdout)
    other.run("go = True", subshell=other.subshell())
    assert other.wait(again).stdout == "In [1]: import time\nbegun\nended\n"

def test_updated_displays_and_cleared_outputs_are_as_they_ended_up(tabs):
    kc,other = tabs
    kc.run("from IPython.display import clear_output, display\n"
        "print('gone')\n"
        "clear_output()\n"
        "h = display('old', display_id=True)\n"
        "h.update('new')")
    r = other.run("%replay")
    assert [d["data"]["text/plain"] for d in r.of("display_data")] == ["'new'"] and "gone" not in r.stdout

def test_a_request_gives_the_original_messages(tabs):
    kc,other = tabs
    msg_id = kc.run("print('x')").id
    messages = other.request("replay_request", dict(number=1), "control").content["messages"]
    assert [m["header"]["msg_type"] for m in messages] == ["execute_input", "stream"]
    assert {m["parent_header"]["msg_id"] for m in messages} == {msg_id}

@pytest.mark.parametrize("content", [dict(msg_id=True), dict(since=True)])
def test_a_request_by_message_and_by_time(tabs, content):
    kc,other = tabs
    kc.run("print('x')")
    first,second = kc.run("print('y')"),other.request("replay_request", {}, "control").content["messages"]
    asked = dict(msg_id=first.id) if "msg_id" in content else dict(since=second[2]["header"]["date"])
    found = other.request("replay_request", asked, "control").content["messages"]
    assert [m["content"].get("text") for m in found] == [None, "y\n"]

def test_a_request_with_an_unknown_word_is_an_error(tabs):
    r = tabs[1].request("replay_request", dict(cell=1), "control")
    assert (r.status, "last_kernel" in r.content["evalue"]) == ("error", True)

def test_a_flood_stays_bounded_and_what_had_to_go_is_told(own):
    kc = own(env=dict(IPYMINI_JOURNAL_MB="1"))
    kc.run("for i in range(60): print(str(i)*60_000)", timeout=60)
    size = sum((Path(kc.file).parent/name).stat().st_size for name in journals(kc))
    assert 0 < size <= 10**6
    assert "MB that were older are no longer kept" in kc.run("%replay --list").stdout

def test_the_journal_can_be_switched_off(own):
    kc = own(env=dict(IPYMINI_JOURNAL_MB="0"))
    kc.run("print('x')")
    assert journals(kc) == [] and "IPYMINI_JOURNAL_MB" in kc.run("%replay").error["evalue"]

def test_after_a_clean_end_nothing_is_left(own):
    kc = own()
    kc.run("print('x')")
    assert journals(kc)
    kc.request("shutdown_request", dict(restart=False), "control")
    kc.proc.wait(10)
    assert journals(kc) == []

def test_the_next_kernel_shows_what_one_that_died_had_published(own):
    kc = own()
    kc.run("print('last words')")
    os.killpg(kc.proc.pid, signal.SIGKILL)
    kc.proc.wait(10)
    until(lambda: journals(kc), "the journal of the dead kernel")
    new = own(file=kc.file)
    assert "last words" in new.run("%replay --last-kernel").stdout

@pytest.mark.parametrize("session", [None, [], {}, 1])
def test_a_session_that_is_no_text_is_answered(own, session):
    assert own().request("kernel_info_request", {}, session=session).status == "ok"
