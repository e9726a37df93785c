"What iopub does with text, as plain classes: what a message holds, changes of stream, when text goes out, how much may be queued, who has patience"
from collections import deque
from ipymini.channels import backlog, iopub, texts
from ipymini.channels.backlog import Backlog, Batch
from ipymini.channels.iopub import Patience
from ipymini.channels.texts import Credit, Flushes, Gathering, Pace, Text, by_message, take_message
import pytest

def written(*parts, stream="stdout", parent=None, thread=1):
    return [Text(stream, parent, part, thread) for part in parts]

def strings(found): return [text.text for text in found]

# -- what a message holds

def test_a_message_ends_where_a_line_does():
    queue = deque(written("aa\n", "bb", "bb\n"))
    taken,is_held = take_message(queue, 3, 6, hold=False)
    assert (strings(taken), is_held, strings(queue)) == (["aa\n"], False, ["bb", "bb\n"])

def test_a_line_longer_than_a_message_goes_out_in_parts():
    queue = deque(written("aaaa", "bbbb"))
    assert strings(take_message(queue, 2, 5, hold=False)[0]) == ["aaaa"]

def test_no_more_is_taken_than_asked_for():
    queue = deque(written("a\n", "b\n", "c\n"))
    assert strings(take_message(queue, 2, 100, hold=False)[0]) == ["a\n", "b\n"]

@pytest.mark.parametrize("hold", [False, True])
def test_a_line_that_is_being_printed_is_held_back_if_it_may_be(monkeypatch, hold):
    monkeypatch.setattr(texts, "writing", lambda: {1})
    taken,is_held = take_message(deque(written("a\n", "b")), 2, 100, hold)
    assert (strings(taken), is_held) == ((["a\n"], True) if hold else (["a\n", "b"], False))

# -- changes of stream

mixed = [*written("a"), *written("b", stream="stderr"), *written("c"), *written("d", stream="stderr")]

def groups(credit): return [strings(group) for group in by_message(mixed, credit)]

def test_with_credit_streams_keep_their_order(): assert groups(Credit()) == [["a"], ["b"], ["c"], ["d"]]

def test_without_credit_each_stream_is_one_message():
    credit = Credit()
    credit.left = 0
    assert groups(credit) == [["a", "c"], ["b", "d"]]

def test_texts_of_two_requests_are_two_messages():
    both = [*written("a", parent="one"), *written("b", parent="two")]
    assert len(by_message(both, Credit())) == 2

def test_credit_comes_back_with_time():
    credit = Credit()
    credit.fill(1000)
    while credit.take(): pass
    credit.fill(1001)
    assert credit.left == texts.orderly/2
    credit.fill(2000)
    assert credit.left == texts.orderly

def test_a_clock_that_goes_back_takes_no_credit():
    credit = Credit()
    credit.fill(1000)
    credit.fill(10)
    assert credit.left == texts.orderly

# -- when text goes out

def left(text, age, pace=None):
    "Seconds that `text` has to wait at this age."
    gathering = Gathering()
    gathering.begin(1000)
    return gathering.left(*written(text), pace or Pace(), 1000+age)

def test_a_line_waits_for_a_millisecond():
    assert left("a\n", 0) == pytest.approx(texts.first_delay)
    assert left("a\n", .0011) == 0

def test_what_is_left_of_a_wait_is_not_worth_another_millisecond(): assert left("a\n", .0006) == 0

def test_a_line_without_its_end_waits_longer():
    for age in (.0006, .002): assert left("a", age) == pytest.approx(texts.line_delay-age)
    assert left("a", .009) == 0

def test_a_line_whose_writer_waits_for_a_core_within_print_is_looked_at_again(monkeypatch):
    monkeypatch.setattr(texts, "writing", lambda: {1})
    for age in (.009, .2, .49): assert left("a", age) == pytest.approx(texts.line_delay)
    assert left("a", texts.print_delay) == 0

def test_a_stream_waits_for_its_turn():
    pace = Pace()
    pace.count(1, 1000)
    assert left("a\n", .002, pace) == pytest.approx(texts.gather_delay-.002)

def test_text_waits_so_many_looks_at_a_clock_that_stands_still():
    gathering = Gathering()
    gathering.begin(1000)
    looks = [gathering.left(*written("a\n"), Pace(), 1000) for _ in range(texts.most_looks+1)]
    assert looks[0] > 0
    assert looks[-1] == 0

def test_flush_has_leave_five_times_within_the_interval(monkeypatch):
    monkeypatch.setattr(texts.clock, "monotonic", lambda: 1000)
    pace,allowed = Pace(),Flushes()
    pace.count(1, 1000)
    assert [allowed.take(pace) for _ in range(7)] == [True]*5+[False]*2
    monkeypatch.setattr(texts.clock, "monotonic", lambda: 1000.03)
    assert allowed.take(pace)
    assert allowed.left == 0
    monkeypatch.setattr(texts.clock, "monotonic", lambda: 1001.03)
    assert allowed.take(pace)
    assert allowed.left == 5

# -- how much is queued

def test_the_size_of_the_queue_is_that_of_what_is_in_it():
    queue = Backlog()
    queue.add([b"12", b"345"], None)
    queue.add_text("stdout", None, "abc", 1)
    assert queue.size == 5+3+backlog.overhead
    queue.shrink(queue.size)
    assert queue.size == 0

def test_text_stands_behind_the_message_before_it():
    queue = Backlog()
    queue.add_text("stdout", None, "a", 1)
    queue.add([b"frames"], None)
    queue.add_text("stdout", None, "b", 1)
    assert [strings(batch.texts) for batch in queue.batches] == [["a"], ["b"]]
    assert queue.is_open(queue.batches[1])

def test_the_end_of_a_line_goes_to_the_line_that_its_writer_has_begun():
    queue = Backlog()
    for text in ("a", "\n", "\n"): queue.add_text("stdout", None, text, 1)
    assert strings(queue.front.texts) == ["a\n\n"]
    assert queue.size == 3+backlog.overhead

@pytest.mark.parametrize("other", [dict(name="stderr"), dict(parent="another"), dict(thread=2)], ids=str)
def test_the_end_of_another_line_stays_alone(other):
    queue = Backlog()
    queue.add_text("stdout", None, "a", 1)
    queue.add_text(**{**dict(name="stdout", parent=None, text="\n", thread=1), **other})
    assert strings(queue.front.texts) == ["a", "\n"]

def test_the_end_of_a_line_stays_behind_the_message_before_it():
    queue = Backlog()
    queue.add_text("stdout", None, "a", 1)
    queue.add([b"frames"], None)
    queue.add_text("stdout", None, "\n", 1)
    assert [strings(batch.texts) for batch in queue.batches] == [["a"], ["\n"]]

def test_a_batch_into_which_somebody_wrote_is_not_dropped():
    queue = Backlog()
    queue.add([b"frames"], None)
    queue.front.texts.extend(written("late"))
    queue.drop_front()
    assert strings(queue.front.texts) == ["late"]

def test_a_queue_of_sent_messages_is_empty():
    queue = Backlog()
    assert queue.is_empty
    queue.add(None, list)
    assert not queue.is_empty
    queue.drop_front()
    queue.call_all()
    assert queue.is_empty

def test_what_is_called_behind_a_message_is_called_once():
    called = []
    batch = Batch([b"frames"], 6, lambda: called.append(1))
    for _ in range(2): batch.call()
    assert called == [1]

def test_writers_go_on_when_half_of_the_queue_has_gone():
    queue = Backlog()
    queue.add([bytes(backlog.queue_limit+1)], None)
    queue.shrink(2)
    assert not queue.room.is_set()
    queue.shrink(backlog.queue_limit//2)
    assert queue.room.is_set()

@pytest.mark.parametrize("fill", [lambda queue, size: queue.add([bytes(size)], None), lambda queue, size: queue.add_text("stdout", None, "a"*size, 1)],
    ids=["a message", "text"])
def test_what_goes_beyond_the_limit_makes_the_queue_full_at_once(monkeypatch, fill):
    monkeypatch.setattr(backlog, "queue_limit", 1000)
    queue = Backlog()
    fill(queue, 500)
    assert not queue.is_full
    fill(queue, 501)
    assert queue.is_full

def test_nobody_waits_for_a_thread_that_has_ended():
    queue = Backlog()
    queue.add([bytes(backlog.queue_limit+1)], None)
    queue.wait_for_room(lambda: False)
    assert not queue.room.is_set()

# -- patience

def test_a_reader_who_read_on_is_waited_for_four_times_as_long():
    patience = Patience()
    patience.run_out()
    assert patience.glances == iopub.least_glances
    patience.read_on(3)
    assert patience.glances == 12
    patience.read_on(1)
    assert patience.glances == 12
    patience.read_on(1000)
    assert patience.glances == iopub.most_glances
