"What libraries ask of the kernel by name"
import pytest

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
    ("from ipykernel.kernelapp import IPKernelApp; IPKernelApp.initialized() and IPKernelApp.instance().kernel is get_ipython().kernel", "True"),
    ("from ipykernel.kernelbase import Kernel; Kernel.initialized() and Kernel.instance() is get_ipython().kernel", "True"),
    ("from ipykernel.ipkernel import IPythonKernel; isinstance(get_ipython().kernel, IPythonKernel)", "True"),
    ("from ipykernel.zmqshell import ZMQInteractiveShell; isinstance(get_ipython(), ZMQInteractiveShell)", "True"),
    ("from ipykernel.iostream import OutStream; isinstance(sys.stdout, OutStream) and isinstance(sys.stderr, OutStream)", "True"),
    ("from traitlets.config import Application; Application.instance().kernel is get_ipython().kernel", "True"),
    ("ipykernel.get_connection_info(unpack=True)['shell_port'] > 0", "True"),
    ("from ipykernel.comm import Comm; import comm; c = Comm('a target', {'x': 1}); c.target_name", "'a target'"),
    ("comm.get_comm_manager() is get_ipython().kernel.comm_manager", "True"),
    ("bool(comm.create_comm(target_name='a').kernel)", "True")])
def test_a_name_that_is_asked_for(kc, code, text): assert kc.run(f"import sys, ipykernel\n{code}").result == text

@pytest.mark.parametrize("code", ["k.shell is get_ipython()", "k.session.session", "isinstance(k.session.key, bytes)", "k.iopub_socket", "k.log.warning",
    "k.banner", "k.implementation", "k.language_info['name'] == 'python'", "k.execution_count == get_ipython().execution_count",
    "k.get_parent()['header']['msg_type'] == 'execute_request'", "k.get_parent()['content']['code']", "k._parent_header['header']", "k._parent_ident['shell']",
    "'import' in k.do_complete('impor', 5)['matches']" , "k.do_inspect('print', 5)['found']", "k.shell_handlers['execute_request']", "k.control_handlers['shutdown_request']",
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
    r = kc.run("k = get_ipython().kernel\nk.send_response(k.iopub_socket, 'display_data', dict(data={'text/plain': 'hi'}, metadata={}))")
    assert r.of("display_data")[0]["data"] == {"text/plain": "hi"}

def test_session_send_publishes(kc):
    code = "k = get_ipython().kernel\nk.session.send(k.iopub_socket, 'stream', dict(name='stdout', text='hi'), parent=k.get_parent())"
    assert kc.run(code).stdout == "hi"

def test_set_parent_takes_a_copy_of_a_message(kc):
    "Displays, results and text go on after it"
    r = kc.run("import json\nip = get_ipython()\nip.set_parent(json.loads(json.dumps(ip.get_parent(), default=str)))\nprint('a')\ndisplay('b')\n'c'")
    assert (r.stdout, r.result, r.status) == ("a\n", "'c'", "ok")
    assert r.of("display_data")[0]["data"]["text/plain"] == "'b'"

def test_set_parent_in_a_thread_brings_its_output_to_an_earlier_cell(kc):
    first = kc.run("old = get_ipython().get_parent()")
    kc.run("import _thread, time\ndef f():\n    get_ipython().set_parent(old)\n    print('late')\n    done.set()\nimport threading\ndone = threading.Event()\n_thread.start_new_thread(f, ())\ndone.wait(5)\n0")
    assert kc.wait(first.id, until=lambda r: "late" in r.stdout)

def test_io_loop_is_the_loop_of_cells(kc):
    assert kc.run("from tornado.ioloop import IOLoop\nget_ipython().kernel.io_loop is IOLoop.current()").result == "True"

def test_io_loop_runs_callbacks_from_threads(kc):
    r = kc.run("import threading, asyncio\ngot = asyncio.Event()\nloop = get_ipython().kernel.io_loop\n"
        "threading.Thread(target=lambda: loop.add_callback(got.set)).start()\nawait asyncio.wait_for(got.wait(), 5)")
    assert r.result == "True"

def test_io_loop_is_the_same_from_a_thread(fresh):
    code = "import threading\nl = []\nt = threading.Thread(target=lambda: l.append(get_ipython().kernel.io_loop))\nt.start()\nt.join()\nl[0] is get_ipython().kernel.io_loop"
    assert fresh().run(code).result == "True"

def test_a_handler_for_messages_of_ones_own(kc):
    kc.run("k = get_ipython().kernel\ndef hello(stream, ident, parent):\n    k.session.send(stream, 'hello_reply', dict(you=parent['content']['me']), parent, ident=ident)\n"
        "k.shell_handlers['hello_request'] = hello")
    assert kc.request("hello_request", dict(me=5)).content["you"] == 5

def test_session_name_in_the_environment_becomes_a_variable(fresh):
    assert fresh(JPY_SESSION_NAME="/a/nb.ipynb").run("__session__").result == "'/a/nb.ipynb'"

@pytest.mark.only_ipymini("ipykernel is there")
def test_a_missing_module_of_ipykernel_is_missing(kc): assert kc.run("import ipykernel.kernelspec").error["ename"] == "ModuleNotFoundError"

@pytest.mark.only_ipymini("ipykernel can")
def test_a_kernel_class_cannot_be_derived(kc):
    assert "stand-in" in kc.run("from ipykernel.kernelbase import Kernel\nclass K(Kernel): pass").error["evalue"]

def test_importing_the_installed_ipykernel_leaves_comms_alone(beside):
    r = beside.run("import comm, ipykernel.ipkernel, ipykernel.kernelapp, ipykernel.embed, ipykernel.kernelspec, ipykernel.inprocess\n"
        "from ipykernel.comm import Comm\nc = Comm('a', {})\ncomm.get_comm_manager() is get_ipython().kernel.comm_manager and c.comm_id in comm.get_comm_manager().comms")
    assert r.result == "True" and "comm_open" in r.types

def test_modules_without_a_stand_in_come_from_the_installed_ipykernel(beside):
    assert "site-packages" in beside.run("import ipykernel.kernelspec; ipykernel.kernelspec.__file__").result

# -- magics

def test_connect_info_shows_ports_and_file(kc):
    out = kc.run("%connect_info").stdout
    assert '"shell_port"' in out and "--existing" in out

def test_autosave(kc):
    r = kc.run("%autosave 60")
    assert r.of("display_data")[0]["data"] == {"application/javascript": "IPython.notebook.set_autosave_interval(60000)"}
    assert r.stdout == "Autosaving every 60 seconds\n"
    assert kc.run("%autosave 0").stdout == "Autosave disabled\n"
    assert kc.run("%autosave x").content["ename"] == "UsageError"

@pytest.mark.parametrize("magic", ["less", "more"])
def test_less_shows_a_file_in_the_pager(kc, magic, tmp_path):
    (tmp_path/"f.txt").write_text("some text")
    r = kc.run(f"%{magic} {tmp_path}/f.txt")
    assert r.content["payload"][0]["source"] == "page" and r.content["payload"][0]["data"]["text/plain"] == "some text"
    assert kc.run(f"%{magic}").content["ename"] == "UsageError"

def test_man_shows_a_page_in_the_pager(kc): assert kc.run("%man ls").content["payload"][0]["source"] == "page"

def test_clear_clears_a_terminal(kc): assert kc.run("%clear").stdout.startswith("\x1b[H\x1b[2J")

def test_edit_opens_a_file_at_a_line(kc, kernel, tmp_path):
    (tmp_path/"f.py").write_text("1\n2\n3\n")
    (load,) = kc.run(f"%edit -n 3 {tmp_path}/f.py").content["payload"]
    assert (load["source"], load["filename"]) == ("edit_magic", f"{tmp_path}/f.py")
    if kernel == "ipymini": assert load["line_number"] == 3  # ipykernel says "3"

def test_edit_opens_a_function_of_a_module(kc):
    (load,) = kc.run("import textwrap\n%edit textwrap.dedent").content["payload"]
    assert load["filename"].endswith("textwrap.py") and load["line_number"] > 1

def test_edit_opens_cells(kc):
    kc.run("a_name = 5")
    n = kc.run("a_name").content["execution_count"]
    (load,) = kc.run(f"%edit {n-1}").content["payload"]
    with open(load["filename"]) as f: assert f.read().strip() == "a_name = 5"

def test_subshell_tells_where_we_are(kc):
    assert "subshell id: None" in kc.run("%subshell").stdout
    id = kc.request("create_subshell_request", channel="control").content["subshell_id"]
    out = kc.run("%subshell", subshell=id).stdout
    assert f"subshell id: {id}" in out and f"['{id}']" in out
    kc.request("delete_subshell_request", dict(subshell_id=id), channel="control")
