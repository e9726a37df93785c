"Tools that run notebooks and scripts, each once on the kernel of --kernel: jupyter run, nbconvert, papermill, voila"

import subprocess, sys
from pages import write_book
import nbformat, pytest

pytestmark = pytest.mark.e2e
cells = ["n = 3", "import sys\nfor i in range(n): print(i)\nprint('err', file=sys.stderr)\nn*14",
    "from IPython.display import HTML\n"
    "HTML('<b>bold</b>')"]

@pytest.fixture
def run(env, tmp_path):
    "Run a Python module in `tmp_path`"
    def inner(*args):
        r = subprocess.run([sys.executable, "-m", *map(str, args)], capture_output=True, text=True, env=env,
            cwd=tmp_path, stdin=subprocess.DEVNULL, timeout=60)
        assert r.returncode == 0, r.stdout + r.stderr
        return r
    return inner

def outputs(path):
    return [[o.get("text") or o["data"].get("text/html") or o["data"]["text/plain"] for o in c.outputs]
        for c in nbformat.read(path, 4).cells]

def test_jupyter_run(run, kernel, tmp_path):
    (tmp_path/"a.py").write_text("print('hi')\n6*7\n")
    assert run("jupyter", "run", "--kernel", kernel, "a.py").stdout == "hi\n42"

def test_nbconvert(run, kernel, tmp_path):
    write_book(tmp_path/"a.ipynb", kernel, *cells)
    run("nbconvert", "--to", "notebook", "--execute", "a.ipynb", "--output", "b.ipynb")
    got = outputs(tmp_path/"b.ipynb")
    assert [got[0], sorted(got[1]), got[2]] == [[], ["0\n1\n2\n", "42", "err\n"], ["<b>bold</b>"]]

def test_papermill(run, kernel, tmp_path):
    write_book(tmp_path/"a.ipynb", kernel, *cells)
    r = run("papermill", "a.ipynb", "b.ipynb")
    assert sorted(outputs(tmp_path/"b.ipynb")[1]) == ["0\n1\n2\n", "42", "err\n"]
    assert "Warning" not in r.stderr

def test_voila_shows_a_page_with_a_widget(open_page, server, kernel):
    code = "import ipywidgets as w\ns,l = w.IntSlider(5),w.Label('at 5')\ns.observe(lambda c: setattr(l, 'value', f'at {c.new}'), 'value')\nprint('said')\nw.VBox([s, l])"
    write_book(server.folder/"voila.ipynb", kernel, code)
    book = open_page("voila/render/voila.ipynb")
    book.expect(book.page.locator("body")).to_contain_text("said")
    book.page.locator(".noUi-handle").focus()
    book.key("ArrowRight")
    book.expect(book.page.locator(".widget-label", has_text="at")).to_have_text("at 6")
    assert not book.errors
