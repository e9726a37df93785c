"""What several threads share, each used by several at once: without the GIL they really are.

With the GIL these tests say less: it changes threads every few microseconds then, but never within a call of C."""
import select, sys, threading
from collections import deque
from contextlib import closing
from types import SimpleNamespace

import pytest
from helpers import until
from ipymini.channels import journal, texts
from ipymini.channels.backlog import Backlog
from ipymini.channels.texts import Flushes, Pace
from ipymini.channels.waker import Waker
from ipymini.history import Inputs
from ipymini.parent import Parent
from ipymini.subshell import Subshell
from ipymini.subshells import Subshells
from ipymini.wire import Duplicate, Msg, Wire

times = 5_000

@pytest.fixture(autouse=True)
def changing():
    "Have threads change as often as Python can"
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)

def at_once(*functions, times=times):
    "Call each of `functions` so many times, on a thread of its own, all at once; what the first one that failed raised is raised"
    begin = threading.Barrier(len(functions))
    errors = []
    def repeat(function):
        begin.wait()
        try:
            for _ in range(times): function()
        except BaseException as error: errors.append(error)
    threads = [threading.Thread(target=repeat, args=(function,)) for function in functions]
    for thread in threads: thread.start()
    for thread in threads: thread.join()
    if errors: raise errors[0]

# -- the queue of a subshell

@pytest.fixture
def subshell():
    "A subshell that runs nothing"
    made = Subshell(None)
    made.call_soon = lambda *args: None
    yield made
    made.loop.close()

def message(kind): return Msg(dict(msg_type=kind, msg_id="m"))

def test_a_queue_is_read_while_it_changes(subshell):
    for _ in range(50): subshell.enqueue(message("execute_request"))
    def come_and_go():
        subshell.queue.append(message("comm_msg"))
        subshell.queue.popleft()
    at_once(come_and_go, lambda: len(subshell.waiting()))

def test_the_next_cell_is_found_while_messages_come(subshell):
    for _ in range(50): subshell.enqueue(message("comm_msg"))
    def come_and_go():
        subshell.enqueue(message("execute_request"))
        subshell.take(lambda queue: [msg for msg in queue if msg.type == "execute_request"])
    at_once(come_and_go, subshell.user_code.next_cell, times=1_000)

def test_messages_are_taken_out_of_a_queue_while_others_come(subshell):
    def add(): subshell.enqueue(message("comm_msg"))
    def take(): taken.extend(subshell.take(lambda queue: queue[:2]))
    taken = []
    at_once(add, take)
    assert len(taken) + len(subshell.queue) == times

# -- subshells

def ends_when_seen(monkeypatch, owner, name, value):
    "Have the attribute `name` of a class be `value` for whoever looks first, then None: its thread has ended what it was"
    values = iter([value])
    monkeypatch.setattr(owner, name, property(lambda self: next(values, None), lambda self, value: None), raising=False)

def test_what_is_queued_is_refused_though_the_cell_before_it_ends_meanwhile(subshell, monkeypatch):
    subshell.enqueue(message("execute_request"))
    ends_when_seen(monkeypatch, Subshell, "msg", message("execute_request"))
    subshell.abort_queued()
    assert subshell.queue[0].aborted

def test_subshells_are_listed_while_others_come_and_go(monkeypatch):
    subshells = Subshells(None)
    subshells.main = object()
    def fake(id=None): return SimpleNamespace(start=lambda: None, stop=lambda: None, take=lambda choose: [], msg=None)
    monkeypatch.setattr(subshells, "new", fake)
    def come_and_go():
        subshells.create("s")
        subshells.delete("s")
    at_once(come_and_go, lambda: (subshells.ids, subshells.others, subshells.running))

# -- messages

def test_two_messages_have_two_numbers():
    wire = Wire()
    ids = [], []
    at_once(*[lambda found=found: found.append(next(wire.msg_ids)) for found in ids])
    assert len({*ids[0], *ids[1]}) == 2*times

def test_of_a_message_that_comes_on_two_channels_at_once_one_is_taken():
    wire = Wire(b"key")
    count = 500
    bodies = [[b"{}", b"{}", b"{}", b"%d" % number] for number in range(count)]
    taken = [], []
    def receive(found, left):
        body = left.popleft()
        try: wire.check(wire.sign(body), body)
        except Duplicate: return
        found.append(body[-1])
    at_once(*[lambda found=found, left=deque(bodies): receive(found, left) for found in taken], times=count)
    assert sorted(taken[0] + taken[1]) == sorted(body[-1] for body in bodies)

# -- iopub

def test_what_is_queued_behind_messages_is_called_while_others_come():
    backlog = Backlog()
    called = []
    def add(): backlog.add([b"frame"], lambda: called.append(1))
    at_once(add, backlog.call_all, times=500)
    backlog.call_all()
    assert len(called) == 500
    assert backlog.size == 500*len(b"frame")

def test_texts_of_several_threads_are_all_queued():
    backlog = Backlog()
    def write(number): backlog.add_text("stdout", None, "x", number)
    at_once(*[lambda number=number: write(number) for number in range(3)], lambda: backlog.add([b""], None), times=1_000)
    assert sum(len(text.text) for batch in backlog.batches for text in batch.texts) == 3_000

def test_threads_that_flush_at_once_have_no_more_leave_than_one(monkeypatch):
    monkeypatch.setattr(texts.clock, "monotonic", lambda: 1000)
    pace = Pace()
    pace.count(1, 1000)
    for _ in range(100):
        allowed = Flushes()
        took = []
        at_once(*[lambda: took.append(allowed.take(pace))]*4, times=4)
        assert sum(took) == texts.flushes

def test_a_thread_that_sleeps_is_roused_for_all_that_is_queued():
    queue = deque()
    done = []
    def add(count):
        queue.append(count)
        waker.wake()
    def serve():
        while len(done) < 3*times:
            if not select.select([waker.fileno()], [], [], 60)[0]: return
            waker.clear()
            while queue: done.append(queue.popleft())
    with closing(Waker()) as waker:
        thread = threading.Thread(target=serve)
        thread.start()
        at_once(*[lambda: add(1)]*3)
        until(lambda: len(done) == 3*times, "all that was queued to be done")
        thread.join(60)

# -- what is kept

def test_sessions_are_heard_of_on_two_channels_at_once(tmp_path, monkeypatch):
    monkeypatch.setattr(journal, "sessions", 2)
    kept = journal.Journal(str(tmp_path/"j"), 100, b"", print)
    names = [iter([f"{channel} {number}" for number in range(times)]) for channel in ("shell", "control")]
    at_once(*[lambda names=each: kept.hear(next(names), "now") for each in names])
    assert len(kept.heard) == 2

def test_followers_of_the_journal_come_and_go_at_once(tmp_path):
    kept = journal.Journal(str(tmp_path/"j"), 100, b"", print)
    def follow():
        with journal.Follower(kept): pass
    at_once(follow, follow, kept.cell_ended)
    assert not kept.followers

def test_each_cell_is_in_In_under_its_number_though_two_begin_at_once():
    local = threading.local()
    class Shell:
        @property
        def execution_count(self): return local.number + 1
    inputs = Inputs(Shell())
    numbers = [iter(range(first, 2*times+1, 2)) for first in (1, 2)]
    def begin(numbers):
        local.number = next(numbers)
        inputs.append(str(local.number))
    at_once(*[lambda numbers=each: begin(numbers) for each in numbers])
    assert inputs == ["", *map(str, range(1, 2*times+1))]

def test_the_newest_cell_is_found_while_cells_begin_and_end():
    parent = Parent()
    begins = threading.Lock()
    parent.begin(message("execute_request"))
    def run():
        msg = message("execute_request")
        with begins: parent.begin(msg)
        msg.ended = True
    at_once(run, run, lambda: parent.now(parent.latest))
