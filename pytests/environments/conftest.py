"""Environments for the tests, made by uv, and kernels in them: `venv` makes one, `kernel` starts a kernel by its name.

All that `ipymini` writes goes into folders of the test session's own. Without uv the tests are skipped, and say so."""

import os, sys
from helpers import connect, until
from jupyter_client.manager import KernelManager
from places import find, run_uv
import pytest

from ipymini.environments.make import NoEnvironment, find_uv, run

@pytest.fixture(scope="session", autouse=True)
def places(tmp_path_factory):
    "Kernelspecs and what ipymini keeps lie in folders of the session's own; `uv` keeps its cache."
    try: find_uv()
    except NoEnvironment: pytest.skip("NOT TESTED: environments. uv is not there: pip install uv")
    folder = tmp_path_factory.mktemp("places")
    if "UV_CACHE_DIR" not in os.environ: os.environ["UV_CACHE_DIR"] = run(["cache", "dir"])
    os.environ.update(JUPYTER_DATA_DIR=str(folder/"data"), JUPYTER_RUNTIME_DIR=str(folder/"runtime"),
        XDG_CACHE_HOME=str(folder/"cache"))
    os.environ.update(JUPYTER_CONFIG_DIR=str(folder/"config"))
    for name in ("VIRTUAL_ENV", "JPY_SESSION_NAME"): os.environ.pop(name, None)
    return folder

@pytest.fixture(scope="session")
def venv(tmp_path_factory):
    "Make an environment of a Python of this `version`, by default ours, with `packages`; its folder."
    made = {}
    def make(*packages, version=f"{sys.version_info[0]}.{sys.version_info[1]}", name="venv"):
        key = version,name,packages
        if key not in made:
            folder = tmp_path_factory.mktemp("env")/name
            run_uv("venv", "-q", "-p", find(version), folder)
            if packages: run_uv("pip", "install", "-q", "-p", folder/"bin/python", *packages)
            made[key] = folder
        return made[key]
    return make

@pytest.fixture
def kernel(places):
    "Start kernels by name as a Jupyter client does; clients like those of `helpers.start`."
    managers,clients = [],[]
    def start(name, cwd=None, **env):
        manager = KernelManager(kernel_name=name, connection_file=str(places/f"{name}-{len(managers)}-{os.getpid()}.json"))
        manager.start_kernel(cwd=cwd and str(cwd), env={**os.environ, **env})
        managers.append(manager)
        kc = connect(until(lambda: os.path.exists(manager.connection_file) and manager.connection_file,
            "a connection file"), timeout=60)
        kc.manager,kc.proc = manager,manager.provisioner.process
        clients.append(kc)
        return kc
    yield start
    for kc in clients: kc.stop_channels()
    for manager in managers: manager.shutdown_kernel(now=True)
