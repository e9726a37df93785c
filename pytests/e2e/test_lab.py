"""JupyterLab in Chromium, as a person uses it"""

import re
import pytest

pytestmark = pytest.mark.e2e

# -- cells and their outputs

def test_streams_and_result(book):
    cell = book.run("import sys\nfor i in range(3): print(i)\nprint('err', file=sys.stderr)\n6*7")
    assert sorted(book.out(cell).all_inner_texts()) == ["0\n1\n2\n", "42", "err\n"]
    book.expect(cell.locator("[data-mime-type='application/vnd.jupyter.stderr']")).to_have_text("err\n")
    book.expect(cell.locator(".jp-OutputPrompt").last).to_have_text(re.compile(r"\[\d+\]:"))

def test_traceback(book):
    cell = book.run("def f(): return 1/0\nf()")
    tb = book.out(cell)
    book.expect(tb).to_contain_text("ZeroDivisionError: division by zero")
    book.expect(tb).to_contain_text("----> 1 def f(): return 1/0")
    book.expect(tb.locator("[class*=ansi-]").first).to_be_visible()
