"A kernel ends with its launcher, whatever stands between them"
import os, pytest, signal, subprocess, sys, time
from endings import begin, cells, group, stubborn
from helpers import connect, connection_file, has_ports, root, soon, until

launch = "import json, os, subprocess, sys, time\np = subprocess.Popen({argv}, stdin={stdin}, start_new_session=True, env=dict(os.environ, **{env}))\nprint(p.pid, flush=True)\ntime.sleep(60)"

@pytest.fixture
def launched():
    "Start a process that starts a kernel, by `argv` before the kernel's own: its Popen, a client, the pid of the kernel's group"
    made = []
    def inner(argv=(), env="dict(JPY_PARENT_PID=str(os.getpid()))", stdin="subprocess.DEVNULL", sitecustomize=None,
        tmp=None):
        file = connection_file()
        kernel = [sys.executable, "-m", "ipymini", "-f", file]
        argv = [*argv, *kernel] if not argv or argv[0] != "sh" else ["sh", "-c", argv[1].format(" ".join(kernel))]
        envs = {**os.environ, "PYTHONPATH": str(root)}
        envs.pop("PYTEST_CURRENT_TEST", None)
        if sitecustomize:
            (tmp/"sitecustomize.py").write_text(sitecustomize)
            envs["PYTHONPATH"] = f"{tmp}:{root}"
        p = subprocess.Popen([sys.executable, "-c", launch.format(argv=argv, env=env, stdin=stdin)],
            stdout=subprocess.PIPE, env=envs)
        pid = int(p.stdout.readline())
        until(lambda: has_ports(file), "the ports of a kernel")
        kc = connect(file)
        made.append((p, pid, kc, file))
        return p,kc,pid
    yield inner
    for p,pid,kc,file in made:
        p.kill()
        p.wait()
        p.stdout.close()
        for q in group(pid): os.kill(q, signal.SIGKILL)
        kc.stop_channels()
        if os.path.exists(file): os.remove(file)

def dies_with(p, pid, timeout=30):
    "Kill the launcher `p` and wait for the group `pid` to end"
    p.kill()
    p.wait()
    until(lambda: not group(pid), "the kernel to end with its launcher", timeout)

@pytest.mark.parametrize("what", ["idle", "sleep", "loop", "await", "C code", "input", "child", "threads",
    "process pool", "swallowing"])
def test_the_kernel_goes_with_its_launcher(launched, what):
    p,kc,pid = launched()
    begin(kc, cells[what])
    dies_with(p, pid)

@pytest.mark.slow
@pytest.mark.parametrize("what", stubborn)
def test_stubborn_children_go_with_the_launcher(launched, what):
    p,kc,pid = launched()
    begin(kc, stubborn[what])
    dies_with(p, pid)

@pytest.mark.parametrize("argv", [["sh", "{}"], ["sh", "{}; true"], ["sh", "sh -c '{}; true'; true"],
    ["sh", "exec {}"], ["sh", "({} &)"], ["nice"], ["env", "A=1"]])
def test_whatever_stands_between_launcher_and_kernel(launched, argv):
    p,kc,pid = launched(argv)
    assert kc.run("1").result == "1"
    dies_with(p, pid)

def test_the_death_of_the_launcher_is_noticed_at_once(launched):
    def seconds():
        p,kc,pid = launched()
        kc.run("1")
        t = time.monotonic()
        dies_with(p, pid)
        return time.monotonic()-t
    assert soon(seconds, .9)

def test_a_kernel_lives_on_when_what_stands_between_ends(launched):
    p,kc,pid = launched(["sh", "({} &)"])
    assert kc.run("import os; os.getppid() != int(os.environ['JPY_PARENT_PID'])").result == "True"
    assert kc.run("1").result == "1"

def test_a_launcher_that_is_not_visible_is_not_watched(launched):
    values = "4194300", "0", "1", "", "x", "-5", "99999999999999"
    kernels = {value: launched(env=f"dict(JPY_PARENT_PID={value!r})")[1] for value in values}
    time.sleep(1.2)  # the slow check of systems that have no event
    assert {value: kc.run("1").result for value,kc in kernels.items()} == dict.fromkeys(values, "1")

@pytest.mark.slow
@pytest.mark.parametrize("what", ["idle", "sleep", "loop", "await"])
def test_without_pidfd_the_kernel_goes_with_its_launcher(launched, tmp_path, what):
    p,kc,pid = launched(sitecustomize="import os\ndel os.pidfd_open\n", tmp=tmp_path)
    begin(kc, cells[what])
    assert kc.run("import os; hasattr(os, 'pidfd_open')").result == "False" if what == "idle" else True
    dies_with(p, pid)

def test_where_pidfd_is_forbidden_the_kernel_goes_with_its_launcher(launched, tmp_path):
    p,kc,pid = launched(sitecustomize="import os\ndef no(*a): raise PermissionError(1, 'seccomp')\n"
        "os.pidfd_open = no\n", tmp=tmp_path)
    kc.run("1")
    dies_with(p, pid)

@pytest.mark.slow
def test_without_pidfd_stubborn_children_end(launched, tmp_path):
    p,kc,pid = launched(sitecustomize="import os\ndel os.pidfd_open\n", tmp=tmp_path)
    begin(kc, stubborn["shell"])
    dies_with(p, pid)

@pytest.mark.parametrize("what", ["idle", "sleep", "loop", "await", "child"])
def test_the_end_of_stdin_ends_the_kernel_if_asked_to(launched, what):
    "The launcher is not our parent and its pid is not known; its pipe closes with it"
    p,kc,pid = launched(env="dict(JPY_PARENT_PID='', IPYMINI_EXIT_ON_STDIN_EOF='1')", stdin="subprocess.PIPE")
    begin(kc, cells[what])
    dies_with(p, pid)

@pytest.mark.parametrize("value", ["", "0"])
def test_the_end_of_stdin_is_nothing_otherwise(launched, value):
    p,kc,pid = launched(env=f"dict(JPY_PARENT_PID='', IPYMINI_EXIT_ON_STDIN_EOF={value!r})", stdin="subprocess.PIPE")
    p.kill()
    p.wait()
    assert kc.run("import time; time.sleep(.3); 1").result == "1"

def test_bytes_on_stdin_do_not_end_the_kernel(launched):
    p,kc,pid = launched(["sh", "(echo hello; cat) | {}"],
        env="dict(JPY_PARENT_PID='', IPYMINI_EXIT_ON_STDIN_EOF='1')", stdin="subprocess.PIPE")
    assert kc.run("import time; time.sleep(.2); 1").result == "1"
    dies_with(p, pid)

def test_children_do_not_eat_the_launchers_pipe(launched):
    p,kc,pid = launched(env="dict(JPY_PARENT_PID='', IPYMINI_EXIT_ON_STDIN_EOF='1')", stdin="subprocess.PIPE")
    assert kc.run("import subprocess; subprocess.run('cat', stdout=subprocess.PIPE, timeout=5).stdout",
        timeout=8).result == "b''"

def test_the_exit_code_of_an_orphan_is_1():
    file = connection_file()
    launcher = subprocess.Popen(["sleep", "60"])
    env = {**os.environ, "JPY_PARENT_PID": str(launcher.pid)}
    env.pop("PYTEST_CURRENT_TEST", None)
    p = subprocess.Popen([sys.executable, "-m", "ipymini", "-f", file], env=env, start_new_session=True,
        stdin=subprocess.DEVNULL)
    until(lambda: has_ports(file), "the ports of a kernel")
    kc = connect(file)
    kc.run("1")
    launcher.kill()
    launcher.wait()
    assert p.wait(20) == 1
    kc.stop_channels()
    os.remove(file)
