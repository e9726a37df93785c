"`python_for`, by itself: which interpreter it finds or makes, what it says where there is none"

import subprocess, sys
from places import find
import pytest

from ipymini.environments import make
from ipymini.environments.make import NoEnvironment, header, python_for

def test_nothing_asked_for_is_our_own(): assert python_for() == sys.executable

def test_a_path_is_itself(): assert python_for(sys.executable) == sys.executable

def test_uv_is_not_told_of_the_environment_of_whoever_runs_us(monkeypatch):
    monkeypatch.setenv("VIRTUAL_ENV", "/somewhere")
    assert "VIRTUAL_ENV" not in make.environ()

@pytest.mark.parametrize("version", ["3.8", "3.9", "3.12"])
def test_a_version_is_found(version):
    find(version)
    out = subprocess.run([python_for(version), "-c",
        "import sys; print('%d.%d' % sys.version_info[:2], sys.prefix == sys.base_prefix)"], capture_output=True, text=True)
    assert out.stdout.split() == [version, "True"]

def test_requirements_are_made_once(monkeypatch, tmp_path):
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path))  # so that the environment is new, also when this is run again
    deps = ["idna", "iniconfig"]
    made,found = [],[]
    first = python_for(deps=deps, progress=made.append)
    assert subprocess.run([first, "-c", "import idna, iniconfig"]).returncode == 0
    assert python_for(deps=deps, progress=found.append) == first
    assert [any("Installed" in line for line in lines) for lines in (made, found)] == [True, False]

def test_requirements_of_another_python():
    find("3.12")
    out = subprocess.run([python_for("3.12", deps=["idna"]), "-c", "import idna, sys; print(sys.version)"],
        capture_output=True, text=True)
    assert out.stdout.startswith("3.12")

def test_a_project_in_another_folder(tmp_path, monkeypatch):
    (tmp_path/"p").mkdir()
    (tmp_path/"p/pyproject.toml").write_text("[project]\nname = 'p'\nversion = '0'\n")
    monkeypatch.chdir(tmp_path)
    assert python_for(project="p") == str(tmp_path/"p/.venv/bin/python")

@pytest.mark.parametrize("asked, said", [(dict(deps=["idna>=99"]), "idna>=99"),
    (dict(project="/no/where"), "There is no project /no/where"),
    (dict(script="/no/where.py"), "There is no script /no/where.py"),
    (dict(version="/bin/no-python"), "There is no interpreter /bin/no-python"),
    (dict(script=__file__), "PEP 723")])
def test_what_cannot_be_made_is_said(asked, said):
    with pytest.raises(NoEnvironment) as e: python_for(**asked)
    assert said in str(e.value)

def test_uv_is_looked_for_on_path_beside_us_and_where_its_installer_puts_it(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr(sys, "executable", str(tmp_path/"env/bin/python"))
    with pytest.raises(NoEnvironment, match="uv is not there.*pip install uv"): make.find_uv()
    for folder in (tmp_path/".local/bin", tmp_path/"env/bin"):
        folder.mkdir(parents=True)
        (folder/"uv").write_text("")
        (folder/"uv").chmod(0o755)
        assert make.find_uv() == str(folder/"uv")

def test_shims_of_pyenv_are_replaced_by_its_pythons(tmp_path):
    for name in ("3.9.18", "3.10.1", "3.12.1"): (tmp_path/"versions"/name).mkdir(parents=True)
    (tmp_path/"version").write_text("3.9.18\n")
    names = [path.split("/")[-2] for path in make.unshimmed(str(tmp_path/"shims"))]
    assert names == ["3.9.18", "3.12.1", "3.10.1"]
    assert make.unshimmed("/usr/bin") == ["/usr/bin"]

def test_a_header_holds_any_requirement():
    import tomllib
    text = header(['a[b]>=1; python_version < "4"', "c"], ">=3.11")
    assert tomllib.loads(text.replace("# ", "").replace("///", "").replace("script", "")) == \
        dict([("requires-python", ">=3.11"), ("dependencies", ['a[b]>=1; python_version < "4"', "c"])])

def test_it_imports_nothing_of_the_kernel():
    code = "import sys; import ipymini.environments.make; print([n for n in sys.modules if n.startswith('ipymini.') and 'environments' not in n])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "[]\n"
