"""podman as tests use it: a storage and settings of its own, an image made of this machine's Debian packages, a package index in a folder.

Nothing is fetched from a network. Without root, podman or Debian the tests are skipped, and say so."""

import os, shutil, tempfile
from boxes import Kernel, Place, base, engine, make_wheels
from debian import make_tar
from pathlib import Path
import pytest

settings = """\
[containers]
# where CAP_SYS_RESOURCE is missing podman's own limits are refused
default_ulimits = ["nofile=20000:20000", "nproc=4096:4096"]
[engine]
{runtime}
cgroup_manager = "cgroupfs"
events_logger = "file"
tmp_dir = "{folder}/tmp"  # else `system reset` takes away what another podman of this machine needs
[network]
network_config_dir = "{folder}/networks"
"""
storage = '[storage]\ndriver = "overlay"\ngraphroot = "{folder}/graph"\nrunroot = "{folder}/run"\n'

def pytest_collection_modifyitems(items):
    here = Path(__file__).parent
    for item in items:
        if item.path.is_relative_to(here): item.add_marker(pytest.mark.containers)

def why_not():
    "Why containers cannot be tested here, or nothing."
    if not shutil.which("podman"): return "podman is not installed; .ci/run installs it"
    if os.getuid(): return "these tests of podman are run as root"
    if not shutil.which("dpkg-query"): return "the image is made of Debian's packages, which are not here"
    return ""

@pytest.fixture(scope="session")
def podman(tmp_path_factory):
    "Variables with which podman, and what runs it, keeps to folders of the tests. The image `base` is there."
    if why_not(): pytest.skip(f"NOT TESTED: {why_not()}")
    folder = Path(tempfile.mkdtemp(prefix="podman-", dir="/var/tmp"))  # overlays do not lie on the overlay that /tmp may be
    wheels = folder/"wheels"
    make_wheels(wheels)
    (folder/"pip.conf").write_text(
        "[global]\n"
        "no-index = true\n"
        "find-links = /wheels\n"
        "disable-pip-version-check = true\n"
        "root-user-action = ignore\n")
    runtime = 'runtime = "runc"' if shutil.which("runc") else ""  # an older crun refuses hybrid control groups
    (folder/"containers.conf").write_text(settings.format(runtime=runtime, folder=folder))
    (folder/"storage.conf").write_text(storage.format(folder=folder))
    variables = dict(CONTAINERS_CONF=str(folder/"containers.conf"),
        CONTAINERS_STORAGE_CONF=str(folder/"storage.conf"), IPYMINI_ENGINE="podman")
    with pytest.MonkeyPatch.context() as patch:
        for name,value in variables.items(): patch.setenv(name, value)
        make_tar(folder/"base.tar", {"/wheels": wheels, "/etc/pip.conf": folder/"pip.conf"})
        engine("import", "--quiet", folder/"base.tar", base)
        yield variables
        engine("system", "reset", "--force")
    shutil.rmtree(folder)

@pytest.fixture
def place(tmp_path, podman, monkeypatch):
    res = Place(tmp_path)
    for name,value in res.variables.items(): monkeypatch.setenv(name, value)
    return res

# -- kernels

@pytest.fixture(scope="session")
def lab(tmp_path_factory, podman):
    "A `Place` with the environment `lab` on the base image."
    place = Place(tmp_path_factory.mktemp("lab"))
    place.ipymini("env", "create", "lab", "--from", base)
    return place

@pytest.fixture
def kernel(lab, tmp_path, monkeypatch):
    "Starts kernels of `lab`, in a folder of the user 1000 that `cwd` may name another of."
    for name,value in lab.variables.items(): monkeypatch.setenv(name, value)
    made = []
    def inner(cwd=None, name="lab"):
        folder = cwd or tmp_path/"notebooks"
        if not folder.exists():
            folder.mkdir()
            os.chown(folder, 1000, 1000)
        made.append(Kernel(folder, name))
        return made[-1]
    yield inner
    for o in made: o.stop()
