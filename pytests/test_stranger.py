"As another user of the machine, without a key: files that he prepares where our kernel writes"
import os, pytest
from helpers import connection_file
from pathlib import Path
from strangers import as_stranger, needs_root
from ipymini.system.crash import CrashReport

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
    as_stranger(shared, "open('.k.json.death', 'w').write('words of his'); os.chmod('.k.json.death', 0o666); os.link('.k.json.death', 'his')")
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
