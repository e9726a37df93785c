"PyPods' layout: a folder with pod.py, requirements.txt and venv, whose functions are put into a namespace."
import os, shutil, subprocess, sys
import pytest
from pathlib import Path
from ipymini import PodError, load, unload

old_pod = '''# Template pod.py file inside the hello_world_pod pod.
"""
Write your module's functions in this area.
"""
def foo(x, y):
    return x + y

# Don't change anything here!
if __name__ == "__main__":
    from pypods.pods import PodListener
    pl = PodListener()
    msg = (
        pl.read_stdin()
    )
'''


@pytest.fixture(scope="module")
def venv(tmp_path_factory):
    "A venv that the tests' pods share, as a link each."
    path = tmp_path_factory.mktemp("venv")/"venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", path], check=True)
    return path

@pytest.fixture
def project(tmp_path, monkeypatch, venv):
    "A folder with the pod `hello`, the present folder."
    monkeypatch.chdir(tmp_path)
    folder = tmp_path/"pods/hello"
    folder.mkdir(parents=True)
    (folder/"venv").symlink_to(venv)
    return tmp_path

def write(project, code): (project/"pods/hello/pod.py").write_text(code)

def test_functions_are_injected_and_taken_back(project):
    write(project, "def foo(x, y): return x + y\ndef _hidden(): pass\nclass Thing: pass\nn = 1")
    names = {}
    load("pods/hello", names)
    assert names["foo"](1, 2) == 3 and set(names) == {"foo"}
    unload("pods/hello")
    assert names == {}

def test_a_pod_is_known_by_its_name_alone(project):
    write(project, "def foo(): return 1")
    names = {}
    with load("hello", names) as p: assert (names["foo"](), p.foo()) == (1, 1)
    unload("hello")

def test_an_old_pod_loads_unchanged(project):
    write(project, old_pod)
    names = {}
    load("hello", names)
    assert names["foo"](1, 2) == 3
    unload("hello")

def test_modules_of_the_pod_are_imported_by_the_project_s_path(project):
    inner = project/"pods/hello/module_test"
    inner.mkdir()
    (inner/"__init__.py").write_text("def foo_in_module_test(): return 'foo_in_module_test'")
    write(project, "from pods.hello.module_test import foo_in_module_test\n" + old_pod)
    names = {}
    load("hello", names)
    assert names["foo_in_module_test"]() == "foo_in_module_test" and "pods" not in sys.modules
    unload("hello")

def test_a_function_that_appears_later_is_there_at_the_next_call(project):
    write(project, "def foo(): return 1")
    names = {}
    p = load("hello", names)
    write(project, "def foo(): return 2\ndef later(): return 'late'")
    assert p.later() == "late" and names["later"]() == "late" and names["foo"]() == 2
    unload("hello")

def test_a_name_that_is_another_s_now_is_left(project):
    write(project, "def foo(): return 1")
    names = {}
    load("hello", names)
    names["foo"] = "mine"
    unload("hello")
    assert names == {"foo": "mine"}

def test_an_error_in_the_file_is_told(project):
    write(project, "1/0")
    with pytest.raises(ZeroDivisionError): load("hello", {})
    write(project, "def foo(: pass")
    with pytest.raises(SyntaxError): load("hello", {})

def test_loading_twice_is_loading_anew(project):
    write(project, "n = 0\ndef count():\n global n\n n += 1\n return n")
    names = {}
    load("hello", names)
    names["count"]()
    load("hello", names)
    assert names["count"]() == 1
    unload("hello")

def test_unloading_what_is_not_loaded(project):
    with pytest.raises(KeyError, match="no pod is loaded"): unload("hello")

def test_a_name_that_is_no_identifier(project):
    with pytest.raises(ValueError, match="must be an identifier"): load("pods/not-one")

def test_a_pod_that_is_not_there_is_made(tmp_path, monkeypatch):
    "Needs a package index, as its requirements are installed."
    monkeypatch.chdir(tmp_path)
    names = {}
    load("pods/fresh", names)
    assert names["hello"]("you") == "Hello, you!"
    assert {o.name for o in (tmp_path/"pods/fresh").iterdir()} >= {"pod.py", "requirements.txt", "venv"}
    unload("pods/fresh")
    (tmp_path/"pods/fresh/requirements.txt").write_text("iniconfig==2.0.0\n")
    p = load("pods/fresh", names)
    assert p.importlib.metadata.version("iniconfig") == "2.0.0" and Path(p["sys.prefix"]) == tmp_path/"pods/fresh/venv"
    unload("pods/fresh")
    assert shutil.which("uv") or os.path.exists(sys.executable)

def test_requirements_that_cannot_be_met(project):
    (project/"pods/hello/venv").unlink()
    (project/"pods/hello/requirements.txt").write_text("iniconfig>=99\n")
    with pytest.raises(PodError, match="(?s)requirements.txt.*iniconfig"): load("hello", {})
