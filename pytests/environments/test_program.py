"`ipymini` as a program of its own, which pipx and uv install and which makes kernels of other environments"

import os, shutil, subprocess, sys
from helpers import root
from places import find_uv
import pytest

pytestmark = pytest.mark.slow

@pytest.fixture
def tools(tmp_path):
    "Variables with which pipx and uv put programs into folders of the test's own."
    places = ("UV_TOOL_DIR", "UV_TOOL_BIN_DIR", "PIPX_HOME", "PIPX_BIN_DIR", "PIPX_MAN_DIR")
    return {**os.environ, **{name: str(tmp_path/name.lower()) for name in places}}

def wheel(): return os.environ.get("IPYMINI_WHEEL") or str(root)

def call(*argv, env):
    out = subprocess.run(list(map(str, argv)), env=env, capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=300)
    assert out.returncode == 0, out.stdout + out.stderr
    return out.stdout

def works(program, env, venv, kernel, name):
    "Make a kernel of an empty environment by `program`, and run a cell there."
    call(program, "install", "--python", venv(name="empty"), "--name", name, env=env)
    assert kernel(name).run("__import__('sys').prefix").result == repr(str(venv(name="empty")))

def test_uv_tool_install(tools, venv, kernel):
    call(find_uv(), "tool", "install", "--python", sys.executable, wheel(), env=tools)
    works(f"{tools['UV_TOOL_BIN_DIR']}/ipymini", tools, venv, kernel, "by-uv")

def test_uvx(tools, venv, kernel):
    def program(*words):
        return [find_uv(), "tool", "run", "--python", sys.executable, "--from", wheel(), "ipymini", *words]
    call(*program("install", "--python", venv(name="empty"), "--name", "by-uvx"), env=tools)
    assert kernel("by-uvx").run("1 + 1").result == "2"
    assert "by-uvx" in call(*program("kernels"), env=tools)

def test_pipx_install(tools, venv, kernel):
    pipx = [shutil.which("pipx")] if shutil.which("pipx") else [find_uv(), "tool", "run", "pipx"]
    call(*pipx, "install", "--python", sys.executable, wheel(), env=tools)
    works(f"{tools['PIPX_BIN_DIR']}/ipymini", tools, venv, kernel, "by-pipx")
