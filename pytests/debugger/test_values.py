"The namespace while nothing is stopped: variables, groups, children, rich inspection"
import base64, pytest, threading
from dap import IP, texts
from ipymini.debugger.requests import Debugger
from ipymini.debugger.values import Variables
from itertools import count
from types import SimpleNamespace

def ask(ip, command, **args): return Debugger(ip, None).request(dict(seq=1, command=command, arguments=args))["body"]

def test_variables_begin_with_two_groups():
    found = ask(IP(x=1), "inspectVariables")["variables"]
    assert [o["name"] for o in found] == ["special variables", "function variables", "x"]

def test_a_variable():
    assert ask(IP(x=[1]), "inspectVariables")["variables"][2] == dict(name="x", value="[1]", type="list",
        evaluateName="x", variablesReference=1)

def test_what_ipython_puts_there_is_hidden():
    ns = dict.fromkeys("__name__ __builtins__ _ __ ___ _i _ii _iii _i1 _1 _ih _oh _dh In Out exit quit get_ipython debugpy _x _items".split(), 0)
    assert list(texts(ask(IP(**ns), "inspectVariables")))[2:] == ["_x", "_items"]

@pytest.mark.parametrize("name", ["__class__", "__dict__", 5])
def test_names_that_an_object_cannot_have(name):
    ip = IP(x=1)
    ip.user_ns[name] = 2
    assert "x" in texts(ask(ip, "inspectVariables"))

def test_special_variables_are_a_group():
    dap = Debugger(IP(__class__=5), None)
    group = dap.request(dict(command="inspectVariables"))["body"]["variables"][0]
    inside = dap.request(dict(command="variables", arguments=dict(variablesReference=group["variablesReference"])))["body"]
    assert texts(inside) == {"__class__": "5"}

def test_a_repr_that_fails():
    class Bad:
        def __repr__(self): raise SystemExit
    assert "Bad object" in texts(ask(IP(x=Bad()), "inspectVariables"))["x"]

def test_a_repr_that_takes_long():
    hang = threading.Event()
    class Slow:
        def __repr__(self):
            hang.wait(20)
            return "slow"
    dap = Debugger(IP(a=Slow(), b=2), None)
    inspect = lambda: texts(dap.request(dict(command="inspectVariables"))["body"])
    assert "Slow object" in inspect()["a"]
    assert inspect()["b"] == "2"
    hang.set()

def test_a_repr_that_took_long_is_asked_again_in_the_next_session():
    hang = threading.Event()
    class Slow:
        def __repr__(self):
            hang.wait(20)
            return "quick by now"
    ip = IP(a=Slow())
    shown = Variables(ip)
    assert "Slow object" in texts(dict(variables=shown.top()))["a"]
    hang.set()
    shown.forget()
    assert texts(dict(variables=shown.top()))["a"] == "quick by now"

def test_large_values_are_cut():
    ns = dict(s="x"*10**6, l=list(range(10**6)), d={i: i for i in range(10**6)}, n=10**9999)
    assert all(len(s) < 200 for s in texts(ask(IP(**ns), "inspectVariables")).values())

def test_a_namespace_that_changes_meanwhile():
    ip,done = IP(),threading.Event()
    def churn():
        for i in iter(count().__next__, None):
            ip.user_ns[f"v{i%99}"] = i
            ip.user_ns.pop(f"v{(i+50)%99}", None)
            if done.is_set(): return
    t = threading.Thread(target=churn)
    t.start()
    for _ in range(20): assert "variables" in ask(ip, "inspectVariables")
    done.set()
    t.join()

@pytest.mark.parametrize("value, inside",
    [([1, "a"], {"0": "1", "1": "'a'"}), (dict(a=1), {"'a'": "1"}), (SimpleNamespace(a=[]), {"a": "[]"}),
        ((3,), {"0": "3"})], ids=str)
def test_children(value, inside):
    dap = Debugger(IP(x=value), None)
    ref = dap.request(dict(command="inspectVariables"))["body"]["variables"][2]["variablesReference"]
    assert texts(dap.request(dict(command="variables", arguments=dict(variablesReference=ref)))["body"]) == inside

def test_children_in_pages():
    dap = Debugger(IP(x=list(range(9))), None)
    ref = dap.request(dict(command="inspectVariables"))["body"]["variables"][2]["variablesReference"]
    assert texts(dap.request(dict(command="variables",
        arguments=dict(variablesReference=ref, start=4, count=2)))["body"]) == {"4": "4", "5": "5"}

def test_functions_have_a_group():
    dap = Debugger(IP(f=lambda: 1), None)
    ref = dap.request(dict(command="inspectVariables"))["body"]["variables"][1]["variablesReference"]
    assert list(texts(dap.request(dict(command="variables", arguments=dict(variablesReference=ref)))["body"])) == ["f"]

def test_rich_inspection_of_a_variable(kc, idle):
    kc.run("from IPython.display import HTML; h = HTML('<b>é</b>')")
    assert idle.ok("richInspectVariables", variableName="h")["data"]["text/html"] == "<b>é</b>"

def test_images_are_base64(kc, idle):
    kc.run("class P:\n    def _repr_png_(self): return b'\\x89PNG'\np = P()")
    assert base64.b64decode(idle.ok("richInspectVariables", variableName="p")["data"]["image/png"]) == b"\x89PNG"

def test_rich_inspection_of_a_group(idle):
    assert idle.ok("richInspectVariables", variableName="special variables") == dict(data={}, metadata={})

@pytest.mark.parametrize("name", ["a b", "nosuch"])
def test_rich_inspection_of_what_is_not_there(idle, name):
    res = idle.ask("richInspectVariables", variableName=name)
    assert (res["success"], res["body"]) == (False, dict(data={}, metadata={}))
