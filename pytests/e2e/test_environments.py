"""Kernels of other environments in JupyterLab: what a person sees of a project, of a notebook's header, of what cannot be made, of a restart

IPYMINI_PICTURES: where pictures of the pages are kept; these tests take some."""
import json, subprocess, sys, tempfile
from pages import Book, write_book
from pathlib import Path
import pytest

from ipymini.environments.make import NoEnvironment, find_uv, header

pytestmark = pytest.mark.e2e

is_spare = "'ipymini.spare' in __import__('sys').modules"

@pytest.fixture
def opened(browser, server, env):
    "Install a kernel with `options`, and open a notebook of it with `cells` in JupyterLab."
    try: find_uv()
    except NoEnvironment: pytest.skip("NOT TESTED: uv is not there: pip install uv")
    books = []
    def make(options, *cells, folder=server.folder):
        out = subprocess.run([sys.executable, "-m", "ipymini", "install", *options, "--yes"], env=env,
            capture_output=True, text=True)
        assert out.returncode == 0, out.stderr
        _,_,name,_,spec = next(line.split() for line in out.stdout.splitlines() if line.startswith("Installed"))
        title = json.loads((Path(spec)/"kernel.json").read_text())["display_name"]
        path = folder/f"{name}.ipynb"
        write_book(path, name, *cells, "")
        books.append(Book(browser, server, f"doc/tree/{path.relative_to(server.folder)}", title))
        return books[-1]
    yield make
    for book in books: book.close()
    server.end_kernels()

def project(parent, name, *deps):
    "A new project below `parent`, which needs `deps`; its folder's name begins with `name`."
    folder = Path(tempfile.mkdtemp(prefix=name, dir=parent))
    (folder/"pyproject.toml").write_text(
        '[project]\n'
        'name = "forecast"\n'
        'version = "0"\n'
        'requires-python = ">=3.11"\n'
        f'dependencies = {list(deps)}\n')
    return folder

def test_what_uv_cannot_make_is_read_in_the_notebook_and_mended_there(opened, server):
    folder = project(server.folder, "unsolvable", "idna>=99")
    book = opened(["--project", str(folder)], folder=folder)
    cell = book.start("import idna\nidna.encode('x')")
    for text in ("NoEnvironment", "idna>=99", "restart the kernel"): book.shows(cell, text)
    book.picture("environments-unsolvable")
    book.shows(book.start("!uv add 'idna<99'"), "+ idna")
    book.state("idle", 60)
    book.restart()
    book.state("idle", 60)
    assert "b'x'" in book.text(book.run("import idna; idna.encode('x')"))
    book.picture("environments-mended")

def test_a_notebook_gets_what_its_first_cell_says(opened):
    book = opened(["--notebook"], header(["idna"]) + "import idna")
    assert "idna" in book.text(book.run("idna = __import__('idna'); idna.__name__"))
    book.picture("environments-header")

def test_a_restart_takes_a_spare(opened, server):
    book = opened([])
    book.see(lambda: [pid for pid in spares(server.proc.pid)], "a spare to wait")
    book.restart()
    assert "True" in book.text(book.run(is_spare))
    book.picture("environments-spare")

def spares(parent):
    "The spare processes of the server."
    out = subprocess.run(["ps", "-ww", "-o", "pid=,args=", "--ppid", str(parent)], capture_output=True, text=True).stdout
    return [line.split()[0] for line in out.splitlines() if line.split()[-1] == "spare"]
