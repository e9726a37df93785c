"Our loop, run by a cell or a callback while other messages wait, or while the cell that awaits goes on"
import pytest
from comm_talk import say, talk
from helpers import begun

first_cell = "import asyncio, comm, threading\nloop = asyncio.get_running_loop()"
blocks = "print('begun')\nfree.wait(60)"

@pytest.fixture(scope="module")
def sub(kc): return kc.subshell()

def hold(kc, code=blocks):
    "Begin the cell `code`, which blocks the main thread until `let_go`; its msg_id"
    kc.run("free = threading.Event()")
    id = kc.cell(code)
    begun(kc, id)
    return id

def let_go(kc, sub):
    "Have the cell of `hold` go on, once the kernel has queued all that was sent behind it"
    kc.run("free.set()", subshell=sub)

def test_cells_that_wait_do_not_disturb_one_that_runs_our_loop(kc, sub):
    hold(kc)
    cell = kc.cell("loop.run_until_complete(asyncio.sleep(.01, 42))")
    others = [kc.cell("1") for _ in range(3)]
    let_go(kc, sub)
    r = kc.wait(cell)
    assert (r.result, r.stderr) == ("42", "")
    for id in others: assert kc.wait(id).result == "1"

def test_all_tasks_has_none_of_cells_that_wait(kc, sub):
    hold(kc)
    cell = kc.cell("len(asyncio.all_tasks())")
    kc.cell("1")
    let_go(kc, sub)
    assert kc.wait(cell).result == "1"

def test_a_cell_that_runs_our_loop_hears_of_a_message(kc):
    id = talk(kc, "heard.set_result(data)")
    cell = kc.cell("heard = loop.create_future()\nprint('begun')\nloop.run_until_complete(heard)")
    begun(kc, cell)
    assert say(kc, id, dict(a=1)).states == ["busy", "idle"]
    assert kc.wait(cell).result == "{'a': 1}"

def test_a_cell_that_awaits_goes_on_while_a_callback_beside_it_runs_our_loop(kc):
    id = talk(kc, "heard.set()\nloop.run_until_complete(ended.wait())\nprint('callback')")
    cell = kc.cell("heard,ended = asyncio.Event(),asyncio.Event()\nprint('begun')\nawait heard.wait()\nended.set()\n'cell'")
    begun(kc, cell)
    r = say(kc, id)
    assert (r.stdout, r.stderr) == ("callback\n", "")
    assert kc.wait(cell).result == "'cell'"

wakes = """
woken = loop.create_future()
def block():
    print('begun')
    free.wait(60)
    woken.set_result(1)
loop.call_soon(block)
await woken
'first'"""

def test_a_callback_that_begins_behind_its_cell_runs_our_loop_and_the_next_cell_in_it(kc, sub):
    id = talk(kc, "loop.run_until_complete(ended.wait())\nprint('callback')")
    kc.run("ended = asyncio.Event()")
    first = hold(kc, wakes)
    message = say(kc, id, wait=False)
    second = kc.cell("ended.set()\n'second'")
    let_go(kc, sub)
    assert [kc.wait(o).result for o in (first, second)] == ["'first'", "'second'"]
    assert kc.wait(message, reply=False).stdout == "callback\n"

def test_a_message_that_came_while_a_callback_ran_our_loop_is_heard_in_the_cell_before_it(kc, sub):
    id = talk(kc, "print('begun')\nif data: heard.set()\nelse: loop.run_until_complete(ended.wait())")
    kc.run("heard,ended = asyncio.Event(),asyncio.Event()")
    begun(kc, say(kc, id, wait=False))
    cell = kc.cell("await heard.wait()")
    say(kc, id, dict(a=1), wait=False)
    kc.run("loop.call_soon_threadsafe(ended.set)", subshell=sub)
    assert kc.wait(cell).result == "True"

def test_a_cell_that_awaits_is_interrupted_where_no_task_is_current(own_kc):
    "As under nest_asyncio on Python 3.14"
    own_kc.run("import asyncio\nasyncio.current_task = asyncio.tasks.current_task = lambda loop=None: None")
    for how in ("signal", "message"):
        cell = own_kc.cell("print('begun')\nawait asyncio.sleep(600)")
        begun(own_kc, cell)
        own_kc.interrupt(how)
        assert own_kc.wait(cell, timeout=10).content["ename"] == "KeyboardInterrupt"

def test_a_callback_of_our_loop_runs_it_within_the_cell_that_does(kc):
    kc.run("def inner(): seen.append(loop.run_until_complete(asyncio.sleep(.01, 'inner')))")
    r = kc.run("seen = []\nloop.call_soon(inner)\nloop.run_until_complete(asyncio.sleep(.05)), seen")
    assert (r.result, r.stderr) == ("(None, ['inner'])", "")
