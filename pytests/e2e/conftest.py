"""A Jupyter server, Debian's Chromium, and `Book`: a notebook in a page, driven by keyboard and mouse, read as it is shown

`--kernel python3` runs the same on ipykernel, so that a fault of a test is told from one of the kernel. What a failed test showed is kept as a picture."""

import importlib.util, json, os, re, shutil, socket, subprocess, sys, urllib.request
from helpers import root, until
from pathlib import Path
import pytest

pictures = Path(os.environ.get("IPYMINI_PICTURES", root/".venvs/pictures"))
flags = "no-sandbox disable-gpu disable-quic no-first-run disable-background-networking disable-component-update disable-sync".split()
quiet = {"apputils-extension/notification": dict(fetchNews="false", checkForUpdates=False)}
# what frontends themselves say, about neither the kernel nor its messages
noise = re.compile("Canceled future for|favicon|ResizeObserver loop|Failed to load resource")

def pytest_addoption(parser): parser.addoption("--kernel", default="ipymini", help="the kernel that frontends run; python3 is ipykernel")

def pytest_configure(config): config.addinivalue_line("markers", "ours(why): what ipykernel cannot do; run on ipymini only")

def pytest_runtest_setup(item):
    mark = item.get_closest_marker("ours")
    if mark and item.config.getoption("--kernel", "ipymini") != "ipymini": pytest.skip(f"ipymini only: {mark.args[0]}")

@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    "Keep a picture of each page of a test that failed"
    rep = yield
    if call.when == "call": item.failed = rep.failed
    books = [o for o in getattr(item, "funcargs", {}).values() if isinstance(o, Book)]
    if rep.failed and call.when == "call":
        for i,o in enumerate(books): rep.sections.append(("picture", str(o.picture(f"{item.name}-{i}"))))
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
    names = ("HOME", "IPYTHONDIR", "JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR", "JUPYTERLAB_SETTINGS_DIR", "JUPYTERLAB_WORKSPACES_DIR")
    res = {**os.environ, **{k: str(d/k.lower()) for k in names}, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    res["JUPYTER_PATH"] = os.pathsep.join([str(root/"share/jupyter"), *filter(None, [os.environ.get("JUPYTER_PATH")])])
    for k in names: Path(res[k]).mkdir()
    for k,v in quiet.items(): setting(res, k, **v)
    return res

def setting(env, name, **kw):
    "Set what JupyterLab's settings file `name` has"
    f = Path(env["JUPYTERLAB_SETTINGS_DIR"])/f"@jupyterlab/{name}.jupyterlab-settings"
    f.parent.mkdir(parents=True, exist_ok=True)
    f.write_text(json.dumps(kw))

class Server:
    "jupyter_server with JupyterLab, Notebook and voila, in a folder of its own"
    def __init__(self, env, folder):
        for m in ("jupyterlab", "notebook"):
            if not importlib.util.find_spec(m): pytest.skip(f"NOT TESTED: {m} is not installed, see the extra `e2e`")
        with socket.socket() as s:
            s.bind(("127.0.0.1", 0))
            port = s.getsockname()[1]
        self.env,self.folder,self.url,self.log = env,folder,f"http://127.0.0.1:{port}",Path(env["HOME"])/"server.txt"
        conf = dict(port=port, port_retries=0, password="", root_dir=folder, disable_check_xsrf=True)
        args = [*(f"--ServerApp.{k}={v}" for k,v in conf.items()), "--IdentityProvider.token=", "--no-browser", "--allow-root", "--ip=127.0.0.1"]
        with open(self.log, "w") as f:
            self.proc = subprocess.Popen([sys.executable, "-m", "jupyterlab", *args], env=env, stdin=subprocess.DEVNULL, stdout=f, stderr=f, cwd=folder)
        until(self.up, "jupyter_server to answer", 60)

    def up(self):
        assert self.proc.poll() is None, f"jupyter_server ended: {self.log.read_text()[-3000:]}"
        try: return self.api("status")
        except OSError: return None

    def api(self, path, method="GET"):
        "What the server's API says at `path`"
        with urllib.request.urlopen(urllib.request.Request(f"{self.url}/api/{path}", method=method), timeout=20) as r:
            return json.loads(r.read() or "null")

    def kernel_of(self, name): return next(s["kernel"]["id"] for s in self.api("sessions") if s["path"] == name)

    def stop(self):
        self.proc.terminate()
        try: self.proc.wait(20)
        except subprocess.TimeoutExpired: self.proc.kill()

@pytest.fixture(scope="session")
def server(env, tmp_path_factory):
    res = Server(env, tmp_path_factory.mktemp("work"))
    yield res
    res.stop()

# -- browser

@pytest.fixture(scope="module")
def browser():
    "Chromium; one a module, as Playwright's loop would be in the way of other tests"
    if not importlib.util.find_spec("playwright"): pytest.skip("NOT TESTED: playwright is not installed, see the extra `e2e`")
    exe = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if not exe: pytest.skip("NOT TESTED: no Chromium; on Debian: apt-get install chromium")
    from playwright.sync_api import expect, sync_playwright
    expect.set_options(timeout=20_000)
    with sync_playwright() as p:
        b = p.chromium.launch(executable_path=exe, args=[f"--{o}" for o in flags])
        yield b
        b.close()

class Book:
    "A notebook in a browser page. Cells are Playwright's locators; what is run is typed into the last cell, which is empty"
    def __init__(self, browser, server, url, title=None):
        from playwright.sync_api import expect
        self.server,self.expect,self.errors = server,expect,[]
        self.page = browser.new_context(viewport=dict(width=1280, height=900)).new_page()
        self.page.set_default_timeout(20_000)
        self.page.on("console", lambda m: m.type == "error" and self.heard(m.text))
        self.page.on("pageerror", lambda e: self.heard(str(e)))
        self.page.goto(f"{server.url}/{url}")
        if title: self.ready(title)

    def ready(self, title):
        "Wait until the kernel of the name `title` is there; before the page knows its name the page calls it idle"
        self.expect(self.page.locator("[data-jp-item-name=kernelName]").first).to_contain_text(title, timeout=60_000)
        self.state("idle")

    def heard(self, text):
        if not noise.search(text): self.errors.append(text)

    cells   = property(lambda self: self.page.locator(".jp-Notebook .jp-Cell"))
    dialog  = property(lambda self: self.page.locator(".jp-Dialog"))
    sign    = property(lambda self: self.page.locator(".jp-Notebook-ExecutionIndicator"))

    def cell(self, i): return self.cells.nth(i)
    def key(self, *keys):
        for k in keys: self.page.keyboard.press(k)

    def type(self, code):
        "Put `code` into the last cell, which comes back"
        n = self.cells.count()-1
        self.cell(n).locator(".cm-content").click()
        self.page.keyboard.insert_text(code)
        return self.cell(n)

    def start(self, code):
        "Run `code` in the last cell, which comes back at once"
        cell = self.type(code)
        self.key("Shift+Enter")
        return cell

    def run(self, code, timeout=20):
        "Run `code` to its end in the last cell, which comes back"
        return self.done(self.start(code), timeout)

    def done(self, cell, timeout=20):
        self.expect(cell.locator(".jp-InputPrompt")).to_have_text(re.compile(r"\[\d+\]:"), timeout=timeout*1000)
        return cell

    def out(self, cell): return cell.locator(".jp-OutputArea-output")
    def text(self, cell): return "\n".join(self.out(cell).all_inner_texts()).strip()

    def running(self, cell, text=None):
        "Wait until `cell` runs and has shown `text`"
        self.expect(cell.locator(".jp-InputPrompt")).to_have_text("[*]:")
        if text: self.shows(cell, text)
        return cell

    def shows(self, cell, text): self.expect(self.out(cell).filter(has_text=text).first).to_be_visible()
    def state(self, state, timeout=20): self.expect(self.sign).to_have_attribute("data-status", state, timeout=timeout*1000)

    def click(self, name):
        "Click the button `name` of the notebook's toolbar"
        self.page.locator(f"[data-jp-item-name='{name}'] jp-button, [data-jp-item-name='{name}'] button").first.click()

    def menu(self, *names):
        "Choose from the menu bar"
        self.page.locator(".lm-MenuBar-item", has_text=re.compile(f"^{names[0]}$")).click()
        for o in names[1:]: self.page.locator(".lm-Menu-itemLabel", has_text=re.compile(f"^{o}$")).click()

    def accept(self): self.dialog.locator(".jp-mod-accept").click()

    def clear(self):
        "Delete all cells; one empty cell is left"
        self.state("idle")
        self.cells.last.locator(".cm-content").click()
        self.key("Escape", "Control+a", "d", "d")
        self.expect(self.cells).to_have_count(1)
        self.expect(self.cells.first.locator(".cm-content")).to_have_text("")

    def picture(self, name):
        pictures.mkdir(parents=True, exist_ok=True)
        path = pictures/f"{re.sub(r'[^-\w]+', '-', name)}.png"
        try: self.page.screenshot(path=path)
        except Exception as e: return f"no picture: {e}"
        return path

    def close(self): self.page.context.close()

def write_book(server, name, kernel, *cells):
    "A notebook file of `cells`, or of one empty cell"
    import nbformat
    nb = nbformat.v4.new_notebook(metadata=dict(kernelspec=dict(name=kernel, display_name=kernel, language="python")))
    nb.cells = [nbformat.v4.new_code_cell(c) for c in cells or [""]]
    nbformat.write(nb, server.folder/name)

@pytest.fixture(scope="module")
def open_book(browser, server, kernel, title):
    "Open a notebook, new or of this `name`, in a page: of JupyterLab, or at `url` of another frontend"
    made = []
    def inner(*cells, url="doc/tree/{}", name=None):
        new = name or f"book{len(list(server.folder.glob('*.ipynb')))}.ipynb"
        if not name: write_book(server, new, kernel, *cells)
        made.append(Book(browser, server, url.format(new), title))
        made[-1].name = new
        return made[-1]
    yield inner
    for o in made: o.close()

@pytest.fixture(scope="module")
def shared(open_book):
    "The page that the tests of a module share, while they pass: a list of one, or none"
    return []

@pytest.fixture
def book(shared, open_book, request):
    "A notebook with one empty cell, in JupyterLab unless the module's `url` names another frontend; the browser has no errors to report afterwards"
    if shared: shared[0].clear()
    else: shared.append(open_book(url=getattr(request.module, "url", "doc/tree/{}")))
    b = shared[0]
    b.errors.clear()
    yield b
    if getattr(request.node, "failed", True): shared.pop().close()
    elif b.errors:
        shared.pop().close()
        pytest.fail(f"errors in the browser's console: {b.errors}")
