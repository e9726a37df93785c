"Cells on subshells beside others: counts, payloads, tracebacks, prompts, displays, interrupts are each cell's own; and the end of the kernel"
import pytest, random
from helpers import begun, root
from subshell_helpers import control, framed, number

# -- counts, Out, payload, traceback, abort: each request its own

def overlap(kc, sub, first, second, **kw):
    "Run `first` on the subshell; when it has begun run `second` on the main shell to its end, then let `first` end; both Results"
    kc.run("go = []", store_history=False)
    id = kc.cell(f"print('begun')\nimport time\nwhile not go: time.sleep(.005)\n{first}", subshell=sub, **kw)
    begun(kc, id)
    r = kc.run(second, **kw)
    kc.run("go.append(1)", silent=True)
    return kc.wait(id),r

def test_numbers_of_overlapping_cells(kc, sub):
    one,two = overlap(kc, sub, "'one'", "'two'")
    (n,),(m,) = number(one),number(two)
    assert m == n+1
    assert kc.run(f"Out[{n}], Out[{m}], In[{n}].endswith(\"'one'\"), In[{m}]").result == "('one', 'two', True, \"'two'\")"
    assert number(kc.run("'three'")) == {m+2}

def test_numbers_when_many_overlap(kc):
    subs = [kc.subshell() for _ in range(6)]
    ids = {kc.cell(f"import time; time.sleep({random.random()/20}); 'cell {i}'",
        subshell=random.choice([None, *subs])): i for i in range(60)}
    rs = {i: kc.wait(id) for id,i in ids.items()}
    assert all(len(number(r)) == 1 and r.result == f"'cell {i}'" for i,r in rs.items())
    ns = [number(r).pop() for r in rs.values()]
    assert len(set(ns)) == 60 and max(ns)-min(ns) == 59
    outs = kc.run(f"[Out[n] for n in {ns}] == [f'cell {{i}}' for i in {[*rs]}], [i for n,i in zip({ns}, {[*rs]}) if f'cell {{i}}' not in In[n]]")
    assert outs.result == "(True, [])"
    for id in subs: control(kc, "delete", subshell_id=id)

def test_history_has_overlapping_cells_under_their_numbers(kc, sub):
    one,two = overlap(kc, sub, "'h1'", "'h2'")
    (n,),(m,) = number(one),number(two)
    rows = kc.request("history_request",
        dict(hist_access_type="range", session=0, start=n, stop=m+1, output=True, raw=True)).content["history"]
    assert [(line, src.endswith("'h1'"), src == "'h2'", out) for _,line,
        (src,out) in rows] == [(n, True, False, "'h1'"), (m, False, True, "'h2'")]

def test_silent_and_unstored_cells_that_overlap_use_no_number(kc, sub):
    one,two = overlap(kc, sub, "'one'", "'two'", store_history=False)
    three = kc.run("3")
    assert number(three) == {c["execution_count"] for c in one.of("execute_input")} == {c["execution_count"]
        for c in two.of("execute_input")}

def test_payloads_of_overlapping_cells(kc, sub):
    ask = "get_ipython().set_next_input({!r})"
    one,two = overlap(kc, sub, ask.format("one"), ask.format("two"))
    assert [[p["text"] for p in r.content["payload"]] for r in (one, two)] == [["one"], ["two"]]

def test_pages_of_overlapping_cells(kc, sub):
    one,two = overlap(kc, sub, "get_ipython().run_line_magic('pinfo', 'len')", "print?")
    assert "number of items" in str(one.content["payload"])
    assert "number of items" not in str(two.content["payload"])
    assert len(two.content["payload"]) == 1

def test_tracebacks_of_overlapping_cells(kc, sub):
    one,two = overlap(kc, sub, "raise ValueError('one')", "raise KeyError('two')")
    assert [(r.content["ename"], r.error["ename"],
        r.content["traceback"] == r.error["traceback"]) for r in (one, two)] == [("ValueError",)*2+(True,),
            ("KeyError",)*2+(True,)]
    assert "two" not in "".join(one.content["traceback"]) and "one" not in "".join(two.content["traceback"])

def test_traceback_of_a_cell_that_ends_while_another_fails(kc, sub):
    one,two = overlap(kc, sub, "1", "1/0")
    assert (one.status, one.error, two.content["ename"]) == ("ok", None, "ZeroDivisionError")

def test_user_expressions_of_overlapping_cells(kc, sub):
    one,two = overlap(kc, sub, "a = 1", "b = 2", user_expressions=dict(e="a if 'a' in globals() else None", f="1/0"))
    assert one.content["user_expressions"]["e"]["data"]["text/plain"] == "1"
    assert one.content["user_expressions"]["f"]["ename"] == "ZeroDivisionError"

@pytest.mark.parametrize("where", ["main", "sub"])
def test_an_error_aborts_the_queue_of_its_own_shell_only(kc, sub, where):
    here,there = (None, sub) if where == "main" else (sub, None)
    kc.run("go = []")
    bad = kc.cell("print('begun')\nimport time\nwhile not go: time.sleep(.005)\n1/0", subshell=here)
    begun(kc, bad)
    other = kc.cell("while len(go) < 2: time.sleep(.005)", subshell=there)
    mine,theirs = [[kc.cell(f"'{i}'", subshell=o) for i in range(3)] for o in (here, there)]
    third = kc.subshell()
    kc.run("go.append(1)", subshell=third)
    assert kc.wait(bad).status == "error"
    assert all(kc.wait(o).status == "aborted" and set(kc.held[o].types) == {"status"} for o in mine)
    kc.run("go.append(2)", subshell=third)
    assert kc.wait(other).status == "ok" and all(kc.wait(o).status == "ok" for o in theirs)
    assert kc.run("'runs again'", subshell=here).status == "ok"
    control(kc, "delete", subshell_id=third)

# -- await, input, displays, interrupts

def test_await(kc, sub):
    r = kc.run("import asyncio; await asyncio.sleep(.01, 'slept')", subshell=sub)
    assert r.result == "'slept'" and framed(r)

def test_tasks_go_on_between_cells(kc, sub):
    r = kc.run(
        "import asyncio\n"
        "async def f():\n"
        "    await asyncio.sleep(.2)\n"
        "    print('later')\n"
        "t = asyncio.create_task(f())", subshell=sub)
    new = kc.run("'another cell'", subshell=sub)
    assert kc.wait(r.id, until=lambda r: r.stdout).stdout == "later\n" and new.stdout == ""

def test_asyncio_run_in_a_plain_cell(kc, sub):
    assert kc.run("import asyncio\nasync def f(): return await asyncio.sleep(.01, 'ran')\nasyncio.run(f())",
        subshell=sub).result == "'ran'"
    assert kc.run("await f()", subshell=sub).result == "'ran'"

def test_input(kc, sub):
    id = kc.cell("input('name? ')", subshell=sub, allow_stdin=True)
    m = kc.prompt()
    assert m["content"] == dict(prompt="name? ", password=False) and m["parent_header"]["msg_id"] == id
    kc.input("Ada")
    assert kc.wait(id).result == "'Ada'"

def test_prompts_come_one_after_the_other(kc, sub):
    ids = [kc.cell(f"input('{n}')", subshell=o, allow_stdin=True) for n,o in (("main", None), ("sub", sub))]
    seen = set()
    for _ in ids:
        m = kc.prompt()
        seen.add(m["parent_header"]["msg_id"])
        kc.input(f"for {m['content']['prompt']}")
    assert seen == set(ids) and [kc.wait(id).result for id in ids] == ["'for main'", "'for sub'"]

def test_input_flags_of_overlapping_cells(kc, sub):
    kc.run("go = []")
    id = kc.cell("print('begun')\nimport time\nwhile not go: time.sleep(.005)\ninput('may')", subshell=sub,
        allow_stdin=True)
    begun(kc, id)
    assert kc.run("go.append(1)\ninput('may not')").content["ename"] == "StdinNotImplementedError"
    assert kc.prompt()["content"]["prompt"] == "may"
    kc.input("yes")
    assert kc.wait(id).result == "'yes'"

def test_displays_have_the_right_parent(kc, sub):
    code = "h_{0} = display('first', display_id='{0}'); go.append(1)\nwhile len(go) < 2: time.sleep(.002)\nh_{0}.update('second {0}'); display('{0}'); print('{0}'); 'res {0}'"
    kc.run("import time; go = []")
    ids = dict(main=kc.cell(code.format("main")), sub=kc.cell(code.format("sub"), subshell=sub))
    for name,id in ids.items():
        r = kc.wait(id)
        assert [c["data"]["text/plain"] for t in ("display_data", "update_display_data")
            for c in r.of(t)] == ["'first'", f"'{name}'", f"'second {name}'"]
        assert (r.stdout, r.result) == (f"{name}\n", f"'res {name}'")

def test_threads_of_a_subshells_cell_write_to_it(kc, sub):
    r = kc.run(
        "import threading, time\n"
        "def f():\n"
        "    time.sleep(.1)\n"
        "    print('from a thread')\n"
        "t = threading.Thread(target=f); t.start()",
        subshell=sub, allow_stdin=True)
    kc.run("'newer'")
    assert kc.wait(r.id, until=lambda r: r.stdout).stdout == "from a thread\n"

waits = dict(loop="while True: pass", sleeps="import time\nwhile True: time.sleep(.01)",
    wait="import asyncio; await asyncio.sleep(600)", input="input()",
    nested="import asyncio\nasyncio.run(asyncio.sleep(600))", event="import asyncio; await asyncio.Event().wait()",
    executor="import asyncio, time; await asyncio.to_thread(time.sleep, 1.5)",
    caught="import time\ntry:\n    while True: time.sleep(.01)\nexcept KeyboardInterrupt: print('caught'); raise")

@pytest.mark.parametrize("how", ["signal", "message"])
@pytest.mark.parametrize("code", waits.values(), ids=waits.keys())
def test_interrupt(kc, sub, code, how):
    id = kc.cell(f"print('begun')\n{code}", subshell=sub, allow_stdin=True)
    begun(kc, id)
    if "input" in code: kc.prompt()
    kc.interrupt(how)
    r = kc.wait(id)
    assert r.content["ename"] == r.error["ename"] == "KeyboardInterrupt" and framed(r)
    assert kc.run("'next'", subshell=sub).result == kc.run("'next'").result == "'next'"

def test_interrupt_reaches_all_that_run(kc):
    subs = [kc.subshell() for _ in range(3)]
    ids = [kc.cell(f"print('begun')\n{code}", subshell=o) for o,
        code in zip([None, *subs], [waits["loop"], waits["sleeps"], waits["wait"], waits["nested"]])]
    for id in ids: begun(kc, id)
    kc.interrupt("message")
    assert [kc.wait(id).content["ename"] for id in ids] == ["KeyboardInterrupt"]*4
    for o in subs:
        assert kc.run("1", subshell=o).status == "ok"
        control(kc, "delete", subshell_id=o)

def test_interrupt_does_nothing_to_an_idle_subshell(kc, sub):
    kc.run("1", subshell=sub)
    for how in ("signal", "message"):
        kc.interrupt(how)
        kc.request("kernel_info_request", channel="control")  # behind the interrupt
        assert kc.run("'unharmed'", subshell=sub).result == "'unharmed'"

def test_an_interrupt_is_over_when_it_is_answered(own_kc):
    "Else it could hit the cell that a subshell gets behind the reply"
    own_kc.run((root/"pytests/cells/interrupt_order.py").read_text())
    own_kc.interrupt("message")
    assert own_kc.run("order").result == "['subshells', 'reply']"

def test_interrupt_storm_loses_no_reply(kc, sub):
    ids = [kc.cell("import time; time.sleep(.003)", subshell=o, stop_on_error=False) for _ in range(60) for o in (sub, None)]
    for _ in range(40):
        kc.interrupt("message")
        kc.collect("shell", .002)
    for id in ids:
        assert framed(r := kc.wait(id)) and (r.status == "ok" or r.content["ename"] == "KeyboardInterrupt"), r
    assert [kc.run("'alive'", subshell=o, stop_on_error=False).result for o in (sub, None)] == ["'alive'"]*2

def test_exit_in_a_subshell_ends_the_kernel(own_kc):
    r = own_kc.run("exit", subshell=own_kc.subshell())
    assert r.content["payload"] == [dict(source="ask_exit", keepkernel=False)] and own_kc.proc.wait(20) == 0

# -- the end

@pytest.mark.parametrize("code", ["import time; time.sleep(100)", "import asyncio; await asyncio.sleep(100)",
    "while True: pass", "input()", "1"],
    ids=["sleep", "await", "loop", "input", "idle"])
def test_all_end_at_shutdown(own_kc, code):
    for _ in range(3):
        id = own_kc.cell(f"print('begun')\n{code}", subshell=own_kc.subshell(), allow_stdin=True)
        begun(own_kc, id)
    assert own_kc.request("shutdown_request", dict(restart=False), channel="control").content == dict(status="ok",
        restart=False)
    assert own_kc.proc.wait(60) == 0  # the cells sleep for 100 s

def test_a_loop_in_a_subshell_is_interrupted_at_shutdown(own_kc, tmp_path):
    "As one in the main shell is; and all else of the end would wait for it at the GIL"
    code = f"print('begun')\ntry:\n    while True: int()\nfinally: open({str(tmp_path/'left')!r}, 'w')"
    begun(own_kc, own_kc.cell(code, subshell=own_kc.subshell()))
    own_kc.request("shutdown_request", dict(restart=False), channel="control")
    own_kc.proc.wait(60)
    assert (tmp_path/"left").exists()
