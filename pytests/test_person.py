"A kernel that a person starts on a terminal, or where it cannot start: what is said, and how it ends."
import os, pty, re, resource, select, signal, subprocess, sys, time
from tempfile import TemporaryDirectory
import pytest
from helpers import connect

class Typed:
    "`ipymini` started on a terminal of its own; what it has said so far."
    def __init__(self, *args):
        self.master,slave = pty.openpty()
        self.proc = subprocess.Popen([sys.executable, "-m", "ipymini", *args], stdin=slave, stdout=slave,
            stderr=slave, start_new_session=True)
        os.close(slave)
        self.text = ""

    def read_until(self, word, timeout=20):
        end = time.monotonic()+timeout
        while word not in self.text:
            if time.monotonic() > end:
                raise TimeoutError(f"{timeout} s passed: waited for {word!r}, have {self.text!r}")
            if not select.select([self.master], [], [], .1)[0]: continue
            try: self.text += os.read(self.master, 4096).decode()
            except OSError: break  # it has ended
        return self.text

@pytest.fixture
def typed():
    made = []
    def start(*args):
        made.append(Typed(*args))
        return made[-1]
    yield start
    for o in made:
        if o.proc.poll() is None: os.killpg(o.proc.pid, signal.SIGKILL)
        o.proc.wait(10)
        os.close(o.master)

def test_a_bare_start_says_how_to_connect_and_how_to_end(typed):
    text = typed().read_until("twice")
    file = re.search(r"--existing (\S+)", text)[1]
    kc = connect(file, welcome=False)
    kc.wait_for_ready(timeout=20)
    kc.stop_channels()

def test_ctrl_c_twice_ends_it(typed):
    kernel = typed()
    kernel.read_until("twice")
    os.killpg(kernel.proc.pid, signal.SIGINT)
    kernel.read_until("once more")
    os.killpg(kernel.proc.pid, signal.SIGINT)
    assert kernel.proc.wait(10) == 0

def test_a_mistyped_option_is_an_error_on_a_terminal(typed):
    kernel = typed("--no-fd-captur")
    assert "no option --no-fd-captur" in kernel.read_until("--help")
    assert kernel.proc.wait(10) == 1

def test_a_mistyped_option_is_ignored_elsewhere(own): assert own(args=["--no-fd-captur"]).run("1").result == "1"

@pytest.fixture
def open_folder():
    "A folder that any user may write to; pytest's own are for their owner alone"
    with TemporaryDirectory(dir="/tmp") as folder:
        os.chmod(folder, 0o777)
        yield folder

def another_user(processes=None):
    "A function that makes the process that calls it one of another user's, who may have so many processes"
    def become():
        if processes: resource.setrlimit(resource.RLIMIT_NPROC, (processes, processes))
        os.setgid(65534)
        os.setuid(61234)
    return become

@pytest.mark.skipif(os.name != "posix" or os.getuid() != 0, reason="becomes another user, which root alone may")
def test_too_few_processes_is_one_line(open_folder):
    command = [sys.executable, "-m", "ipymini", "-f", f"{open_folder}/k.json"]
    kw = dict(cwd=open_folder, env={**os.environ, "HOME": open_folder, "IPYTHONDIR": open_folder},
        capture_output=True, text=True, timeout=30)
    try: readable = subprocess.run([*command[:3], "--version"], preexec_fn=another_user(), **kw).returncode == 0
    except PermissionError: readable = False
    if not readable: pytest.skip("another user cannot read this environment")
    r = subprocess.run(command, preexec_fn=another_user(8), **kw)
    assert (r.returncode, r.stderr.count("\n"), "ulimit -u" in r.stderr) == (1, 1, True), r.stderr
