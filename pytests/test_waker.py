"How often iopub's thread is roused: once for a short cell, and soon for one that runs on"
import pytest
from contextlib import closing
from ipymini.channels.waker import Waker, clock, moment

count_rounds = """
import threading
_iopub = next(thread for thread in threading.enumerate() if thread.name == "iopub")
_rounds,_pump = [],_iopub.pump
def _counted():
    _rounds.append(1)
    _pump()
_iopub.pump = _counted
"""

@pytest.fixture
def waker(monkeypatch):
    "A waker, and the clock that it sees: `waker.now` is the time"
    with closing(Waker()) as waker:
        waker.now = 100.
        monkeypatch.setattr(clock, "monotonic", lambda: waker.now)
        yield waker

def test_who_is_not_held_is_roused_at_once(waker):
    waker.wake_soon()
    assert waker.is_roused

def test_who_is_held_is_roused_by_wake_alone(waker):
    waker.hold()
    waker.wake_soon()
    assert not waker.is_roused
    waker.wake()
    assert waker.is_roused

def test_who_was_roused_is_not_held_any_more(waker):
    waker.hold()
    waker.wake()
    waker.clear()
    waker.wake_soon()
    assert (waker.is_roused, waker.left()) == (True, None)

@pytest.mark.parametrize("passed", [moment, moment*.8, 5, -5], ids="a moment, nearly one, much time, a jump back".split(", "))
def test_after_a_moment_left_rouses(waker, passed):
    waker.hold()
    assert waker.left() == 1
    waker.now += passed
    assert (waker.left(), waker.is_roused) == (None, True)

def test_an_interrupt_of_wake_leaves_it_to_be_called_again(waker):
    class Interrupted:
        def send(self, data): raise KeyboardInterrupt
    writer,waker.writer = waker.writer,Interrupted()
    with pytest.raises(KeyboardInterrupt): waker.wake()
    waker.writer = writer
    waker.wake()
    assert waker.reader.recv(64) == b"\0"

def test_a_second_hold_prolongs_nothing(waker):
    waker.hold()
    waker.now += moment*.6
    waker.hold()
    waker.now += moment*.6
    assert (waker.left(), waker.is_roused) == (None, True)

def test_a_short_cell_rouses_iopub_once(own_kc):
    own_kc.run(count_rounds)
    def rounds():
        own_kc.run("_rounds.clear()", silent=True)
        own_kc.run("1")
        return int(own_kc.run("print(len(_rounds))", silent=True).stdout)
    own_kc.run("_rounds.clear()", silent=True)
    assert min(rounds() for _ in range(20)) <= 2  # one is that of the cell that clears the list

def test_what_is_published_first_is_seen_while_the_cell_runs_on(own_kc):
    id = own_kc.cell("import threading; print('a'); threading.Event().wait()", allow_stdin=True)
    res = own_kc.wait(id, until=lambda res: res.stdout)
    assert (res.states, len(res.of("execute_input")), res.stdout) == (["busy"], 1, "a\n")
