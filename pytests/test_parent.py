"The request that something runs for, as a plain class: who owns what a thread puts out once its cell has ended"
import pytest
from ipymini.parent import Lent, Parent
from types import SimpleNamespace

@pytest.fixture
def parent():
    "A Parent, in whose context nothing runs"
    parent = Parent()
    token = parent.set(None)
    yield parent
    parent.reset(token)

def begun(parent, **keys):
    "The request of a new cell"
    msg = SimpleNamespace(ended=False, is_batch=False, **keys)
    parent.begin(msg)
    return msg

def test_requests_whose_cells_have_ended_are_let_go(parent):
    for _ in range(5):
        msg = begun(parent)
        msg.ended = True
    assert parent.cells == [msg]

def test_the_newest_cell_stays_the_latest_once_it_has_ended(parent):
    _,second = begun(parent),begun(parent)
    second.ended = True
    assert parent.latest is second

def test_what_is_lent_is_the_newest_running_cells_once_its_own_has_ended(parent):
    first,second,third = (begun(parent) for _ in range(3))
    parent.set(Lent(first))
    assert parent.get() is first
    first.ended = third.ended = True
    assert parent.get() is second

def test_what_is_lent_stays_with_its_cell_where_none_runs(parent):
    msg = begun(parent)
    parent.set(Lent(msg))
    msg.ended = True
    assert parent.get() is msg

def test_code_of_a_cell_keeps_its_cell_and_a_batch_run_has_none_that_does(parent):
    msg = begun(parent)
    parent.set(msg)
    assert parent.handed(True) is msg
    msg.is_batch = True
    assert parent.handed(True).msg is msg
