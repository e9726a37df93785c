"Where history goes and when it is saved; history_request, for which a kernel begins anew"
import pytest, sqlite3
from contextlib import closing
from helpers import start, until
from processes import shut

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

def test_a_cell_that_comes_after_history_was_saved_is_saved_as_well(own, home):
    kc = own(env=dict(IPYTHONDIR=str(home)))
    kc.run("first = 1", allow_stdin=True)
    until(lambda: saved(home/"history")[0], "the first cell in the database")
    kc.run("second = 2", allow_stdin=True)
    until(lambda: saved(home/"history")[0] == ["first = 1", "second = 2"], "both cells in the database", 10)

def test_a_batch_run_leaves_the_users_history_alone(own, home):
    kc = own(env=dict(IPYTHONDIR=str(home)))
    kc.run("hidden = 1", silent=True, allow_stdin=True)
    kc.run("batch = 1")
    kc.request("shutdown_request", dict(restart=False), channel="control")
    assert kc.proc.wait(20) == 0 and saved(home/"history") == ([], 0)

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
    assert kc.proc.wait(20) == 0 and saved(home/"history")[0] == ["person = 1", "batch = 1"]

@pytest.mark.parametrize("how", ["option", "file"])
def test_the_configuration_may_want_batch_runs_saved(own, home, how):
    (home/"profile_default").mkdir()
    if how == "file": (home/"profile_default"/"ipython_config.py").write_text("c.HistoryManager.enabled = True\n")
    kc = own(env=dict(IPYTHONDIR=str(home)), args=[f"--HistoryManager.hist_file={home/'history'}"] if how == "option" else [])
    kc.run("batch = 1")
    kc.request("shutdown_request", dict(restart=False), channel="control")
    assert kc.proc.wait(20) == 0 and saved(home/"history")[0] == ["batch = 1"]

# -- history

@pytest.fixture(scope="module")
def hist(tmp_path_factory):
    "A kernel with cells in its history, behind one that had others"
    env = dict(IPYTHONDIR=str(tmp_path_factory.mktemp("hist")))
    old = start(env=env)
    for c in ("old_1 = 1", "'old 2'"): old.run(c, allow_stdin=True)
    shut(old)
    old.stop()
    kc = start(env=env)
    for c in ("a = 1", "a + 1", "print('x')", "a = 1", "1/0"): kc.run(c, allow_stdin=True)
    kc.run("'hidden'", store_history=False)
    kc.run("'silent'", silent=True)
    yield kc
    kc.stop()

def rows(hist, kind, **kw): return hist.request("history_request", dict(hist_access_type=kind, **kw)).content["history"]

def texts(hist, kind, **kw): return [r[2] for r in rows(hist, kind, **kw)]

def test_history_reply(hist):
    assert set(hist.request("history_request", dict(hist_access_type="tail", n=1)).content) == {"status", "history"}

def test_tail(hist):
    assert texts(hist, "tail", n=3) == ["print('x')", "a = 1", "1/0"]
    assert texts(hist, "tail", n=7) == ["old_1 = 1", "'old 2'", "a = 1", "a + 1", "print('x')", "a = 1", "1/0"]

@pytest.mark.parametrize("kw", [{}, dict(n=None), dict(n=1000)], ids=str)
def test_tail_without_a_limit(hist, kw): assert len(texts(hist, "tail", **kw)) == 7

def test_rows_have_session_line_and_input(hist):
    (s1,l1,_),(s2,l2,_) = rows(hist, "tail", n=7)[1:3]
    assert (s2-s1, l1, l2) == (1, 2, 1)

def test_output_comes_as_a_pair(hist):
    assert texts(hist, "range", session=0, start=2, stop=4, output=True) == [["a + 1", "2"], ["print('x')", None]]

@pytest.mark.parametrize("kw, got", [(dict(session=0, start=1, stop=3), ["a = 1", "a + 1"]),
    (dict(session=0, start=4), ["a = 1", "1/0"]),
    (dict(session=-1, start=1, stop=9), ["old_1 = 1", "'old 2'"]), (dict(start=2, stop=3), ["a + 1"])], ids=str)
def test_range(hist, kw, got): assert texts(hist, "range", **kw) == got

def test_rows_of_a_range_have_the_session_that_was_asked_for(hist):
    s = rows(hist, "tail", n=1)[0][0]
    assert rows(hist, "range", session=s, start=1, stop=2) == [[s, 1, "a = 1"]]
    assert rows(hist, "range", session=s-1, start=1, stop=2) == [[s-1, 1, "old_1 = 1"]]
    assert rows(hist, "range", session=0, start=1, stop=2) == [[0, 1, "a = 1"]]

@pytest.mark.parametrize("kw, got",
    [(dict(pattern="a = *"), ["a = 1", "a = 1"]), (dict(pattern="a = *", unique=True), ["a = 1"]),
        (dict(pattern="*", n=2), ["a = 1", "1/0"]),
        (dict(pattern="old*"), ["old_1 = 1"]), (dict(pattern="nosuch*"), [])], ids=str)
def test_search(hist, kw, got): assert texts(hist, "search", **kw) == got

def test_what_is_not_stored_never_appears(hist):
    assert not [t for t in texts(hist, "search", pattern="*") + texts(hist, "tail") if "hidden" in t or "silent" in t]

@pytest.mark.parametrize("kw", [dict(raw=False), dict(search_raw=True, nosuch=1), dict(output=None, raw=None)], ids=str)
def test_missing_and_unknown_keys(hist, kw): assert len(texts(hist, "tail", n=2, **kw)) == 2

def test_history_survives_a_shutdown_right_after_the_cell(hist): assert "'old 2'" in texts(hist, "tail")
