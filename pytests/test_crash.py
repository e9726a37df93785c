"Crash reports: the first cell of the next kernel on a connection file says what ended the one before it, once; a kernel that ends well leaves none"
import os, signal, stat
import pytest
from jupyter_client import find_connection_file, write_connection_file

def die(own, code, **kw):
    "Have a kernel run `code`, which ends it; its connection file is left"
    kc = own(**kw)
    kc.run("1")
    kc.cell(code)
    kc.proc.wait(20)
    return kc

def next_one(own, kc, **kw): return own(file=kc.file, **kw)

def report(kc): return os.path.join(os.path.dirname(kc.file), f".{os.path.basename(kc.file)}.death")

deaths = {"a segfault": ("import faulthandler; faulthandler._sigsegv()", "Segmentation fault"), "an abort": ("import os; os.abort()", "Aborted"),
    "a bus error": ("import os, signal; os.kill(os.getpid(), signal.SIGBUS)", "Bus error"),
    "a null pointer": ("import ctypes; ctypes.string_at(0)", "Segmentation fault"),
    "a stack overflow": ("import faulthandler; faulthandler._stack_overflow()", "Segmentation fault"),
    "os._exit": ("import os; os._exit(3)", "os._exit"), "SIGKILL": ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", "killed"),
    "a segfault in a thread": ("import faulthandler, threading, time; threading.Thread(target=faulthandler._sigsegv).start(); time.sleep(20)", "Segmentation fault"),
    "a segfault in await": ("import asyncio, faulthandler; await asyncio.sleep(0); faulthandler._sigsegv()", "Segmentation fault"),
    "the kernel of Linux, out of memory": ("import os, signal; open('/proc/self/oom_score_adj', 'w').write('1000'); os.kill(os.getpid(), signal.SIGKILL)", "ran out of memory")}

@pytest.mark.parametrize("name", deaths)
def test_the_next_kernel_tells_what_ended_it_and_the_cell(own, name):
    code,want = deaths[name]
    r = next_one(own, die(own, "# the cell\n" + code)).run("print('first')")
    assert "The kernel before this one died" in r.stderr
    assert want in r.stderr and "# the cell" in r.stderr
    assert r.stdout == "first\n"

def test_reports_of_tests_lie_in_a_folder_of_their_own(own):
    kc = own()
    assert os.path.basename(os.path.dirname(kc.file)).startswith("kernels-")
    assert kc.run("import tempfile; tempfile.gettempdir()").result == repr(os.path.dirname(kc.file))

def test_it_is_told_once(own):
    kc = next_one(own, die(own, "import os; os._exit(1)"))
    assert "died" in kc.run("1").stderr
    assert kc.run("1").stderr == ""

def test_it_waits_for_a_cell_that_people_see(own):
    "VS Code and extensions run hidden ones first"
    kc = next_one(own, die(own, "import os; os._exit(1)"))
    hidden = [kc.run("1", silent=True, store_history=False), kc.run("1", store_history=False), kc.run("")]
    assert [r.stderr for r in hidden] == ["", "", ""] and "died" in kc.run("1").stderr

def test_the_stack_names_the_users_functions_and_not_ours(own):
    r = next_one(own, die(own,
        "import faulthandler\n"
        "def inner(): faulthandler._sigsegv()\n"
        "def outer(): inner()\n"
        "outer()")).run("1")
    assert "in inner" in r.stderr and "in outer" in r.stderr
    assert "ipymini" not in r.stderr and "IPython/core" not in r.stderr

def test_only_the_last_death_is_told(own):
    one = die(own, "import os; 'the first'; os._exit(1)")
    two = next_one(own, one)
    two.cell("import os; 'the second'; os._exit(1)")
    two.proc.wait(20)
    err = next_one(own, one).run("1").stderr
    assert "the second" in err and "the first" not in err

def test_the_cell_that_ended_before_is_not_blamed(own):
    kc = own()
    kc.run("'innocent'")
    kc.proc.kill()
    kc.proc.wait(10)
    assert next_one(own, kc).run("1").stderr == ""

def test_a_segfault_between_cells_is_told_without_a_cell(own):
    kc = own()
    kc.run("import faulthandler, asyncio; asyncio.get_running_loop().call_later(.1, faulthandler._sigsegv); 'innocent'")
    kc.proc.wait(10)
    err = next_one(own, kc).run("1").stderr
    assert "Segmentation fault" in err and "innocent" not in err

@pytest.mark.parametrize("code", ["x = 'é🎉\\ud800'", "#"*100_000, "'a\0b'"], ids=["unicode", "long", "zero"])
def test_any_cell_can_be_told(own, code): assert "died" in next_one(own,
    die(own, f"import os; os._exit(1)\n{code}" if "\0" not in code else "import os; os._exit(1)")).run("1").stderr

def test_the_file_is_the_owners(own):
    kc = own()
    assert stat.S_IMODE(os.stat(report(kc)).st_mode) == 0o600

def end(kc, how):
    if how == "shutdown": kc.request("shutdown_request", dict(restart=False), "control")
    elif how == "restart": kc.request("shutdown_request", dict(restart=True), "control")
    elif how == "exit": kc.run("exit")
    elif how == "busy":
        kc.wait(kc.cell("print('in')\nwhile True: pass"), until=lambda r: r.stdout)
        kc.submit("shutdown_request", dict(restart=False), "control")
    else: kc.proc.send_signal(getattr(signal, how))
    kc.proc.wait(10)

@pytest.mark.parametrize("how", ["shutdown", "restart", "exit", "busy", "SIGTERM", "SIGHUP"])
def test_a_kernel_that_ends_well_leaves_no_report(own, how):
    kc = own()
    kc.run("1")
    end(kc, how)
    assert not os.path.exists(report(kc))
    assert next_one(own, kc).run("1").stderr == ""

def test_jupyter_does_not_take_the_report_for_a_connection_file(own):
    kc = own()
    name = os.path.basename(kc.file).removesuffix(".json")
    assert find_connection_file(name[1:-1], path=[os.path.dirname(kc.file)]) == kc.file

def test_a_folder_that_is_gone_does_not_hinder_the_end(own, tmp_path):
    (tmp_path/"run").mkdir()
    kc = own(file=write_connection_file(str(tmp_path/"run"/"k.json"))[0])
    kc.run("import shutil; shutil.rmtree(%r)" % str(tmp_path/"run"))
    kc.request("shutdown_request", dict(restart=False), channel="control")
    assert kc.proc.wait(20) == 0

def test_a_report_beside_no_connection_file_goes_with_the_next_kernel(own):
    kc = die(own, "import os; os._exit(1)")
    os.remove(kc.file)
    other = own()
    assert os.path.dirname(other.file) == os.path.dirname(kc.file)
    end(other, "shutdown")
    assert not os.path.exists(report(kc))

@pytest.mark.parametrize("content", [b"", b"\xff"*10_000, b"\0"*4096, b"x"*5000, os.urandom(20_000)],
    ids=["empty", "bytes", "zeros", "text", "random"])
def test_any_report_can_be_read(own, content):
    kc = die(own, "import os; os._exit(1)")
    with open(report(kc), "wb") as f: f.write(content)
    r = next_one(own, kc).run("6*7")
    assert (r.status, r.result) == ("ok", "42")

@pytest.mark.parametrize("what", ["folder", "link"])
def test_something_else_in_its_place_is_no_obstacle(own, what, tmp_path):
    kc = die(own, "import os; os._exit(1)")
    os.remove(report(kc))
    if what == "folder": os.mkdir(report(kc))
    else: os.symlink(tmp_path/"no"/"such", report(kc))
    try: assert next_one(own, kc).run("6*7").result == "42"
    finally: os.rmdir(report(kc)) if what == "folder" else None

def test_a_forked_child_that_dies_is_not_taken_for_the_kernel(own):
    kc = own()
    kc.run("import os, faulthandler, warnings; warnings.simplefilter('ignore'); pid = os.fork()\n"
        "if not pid: faulthandler._sigsegv()\n"
        "os.waitpid(pid, 0)")
    assert kc.run("6*7").result == "42"
    kc.proc.kill()
    kc.proc.wait(10)
    assert "'innocent'" not in next_one(own, kc).run("1").stderr
