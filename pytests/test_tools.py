"The tools on a bare Python: each says what it does and which version it is of, and installs nothing for that."

import os, re, subprocess, sys
from helpers import root
import pytest

tools = ["test", "try", "docs", "release", "pr", "bench",
    *(o.name for o in sorted((root/"tools").glob("*")) if o.is_file() and o.suffix == ".py"
        and o.read_text().startswith("#!"))]
scripts = [o for o in sorted((root/"tools").iterdir()) if o.is_file() and o.read_text().startswith("#!")]
bare = {k:v for k,v in os.environ.items() if not k.startswith(("PYTHON", "IPYMINI"))}

@pytest.fixture(scope="module")
def ask():
    "What a tool prints on a Python that has the standard library alone."
    def inner(tool, *args):
        command = [sys.executable, "-S", root/"tools"/tool, *args]  # -S: no site-packages
        r = subprocess.run(command, capture_output=True, text=True, env=bare, stdin=subprocess.DEVNULL, timeout=60)
        assert (r.returncode, r.stderr) == (0, "")
        return r.stdout
    return inner

@pytest.mark.parametrize("tool", tools)
def test_help_is_told_by_a_bare_python(ask, tool):
    text = ask(tool, "--help")
    assert tool.removesuffix(".py") in text and len(text) > 150

@pytest.mark.parametrize("tool", tools)
def test_the_version_is_that_of_the_package(ask, tool):
    from ipymini import __version__
    assert ask(tool, "-V").endswith(f" of ipymini {__version__}\n")

@pytest.mark.parametrize("path", scripts, ids=[o.name for o in scripts])
def test_a_script_may_be_run(path): assert os.access(path, os.X_OK)

@pytest.mark.parametrize("flag", ["-V", "--version"])
def test_the_kernel_tells_its_version(flag):
    r = subprocess.run([sys.executable, "-m", "ipymini", flag], capture_output=True, text=True, timeout=60)
    assert re.fullmatch(r"ipymini \d+\.\d+\.\d+\S*\n", r.stdout) and r.returncode == 0
