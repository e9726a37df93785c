"""Commands that ask, output that nobody watched and snapshots, as a person meets them in JupyterLab; pictures are kept.

With `--kernel python3` the pictures show what ipykernel does in their place."""
import sys
from helpers import root
import pytest

pytestmark = pytest.mark.e2e

asks = f"!{sys.executable} {root/'pytests/cells/asks.py'}"

@pytest.mark.ours("the command would wait for ever")
def test_a_command_asks_beside_its_prompt(book):
    cell = book.start(f"{asks} name")
    book.expect(cell.locator(".jp-Stdin-prompt")).to_contain_text("Your name? ")
    book.answer(cell, "Zoe")
    assert "hello Zoe" in book.text(book.done(cell))
    book.picture("command-asks")

@pytest.mark.ours("the command would wait for ever")
def test_a_password_is_hidden(book):
    cell = book.start(f"{asks} password")
    book.expect(cell.locator("input[type=password]")).to_be_visible()
    book.picture("command-password")
    book.answer(cell, "abc")
    text = book.text(book.done(cell))
    assert "secret of 3" in text and "abc" not in text

def test_a_command_that_asks_can_be_interrupted(book):
    cell = book.running(book.start(f"!echo up; {asks[1:]} name"), "up")
    book.picture("command-waits")
    book.click("interrupt")
    book.done(cell)

@pytest.mark.ours("has no %replay")
def test_output_of_a_cell_whose_page_was_closed_is_shown_again(book, new_book):
    code = (root/"pytests/cells/unwatched.py").read_text()
    book.running(book.start(code), "first")
    again = book.page.context.new_page()
    address = book.page.url
    book.page.goto("about:blank")
    kernel = book.server.api("kernels")[0]["id"]
    set_from_outside(book.server, kernel, "go = True")
    book.page.goto(address)
    again.close()
    book.state("idle")
    cell = book.run("%replay")
    book.picture("replay")
    text = book.text(cell)
    assert all(part in text for part in ("first", "line 25", "50/50", "unwatched", "ZeroDivisionError"))
    assert book.out(cell).locator("img").count() == 1  # the figure as it ended up

def set_from_outside(server, kernel, code):
    "Run `code` beside the cell that runs, in a subshell, as another client of the server's kernel"
    from pathlib import Path
    from helpers import connect
    file = next(Path(server.env["JUPYTER_RUNTIME_DIR"]).glob(f"kernel-{kernel}*.json"))
    kc = connect(file)
    kc.run(code, subshell=kc.subshell())
    kc.stop_channels()

@pytest.mark.ours("has no %snapshot")
def test_a_snapshot_outlives_a_restart(book):
    book.run("kept = [1, 2]\ndef f(): return 'of a cell'\n%snapshot")
    book.restart()
    cell = book.run("%restore\nkept, f()")
    assert "([1, 2], 'of a cell')" in book.text(cell)
    book.picture("restore")
