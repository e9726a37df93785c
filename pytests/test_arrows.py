"What tools/arrows.py takes for an import of a room, on a small package."

import subprocess, sys
from helpers import root
import pytest

sys.path.insert(0, str(root/"tools"))
import arrows

@pytest.fixture
def package(tmp_path):
    "Write a package of the given modules, and return its folder."
    def write(**modules):
        for name,text in {"__init__": "", **modules}.items():
            path = tmp_path/"pack"/f"{name.replace('_in_', '/')}.py"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        return tmp_path/"pack"
    return write

@pytest.mark.parametrize("text, room", [
    ("from .wire import pack", "wire"), ("from . import wire", "wire"), ("import pack.wire", "wire"),
    ("from pack.wire import name", "wire"),
    ("def f():\n    from . import wire", "wire"), ("from . import version", "__init__"), ("import pack", "__init__"),
    ("from .tools import make", "tools.make"), ("from .tools.make import run", "tools.make"),
    ("from . import tools", "tools")])
def test_an_import_is_of_the_room_that_it_reaches(package, text, room):
    folder = package(kernel=text, wire="", tools_in___init__="", tools_in_make="")
    assert arrows.imports(folder/"kernel.py", folder) == {room}

@pytest.mark.parametrize("text, room",
    [("from ..wire import pack", "wire"), ("from .make import run", "tools.make"), ("from .. import wire", "wire"),
        ("from . import make", "tools.make")])
def test_dots_count_from_the_folder(package, text, room):
    folder = package(wire="", tools_in___init__="", tools_in_make="", tools_in_other=text)
    assert arrows.imports(folder/"tools/other.py", folder) == {room}

def test_dots_of_a_folders_init_count_from_that_folder(package):
    folder = package(tools_in___init__="from .make import run", tools_in_make="")
    assert arrows.all_arrows(folder)["tools"] == {"tools.make"}

def test_libraries_are_no_rooms(package):
    folder = package(kernel="import os.path, zmq\nfrom .wire import pack", wire="")
    assert arrows.imports(folder/"kernel.py", folder) == {"wire"}
    assert arrows.libraries(folder/"kernel.py", folder) == {"os", "zmq"}

def test_each_cycle_is_found_once():
    assert arrows.cycles(dict(a={"b"}, b={"c"}, c={"a", "d"}, d={"d"})) in ([["a", "b", "c"], ["d"]],
        [["d"], ["a", "b", "c"]])

def test_a_diamond_is_no_cycle(): assert arrows.cycles(dict(a={"b", "c"}, b={"d"}, c={"d"}, d=set())) == []

def test_the_command_prints_rooms_with_their_arrows():
    r = subprocess.run([sys.executable, root/"tools/arrows.py"], capture_output=True, text=True, timeout=60)
    assert any(line.split()[0] == "kernel" and "wire" in line.split() for line in r.stdout.splitlines()), r
