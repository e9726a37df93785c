"The queue of a subshell and the numbers of cells when two threads come at once: asked of the classes, without a kernel"
import asyncio, pytest
from ipymini.kernel import begin_cell
from ipymini.parent import parent
from ipymini.subshell import Subshell, step
from ipymini.wire import Msg
from locks import TellingLock
from threading import Event, Thread
from types import SimpleNamespace

def request(id): return Msg(dict(msg_id=id, msg_type="execute_request"))

@pytest.fixture
def subshell():
    "A subshell that nobody runs; `served` has what it has handled, `came` is set once there is something"
    async def serve(subshell, msg):
        subshell.served.append(msg)
        subshell.came.set()
    subshell = Subshell(serve)
    subshell.served = []
    subshell.came = Event()
    yield subshell
    subshell.loop.close()

def test_a_message_that_is_taken_out_of_the_queue_is_not_handled(subshell):
    "Who takes it, on another thread, chooses from a list of the queue, from which it must not leave meanwhile"
    subshell.taking = TellingLock(subshell.came.set)
    subshell.enqueue(request("1"))
    handling = Thread(target=lambda: step(subshell.run()))
    def choose(queue):
        handling.start()
        assert subshell.came.wait(60), "60 s passed: waited for the other thread to handle the message, or to wait for the lock"
        return queue
    assert [msg["msg_id"] for msg in subshell.take(choose)] == ["1"]
    handling.join(60)
    assert subshell.served == []
    assert not subshell.msg

@pytest.mark.parametrize("closing, begun", [(False, 1), (True, 0)])
def test_what_waits_is_begun_unless_the_subshell_is_to_end(subshell, closing, begun):
    "From then on who deletes it takes away what waits, and each is told"
    async def rounds():
        for _ in range(5): await asyncio.sleep(0)
    subshell.closing = closing
    subshell.enqueue(request("1"))
    subshell.loop.run_until_complete(rounds())
    assert len(subshell.served) == begun

def test_two_cells_that_begin_at_once_have_two_numbers(monkeypatch):
    "One subshell's reads the counter, and another's comes before it has counted"
    monkeypatch.setattr(parent, "cells", [])
    came = Event()
    numbers = []
    def begin(id): numbers.append(begin_cell(kernel, request(id), dict(code="1")).number)
    other = Thread(target=begin, args=["other"])
    class Bridge:
        "`counter` is read by one thread, then by the other or not before the one has written it"
        count = 1
        @property
        def counter(self):
            count = self.count
            if other.ident: came.set()
            else:
                other.start()
                assert came.wait(60), "60 s passed: waited for the other thread to read the counter, or to wait for the lock"
            return count
        @counter.setter
        def counter(self, count): self.count = count
    crash_report = SimpleNamespace(before="", note_cell=lambda code: None)
    kernel = SimpleNamespace(bridge=Bridge(), status_lock=TellingLock(came.set), crash_report=crash_report,
        publish=lambda kind, content: None)
    begin("one")
    other.join(60)
    assert sorted(numbers) == [1, 2]
