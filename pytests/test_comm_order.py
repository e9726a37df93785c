"""In which order, and on which thread, comm messages are handled while cells run: what may overtake a running cell

JupyterLab names a subshell in each comm message, so that callbacks run beside a busy cell. `kc` is one kernel for the whole module."""
from textwrap import indent

first_cell = "import asyncio, comm, threading, time"

def define(kc, body):
    "Define `answer(m)`, whose lines are `body`; `make()` opens a comm that answers with it and prints its id"
    made = "def make():\n    c = comm.create_comm('made')\n    c.on_msg(answer)\n    print(c.comm_id)\n    return c"
    assert kc.run("order = []\ndef answer(m):\n" + indent(body, "    ") + "\n" + made).status == "ok"

def begun(kc, cell):
    "The id of the comm that the running cell `cell` has made"
    return kc.wait(cell, until=lambda r: "\n" in r.stdout).stdout.split()[0]

def say(kc, id, subshell=None, **data):
    "Send `data` on the comm `id` without waiting; the id of the message"
    return kc.submit("comm_msg", dict(comm_id=id, data=data), subshell=subshell)

def handled(kc, *ids):
    "The results of comm messages that have been handled"
    return [kc.wait(o, reply=False) for o in ids]

on_main = "threading.current_thread() is threading.main_thread()"

def test_a_message_waits_for_the_cell_that_opened_its_comm(kc, sub):
    define(kc, f"order.append(('callback', {on_main}))")
    cell = kc.cell("made = make(); time.sleep(.5); order.append('cell')")
    handled(kc, say(kc, begun(kc, cell), sub))
    assert kc.run("order").result == "['cell', ('callback', True)]"

def test_a_message_waits_for_the_cell_that_opened_its_comm_though_its_subshell_is_busy(kc, sub):
    define(kc, "order.append('callback')")
    kc.run("go = []")
    cell = kc.cell("made = make()\nwhile not go: time.sleep(.001)\norder.append('cell')")
    id = begun(kc, cell)
    busy = kc.cell("print('busy'); time.sleep(.3)", subshell=sub)
    begun(kc, busy)
    said = say(kc, id, sub)
    kc.run("go.append(1)", subshell=sub)  # behind the message, were that in the queue of the subshell
    handled(kc, said)
    assert kc.run("order").result == "['cell', 'callback']"

def test_a_message_waits_for_the_cell_that_sent_on_its_comm_last(kc, sub):
    define(kc, "order.append('callback')")
    kc.run("made = make()")
    cell = kc.cell("made.send({}); print(made.comm_id); time.sleep(.5); order.append('cell')")
    handled(kc, say(kc, begun(kc, cell), sub))
    assert kc.run("order").result == "['cell', 'callback']"

def test_a_message_waits_for_the_callback_that_opened_its_comm(kc, sub):
    "one that runs beside an awaiting cell"
    define(kc,
        "if order: order.append('answer')\n"
        "else: order.append('opened'); globals()['inner'] = make(); time.sleep(.5); order.append('callback'); "
        "loop.call_soon_threadsafe(end.set)")
    cell = kc.cell("loop,end = asyncio.get_running_loop(),asyncio.Event(); made = make(); await end.wait()")
    outer = say(kc, begun(kc, cell))
    handled(kc, say(kc, begun(kc, outer), sub))
    assert kc.run("order").result == "['opened', 'callback', 'answer']"

def test_a_message_overtakes_a_cell_that_has_nothing_to_do_with_its_comm(kc, sub):
    define(kc, f"order.append({on_main})")
    id = kc.run("made = make()").stdout.strip()
    cell = kc.cell("print('begun')\nwhile not order: time.sleep(.01)\norder")
    begun(kc, cell)
    handled(kc, say(kc, id, sub))
    assert kc.wait(cell).result == "[False]"

def test_a_message_that_waits_for_one_cell_overtakes_the_next(kc, sub):
    define(kc, "order.append('callback')")
    first = kc.cell("made = make(); time.sleep(.3); order.append('first')")
    id = begun(kc, first)
    second = kc.cell("while len(order) < 2: time.sleep(.01)\norder.append('second'); order")
    say(kc, id, sub)
    assert kc.wait(second).result == "['first', 'callback', 'second']"

def test_a_message_is_heard_when_the_cell_that_opened_its_comm_awaits(kc, sub):
    define(kc, f"order.append({on_main})")
    cell = kc.cell(
        "made = make(); time.sleep(.3); order.append('slept')\n"
        "while len(order) < 2: await asyncio.sleep(.01)\n"
        "order")
    say(kc, begun(kc, cell), sub)
    assert kc.wait(cell).result == "['slept', True]"

def test_a_message_is_heard_when_the_cell_that_opened_its_comm_waits_until(kc, sub):
    define(kc, f"order.append({on_main})")
    cell = kc.cell("from ipymini import wait_until; made = make(); time.sleep(.3); order.append('slept'); "
        "wait_until(lambda: len(order) == 2, 10), order")
    say(kc, begun(kc, cell), sub)
    assert kc.wait(cell).result == "(True, ['slept', True])"

def test_messages_of_one_comm_keep_their_order_when_only_some_name_a_subshell(kc, sub):
    define(kc, "order.append(m['content']['data']['n'])")
    id = kc.run("made = make()").stdout.strip()
    begun(kc, kc.cell("print('begun'); time.sleep(.3)"))
    handled(kc, *[say(kc, id, to, n=n) for n,to in enumerate((None, sub, sub, None), 1)])
    assert kc.run("order").result == "[1, 2, 3, 4]"

def test_messages_of_one_comm_keep_their_order_when_the_first_has_overtaken_a_cell(kc, sub):
    "and is being handled on another thread when the cell has ended"
    define(kc, "n = m['content']['data']['n']\nif n == 1: go.set(); time.sleep(.3)\norder.append(n)")
    id = kc.run("made,go = make(),threading.Event()").stdout.strip()
    begun(kc, cell := kc.cell("print('begun'); go.wait(10)"))
    one = say(kc, id, sub, n=1)
    kc.wait(cell)
    handled(kc, one, *[say(kc, id, to, n=n) for n,to in ((2, None), (3, sub))])
    assert kc.run("order").result == "[1, 2, 3]"

def test_a_message_waits_for_the_callback_of_the_one_before_it_beside_an_awaiting_cell(kc, sub):
    "which the second one could overtake, as it names a subshell"
    define(kc, "n = m['content']['data']['n']\nif n == 1: print('begun'); came.wait(.5)\norder.append(n); came.set()")
    id = kc.run("made,came = make(),threading.Event()").stdout.strip()
    cell = kc.cell("print('begun')\nwhile len(order) < 2: await asyncio.sleep(.01)\norder")
    begun(kc, cell)
    one = say(kc, id, n=1)
    begun(kc, one)
    handled(kc, one, say(kc, id, sub, n=2))
    assert kc.wait(cell).result == "[1, 2]"

def test_messages_of_one_comm_keep_their_order_when_they_name_two_subshells(kc, sub):
    define(kc, "n = m['content']['data']['n']\nif n == 1: go.set(); time.sleep(.3)\norder.append(n)")
    id,other = kc.run("made,go = make(),threading.Event()").stdout.strip(),kc.subshell()
    begun(kc, kc.cell("print('begun'); go.wait(10); time.sleep(.1)"))
    handled(kc, *[say(kc, id, to, n=n) for n,to in ((1, sub), (2, other), (3, sub))])
    kc.request("delete_subshell_request", dict(subshell_id=other), channel="control")
    assert kc.run("order").result == "[1, 2, 3]"

def test_a_message_queued_on_a_subshell_that_is_deleted_is_heard(kc):
    define(kc,
        "order.append(m['content']['data']['n'])\n"
        "if m['content']['data']['n'] == 1: print('begun')\n"
        "time.sleep(.3)")
    id,gone = kc.run("made = make()").stdout.strip(),kc.subshell()
    begun(kc, kc.cell("print('begun')\nwhile not order: time.sleep(.01)"))
    one,two = say(kc, id, gone, n=1),say(kc, id, gone, n=2)
    begun(kc, one)
    kc.request("delete_subshell_request", dict(subshell_id=gone), channel="control")
    handled(kc, two)
    assert kc.run("order").result == "[1, 2]"
