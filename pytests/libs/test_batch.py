"Notebooks that run with nobody there: papermill with rich's tracebacks, on ipymini and on ipykernel"
import os, subprocess, sys
from pathlib import Path
import nbformat, pytest

pytestmark = pytest.mark.libs

names = dict(ipymini="ipymini", ipykernel="python3")
bin = Path(sys.executable).parent

@pytest.fixture(scope="module")
def env(tmp_path_factory):
    "Variables with which Jupyter finds the kernels of this environment, and nobody's settings"
    d = tmp_path_factory.mktemp("jupyter")
    folders = {f"JUPYTER_{name}_DIR": str(d/name) for name in ("RUNTIME", "CONFIG", "DATA")}
    paths = dict(JUPYTER_PATH=f"{sys.prefix}/share/jupyter", PATH=f"{bin}:{os.environ['PATH']}")
    return {**os.environ, **folders, **paths}

@pytest.fixture
def run(env, kernel, tmp_path):
    "Run a command in `tmp_path`, where a.ipynb has these cells"
    def inner(cells, *command):
        spec = dict(name=names[kernel], display_name="x", language="python")
        nb = nbformat.v4.new_notebook(metadata=dict(kernelspec=spec), cells=[*map(nbformat.v4.new_code_cell, cells)])
        nbformat.write(nb, tmp_path/"a.ipynb")
        options = dict(capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=100)
        return subprocess.run([*map(str, command)], env=env, cwd=tmp_path, **options)
    return inner

def test_papermill_tells_of_an_error_that_rich_shows(run, tmp_path):
    cells = ["from rich.traceback import install\ninstall()", "1/0", "print('never')"]
    r = run(cells, bin/"papermill", "a.ipynb", "b.ipynb")
    assert r.returncode == 1
    assert "PapermillExecutionError" in r.stderr
    failed,never = nbformat.read(tmp_path/"b.ipynb", 4).cells[-2:]
    assert "ZeroDivisionError" in str(failed.outputs)
    assert (len(failed.outputs), never.outputs) == (1, [])
