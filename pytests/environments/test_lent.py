"Kernels of environments in which nothing of ours is installed: what they see, what their cells start, what they leave alone"

import json, re, shutil, subprocess, sys
from pathlib import Path
from types import SimpleNamespace
from places import cli, contents, find, folder_of, install, run_uv
from dap import Client
import pytest

@pytest.fixture(scope="module")
def bare(venv):
    "The name of a kernel in an empty environment."
    return install("--python", venv(), "--name", "bare")

def evaluate(kc, code):
    "The value of the expression `code` in the kernel of `kc`."
    r = kc.run(code)
    assert r.status == "ok", r
    return eval(r.result)

def test_the_interpreter_and_its_prefix_are_the_environments(bare, venv, kernel):
    kc = kernel(bare)
    assert evaluate(kc, "import sys; sys.prefix, sys.executable") == (str(venv()), str(venv()/"bin/python"))

def test_sys_path_is_the_environments_and_the_folder(bare, venv, kernel):
    python = venv()/"bin/python"
    own = subprocess.run([python, "-P", "-c", "import sys; print(sys.path)"], capture_output=True, text=True).stdout
    assert evaluate(kernel(bare), "import sys; sys.path") == ["", *eval(own)]

def test_no_distribution_is_listed(bare, kernel):
    assert evaluate(kernel(bare), "import importlib.metadata as m; [d.name for d in m.distributions()]") == []

def test_a_lent_package_knows_its_version(bare, kernel):
    assert evaluate(kernel(bare), "import prompt_toolkit; prompt_toolkit.__version__ > '3'")

def test_only_what_a_kernel_needs_is_lent(bare, kernel):
    r = kernel(bare).run("import pytest")
    assert r.error["ename"] == "ModuleNotFoundError"

def test_children_of_the_kernel_find_nothing_lent(bare, kernel):
    r = kernel(bare).run("import subprocess, sys; subprocess.run([sys.executable, '-c', 'import IPython']).returncode")
    assert r.result == "1" and "No module named 'IPython'" in r.stderr

def test_spawned_processes_run(bare, kernel):
    code = "import multiprocessing as m; p = m.get_context('spawn').Pool(1); p.map(len, ['ab'])"
    assert evaluate(kernel(bare), code) == [2]

def test_tracebacks_completion_history_and_comms_work(bare, kernel):
    kc = kernel(bare)
    assert "ZeroDivisionError" in "".join(kc.run("1/0").error["traceback"])
    kc.run("kc_name = 1")
    assert kc.request("complete_request", dict(code="kc_n", cursor_pos=4)).content["matches"] == ["kc_name"]
    assert kc.request("history_request", dict(hist_access_type="tail", n=1)).content["history"][0][2] == "kc_name = 1"
    assert "comm_open" in kc.run("import comm; c = comm.create_comm('t')").types

# -- what is there already

@pytest.mark.slow
def test_its_own_ipython_is_used_where_that_is_new_enough(venv, kernel):
    folder = venv("ipython==9.4.0")
    kc = kernel(install("--python", folder, "--name", "ipython94"))
    assert evaluate(kc, "import IPython; IPython.__version__") == "9.4.0"
    assert evaluate(kc, "IPython.__file__").startswith(str(folder))

@pytest.mark.slow
def test_an_ipython_that_is_too_old_gives_way(venv, kernel):
    folder = venv("ipython==8.20.0", "traitlets==5.9.0", "pygments==2.17.2")
    kc = kernel(install("--python", folder, "--name", "ipython820"))
    assert evaluate(kc, "import IPython; IPython.version_info[0]") >= 9
    assert evaluate(kc, "import traitlets; traitlets.version_info[:2]") >= (5, 13)

@pytest.mark.slow
def test_a_package_of_the_users_stays_in_front(venv, kernel):
    folder = venv("pygments==2.17.2")
    kc = kernel(install("--python", folder, "--name", "pygments217"))
    assert evaluate(kc, "import pygments; pygments.__version__") == "2.17.2"

def test_modules_beside_the_notebook_are_the_users(bare, kernel, tmp_path):
    (tmp_path/"comm.py").write_text("mine = 1")
    kc = kernel(bare, cwd=tmp_path)
    assert evaluate(kc, "import comm; comm.mine") == 1

@pytest.mark.slow
def test_nothing_of_the_environment_is_changed(venv, kernel):
    folder = venv(name="untouched")
    before = contents(folder)
    kc = kernel(install("--python", folder, "--name", "untouched"))
    kc.run("import json, comm")
    kc.request("complete_request", dict(code="json.d", cursor_pos=6))
    assert contents(folder) == before

def test_a_read_only_environment_will_do(venv, kernel):
    folder = venv(name="readonly")
    run_uv("pip", "install", "-q", "-p", folder/"bin/python", "idna")
    for path in [folder, *folder.rglob("*")]:
        if path.is_dir() and not path.is_symlink(): path.chmod(0o555)
    kc = kernel(install("--python", folder, "--name", "readonly"))
    assert kc.run("import idna; 1").result == "1"

# -- plots

plot = "import matplotlib.pyplot as plt; plt.plot([1, 2]); plt.show()"

@pytest.mark.slow
def test_figures_are_shown(venv, kernel):
    kc = kernel(install("--python", venv("matplotlib"), "--name", "plots"))
    assert "image/png" in kc.run(plot).of("display_data")[0]["data"]
    assert kc.run("%matplotlib inline").status == "ok"

@pytest.mark.slow
def test_scripts_that_a_cell_runs_can_plot(venv, kernel, tmp_path):
    (tmp_path/"plot.py").write_text("import matplotlib; matplotlib.use('agg')\nimport matplotlib.pyplot\nprint('done')")
    kc = kernel(install("--python", venv("matplotlib"), "--name", "plots"), cwd=tmp_path)
    assert kc.run("!python plot.py").stdout.strip() == "done"

# -- commands mean the environment

def test_commands_find_the_environment_first(bare, venv, kernel):
    kc = kernel(bare, VIRTUAL_ENV="/the/servers")
    assert kc.run("!which python; echo $VIRTUAL_ENV").stdout.split() == [str(venv()/"bin/python"), str(venv())]

@pytest.mark.slow
def test_a_python_in_no_environment_has_no_virtual_env(kernel):
    kc = kernel(install("--python", find(f"{sys.version_info[0]}.{sys.version_info[1]}"), "--name", "plain"),
        VIRTUAL_ENV="/the/servers")
    assert evaluate(kc, "import os; 'VIRTUAL_ENV' in os.environ") is False

@pytest.mark.slow
def test_pip_without_pip_goes_through_uv(venv, kernel):
    kc = kernel(install("--python", venv(name="nopip"), "--name", "nopip"))
    assert "idna" in kc.run("%pip install idna", timeout=60).stdout
    assert kc.run("import idna; 1").result == "1"
    assert "idna" in kc.run("%pip list").stdout and "idna" in kc.run("%uv pip list").stdout

@pytest.mark.slow
def test_pip_without_pip_and_uv_says_what_to_do(venv, kernel, tmp_path):
    kc = kernel(install("--python", venv(name="nothing"), "--name", "nothing"), PATH="/usr/bin:/bin", HOME=str(tmp_path))
    assert "ensurepip" in kc.run("%pip install idna").stdout

@pytest.mark.slow
def test_pip_is_the_environments_where_it_has_one(venv, kernel):
    kc = kernel(install("--python", venv("pip"), "--name", "withpip"))
    assert str(venv("pip")) in kc.run("%pip --version", timeout=60).stdout

@pytest.mark.slow
def test_conda_variables_are_set(venv, kernel):
    folder = venv(name="conda")
    (folder/"conda-meta").mkdir()
    (folder/"conda-meta/state").write_text(json.dumps(dict(version=1, env_vars={"A_B": "x", "C_D": "***unset***"})))
    kc = kernel(install("--python", folder, "--name", "conda"), C_D="1")
    assert evaluate(kc, "import os; "
        "[os.environ.get(k) for k in ('CONDA_PREFIX', 'CONDA_DEFAULT_ENV', 'A_B', 'C_D')]") == [str(folder), "conda",
            "x", None]

# -- bytecode, other versions, upgrades

@pytest.mark.slow
def test_bytecode_for_another_python_lies_in_our_cache(venv, places):
    other = next(o for o in ("3.12", "3.13", "3.11") if not sys.version.startswith(o))
    install("--python", venv(version=other), "--name", "other")
    tag = "cpython-" + other.replace(".", "")
    found = {path.name for path in (places/"cache/ipymini/bytecode").rglob(f"*.{tag}.pyc")}
    assert {f"kernel.{tag}.pyc", f"interactiveshell.{tag}.pyc", f"boot.{tag}.pyc"} <= found
    import ipymini
    assert not list(Path(ipymini.__file__).parent.rglob(f"*.{tag}.pyc"))

@pytest.mark.slow
def test_pyzmq_for_another_python_is_fetched_once_and_said_so(venv, places):
    other = "3.12" if sys.version_info[:2] == (3, 11) else "3.11"
    shutil.rmtree(places/"cache/ipymini", ignore_errors=True)
    said = [cli("install", "--python", venv(version=other), "--name", "fetched").stdout for _ in range(2)]
    assert [re.findall("Fetching .*", text) != [] for text in said] == [True, False]
    assert "pyzmq" in said[0]

@pytest.mark.slow
def test_a_kernel_whose_ipymini_has_moved_says_what_to_run(venv):
    start = folder_of(install("--python", venv(), "--name", "moved"))/"start.py"
    start.write_text(re.sub("^boot = .*$", "boot = '/gone/boot.py'", start.read_text(), flags=re.M))
    out = subprocess.run([venv()/"bin/python", start, "-f", "x"], capture_output=True, text=True)
    assert out.returncode == 1 and "run: ipymini install --python" in out.stderr and "--name moved" in out.stderr
    assert "/gone/boot.py is gone" in next(line for line in cli("kernels").stdout.splitlines()
        if line.startswith("moved "))

def test_the_debugger_stops(bare, kernel):
    debugger = Client(kernel(bare))
    debugger.start()
    id,event = debugger.stop("x = 1\ny = x + 1", 2)
    assert event["reason"] == "breakpoint" and debugger.value("x") == "1"
    debugger.go_on()
    assert debugger.end(id).status == "ok"
    debugger.ask("disconnect")

def test_a_package_that_names_no_python_fits_all(monkeypatch):
    "Python 3.15 has no None for a line that is missing in the metadata."
    from ipymini.environments import lending
    monkeypatch.setattr(lending, "distribution", lambda dist: SimpleNamespace(metadata={}))
    assert lending.fits("any", SimpleNamespace(number=(3, 15)))
