"JupyterLab in Chromium, as a person uses it"

import re
from helpers import until
from pages import setting
import pytest

pytestmark = pytest.mark.e2e

# -- launcher

def test_launcher_tile_has_a_logo_and_opens_a_notebook(open_page, title, kernel):
    book = open_page("lab/workspaces/launcher?reset")
    tile = book.page.locator(".jp-LauncherCard[data-category=Notebook]", has_text=title)
    book.expect(tile).to_be_visible()
    logo = tile.locator("img")
    assert f"/kernelspecs/{kernel}/" in logo.get_attribute("src")
    until(lambda: logo.evaluate("e => e.complete && e.naturalWidth >= 32"), "the logo to load")
    tile.click()
    book.ready(title)
    assert book.text(book.run("6*7")) == "42"

# -- cells and their outputs

def test_streams_and_result(book):
    cell = book.run("import sys\nfor i in range(3): print(i)\nprint('err', file=sys.stderr)\n6*7")
    assert sorted(book.out(cell).all_inner_texts()) == ["0\n1\n2\n", "42", "err\n"]
    book.expect(cell.locator("[data-mime-type='application/vnd.jupyter.stderr']")).to_have_text("err\n")
    book.expect(cell.locator(".jp-OutputPrompt").last).to_have_text(re.compile(r"\[\d+\]:"))

def test_traceback(book):
    tb = book.out(book.run("def f(): return 1/0\nf()"))
    book.expect(tb).to_contain_text("ZeroDivisionError: division by zero")
    book.expect(tb).to_contain_text("----> 1 def f(): return 1/0")
    book.expect(tb.locator("[class*=ansi-]").first).to_be_visible()

png = "from base64 import b64decode\nfrom IPython.display import *\nimport struct, zlib\n" \
    "def part(t, b): return struct.pack('>I', len(b)) + t + b + struct.pack('>I', zlib.crc32(t+b))\n" \
    "Image(b'\\x89PNG\\r\\n\\x1a\\n' + part(b'IHDR', struct.pack('>IIBBBBB', 40, 30, 8, 0, 0, 0, 0)) + part(b'IDAT', zlib.compress((b'\\0'+b'\\x80'*40)*30)) + part(b'IEND', b''))"
svg = '<svg xmlns="http://www.w3.org/2000/svg" width="20" height="20"><circle r="9"/></svg>'
shown = [
    ("HTML",      "from IPython.display import *\nHTML('<b class=\"mine\">bold</b>')",            "b.mine"),
    ("PNG",       png,                                                                           "img[src^='data:image/png']"),
    ("SVG",       f"from IPython.display import *\nSVG('''{svg}''')",
        ".jp-RenderedSVG svg, .jp-RenderedSVG img"),
    ("LaTeX",     "from IPython.display import *\nMath(r'\\frac{x^2}{3}')",                      "mjx-container"),
    ("Markdown",  "from IPython.display import *\nMarkdown('# A title')",                        "h1"),
    ("JSON",      "from IPython.display import *\nJSON({'name': {'deep': 1}})",
        ".jp-RenderedJSON:has-text('name')"),
    ("DataFrame", "import pandas as pd\npd.DataFrame(dict(a=[1, 2], b=['x', 'y']))",
        "table.dataframe td >> text=y"),
    ("figure",    "import matplotlib.pyplot as plt\nplt.plot([1, 3, 2]);",
        "img[src^='data:image/png']"),
    ("plotly",    "import plotly.graph_objects as go\ngo.Figure(go.Bar(y=[1, 3, 2]))",
        ".js-plotly-plot .point")]

@pytest.mark.parametrize("code,css", [o[1:] for o in shown], ids=[o[0] for o in shown])
def test_rich_output(book, code, css):
    cell = book.run(code, timeout=60)
    book.expect(cell.locator(css).first).to_be_visible()
    assert book.out(cell).count() == 1, book.text(cell)

def test_html_magic(book):
    book.expect(book.out(book.run("%%html\n<i class='mine'>slanted</i>")).locator("i.mine")).to_be_visible()

def test_an_updated_display(book):
    cell = book.run("h = display('one', display_id=True)")
    book.run("h.update('two')")
    book.expect(book.out(cell)).to_have_text("'two'")

def test_clear_output_while_running(book):
    cell = book.run(
        "from IPython.display import clear_output\n"
        "for i in range(20):\n"
        "    clear_output(wait=True)\n"
        "    print('step', i)")
    book.expect(book.out(cell)).to_have_text("step 19\n")

def test_tqdm(book):
    cell = book.run("from tqdm.auto import tqdm\nfor i in tqdm(range(30)): pass", 60)
    book.expect(cell.locator(".widget-html").first).to_have_text("100%")
    book.expect(cell.locator(".progress-bar-success")).to_be_visible()
    assert book.out(cell).count() == 1, book.text(cell)

def test_rich_bar(book):
    cell = book.run("from rich.progress import track\nfor i in track(range(30)): pass", 60)
    book.expect(cell).to_contain_text("Working...")
    book.expect(cell).to_contain_text("100%")

def test_fifty_thousand_lines(book):
    cell = book.run("for i in range(50_000): print(i)", 60)
    lines = "".join(book.out(cell).all_text_contents()).split()
    assert lines == [str(i) for i in range(50_000)]

def test_pager(book):
    cell = book.run("print?")
    book.expect(book.page.locator(".jp-OutputArea-output", has_text="Prints the values to a stream")).to_be_visible()
    assert "[" in cell.inner_text()

# -- help

def test_tab_completes(book):
    book.run("import os")
    assert {"getpid", "getppid"} <= set(book.complete("os.getp"))
    book.key("Escape")

def test_a_chosen_completion_is_put_in(book):
    book.run("a_long_name = 6*7")
    assert book.complete("a_lon") == ["a_long_name"]
    book.key("Enter")
    book.expect(book.cells.last.locator(".cm-content")).to_have_text("a_long_name")

def test_shift_tab_tells(book):
    assert "Prints the values to a stream" in book.tooltip("print")
    book.key("Escape")

@pytest.mark.ours("it answers when the cell has ended")
def test_tab_completes_while_a_cell_runs(book):
    book.run("import os, time")
    cell = book.running(book.start("print('on')\nwhile True: time.sleep(.001)"), "on")
    assert {"getpid", "getppid"} <= set(book.complete("os.getp"))
    book.key("Escape")
    book.state("busy")
    book.click("interrupt")
    book.shows(cell, "KeyboardInterrupt")

@pytest.mark.ours("it answers when the cell has ended")
def test_shift_tab_tells_while_a_cell_runs(book):
    cell = book.running(book.start("print('on')\nwhile True: pass"), "on")
    assert "Prints the values to a stream" in book.tooltip("print")
    book.key("Escape")
    book.state("busy")
    book.click("interrupt")
    book.shows(cell, "KeyboardInterrupt")

# -- questions

def test_input(book):
    cell = book.start("x = input('name? ')\nx*2")
    book.expect(cell.locator(".jp-Stdin-prompt")).to_contain_text("name? ")
    book.answer(cell, "Zoe")
    assert book.text(book.done(cell)) == "name?  Zoe\n\n'ZoeZoe'"

def test_getpass(book):
    cell = book.start("import getpass\nx = getpass.getpass('word? ')\nlen(x)")
    book.expect(cell.locator("input[type=password]")).to_be_visible()
    book.answer(cell, "secret")
    book.done(cell)
    assert book.out(cell).last.inner_text() == "6"
    assert "secret" not in book.text(cell)

def test_debug_magic(book):
    book.run("def f(x): return 1/x\nf(0)")
    cell = book.start("%debug")
    for line,reply in ("p x+5", "5"), ("up", "f(0)"), ("q", ""):
        book.expect(cell.locator(".jp-Stdin").last).to_contain_text("ipdb>")
        book.answer(cell, line)
        if reply: book.expect(cell).to_contain_text(reply)
    book.done(cell)

# -- interrupt, restart, death

@pytest.mark.parametrize("code", ["while True: pass", "import time; time.sleep(60)", "input('? ')",
    pytest.param("import asyncio; await asyncio.sleep(60)", marks=pytest.mark.ours("it goes on waiting"))],
    ids=["loop", "sleep", "input", "await"])
def test_interrupt_button(book, code):
    cell = book.running(book.start(f"print('on')\n{code}"), "on")
    if "input" in code: book.expect(cell.locator(".jp-Stdin-input")).to_be_visible()
    book.state("busy")
    book.click("interrupt")
    book.done(cell)
    book.shows(cell, "KeyboardInterrupt")
    book.state("idle")
    assert book.text(book.run("6*7")) == "42"

def test_restart(book):
    book.run("x = 1")
    book.restart()
    cell = book.run("x")
    book.shows(cell, "NameError")
    book.expect(cell.locator(".jp-InputPrompt")).to_have_text("[1]:")

def test_restart_of_a_running_kernel(book):
    book.running(book.start("print('on')\nwhile True: pass"), "on")
    book.restart()
    book.expect(book.page.locator(".jp-Notebook .jp-Cell").first.locator(".jp-InputPrompt")).to_have_text("[ ]:")
    book.state("idle")
    assert book.text(book.run("6*7")) == "42"

def test_restart_and_run_all(book):
    cells = [book.run(o) for o in ("import os\nn = globals().get('n', 0) + 1", "print('run', n, 'in', os.getpid())", "n+1")]
    before = book.text(cells[1])
    book.restart("restart-and-run")
    book.see(lambda: book.text(cells[1]) not in ("", before), "the cells to run in another process")
    assert book.text(cells[1]).startswith("run 1 in")
    book.shows(cells[2], "2")
    for i,c in enumerate(cells): book.expect(c.locator(".jp-InputPrompt")).to_have_text(f"[{i+1}]:")

deaths = dict(exit="import os; os._exit(9)", segfault="import ctypes; ctypes.string_at(0)")

def die(book, code):
    "Run `code`, which ends the kernel; wait for the next one"
    book.start(code)
    book.expect(book.dialog).to_contain_text("restart automatically", timeout=30_000)
    book.accept()
    book.expect(book.dialog).to_have_count(0)
    book.state("idle")

@pytest.mark.parametrize("code", deaths.values(), ids=deaths)
def test_a_dead_kernel_is_started_anew(book, code):
    die(book, code)
    assert "42" in book.text(book.run("6*7"))

@pytest.mark.ours("it does not tell")
@pytest.mark.parametrize("code", deaths.values(), ids=deaths)
def test_the_next_kernel_tells_what_killed_the_last(book, code):
    die(book, code)
    said = book.text(book.run("6*7"))
    assert "The kernel before this one died" in said and code in said
    assert ("Segmentation fault" in said) == ("ctypes" in code)
    assert book.text(book.run("6*7")) == "42"

# -- several cells

def test_run_all_stops_at_an_error(open_book):
    book = open_book("print('a')", "print('b')", "1/0", "print('d')", "print('e')", "")
    book.menu("Run", "Run All Cells")
    book.shows(book.cell(2), "ZeroDivisionError")
    book.expect(book.cell(3).locator(".jp-InputPrompt")).to_have_text("[ ]:")
    book.state("idle")
    assert [book.text(book.cell(i)) for i in (0, 1, 3, 4)] == ["a", "b", "", ""]
    assert book.text(book.run("6*7")) == "42"

watch = "e => { window.seen = [e.dataset.status]; new MutationObserver(() => { if (e.dataset.status != window.seen.at(-1)) window.seen.push(e.dataset.status) }).observe(e, {attributes: true}) }"

def busy_until_interrupted(book, cell):
    book.bar("Busy")
    book.state("busy")
    book.click("interrupt")
    book.done(cell)
    book.bar("Idle")
    book.state("idle")

def test_status_while_cells_run(book):
    book.sign.evaluate(watch)
    book.running(book.start("import time\nprint('on')\ntime.sleep(.5)"), "on")
    book.start("time.sleep(.2)")
    book.done(book.start("1"))
    book.state("idle")
    assert set(book.page.evaluate("window.seen")) == {"idle", "busy"}

@pytest.mark.ours("it answers when the cell has ended")
def test_status_is_busy_after_help_while_a_cell_runs(book):
    cell = book.running(book.start("import time\nprint('on')\nwhile True: time.sleep(.001)"), "on")
    assert "Prints the values to a stream" in book.tooltip("print")
    book.key("Escape")
    busy_until_interrupted(book, cell)

def test_two_pages_on_one_kernel(book, open_book):
    other = open_book(name=book.name)
    book.run("shared = 6*7")
    assert other.text(other.run("shared+1")) == "43"
    cell = other.running(other.start("print('on')\nimport time; time.sleep(60)"), "on")
    book.state("busy")
    book.click("interrupt")
    other.shows(cell, "KeyboardInterrupt")
    book.state("idle")
    other.state("idle")
    assert book.text(book.run("shared+2")) == "44"
    for o in book, other: o.errors[:] = [e for e in o.errors if "Comm not found" not in e]  # each page hears of the other's comms

# -- widgets

def test_slider(book):
    cell = book.run("import ipywidgets as w\ns = w.IntSlider(5); s", 60)
    handle = cell.locator(".noUi-handle")
    handle.focus()
    book.key("ArrowRight", "ArrowRight")
    book.expect(cell.locator(".widget-readout")).to_have_text("7")
    until(lambda: book.text(book.run("s.value")) == "7", "the kernel to have the slider's value")

def test_kernel_moves_a_slider(book):
    cell = book.run("import ipywidgets as w\ns = w.IntSlider(5); s", 60)
    book.run("s.value = 9")
    book.expect(cell.locator(".widget-readout")).to_have_text("9")

clicks = "import ipywidgets as w\nb,o = w.Button(description='Push'),w.Output()\nn = 0\n@o.capture()\ndef hit(_):\n    global n\n    n += 1\n    print('hit', n)\n" \
    "b.on_click(hit)\nw.VBox([b, o])"

def test_button_prints_into_an_output_widget(book):
    cell = book.run(clicks, 60)
    button = cell.locator("button.jupyter-button")
    button.click()
    book.expect(cell.locator(".jupyter-widgets .jp-OutputArea-output")).to_have_text("hit 1\n")
    button.click()
    book.expect(cell.locator(".jupyter-widgets .jp-OutputArea-output")).to_have_text("hit 1\nhit 2\n")

def test_progress_while_a_cell_runs(book):
    book.run("import ipywidgets as w, time", 60)
    cell = book.start(
        "p,l = w.IntProgress(0, max=4),w.Label('at 0')\n"
        "display(p, l)\n"
        "for i in range(1, 5):\n"
        "    p.value,l.value = i,f'at {i}'\n"
        "    input('on? ')")
    for i in range(1, 5):
        book.expect(cell.locator(".widget-label:not([style*=none])")).to_have_text(f"at {i}")
        assert f"width: {25*i}%" in cell.locator(".progress-bar").get_attribute("style")
        book.answer(cell, "")
    book.done(cell)

@pytest.fixture(params=["disabled", "perComm", "perCommTarget"])
def over(request, env):
    "JupyterLab's setting where comm messages go: the main shell, a subshell for each comm or for each target"
    setting(env, "apputils-extension/kernels-settings", commsOverSubshells=request.param)
    yield request.param
    setting(env, "apputils-extension/kernels-settings")

def hits(book, cell, n):
    book.expect(cell.locator(".jupyter-widgets .jp-OutputArea-output")).to_have_text("".join(f"hit {i+1}\n"
        for i in range(n)))

def test_widgets_whatever_way_comms_go(over, open_book):
    book = open_book()
    cell = book.run(clicks, 60)
    for i in 1, 2:
        cell.locator("button.jupyter-button").click()
        hits(book, cell, i)

@pytest.mark.ours("a button is dead while a cell runs")
@pytest.mark.parametrize("over", ["perComm", "perCommTarget"], indirect=True)
def test_a_button_works_while_a_cell_runs(over, open_book):
    book = open_book()
    cell = book.run(clicks, 60)
    long = book.running(book.start("import time\nprint('on')\nwhile n < 2: time.sleep(.01)\nn"), "on")
    for i in 1, 2:
        cell.locator("button.jupyter-button").click()
        hits(book, cell, i)
    assert book.text(book.done(long)) == "on\n\n2"

@pytest.mark.ours("a button is dead while a cell runs")
def test_status_is_busy_after_a_button_while_a_cell_runs(open_book):
    book = open_book()
    cell = book.run(clicks, 60)
    long = book.running(book.start("import time\nprint('on')\nwhile True: time.sleep(.01)"), "on")
    n = book.idles("comm_msg")
    cell.locator("button.jupyter-button").click()
    hits(book, cell, 1)
    book.see(lambda: book.idles("comm_msg") > n, "the end of the click")
    book.drawn()
    busy_until_interrupted(book, long)

# -- debugger

def test_debugger_by_click(open_book):
    book = open_book("def add(a, b):\n    c = a + b\n    d = c * 2\n    return d\n\nx = add(1, 2)\nprint('x is', x)")
    page,cell = book.page,book.cell(0)
    page.locator("[data-jp-item-name=debugger-icon] [title='Enable Debugger']").click()
    book.expect(cell.locator(".cm-gutter.cm-breakpoint-gutter")).to_be_visible()
    cell.locator(".cm-gutter.cm-breakpoint-gutter .cm-gutterElement").nth(2).click()
    book.expect(cell.locator(".cm-breakpoint-icon:visible")).to_have_count(1)
    cell.locator(".cm-content").click()
    book.key("Control+Enter")
    frames = page.locator(".jp-DebuggerCallstackFrame")
    book.expect(frames.first).to_contain_text("add")
    variables = page.locator(".jp-DebuggerVariables-body:visible")
    where = page.locator(".jp-DebuggerEditor-highlight")
    book.expect(where).to_have_text("    c = a + b")
    for o in ("a1", "b2"): book.expect(variables).to_contain_text(o)
    page.locator("[data-command='debugger:next']").click()
    book.expect(where).to_have_text("    d = c * 2")
    book.expect(variables).to_contain_text("c3")
    page.locator("[data-command='debugger:continue']").click()
    book.done(cell)
    assert book.text(cell) == "x is 6"
