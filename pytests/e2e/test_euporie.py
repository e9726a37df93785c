"""euporie's preview, which runs a notebook without a terminal and takes the reply of a cell for its end

It has an environment of its own: it asks for older versions of what the other frontends need."""
import subprocess, sys
from helpers import need, patience, root
from pages import write_book
import pytest

pytestmark = pytest.mark.e2e

cells = ["from tqdm.auto import tqdm\nfor _ in tqdm(range(3), desc='counted'): pass",
    "import ipywidgets\nipywidgets.IntSlider(value=7, description='slide')", "print('the', 'end')"]

@pytest.fixture(scope="module")
def preview(kernel, tmp_path_factory):
    """euporie's preview, in an environment that has the kernel. Of one elsewhere that is to run `python` it would start the
    Python from which its environment was made, which has no kernel, and wait for ever."""
    need("uv")
    venv = tmp_path_factory.mktemp("euporie")/"venv"
    uv = [sys.executable, "-m", "uv", "-q"]
    subprocess.run([*uv, "venv", "-p", sys.executable, venv], check=True, timeout=60)
    package = ["-e", root] if kernel == "ipymini" else ["ipykernel"]
    subprocess.run([*uv, "pip", "install", "-p", venv, "euporie", "tqdm", "ipywidgets", *package], check=True, timeout=300)
    return venv/"bin/euporie-preview"

@pytest.mark.timeout(600)
def test_the_preview_shows_a_bar_of_tqdm_and_a_widget(kernel, preview, env, tmp_path):
    "A busy machine may have it read a reply before the output, of whichever kernel: what is missing then is looked for in another preview"
    env = {name: value for name,value in env.items() if name != "JUPYTER_PATH"}
    write_book(tmp_path/"book.ipynb", kernel, *cells)
    missing = {"100%", "◀", "slide", "the end"}
    for _ in range(5):
        r = subprocess.run([preview, "--run", "--graphics", "none", "book.ipynb"], cwd=tmp_path, env=env, stdin=subprocess.DEVNULL,
            capture_output=True, text=True, timeout=patience)
        assert r.returncode == 0, r.stderr
        missing = {text for text in missing if text not in r.stdout}
        if not missing: break
    assert missing == set()
