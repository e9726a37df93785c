"A kernel in a container, as a person meets it in JupyterLab: picked by its name, run, interrupted, restarted, gone. Pictures are kept."
import os, shutil
from boxes import containers
from helpers import until
import pytest

playwright = pytest.importorskip("playwright.sync_api", reason="NOT TESTED: playwright is not installed, see the extra `e2e`")
from pages import Book, Server, write_book

flags = "no-sandbox disable-gpu disable-quic no-first-run disable-background-networking disable-component-update disable-sync".split()

@pytest.fixture(scope="module")
def notebook(lab):
    "A notebook of the environment `lab` in a browser"
    exe = shutil.which("chromium")
    if not exe: pytest.skip("NOT TESTED: no Chromium; on Debian: apt-get install chromium")
    folder = lab.folder/"lab-books"
    folder.mkdir(exist_ok=True)  # a test that is run again makes this anew
    os.chown(folder, 1000, 1000)
    write_book(folder/"book.ipynb", "lab")
    home = lab.folder/"lab-home"
    home.mkdir(exist_ok=True)
    env = {**os.environ, **lab.variables, "HOME": str(home), "JUPYTERLAB_SETTINGS_DIR": str(home),
        "JUPYTERLAB_WORKSPACES_DIR": str(home)}
    server = Server(env, folder)
    with playwright.sync_playwright() as p:
        browser = p.chromium.launch(executable_path=exe, args=[f"--{flag}" for flag in flags])
        book = Book(browser.new_context(viewport=dict(width=1280, height=900)), server, "doc/tree/book.ipynb", "lab")
        yield book
        book.close()
        server.end_kernels()
        until(lambda: not containers(), "the end of all containers", 30)
        browser.close()
    server.stop()

def test_a_cell_runs_in_the_container(notebook):
    cell = notebook.run(
        "import os, socket\n"
        "print('user', os.getuid(), 'pid', os.getpid())\n"
        "[name for _,name in socket.if_nameindex()]", timeout=60)
    text = notebook.text(cell)
    notebook.picture("container")
    assert "user 1000" in text and "['lo']" in text

def test_an_interrupt_reaches_it(notebook):
    cell = notebook.running(notebook.start("import time\nprint('on')\ntime.sleep(60)"), "on")
    notebook.click("interrupt")
    notebook.shows(notebook.done(cell), "KeyboardInterrupt")

def test_a_restart_gives_a_fresh_one(notebook):
    notebook.run("kept = 1")
    before = containers()
    notebook.restart()
    notebook.see(lambda: len(containers()) == 1 and containers() != before, "a new container", 60)
    notebook.state("idle", 60)  # what is sent before that JupyterLab forgets
    assert "False" in notebook.text(notebook.run("'kept' in globals()", timeout=60))
    assert len(containers()) == 1
