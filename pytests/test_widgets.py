"""Widgets, driven by a page that plays the frontend: ipywidgets, anywidget, ipympl, bokeh

`Page` does what JupyterLab does with comms, over the shell or over subshells, by its setting commsOverSubshells."""
import pytest, re
from comm_talk import comms
from helpers import begun, need, read_programs
from urllib.request import urlopen
from widget_page import Page, view

programs = read_programs("widgets")

first_cell = "import asyncio, comm, time"

ways = "disabled", "perCommTarget", "perComm"

# -- a page with widgets

@pytest.fixture(params=ways)
def page(kc, request):
    need("ipywidgets")
    page = Page(kc, request.param)
    page.run("import ipywidgets as w\nfrom ipywidgets import interact\nfrom IPython.display import display")
    yield page
    page.stop()

def test_a_slider_is_shown_with_its_state(page):
    m = page.models[page.show("w.IntSlider(value=7, description='n')")]
    assert (m["value"], m["description"], m["_view_name"]) == (7, "n", "IntSliderView")

def test_the_user_moves_a_slider(page):
    id = page.show("s = w.IntSlider(); s.observe(lambda c: print('now', c.new), 'value'); s")
    assert page.set(id, value=42).stdout == "now 42\n" and page.run("s.value").result == "42"

def test_a_cell_moves_a_slider(page):
    id = page.show("s = w.IntSlider(); s")
    page.run("s.value = 5")
    page.see(lambda: page.models[id]["value"] == 5, "the slider to move")

def test_a_slider_keeps_within_its_bounds(page):
    id = page.show("s = w.IntSlider(max=10); s")
    page.set(id, value=99)
    page.see(lambda: page.models[id]["value"] == 10, "the kernel to put the slider right")

def test_a_hundred_moves_arrive_in_order(page):
    id = page.show("s = w.IntSlider(max=200); seen = []; s.observe(lambda c: seen.append(c.new), 'value'); s")
    ids = [page.set(id, wait=False, value=i) for i in range(1, 101)]
    for o in ids: page.kc.wait(o, reply=False)
    assert page.run("seen == list(range(1, 101))").result == "True"

def test_a_button_is_clicked(page):
    id = page.show("b = w.Button(description='go'); b.on_click(lambda b: print('clicked', b.description)); b")
    assert [page.click(id).stdout for _ in range(3)] == ["clicked go\n"]*3

def test_an_error_in_a_click_is_shown_and_the_next_click_works(page):
    id = page.show(
        "n = []\n"
        "def click(b):\n"
        "    n.append(1)\n"
        "    if len(n) == 1: raise ValueError('first click')\n"
        "    print('fine')\n"
        "b = w.Button(); b.on_click(click); b")
    r = page.click(id)
    assert "first click" in r.stderr + str(r.error) and page.click(id).stdout == "fine\n"

def test_output_captures_a_cells_output(page):
    id = page.show("out = w.Output(); out")
    page.run("with out: print('inside'); display('shown')\nprint('outside')")
    page.see(lambda: len(page.models[id].get("outputs", ())) == 2, "two captured outputs")
    assert [o["output_type"] for o in page.models[id]["outputs"]] == ["stream", "display_data"]
    page.see(lambda: ("stream", dict(name="stdout", text="outside\n")) in page.outputs, "what is printed outside")

def test_output_captures_what_a_click_prints(page):
    page.run(
        "out = w.Output(); b = w.Button()\n"
        "@b.on_click\n"
        "@out.capture()\n"
        "def _(b): print('clicked'); 1/0\n"
        "display(out)")
    id,button = page.find("OutputModel"),page.show("b")
    page.click(button)
    page.see(lambda: [o["output_type"] for o in page.models[id].get("outputs", ())] == ["stream", "error"],
        "the output and the error of the click")

def test_output_is_cleared(page):
    id = page.show("out = w.Output(); out")
    page.run("with out: print('a')")
    page.see(lambda: page.models[id].get("outputs"), "an output")
    page.run("out.clear_output()")
    page.see(lambda: not page.models[id]["outputs"], "no output")

def test_the_kernel_hears_what_an_output_holds(page):
    id = page.show("out = w.Output(); out")
    page.run("with out: print('a')")
    page.see(lambda: page.models[id].get("outputs"), "an output")
    assert page.kc.wait(page.kc.cell("while not out.outputs: await asyncio.sleep(.01)\n"
        "out.outputs[0]['text']")).result == r"'a\n'"

def test_interact_calls_again_when_the_slider_moves(page):
    page.run("@interact(x=(0, 10))\ndef f(x):\n    print('x is', x); return x*2")
    slider,out = page.find("IntSliderModel", max=10),page.find("OutputModel")
    text = lambda: "".join(o.get("text", "") + o.get("data", {}).get("text/plain", "")
        for o in page.models[out].get("outputs", ()))
    page.see(lambda: text() == "x is 5\n10", "the first call")
    page.set(slider, value=8)
    page.see(lambda: text() == "x is 8\n16", "the second call, in place of the first")

def test_interact_draws_a_figure_again(page):
    need("matplotlib")
    page.run("import matplotlib.pyplot as plt\n@interact(x=(0, 6))\ndef f(x): plt.plot([x])")
    slider,out = page.find("IntSliderModel", max=6),page.find("OutputModel")
    page.set(slider, value=1)
    page.see(lambda: sum("image/png" in o.get("data", {}) for o in page.models[out].get("outputs", ())) == 1,
        "one figure")

def test_progress_moves_during_a_running_cell(page):
    id = page.show("p = w.IntProgress(max=20); p")
    cell = page.kc.cell("go = []\nfor i in range(20):\n    p.value = i+1\n    while i == 9 and not go: time.sleep(.01)")
    page.see(lambda: page.models[id]["value"] == 10, "half of the progress")
    assert not page.kc.wait(cell, reply=False, idle=False).replies
    page.kc.run("go.append(1)", subshell=page.kc.subshell())
    page.kc.wait(cell)
    page.see(lambda: page.models[id]["value"] == 20, "all of the progress")

def test_a_widget_made_in_a_callback_is_shown(page):
    id = page.show("b = w.Button(); b.on_click(lambda _: display(w.Text('made')));b")
    r = page.click(id)
    made = r.of("display_data")[0]["data"][view]["model_id"]
    page.see(lambda: page.models.get(made, {}).get("value") == "made", "the widget that the click made")

def test_a_page_that_is_loaded_again_gets_all_states(page):
    id = page.show("s = w.IntSlider(value=3); i = w.Image(value=b'\\x00\\xff', format='png'); s")
    control = page.open("jupyter.widget.control", {}, "1.0.0")
    page.send(control, dict(method="request_states"))
    def states(): return [c["states"] for o,c,_ in page.custom if o == control and c.get("method") == "update_states"]
    got = page.see(states, "the states")[0]
    assert got[id]["state"]["value"] == 3 and len(got) > 3

def test_binary_values_pass_both_ways(page):
    id = page.show("i = w.Image(value=b'\\x00\\xff', format='png'); i")
    assert page.models[id]["value"] == b"\x00\xff"
    page.send(id, dict(method="update", state={}, buffer_paths=[["value"]]), buffers=[b"\x01\x02"])
    assert page.run("bytes(i.value)").result == r"b'\x01\x02'"

def test_a_closed_widget_is_gone(page):
    id = page.show("s = w.IntSlider(); s")
    page.run("s.close()")
    page.see(lambda: id not in page.models, "the model to go")
    assert id not in comms(page.kc)

def test_a_cell_awaits_a_click(page):
    id = page.show("clicked = asyncio.get_running_loop().create_future(); b = w.Button(); "
        "b.on_click(lambda b: clicked.get_loop().call_soon_threadsafe(clicked.set_result, 'clicked')); b")
    cell = page.kc.cell("print('begun'); await clicked")
    begun(page.kc, cell)
    page.click(id)
    assert page.kc.wait(cell).result == "'clicked'"

def test_a_cell_waits_until_a_slider_has_moved(page):
    id = page.show("from ipymini import wait_until; s = w.IntSlider(); s")
    cell = page.kc.cell("print('begun'); wait_until(lambda: s.value == 3, 10)")
    begun(page.kc, cell)
    page.set(id, value=3)
    assert page.kc.wait(cell).result == "True"

def test_clicks_reach_a_busy_cell_over_subshells_and_else_wait_for_it(page):
    id = page.show("seen,go = [],[]; b = w.Button(); b.on_click(lambda b: seen.append(1)); b")
    beside = page.kc.subshell()
    cell = page.kc.cell("print('begun')\nwhile not seen and not go: time.sleep(.001)\nlen(seen)")
    begun(page.kc, cell)
    page.click(id, wait=False)
    if page.way == "disabled": page.kc.run("go.append(1)", subshell=beside)
    assert page.kc.wait(cell).result == ("0" if page.way == "disabled" else "1")
    assert page.run("seen").result == "[1]"
    page.kc.request("delete_subshell_request", dict(subshell_id=beside), channel="control")

def test_subshells_end_with_their_comms(page):
    listed = lambda: page.kc.request("list_subshell_request", channel="control").content["subshell_id"]
    page.show("s = w.IntSlider(); s")
    mine = set(page.shells.values())
    assert mine <= set(listed()) and bool(mine) == (page.way != "disabled")
    page.run("w.Widget.close_all()")
    page.see(lambda: not any(t == "jupyter.widget" for t in page.targets.values()), "all widgets to close")
    assert not mine & set(listed())

# -- anywidget

any_code = programs["counter"]+"\n"

@pytest.fixture
def anys(page):
    need("anywidget")
    return page

def test_anywidget_follows_both_ways(anys):
    id = anys.show(any_code + "c = Counter(); c.observe(lambda c: print('n is', c.new), 'n'); c")
    assert (anys.models[id]["n"], anys.models[id]["b"], anys.models[id]["_esm"]) == (3, b"\x01", "export default {}")
    assert anys.set(id, n=8).stdout == "n is 8\n"
    anys.run("c.n = 9")
    anys.see(lambda: anys.models[id]["n"] == 9, "n to follow")

def test_anywidget_custom_messages_pass_both_ways_with_buffers(anys):
    id = anys.show(any_code + "c = Counter(); "
        "c.on_msg(lambda w, m, bufs: w.send(dict(echo=m), buffers=[bytes(b)*2 for b in bufs])); c")
    anys.event(id, buffers=[b"ab"], hello=1)
    assert anys.see(lambda: [(c, b) for o,c,b in anys.custom if o == id],
        "the echo") == [(dict(echo=dict(hello=1)), [b"abab"])]

def test_anywidget_commands_are_answered(anys):
    id = anys.show(
        "import anywidget\n"
        "from anywidget.experimental import command\n"
        "class Cmd(anywidget.AnyWidget):\n"
        "    _esm = 'export default {}'\n"
        "    @command\n    def double(self, msg, buffers): return msg*2, buffers\nCmd()")
    anys.event(id, id="q1", kind="anywidget-command", name="double", msg=21)
    assert anys.see(lambda: [c for o,c,_ in anys.custom if o == id], "the answer")[0]["response"] == 42

# -- ipympl

@pytest.fixture
def canvas(page):
    "A page with a figure of ipympl, ready; `page.canvas` is its model"
    need("ipympl", "matplotlib")
    page.run("%matplotlib widget\nimport matplotlib.pyplot as plt")
    page.canvas = page.show("plt.close('all'); fig,ax = plt.subplots(); ax.plot([1, 2]); clicks = []; "
        "cid = fig.canvas.mpl_connect('button_press_event', lambda e: clicks.append(e.button)); fig.canvas")
    for t in ("send_image_mode", "initialized"): page.event(page.canvas, type=t)
    page.event(page.canvas, type="set_device_pixel_ratio", device_pixel_ratio=1)
    yield page
    page.run("plt.close('all')\n%matplotlib inline\nplt.switch_backend('module://matplotlib_inline.backend_inline')")  # ipywidgets looks for this name

def pictures(page): return [b[0] for o,c,b in page.custom if o == page.canvas and b]

def test_ipympl_draws_a_picture_when_asked(canvas):
    for t in ("refresh", "draw"): canvas.event(canvas.canvas, type=t)
    assert canvas.see(lambda: pictures(canvas), "a picture")[-1].startswith(b"\x89PNG")

def test_ipympl_draws_again_after_a_cell(canvas):
    canvas.event(canvas.canvas, type="draw")
    n = len(canvas.see(lambda: pictures(canvas), "a picture"))
    canvas.event(canvas.canvas, type="ack")
    canvas.run("ax.plot([3, 1]); fig.canvas.draw_idle()")
    canvas.event(canvas.canvas, type="draw")
    canvas.see(lambda: len(pictures(canvas)) > n, "another picture")

def test_ipympl_hears_of_the_mouse(canvas):
    canvas.event(canvas.canvas, type="button_press", x=50, y=50, button=0, buttons=1, modifiers=[], step=0, guiEvent={})
    assert canvas.run("clicks").result in ("[1]", "[<MouseButton.LEFT: 1>]")

# -- bokeh

@pytest.fixture
def bokeh(page):
    need("bokeh")
    page.run(
        "from bokeh.plotting import figure\n"
        "from bokeh.io import output_notebook, push_notebook, show\n"
        "output_notebook(hide_banner=True)")
    return page

def test_bokeh_pushes_changes_into_a_plot(bokeh):
    before = set(bokeh.targets)
    bokeh.run("p = figure(); g = p.scatter([1, 2], [3, 4]); h = show(p, notebook_handle=True)")
    (id,) = bokeh.see(lambda: set(bokeh.targets)-before, "the comm of the plot")
    bokeh.run("p.title.text = 'New Title'; push_notebook(handle=h)")
    said = lambda: [c for o,c,_ in bokeh.custom if o == id]
    assert bokeh.see(lambda: len(said()) >= 3 and said(), "a message in three parts")
    assert "New Title" in str(said())
    assert "PATCH-DOC" in str(said())

def test_bokeh_pushes_from_a_widgets_callback(bokeh):
    before = set(bokeh.targets)
    bokeh.run(
        "p = figure(); h = show(p, notebook_handle=True)\n"
        "def f(c): p.title.text = f'at {c.new}'; push_notebook(handle=h)\n"
        "s = w.IntSlider(); s.observe(f, 'value')")
    (id,) = bokeh.see(lambda: {o for o in set(bokeh.targets)-before if bokeh.targets[o] != "jupyter.widget"},
        "the comm of the plot")
    bokeh.set(bokeh.show("s"), value=6)
    bokeh.see(lambda: "at 6" in str([c for o,c,_ in bokeh.custom if o == id]), "the new title")

def test_bokeh_serves_an_app_between_cells(bokeh):
    r = bokeh.run("show(lambda doc: doc.add_root(figure()), notebook_url='http://localhost:8888')")
    url = re.search(r"http://localhost:(\d+)/", str(r.of("display_data")))
    assert url
    assert b"bokeh" in urlopen(f"http://localhost:{url[1]}/autoload.js?bokeh-autoload-element=1", timeout=60).read()
