"`input`, `getpass` and debuggers at a prompt: who may ask, in which order, and whose line it is"
import pytest, zmq
from queue import Empty
from jupyter_client import BlockingKernelClient
from helpers import connect
from ipymini.channels.stdin import Question, Stdin
from ipymini.output import Output
from ipymini.wire import Msg, Wire
from types import SimpleNamespace

def answered(kc, code, *lines, timeout=60, **kw):
    "Run `code`, which asks for `lines`; its Result, with the content of the prompts as `prompts`"
    id,prompts = kc.cell(code, allow_stdin=True, **kw),[]
    for line in lines:
        prompts.append(kc.prompt(timeout)["content"])
        kc.input(line)
    r = kc.wait(id, timeout=timeout)
    r.prompts = prompts
    return r

def silent(kc, seconds=.3):
    "True if no prompt comes for a while"
    try: kc.get_stdin_msg(timeout=seconds)
    except Empty: return True

@pytest.fixture
def sub(kc):
    id = kc.request("create_subshell_request", channel="control").content["subshell_id"]
    yield id
    kc.request("delete_subshell_request", dict(subshell_id=id), channel="control")

# -- asking

def test_a_prompt_is_not_sent_again_when_one_behind_it_is_given_up():
    "as when the subshell of a cell that asks is deleted"
    sent = []
    with zmq.Context() as context:
        stdin = Stdin("stdin", Wire(), context, print)
        stdin.transmit = sent.append
        shown,waits = [Question(SimpleNamespace(cell=None), id, id) for id in ("shown", "waits")]
        for question in (shown, waits): stdin.enqueue(question)
        stdin.remove(waits)
        stdin.sock.close()
    assert sent == ["shown"]
    assert list(stdin.askers) == [shown]

def test_what_was_printed_is_let_out_before_the_prompt_is_sent():
    "Else a frontend may show it below the prompt, as the two go over two sockets"
    done = []
    def ask(prompt, password):
        done.append(prompt)
        return "line"
    out = Output(publish=None, write=lambda name, text: done.append(text), flush=lambda: done.append("let out"), ask=ask,
        parent=SimpleNamespace(get=lambda: Msg({}, dict(allow_stdin=True))), message=None)
    print("before", end="", file=out.stdout)
    assert out.input("name? ") == "line"
    assert done == ["before", "let out", "name? "]

@pytest.mark.parametrize("call,prompt", [("input()", ""), ("input('name: ')", "name: "), ("input(5)", "5"),
    ("input(None)", "None"), ("input('é🎉\\n')", "é🎉\n")])
def test_input_asks(kc, call, prompt):
    r = answered(kc, call, "bob")
    assert (r.result, r.prompts) == ("'bob'", [dict(prompt=prompt, password=False)])

@pytest.mark.parametrize("call,prompt",
    [("getpass()", "Password: "), ("getpass('pin')", "pin"), ("getpass('pin', None)", "pin"),
        ("getpass(prompt='pin', stream=sys.stderr)", "pin")])
def test_getpass_asks_for_a_password(kc, call, prompt):
    r = answered(kc, "import sys; from getpass import getpass; "+call, "secret")
    assert (r.result, r.prompts) == ("'secret'", [dict(prompt=prompt, password=True)])

@pytest.mark.parametrize("line", ["", " ", "é🎉", "a\nb", "x"*100_000, "\\", "null"])
def test_the_line_comes_as_it_was_typed(kc, line):
    assert answered(kc, "import builtins; line = input()", line).status == "ok" and eval(kc.run("line").result) == line

def test_the_prompt_answers_the_cell(kc):
    id = kc.cell("input()", allow_stdin=True)
    msg = kc.prompt()
    kc.input("x")
    assert (msg["parent_header"]["msg_id"], msg["msg_type"]) == (id, "input_request")
    kc.wait(id)

def test_output_comes_before_the_prompt(kc):
    id = kc.cell("import os; print('a', end=''); os.write(1, b'b'); input()", allow_stdin=True)
    kc.prompt()
    r = kc.wait(id, until=lambda r: r.stdout == "ab")
    kc.input("x")
    assert kc.wait(id).stdout == "ab" and r.stdout == "ab"

def test_the_cell_is_busy_while_it_asks(kc):
    id = kc.cell("input()", allow_stdin=True)
    kc.prompt()
    assert kc.wait(id, until=lambda r: r.states).states == ["busy"]
    kc.input("x")
    assert kc.wait(id).states == ["busy", "idle"]

def test_several_lines(kc):
    assert answered(kc, "[input(i) for i in range(3)]", "a", "b", "c").result == "['a', 'b', 'c']"

def test_eof(kc): assert answered(kc, "input()", "\x04").content["ename"] == "EOFError"

def test_eof_of_getpass(kc):
    assert answered(kc, "import getpass; getpass.getpass()", "\x04").content["ename"] == "EOFError"

@pytest.mark.parametrize("call", ["read()", "readline()", "readlines() or ''"])
def test_sys_stdin_is_empty(kc, call): assert kc.run(f"import sys; sys.stdin.{call}", allow_stdin=True).result == "''"

@pytest.mark.parametrize("code", ["import subprocess; subprocess.run('cat', stdout=subprocess.PIPE).stdout",
    "import os; os.read(0, 10)"])
def test_children_find_an_empty_stdin(kc, code): assert kc.run(code, allow_stdin=True).result == "b''"

ways = {"thread": "import threading; t = threading.Thread(target=lambda: print(input('?'))); t.start(); t.join()",
    "pool":"from concurrent.futures import ThreadPoolExecutor\n"
    "with ThreadPoolExecutor(1) as p: print(p.submit(input, '?').result())",
    "to_thread": "import asyncio; print(await asyncio.to_thread(input, '?'))",
    "task": "import asyncio\nasync def f(): return input('?')\nprint(await asyncio.create_task(f()))",
    "run_in_executor": "import asyncio; print(await asyncio.get_running_loop().run_in_executor(None, input, '?'))",
    "callback": "import asyncio; asyncio.get_running_loop().call_soon(lambda: print(input('?'))); "
    "await asyncio.sleep(.01)",
    "asyncio.run": "import asyncio\nasync def f(): return input('?')\nprint(asyncio.run(f()))",
    "async cell": "import asyncio; await asyncio.sleep(0); print(input('?'))",
    "%time": "%time print(input('?'))", "exec": "exec('print(input(\"?\"))')", 
    "getpass in a thread": "import getpass, threading\n"
    "t = threading.Thread(target=lambda: print(getpass.getpass('?'))); t.start(); t.join()"}

@pytest.mark.parametrize("way", ways)
def test_who_may_ask(kc, way):
    r = answered(kc, ways[way], "line")
    assert (r.status, r.prompts[0]["prompt"]) == ("ok", "?")
    assert "line\n" in r.stdout

def test_a_subshell_asks(kc, sub): assert answered(kc, "input()", "x", subshell=sub).result == "'x'"

def test_a_thread_asks_while_its_cell_awaits(kc):
    assert answered(kc,
        "import asyncio, threading\n"
        "q = []\n"
        "threading.Thread(target=lambda: q.append(input())).start()\n"
        "while not q: await asyncio.sleep(.01)\n"
        "q", "x").result == "['x']"

# -- several askers

def test_threads_ask_one_after_the_other(kc):
    id = kc.cell(
        "from concurrent.futures import ThreadPoolExecutor\n"
        "with ThreadPoolExecutor(3) as p: r = list(p.map(input, 'abc'))\n"
        "r", allow_stdin=True)
    for _ in range(3):
        prompt = kc.prompt()["content"]["prompt"]
        assert silent(kc)
        kc.input(prompt.upper())
    assert kc.wait(id).result == "['A', 'B', 'C']"

def test_a_subshell_waits_while_a_cell_asks(kc, sub):
    one = kc.cell("input('one')", allow_stdin=True)
    assert kc.prompt()["content"]["prompt"] == "one"
    two = kc.cell("input('two')", allow_stdin=True, subshell=sub)
    assert silent(kc)
    kc.input("1")
    assert kc.prompt()["content"]["prompt"] == "two"
    kc.input("2")
    assert (kc.wait(one).result, kc.wait(two).result) == ("'1'", "'2'")

def test_two_clients_each_get_their_prompt(kc):
    other = connect(kc.file)
    id = kc.cell("input('one')", allow_stdin=True)
    assert kc.prompt()["content"]["prompt"] == "one"
    kc.input("1")
    kc.wait(id)
    id = other.cell("input('two')", allow_stdin=True)
    assert other.prompt()["content"]["prompt"] == "two"
    kc.input("not mine")
    assert silent(other)
    other.input("2")
    assert other.wait(id).result == "'2'"
    other.stop_channels()

# -- whose line it is

def test_a_line_that_nobody_asked_for_is_dropped(kc):
    kc.input("stale")
    kc.run("1")
    assert answered(kc, "input()", "fresh").result == "'fresh'"

def test_a_line_that_comes_after_an_interrupt_is_dropped(kc):
    id = kc.cell("input('old')", allow_stdin=True)
    kc.prompt()
    kc.interrupt()
    assert kc.wait(id).content["ename"] == "KeyboardInterrupt"
    kc.input("stale")
    kc.run("1")
    assert answered(kc, "input('new')", "fresh").result == "'fresh'"

def test_a_line_for_an_earlier_prompt_is_dropped(kc):
    id = kc.cell("[input('a'), input('b')]", allow_stdin=True)
    first = kc.prompt()
    kc.session.send(kc.stdin_channel.socket, "input_reply", dict(value="1"), parent=first)
    second = kc.prompt()
    kc.session.send(kc.stdin_channel.socket, "input_reply", dict(value="again"), parent=first)
    kc.session.send(kc.stdin_channel.socket, "input_reply", dict(value="2"), parent=second)
    assert kc.wait(id).result == "['1', '2']"

@pytest.mark.parametrize("content", [{}, dict(value=None), dict(value=5), dict(value=["a"])])
def test_a_bad_line_is_an_empty_one(kc, content):
    id = kc.cell("input()", allow_stdin=True)
    kc.prompt()
    kc.session.send(kc.stdin_channel.socket, "input_reply", content)
    assert kc.wait(id).result == "''"

@pytest.mark.parametrize("type", ["execute_request", "input_request", "nonsense"])
def test_other_messages_on_stdin_are_dropped(kc, type):
    id = kc.cell("input()", allow_stdin=True)
    kc.prompt()
    kc.session.send(kc.stdin_channel.socket, type, dict(code="1", value="bad"))
    kc.input("good")
    assert kc.wait(id).result == "'good'"

def test_a_client_whose_stdin_connects_late_gets_the_prompt(kc):
    late = BlockingKernelClient(connection_file=kc.file)
    late.load_connection_file()
    late.start_channels(stdin=False, hb=False)
    late.others,late.held = [],{}
    late.get_iopub_msg(timeout=60)  # the welcome
    id = late.cell("print('asks'); input('late')", allow_stdin=True)
    late.wait(id, until=lambda r: r.stdout == "asks\n")
    assert late.prompt()["content"]["prompt"] == "late"  # connects stdin
    late.input("x")
    assert late.wait(id).result == "'x'"
    late.stop_channels()

# -- who may not ask

@pytest.mark.parametrize("call", ["input()", "__import__('getpass').getpass()", "breakpoint() or input()"])
def test_asking_is_refused_when_the_client_cannot_answer(kc, call):
    r = kc.run(call, allow_stdin=False, timeout=10)
    assert (r.content["ename"], "does not support input" in r.content["evalue"]) == ("StdinNotImplementedError", True)

@pytest.mark.parametrize("call", ["input", "getpass"])
def test_a_thread_is_refused_after_the_end_of_its_cell(kc, call):
    id = kc.cell(
        "import threading; from getpass import getpass\n"
        "go = threading.Event()\n"
        "def f():\n"
        "    go.wait(20)\n"
        f"    try: {call}()\n"
        "    except Exception as e: print(type(e).__name__)\n"
        "t = threading.Thread(target=f); t.start()", allow_stdin=True)
    kc.wait(id)
    kc.run("go.set()", allow_stdin=True)
    assert kc.wait(id, until=lambda r: "\n" in r.stdout).stdout == "StdinNotImplementedError\n"
    assert silent(kc)

def test_a_task_is_refused_after_the_end_of_its_cell(kc):
    id = kc.cell(
        "import asyncio\n"
        "async def f():\n"
        "    await asyncio.sleep(.1)\n"
        "    try: input()\n"
        "    except Exception as e: print(type(e).__name__)\n"
        "t = asyncio.create_task(f())", allow_stdin=True)
    assert kc.wait(id, until=lambda r: "\n" in r.stdout).stdout == "StdinNotImplementedError\n"

def test_a_thread_that_waits_for_a_line_is_refused_when_its_cell_ends(own):
    "Nobody shows its prompt any more, and it would keep all others from asking"
    kc = own()
    id = kc.cell(
        "import threading\n"
        "def f():\n"
        "    try: print(input('x'))\n"
        "    except Exception as e: print(type(e).__name__)\n"
        "threading.Thread(target=f).start()", allow_stdin=True)
    assert kc.wait(id, until=lambda r: "\n" in r.stdout).stdout == "StdinNotImplementedError\n"

def test_a_cell_asks_while_a_thread_of_an_earlier_one_waits_for_a_line(own):
    kc = own()
    kc.run("import threading, time; threading.Thread(target=input, args=['x']).start(); time.sleep(.1)",
        allow_stdin=True)
    id = kc.cell("input('y')", allow_stdin=True)
    while kc.prompt(10)["content"]["prompt"] != "y": pass
    kc.input("fresh")
    assert kc.wait(id).result == "'fresh'"

# -- debuggers

@pytest.mark.parametrize("code", ["import pdb; pdb.set_trace()\nx = 5", "breakpoint()\nx = 5",
    "from IPython.core.debugger import set_trace; set_trace()\n"
    "x = 5"])
def test_a_debugger_asks(kc, code):
    r = answered(kc, f"y = 41\n{code}", "p y+1", "c")
    assert (r.status, "42\n" in r.stdout) == ("ok", True)
    assert "db" in r.prompts[0]["prompt"].lower()
    assert kc.run("x").result == "5"

def test_percent_debug_asks(kc):
    kc.run("def f(a): return a/0\nf(6)")
    r = answered(kc, "%debug", "p a", "q")
    assert (r.status, "6\n" in r.stdout) == ("ok", True)

def test_quitting_a_debugger_ends_the_cell(kc):
    r = answered(kc, "import pdb; pdb.set_trace()\nprint('not reached')", "q")
    assert "not reached\n" not in r.stdout.splitlines(True)
    assert kc.run("1").result == "1"

def test_percent_pdb_asks_after_an_error(kc):
    kc.run("%pdb on")
    r = answered(kc, "b = 7\n1/0", "p b", "q")
    kc.run("%pdb off")
    assert (r.content["ename"], "7\n" in r.stdout) == ("ZeroDivisionError", True)

def test_pdb_is_ipythons(kc):
    assert kc.run("import pdb; from IPython.core.debugger import Pdb; issubclass(pdb.Pdb, Pdb)").result == "True"

def test_stepping(kc):
    r = answered(kc, "def f():\n    breakpoint()\n    a = 1\n    a = 2\n    return a\nf()", "n", "n", "n", "p a*100",
        "c")
    assert (r.result, "200\n" in r.stdout) == ("2", True)

@pytest.mark.parametrize("how", ["signal", "message"])
@pytest.mark.parametrize("code",
    ["input()", "import getpass; getpass.getpass()", "breakpoint()\nprint('on')",
        "import threading; t = threading.Thread(target=input); t.start(); t.join()"])
def test_an_interrupt_ends_the_waiting(kc, how, code):
    id = kc.cell(code, allow_stdin=True)
    kc.prompt()
    kc.interrupt(how)
    r = kc.wait(id)
    assert r.content["ename"] in ("KeyboardInterrupt", "BdbQuit")
    assert kc.run("1+1").result == "2"
    assert answered(kc, "input()", "fresh").result == "'fresh'"
