"""The end of a kernel: by request, signal, `exit`, or with its launcher; what it leaves behind, which is nothing

Every test has a kernel of its own. `cells` is the table of what a kernel may be at when it has to go."""
import json, os, pytest, signal, subprocess, sys, time
from pathlib import Path
from jupyter_client.connect import write_connection_file
from helpers import connect, root, until

head = "import asyncio, atexit, ctypes, os, signal, subprocess, sys, threading, time\n"
cells = {
    "idle": "", "sleep": "print('on'); time.sleep(60)", "loop": "print('on')\nwhile True: pass", "C code": "import hashlib; print('on', flush=True); hashlib.pbkdf2_hmac('sha256', b'', b'', 10**9)",
    "C code with the GIL": "print('on', flush=True); ctypes.PyDLL(None).usleep(900_000)", "await": "print('on'); await asyncio.sleep(60)",
    "await event": "print('on'); await asyncio.Event().wait()", "asyncio.run": "print('on'); asyncio.run(asyncio.sleep(60))", "input": "print('on'); input()",
    "pdb": "print('on'); breakpoint()", "lock": "l = threading.Lock(); l.acquire(); print('on'); l.acquire()", "subprocess": "print('on'); subprocess.run(['sleep', '60'])",
    "shell line": "print('on')\n!sleep 60", "flood": "print('on')\nwhile True: print('x'*50)", "swallowing": "print('on')\nwhile True:\n    try: time.sleep(60)\n    except: pass",
    "finally": "print('on')\ntry: time.sleep(60)\nfinally: time.sleep(60)",
    "threads": "[threading.Thread(target=time.sleep, args=[60]).start() for i in range(3)]; print('on')",
    "busy thread": "def f():\n    while True: pass\nthreading.Thread(target=f).start(); print('on')",
    "pool": "from concurrent.futures import ThreadPoolExecutor\np = ThreadPoolExecutor(2); p.submit(time.sleep, 60); print('on')", "task": "t = asyncio.create_task(asyncio.sleep(60)); print('on')",
    "child": "p = subprocess.Popen(['sleep', '60']); print('on')", "forked child": "pid = os.fork()\nif not pid: time.sleep(60); os._exit(0)\nprint('on')",
    "process": "import multiprocessing\np = multiprocessing.get_context('fork').Process(target=time.sleep, args=[60]); p.start(); print('on')",
    "process pool": "import multiprocessing\npool = multiprocessing.get_context('fork').Pool(2); print('on')"}
stubborn = {
    "shell": "p = subprocess.Popen(['sh', '-c', 'trap \"\" TERM INT HUP; echo on; while true; do sleep 1; done'])",
    "python": "p = subprocess.Popen([sys.executable, '-c', 'import signal, time; signal.signal(15, signal.SIG_IGN); print(\"on\", flush=True); time.sleep(60)'])",
    "forked child": "pid = os.fork()\nif not pid:\n    signal.signal(15, signal.SIG_IGN); os.write(1, b'on'); time.sleep(60); os._exit(0)"}

def begin(kc, code):
    "Run `code` to where it prints 'on'; the id of its cell"
    id = kc.cell(head+code, allow_stdin=True)
    kc.wait(id, until=lambda r: "on" in r.stdout or not code and r.reply)
    if "input()" in code or "breakpoint()" in code: kc.prompt()
    return id

def group(pid):
    "pids of the process group `pid` that are alive"
    found = []
    for p in Path("/proc").glob("[0-9]*"):
        try: state,_,pgid = (p/"stat").read_text().rpartition(")")[2].split()[:3]
        except OSError: continue
        if int(pgid) == pid and state != "Z": found.append(int(p.name))
    return found

def alive(pid):
    try: return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError: return False

def gone(kc, code, deadline):
    "True once the kernel has ended with exit code `code` and nothing of its group is left; `deadline`: seconds, of which the machine may use most"
    assert kc.proc.wait(deadline) == code
    assert group(kc.proc.pid) == []
    return True

def shutdown(kc, restart=False, channel="control"):
    return kc.wait(kc.submit("shutdown_request", dict(restart=restart), channel=channel), channel, timeout=5)

# -- shutdown_request

@pytest.mark.parametrize("what", cells)
def test_shutdown(own, what):
    kc = own()
    begin(kc, cells[what])
    assert shutdown(kc).content == dict(status="ok", restart=False)
    assert gone(kc, 0, 4)

@pytest.mark.parametrize("what", ["idle", "sleep", "loop", "await", "input", "child", "threads"])
def test_shutdown_is_quick(own, what):
    "0.3 s by promise; others take up to 29 s"
    kc = own()
    begin(kc, cells[what])
    shutdown(kc)
    t = time.monotonic()
    assert gone(kc, 0, 4) and time.monotonic()-t < 1

@pytest.mark.parametrize("restart", [True, False])
@pytest.mark.parametrize("channel", ["control", "shell"])
def test_shutdown_is_answered_and_told(own, restart, channel):
    kc = own()
    r = shutdown(kc, restart, channel)
    assert (r.content, r.types) == (dict(status="ok", restart=restart), ["status", "shutdown_reply", "status"])
    assert r.of("shutdown_reply") == [dict(status="ok", restart=restart)]
    assert gone(kc, 0, 4)

@pytest.mark.parametrize("what", stubborn)
def test_shutdown_ends_children_that_do_not_want_to(own, what):
    kc = own()
    begin(kc, stubborn[what])
    shutdown(kc)
    t = time.monotonic()
    assert gone(kc, 0, 6) and time.monotonic()-t < 3.5

@pytest.mark.parametrize("what", stubborn)
def test_shutdown_ends_stubborn_children_though_the_cell_hangs(own, what):
    kc = own()
    begin(kc, stubborn[what])
    begin(kc, cells["swallowing"])
    shutdown(kc)
    assert gone(kc, 0, 6)

def test_shutdown_ends_children_though_an_exit_function_hangs(own):
    kc = own()
    begin(kc, stubborn["shell"]+"; atexit.register(time.sleep, 60)")
    shutdown(kc)
    assert gone(kc, 0, 6)

def test_shutdown_ends_grandchildren(own):
    kc = own()
    begin(kc, "p = subprocess.Popen(['sh', '-c', 'sleep 60 & sleep 60 & echo on; wait'])")
    shutdown(kc)
    assert gone(kc, 0, 4)

def test_shutdown_ends_children_whose_parent_has_ended(own):
    kc = own()
    begin(kc, "os.system('sleep 60 & echo on')")
    shutdown(kc)
    assert gone(kc, 0, 4)

def test_a_daemon_of_its_own_session_lives_on(own):
    kc = own()
    kc.run(head+"p = subprocess.Popen(['sleep', '20'], start_new_session=True)")
    pid = int(kc.run("p.pid").result)
    shutdown(kc)
    assert gone(kc, 0, 4) and alive(pid)
    os.kill(pid, signal.SIGKILL)

@pytest.mark.parametrize("what", ["sleep", "loop", "await", "input"])
def test_the_cell_that_runs_sees_its_end(own, what):
    "`finally` clauses run"
    kc = own()
    path = Path(kc.file+".seen")
    code = cells[what].replace("\n", "\n    ")
    begin(kc, f"try:\n    {code}\nfinally: open({str(path)!r}, 'w').write('seen')")
    shutdown(kc)
    assert gone(kc, 0, 4) and path.read_text() == "seen"
    path.unlink()

def test_queued_cells_do_not_run_on(own):
    kc = own()
    path = Path(kc.file+".ran")
    begin(kc, cells["sleep"])
    for _ in range(3): kc.cell(f"open({str(path)!r}, 'w')")
    shutdown(kc)
    assert gone(kc, 0, 4) and not path.exists()

def test_shutdown_twice(own):
    kc = own()
    for _ in range(3): kc.submit("shutdown_request", dict(restart=False), channel="control")
    assert gone(kc, 0, 4)

def test_shutdown_with_a_busy_subshell(own):
    kc = own()
    sub = kc.request("create_subshell_request", channel="control").content["subshell_id"]
    id = kc.cell("print('on')\nwhile True: pass", subshell=sub)
    kc.wait(id, until=lambda r: "on" in r.stdout)
    shutdown(kc)
    assert gone(kc, 0, 4)

def test_restarts_on_the_same_ports(own):
    kc = own()
    file,kept = kc.file,Path(kc.file).read_bytes()
    for _ in range(5):
        begin(kc, cells["child"])
        shutdown(kc, True)
        assert gone(kc, 0, 4)
        kc.stop_channels()
        Path(file).write_bytes(kept)
        kc = own(file=file)
        assert kc.run("1").result == "1"

# -- exit functions

@pytest.mark.parametrize("code", ["atexit.register(print, 'bye')", "atexit.register(lambda: os.write(1, b'bye\\n'))", "atexit.register(os.system, 'echo bye')"])
@pytest.mark.parametrize("running", ["idle", "sleep", "await"])
def test_output_of_exit_functions_is_delivered(own, code, running):
    kc = own()
    kc.run(head+code)
    id = begin(kc, cells[running])
    kc.submit("shutdown_request", dict(restart=False), channel="control")
    def said():
        kc.collect("control", .05)
        return "bye" in "".join(r.stdout for r in kc.held.values())
    until(said, f"the output of an exit function after {id}", 5)
    assert gone(kc, 0, 4)

def test_exit_functions_run_once_and_in_order(own, tmp_path):
    kc = own()
    kc.run(head+f"def note(s):\n    with open({str(tmp_path/'log')!r}, 'a') as f: f.write(s)\nfor s in 'abc': atexit.register(note, s)\nNone")
    shutdown(kc)
    assert gone(kc, 0, 4) and (tmp_path/"log").read_text() == "cba"

def test_forked_children_do_not_run_exit_functions(own, tmp_path):
    kc = own()
    kc.run(head+f"def note(s):\n    with open({str(tmp_path/'log')!r}, 'a') as f: f.write(s)\natexit.register(note, 'x')\nfor _ in range(3):\n    pid = os.fork()\n    if not pid: break\n"
        "    os.waitpid(pid, 0)")
    shutdown(kc)
    assert gone(kc, 0, 4) and (tmp_path/"log").read_text() == "x"

def test_an_exit_function_that_fails_does_no_harm(own):
    kc = own(stderr=-3)
    kc.run(head+"atexit.register(lambda: 1/0)")
    shutdown(kc)
    assert gone(kc, 0, 4)

@pytest.mark.parametrize("code", ["time.sleep(60)", "exec('while True: pass')", "threading.Event().wait()", "ctypes.CDLL(None).usleep(60_000_000)"])
def test_an_exit_function_that_hangs_is_left(own, code):
    kc = own()
    kc.run(head+f"atexit.register(lambda: {code})")
    shutdown(kc)
    assert gone(kc, 0, 5)

def test_history_is_written_at_the_end(own, tmp_path):
    db = tmp_path/"history.sqlite"
    kc = own(args=[f"--HistoryManager.hist_file={db}"])
    kc.run("remember = 'me'")
    shutdown(kc)
    assert gone(kc, 0, 4)
    import sqlite3
    with sqlite3.connect(db) as con: assert ("remember = 'me'",) in con.execute("select source_raw from history").fetchall()

# -- signals

@pytest.mark.parametrize("sig", ["SIGTERM", "SIGHUP"])
def test_a_cell_that_ends_the_kernel_is_the_last(own, tmp_path, sig):
    kc = own()
    ids = [kc.cell(f"import os, signal; os.kill(os.getpid(), signal.{sig}); open({str(tmp_path/'on')!r}, 'w')"), kc.cell(f"open({str(tmp_path/'next')!r}, 'w')")]
    assert kc.proc.wait(5) == 128+getattr(signal, sig) and not list(tmp_path.iterdir())
    for ch in ("iopub", "shell"): kc.collect(ch, .1)
    assert all(id not in kc.held or (kc.held[id].stderr, kc.held[id].replies) == ("", []) for id in ids)

@pytest.mark.parametrize("sig", [signal.SIGTERM, signal.SIGHUP])
@pytest.mark.parametrize("what", ["idle", "sleep", "loop", "await", "input", "lock", "C code", "child", "threads", "process pool"])
def test_a_signal_ends_the_kernel(own, what, sig):
    kc = own()
    begin(kc, cells[what])
    os.kill(kc.proc.pid, sig)
    assert gone(kc, 128+sig, 4)

@pytest.mark.parametrize("sig", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_to_the_group_ends_the_kernel(own, sig):
    kc = own()
    begin(kc, stubborn["shell"])
    os.killpg(kc.proc.pid, sig)
    assert gone(kc, 128+sig, 6)

def test_a_signal_runs_exit_functions(own, tmp_path):
    kc = own()
    kc.run(head+f"atexit.register(open, {str(tmp_path/'ran')!r}, 'w')")
    os.kill(kc.proc.pid, signal.SIGTERM)
    assert gone(kc, 143, 4) and (tmp_path/"ran").exists()

def test_a_signal_during_the_start_ends_the_kernel(own):
    for delay in (0, .05, .1, .2):
        kc = own()
        time.sleep(delay)
        os.kill(kc.proc.pid, signal.SIGTERM)
        assert gone(kc, 143, 5)

@pytest.mark.parametrize("sig", ["SIGTERM", "SIGHUP", "SIGINT"])
def test_a_signal_to_a_forked_child_is_the_childs(own, sig):
    kc = own()
    r = kc.run(head+f"pid = os.fork()\nif not pid:\n    os.write(1, b'on')\n    try: time.sleep(20)\n    finally: os._exit(7)\nwhile True:\n    time.sleep(.1); os.kill(pid, signal.{sig})\n"
        "    if os.waitpid(pid, os.WNOHANG)[0]: break\n'over'", timeout=10)
    assert (r.status, r.result) == ("ok", "'over'")
    assert kc.run("1").result == "1"

@pytest.mark.parametrize("end", ["terminate", "kill"])
def test_a_process_of_a_cell_can_be_ended(own, end):
    kc = own()
    r = kc.run(f"import multiprocessing, time\np = multiprocessing.get_context('fork').Process(target=time.sleep, args=[60]); p.start(); time.sleep(.2); p.{end}(); p.join(5); p.exitcode")
    assert r.result == str(-signal.SIGTERM if end == "terminate" else -signal.SIGKILL)
    assert kc.run("1").result == "1"

def test_a_process_pool_of_a_cell_can_be_ended(own):
    "The workers are stuck, so `terminate` has to use its signal"
    kc = own()
    r = kc.run("import multiprocessing, time\nwith multiprocessing.get_context('fork').Pool(2) as pool: pool.apply_async(time.sleep, [60]); time.sleep(.2)\n'over'", timeout=10)
    assert r.result == "'over'"

# -- exit()

@pytest.mark.parametrize("code", ["exit()", "quit()", "exit", "quit", "get_ipython().ask_exit()", "exit(0)"])
def test_exit_in_a_cell(own, code):
    kc = own()
    r = kc.run(code)
    assert (r.status, [p["source"] for p in r.content["payload"]]) == ("ok", ["ask_exit"])
    assert gone(kc, 0, 4)

def test_exit_tells_everybody(own):
    kc = own()
    r = kc.run("exit()")
    assert r.of("shutdown_reply") == [dict(status="ok", restart=False)]

def test_exit_with_children(own):
    kc = own()
    begin(kc, stubborn["shell"])
    kc.run("exit()")
    assert gone(kc, 0, 6)

@pytest.mark.parametrize("code", ["exit(True)", "quit(keep_kernel=True)"])
def test_exit_that_keeps_the_kernel(own, code):
    kc = own()
    r = kc.run(code)
    assert [p["keepkernel"] for p in r.content["payload"]] == [True]
    assert kc.run("1").result == "1"

@pytest.mark.parametrize("code", ["import sys; sys.exit()", "import sys; sys.exit(3)", "raise SystemExit", "import threading, sys; threading.Thread(target=sys.exit).start()"])
def test_sys_exit_does_not_end_the_kernel(own, code):
    kc = own()
    kc.run(code)
    assert kc.run("1").result == "1"

def test_os_exit_ends_the_kernel_and_nothing_waits(own):
    kc = own()
    kc.cell("import os; os._exit(5)")
    assert gone(kc, 5, 4)

# -- the launcher

launch = "import json, os, subprocess, sys, time\np = subprocess.Popen({argv}, stdin={stdin}, start_new_session=True, env=dict(os.environ, **{env}))\nprint(p.pid, flush=True)\ntime.sleep(60)"

@pytest.fixture
def launched():
    "Start a process that starts a kernel, by `argv` before the kernel's own: its Popen, a client, the pid of the kernel's group"
    made = []
    def inner(argv=(), env="dict(JPY_PARENT_PID=str(os.getpid()))", stdin="subprocess.DEVNULL", sitecustomize=None, tmp=None):
        file,_ = write_connection_file()
        kernel = [sys.executable, "-m", "ipymini", "-f", file]
        argv = [*argv, *kernel] if not argv or argv[0] != "sh" else ["sh", "-c", argv[1].format(" ".join(kernel))]
        envs = {**os.environ, "PYTHONPATH": str(root)}
        envs.pop("PYTEST_CURRENT_TEST", None)
        if sitecustomize:
            (tmp/"sitecustomize.py").write_text(sitecustomize)
            envs["PYTHONPATH"] = f"{tmp}:{root}"
        p = subprocess.Popen([sys.executable, "-c", launch.format(argv=argv, env=env, stdin=stdin)], stdout=subprocess.PIPE, env=envs)
        pid = int(p.stdout.readline())
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

def dies_with(p, pid, timeout=5):
    "Kill the launcher `p` and wait for the group `pid` to end"
    p.kill()
    p.wait()
    until(lambda: not group(pid), "the kernel to end with its launcher", timeout)

@pytest.mark.parametrize("what", ["idle", "sleep", "loop", "await", "C code", "input", "child", "threads", "process pool", "swallowing"])
def test_the_kernel_goes_with_its_launcher(launched, what):
    p,kc,pid = launched()
    begin(kc, cells[what])
    dies_with(p, pid)

@pytest.mark.parametrize("what", stubborn)
def test_stubborn_children_go_with_the_launcher(launched, what):
    p,kc,pid = launched()
    begin(kc, stubborn[what])
    dies_with(p, pid)

@pytest.mark.parametrize("argv", [["sh", "{}"], ["sh", "{}; true"], ["sh", "sh -c '{}; true'; true"], ["sh", "exec {}"], ["sh", "({} &)"], ["nice"], ["env", "A=1"]])
def test_whatever_stands_between_launcher_and_kernel(launched, argv):
    p,kc,pid = launched(argv)
    assert kc.run("1").result == "1"
    dies_with(p, pid)

def test_the_death_of_the_launcher_is_noticed_at_once(launched):
    p,kc,pid = launched()
    kc.run("1")
    t = time.monotonic()
    dies_with(p, pid)
    assert time.monotonic()-t < .9

def test_a_kernel_lives_on_when_what_stands_between_ends(launched):
    p,kc,pid = launched(["sh", "({} &)"])
    assert kc.run("import os; os.getppid() != int(os.environ['JPY_PARENT_PID'])").result == "True"
    assert kc.run("1").result == "1"

@pytest.mark.parametrize("value", ["4194300", "0", "1", "", "x", "-5", "99999999999999"])
def test_a_launcher_that_is_not_visible_is_not_watched(launched, value):
    p,kc,pid = launched(env=f"dict(JPY_PARENT_PID={value!r})")
    time.sleep(1.2)  # the slow check of systems that have no event
    assert kc.run("1").result == "1"

@pytest.mark.parametrize("what", ["idle", "sleep", "loop", "await"])
def test_without_pidfd_the_kernel_goes_with_its_launcher(launched, tmp_path, what):
    p,kc,pid = launched(sitecustomize="import os\ndel os.pidfd_open\n", tmp=tmp_path)
    begin(kc, cells[what])
    assert kc.run("import os; hasattr(os, 'pidfd_open')").result == "False" if what == "idle" else True
    dies_with(p, pid)

def test_where_pidfd_is_forbidden_the_kernel_goes_with_its_launcher(launched, tmp_path):
    p,kc,pid = launched(sitecustomize="import os\ndef no(*a): raise PermissionError(1, 'seccomp')\nos.pidfd_open = no\n", tmp=tmp_path)
    kc.run("1")
    dies_with(p, pid)

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
    p,kc,pid = launched(["sh", "(echo hello; cat) | {}"], env="dict(JPY_PARENT_PID='', IPYMINI_EXIT_ON_STDIN_EOF='1')", stdin="subprocess.PIPE")
    assert kc.run("import time; time.sleep(.2); 1").result == "1"
    dies_with(p, pid)

def test_children_do_not_eat_the_launchers_pipe(launched):
    p,kc,pid = launched(env="dict(JPY_PARENT_PID='', IPYMINI_EXIT_ON_STDIN_EOF='1')", stdin="subprocess.PIPE")
    assert kc.run("import subprocess; subprocess.run('cat', stdout=subprocess.PIPE, timeout=5).stdout", timeout=8).result == "b''"

def test_the_exit_code_of_an_orphan_is_1():
    file,_ = write_connection_file()
    launcher = subprocess.Popen(["sleep", "60"])
    env = {**os.environ, "JPY_PARENT_PID": str(launcher.pid)}
    env.pop("PYTEST_CURRENT_TEST", None)
    p = subprocess.Popen([sys.executable, "-m", "ipymini", "-f", file], env=env, start_new_session=True, stdin=subprocess.DEVNULL)
    kc = connect(file)
    kc.run("1")
    launcher.kill()
    launcher.wait()
    assert p.wait(5) == 1
    kc.stop_channels()
    os.remove(file)

# -- nothing is left

@pytest.mark.parametrize("end", ["shutdown", "SIGTERM", "exit"])
def test_a_connection_file_that_the_kernel_made_is_removed(tmp_path, end):
    file = tmp_path/"kernel.json"
    env = {k: v for k,v in os.environ.items() if k != "PYTEST_CURRENT_TEST"}
    p = subprocess.Popen([sys.executable, "-m", "ipymini", "-f", str(file)], env=env, start_new_session=True, stdin=subprocess.DEVNULL)
    until(lambda: file.exists() and file.read_text(), "the connection file")
    kc = connect(file)
    kc.run("1")
    if end == "shutdown": shutdown(kc)
    elif end == "exit": kc.run("exit()")
    else: p.terminate()
    assert p.wait(5) == (143 if end == "SIGTERM" else 0)
    kc.stop_channels()
    assert os.listdir(tmp_path) == []

def test_a_connection_file_that_was_given_is_left(own):
    kc = own()
    shutdown(kc)
    assert gone(kc, 0, 4) and os.path.exists(kc.file)

def test_no_ipc_sockets_are_left(own, tmp_path):
    file,_ = write_connection_file(str(tmp_path/"k.json"), transport="ipc", ip=str(tmp_path/"s"))
    kc = own(file=file)
    kc.run("1")
    shutdown(kc)
    assert gone(kc, 0, 4)
    assert sorted(os.listdir(tmp_path)) == ["k.json"]

def test_no_temporary_files_are_left(own, tmp_path):
    kc = own(env=dict(TMPDIR=str(tmp_path)))
    kc.run("def f(): 1/0\nf()")
    kc.request("debug_request", dict(type="request", seq=1, command="dumpCell", arguments=dict(code="x = 1")), channel="control")
    shutdown(kc)
    assert gone(kc, 0, 4)
    assert os.listdir(tmp_path) == []

def test_the_ports_are_free_at_once(own):
    kc = own()
    cfg = json.loads(Path(kc.file).read_text())
    shutdown(kc)
    assert gone(kc, 0, 4)
    import socket
    for name in ("shell", "iopub", "stdin", "control", "hb"):
        with socket.socket() as s:
            s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            s.bind((cfg["ip"], cfg[f"{name}_port"]))
