"What libraries show of tables, formulas, pictures and objects"
import pytest
from test_plots import shown

pytestmark = pytest.mark.libs

html = ["text/html", "text/plain"]

@pytest.mark.parametrize("fact,code,mimes", [
    ("pandas_shows_a_table", "import pandas as pd; df = pd.DataFrame(dict(a=[1, 2])); df", html),
    ("pandas_shows_a_style", "df.style.highlight_max()", html),
    ("pandas_shows_a_series", "df.a", ["text/plain"]),
    ("polars_shows_a_table", "import polars as pl; pl.DataFrame(dict(a=[1]))", html),
    ("polars_shows_a_plan", "pl.LazyFrame(dict(a=[1]))", html),
    ("pyarrow_shows_a_table", "import pyarrow as pa; pa.table(dict(a=[1]))", ["text/plain"]),
    ("xarray_shows_an_array", "import xarray as xr; xr.DataArray([1, 2])", html),
    ("sympy_shows_a_formula", "import sympy; sympy.init_printing(); x = sympy.symbols('x'); x**2",
        ["image/png", "text/latex", "text/plain"]),
    ("scikit_learn_shows_a_model", "from sklearn.linear_model import LinearRegression; LinearRegression()", html),
    ("pillow_shows_an_image", "from PIL import Image as I; I.new('RGB', (2, 2))",
        ["image/jpeg", "image/png", "text/plain"]),
    ("networkx_shows_a_graph_as_text", "import networkx as nx; nx.path_graph(2)", ["text/plain"]),
    ("great_tables_shows_a_table", "from great_tables import GT; GT(df)", html),
    ("itables_shows_a_table", "import itables; itables.init_notebook_mode(); df", html),
    ("duckdb_shows_a_relation",
        "itables.init_notebook_mode(all_interactive=False); import duckdb; duckdb.sql('select 1 as a')", html)])
def test_result(kc, fact, code, mimes):
    r = kc.run(code, timeout=90)
    assert r.status == "ok", r
    assert sorted(r.of("execute_result")[0]["data"]) == mimes

def test_pandas_knows_that_it_is_in_a_notebook(kc):
    assert kc.run(
        "from pandas.io.formats import console\n"
        "console.in_ipython_frontend(), console.in_interactive_session()").result == "(True, True)"

def test_pandas_shows_the_progress_of_tqdm(kc):
    r = kc.run(
        "import pandas as pd\n"
        "from tqdm.auto import tqdm\n"
        "tqdm.pandas()\n"
        "pd.Series([1, 2]).progress_apply(lambda x: x).sum()", timeout=60)
    assert r.result in ("3", "np.int64(3)") and any("application/vnd.jupyter.widget-view+json" in o for o in shown(r))

@pytest.mark.parametrize("code,mime", [
    ("HTML('<b>x</b>')", "text/html"), ("Markdown('*x*')", "text/markdown"), ("Latex('$x$')", "text/latex"),
    ("Math('x')", "text/latex"),
    ("SVG('<svg xmlns=\"http://www.w3.org/2000/svg\"/>')", "image/svg+xml"), ("JSON({'a': 1})", "application/json"),
    ("GeoJSON({'type': 'Point', 'coordinates': [0, 0]})", "application/geo+json"),
    ("Javascript('1')", "application/javascript"),
    ("Image(data=b'\\x89PNG\\r\\n\\x1a\\n' + bytes(20), format='png')", "image/png"),
    ("Image(data=b'\\xff\\xd8' + bytes(20), format='jpeg')", "image/jpeg"),
    ("Audio(data=[0, 1], rate=8000)", "text/html"), ("Video(data=b'x', embed=True, mimetype='video/mp4')", "text/html"),
    ("IFrame('a.html', 10, 10)", "text/html"), ("YouTubeVideo('abc')", "text/html"),
    ("FileLink('/etc/hostname')", "text/html"),
    ("FileLinks('/etc/apt')", "text/html"), ("Code('x = 1', language='python')", "text/html"),
    ("ProgressBar(3)", "text/html"),
    ("TextDisplayObject('x')", "text/plain"), ("Pretty('x')", "text/plain"), ("DisplayObject('x')", "text/plain")])
def test_ipython_displays_each_of_its_classes(kc, code, mime):
    r = kc.run(f"from IPython.display import *\nfrom IPython.core.display import *\ndisplay({code})")
    assert mime in r.of("display_data")[0]["data"], r

def test_ipython_updates_a_display(kc):
    r = kc.run("from IPython.display import *\nh = display(HTML('a'), display_id=True)\nh.update(HTML('b'))")
    (a,),(b,) = r.of("display_data"),r.of("update_display_data")
    assert a["transient"]["display_id"] == b["transient"]["display_id"] and b["data"]["text/html"] == "b"

def test_ipython_clears_output(kc):
    assert kc.run("from IPython.display import clear_output\n"
        "clear_output(wait=True)").of("clear_output") == [dict(wait=True)]

def test_ipython_moves_its_progress_bar(kc):
    assert len(kc.run("from IPython.display import ProgressBar\n"
        "for _ in ProgressBar(3): pass").of("update_display_data")) >= 3

def test_ipython_captures_output(kc):
    r = kc.run(
        "from IPython.utils.capture import capture_output\n"
        "import sys\n"
        "with capture_output() as c:\n"
        "    print('a')\n"
        "    display(1)\n"
        "    print('b', file=sys.stderr)\n"
        "c.stdout, c.stderr, len(c.outputs)")
    assert r.result == "('a\\n', 'b\\n', 1)" and r.stdout == "" and r.of("display_data") == []

def test_jupysql_shows_what_duckdb_answers(kc):
    r = kc.run("import duckdb\nconn = duckdb.connect()\n%load_ext sql\n%sql conn --alias duckdb", timeout=90)
    assert r.status == "ok", r
    for code in ("%sql select 42 as answer", "%%sql\nselect 42 as answer"):
        assert "42" in kc.run(code, timeout=60).of("execute_result")[0]["data"]["text/html"]
