"Plots: what is shown is what ipykernel shows, and no megabytes of JavaScript come along that a notebook does not need"
import pytest

pytestmark = pytest.mark.libs

def shown(r):
    "MIME types of each display and result, in order"
    return [sorted(c["data"]) for m in r.msgs if m["msg_type"] in ("display_data", "execute_result") for c in [m["content"]]]

def size(r): return sum(len(str(m["content"])) for m in r.msgs)

png = ["image/png", "text/plain"]

# -- matplotlib

def test_matplotlib_shows_the_figure_of_a_cell(kc):
    r = kc.run("import matplotlib.pyplot as plt\nplt.plot([1, 2])\nNone", timeout=60)
    assert shown(r) == [png] and r.of("display_data")[0]["data"]["image/png"].startswith("iVBOR")

def test_matplotlib_shows_each_figure_once(kc):
    assert shown(kc.run("import matplotlib.pyplot as plt\nfor i in range(3): plt.figure(); plt.plot([i])\n"
        "None")) == [png]*3
    assert shown(kc.run("1")) == [["text/plain"]]

def test_matplotlib_shows_at_once_by_show(kc):
    r = kc.run("import matplotlib.pyplot as plt\nplt.plot([1])\nplt.show()\nprint('after')")
    assert [t for t in r.types if t in ("display_data", "stream")] == ["display_data", "stream"]

def test_matplotlib_shows_a_figure_that_is_the_result(kc):
    assert png in shown(kc.run("import matplotlib.pyplot as plt\nfig, ax = plt.subplots()\nplt.close(fig)\nfig"))

def test_matplotlib_shows_the_figure_of_an_awaiting_cell(kc):
    assert shown(kc.run("import asyncio, matplotlib.pyplot as plt\nawait asyncio.sleep(0)\nplt.plot([1])\n"
        "None")) == [png]

def test_matplotlib_shows_the_figure_of_a_cell_that_fails(kc):
    r = kc.run("import matplotlib.pyplot as plt\nplt.plot([1])\n1/0", timeout=60)
    assert shown(r) == [png] and r.status == "error"

def test_matplotlib_draws_in_the_format_configured(kc):
    kc.run("%config InlineBackend.figure_formats = ['svg']")
    assert shown(kc.run("import matplotlib.pyplot as plt\nplt.plot([1])\nNone", timeout=60)) == [["image/svg+xml",
        "text/plain"]]
    kc.run("%config InlineBackend.figure_formats = ['png']")

def test_matplotlib_is_inline_unless_told_otherwise(kc, fresh):
    assert "inline" in kc.run("import matplotlib\nmatplotlib.get_backend()").result
    assert fresh(MPLBACKEND="agg").run("import matplotlib\nmatplotlib.get_backend()", timeout=60).result == "'agg'"

def test_matplotlib_knows_pylab(fresh):
    assert shown(fresh().run("%pylab inline\nplot(arange(3))\nNone", timeout=60)) == [png]

@pytest.fixture(scope="module")
def ipympl(fresh):
    kc = fresh()
    kc.first = kc.run(
        "%matplotlib widget\n"
        "import matplotlib.pyplot as plt\n"
        "fig, ax = plt.subplots()\n"
        "ax.plot([1, 2])\n"
        "None", timeout=60)
    return kc

def test_ipympl_shows_a_widget(ipympl):
    assert any("application/vnd.jupyter.widget-view+json" in o for o in shown(ipympl.first))

@pytest.fixture(scope="module")
def canvas(ipympl):
    "A function that says to the canvas what its frontend would"
    id = ipympl.run("fig.canvas.comm.comm_id").result.strip("'")
    def say(**content): return ipympl.request("comm_msg", dict(comm_id=id, data=dict(method="custom", content=content)))
    say(type="initialized")
    return say

def test_ipympl_sends_images_as_buffers(ipympl, canvas):
    "A canvas that is to be drawn tells its frontend so, which asks for the image"
    asked = [canvas(type="draw"), canvas(type="refresh")]
    assert any(m["buffers"] for r in asked for m in r.msgs), asked

def test_ipympl_hears_of_clicks(ipympl, canvas):
    ipympl.run(
        "hits = []\n"
        "def on_click(e):\n"
        "    hits.append(e.button)\n"
        "    print('hit')\n"
        "fig.canvas.mpl_connect('button_press_event', on_click)\n"
        "None")
    r = canvas(type="button_press", x=100, y=100, button=0, buttons=1, guiEvent={}, modifiers=[], step=0)
    assert r.stdout == "hit\n"
    assert "LEFT" in ipympl.run("hits").result

def test_matplotlib_opens_the_comm_of_nbagg(fresh):
    r = fresh().run("%matplotlib notebook\nimport matplotlib.pyplot as plt\nplt.plot([1])\nplt.show()", timeout=60)
    assert [c["target_name"] for c in r.of("comm_open")] == ["matplotlib"]
    assert any("text/html" in o for o in shown(r)), r

def test_seaborn_draws(kc):
    assert png in shown(kc.run("import seaborn as sns\nsns.barplot(x=['a', 'b'], y=[1, 2])\nNone", timeout=60))

# -- JavaScript

def test_plotly_shows_its_mime_type_and_little_else(kc):
    r = kc.run("import plotly.express as px\npx.line(x=[1, 2], y=[1, 2])", timeout=60)
    assert "application/vnd.plotly.v1+json" in shown(r)[-1]
    assert size(r) < 50_000

def test_plotly_shows_by_show(kc):
    r = kc.run("import plotly.express as px\npx.line(x=[1, 2], y=[1, 2]).show()", timeout=60)
    assert any("application/vnd.plotly.v1+json" in o for o in shown(r)) and size(r) < 50_000

def test_plotly_makes_widgets(kc):
    r = kc.run("import plotly.graph_objects as go\nw = go.FigureWidget(data=[go.Bar(y=[1])])\nw", timeout=60)
    assert "application/vnd.jupyter.widget-view+json" in shown(r)[-1]

def test_altair_shows_html_or_its_mime_type(kc):
    r = kc.run("import altair as alt, pandas as pd\n"
        "alt.Chart(pd.DataFrame(dict(a=[1, 2]))).mark_bar().encode(x='a:Q')", timeout=60)
    assert shown(r) == [["text/html", "text/plain"]]
    r = kc.run("alt.renderers.enable('mimetype')\nalt.Chart(pd.DataFrame(dict(a=[1, 2]))).mark_bar().encode(x='a:Q')")
    assert any(o.startswith("application/vnd.vegalite") for o in shown(r)[-1])

def test_folium_shows_a_map(kc):
    assert shown(kc.run("import folium\nfolium.Map(location=[0, 0])", timeout=60))[-1] == ["text/html", "text/plain"]

@pytest.fixture(scope="module")
def bokeh(fresh):
    kc = fresh()
    kc.first = kc.run(
        "from bokeh.io import output_notebook, show, push_notebook\n"
        "from bokeh.plotting import figure\n"
        "output_notebook()", timeout=60)
    kc.run("p = figure(width=200, height=200)\nl = p.line([1, 2], [1, 2])")
    return kc

def test_bokeh_loads(bokeh): assert any("application/vnd.bokehjs_load.v0+json" in o for o in shown(bokeh.first))

def test_bokeh_shows_a_plot(bokeh):
    r = bokeh.run("show(p)")
    assert any("application/vnd.bokehjs_exec.v0+json" in o for o in shown(r))

def test_bokeh_changes_a_plot_that_is_shown(bokeh):
    r = bokeh.run("h = show(p, notebook_handle=True)")
    assert len(r.of("comm_open")) == 1
    r = bokeh.run("l.glyph.line_width = 5\npush_notebook(handle=h)")
    assert [m["content"]["comm_id"] for m in r.msgs if m["msg_type"] == "comm_msg"], r

@pytest.fixture(scope="module")
def panel(fresh):
    kc = fresh()
    kc.first = kc.run("import panel as pn\npn.extension()", timeout=100)
    return kc

def test_panel_loads(panel):
    assert panel.first.status == "ok", panel.first
    assert any("application/vnd.holoviews_load.v0+json" in o for o in shown(panel.first))

def test_panel_shows_a_widget(panel):
    r = panel.run("s = pn.widgets.IntSlider(start=0, end=10)\ns", timeout=60)
    assert any("application/vnd.holoviews_exec.v0+json" in o or "application/vnd.jupyter.widget-view+json" in o
        for o in shown(r)), shown(r)

def test_panel_schedules_callbacks_from_threads(panel):
    r = panel.run("import asyncio, threading\ngot = asyncio.Event()\nio = get_ipython().kernel.io_loop\n"
        "threading.Thread(target=lambda: io.add_callback(got.set)).start()\nawait asyncio.wait_for(got.wait(), 5)")
    assert r.result == "True"

def test_holoviews_shows_a_curve(fresh):
    kc = fresh()
    r = kc.run("import holoviews as hv\nhv.extension('bokeh')", timeout=100)
    assert r.status == "ok", r
    r = kc.run("hv.Curve([1, 2, 3])", timeout=60)
    assert any("text/html" in o for o in shown(r)), shown(r)

def test_hvplot_plots_a_frame(fresh):
    r = fresh().run("import pandas as pd, hvplot.pandas\npd.DataFrame(dict(a=[1, 2])).hvplot()", timeout=100)
    assert any("application/vnd.holoviews_exec.v0+json" in o for o in shown(r)), r

def test_networkx_draws_a_graph(kc):
    assert png in shown(kc.run("import networkx as nx\nnx.draw(nx.path_graph(3))", timeout=60))

def test_jupyter_bokeh_makes_widgets(bokeh):
    r = bokeh.run("from jupyter_bokeh.widgets import BokehModel\nBokehModel(p)", timeout=60)
    assert "application/vnd.jupyter.widget-view+json" in shown(r)[-1]
