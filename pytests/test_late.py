"Modules whose import is put off: `ipymini.system.late`, and what stands in their place in a kernel"
import sys
from ipymini.system.late import late
import pytest

@pytest.fixture
def module(tmp_path, monkeypatch):
    "Makes the module `put_off`, which is not imported yet, and a module `user` with the code `text`; that is imported with `put_off` put off"
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path/"put_off.py").write_text("value = 42\ndef add(one, two): return one + two\nadd_two = add")
    def imported(text, **options):
        (tmp_path/"user.py").write_text(text)
        with late("put_off", **options): import user
        return user
    yield imported
    for name in ("put_off", "user"): sys.modules.pop(name, None)

def test_what_is_put_off_is_not_imported(module):
    module("import put_off")
    assert "put_off" not in sys.modules

def test_it_is_imported_when_something_of_it_is_asked_for(module):
    assert module("import put_off").put_off.value == 42
    assert sys.modules["put_off"].value == 42

def test_it_is_imported_at_once_if_what_imports_it_asks_for_something(module):
    assert module("import put_off; mine = put_off.value").mine == 42

def test_a_function_of_it_can_be_had_before(module):
    user = module("from put_off import add", functions=["add"])
    assert "put_off" not in sys.modules
    assert user.add(1, two=2) == 3
    assert "put_off" in sys.modules

def test_what_is_known_needs_no_import(module):
    assert module("import put_off; mine = put_off.value", value=7).mine == 7
    assert "put_off" not in sys.modules

def test_what_is_there_already_is_left_alone(module):
    import put_off
    assert module("import put_off").put_off is put_off is sys.modules["put_off"]

def test_whoever_imports_it_meanwhile_gets_it_whole(module):
    "As another thread may"
    with late("put_off"): from put_off import add_two
    assert add_two(1, 2) == 3

# -- in a kernel

def test_the_log_is_what_traitlets_makes_of_it(kc):
    "Level and format of what IPython's application logs to"
    code = ("import logging; app = get_ipython().parent; _log = logging.getLogger('IPKernelApp')\n"
        "def _look(): return _log.level, [(type(h), h.level, type(h.formatter), h.formatter._fmt, h.formatter.datefmt) for h in _log.handlers]\n"
        "_ours = _look(); super(type(app), app)._configure_logging(); _ours == _look(), len(_ours[1])")
    assert kc.run(code).result == "(True, 1)"

@pytest.mark.parametrize("code", ["import gettext; gettext.gettext('a')", "import ipaddress; str(ipaddress.ip_address('::1'))[2:] and 'a'",
    "import logging.config; logging.config.dictConfig(dict(version=1, incremental=True)) or 'a'", "import pickle; pickle.loads(pickle.dumps('a'))",
    "import shutil; shutil.get_archive_formats() and 'a'", "import urllib.parse; urllib.parse.urlsplit('http://[::1]/a').path[1:]",
    "import argparse; argparse.ArgumentParser('a').prog"])
def test_a_cell_has_what_was_put_off(kc, code): assert kc.run(code).result == "'a'"
