"As another user of the machine, without a key: files and folders that he prepares where our kernel and its server write"
import os, pytest, socket, stat, sys
from helpers import connection_file
from ipymini import pod
from ipymini.environments import kernelspecs, named
from ipymini.environments.folder import Folder
from ipymini.environments.make import NoEnvironment, header_file, write_whole
from ipymini.system.crash import CrashReport
from pathlib import Path
from processes import doors
from strangers import as_stranger, needs_root

def settings(folder):
    "A connection file in `folder`, as a launcher writes it"
    made = Path(connection_file())
    path = folder/"k.json"
    path.write_text(made.read_text())
    path.chmod(0o600)
    made.unlink()
    return str(path)

# -- the crash report

@needs_root
def test_a_link_where_the_crash_report_goes_is_not_followed(own, shared, tmp_path):
    precious = tmp_path/"precious"
    precious.write_text("first line\n")
    as_stranger(shared, "os.symlink(*args)", str(precious), ".k.json.death")
    kc = own(file=settings(shared))
    assert "first line" not in kc.run("'a cell of mine'").stderr
    assert precious.read_text() == "first line\n"

@needs_root
def test_a_strangers_crash_report_is_neither_told_nor_written(own, shared):
    as_stranger(shared, "open('.k.json.death', 'w').write('words of his'); os.chmod('.k.json.death', 0o666); "
        "os.link('.k.json.death', 'his')")
    kc = own(file=settings(shared))
    assert kc.run("'a cell of mine'").stderr == ""
    assert (shared/"his").read_text() == "words of his"

@pytest.fixture
def report_of(monkeypatch, tmp_path):
    "A function that makes the crash report of a kernel in `tmp_path`; faulthandler stays with pytest"
    monkeypatch.setattr("faulthandler.enable", lambda *args, **kw: None)
    return lambda name: CrashReport(str(tmp_path/name))

def test_a_report_of_ours_that_a_link_shares_is_not_told(report_of, tmp_path):
    "A stranger may link to a file of ours"
    report_of("other.json").note_cell("of another kernel")
    os.link(tmp_path/".other.json.death", tmp_path/".k.json.death")
    assert report_of("k.json").before == ""

def test_a_crash_report_that_is_cut_short_does_not_end_the_kernel(own, tmp_path):
    kc = own(file=settings(tmp_path))
    os.truncate(tmp_path/".k.json.death", 0)
    assert kc.run("6*7").result == "42"

def test_a_crash_report_whose_descriptor_became_another_files_is_left(report_of, tmp_path):
    report = report_of("k.json")
    with open(tmp_path/"notes", "w+") as notes:
        os.dup2(notes.fileno(), report.file.fd)
        report.note_cell("a cell of mine")
        assert notes.read() == ""

# -- the journal

@needs_root
def test_a_strangers_journal_is_not_replayed(own, shared):
    record = """
import struct
parts = [json.dumps(part).encode() for part in args]
with open(".k.json.journal", "wb") as file: file.write(struct.pack("<4I", *map(len, parts)) + b"".join(parts))
os.chmod(".k.json.journal", 0o666)"""
    parent = dict(msg_id="x", session="x", msg_type="execute_request")
    as_stranger(shared, record, dict(msg_type="stream", date="2026-01-01T00:00:00Z"), parent, {},
        dict(name="stdout", text="words of his"))
    kc = own(file=settings(shared))
    assert "words of his" not in str(kc.run("%replay --last-kernel"))

@needs_root
def test_pipes_of_a_stranger_in_place_of_our_files_stop_nothing(own, shared):
    as_stranger(shared, "for name in args: os.mkfifo(name)", ".k.json.journal", ".k.json.journal.older", ".k.json.death")
    kc = own(file=settings(shared))
    assert kc.run("print('on')").stdout == "on\n"

# -- pods

def test_a_pod_opens_no_door():
    before = doors(os.getpid())
    with pod() as child:
        assert doors(os.getpid()) == before
        assert doors(child.pid) == set()

# -- snapshots, terminals

@needs_root
def test_a_link_of_a_stranger_where_a_snapshot_goes_is_replaced(own_kc, shared, tmp_path):
    (tmp_path/"precious").write_text("words")
    as_stranger(shared, "os.symlink(args[0], 's.snapshot')", str(tmp_path/"precious"))
    own_kc.run("mine = 1")
    assert "1 names" in own_kc.run(f"%snapshot {shared}/s.snapshot").stdout
    assert (tmp_path/"precious").read_text() == "words"
    assert not (shared/"s.snapshot").is_symlink() and stat.S_IMODE((shared/"s.snapshot").stat().st_mode) == 0o600

@needs_root
def test_nothing_goes_into_a_file_that_a_stranger_prepares_for_a_snapshot(own_kc, shared):
    as_stranger(shared, "open(args[0], 'w').close(); os.chmod(args[0], 0o666); os.link(args[0], 'his')", f"s.snapshot.{own_kc.proc.pid}.part")
    own_kc.run("secret = 'words'")
    assert "File exists" in own_kc.run(f"%snapshot {shared}/s.snapshot").error["evalue"]
    assert (shared/"his").read_text() == ""

@needs_root
def test_a_stranger_opens_no_terminal_of_a_command(own_kc, shared):
    id = own_kc.cell("!tty; read answer", allow_stdin=True)
    own_kc.prompt()
    device = own_kc.wait(id, until=lambda result: result.stdout).stdout.strip()
    assert device.startswith("/dev/pts/")
    code = """
for flags in (os.O_RDONLY, os.O_WRONLY):
    try: print(os.open(args[0], flags|os.O_NOCTTY))
    except PermissionError: print("refused")"""
    assert as_stranger(shared, code, device) == "refused\n"*2
    own_kc.input("")
    assert own_kc.wait(id).status == "ok"

# -- folders of the server

@needs_root
def test_a_stranger_reaches_nothing_in_the_folder_of_a_container_kernel(monkeypatch, shared):
    shared.chmod(0o1777)  # as /tmp is
    monkeypatch.setattr(Folder, "parent", str(shared))
    folder = Folder()
    with socket.socket(socket.AF_UNIX) as sock:
        sock.bind(f"{folder.path}/s-1")
        os.chmod(f"{folder.path}/s-1", 0o777)
        sock.listen()
        code = """
def connect(path): socket.socket(socket.AF_UNIX).connect(path)
for try_it in (lambda: connect(args[0] + "/s-1"), lambda: os.listdir(args[0]), lambda: os.rename(args[0], "his"), lambda: os.symlink("x", args[0] + "/x")):
    try: print(try_it())
    except PermissionError: print("refused")"""
        assert as_stranger(shared, code, folder.path) == "refused\n"*4
    folder.remove()

@needs_root
def test_a_link_in_a_strangers_folder_has_no_file_of_ours_emptied(monkeypatch, shared, tmp_path):
    "Where folders of containers that nobody uses are looked for"
    (tmp_path/"precious").write_text("words")
    as_stranger(shared, "os.mkdir('ipymini-x'); os.symlink(args[0], 'ipymini-x/lock')", str(tmp_path/"precious"))
    monkeypatch.setattr(Folder, "parent", str(shared))
    Folder().remove()
    assert (tmp_path/"precious").read_text() == "words"

@needs_root
def test_a_folder_of_a_stranger_is_not_removed(monkeypatch, shared):
    as_stranger(shared, "os.mkdir('ipymini-x'); open('ipymini-x/lock', 'w').close()")
    monkeypatch.setattr(Folder, "parent", str(shared))
    Folder().remove()
    assert (shared/"ipymini-x/lock").exists()

def test_a_folder_that_nobody_uses_is_removed(monkeypatch, tmp_path):
    monkeypatch.setattr(Folder, "parent", str(tmp_path))
    left = Folder()
    left.lock.close()
    Folder().remove()
    assert not Path(left.path).exists()

def test_the_cache_is_this_users_whatever_the_umask(tmp_path):
    before = os.umask(0)
    try: write_whole(tmp_path/"cache/ipymini/scripts/x.py", "")
    finally: os.umask(before)
    made = [tmp_path/name for name in ("cache", "cache/ipymini", "cache/ipymini/scripts")]
    assert {stat.S_IMODE(folder.stat().st_mode) for folder in made} == {0o700}

@needs_root
def test_a_cache_that_a_stranger_has_made_is_refused(monkeypatch, shared):
    "Code is imported from there"
    as_stranger(shared, "os.makedirs('ipymini/scripts', 0o777)")
    monkeypatch.setenv("XDG_CACHE_HOME", str(shared))
    with pytest.raises(NoEnvironment, match="another user's"): header_file("")

def test_a_cache_that_is_open_to_others_is_refused(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    (tmp_path/"ipymini").mkdir()
    (tmp_path/"ipymini").chmod(0o777)
    with pytest.raises(NoEnvironment, match="open to others"): header_file("")

def test_nobody_else_writes_into_a_kernelspec_whatever_the_umask(tmp_path):
    "It tells Jupyter what to run"
    folder = tmp_path/"share/kernels/mine"
    before = os.umask(0)
    try: kernelspecs.write(kernelspecs.Kernel("mine", folder, "own", sys.executable), kernelspecs.packaged(), {"start.py": ""})
    finally: os.umask(before)
    made = [tmp_path/"share", tmp_path/"share/kernels", folder, *folder.iterdir()]
    assert [path.name for path in made if path.stat().st_mode & 0o022] == []
    assert (folder/"kernel.json").stat().st_mode & 0o044  # who shares the installation reads it

def test_a_named_environment_is_this_users_whatever_the_umask(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path/"data"))
    before = os.umask(0)
    try: named.new("lab", local=False).write("python:3.12")
    finally: os.umask(before)
    assert {stat.S_IMODE((tmp_path/name).stat().st_mode) for name in ("data", "data/ipymini", "data/ipymini/envs", "data/ipymini/envs/lab")} == {0o700}

# -- the debugger's folder

@needs_root
def test_a_folder_that_a_stranger_makes_for_the_number_of_our_process_does_not_stop_the_debugger(own, shared):
    kc = own(env=dict(TMPDIR=str(shared)))
    as_stranger(shared, "os.mkdir(f'ipykernel_{args[0]}')", kc.proc.pid)
    request = dict(type="request", seq=1, command="dumpCell", arguments=dict(code="1"))
    response = kc.request("debug_request", request, "control").content
    assert response["success"], response
    assert Path(response["body"]["sourcePath"]).read_text() == "1"

# -- modules

late = """asttokens comm debugpy decimal difflib executing filecmp fractions html jedi parso ptyprocess pure_eval pydevd pydoc
    stack_data typing_extensions uuid zipfile""".split()  # what a kernel imports after its first reply

@pytest.mark.slow
def test_the_kernel_imports_nothing_from_the_notebooks_folder(own, tmp_path):
    for name in late: (tmp_path/f"{name}.py").write_text(f"open({str(tmp_path/'run')!r}, 'a').write({name!r} + ' ')")
    kc = own(cwd=tmp_path)
    assert "ZeroDivisionError" in "".join(kc.run("1/0").error["traceback"])
    assert "alpha" in kc.request("complete_request", dict(code="alpha = 1\nalp", cursor_pos=13)).content["matches"]
    assert kc.run("!echo on").stdout == "on\r\n"
    kc.request("inspect_request", dict(code="print", cursor_pos=3))
    kc.subshell()
    request = dict(type="request", seq=1, command="initialize", arguments=dict(adapterID="x"))
    assert kc.request("debug_request", request, "control").content["success"]
    assert not (tmp_path/"run").exists(), (tmp_path/"run").read_text()

def test_a_cell_imports_from_the_notebooks_folder(own, tmp_path):
    (tmp_path/"wave.py").write_text("mine = True")
    kc = own(cwd=tmp_path)
    kc.run("1/0")
    assert kc.run("import wave; wave.mine").result == "True"

def test_a_module_that_is_changed_when_it_is_imported_is_found_by_the_kernel_too(kc):
    "Both finders ask all others"
    code = "import sys\nfrom ipymini.system.packages import import_package\nsys.modules.pop('pdb', None)\nimport_package('pdb').__name__"
    assert kc.run(code).result == "'pdb'"
