"The same notebook in ipymini, in ipykernel and as a script gives the same; and what only a kernel can show."
import json, os, signal, subprocess, sys
import pytest
from importlib.util import find_spec
from pathlib import Path
import helpers, pod_notebook
from jupyter_client.connect import write_connection_file

folder = Path(__file__).parent
kernels = dict(ipymini=["-m", "ipymini"], ipykernel=["-m", "ipykernel_launcher"])


@pytest.fixture(scope="module", params=kernels)
def kc(request):
    if not find_spec(kernels[request.param][1].removesuffix("_launcher")):
        pytest.skip(f"{request.param} is not installed")
    kc = start(kernels[request.param])
    yield kc
    kc.stop()

def start(words):
    "A client of a kernel that is started by the words."
    file,_ = write_connection_file(key=os.urandom(16).hex().encode())
    proc = subprocess.Popen([sys.executable, *words, "-f", file], start_new_session=True, stdin=subprocess.DEVNULL)
    kc = helpers.connect(file, welcome=False)
    kc.proc,kc.file = proc,file
    kc.wait_for_ready(timeout=60)
    return kc

def run(kc, code, **kw):
    "Run a cell; it may ask."
    if "input()" not in code: return kc.run(code, timeout=60, **kw)
    id = kc.cell(code, allow_stdin=True)
    kc.prompt()
    kc.input(pod_notebook.answer)
    return kc.wait(id, timeout=60)

def outcome(result):
    "What a cell gave, as `pod_notebook.outcome` tells it."
    out = ""
    for msg in result.msgs:
        content = msg["content"]
        if msg["msg_type"] == "stream" and content["name"] == "stdout": out += content["text"]
        elif "data" in content: out += content["data"]["text/plain"] + "\n"
    error = result.error and f"{result.error['ename']}: {result.error['evalue']}".splitlines()[0]
    return [out, result.stderr, error]

@pytest.fixture(scope="module")
def script():
    out = subprocess.run([sys.executable, folder/"pod_notebook.py"], capture_output=True, text=True, timeout=120)
    assert out.returncode == 0, out.stderr
    return json.loads(out.stdout)

def test_the_notebook_has_40_cells(): assert len(pod_notebook.cells) == 40

@pytest.mark.slow
def test_a_notebook_gives_the_same_everywhere(kc, script):
    seen = [outcome(run(kc, code)) for code in pod_notebook.cells]
    for code,here,there in zip(pod_notebook.cells, seen, script): assert here == there, code

def test_what_the_script_gives_is_right(script):
    errors = [error for _,_,error in script if error]
    assert errors == ["ValueError: invalid literal for int() with base 10: 'nothing'", "PodError: Odd: strange",
        "NameError: the pod knows no 'missing': no variable, builtin or module has that name", "KeyboardInterrupt: ",
        "TimeoutError: the call took too long; it was interrupted, and the pod keeps its state",
        "ZeroDivisionError: division by zero",
        "PodError: the pod died: SIGABRT"]
    texts = [out for out,_,_ in script]
    for text in ("a\nb\nc\n", "before\n<IPython.core.display.HTML object>\nafter\n", "1\n2\n3\n", "typed\n",
        "2\n"
        "'a value'\n"):
        assert text in texts, text
    assert [err for _,err,_ in script if err] == ["err 0\nerr 1\nerr 2\n", "\r0\r1\r2\r3\r4"]

# -- kernels

@pytest.fixture(scope="module")
def with_pod(kc):
    kc.run("from ipymini import pod\np = pod()", timeout=60)
    return kc

def test_a_figure_is_a_png(with_pod):
    res = with_pod.run("%%pod p\nimport matplotlib.pyplot as plt\nfig, ax = plt.subplots()", timeout=60)
    assert [sorted(o["data"]) for o in res.of("display_data")] == [["image/png", "text/plain"]]

def test_a_display_is_updated(with_pod):
    res = with_pod.run("%%pod p\nfrom IPython.display import display\nh = display(1, display_id='one')\nh.update(2)",
        timeout=60)
    assert res.of("display_data")[0]["transient"] == res.of("update_display_data")[0]["transient"] == dict(display_id="one")

def test_output_is_cleared(with_pod):
    res = with_pod.run("%%pod p\nfrom IPython.display import clear_output\nprint(1)\nclear_output(wait=True)\n"
        "print(2)", timeout=60)
    assert res.shape[2:-1] == ["stream", "clear_output", "stream"]

def test_text_and_displays_keep_their_order(with_pod):
    res = with_pod.run("%%pod p\nfrom IPython.display import display\nfor i in range(5):\n    print(i)\n"
        "    display(i)", timeout=60)
    assert res.shape[2:-1] == ["stream", "display_data"]*5

def test_pods_are_listed(with_pod): assert with_pod.run("%pod").stdout.startswith("p            <pod: Python")

def test_an_unknown_pod_is_told(with_pod):
    "ipykernel writes IPython's usage errors to stderr."
    res = with_pod.run("%%pod nobody\n1")
    assert "there is no pod 'nobody'" in res.stderr + (res.error or {}).get("evalue", "")

def test_a_cell_has_magics_of_its_own(with_pod):
    assert with_pod.run("%%pod p\n%who_ls\n!echo from the shell").stdout.count("from the shell") == 1

def test_an_interrupted_cell_of_a_pod(with_pod):
    id = with_pod.cell("%%pod p\nimport time\nprint('go')\ntime.sleep(60)")
    with_pod.wait(id, until=lambda res: "go" in res.stdout)
    os.kill(with_pod.proc.pid, signal.SIGINT)
    assert with_pod.wait(id).error["ename"] == "KeyboardInterrupt"
    assert with_pod.run("p.abs(-1)").result == "1"

def test_output_is_live_in_the_cell(with_pod):
    id = with_pod.cell("p.run('print(1); input()')", allow_stdin=True)
    with_pod.prompt()
    assert with_pod.wait(id, reply=False, idle=False, until=lambda res: res.stdout == "1\n")
    with_pod.input("")
    assert with_pod.wait(id).status == "ok"

def test_input_without_stdin_is_an_error(with_pod):
    assert with_pod.run("p.input()").error["ename"] in ("RuntimeError", "EOFError")

def test_a_progress_bar_is_one_line_of_stderr(with_pod):
    if not find_spec("tqdm"): pytest.skip("tqdm is not installed")
    res = with_pod.run("%%pod p\nfrom tqdm import tqdm\nfor i in tqdm(range(3)): pass", timeout=60)
    assert "3/3" in res.stderr and res.stdout == ""

def test_the_traceback_of_the_pod_is_in_the_error(with_pod):
    res = with_pod.run("%%pod p\ndef inner(): raise ValueError('bad')\ninner()")
    text = "\n".join(res.error["traceback"])
    assert "in inner" in text and text.index("RemoteTraceback") < text.rindex("ValueError")

def test_pods_end_with_a_restarted_kernel(kc):
    pid = int(kc.run("from ipymini import pod\nr = pod()\nr.pid", timeout=60).result)
    kc.request("shutdown_request", dict(restart=True), channel="control", timeout=20)
    helpers.until(lambda: not os.path.exists(f"/proc/{pid}"), "the end of the pod")
