"The targets of tools/test: what they choose, and what they tell pytest."

import os, subprocess, sys, tomllib
from helpers import root
from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_loader
import pytest

sys.path.insert(0, str(root/"tools"))

@pytest.fixture(scope="module")
def tool():
    "tools/test as a module."
    loader = SourceFileLoader("tools_test", str(root/"tools/test"))
    module = module_from_spec(spec_from_loader("tools_test", loader))
    loader.exec_module(module)
    return module

names = "smoke quick all libs e2e containers matrix".split()

def test_all_targets_are_here(tool): assert [*tool.targets] == names

@pytest.mark.parametrize("name", names)
def test_a_targets_files_are_there(tool, name):
    assert [o for o in tool.targets[name].files.split() if not (root/"pytests"/o).exists()] == []

@pytest.mark.parametrize("name", names)
def test_a_targets_markers_are_declared(tool, name, pytestconfig):
    declared = {line.partition(":")[0] for line in pytestconfig.getini("markers")}
    assert set(tool.targets[name].marker.split()) - {"not", "and"} <= declared

@pytest.mark.parametrize("name", names)
def test_a_targets_extras_are_there(tool, name):
    extras = tomllib.loads((root/"pyproject.toml").read_text())["project"]["optional-dependencies"]
    assert set(tool.targets[name].extras.split(",")) <= set(extras)

@pytest.mark.skipif(os.name == "nt", reason="a shell script stands in for Python")
@pytest.mark.parametrize("number, is_free", [("3.13.5", False), ("3.13.5t", True)])
def test_a_free_threaded_python_tells_by_its_number(tmp_path, number, is_free):
    from venvs import is_free_threaded
    python = tmp_path/"python"
    python.write_text(f"#!/bin/sh\necho 3 13\necho {number} /usr\n")
    python.chmod(0o755)
    assert is_free_threaded(python) == is_free

def test_help_says_how_long_each_takes():
    r = subprocess.run([sys.executable, root/"tools/test", "--help"], capture_output=True, text=True, timeout=60)
    told = [line.split()[0] for line in r.stdout.splitlines() if line.startswith("  ") and line.endswith(")")
        and line.split()[0] in names]
    assert told == names

def test_only_frontends_run_again_what_failed(tool):
    assert [name for name in names if "--reruns" in tool.targets[name].options] == ["e2e"]

def test_a_file_that_is_named_runs_alone_and_in_one_process(tool):
    assert tool.choice(tool.targets["quick"], ["pytests/test_wire.py", "-x"]) == [str(root/"pytests/test_wire.py"),
        "-x"]

def test_a_test_of_a_file_is_found(tool):
    assert tool.located("pytests/test_wire.py::test_x") == f"{root}/pytests/test_wire.py::test_x"

def test_options_of_pytest_are_no_files(tool): assert tool.choice(tool.targets["smoke"],
    ["-k", "wire"])[:6] == [*tool.choice(tool.targets["smoke"], [])[:4], "-k", "wire"]
