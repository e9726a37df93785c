"""Live figures in JupyterLab: none stays blank, whenever the page's messages reach the kernel

A slider that is shown first has JupyterLab make the subshell for comms; the cells that make figures then run while its messages come. IPYMINI_FIGURE_ROUNDS: how often."""
import os
from importlib.util import find_spec
import pytest

pytestmark = pytest.mark.e2e

rounds = int(os.environ.get("IPYMINI_FIGURE_ROUNDS", 3))
figure = "fig,axes = plt.subplots(5, 5)\nfor ax in axes.flat: ax.plot([{0}, 1, 2])\nfig.canvas.header_visible = False\nfig.canvas"
cells = ["import ipywidgets\nipywidgets.IntSlider()",
    "%matplotlib widget\nimport matplotlib.pyplot as plt\nplt.ioff()", *[figure.format(n) for n in range(6)]]
painted = """() => [...document.querySelectorAll('.jupyter-matplotlib-canvas-div canvas:first-of-type')].filter(c =>
    c.width && c.getContext('2d').getImageData(0, 0, c.width, c.height).data.some(v => v)).length"""

@pytest.mark.timeout(60+40*rounds)
def test_no_figure_stays_blank(new_book):
    if not find_spec("ipympl"): pytest.skip("NOT TESTED: ipympl is not installed")
    book = new_book(*cells)
    book.page.set_viewport_size(dict(width=1280, height=6000))  # JupyterLab draws only what is in sight
    for n in range(rounds):
        book.menu("Edit", "Clear Outputs of All Cells")
        book.see(lambda: book.page.evaluate(painted) == 0, "the figures of the round before to go")
        book.restart("restart-and-run")
        book.see(lambda: book.page.evaluate(painted) == 6, f"six figures to be drawn in round {n}", 60)
