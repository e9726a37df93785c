"`ipymini session`: a kernel that outlives the command that started it, for several clients."

import json, os, pexpect, shutil, subprocess, sys
from helpers import connect, until
from pathlib import Path
import pytest

class Person:
    "Types `ipymini session` in a folder of his own."
    def __init__(self, folder):
        self.folder = folder
        self.env = {**os.environ, "JUPYTER_RUNTIME_DIR": str(folder/"runtime"), "IPYTHONDIR": str(folder/"ipython")}
        self.files = folder/"runtime/external_kernels"

    def session(self, *args, status=0):
        "What the command prints."
        command = [sys.executable, "-m", "ipymini", "session", *map(str, args)]
        pipes = dict(stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        out = subprocess.run(command, cwd=self.folder, env=self.env, text=True, timeout=100, **pipes)
        assert out.returncode == status, out.stdout
        return out.stdout

    def terminal(self, *args):
        "The command on a terminal."
        command = ["-m", "ipymini", "session", *args]
        return pexpect.spawn(sys.executable, command, cwd=str(self.folder), env=self.env | dict(TERM="xterm"),
            encoding="utf8", timeout=60)

    def value(self, code, name="session"):
        "What `code` is in the session. It is sent as people's frontends do: batch runs leave the history alone."
        kc = connect(self.files/f"{name}.json")
        try: return kc.run(code, allow_stdin=True).result
        finally: kc.stop_channels()

@pytest.fixture
def person(tmp_path):
    res = Person(tmp_path)
    yield res
    for file in res.files.glob("*.json"): res.session("--stop", file.stem)

@pytest.mark.slow
def test_it_outlives_its_command_and_says_how_it_is_used_and_ended(person):
    text = person.session()
    assert "ipymini session --stop session" in text and "allow_external_kernels" in text and "VS Code" in text
    assert person.value("6*7") == "42"

def test_two_clients_share_its_names(person):
    person.session("--name", "shared")
    person.value("x = 5", "shared")
    assert person.value("x", "shared") == "5"

def test_list_says_what_runs(person):
    person.session("--name", "one")
    assert person.session("--list").splitlines()[1].split() == ["one", "own", "Python", "runs"]

@pytest.mark.slow
def test_a_kernel_that_was_killed_is_listed_as_gone_and_stop_removes_it(person):
    person.session()
    pid = int(person.value("import os; os.getpid()"))
    os.kill(pid, 9)
    until(lambda: not Path(f"/proc/{pid}").exists() or "(zombie)" in Path(f"/proc/{pid}/status").read_text(),
        "the kernel to end")
    assert "is gone" in person.session("--list")
    person.session("--stop", "session")
    assert list(person.files.iterdir()) == []

@pytest.mark.slow
def test_stop_ends_it_and_leaves_no_file(person):
    person.session()
    pid = int(person.value("import os; os.getpid()"))
    place = json.loads((person.files/"session.json").read_text())["ipymini"]["folder"]
    assert "has ended" in person.session("--stop", "session")
    assert not Path(f"/proc/{pid}").exists() or "zombie" in Path(f"/proc/{pid}/status").read_text()
    assert list(person.files.iterdir()) == [] and not Path(place).exists()

@pytest.mark.slow
def test_a_cell_that_does_not_listen_is_no_obstacle_to_stop(person):
    person.session()
    kc = connect(person.files/"session.json")
    deaf = "import signal, time; signal.pthread_sigmask(signal.SIG_BLOCK, range(1, 30))\nwhile True: time.sleep(1)"
    kc.cell(deaf)
    kc.stop_channels()
    assert "has ended" in person.session("--stop", "session")

@pytest.mark.slow
def test_only_this_user_can_read_its_key(person):
    person.session()
    assert (person.files/"session.json").stat().st_mode & 0o777 == 0o600

@pytest.mark.slow
def test_leaving_the_terminal_by_exit_leaves_it_running(person):
    term = person.terminal("--name", "term")
    term.expect(r"In \[")
    term.send("x = 6*7\r")
    term.expect(r"In \[\S*m2\x1b")  # the number stands between colours
    term.send("exit\r")
    term.expect(pexpect.EOF)
    assert person.value("x", "term") == "42"

@pytest.mark.slow
def test_attach_opens_a_terminal_on_it_that_edits_as_vi(person):
    person.session()
    term = person.terminal("--attach", "session", "--editing-mode", "vi")
    term.expect(r"In \[")
    term.send("y = 7\x1b")
    term.send("0sz")  # to the line's start; z in place of y
    term.send("\x1b\r")
    until(lambda: person.value("'z' in globals()") == "True", "z to be there")
    assert person.value("z") == "7"
    term.close(force=True)

@pytest.mark.slow
def test_autoreload_takes_a_changed_module_as_it_is_now(person):
    (person.folder/"tune.py").write_text("def note(): return 'do'\n")
    person.session("--autoreload")
    assert person.value("import tune; tune.note()") == "'do'"
    (person.folder/"tune.py").write_text("def note(): return 're mi'\n")
    assert person.value("tune.note()") == "'re mi'"

@pytest.mark.slow
def test_startup_scripts_run_and_history_is_kept(person):
    startup = person.folder/"ipython/profile_default/startup"
    startup.mkdir(parents=True)
    (startup/"first.py").write_text("greeting = 'hello'\n")
    person.session()
    assert person.value("greeting") == "'hello'"
    kc = connect(person.files/"session.json")
    kc.run("answer = 42", allow_stdin=True)
    kc.stop_channels()
    person.session("--stop", "session")
    person.session()
    kc = connect(person.files/"session.json")
    assert "answer = 42" in kc.run("%history -g answer", allow_stdin=True).stdout
    kc.stop_channels()

@pytest.mark.slow
def test_a_project_has_its_own_environment(person):
    if not shutil.which("uv"): pytest.skip("needs uv")
    project = person.folder/"sky"
    project.mkdir()
    (project/"pyproject.toml").write_text('[project]\nname = "sky"\nversion = "1"\nrequires-python = ">=3.11"\n')
    person.session("--project", project)
    assert person.value("import sys; sys.prefix", "sky") == repr(str(project/".venv"))

@pytest.mark.parametrize("args, words", [
    (["--stop", "nobody"], "There is no session 'nobody'"),
    (["--project", "/nowhere"], "There is no pyproject.toml in /nowhere"),
    (["--env", "nobody"], "There is no environment 'nobody'"),
    (["--project", ".", "--env", "x"], "exclude each other"),
    (["--editing-mode", "ed"], "There is no editing mode 'ed'")])
def test_a_mistake_is_one_line(person, args, words):
    text = person.session(*args, status=1)
    assert text.startswith("ipymini: ") and words in text and text.count("\n") <= 1

@pytest.mark.slow
def test_a_name_is_used_once(person):
    person.session()
    assert "ipymini session --attach session" in person.session(status=1)
