"What libraries and people look for under ipykernel's names, and modules of theirs whose names others have, too"
import pytest

def test_a_module_of_the_users_may_be_called_comm(own, tmp_path):
    (tmp_path/"comm.py").write_text("speed = 9600\n")
    kc = own(cwd=tmp_path)
    assert kc.request("comm_info_request").content == dict(status="ok", comms={})
    assert kc.run("import comm\ncomm.speed").result == "9600"
    assert kc.request("comm_info_request").content == dict(status="ok", comms={})
    assert "a module called comm hides the package" in kc.request("comm_open",
        dict(comm_id="c", target_name="t", data={})).stderr

def test_a_module_of_the_users_may_be_called_trio(own, tmp_path):
    (tmp_path/"trio.py").write_text("voices = 3\n")
    assert own(cwd=tmp_path).run("import trio\ntrio.voices").result == "3"

# -- what notebooks and libraries call

def test_do_shutdown_ends_the_kernel_so_that_it_is_started_again(own):
    "a recipe to restart a kernel from a cell"
    kc = own()
    r = kc.run("get_ipython().kernel.do_shutdown(True)")
    assert (r.status, r.result, r.of("shutdown_reply")) == ("ok", "{'status': 'ok', 'restart': True}",
        [dict(status="ok", restart=True)])
    assert kc.proc.wait(20) == 0

def test_connection_info_is_text_or_a_dictionary(kc):
    assert kc.run("import ipykernel, json; "
        "json.loads(ipykernel.get_connection_info()) == dict(i := ipykernel.get_connection_info(unpack=True), key=i['key'].decode())").result == "True"

def test_connection_functions_are_in_the_module_connect(kc):
    names = "connect_qtconsole, get_connection_file, get_connection_info"
    assert kc.run(
        f"from ipykernel.connect import {names}\n"
        "import ipykernel\n"
        f"({names}) == ({', '.join('ipykernel.'+n for n in names.split(', '))})").result == "True"

def test_connect_qtconsole_starts_one_on_this_kernel(kc):
    code = "import sys; before,sys.executable = sys.executable,'echo'\ntry: ipykernel.connect_qtconsole(argv=['--style=monokai']).wait()\nfinally: sys.executable = before"
    r = kc.run(f"import ipykernel\n{code}")
    assert r.status == "ok" and r.stdout.startswith("-m qtconsole --existing /") and r.stdout.endswith(".json --style=monokai\n"), r

def test_the_shells_parent_header_is_the_whole_message(kc):
    r = kc.run("p = get_ipython().parent_header; p['header']['msg_id'], p['content']['code'][:3]")
    assert r.result == repr((r.id, "p ="))

def test_the_kernel_has_the_shells_namespace_and_says_what_it_is(kc):
    assert kc.run("k = get_ipython().kernel; "
        "k.user_ns is globals(), k.user_module is __import__('__main__'), k.profile_dir is get_ipython().profile_dir").result == "(True, True, True)"
    assert kc.run("k.implementation, k.implementation_version == __import__('ipymini').__version__, len(k.help_links)").result == "('ipymini', True, 2)"

def test_autoawait_names_asyncio(kc):
    assert "asyncio" in kc.run("%autoawait").stdout and "function" not in kc.run("%autoawait").stdout

def test_the_class_of_comms_has_a_comm_id(kc):
    "ipywidgets' tests mock it"
    assert kc.run("import ipykernel.comm\nhasattr(ipykernel.comm.Comm, 'comm_id')").result == "True"

# -- errors in the words that others' tests read

def test_an_unknown_subshell_is_called_so(kc):
    r = kc.request("delete_subshell_request", dict(subshell_id="nosuch"), channel="control")
    assert r.content["evalue"] == "Unknown subshell_id 'nosuch'"

def test_a_request_to_an_unknown_subshell_is_told_so(kc):
    assert kc.run("1", subshell="nosuch").content["evalue"] == "Unknown subshell_id 'nosuch'"

@pytest.mark.parametrize("code, name", [("input()", "raw_input"), ("import getpass; getpass.getpass()", "getpass")])
def test_input_that_cannot_be_had_is_told(kc, code, name):
    assert kc.run(code).content["evalue"] == f"{name} was called, but this frontend does not support input requests."

imports_uvloop = """
import importlib, threading
threading.Thread(target=importlib.import_module, args=["uvloop"]).start()
"""
half_there = """
import sys, time
def is_kernel_there(): return any(getattr(finder, "__name__", "") == "Patches" for finder in sys.meta_path)
while not is_kernel_there(): time.sleep(.001)
time.sleep(.1)  # by then a kernel that does not wait for this module has looked for what it has to change there
class Loop:
    def run_forever(self): pass
    run_until_complete = run_forever
def run(): pass
"""

def test_a_module_that_another_thread_imports_while_the_kernel_starts_is_changed_when_it_is_there(own, tmp_path):
    "As stack_data may be: JupyterLab makes a subshell at once, which needs it"
    for name,text in dict(sitecustomize=imports_uvloop, uvloop=half_there).items(): (tmp_path/f"{name}.py").write_text(text)
    kc = own(env=dict(PYTHONPATH=str(tmp_path)))
    assert kc.run("import uvloop\nuvloop.run.__wrapped__.__name__").result == "'run'"
