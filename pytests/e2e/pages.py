"`Server`: Jupyter's, with its frontends; `Book`: a notebook in a browser page, driven by keyboard and mouse, read as it is shown"

import importlib.util, json, os, re, socket, subprocess, sys, urllib.request
from helpers import root, until
from pathlib import Path
import pytest
try: from playwright.sync_api import expect
except ImportError: pass  # then there is no browser, and nothing here is used

pictures = Path(os.environ.get("IPYMINI_PICTURES", root/".venvs/pictures"))
# what frontends themselves say, about neither the kernel nor its messages
noise = re.compile("Canceled future for|favicon|ResizeObserver loop|Failed to load resource|shared module is not a function|reading 'schema'|Command '.*' not registered")

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
        args = [*(f"--ServerApp.{k}={v}" for k,v in conf.items()), "--IdentityProvider.token=", "--no-browser",
            "--allow-root", "--ip=127.0.0.1"]
        with open(self.log, "w") as f:
            self.proc = subprocess.Popen([sys.executable, "-m", "jupyterlab", *args], env=env,
                stdin=subprocess.DEVNULL, stdout=f, stderr=f, cwd=folder)
        until(self.up, "jupyter_server to answer", 60)

    def up(self):
        assert self.proc.poll() is None, f"jupyter_server ended: {self.log.read_text()[-3000:]}"
        try: return self.api("status")
        except OSError: return None

    def api(self, path, method="GET"):
        "What the server's API says at `path`"
        with urllib.request.urlopen(urllib.request.Request(f"{self.url}/api/{path}", method=method), timeout=20) as r:
            return json.loads(r.read() or "null")

    def end_kernels(self): [self.api(f"kernels/{k['id']}", "DELETE") for k in self.api("kernels")]

    def stop(self):
        self.proc.terminate()
        try: self.proc.wait(20)
        except subprocess.TimeoutExpired: self.proc.kill()

class Book:
    "A notebook in a browser page. Cells are Playwright's locators; what is run is typed into the last cell, which is empty"
    opened = []

    def __init__(self, browser, server, url, title=None):
        self.server,self.expect,self.errors,self.frames = server,expect,[],[]
        self.page = browser.new_page()
        self.page.set_default_timeout(20_000)
        self.page.on("websocket", lambda ws: ws.on("framereceived",
            lambda o: self.frames.append(o if isinstance(o, bytes) else o.encode())))
        self.opened.append(self)
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

    def out(self, cell):
        return cell.locator(".jp-Cell-outputArea > .jp-OutputArea-child > .jp-OutputArea-output:not(.jp-Stdin)")
    def text(self, cell): return "\n".join(self.out(cell).all_inner_texts()).strip()

    def running(self, cell, text=None):
        "Wait until `cell` runs and has shown `text`"
        self.expect(cell.locator(".jp-InputPrompt")).to_have_text("[*]:")
        if text: self.shows(cell, text)
        return cell

    def shows(self, cell, text): self.expect(self.out(cell).filter(has_text=text).first).to_be_visible()
    def idles(self, type):
        "How often the page has been told that a request of this `type` is done"
        return sum(b'"msg_type":"status"' in o and f'"msg_type":"{type}"'.encode() in o and b'"idle"' in o for o in self.frames)

    def see(self, cond, what, timeout=20):
        "Wait for `cond()`, while the page goes on"
        def look():
            self.page.wait_for_timeout(20)
            return cond()
        return until(look, what, timeout)

    def drawn(self):
        "Wait until the page has drawn what it has received"
        self.page.evaluate("new Promise(r => requestAnimationFrame(() => setTimeout(() => requestAnimationFrame(r), 50)))")

    def state(self, state, timeout=20):
        self.expect(self.sign).to_have_attribute("data-status", state, timeout=timeout*1000)
    def bar(self, state):
        self.expect(self.page.locator(".jp-StatusBar-TextItem, .jp-StatusBar-Widget",
            has_text=f"| {state}").first).to_be_visible()

    def click(self, name):
        "Click the button `name` of the notebook's toolbar"
        self.page.locator(f"[data-jp-item-name='{name}'] jp-button, [data-jp-item-name='{name}'] button").first.click()

    def menu(self, *names):
        "Choose from the menu bar"
        self.page.locator(".lm-MenuBar-item", has_text=re.compile(f"^{names[0]}$")).click()
        for o in names[1:]: self.page.locator(".lm-Menu-itemLabel", has_text=re.compile(f"^{o}$")).click()

    def accept(self): self.dialog.locator(".jp-mod-accept").click()

    def restart(self, button="restart"):
        self.click(button)
        self.accept()
        self.expect(self.dialog).to_have_count(0)

    def complete(self, text):
        "Type `text` into the last cell, press Tab; the names offered"
        self.expect(self.type(text).locator(".jp-mod-completer-enabled")).to_be_visible()
        self.key("Tab")
        self.expect(self.page.locator(".jp-Completer")).to_be_visible()
        return self.page.locator(".jp-Completer-match").all_inner_texts()

    def tooltip(self, text):
        "Type `text` into the last cell, press Shift-Tab; the help shown"
        self.type(text)
        self.key("Shift+Tab")
        self.expect(self.page.locator(".jp-Tooltip")).to_be_visible()
        return self.page.locator(".jp-Tooltip").inner_text()

    def answer(self, cell, text):
        "Type `text` where `cell` asks, which has the focus"
        field = cell.locator(".jp-Stdin-input").last
        self.expect(field).to_be_focused()
        this = field.element_handle()
        self.page.keyboard.type(text)
        self.key("Enter")
        self.page.wait_for_function("e => document.activeElement != e", arg=this)

    def clear(self):
        "Delete all cells; one empty cell is left"
        self.state("idle")
        self.cells.last.locator(".cm-content").click()
        self.key("Escape", "Control+a", "d", "d")
        self.expect(self.cells).to_have_count(1)
        self.expect(self.cells.first.locator(".cm-content")).to_have_text("")

    def picture(self, name):
        pictures.mkdir(parents=True, exist_ok=True)
        path = pictures/(re.sub(r"[^-\w]+", "-", name) + ".png")
        try: self.page.screenshot(path=path)
        except Exception as e: return f"no picture: {e}"
        return path

    def close(self):
        if self in self.opened: self.opened.remove(self)
        self.page.close()

def write_book(path, kernel, *cells):
    "A notebook file of `cells`, or of one empty cell"
    import nbformat
    nb = nbformat.v4.new_notebook(metadata=dict(kernelspec=dict(name=kernel, display_name=kernel, language="python")))
    nb.cells = [nbformat.v4.new_code_cell(c) for c in cells or [""]]
    nbformat.write(nb, path)
