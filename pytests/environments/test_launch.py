"Kernels of projects, scripts and notebooks that say what they need; what a stand-in says where that cannot be made"

import json, os, signal, stat, subprocess, sys
from helpers import connect, connection_file, has_ports, until
from places import install
import pytest

from ipymini.environments.make import header

def project(folder, *deps):
    "A project that needs `deps`; its folder."
    folder.mkdir(exist_ok=True)
    needs = ", ".join(f'"{dep}"' for dep in deps)
    (folder/"pyproject.toml").write_text(
        '[project]\n'
        'name = "forecast"\n'
        'version = "0"\n'
        'requires-python = ">=3.11"\n'
        f'dependencies = [{needs}]\n')
    return folder

def notebook(path, *cells):
    "A notebook with code `cells`; its path."
    cells = [dict(cell_type="markdown", metadata={}, source="# Title")] + [dict(cell_type="code", metadata={},
        source=cell.splitlines(True)) for cell in cells]
    path.write_text(json.dumps(dict(cells=cells, metadata={}, nbformat=4, nbformat_minor=5)))
    return path

def prefix(kc): return eval(kc.run("import sys; sys.prefix").result)

@pytest.fixture(scope="module")
def by_notebook(places): return install("--notebook")

# -- what is made

@pytest.mark.slow
def test_a_project_runs_in_its_own_environment(kernel, tmp_path):
    kc = kernel(install("--project", project(tmp_path/"p", "idna")))
    assert prefix(kc) == str(tmp_path/"p/.venv")
    assert kc.run("import idna; 1").result == "1"

def test_nothing_of_ours_is_added_to_a_project(kernel, tmp_path):
    kc = kernel(install("--project", project(tmp_path/"p", "idna"), "--name", "own"))
    assert eval(kc.run("import importlib.metadata as m; [d.name for d in m.distributions()]").result) == ["idna"]

@pytest.mark.slow
def test_what_a_user_installed_into_a_project_stays(kernel, tmp_path):
    name = install("--project", project(tmp_path/"p"), "--name", "stays")
    assert kernel(name).run("%uv pip install idna", timeout=60).status == "ok"
    assert kernel(name).run("import idna; 1").result == "1"

@pytest.mark.slow
def test_what_uv_add_adds_is_there_after_a_restart(kernel, tmp_path):
    name = install("--project", project(tmp_path/"p"), "--name", "adds")
    kernel(name, cwd=tmp_path/"p").run("!uv add idna", timeout=60)
    assert kernel(name).run("import idna; 1").result == "1"

@pytest.mark.slow
def test_the_kernel_is_the_process_that_was_started(kernel, tmp_path):
    kc = kernel(install("--project", project(tmp_path/"p"), "--name", "pid"))
    assert eval(kc.run("import os; os.getpid()").result) == kc.proc.pid

def test_an_interrupt_is_one(kernel, tmp_path):
    kc = kernel(install("--project", project(tmp_path/"p"), "--name", "interrupt"))
    id = kc.cell("import time\nn = 0\nprint('on')\ntry: time.sleep(60)\nexcept KeyboardInterrupt: n += 1\nprint(n)")
    kc.wait(id, until=lambda r: "on" in r.stdout)
    os.killpg(kc.proc.pid, signal.SIGINT)
    assert kc.wait(id).stdout == "on\n1\n"

@pytest.mark.slow
def test_a_script_runs_in_the_environment_of_its_header(kernel, tmp_path):
    (tmp_path/"s.py").write_text(header(["idna"]))
    kc = kernel(install("--script", tmp_path/"s.py"))
    assert kc.run("import idna; 1").result == "1" and prefix(kc) != sys.prefix

def test_a_notebook_runs_in_the_environment_of_its_header(by_notebook, kernel, tmp_path):
    path = notebook(tmp_path/"n.ipynb", header(["idna"]) + "import idna")
    assert kernel(by_notebook, JPY_SESSION_NAME=str(path)).run("import idna; 1").result == "1"

@pytest.mark.slow
def test_equal_headers_share_an_environment(by_notebook, kernel, tmp_path):
    paths = [notebook(tmp_path/f"{name}.ipynb", header(["idna"])) for name in "ab"]
    first,second = [prefix(kernel(by_notebook, JPY_SESSION_NAME=str(path))) for path in paths]
    assert first == second

def test_a_notebook_without_a_header_runs_in_the_folders_project(by_notebook, kernel, tmp_path):
    path = notebook(project(tmp_path/"p")/"n.ipynb", "1")
    kc = kernel(by_notebook, cwd=tmp_path/"p", JPY_SESSION_NAME=str(path))
    assert prefix(kc) == str(tmp_path/"p/.venv")

def test_a_notebook_without_header_and_project_runs_in_our_python(by_notebook, kernel, tmp_path):
    kc = kernel(by_notebook, cwd=tmp_path, JPY_SESSION_NAME=str(notebook(tmp_path/"n.ipynb", "1")))
    assert prefix(kc) == sys.prefix

def test_a_console_has_a_name_that_is_no_file(by_notebook, kernel, tmp_path):
    assert prefix(kernel(by_notebook, cwd=tmp_path, JPY_SESSION_NAME="console-1")) == sys.prefix

@pytest.mark.slow
def test_without_network_a_lock_is_enough(kernel, tmp_path):
    name = install("--project", project(tmp_path/"p", "idna"), "--name", "offline")
    kernel(name)
    dead = dict(HTTPS_PROXY="http://127.0.0.1:9", HTTP_PROXY="http://127.0.0.1:9", UV_HTTP_RETRIES="0")
    assert kernel(name, **dead).run("import idna; 1").result == "1"

# -- what cannot be made

@pytest.fixture
def unsolvable(kernel, tmp_path):
    "A stand-in for a project that needs what there is not."
    return kernel(install("--project", project(tmp_path/"p", "idna>=99"), "--name", "unsolvable", "--force"), cwd=tmp_path/"p")

def test_each_cell_gets_the_reason_of_uv(unsolvable):
    for code in ("1", "x = 1; print(x)", "import idna"):
        r = unsolvable.run(code)
        assert r.status == "error" and r.stdout == ""
        assert r.error["ename"] == "NoEnvironment"
        assert "idna>=99" in r.error["evalue"]
        assert "restart the kernel" in r.error["evalue"]
        assert len(r.error["traceback"]) == 1 and "idna>=99" in r.error["traceback"][0]

def test_lines_for_the_shell_and_magics_pass(unsolvable):
    assert unsolvable.run("# a comment\n!echo mended").stdout.strip() == "mended"
    assert unsolvable.run("%pwd").status == "ok"
    assert unsolvable.run("%%bash\necho mended").stdout.strip() == "mended"
    assert unsolvable.run("").status == "ok"

def test_code_beside_such_lines_is_refused(unsolvable):
    r = unsolvable.run("!echo mended\nprint(1)")
    assert r.status == "error" and r.stdout == ""

@pytest.mark.slow
def test_a_project_is_mended_from_the_notebook(unsolvable, kernel):
    assert unsolvable.run("!uv add 'idna<99'", timeout=60).status == "ok"
    assert kernel("unsolvable").run("import idna; 1").result == "1"

def test_pip_has_nothing_to_install_into(unsolvable):
    assert "there is no environment yet" in unsolvable.run("%pip install idna").error["evalue"]

def test_user_expressions_are_not_evaluated(unsolvable):
    assert unsolvable.run("", user_expressions=dict(v="1+1")).content["user_expressions"] == {}

def test_a_hidden_cell_is_answered_and_not_counted(unsolvable):
    assert unsolvable.run("import os", store_history=False, silent=True).status == "error"
    assert unsolvable.run("1").content["execution_count"] == 1

def test_other_requests_are_answered(unsolvable):
    ask = lambda type, **content: unsolvable.request(f"{type}_request", content).content
    assert ask("complete", code="impo", cursor_pos=4)["matches"] == []
    assert ask("inspect", code="print", cursor_pos=5)["found"] is False
    assert ask("is_complete", code="for i in x:")["status"] == "incomplete"
    assert ask("history", hist_access_type="tail", n=1)["status"] == "ok"
    assert ask("kernel_info")["status"] == "ok"

def test_startup_files_are_not_run(kernel, tmp_path):
    startup = tmp_path/"ipython/profile_default/startup"
    startup.mkdir(parents=True)
    (startup/"a.py").write_text(f"open({str(tmp_path/'ran')!r}, 'w')")
    kc = kernel(install("--project", project(tmp_path/"p", "idna>=99"), "--name", "startup"),
        IPYTHONDIR=str(tmp_path/"ipython"))
    assert kc.run("1").status == "error" and not (tmp_path/"ran").exists()

def reason(kc): return kc.run("1").error["evalue"]

def test_a_renamed_notebook_is_said(by_notebook, kernel, tmp_path):
    assert f"There is no notebook {tmp_path}/old.ipynb" in reason(kernel(by_notebook,
        JPY_SESSION_NAME=str(tmp_path/"old.ipynb")))

def test_a_notebook_that_is_none_is_said(by_notebook, kernel, tmp_path):
    (tmp_path/"n.ipynb").write_text("no JSON")
    assert "is not a notebook" in reason(kernel(by_notebook, JPY_SESSION_NAME=str(tmp_path/"n.ipynb")))

def test_a_script_that_has_gone_is_said(kernel, tmp_path):
    (tmp_path/"s.py").write_text(header(["idna"]))
    name = install("--script", tmp_path/"s.py", "--name", "gone")
    (tmp_path/"s.py").unlink()
    assert f"There is no script {tmp_path}/s.py" in reason(kernel(name))

def slow_uv(folder):
    "A folder with a uv that tells its pid and then sleeps."
    folder.mkdir()
    uv = folder/"uv"
    uv.write_text(f"#!/bin/sh\necho $$ > {folder}/pid.part; mv {folder}/pid.part {folder}/pid; exec sleep 60\n")
    uv.chmod(uv.stat().st_mode | stat.S_IXUSR)
    return folder

def test_an_interrupt_while_uv_works_ends_in_a_stand_in(tmp_path):
    path = slow_uv(tmp_path/"bin")
    file = connection_file()
    argv = [sys.executable, "-P", "-m", "ipymini", "run", "--project", project(tmp_path/"p"), "-f", file]
    proc = subprocess.Popen(argv, env={**os.environ, "PATH": f"{path}:{os.environ['PATH']}"}, start_new_session=True,
        stdin=subprocess.DEVNULL)
    try:
        pid = int(until(lambda: (path/"pid").exists() and (path/"pid").read_text(), "uv to run"))
        os.killpg(proc.pid, signal.SIGINT)
        until(lambda: has_ports(file), "the ports of a stand-in")
        kc = connect(file)
        assert "uv was interrupted" in reason(kc)
        kc.stop_channels()
        until(lambda: not os.path.exists(f"/proc/{pid}"), "uv to end")
    finally:
        proc.kill()
        proc.wait()
