"Widgets, driven as their frontend would"
import pytest
from test_plots import shown

pytestmark = pytest.mark.libs

view = "application/vnd.jupyter.widget-view+json"

def comm_id(kc, name):
    "The id of the comm of the widget in the variable `name`"
    return kc.run(f"{name}.comm.comm_id").result.strip("'")

def update(kc, id, wait=True, **state):
    "Set `state` of the widget with that comm, as a user does who moves it"
    send = kc.request if wait else kc.submit
    return send("comm_msg", dict(comm_id=id, data=dict(method="update", state=state, buffer_paths=[])))

def event(kc, id, wait=True, **content):
    send = kc.request if wait else kc.submit
    return send("comm_msg", dict(comm_id=id, data=dict(method="custom", content=content)))

@pytest.fixture(scope="module")
def kc(fresh):
    kc = fresh()
    kc.first = kc.run("import ipywidgets as w\nfrom ipywidgets import interact\ns = w.IntSlider()\ns", timeout=60)
    kc.run("out = w.Output()")
    return kc

def test_a_widget_is_shown(kc): assert shown(kc.first) == [sorted([view, "text/plain"])]

def test_models_are_opened_with_their_state_and_version(kc):
    opened = [m for m in kc.first.msgs if m["msg_type"] == "comm_open"]
    assert [m["content"]["target_name"] for m in opened] == ["jupyter.widget"]*3
    assert all(m["metadata"]["version"].startswith("2.") for m in opened)
    assert opened[-1]["content"]["data"]["state"]["_model_name"] == "IntSliderModel"

def test_the_user_moves_a_slider(kc):
    id = comm_id(kc, "s")
    assert update(kc, id, value=7).types[0] == "status"
    assert kc.run("s.value").result == "7"

def test_setting_a_value_tells_the_frontend(kc):
    r = kc.run("s.value = 9")
    assert [m["content"]["data"]["state"] for m in r.msgs if m["msg_type"] == "comm_msg"] == [dict(value=9)]

def test_the_output_of_a_callback_belongs_to_the_comm_message(kc):
    kc.run("s.observe(lambda c: print('now', c.new), 'value')")
    r = update(kc, comm_id(kc, "s"), value=3)
    assert r.stdout == "now 3\n" and r.states == ["busy", "idle"]
    kc.run("s.unobserve_all()")

def test_the_error_of_a_callback_is_shown(kc):
    kc.run("b = w.Button()\n_ = b.on_click(lambda _: 1/0)")
    r = event(kc, comm_id(kc, "b"), event="click")
    assert "ZeroDivisionError" in r.stderr + str(r.error), r
    assert kc.run("1").result == "1"

def test_a_callback_runs_cells_and_shows_results(kc):
    kc.run("b2 = w.Button()\n_ = b2.on_click(lambda _: get_ipython().run_cell('display(5); 6'))")
    r = event(kc, comm_id(kc, "b2"), event="click")
    assert [t for t in r.types if t != "status"] == ["display_data", "execute_result"], r

def test_a_callback_draws_a_figure(kc):
    kc.run("import matplotlib.pyplot as plt\nb3 = w.Button()\n_ = b3.on_click(lambda _: plt.plot([1]))", timeout=60)
    assert ["image/png", "text/plain"] in shown(event(kc, comm_id(kc, "b3"), event="click"))

def test_interact_shows_widgets_and_the_first_result(kc):
    r = kc.run("@interact(x=(0, 5))\ndef f(x): print('x is', x)")
    assert view in shown(r)[-1] and r.stdout == "x is 2\n", r

def test_output_captures(kc):
    "The frontend moves what has this parent into the widget while `msg_id` is set"
    r = kc.run("with out:\n    print('inside')")
    sets = [m["content"]["data"]["state"] for m in r.msgs if m["msg_type"] == "comm_msg"]
    msg_id = r.id
    assert sets == [dict(msg_id=msg_id), dict(msg_id="")], sets
    order = [m["msg_type"] for m in r.msgs if m["msg_type"] in ("comm_msg", "stream")]
    assert order == ["comm_msg", "stream", "comm_msg"] and r.stdout == "inside\n"

def test_output_shows_an_error_inside_and_goes_on(kc):
    r = kc.run("with out: 1/0\nprint('after')")
    order = [m["msg_type"] for m in r.msgs if m["msg_type"] in ("comm_msg", "error", "stream")]
    assert order == ["comm_msg", "error", "comm_msg", "stream"], order
    assert r.error["ename"] == "ZeroDivisionError" and r.status == "ok"

def test_output_of_a_callback(kc):
    kc.run("b4 = w.Button()\ndef go(_):\n    with out: print('clicked')\nb4.on_click(go)")
    r = event(kc, comm_id(kc, "b4"), event="click")
    states = [m["content"]["data"]["state"] for m in r.msgs if m["msg_type"] == "comm_msg"
        and "msg_id" in m["content"]["data"].get("state", {})]
    assert r.stdout == "clicked\n" and states[0] == dict(msg_id=r.id) and states[-1] == dict(msg_id="")

def test_output_clears(kc):
    assert kc.run("with out: print('a')\nout.clear_output()").of("clear_output") == [dict(wait=False)]

def test_widgets_survive_a_reload_of_the_page(kc):
    "The frontend asks for all states over a comm of its own"
    id = "1234"
    kc.request("comm_open", dict(comm_id=id, target_name="jupyter.widget.control", data={}),
        metadata=dict(version="1.0.0"))
    r = kc.request("comm_msg", dict(comm_id=id, data=dict(method="request_states")))
    (states,) = [m["content"]["data"] for m in r.msgs if m["msg_type"] == "comm_msg" and m["content"]["comm_id"] == id]
    assert states["method"] == "update_states" and comm_id(kc, "s") in states["states"]

def test_comm_info_lists_widgets(kc):
    comms = kc.request("comm_info_request", dict(target_name="jupyter.widget")).content["comms"]
    assert comms[comm_id(kc, "s")] == dict(target_name="jupyter.widget")

def test_binary_state_travels_as_buffers(kc):
    r = kc.run("i = w.Image(value=b'\\x00\\xff\\x10', format='png')\ni")
    (m,) = [m for m in r.msgs if m["msg_type"] == "comm_open" and m["buffers"]]
    assert bytes(m["buffers"][0]) == b"\x00\xff\x10" and m["content"]["data"]["buffer_paths"] == [["value"]]

def test_binary_state_comes_back(kc):
    kc.run("i = w.Image(value=b'', format='png')")
    msg = dict(comm_id=comm_id(kc, "i"), data=dict(method="update", state={}, buffer_paths=[["value"]]))
    kc.request("comm_msg", msg, buffers=[b"\x01\x02"])
    assert kc.run("bytes(i.value)").result == r"b'\x01\x02'"

def test_closing_a_widget_closes_its_comm(kc): assert len(kc.run("s2 = w.Text()\ns2.close()").of("comm_close")) >= 1

def test_an_awaiting_cell_hears_of_widgets(kc, kernel):
    if kernel == "ipykernel": pytest.skip("7.4 handles comm messages only after the cell")
    id = comm_id(kc, "s")
    kc.run("s.value = 0\nimport asyncio")
    cell = kc.cell("while s.value != 5: await asyncio.sleep(.01)\nprint('got', s.value)")
    kc.wait(cell, reply=False, until=lambda r: r.types)
    update(kc, id, value=5)
    assert kc.wait(cell).stdout == "got 5\n"

def test_wait_until_hears_of_widgets(kc, kernel):
    if kernel == "ipykernel": pytest.skip("wait_until is ours")
    id = comm_id(kc, "s")
    cell = kc.cell(
        "s.value = 0\n"
        "from ipymini import wait_until\n"
        "print('go', flush=True)\n"
        "wait_until(lambda: s.value == 5, timeout=10), s.value")
    kc.wait(cell, reply=False, until=lambda r: r.stdout)
    update(kc, id, value=5)
    assert kc.wait(cell).result == "(True, 5)"

polls = dict(
    sync="with ui_events() as poll:\n    while s.value != 5: poll(10); time.sleep(.01)",
    async_="async with ui_events() as poll:\n    while s.value != 5: await poll(10); await asyncio.sleep(.01)",
    loop="run_ui_poll_loop(lambda: s.value if s.value == 5 else None)",
    items="for i in with_ui_events(range(1000)):\n    time.sleep(.01)\n    if s.value == 5: break")

@pytest.mark.parametrize("way", polls)
def test_jupyter_ui_poll_hears_of_widgets_in_a_running_cell(kc, kernel, way):
    "Widgets are heard of, cells wait until the one that polls has ended"
    if kernel == "ipykernel": pytest.skip("dead on ipykernel 7.4, which has no do_one_iteration")
    id = comm_id(kc, "s")
    kc.run("import asyncio, time\nfrom jupyter_ui_poll import ui_events, run_ui_poll_loop, with_ui_events\ns.value = 0")
    cell = kc.cell(f"print('go', flush=True)\n{polls[way]}\nprint('got', s.value)")
    kc.wait(cell, reply=False, until=lambda r: r.stdout)
    after = kc.cell("s.value + 1")
    update(kc, id, value=5)
    assert kc.wait(cell).stdout == "go\ngot 5\n"
    assert kc.wait(after).result == "6"
    assert kc.run("1+1").result == "2"

def test_anywidget_sends_its_state(kc):
    r = kc.run(
        "import anywidget, traitlets\n"
        "class Counter(anywidget.AnyWidget):\n"
        "    _esm = 'export default {}'\n"
        "    n = traitlets.Int(3).tag(sync=True)\n"
        "c = Counter()\nc", timeout=60)
    assert view in shown(r)[-1]
    assert any(m["content"]["data"]["state"].get("n") == 3 for m in r.msgs if m["msg_type"] == "comm_open")
    update(kc, comm_id(kc, "c"), n=8)
    assert kc.run("c.n").result == "8"

def test_anywidget_of_a_plain_class_sends_its_state(kc):
    "It looks at `comm.kernel`"
    r = kc.run(
        "import dataclasses, psygnal\n"
        "from anywidget.experimental import widget\n"
        "@widget(esm='export default {}')\n"
        "@psygnal.evented\n"
        "@dataclasses.dataclass\n"
        "class P:\n    n: int = 1\np = P()\np", timeout=60)
    assert r.status == "ok" and view in shown(r)[-1], r
    r = kc.run("p.n = 5")
    assert [m["content"]["data"]["state"]["n"] for m in r.msgs if m["msg_type"] == "comm_msg"] == [5], r

def test_bqplot_shows_a_figure(kc):
    assert view in shown(kc.run(
        "import numpy as np\n"
        "import bqplot.pyplot as bp\n"
        "fig = bp.figure()\n"
        "bp.plot(np.arange(3.), np.arange(3.))\n"
        "fig", timeout=60))[-1]

def test_ipyleaflet_shows_a_map(kc): assert view in shown(kc.run("import ipyleaflet\nipyleaflet.Map()", timeout=60))[-1]

def test_ipycanvas_draws_with_buffers(kc):
    r = kc.run("from ipycanvas import Canvas\ncv = Canvas(width=10, height=10)\ncv.fill_rect(0, 0, 5, 5)\ncv",
        timeout=60)
    assert view in shown(r)[-1] and any(m["buffers"] for m in r.msgs), r
