"""README's commands, as written, in an empty clone: what is tried, installed, used and taken away leaves what it should.

A line runs in bash on a terminal of its own, as some ask. The user's home is a folder of the test's."""

import os, re, shutil, subprocess, sys
from helpers import root
from pathlib import Path
from textwrap import dedent
import pytest
pexpect = pytest.importorskip("pexpect")

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1500)]
readme = (root/"README.md").read_text()

# what a person does at a command that asks, or stays: wait for the words, then type
typed = {"tools/try lab": [(r"http://(localhost|127\.0\.0\.1):\d+/\S+", "\x03"), ("down this Jupyter server", "\x03")],
    "ipymini install --all": [(r"\[y/N\]", "y\n")],
    "jupyter console": [(r"In \[1\]:", "6*7\r"), ("42", "exit\r")]}

def section(head):
    "README's text below `head`, up to the next heading of that level or above."
    text = readme.split(f"\n{head}\n")[1]
    return re.split(rf"\n#{{1,{head.count('#')}}} ", text)[0]

def blocks(head, language):
    "The code of this `language` below `head`."
    found = re.findall(rf"^( *)```{language}\n(.*?)^\1```", section(head), re.M | re.S)
    return [dedent(text) for _,text in found]

def lines(head): return [line for block in blocks(head, "sh") for line in block.splitlines()]

class Person:
    "Somebody with a clone, a home folder, and an environment that has a Jupyter."
    def __init__(self, folder):
        self.home,self.clone,self.venv = folder/"home",folder/"clone",folder/"jupyter"
        self.home.mkdir()
        kept = {k:v for k,v in os.environ.items()
            if not k.startswith(("PYTHON", "JUPYTER", "IPYTHON", "IPYMINI", "PYENV", "VIRTUAL_ENV"))}
        caches = dict(PIP_CACHE_DIR=Path.home()/".cache/pip", UV_CACHE_DIR=Path.home()/".cache/uv")  # or all is fetched again
        path = f"{self.venv}/bin:{Path(sys.executable).parent}:{os.environ['PATH']}"
        self.env = {**kept, **{k: str(v) for k,v in caches.items()}, "HOME": str(self.home), "PATH": path,
            "BROWSER": "true", "TERM": "dumb"}

    def run(self, line):
        "Run `line`, answer what it asks; what it said, once it has ended well."
        child = pexpect.spawn("bash", ["-c", line], cwd=str(self.clone), env=self.env, encoding="utf-8", timeout=240,
            dimensions=(40, 200))
        said = ""
        for words,answer in next((steps for start,steps in typed.items() if line.startswith(start)), []):
            child.expect(words)
            said += child.before + child.after
            child.send(answer)
        child.expect(pexpect.EOF)
        child.wait()  # its terminal is gone before it is
        said += child.before
        assert child.exitstatus == 0, f"{line}\n{said}"
        return said

@pytest.fixture(scope="module")
def person(tmp_path_factory):
    "A Person, whose clone has what git knows of this checkout."
    if not (root/".git").exists(): pytest.skip("NOT TESTED: this is no checkout of git")
    res = Person(tmp_path_factory.mktemp("person"))
    listed = subprocess.check_output(["git", "-C", root, "ls-files", "-z", "-co", "--exclude-standard"], text=True)
    for name in filter(None, listed.split("\0")):
        if not (root/name).is_file(): continue  # deleted, and not committed yet
        (res.clone/name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(root/name, res.clone/name)
    return res

@pytest.fixture(scope="module")
def jupyter(person):
    "The Person with an environment of Jupyter, and what README's examples name."
    uv = [sys.executable, "-m", "uv", "-q"]
    subprocess.run([*uv, "venv", "--seed", "--python", sys.executable, person.venv], check=True, timeout=300)
    packages = "ipykernel", "jupyter_console", "nbconvert", "nbclient"
    subprocess.run([*uv, "pip", "install", "--python", person.venv/"bin/python", *packages], check=True, timeout=300)
    for name in ("old-project/venv", "work/report/.venv"):
        subprocess.run([*uv, "venv", "--python", sys.executable, person.home/name], check=True, timeout=60)
    (person.home/"forecast").mkdir()
    (person.home/"forecast/pyproject.toml").write_text(
        '[project]\n'
        'name = "forecast"\n'
        'version = "1"\n'
        'requires-python = ">=3.11"\n')
    (person.clone/"script.py").write_text("print(6*7)")
    import nbformat
    nbformat.write(nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("6*7")]), person.clone/"notebook.ipynb")
    return person

def test_trying_it(person):
    first,second = lines("## Try it")
    said = person.run(first)
    assert "14 of 14 cells run" in said
    person.run(second)

def test_from_install_to_uninstall(jupyter):
    before = files(jupyter)
    for head in ("### In one environment", "### For all environments"):
        said = [jupyter.run(line) for line in lines(head)]
    assert {"ipymini", "old-project", "forecast", "notebook",
        "report"} <= {line.split()[0] for line in said[-1].splitlines() if line.strip()}
    replace,bring_back = lines("### As the default kernel")
    jupyter.run(replace)
    assert "'ipymini.kernel'" in jupyter.run(asks_python3)
    jupyter.run(bring_back)
    assert "'ipykernel.ipkernel'" in jupyter.run(asks_python3)
    said = [jupyter.run(line) for line in lines("## Use")]
    assert "42" in said[0] and "42" in said[1] and "42" in (jupyter.clone/"notebook.nbconvert.ipynb").read_text()
    assert jupyter.run(f"python -c '{blocks('## Use', 'python')[0]}'").strip() == "2"
    jupyter.run("ipymini uninstall report")
    for line in lines("### Uninstall"): jupyter.run(line)
    assert files(jupyter) - before == set()

asks_python3 = """python -c '
from jupyter_client.manager import run_kernel
with run_kernel(kernel_name="python3") as kc: kc.execute_interactive("import sys; print([*sys.modules])")'"""

def files(person):
    "What there is of ours in the environment of Jupyter and below the home: files and folders with our name, and all kernelspecs."
    found = [o for folder in (person.home, person.venv) for o in folder.rglob("*")]
    return {o for o in found if "ipymini" in o.name or "kernels" in o.parts[:-1]}

def test_a_function_of_an_old_python_is_called(own_kc):
    code = blocks("## Use", "python")[1]
    reply = own_kc.run(code, timeout=120)
    if "NoEnvironment" in str(reply): pytest.skip("NOT TESTED: uv finds no Python 3.9")
    assert reply.result == "'a%20b'"

def test_no_command_of_the_readme_is_left_out():
    run_here = ["## Try it", "### In one environment", "### For all environments", "### As the default kernel",
        "### Uninstall", "## Use"]
    assert sum(len(blocks(head, "sh")) for head in run_here) == readme.count("```sh")
    assert len(blocks("## Use", "python")) == readme.count("```python")
