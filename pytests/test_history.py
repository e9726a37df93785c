"Where history goes and when it is saved"
import sqlite3
from contextlib import closing
import pytest
from helpers import until

def saved(file):
    "Cells in the history database `file`, and the number of its sessions"
    if not file.exists(): return [],0
    with closing(sqlite3.connect(file)) as db:
        return [row[0] for row in db.execute("select source_raw from history order by session, line")],db.execute("select count(*) from sessions").fetchone()[0]

@pytest.fixture
def home(tmp_path):
    "An IPython folder of the test's own; `home/history` is its database"
    (tmp_path/"history").symlink_to(tmp_path/"profile_default"/"history.sqlite")
    return tmp_path

def test_a_stored_cell_is_saved_soon(own, home):
    "a second after it"
    kc = own(env=dict(IPYTHONDIR=str(home)))
    kc.run("remember = 1", allow_stdin=True)
    assert until(lambda: saved(home/"history")[0], "the cell in the database", 10) == ["remember = 1"]

def test_a_batch_run_leaves_the_users_history_alone(own, home):
    kc = own(env=dict(IPYTHONDIR=str(home)))
    kc.run("hidden = 1", silent=True, allow_stdin=True)
    kc.run("batch = 1")
    kc.request("shutdown_request", dict(restart=False), channel="control")
    assert kc.proc.wait(5) == 0 and saved(home/"history") == ([], 0)

def test_a_batch_run_has_a_history_of_its_own(own, home):
    kc = own(env=dict(IPYTHONDIR=str(home)))
    kc.run("batch = 1")
    kc.run("batch = 2")
    rows = kc.request("history_request", dict(hist_access_type="tail", n=5, raw=True, output=False)).content["history"]
    assert [row[2] for row in rows] == ["batch = 1", "batch = 2"]

def test_what_begins_with_a_person_is_saved_whoever_runs_cells_later(own, home):
    kc = own(env=dict(IPYTHONDIR=str(home)))
    kc.run("person = 1", allow_stdin=True)
    kc.run("batch = 1")
    kc.request("shutdown_request", dict(restart=False), channel="control")
    assert kc.proc.wait(5) == 0 and saved(home/"history")[0] == ["person = 1", "batch = 1"]

@pytest.mark.parametrize("how", ["option", "file"])
def test_the_configuration_may_want_batch_runs_saved(own, home, how):
    (home/"profile_default").mkdir()
    if how == "file": (home/"profile_default"/"ipython_config.py").write_text("c.HistoryManager.enabled = True\n")
    kc = own(env=dict(IPYTHONDIR=str(home)), args=[f"--HistoryManager.hist_file={home/'history'}"] if how == "option" else [])
    kc.run("batch = 1")
    kc.request("shutdown_request", dict(restart=False), channel="control")
    assert kc.proc.wait(5) == 0 and saved(home/"history")[0] == ["batch = 1"]
