"How packages are imported late: `ipymini.system.packages`. What comes from a notebook's folder is in test_stranger.py"
import builtins, sys, threading
from helpers import until
from ipymini.system.packages import import_package

def test_an_import_on_another_thread_meanwhile_asks_all_finders(tmp_path, monkeypatch):
    "The kernel imports IPython while the request of a subshell, which JupyterLab sends at once, has a package imported: getopt was not found"
    may_end = threading.Event()
    monkeypatch.setattr(builtins, "may_end", may_end, raising=False)
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path/"slow_package.py").write_text("may_end.wait(60)")
    before = list(sys.meta_path)
    thread = threading.Thread(target=import_package, args=["slow_package"])
    thread.start()
    until(lambda: "slow_package" in sys.modules, "the other thread's import")
    asked = iter(sys.meta_path)
    next(asked)
    may_end.set()
    thread.join()
    assert list(asked) == before and sys.meta_path == before
