"""Each Python times each kind of environment: its kernel in a real jupyter_server runs, plots, completes, debugs, is interrupted and restarted

A pairwise part of the matrix always runs; the rest has the marker `matrix`. The environment's files are afterwards as they were before."""

import os
from places import Server, contents, install
from dap import Client
import pytest

versions = "3.11", "3.12", "3.13", "3.14"
# what is in the environment besides matplotlib
kinds = dict(bare=[], ipython8=["ipython==8.20.0", "traitlets==5.14.1"], traitlets=["traitlets==5.9.0"],
    withpip=["pip"], readonly=[], comm=[])
pairwise = {("3.11", "ipython8"), ("3.12", "bare"), ("3.12", "traitlets"), ("3.13", "readonly"), ("3.13", "comm"),
    ("3.14", "withpip")}

def cases():
    for version in versions:
        for kind in kinds:
            yield pytest.param(version, kind, marks=() if (version, kind) in pairwise else pytest.mark.matrix)
    yield pytest.param("/usr/bin/python3", "debian")

@pytest.fixture(scope="module")
def server(places, tmp_path_factory):
    made = Server(tmp_path_factory.mktemp("server")/"s")
    yield made
    made.stop()

def target(venv, version, kind):
    "The interpreter of one case of the matrix, and the folder of its environment."
    if kind == "debian":
        if not os.path.exists(version): pytest.skip(f"NOT TESTED: {version} is not there")
        return version,None
    folder = venv("matplotlib", *kinds[kind], version=version, name=f"{kind}{version}")
    if kind == "readonly":
        for path in [folder, *folder.rglob("*")]:
            if path.is_dir() and not path.is_symlink(): path.chmod(0o555)
    return str(folder/"bin/python"),folder

@pytest.mark.slow
@pytest.mark.parametrize("version, kind", cases())
def test_a_lent_kernel_works_and_leaves_its_environment_alone(server, venv, version, kind):
    python,folder = target(venv, version, kind)
    before = folder and contents(folder)
    name = install("--python", python, "--name", f"{kind}-{version.replace('/', '-')}".strip("-"), "--force")
    if kind == "comm": (server.folder/"comm.py").write_text("mine = 1")
    try: works(server, server.start(name), folder is not None)
    finally: (server.folder/"comm.py").unlink(missing_ok=True)
    assert not folder or contents(folder) == before

def works(server, id, has_matplotlib):
    "Use the kernel `id` as a person does, then restart it."
    kc = server.client(id)
    try:
        if has_matplotlib: plots(kc)
        completes(kc)
        stops(kc)
        is_interrupted(server, id, kc)
    finally: kc.stop_channels()
    server.restart(id)
    assert server.value(id, "'x' in globals()") is False
    server.api(f"kernels/{id}", "DELETE")

def plots(kc):
    r = kc.run("import matplotlib.pyplot as plt; plt.plot([1, 2]); plt.show()", timeout=60)
    assert "image/png" in r.of("display_data")[0]["data"], r

def completes(kc):
    kc.run("some_name = 1")
    assert kc.request("complete_request", dict(code="some_n", cursor_pos=6)).content["matches"] == ["some_name"]

def stops(kc):
    debugger = Client(kc)
    debugger.start()
    id,event = debugger.stop("x = 1\ny = x + 1", 2)
    assert event["reason"] == "breakpoint" and debugger.value("x") == "1"
    debugger.go_on()
    assert debugger.end(id).status == "ok"
    debugger.ask("disconnect")

def is_interrupted(server, id, kc):
    cell = kc.cell("import time\nprint('on')\ntime.sleep(60)")
    kc.wait(cell, until=lambda r: "on" in r.stdout)
    server.api(f"kernels/{id}/interrupt", "POST")
    assert kc.wait(cell).error["ename"] == "KeyboardInterrupt"
