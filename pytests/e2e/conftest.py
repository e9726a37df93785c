"""A Jupyter server, Debian's Chromium, and `Book`: a notebook in a page, driven by keyboard and mouse, read as it is shown

`--kernel python3` runs the same on ipykernel, so that a fault of a test is told from one of the kernel. What a failed test showed is kept as a picture."""

import os, shutil, sys
from helpers import root
from pages import Book, Server, setting, write_book
from pathlib import Path
import pytest
try: from playwright.sync_api import expect, sync_playwright
except ImportError: sync_playwright = None

flags = "no-sandbox disable-gpu disable-quic no-first-run disable-background-networking disable-component-update disable-sync".split()
quiet = {"apputils-extension/notification": dict(fetchNews="false", checkForUpdates=False),
    "completer-extension/manager": dict(providerTimeout=20_000)}  # a second by default: jedi's first answer on a busy machine takes longer

def pytest_addoption(parser):
    parser.addoption("--kernel", default="ipymini", help="the kernel that frontends run; python3 is ipykernel")

def pytest_configure(config):
    config.addinivalue_line("markers", "ours(why): what ipykernel cannot do; run on ipymini only")

def pytest_runtest_setup(item):
    mark = item.get_closest_marker("ours")
    if mark and item.config.getoption("--kernel", "ipymini") != "ipymini": pytest.skip(f"ipymini only: {mark.args[0]}")

@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    "Keep a picture of each page of a test that failed"
    rep = yield
    if call.when == "call": item.failed = rep.failed
    if rep.failed and call.when == "call":
        for i,o in enumerate(Book.opened): rep.sections.append(("picture", str(o.picture(f"{item.name}-{i}"))))
    return rep

# -- server

@pytest.fixture(scope="session")
def kernel(pytestconfig): return pytestconfig.getoption("--kernel", "ipymini")

@pytest.fixture(scope="session")
def title(kernel): return "Python 3 (ipymini)" if kernel == "ipymini" else "Python 3 (ipykernel)"

@pytest.fixture(scope="session")
def env(tmp_path_factory):
    "Variables with which Jupyter finds the kernel and nobody's settings"
    d = tmp_path_factory.mktemp("jupyter")
    names = ("HOME", "IPYTHONDIR", "JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR",
        "JUPYTERLAB_SETTINGS_DIR", "JUPYTERLAB_WORKSPACES_DIR")
    res = {**os.environ, **{k: str(d/k.lower()) for k in names}, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    res["JUPYTER_PATH"] = os.pathsep.join([str(root/"share/jupyter"), *filter(None, [os.environ.get("JUPYTER_PATH")])])
    for k in names: Path(res[k]).mkdir()
    for k,v in quiet.items(): setting(res, k, **v)
    return res

@pytest.fixture(scope="session")
def server(env, tmp_path_factory):
    res = Server(env, tmp_path_factory.mktemp("work"))
    yield res
    res.stop()

# -- browser

@pytest.fixture(scope="module")
def browser():
    "Chromium; one a module, as Playwright's loop would be in the way of other tests"
    if not sync_playwright: pytest.skip("NOT TESTED: playwright is not installed, see the extra `e2e`")
    exe = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if not exe: pytest.skip("NOT TESTED: no Chromium; on Debian: apt-get install chromium")
    expect.set_options(timeout=20_000)
    with sync_playwright() as p:
        b = p.chromium.launch(executable_path=exe, args=[f"--{o}" for o in flags])
        yield b.new_context(viewport=dict(width=1280, height=900))  # one for all pages: they share what they have loaded
        b.close()

@pytest.fixture(scope="module")
def new_book(browser, server, kernel, title):
    "Open a notebook, new or of this `name`, in a page: of JupyterLab, or at `url` of another frontend"
    def inner(*cells, url="doc/tree/{}", name=None):
        new = name or f"book{len(list(server.folder.glob('*.ipynb')))}.ipynb"
        if not name: write_book(server.folder/new, kernel, *cells)
        res = Book(browser, server, url.format(new), title)
        res.name = new
        return res
    yield inner
    for o in list(Book.opened): o.close()
    server.end_kernels()

@pytest.fixture
def open_book(new_book):
    "Like `new_book`, for one test, after which no error may stand in the browser's console"
    made = []
    def inner(*args, **kw):
        made.append(new_book(*args, **kw))
        return made[-1]
    yield inner
    for o in made: o.close()
    assert not (errors := [e for o in made for e in o.errors]), errors

@pytest.fixture
def open_page(browser, server):
    "Open any page of the server"
    made = []
    def inner(url):
        made.append(Book(browser, server, url))
        return made[-1]
    yield inner
    for o in made: o.close()

@pytest.fixture(scope="module")
def shared(new_book):
    "The page that the tests of a module share, while they pass: a list of one, or none"
    return []

@pytest.fixture
def book(shared, new_book, request):
    "A notebook with one empty cell, in JupyterLab unless the module's `url` names another frontend; the browser has no errors to report afterwards"
    if shared: shared[0].clear()
    else: shared.append(new_book(url=getattr(request.module, "url", "doc/tree/{}")))
    b = shared[0]
    b.errors.clear()
    yield b
    if getattr(request.node, "failed", True): shared.pop().close()
    elif b.errors:
        shared.pop().close()
        pytest.fail(f"errors in the browser's console: {b.errors}")
