"What libraries ask of the kernel by name"
import json, pytest, threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

pytestmark = pytest.mark.libs

@pytest.mark.parametrize("code,text", [
    ("type(get_ipython()).__name__", "'ZMQInteractiveShell'"),
    ("type(get_ipython()).__module__", "'ipykernel.zmqshell'"),
    ("type(sys.stdout).__module__", "'ipykernel.iostream'"),
    ("'ipykernel.zmqshell' in sys.modules", "True"),
    ("get_ipython().config['IPKernelApp']['connection_file'] == ipykernel.get_connection_file()", "True"),
    ("get_ipython().kernel.config['IPKernelApp']['connection_file'].endswith('.json')", "True"),
    ("ipykernel.version_info >= (6, 18)", "True"),
    ("import importlib.util; importlib.util.find_spec('ipykernel') is not None", "True"),
    ("from ipykernel.kernelapp import IPKernelApp; "
        "IPKernelApp.initialized() and IPKernelApp.instance().kernel is get_ipython().kernel", "True"),
    ("from ipykernel.kernelbase import Kernel; Kernel.initialized() and Kernel.instance() is get_ipython().kernel",
        "True"),
    ("from ipykernel.ipkernel import IPythonKernel; isinstance(get_ipython().kernel, IPythonKernel)", "True"),
    ("from ipykernel.zmqshell import ZMQInteractiveShell; isinstance(get_ipython(), ZMQInteractiveShell)", "True"),
    ("from ipykernel.iostream import OutStream; "
        "isinstance(sys.stdout, OutStream) and isinstance(sys.stderr, OutStream)", "True"),
    ("from traitlets.config import Application; Application.instance().kernel is get_ipython().kernel", "True"),
    ("from ipykernel.comm import Comm; import comm; c = Comm('a target', {'x': 1}); c.target_name", "'a target'"),
    ("comm.get_comm_manager() is get_ipython().kernel.comm_manager", "True"),
    ("bool(comm.create_comm(target_name='a').kernel)", "True")])
def test_a_name_that_is_asked_for(kc, code, text): assert kc.run(f"import comm, sys, ipykernel\n{code}").result == text

@pytest.mark.parametrize("code", ["k.shell is get_ipython()", "k.session.session", "isinstance(k.session.key, bytes)",
    "k.iopub_socket", "k.log.warning",
    "k.banner", "k.implementation", "k.language_info['name'] == 'python'",
    "k.execution_count == get_ipython().execution_count",
    "k.get_parent()['header']['msg_type'] == 'execute_request'", "k.get_parent()['content']['code']",
    "k._parent_header['header']", "k._parent_ident['shell']",
    "'import' in k.do_complete('impor', 5)['matches']" , "k.do_inspect('print', 5)['found']",
    "k.shell_handlers['execute_request']",
    "k.control_handlers['shutdown_request']",
    "k.config", "k.comm_manager.targets is not None", "k.parent.connection_file"])
def test_an_attribute_of_the_kernel(kc, kernel, code):
    if kernel == "ipykernel" and "do_" in code: pytest.skip("coroutines in ipykernel 7")
    assert kc.run(f"k = get_ipython().kernel\nbool({code})").result == "True"

def test_completion_works_from_any_thread(kc, kernel):
    "VS Code asks so"
    if kernel == "ipykernel": pytest.skip("a coroutine in ipykernel 7")
    code = "import threading\nt = threading.Thread(target=lambda: print(get_ipython().kernel.do_complete('impor', 5)['matches']))\nt.start()\nt.join()"
    assert "import" in kc.run(code).stdout

def test_send_response_publishes(kc):
    r = kc.run(
        "k = get_ipython().kernel\n"
        "k.send_response(k.iopub_socket, 'display_data', dict(data={'text/plain': 'hi'}, metadata={}))")
    assert r.of("display_data")[0]["data"] == {"text/plain": "hi"}

def test_session_send_publishes(kc):
    code = "k = get_ipython().kernel\nk.session.send(k.iopub_socket, 'stream', dict(name='stdout', text='hi'), parent=k.get_parent())"
    assert kc.run(code).stdout == "hi"

def test_set_parent_takes_a_copy_of_a_message(kc):
    "Displays, results and text go on after it"
    r = kc.run(
        "import json\n"
        "ip = get_ipython()\n"
        "ip.set_parent(json.loads(json.dumps(ip.get_parent(), default=str)))\n"
        "print('a')\n"
        "display('b')\n"
        "'c'")
    assert (r.stdout, r.result, r.status) == ("a\n", "'c'", "ok")
    assert r.of("display_data")[0]["data"]["text/plain"] == "'b'"

def test_set_parent_in_a_thread_brings_its_output_to_an_earlier_cell(kc):
    first = kc.run("old = get_ipython().get_parent()")
    kc.run("import _thread, time\n"
        "def f():\n"
        "    get_ipython().set_parent(old)\n"
        "    print('late')\n"
        "    done.set()\n"
        "import threading\n"
        "done = threading.Event()\n"
        "_thread.start_new_thread(f, ())\n"
        "done.wait(5)\n"
        "0")
    assert kc.wait(first.id, until=lambda r: "late" in r.stdout)

def test_io_loop_is_the_loop_of_cells(kc):
    assert kc.run("from tornado.ioloop import IOLoop\n"
        "get_ipython().kernel.io_loop is IOLoop.current()").result == "True"

def test_io_loop_runs_callbacks_from_threads(kc):
    r = kc.run("import threading, asyncio\ngot = asyncio.Event()\nloop = get_ipython().kernel.io_loop\n"
        "threading.Thread(target=lambda: loop.add_callback(got.set)).start()\nawait asyncio.wait_for(got.wait(), 5)")
    assert r.result == "True"

def test_io_loop_is_the_same_from_a_thread(fresh):
    code = "import threading\nl = []\nt = threading.Thread(target=lambda: l.append(get_ipython().kernel.io_loop))\nt.start()\nt.join()\nl[0] is get_ipython().kernel.io_loop"
    assert fresh().run(code).result == "True"

@pytest.fixture
def server(tmp_path):
    "Stands in for Jupyter's: a function that tells it of the kernel with a connection file"
    sessions = []
    class Api(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.end_headers()
            self.wfile.write(json.dumps(sessions).encode())
        def log_message(self, *args): pass
    with HTTPServer(("127.0.0.1", 0), Api) as srv:
        threading.Thread(target=srv.serve_forever, daemon=True).start()
        (tmp_path/"jpserver-1.json").write_text(json.dumps(dict(url=f"http://127.0.0.1:{srv.server_port}/", token="",
            root_dir="/home/me")))
        yield lambda file: sessions.append(dict(path="work/mine.ipynb",
            kernel=dict(id=Path(file).stem.removeprefix("kernel-"))))
        srv.shutdown()

def test_ipynbname_finds_the_notebook(fresh, server, tmp_path):
    kc = fresh(JUPYTER_RUNTIME_DIR=str(tmp_path))
    server(kc.file)
    assert kc.run("import ipynbname\n"
        "ipynbname.name(), str(ipynbname.path())").result == "('mine', '/home/me/work/mine.ipynb')"

def test_session_name_in_the_environment_becomes_a_variable(fresh):
    assert fresh(JPY_SESSION_NAME="/a/nb.ipynb").run("__session__").result == "'/a/nb.ipynb'"

@pytest.mark.only_ipymini("ipykernel is there")
def test_a_missing_module_of_ipykernel_is_missing(kc):
    assert kc.run("import ipykernel.kernelspec").error["ename"] == "ModuleNotFoundError"

@pytest.mark.only_ipymini("ipykernel can")
def test_a_kernel_class_cannot_be_derived(kc):
    assert "stand-in" in kc.run("from ipykernel.kernelbase import Kernel\nclass K(Kernel): pass").error["evalue"]

def test_importing_the_installed_ipykernel_leaves_comms_alone(beside):
    r = beside.run("import comm, ipykernel.ipkernel, ipykernel.kernelapp, ipykernel.embed, ipykernel.kernelspec, ipykernel.inprocess\n"
        "from ipykernel.comm import Comm\n"
        "c = Comm('a', {})\n"
        "comm.get_comm_manager() is get_ipython().kernel.comm_manager and c.comm_id in comm.get_comm_manager().comms")
    assert r.result == "True" and "comm_open" in r.types

def test_modules_without_a_stand_in_come_from_the_installed_ipykernel(beside):
    assert "site-packages" in beside.run("import ipykernel.kernelspec; ipykernel.kernelspec.__file__").result

# -- parents

@pytest.mark.parametrize("o", ["ip", "ip.display_pub", "ip.displayhook", "sys.stdout"])
def test_it_tells_whom_it_answers(kc, o):
    r = kc.run(f"import sys\nip = get_ipython()\n{o}.parent_header['msg_id']")
    assert r.result == f"'{r.id}'"

to_thread = """
import _thread, sys, threading
done,ip = threading.Event(),get_ipython()
def f():
    {0}.{1}(old)
    print('late', file=sys.stdout)
    display('late')
    done.set()
_thread.start_new_thread(f, ())
done.wait(5)
"""

@pytest.mark.parametrize("way", ["set_parent", "set_thread_parent"])
def test_the_shell_sets_whom_a_thread_answers(kc, way):
    first = kc.run("old = get_ipython().get_parent()")
    assert kc.run(to_thread.format("ip", way)).result == "True"
    assert kc.wait(first.id, until=lambda r: "late" in r.stdout and r.of("display_data"))

def test_the_parent_of_a_thread_can_be_put_back(kc):
    first = kc.run("old = get_ipython().get_parent()")
    r = kc.run(
        "ip = get_ipython()\n"
        "token = ip.set_thread_parent(old)\n"
        "print('to the first')\n"
        "display(1)\n"
        "ip.reset_thread_parent(token)\n"
        "print('to this')\n"
        "display(2)")
    kc.wait(first.id, until=lambda r: "first" in r.stdout and r.of("display_data"))
    assert r.stdout == "to this\n" and len(r.of("display_data")) == 1

@pytest.mark.parametrize("o,show,type", [("ip.display_pub", "display(5)", "display_data"),
    ("sys.stdout", "print(5, flush=True)", "stream")])
def test_a_publisher_sets_whom_it_answers(kc, o, show, type):
    first = kc.run("import sys\nip = get_ipython()\nold = ip.get_parent()")
    kc.run(f"own,new = {o},ip.get_parent()\nown.set_parent(old)\n{show}\nown.set_parent(new)")
    assert kc.wait(first.id, until=lambda r: r.of(type))

def test_a_cell_runs_cells_of_another_kernel(kc, fresh):
    "jupyter_client passes its outputs on as this cell's"
    code = (
        "from jupyter_client import BlockingKernelClient\n"
        f"other = BlockingKernelClient(connection_file='{fresh().file}')\n"
        "other.load_connection_file()\n"
        "other.start_channels()\n"
        "other.wait_for_ready(timeout=30)\n"
        "other.execute_interactive('print(\"there\")\\ndisplay(5)\\n1/0', timeout=30)['content']['status']")
    r = kc.run(code, timeout=60)
    assert (r.stdout, r.result) == ("there\n", "'error'"), r
    assert r.of("display_data")[0]["data"] == {"text/plain": "5"} and r.error["ename"] == "ZeroDivisionError", r
