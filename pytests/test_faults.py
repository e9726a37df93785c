"Faults around the kernel: its home, disk, history, cwd, locale, limits, clock, launcher, and modules beside the notebook. It starts, runs cells and ends all the same"
import json, os, resource, shutil, signal, sqlite3, subprocess, sys, time
from contextlib import contextmanager
from pathlib import Path
import pytest
from helpers import root, until

def works(kc):
    assert kc.run("print('on')").stdout == "on\n"
    assert kc.run("6*7").result == "42"
    return True

def ends(kc):
    kc.request("shutdown_request", dict(restart=False), "control")
    return kc.proc.wait(10) == 0

# -- home

@pytest.fixture
def home(tmp_path):
    "Variables that make an empty folder the home"
    h = tmp_path/"home"
    h.mkdir()
    return dict(HOME=str(h), IPYTHONDIR=str(h/".ipython"), MPLCONFIGDIR=str(h/".mpl"), XDG_CONFIG_HOME=str(h/".config"))

@contextmanager
def filesystem(path, options):
    "A small filesystem in memory at `path`; skips where we may not mount one"
    path.mkdir(parents=True, exist_ok=True)
    if subprocess.run(["mount", "-t", "tmpfs", "-o", options, "none", path], capture_output=True).returncode:
        pytest.skip("this needs root and mount")
    try: yield path
    finally: subprocess.run(["umount", "-l", path], check=True)

def test_a_home_that_is_missing_is_made(own, home):
    shutil.rmtree(home["HOME"])
    kc = own(env=home)
    assert works(kc) and ends(kc)

@pytest.mark.parametrize("value", ["/proc/nosuch", "/dev/null", "/nosuch/\udcff"], ids=ascii)
def test_a_home_that_cannot_be(own, home, value):
    kc = own(env=dict(home, HOME=value, IPYTHONDIR=value+"/.ipython"))
    assert works(kc) and ends(kc)

def test_without_a_home(own, home, tmp_path):
    kc = own(env={k: "" for k in home}, cwd=tmp_path)
    assert works(kc) and ends(kc)

def test_a_home_that_is_read_only(own, home):
    with filesystem(Path(home["HOME"]), "ro,size=1m"):
        kc = own(env=home)
        assert works(kc)
        assert kc.run("%history -n 1").status == "ok"
        assert ends(kc)

@pytest.mark.parametrize("when", ["first", "before", "after"])
def test_a_full_disk(own, home, when):
    with filesystem(Path(home["HOME"]), "size=1m") as d:
        def fill():
            with open(d/"full", "wb", 0) as f:
                try:
                    while f.write(b"x"*4096): pass
                except OSError: pass
        if when == "before":
            kc = own(env=home)
            kc.run("1")
            assert ends(kc)
        if when != "after": fill()
        kc = own(env=home)
        assert works(kc)
        fill()
        for i in range(5): assert kc.run(f"x = '{'y'*50_000}'").status == "ok"
        assert works(kc)
        assert kc.request("history_request", dict(hist_access_type="tail", n=3)).status == "ok"
        assert ends(kc)

# -- history

where = "get_ipython().history_manager.db.execute('pragma database_list').fetchone()[2]"  # the file; none of a database in memory

@pytest.fixture
def db(own, home):
    "The history file of a kernel that has run a cell and gone"
    kc = own(env=home)
    kc.run("'old'")
    assert ends(kc)
    return next(Path(home["HOME"]).rglob("history.sqlite"))

def spoil(db, how):
    if how == "empty": db.write_bytes(b"")
    elif how == "text": db.write_bytes(b"no database at all" * 1000)
    elif how == "cut": db.write_bytes(db.read_bytes()[:5000])
    elif how == "garbled": db.write_bytes(db.read_bytes()[:100] + os.urandom(db.stat().st_size-100))
    elif how == "folder":
        db.unlink()
        db.mkdir()
    elif how == "other tables":
        db.unlink()
        with sqlite3.connect(db) as c: c.execute("create table history(x)")

@pytest.mark.parametrize("how", ["empty", "text", "cut", "garbled", "folder", "other tables"])
def test_a_spoilt_history(own, home, db, how):
    spoil(db, how)
    kc = own(env=home)
    assert works(kc)
    assert kc.request("history_request", dict(hist_access_type="tail", n=5)).content["status"] in ("ok", "error")
    assert kc.request("history_request", dict(hist_access_type="range", session=0)).content["status"] in ("ok", "error")
    assert works(kc) and ends(kc)

@contextmanager
def locked(db):
    c = sqlite3.connect(db)
    c.execute("begin exclusive")
    try: yield
    finally: c.close()

def test_a_locked_history_does_not_delay_the_start(own, home, db):
    with locked(db):
        kc = own(env=home)
        t = time.monotonic()
        assert works(kc)
        assert time.monotonic()-t < 9  # SQLite alone would wait for 5 s, several times
        assert ends(kc)

def test_a_locked_history_is_kept_in_memory(own, home, db):
    with locked(db): assert own(env=home).run(where).result == "''"
    assert [f.name for f in Path(db).parent.glob("history*")] == ["history.sqlite"]

def test_a_history_that_gets_locked_later(own, home, db):
    kc = own(env=home)
    assert works(kc)
    with locked(db):
        assert works(kc)
        assert kc.request("history_request", dict(hist_access_type="tail", n=3)).content["status"] in ("ok", "error")
        assert works(kc) and ends(kc)

def test_history_where_files_cannot_be_locked_is_kept_in_memory(own, home, tmp_path):
    "As on some network filesystems; here fcntl itself refuses"
    (tmp_path/"c").mkdir()
    (tmp_path/"c/nolock.c").write_text(
        "#define _GNU_SOURCE\n"
        "#include <errno.h>\n"
        "#include <fcntl.h>\n"
        "#include <stdarg.h>\n"
        "#include <unistd.h>\n"
        "#include <sys/syscall.h>\n"
        "static int f(int fd, int cmd, long a) { if (cmd == F_SETLK || cmd == F_SETLKW || cmd == F_GETLK) { errno = ENOLCK; return -1; } return syscall(SYS_fcntl, fd, cmd, a); }\n"
        "int fcntl(int fd, int cmd, ...) { va_list v; va_start(v, cmd); long a = va_arg(v, long); va_end(v); "
        "return f(fd, cmd, a); }\n"
        "int fcntl64(int fd, int cmd, ...) { va_list v; va_start(v, cmd); long a = va_arg(v, long); va_end(v); "
        "return f(fd, cmd, a); }\n")
    if not shutil.which("cc") or subprocess.run(["cc", "-shared", "-fPIC", "-o", tmp_path/"nolock.so",
        tmp_path/"c/nolock.c"]).returncode: pytest.skip("this needs a C compiler")
    kc = own(env=dict(home, LD_PRELOAD=str(tmp_path/"nolock.so")))
    assert works(kc)
    assert kc.run(where).result == "''"
    assert ends(kc)

# -- cwd, locale, interpreter

def test_a_cwd_that_is_deleted_at_the_start(own, tmp_path):
    d = tmp_path/"gone"
    d.mkdir()
    kc = own(cwd=d, preexec_fn=d.rmdir)
    assert works(kc)
    assert kc.run("%pwd").result == "'/'"
    assert ends(kc)

def test_a_cwd_that_is_read_only(own):
    kc = own(cwd="/proc")
    assert works(kc) and ends(kc)

locales = [dict(LC_ALL="C", PYTHONUTF8="0", PYTHONCOERCECLOCALE="0"), dict(LC_ALL="POSIX"), dict(LC_ALL="xx_XX.nosuch", LANG="xx"),
    dict(PYTHONIOENCODING="ascii:strict", LC_ALL="C", PYTHONUTF8="0"), dict(LC_ALL="en_US.ISO-8859-1", PYTHONUTF8="0")]
@pytest.mark.parametrize("env", locales, ids=str)
def test_a_locale_without_utf8(own, env):
    kc = own(env=env)
    assert kc.run("print('é🎉')").stdout == "é🎉\n"
    assert kc.run("'é🎉'").result == "'é🎉'"
    assert kc.run("é = 1; 1/0 # 🎉").error["ename"] == "ZeroDivisionError"
    assert works(kc) and ends(kc)

@pytest.fixture
def interpreter(tmp_path):
    "A script that runs our Python with flags"
    def made(*flags):
        p = tmp_path/"python"
        p.write_text(f"#!/bin/sh\nshift 2\nexec {sys.executable} {' '.join(flags)} -m ipymini \"$@\"\n")
        p.chmod(0o755)
        return str(p)
    return made

@pytest.mark.parametrize("flags",
    [["-P"], ["-I"], ["-O"], ["-OO"], ["-B"], ["-s"], ["-X", "dev"], ["-W", "error"], ["-X", "utf8=0"],
        ["-X", "faulthandler"], ["-X", "importtime"],
        ["-X", "frozen_modules=off"], ["-u"]], ids=" ".join)
def test_options_of_the_interpreter(own, interpreter, flags):
    kc = own(python=interpreter(*flags), stderr=subprocess.DEVNULL)
    assert works(kc) and ends(kc)

shadows = "random json zmq asyncio IPython traitlets logging socket signal threading queue sqlite3 tornado jupyter_client comm debugpy code hmac string copy tempfile".split()

@pytest.mark.parametrize("name", ["types", "runpy"])
def test_modules_beside_the_notebook_are_not_pythons(own, tmp_path, interpreter, name):
    "What Python itself needs before our first line: kernel.json has -P; what a cell imports comes from there all the same"
    (tmp_path/f"{name}.py").write_text("raise SystemExit('beside the notebook')")
    (tmp_path/"mine.py").write_text("x = 5")
    flags = json.loads((root/"share/jupyter/kernels/ipymini/kernel.json").read_text())["argv"]
    kc = own(cwd=tmp_path, python=interpreter(*flags[1:flags.index("-m")]))
    assert works(kc)
    assert kc.run("import mine; mine.x").result == "5"

@pytest.mark.parametrize("env", [dict(PYTHONSAFEPATH="1"), {}], ids=str)
def test_the_cwd_is_on_the_path_unless_PYTHONSAFEPATH_is_set(own, env):
    assert own(env=env).run("import sys; '' in sys.path").result == str(not env)

def test_modules_beside_the_notebook_are_not_ours(own, tmp_path):
    "All of them at once; the user's `import random` gets the one that lies there"
    for n in shadows: (tmp_path/f"{n}.py").write_text(f"raise SystemExit('{n} beside the notebook')")
    (tmp_path/"mine.py").write_text("x = 5")
    kc = own(cwd=tmp_path)
    assert works(kc)
    assert kc.run("import random").status == "ok"
    assert kc.run("import mine; mine.x").result == "5"
    assert kc.request("complete_request", dict(code="import o")).status == "ok"
    assert kc.request("inspect_request", dict(code="len", cursor_pos=2)).status == "ok"
    assert ends(kc)

# -- limits, clock, sleep

limits = [(resource.RLIMIT_NOFILE, 64), (resource.RLIMIT_AS, 1_000_000_000), (resource.RLIMIT_CORE, 0),
    (resource.RLIMIT_MEMLOCK, 0), (resource.RLIMIT_STACK, 1_000_000), (resource.RLIMIT_FSIZE, 1_000_000)]
@pytest.mark.parametrize("what, n", limits, ids=["64 files", "1 GB", "core", "memlock", "stack", "file size"])
def test_limits(own, what, n):
    kc = own(preexec_fn=lambda: resource.setrlimit(what, (n, n)))
    assert works(kc) and ends(kc)

@pytest.mark.slow
@pytest.mark.parametrize("what", ["idle", "cell", "output"])
def test_stopped_and_continued(own, what):
    "As when the machine sleeps"
    kc = own()
    works(kc)
    id = None if what == "idle" else kc.cell("import time\nfor i in range(5): print(i); time.sleep(.05)"
        if what == "cell" else "for i in range(20_000): print(i)")
    if id: kc.wait(id, until=lambda r: r.stdout)
    kc.proc.send_signal(signal.SIGSTOP)
    until(lambda: Path(f"/proc/{kc.proc.pid}/stat").read_text().rpartition(")")[2].split()[0] == "T",
        "the kernel to stop")
    late = kc.cell("6*7")
    with pytest.raises(TimeoutError): kc.wait(late, timeout=1)
    kc.proc.send_signal(signal.SIGCONT)
    if id: assert kc.wait(id).stdout.endswith("4\n" if what == "cell" else "19999\n")
    assert kc.wait(late).result == "42"
    assert works(kc) and ends(kc)

def test_a_launcher_that_is_stopped_is_not_gone(own):
    with subprocess.Popen(["sleep", "60"]) as p:
        kc = own(env=dict(JPY_PARENT_PID=str(p.pid)))
        p.send_signal(signal.SIGSTOP)
        assert works(kc)
        p.send_signal(signal.SIGCONT)
        assert works(kc)
        p.kill()
        kc.proc.wait(10)

@pytest.mark.parametrize("to", ["-1e9", "+1e9", "*0"])
def test_a_clock_that_jumps(own, to):
    "The wall clock; what is waited for goes by the other one"
    kc = own()
    kc.run(f"import time, ipymini.system.clock as s; real = time.time; time.time = s.clock.now = lambda: real(){to}")
    assert kc.run("import time, asyncio; time.sleep(.01); await asyncio.sleep(.01); print('on')").stdout == "on\n"
    assert works(kc) and ends(kc)
