"""VS Code's sequence of messages (docs/protocol.md), played by a client, on whatever kernel --kernel names

VS Code asks for kernel_info on both channels until it has an answer, runs hidden cells that are not counted, dumps all cells before it debugs, ends kernels by killing them."""

import os, re, signal
from helpers import connect, until
from jupyter_client import KernelManager
import pytest

pytestmark = pytest.mark.e2e

@pytest.fixture(scope="module")
def started(kernel, env):
    "Start a kernel as VS Code does: the process only, no handshake; its manager and a client"
    made = []
    def inner():
        km = KernelManager(kernel_name=kernel)
        km.start_kernel(env=env)
        made.append(km)
        kc = connect(km.connection_file)
        return km, kc
    mp = pytest.MonkeyPatch()
    for k,v in env.items(): mp.setenv(k, v)
    yield inner
    for km in made: km.shutdown_kernel(now=True)
    mp.undo()

@pytest.fixture(scope="module")
def vs(started):
    "A client of a kernel that has answered kernel_info on shell and on control"
    kc = started()[1]
    ids = [(kc.submit("kernel_info_request", channel=ch), ch) for ch in ("shell", "control")]
    for id,ch in ids: assert kc.wait(id, ch).content["language_info"]["name"] == "python"
    yield kc
    kc.stop_channels()

def hidden(kc, code, **kw):
    return kc.run(code, silent=False, store_history=False, stop_on_error=False, allow_stdin=False, **kw)
def user(kc, code, **kw): return kc.run(code, metadata=dict(cellId="vscode-notebook-cell:1"), silent=False,
    store_history=True, stop_on_error=False, allow_stdin=True, **kw)

def test_hidden_cells_do_not_count(vs):
    n = user(vs, "1").content["execution_count"]
    for code in ("import sys; print(sys.version)", "1+1", "import ipywidgets; print(ipywidgets.__version__)"):
        assert hidden(vs, code).status == "ok"
    assert user(vs, "1").content["execution_count"] == n+1

def test_the_version_that_it_looks_for(vs):
    text = hidden(vs, "import ipykernel\nprint(ipykernel.__version__)").stdout
    assert int(re.fullmatch(r"(\d+)\.\d+\.\d+\S*\n", text)[1]) >= 6

def test_a_hook_of_a_hidden_cell_runs_after_each_cell(vs):
    hidden(vs,
        "seen = []\n"
        "def after(res): seen.append(res.info.raw_cell)\n"
        "get_ipython().events.register('post_run_cell', after)")
    user(vs, "x = 5")
    assert "x = 5" in hidden(vs, "print(seen[-2:])").stdout
    hidden(vs, "get_ipython().events.unregister('post_run_cell', after)")

def test_variables_of_the_viewer(vs):
    user(vs, "a_number,a_list = 5,[1, 2]")
    code = "def _view():\n    import json\n    print(json.dumps({k: type(v).__name__ for k,v in globals().items() if k.startswith('a_')}))\n_view(); del _view"
    assert hidden(vs, code).stdout == '{"a_number": "int", "a_list": "list"}\n'

def test_completions_asked_of_the_kernel_object(vs):
    code = "import json\nprint(json.dumps(get_ipython().kernel.do_complete('a_num', 5)['matches']))"
    user(vs, "a_number = 5")
    assert hidden(vs, code).stdout == '["a_number"]\n'

def test_late_output_keeps_its_cell_and_display(vs):
    code = "import threading\nfrom IPython.display import display\nh,go = display('one', display_id='d1'),threading.Event()\n" \
        "def late():\n    go.wait(20)\n    h.update('two')\n    print('late')\nt = threading.Thread(target=late); t.start()"
    r = user(vs, code)
    go = vs.cell("go.set(); t.join()")
    vs.wait(go)
    vs.wait(r.id, until=lambda r: r.of("update_display_data") or vs.held[go].of("update_display_data"))
    update, = r.of("update_display_data") + vs.held[go].of("update_display_data")
    assert update["transient"]["display_id"] == "d1"

def debug(kc, seq=[0], **kw):
    seq[0] += 1
    r = kc.request("debug_request", dict(type="request", seq=seq[0], **kw), channel="control")
    assert r.content["success"], r.content
    return r.content.get("body") or {}

def events(kc, name):
    return [m["content"] for o in kc.held.values() for m in o.msgs if m["msg_type"] == "debug_event"
        and m["content"]["event"] == name]

def test_run_by_line(vs):
    "One stop on the first line of code, a stepIn for each line after, a hidden `pass` and a disconnect at the end"
    cell = "first = 1\nsecond = 2\nthird = 3"
    debug(vs, command="debugInfo")
    debug(vs, command="initialize", arguments=dict(clientID="vscode", adapterID="x", pathFormat="path", linesStartAt1=True,
        columnsStartAt1=True, supportsVariableType=True))
    debug(vs, command="attach", arguments=dict(justMyCode=True))
    assert hidden(vs, "import debugpy\ndebugpy.debug_this_thread()").status == "ok"
    path = debug(vs, command="dumpCell", arguments=dict(code=cell))["sourcePath"]
    assert debug(vs, command="dumpCell", arguments=dict(code="other = 1"))["sourcePath"] != path
    debug(vs, command="setBreakpoints", arguments=dict(source=dict(path=path), breakpoints=[dict(line=1)],
        sourceModified=False))
    debug(vs, command="configurationDone")
    id,lines = vs.cell(cell, metadata=dict(cellId="vscode-notebook-cell:2"), stop_on_error=False),[]
    for n in range(1, 4):
        vs.wait(id, until=lambda r: len(events(vs, "stopped")) >= n)
        thread = events(vs, "stopped")[n-1]["body"]["threadId"]
        frame = debug(vs, command="stackTrace", arguments=dict(threadId=thread, startFrame=0, levels=1))["stackFrames"][0]
        assert frame["source"]["path"] == path
        lines.append(frame["line"])
        debug(vs, command="stepIn" if n < 3 else "continue", arguments=dict(threadId=thread))
    assert lines == [1, 2, 3]
    assert vs.wait(id).status == "ok"
    assert hidden(vs, "pass").status == "ok"
    debug(vs, command="disconnect", arguments=dict(restart=False))
    os.remove(path)
    assert user(vs, "first+second+third").result == "6"

def test_interrupt_by_signal_to_the_process(started):
    km,kc = started()
    id = kc.cell("import time; print('on', flush=True); time.sleep(60)", stop_on_error=False)
    kc.wait(id, until=lambda r: "on" in r.stdout)
    os.kill(km.provisioner.pid, signal.SIGINT)
    assert kc.wait(id).content["ename"] == "KeyboardInterrupt"
    kc.stop_channels()

def test_the_kernel_ends_when_it_is_killed_in_a_cell(started):
    km,kc = started()
    id = kc.cell("import time; print('on', flush=True); time.sleep(60)")
    kc.wait(id, until=lambda r: "on" in r.stdout)
    os.kill(km.provisioner.pid, signal.SIGTERM)
    until(lambda: km.provisioner.process.poll() is not None, "the kernel to end")
    kc.stop_channels()
