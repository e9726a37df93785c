"`!command` on a terminal of its own: what it asks is asked in the notebook. Also the judgement whether a command waits, without a kernel."
import os, pty, subprocess, sys, time
from pathlib import Path
import pytest
from helpers import until

if os.name != "posix": pytest.skip("commands run on a terminal on POSIX only", allow_module_level=True)
linux = pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells in /proc what a process waits for")
asks = f"!{sys.executable} {Path(__file__).parent/'cells/asks.py'}"

def talk(kc, code, *answers):
    "Run `code`, answer its prompts in turn; its Result, and the (prompt, password) pairs"
    id,prompts = kc.cell(code, allow_stdin=True),[]
    for line in answers:
        content = kc.prompt()["content"]
        prompts.append((content["prompt"], content["password"]))
        kc.input(line)
    return kc.wait(id), prompts

def test_a_command_asks_in_the_notebook(kc):
    r,prompts = talk(kc, f"{asks} name", "Bo")
    assert (prompts, r.stdout) == ([("Your name? ", False)], "hello Bo\r\n")

def test_a_hidden_answer_is_asked_as_a_password(kc):
    r,prompts = talk(kc, f"{asks} password", "abc")
    assert (prompts, r.stdout.strip()) == ([("Key: ", True)], "secret of 3")

def test_readline_asks_too(kc):
    r,prompts = talk(kc, f"{asks} readline", "word")
    assert prompts[0][0] in ("rl> ", "")  # on a busy machine it is shown before readline begins to wait
    assert (r.stdout.strip().removeprefix("rl> \r\n"), prompts[0][1]) == ("read word", False)

def test_two_questions_are_asked_in_turn(kc):
    r,prompts = talk(kc, f"{asks} twice", "a", "b")
    assert ([p for p,_ in prompts], r.stdout) == (["first: ", "second: "], "ab\r\n")

@linux
def test_a_command_that_reads_without_a_prompt_asks(kc):
    assert talk(kc, "!read x; echo got $x", "one")[0].stdout == "got one\r\n"

@linux
def test_a_command_that_thinks_behind_a_colon_is_not_asked_for(kc):
    "A mistaken prompt would keep the cell waiting"
    assert talk(kc, f"{asks} thinks")[0].stdout == "thinking: done\r\n"

def test_each_of_two_equal_answers_reaches_its_own_question(kc):
    assert talk(kc, f"{asks} twice", "x", "x")[0].stdout == "xx\r\n"

def test_where_nobody_answers_a_command_reads_end_of_file(kc): assert "EOFError" in kc.run(f"{asks} name").stdout

def test_a_command_that_asks_for_ever_where_nobody_answers_is_ended(kc):
    r = kc.run(f"{asks} again")
    assert "nobody can answer" in r.stderr and r.status == "ok"

def test_the_prompt_of_an_unanswered_question_is_shown(kc):
    assert kc.run(f"{asks} name").stdout.startswith("Your name? ")

def test_a_pager_does_not_wait(kc): assert "\r\n1000" in kc.run("!seq 1000 | less").stdout.replace("\x1b[m", "")

def test_a_full_screen_program_is_ended_with_a_word(kc):
    r = kc.run("!printf '\\033[?1049h'; sleep 60")
    assert "full screen" in r.stderr and r.status == "ok"

def test_a_progress_bar_is_shown_as_it_goes(kc):
    id = kc.cell("!printf '\\r1 of 2'; sleep 0.3; printf '\\r2 of 2'; read x", allow_stdin=True)
    kc.wait(id, until=lambda r: "1 of 2" in r.stdout)
    assert kc.prompt()["content"]["prompt"] == "2 of 2"  # the frontend shows it beside the input box
    kc.input("")
    kc.wait(id)

def test_lines_come_while_the_command_runs(kc):
    id = kc.cell("!echo first; read x; echo last", allow_stdin=True)
    kc.wait(id, until=lambda r: "first" in r.stdout)
    kc.prompt()
    kc.input("")
    assert kc.wait(id).stdout == "first\r\nlast\r\n"

@pytest.mark.parametrize("code, status",
    [("exit 3", "3"), ("kill -9 $$", "-9"), ("sh -c 'kill -9 $$'", "-9"), ("true", "0")])
def test_exit_status(kc, code, status):
    kc.run(f"!{code}")
    assert kc.run("_exit_code").result == status

def test_a_failing_command_raises_where_that_is_asked_for(kc):
    kc.run("get_ipython().system_raise_on_error = True")
    try: assert kc.run("!exit 4").error["ename"] == "CalledProcessError"
    finally: kc.run("get_ipython().system_raise_on_error = False")

def test_names_are_filled_in(kc): assert kc.run("word = 'deep'\n!echo {word} $word").stdout == "deep deep\r\n"

def test_letters_cut_in_two_arrive_whole(kc):
    assert kc.run("!printf '\\303'; sleep 0.2; printf '\\251\\n'").stdout == "é\r\n"

def test_a_flood_arrives_whole(kc):
    assert len(kc.run("!yes 2>/dev/null | head -c 3000000", timeout=60).stdout) == 4_500_000

def test_columns_are_80_or_what_the_environment_says(kc):
    assert kc.run("!stty size").stdout.split()[1] == "80"
    kc.run("import os; os.environ['COLUMNS'] = '100'")
    try: assert kc.run("!stty size").stdout.split()[1] == "100"
    finally: kc.run("del os.environ['COLUMNS']")

def test_a_background_command_is_refused_as_in_ipython(kc): assert kc.run("!sleep 1 &").error["ename"] == "OSError"

def test_captured_commands_are_as_before(kc): assert kc.run("x = !echo a; echo b\nx").result == "['a', 'b']"

@pytest.mark.parametrize("how", ["signal", "message"])
def test_an_interrupt_ends_the_command_and_the_cell(own, how):
    kc = own()
    id = kc.cell("!echo up $$; sleep 60; echo late\nprint('on')")
    pid = int(kc.wait(id, until=lambda r: "\n" in r.stdout).stdout.split()[1])
    kc.interrupt(how)
    r = kc.wait(id)
    assert (r.error["ename"], "late" in r.stdout, "on" in r.stdout) == ("KeyboardInterrupt", False, False)
    until(lambda: not os.path.exists(f"/proc/{pid}"), "the end of the command")

def test_an_interrupted_command_may_say_its_last_words(own):
    kc = own()
    id = kc.cell("!trap 'echo bye; exit 1' INT; echo up; while true; do sleep 0.05; done")
    kc.wait(id, until=lambda r: "up" in r.stdout)
    kc.interrupt()
    assert "bye" in kc.wait(id).stdout

def test_an_interrupt_at_a_question_ends_the_command(own):
    kc = own()
    id = kc.cell(f"{asks} name", allow_stdin=True)
    kc.prompt()
    kc.interrupt()
    assert kc.wait(id).error["ename"] == "KeyboardInterrupt"

def test_a_command_ends_with_the_kernel(own):
    kc = own()
    id = kc.cell("!echo $$; sleep 60")
    pid = int(kc.wait(id, until=lambda r: "\n" in r.stdout).stdout)
    kc.request("shutdown_request", dict(restart=False), "control")
    kc.proc.wait(10)
    until(lambda: not os.path.exists(f"/proc/{pid}"), "the end of the command")

def test_a_command_in_a_subshell_asks_too(kc):
    id = kc.cell(f"{asks} name", subshell=kc.subshell(), allow_stdin=True)
    kc.prompt()
    kc.input("Eve")
    assert kc.wait(id).stdout == "hello Eve\r\n"

# -- the judgement, without a kernel

@pytest.fixture
def on_terminal():
    "Start a program on a terminal; what `find_wait` says of it"
    from ipymini.features.waiting import find_wait
    started = []
    def inner(code):
        master,slave = pty.openpty()
        started.append((subprocess.Popen([sys.executable, "-S", "-c", code], stdin=slave, stdout=slave, stderr=slave,
            start_new_session=True), master, slave))
        return lambda: find_wait(started[-1][0].pid, os.fstat(slave).st_rdev)
    yield inner
    for proc,*fds in started:
        proc.kill()
        proc.wait(10)
        for fd in fds: os.close(fd)

@linux
@pytest.mark.parametrize("code",
    ["import os; os.read(0, 1)", "import select; select.select([0], [], [])",
        "import select; p = select.poll(); p.register(0, 1); p.poll()",
        "import select; p = select.epoll(); p.register(0, 1); p.poll()"])
def test_a_program_that_waits_for_its_terminal_alone(on_terminal, code):
    wait = on_terminal(code)
    assert until(lambda: (w := wait()) and w.alone and w.sure, "a wait for the terminal")

@linux
def test_a_program_that_waits_for_something_else_too(on_terminal):
    wait = on_terminal("import os, select; r, w = os.pipe(); select.select([0, r], [], [])")
    assert not until(wait, "a wait for the terminal").alone

@linux
@pytest.mark.parametrize("code", ["import time; time.sleep(60)", "import os; r, w = os.pipe(); os.read(r, 1)",
    "while True: pass"])
def test_a_program_that_thinks(on_terminal, code):
    wait,end = on_terminal(code),time.monotonic() + .5
    while time.monotonic() < end: assert wait() is None

def test_where_the_system_does_not_tell_the_text_decides(monkeypatch):
    import termios
    from ipymini.features import waiting
    monkeypatch.setattr(waiting, "list_folder", lambda path: [])
    wait,shown,hidden = waiting.find_wait(1, 1),termios.ICANON|termios.ECHO,termios.ICANON
    assert [wait.asks(line, shown) for line in ("name: ", "50 %", "working", "")] == [True, True, False, False]
    assert wait.asks("", hidden)
