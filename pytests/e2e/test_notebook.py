"Notebook 7 in Chromium: what it does not share with JupyterLab, and the path of a cell once"

import pytest, re

pytestmark = pytest.mark.e2e
url = "notebooks/{}"

def test_new_notebook_from_the_menu(open_page, title):
    book = open_page("tree")
    book.page.locator(".lm-MenuBar-item", has_text=re.compile("^File$")).click()
    book.page.locator(".lm-Menu-itemLabel", has_text=re.compile("^New$")).hover()
    item = book.page.locator(".lm-Menu-itemLabel", has_text=re.compile("^Notebook$"))
    with book.page.context.expect_page() as new: item.click()
    book.page.close()
    book.page = new.value
    book.page.set_default_timeout(20_000)
    book.dialog.locator("select").select_option(label=title)
    book.accept()
    book.ready(title)
    assert book.text(book.run("6*7")) == "42"

def test_the_kernel_logo_is_shown(book):
    logo = book.page.locator(".jp-NotebookKernelLogo img")
    book.expect(logo).to_be_visible()
    assert logo.evaluate("e => e.naturalWidth") >= 32

def test_a_cell_runs(book):
    cell = book.run("import sys\nprint('out'); print('err', file=sys.stderr)\ndisplay('shown')\n6*7")
    assert {o.strip() for o in book.out(cell).all_inner_texts()} == {"out", "err", "'shown'", "42"}

def test_a_cell_asks(book):
    cell = book.start("x = input('name? ')\nx*2")
    book.answer(cell, "Zoe")
    assert "'ZoeZoe'" in book.text(book.done(cell))

def test_tab_completes(book):
    book.run("import os")
    assert {"getpid", "getppid"} <= set(book.complete("os.getp"))
    book.key("Escape")

def test_interrupt_button(book):
    cell = book.running(book.start("print('on')\nwhile True: pass"), "on")
    book.click("interrupt")
    book.done(cell)
    book.shows(cell, "KeyboardInterrupt")
    book.state("idle")

def test_restart(book):
    book.run("x = 1")
    book.restart()
    book.shows(book.run("x"), "NameError")

def test_a_widget(book):
    cell = book.run(
        "import ipywidgets as w\n"
        "b,l = w.Button(description='Push'),w.Label('none')\n"
        "b.on_click(lambda _: setattr(l, 'value', 'pushed'))\n"
        "w.VBox([b, l])", 60)
    cell.locator("button.jupyter-button").click()
    book.expect(cell.locator(".widget-label")).to_have_text("pushed")

def test_run_all_stops_at_an_error(open_book):
    book = open_book("print('a')", "1/0", "print('c')", url=url)
    book.menu("Run", "Run All Cells")
    book.shows(book.cell(1), "ZeroDivisionError")
    book.expect(book.cell(2).locator(".jp-InputPrompt")).to_have_text("[ ]:")
    assert [book.text(book.cell(i)) for i in (0, 2)] == ["a", ""]
