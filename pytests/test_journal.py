"The journal as a class, and how its messages are folded into what was to be seen; no kernel."
import json, os, stat
import pytest
from ipymini.features import replay
from ipymini.channels.journal import Follower, Journal

delimiter = b"<IDS|MSG>"
log = []

def made(path, limit=10_000): return Journal(str(path), limit, delimiter, log.append)

def message(kind, content, id="cell1", session="tab1", date="2026-01-01T00:00:01Z", topic=None, type="execute_request"):
    "Frames of a published message"
    parent = dict(msg_id=id, session=session, msg_type=type) if id else {}
    parts = [dict(msg_type=kind, date=date), parent, {}, content]
    return [topic or f"kernel.k.{kind}".encode(), delimiter, b"signature", *(json.dumps(o).encode() for o in parts)]

def said(text, **kw): return message("stream", dict(name="stdout", text=text), topic=b"stream.stdout", **kw)
def shown(text, display=None, kind="display_data", **kw):
    content = dict(data={"text/plain": text}, metadata={}, transient=dict(display_id=display) if display else {})
    return message(kind, content, topic=b"display_data", **kw)

def texts(journal, **kw): return [content.get("text") for *_,content in journal.records(**kw)]

# -- the journal

def test_what_is_recorded_is_read_in_order(tmp_path):
    journal = made(tmp_path/"j")
    for i in range(5): journal.record(said(str(i)))
    assert texts(journal) == list("01234")

@pytest.mark.parametrize("topic", [b"kernel.k.status", b"comm-1", b"debug_event", b"kernel.k.shutdown_reply"])
def test_what_is_no_output_is_not_kept(tmp_path, topic):
    journal = made(tmp_path/"j")
    journal.record(message("status", {}, topic=topic))
    assert list(journal.records()) == [] and not os.listdir(tmp_path)

def test_the_oldest_goes_first_and_is_counted(tmp_path):
    journal = made(tmp_path/"j", 2000)
    for i in range(100): journal.record(said(f"{i:03}"))
    kept = texts(journal)
    assert kept == [f"{i:03}" for i in range(100-len(kept), 100)] and 0 < len(kept) < 20
    assert journal.dropped > 0
    assert sum(f.stat().st_size for f in tmp_path.iterdir()) <= 2000

def test_the_session_that_was_heard_of_longest_ago_is_forgotten_first(tmp_path, monkeypatch):
    monkeypatch.setattr("ipymini.channels.journal.sessions", 2)
    journal = made(tmp_path/"j")
    for when,session in enumerate(["tab1", "tab2", "tab1", "tab3"]): journal.hear(session, when)
    assert journal.heard == dict(tab1=2, tab3=3)

def test_it_is_for_its_owner_alone(tmp_path):
    journal = made(tmp_path/"j")
    journal.record(said("x"))
    assert stat.S_IMODE((tmp_path/"j").stat().st_mode) == 0o600

def test_a_link_in_its_place_is_not_followed(tmp_path):
    (tmp_path/"victim").write_text("precious")
    (tmp_path/"j").symlink_to(tmp_path/"victim")
    journal = made(tmp_path/"j")
    journal.record(said("x"))
    assert (tmp_path/"victim").read_text() == "precious" and texts(journal) == ["x"] and texts(journal, last=True) == []

def test_a_file_with_another_name_is_not_taken_over(tmp_path):
    made(tmp_path/"other").record(said("planted"))
    os.link(tmp_path/"other", tmp_path/"j")
    assert texts(made(tmp_path/"j"), last=True) == []

def test_where_no_file_can_be_made_memory_serves(tmp_path):
    journal = made(tmp_path/"gone"/"j")
    for i in range(3): journal.record(said(str(i)))
    assert texts(journal) == ["0", "1", "2"] and "in memory" in log[-1]

def test_memory_is_bounded(tmp_path, monkeypatch):
    monkeypatch.setattr("ipymini.channels.journal.in_memory", 1000)
    journal = made(tmp_path/"gone"/"j")
    for i in range(100): journal.record(said(str(i)))
    assert journal.memory.size <= 1000 and texts(journal)[-1] == "99"

def test_a_message_that_is_too_large_is_left_out(tmp_path):
    journal = made(tmp_path/"j")
    journal.record(said("x"*20_000))
    journal.record(said("y"))
    assert texts(journal) == ["y"]

def test_the_next_kernel_has_what_a_dead_one_left(tmp_path):
    made(tmp_path/"j").record(said("old"))
    journal = made(tmp_path/"j")
    journal.record(said("new"))
    assert (texts(journal, last=True), texts(journal)) == (["old"], ["new"])

def test_a_record_that_was_cut_off_is_left_out(tmp_path):
    journal = made(tmp_path/"j")
    for text in "ab": journal.record(said(text))
    with open(tmp_path/"j", "r+b") as f: f.truncate((tmp_path/"j").stat().st_size - 3)
    assert texts(made(tmp_path/"j"), last=True) == ["a"]

def test_nothing_is_left_after_a_clean_end(tmp_path):
    journal = made(tmp_path/"j", 1000)
    for i in range(20): journal.record(said(str(i)))
    journal.remove()
    assert os.listdir(tmp_path) == []

def test_who_follows_gets_what_comes(tmp_path):
    journal = made(tmp_path/"j")
    with Follower(journal) as follower:
        journal.record(said("x"))
        journal.cell_ended()
        found = iter(follower)
        assert next(found)[3]["text"] == "x" and next(found) is None

# -- folding

def folded(*messages):
    records = [[json.loads(o) for o in frames[3:]] for frames in messages]
    return replay.fold(records)

def outputs(*messages):
    (past,) = folded(*messages)
    return [content.get("text") or content["data"]["text/plain"] for _,content,_ in past.messages()]

def test_text_of_one_stream_is_one_output(): assert outputs(said("a\n"), said("b\n")) == ["a\nb\n"]
def test_cleared_outputs_are_gone():
    assert outputs(said("a"), message("clear_output", dict(wait=False)), said("b")) == ["b"]
def test_a_clear_that_waits_waits(): assert outputs(said("a"), message("clear_output", dict(wait=True))) == ["a"]
def test_a_clear_that_waited_clears_at_the_next_output():
    assert outputs(said("a"), message("clear_output", dict(wait=True)), said("b")) == ["b"]
def test_a_display_is_as_it_was_updated_last():
    assert outputs(shown("a", "d"), said("x"), shown("b", "d", "update_display_data")) == ["b", "x"]
def test_of_a_progress_bar_the_last_state_is_left(): assert outputs(said("\r 10%"), said("\r100%\n")) == ["100%\n"]

def test_a_display_is_updated_by_a_later_cell():
    first,_ = folded(shown("a", "d"), shown("b", "d", "update_display_data", id="cell2"))
    assert [content["data"]["text/plain"] for _,content,_ in first.messages()] == ["b"]

def test_a_widget_is_left_in_its_plain_form():
    frames = message("display_data", dict(data={replay.widget: {}, "text/plain": "slider"}, metadata={}, transient={}))
    (past,) = folded(frames)
    assert [content["data"] for _,content,_ in past.messages()] == [{"text/plain": "slider"}]

def test_a_cell_is_known_by_its_number_and_first_line():
    (past,) = folded(message("execute_input", dict(code="\n  x = 1\ny = 2", execution_count=7)), said("a"))
    assert past.title == "In [7]: x = 1"

def test_output_of_a_comm_callback_is_no_cells(): assert folded(said("x", type="comm_msg")) == []

# -- what is chosen

def some():
    "Cells 1 of this tab, 2 and 3 of another one"
    messages = []
    for n,session,second in ((1, "mine", 1), (2, "theirs", 2), (3, "theirs", 9)):
        where = dict(id=f"cell{n}", session=session, date=f"2026-01-01T00:00:0{second}Z")
        messages += [message("execute_input", dict(code=f"line{n}", execution_count=n), **where), said(f"out{n}", **where)]
    return folded(*messages)

def chosen(argument, heard=None): return [past.number for past in replay.select(argument, some(), "mine", heard or {})]

def test_cells_of_others_that_went_on_after_these_had_gone():
    assert chosen("", dict(theirs="2026-01-01T00:00:05Z")) == [3]
def test_cells_of_somebody_who_was_never_heard(): assert chosen("") == [2, 3]
@pytest.mark.parametrize("argument, numbers",
    [("2", [2]), ("9", []), ("-1", [3]), ("-2", [2, 3]), ("--all", [1, 2, 3])])
def test_cells_by_number(argument, numbers): assert chosen(argument) == numbers
def test_a_wrong_word_is_told():
    with pytest.raises(replay.BadArgument, match="--list"): chosen("sideways")
