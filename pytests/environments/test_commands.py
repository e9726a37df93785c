"The commands install, kernels, uninstall: names, conflicts, what they say"

import os, sys
from places import cli, find, folder_of, foreign, install, run_uv, spec_of
import pytest

@pytest.mark.parametrize("command", ["install", "kernels", "uninstall"])
def test_each_command_has_help(command):
    out = cli(command, "--help")
    assert out.returncode == 0 and out.stdout.startswith(f"usage: ipymini {command}")

@pytest.mark.slow
def test_a_kernel_is_called_after_its_environment(venv):
    assert install("--python", venv(name="forecast")) == "forecast"

@pytest.mark.slow
def test_an_environment_called_venv_goes_by_the_folder_around_it(venv):
    folder = venv(name=".venv")
    assert install("--python", folder) == folder.parent.name

@pytest.mark.slow
def test_a_python_that_is_in_no_environment_goes_by_its_version():
    version = f"{sys.version_info[0]}.{sys.version_info[1]}"
    assert install("--python", find(version)) == f"python{version}"

def test_install_says_what_runs_where(venv):
    folder = venv()
    out = cli("install", "--python", folder, "--name", "said").stdout
    assert out.splitlines()[1].startswith("It runs Python ") and f"of {folder}." in out and "not touched" in out

@pytest.mark.parametrize("python, said",
    [("/no/such/python", "There is no interpreter /no/such/python"), ("/bin/false", "/bin/false is no Python 3"),
        ("/tmp", "There is no interpreter in /tmp")])
def test_what_is_no_interpreter_is_one_line(python, said):
    out = cli("install", "--python", python)
    assert out.returncode == 1 and out.stderr.startswith(f"ipymini: {said}") and out.stderr.count("\n") == 1

@pytest.mark.parametrize("version", ["3.8", "3.9", "3.10"])
def test_an_old_python_names_what_is_needed_and_pods(version):
    out = cli("install", "--python", find(version))
    assert out.returncode == 1 and out.stderr.count("\n") == 1
    assert "3.11" in out.stderr and "pods" in out.stderr

@pytest.mark.parametrize("option, said",
    [("--project", "There is no pyproject.toml in "), ("--script", "There is no script ")])
def test_what_uv_could_not_make_is_said_at_once(option, said, tmp_path):
    out = cli("install", option, tmp_path/"nothing")
    assert out.returncode == 1 and out.stderr.startswith(f"ipymini: {said}") and out.stderr.count("\n") == 1

def test_one_kind_of_kernel_only(tmp_path):
    out = cli("install", "--notebook", "--project", tmp_path)
    assert out.returncode == 2 and out.stderr == "ipymini install: --notebook is not allowed with --project\n"

# -- names that are another's

@pytest.mark.slow
def test_a_name_of_another_kernel_says_whose_it_is(venv):
    folder = foreign("taken")
    out = cli("install", "--python", venv(), "--name", "taken")
    assert out.returncode == 1 and out.stderr.count("\n") == 1
    for part in ("'taken'", "'Other'", str(folder), "/bin/other", "--force"): assert part in out.stderr
    assert spec_of("taken")["display_name"] == "Other"

@pytest.mark.slow
def test_a_replaced_kernel_comes_back(venv):
    folder = foreign("replaced")
    (folder/"kernel.js").write_text("// of the other")
    install("--python", venv(), "--name", "replaced", "--force")
    assert spec_of("replaced")["display_name"] == "replaced" and not (folder/"kernel.js").exists()
    install("--python", venv(), "--name", "replaced")
    out = cli("uninstall", "replaced")
    assert "'Other' is back" in out.stdout
    assert spec_of("replaced")["display_name"] == "Other" and (folder/"kernel.js").exists()

@pytest.mark.slow
def test_a_kernel_of_another_environment_is_anothers(venv):
    install("--python", venv(), "--name", "one")
    assert cli("install", "--python", venv(name="two"), "--name", "one").returncode == 1
    assert install("--python", venv(), "--name", "one") == "one"

@pytest.mark.slow
def test_a_question_is_asked_on_a_terminal_only(venv):
    import pexpect
    foreign("asked")
    argv = ["-m", "ipymini", "install", "--python", str(venv()), "--name", "asked"]
    child = pexpect.spawn(sys.executable, argv, timeout=60, encoding="utf8", env={**os.environ, "TERM": "dumb"})
    child.expect_exact("[y/N] ")
    child.sendline("n")
    child.expect_exact("nothing was installed")
    child.wait()
    assert spec_of("asked")["display_name"] == "Other"
    assert install("--python", venv(), "--name", "asked", "--yes") == "asked"

# -- kernels, uninstall

@pytest.mark.slow
def test_kernels_shows_ours_with_interpreter_version_kind_and_place(venv):
    foreign("theirs")
    name = install("--python", venv(), "--name", "shown")
    rows = {line.split()[0]: line for line in cli("kernels").stdout.splitlines()}
    assert "theirs" not in rows
    for part in ("lent", sys.version.split()[0], str(venv()/"bin/python"), " ok ", str(folder_of(name))):
        assert part in rows["shown"]

def test_kernels_shows_what_is_gone(tmp_path):
    (tmp_path/"pyproject.toml").write_text("[project]\nname = 'p'\nversion = '0'\n")
    install("--project", tmp_path, "--name", "lost")
    (tmp_path/"pyproject.toml").unlink()
    tmp_path.rename(tmp_path.with_name("moved"))
    assert f"{tmp_path} is gone" in next(line for line in cli("kernels").stdout.splitlines()
        if line.startswith("lost "))

@pytest.mark.slow
def test_uninstall_takes_a_kernel_away(venv):
    folder = folder_of(install("--python", venv(), "--name", "short"))
    assert cli("uninstall", "short").stdout == f"Removed kernelspec short from {folder}\n"
    assert not folder.exists()

@pytest.mark.parametrize("name, said", [("nothing", "there is no kernel 'nothing'"),
    ("alien", "jupyter kernelspec remove alien")])
def test_uninstall_takes_ours_only(name, said):
    if name == "alien": foreign(name)
    out = cli("uninstall", name)
    assert out.returncode == 1 and said in out.stderr and out.stderr.count("\n") == 1

# -- all of them

def found(out): return [line.split()[-1] for line in out.stdout.splitlines()]

def test_all_shows_environments_below_a_folder_and_those_of_tools(venv, tmp_path):
    home = tmp_path/"home"
    for place in ("work/a/.venv", ".pyenv/versions/3.99", ".cache/pypoetry/virtualenvs/p-1"):
        (home/place).parent.mkdir(parents=True)
        run_uv("venv", "-q", home/place)
    out = cli("install", "--all", home/"work", env=dict(HOME=str(home), PYENV_ROOT=""))
    assert [o.replace("~", str(home)) for o in found(out)[1:4]] == [str(home/o)
        for o in ("work/a/.venv", ".pyenv/versions/3.99", ".cache/pypoetry/virtualenvs/p-1")]
    assert out.returncode == 1 and "--yes" in out.stderr

@pytest.mark.slow
def test_all_installs_what_has_no_kernel_under_names_of_its_own(tmp_path, places):
    env = dict(HOME=str(tmp_path/"home"), PYENV_ROOT="", JUPYTER_DATA_DIR=str(tmp_path/"data"))
    for name in ("a", "b"): run_uv("venv", "-q", tmp_path/name/"tool")
    first = cli("install", "--all", tmp_path, "--yes", env=env)
    assert first.returncode == 0, first.stderr
    assert [line.split()[2] for line in first.stdout.splitlines() if line.startswith("Installed")] == ["tool", "tool-2"]
    again = cli("install", "--all", tmp_path, "--yes", env=env)
    assert again.stdout.splitlines()[-1] == "There is nothing to install." and again.stdout.count("yes ") == 2
