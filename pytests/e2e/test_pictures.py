"The pictures of the documentation: JupyterLab on the tour, as README shows it. `tools/docs --pictures` puts them into docs/."

import shutil
from helpers import root
from pathlib import Path
import pytest

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

def test_the_tour_in_jupyterlab_is_as_readme_shows_it(new_book, server):
    shutil.copy(root/"examples/tour.ipynb", server.folder/"tour.ipynb")
    book = new_book(name="tour.ipynb")
    book.menu("Run", "Run All Cells")
    book.state("idle", timeout=100)
    last = book.cells.last
    book.expect(last.locator(".jp-OutputArea-output")).to_contain_text("has run", timeout=100_000)
    plot = book.page.locator(".jp-OutputArea-output img").first
    plot.scroll_into_view_if_needed()
    book.expect(book.page.locator(".jupyter-widgets").first).to_be_visible()
    book.page.get_by_text("Rich display").first.evaluate("e => e.scrollIntoView()")
    book.drawn()
    assert Path(book.picture("jupyterlab")).stat().st_size > 20_000
    assert not book.errors
