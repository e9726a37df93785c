"What is completed from live objects, without jedi and without running code of the user's"
import json, sys
from helpers import root
import pytest

sys.path.insert(0, str(root/"tools/completions"))
import comparing

first_cell = """
import functools, jedi, json as _json, os
from pathlib import Path
get_ipython().Completer
asked = []  # the namespaces that jedi was asked with
class Counted(jedi.Interpreter):
    def __init__(self, code, namespaces, **kw):
        asked.append([name for names in namespaces for name in names])
        super().__init__(code, namespaces, **kw)
jedi.Interpreter = Counted
ran = []
class Noted:
    def __repr__(self):
        ran.append('repr')
        return 'noted'
class Model:
    'docs'
    kind = 'linear'
    def __init__(self):
        self.weights = [1]
        self.part = Part()
    @property
    def score(self):
        ran.append('score')
        return 'high'
    @functools.cached_property
    def cached(self): return ran.append('cached')
    def fit(self, data, epochs=1, *, noted=Noted(), rate: float = .5) -> list: return []
    @classmethod
    def load(cls, path): return cls()
    @staticmethod
    def count(items, /): return len(items)
class Part:
    def __getattr__(self, name):
        ran.append(name)
        raise AttributeError(name)
model,text,table = Model(),'some text',{'first key': {'deep': 1}}
Live = type('Live', (), {'attribute_of_a_class': 1})
"""

def complete(kc, code, pos=None):
    return kc.request("complete_request", dict(code=code, cursor_pos=len(code) if pos is None else pos)).content

def asked(kc): return json.loads(eval(kc.run("_json.dumps(asked)", store_history=False).result))

def types(kc, code):
    return {one["text"]: (one["type"], one["signature"])
        for one in complete(kc, code)["metadata"]["_jupyter_types_experimental"]}

@pytest.fixture
def counted(kc):
    "The kernel, once jedi has not been asked and nothing of the user's has run"
    kc.run("asked.clear(); ran.clear()", store_history=False)
    return kc

# -- what lives

@pytest.mark.parametrize("code, text", [("mod", "model"), ("prin", "print"), ("imp", "import"), ("x = Tru", "True"),
    ("model.we", "weights"), ("model.", "fit"),
    ("model.weights.app", "append"), ("print(1, model.fi", "fit"), ("x = [text.up", "upper"), ("f'{text.up", "upper"),
    ("f'{te", "text"), ("'abc'.up", "upper"), ("[1].app", "append"),
    ("table['first key'].ke", "keys"), ("Live.attr", "attribute_of_a_class"), ("model.fit(1, ep", "epochs="),
    ("model.fit(epochs=1, no", "noted="), ("Path('a', mo", "model"),
    ("print(1, se", "sep="), ("from os import pa", "path"), ("from os.path import isd, exi", "exists"),
    ("import js", "json"), ("import xml.et", "xml.etree"),
    ("%timeit model.fi", "fit"), ("for x in text:\n    mod", "model"), ("# model.fi", "fit"),
    ("await model.fi", "fit"), ("import os\nos.path.jo", "join"), ("import json as other\nother.dum", "dumps"),
    ("import json as other\noth", "other"),
    ("from os import path as place, sep\nplace.jo", "join"), ("import json as text\ntext.dum", "dumps"),
    ("import json as text\ntext.dumps(1, ind", "indent="), ("@functools.wr", "wraps"), ("model. fi"[:6]+"fi", "fit"),
    ("fresh = [1]\nfre", "fresh"), ("for item in 'abc': ite", "item"), ("with open('x') as handle:\n    han", "handle"),
    ("for texts in te", "text"), ("models = mod", "model"), ("first, second = 1, 2\nprint(sec", "second"),
    ("if text:\n    found: int = 1\n    fou", "found")])
def test_what_lives_is_completed_without_jedi(counted, code, text):
    assert text in complete(counted, code)["matches"]
    assert asked(counted) == []

@pytest.mark.parametrize("code, text", [("table['fi", "first key"), ("table['first key']['de", "deep"),
    ("open('/et", "/etc/"), ("%timei", "%timeit"), ("%cd /et", "/etc/")])
def test_what_other_matchers_know_is_completed_without_jedi(counted, code, text):
    assert any(text in match for match in complete(counted, code)["matches"])
    assert asked(counted) == []

def test_attributes_that_begin_with_an_underscore_come_when_they_are_asked_for(counted):
    assert not any(match.startswith("_") for match in complete(counted, "model.")["matches"])
    assert "__class__" in complete(counted, "model.__c")["matches"]

# -- what does not live

@pytest.mark.parametrize("code, text", [("fresh = [1]\nfresh.app", "append"),
    ("def f(argument):\n    arg", "argument"), ("lambda argument: arg", "argument"),
    ("text.upper().low", "lower"), ("import this_one_is_not_there, chunk\nthis_o", "this_one_is_not_there"),
    ("def text(amount): pass\ntext(am", "amount="),
    ("model.fit(1).app", "append"), ("def f(key_name): pass\nf(key_n", "key_name=")])
def test_what_does_not_live_yet_is_asked_of_jedi(counted, code, text):
    assert text in complete(counted, code)["matches"]
    assert asked(counted)

@pytest.mark.parametrize("code", ["text = [1]\ntext.app", "for text in [[1]]: text.app", "if (text := [1]): text.app",
    "def f(text=[]):\n"
    "    text.app"])
def test_a_name_that_the_cell_gives_another_value_means_that_value(counted, code):
    assert "append" in complete(counted, code)["matches"]

def test_what_follows_the_cursor_gives_no_name_a_value(counted):
    code = "text.up\ntext = [1]"
    assert complete(counted, code, pos=7)["matches"] == ["upper"] and asked(counted) == []

@pytest.mark.parametrize("code", ["for texts in te", "texts = te", "print([texts for texts in 'ab']); te"])
def test_a_name_that_has_no_value_yet_is_not_listed(counted, code): assert "texts" not in complete(counted, code)["matches"]

def test_live_names_and_those_of_the_cell_come_together(counted):
    assert {"model", "model_of_this_cell"} <= set(complete(counted, "model_of_this_cell = 1\nmod")["matches"])

def test_jedi_gets_those_names_alone_that_the_code_mentions(counted):
    complete(counted, "text.upper().low")
    assert asked(counted) == [["text"]]

def test_a_hundred_thousand_names_are_none_of_jedis(counted):
    counted.run("globals().update({f'many_{i}': i for i in range(100_000)})", silent=True)
    try: assert set(complete(counted, "many_9999")["matches"]) == {"many_9999", *(f"many_9999{i}" for i in range(10))}
    finally: counted.run("for i in range(100_000): del globals()[f'many_{i}']", silent=True)
    assert asked(counted) == []

# -- no code of the user's

def runs(kc): return eval(kc.run("ran", store_history=False).result)

@pytest.mark.parametrize("code", ["model.", "model.s", "model.score.", "model.score.upp", "model.cached.",
    "model.part.", "model.part.missing.", "model.part.missing.x", "model.cached[0].x", "Model.", "model.fit(",
    "model.score.upper(", "model.score['"])
def test_no_code_of_the_users_runs(counted, code):
    complete(counted, code)
    assert runs(counted) == []

def test_the_setting_evaluation_lets_properties_run(counted):
    counted.run("%config IPCompleter.evaluation = 'unsafe'")
    try: assert "upper" in complete(counted, "model.score.upp")["matches"] and runs(counted) == ["score"]
    finally: counted.run("%config IPCompleter.evaluation = 'limited'")

# -- types and signatures

@pytest.mark.parametrize("code, want", [("model.kin", ("instance", "")), ("model.sco", ("property", "")),
    ("model.cach", ("property", "")), ("model.weigh", ("instance", "")), ("mode", ("instance", "")),
    ("Mode", ("class", "")), ("functool", ("module", "")), ("functools.wrap", None), ("model.fit(rat", ("param", "")),
    ("whil", ("keyword", "")), ("model.loa", ("function", "(path)")),
    ("model.coun", ("function", "(items, /)")),
    ("Model.fi", ("function", "(self, data, epochs=1, *, noted=..., rate: float = 0.5) -> list")),
    ("model.fi", ("function", "(data, epochs=1, *, noted=..., rate: float = 0.5) -> list")),
    ("text.cente", ("function", "(width, fillchar=' ', /)")),
    ("sorte", ("function", "(iterable, /, *, key=None, reverse=False)"))])
def test_type_and_signature_are_those_of_the_object(counted, code, want):
    (found,) = {name: one for name,one in types(counted, code).items() if one[0] != "magic"}.values()
    assert found == want if want else found[0] == "function" and "wrapped" in found[1]
    assert asked(counted) == [] and runs(counted) == []

# -- settings

@pytest.fixture
def config(kc):
    "Set an option of the completer's, until the test ends"
    used = []
    def inner(name, value):
        used.append((name, kc.run(f"get_ipython().Completer.{name}").result))
        assert kc.run(f"%config IPCompleter.{name} = {value!r}").status == "ok"
    yield inner
    for name,value in used: kc.run(f"get_ipython().Completer.{name} = {value}")

def test_without_jedi_ipythons_own_matchers_complete(counted, config):
    config("use_jedi", False)
    assert types(counted, "model.fi") == {".fit": ("attribute", "")}

def test_a_matcher_that_is_switched_off_lists_nothing(counted, config):
    identifier = counted.run("get_ipython().Completer._jedi_matcher.matcher_identifier").result.strip("'")
    config("disable_matchers", [identifier])
    assert complete(counted, "model.we")["matches"] == []

def test_omit_names(counted, config):
    config("omit__names", 1)
    found = complete(counted, "model.")["matches"]
    assert "__class__" not in found
    config("omit__names", 0)
    assert "__class__" in complete(counted, "model.")["matches"]

def test_custom_completers_are_asked(counted):
    counted.run("get_ipython().set_custom_completer(lambda self, text: ['custom_one'] if text.startswith('cus') else [])")
    try: assert "custom_one" in complete(counted, "cust")["matches"]
    finally: counted.run("get_ipython().Completer.custom_matchers.clear()")

@pytest.mark.parametrize("flag", ["0", "1"])
def test_environment_variables_set_jedi_and_the_types(own, flag):
    kc = own(env=dict(IPYMINI_USE_JEDI=flag, IPYMINI_EXPERIMENTAL_COMPLETIONS=flag))
    assert kc.run("get_ipython().Completer.use_jedi").result == str(flag == "1")
    c = complete(kc, "prin")
    assert "print" in c["matches"] and ("_jupyter_types_experimental" in c["metadata"]) == (flag == "1")

# -- loading

watch = """
import sys, threading
class Watch:
    def find_spec(self, name, path=None, target=None):
        if name == "jedi": print(name, threading.current_thread() is threading.main_thread())
sys.meta_path.insert(0, Watch())
"""

@pytest.fixture(scope="module")
def lazy(kc):
    "Skip where IPython imports jedi with its completer, as it did before it put that off"
    old = "import IPython.core.completer as module; hasattr(module, 'jedi')"
    if kc.run(old).result == "True": pytest.skip("this IPython imports jedi at once")

@pytest.mark.slow
@pytest.mark.parametrize("kind", ["complete_request", "inspect_request"])
def test_jedi_is_loaded_on_the_side_once_somebody_types_and_the_kernel_is_idle(lazy, own, kind):
    kc = own()
    r = kc.run(watch)
    kc.request(kind, dict(code="pri", cursor_pos=3))
    assert kc.wait(r.id, until=lambda r: "jedi" in r.stdout, timeout=60).stdout == "jedi False\n"

def test_nothing_is_loaded_where_nobody_types(own):
    kc = own()
    loaded = "get_ipython().bridge.on_typing.cache_info().currsize"  # how often it was decided
    assert kc.run(loaded, allow_stdin=True).result == "0"
    kc.request("complete_request", dict(code="pri", cursor_pos=3))
    assert kc.run(loaded, allow_stdin=True).result == "1"

half_loaded = """
import sys, threading
loading,go_on = threading.Event(),threading.Event()
class Hold:
    def find_spec(self, name, path=None, target=None):
        if name != "jedi.api": return
        loading.set()
        go_on.wait(30)
sys.meta_path.insert(0, Hold())
text = "some text"
threading.Thread(target=get_ipython().warm_up).start()
loading.wait(30)
threading.Timer(1, go_on.set).start()
"""

def test_who_completes_while_jedi_is_loaded_on_the_side_waits_for_it(lazy, own):
    kc = own()
    assert kc.run(half_loaded).status == "ok"
    assert complete(kc, "text.upper().low")["matches"] == ["lower"]

def test_it_is_not_loaded_where_it_is_switched_off(lazy, own):
    kc = own(env=dict(IPYMINI_USE_JEDI="0"))
    assert kc.run("get_ipython().warm_up()\nimport sys; 'jedi' in sys.modules").result == "False"

def test_a_file_of_jedis_cache_that_was_cut_short_is_written_anew(own, tmp_path):
    "As where a kernel is killed"
    cache = dict(XDG_CACHE_HOME=str(tmp_path))
    chain = "str().upp"
    assert complete(own(env=cache), chain)["matches"] == ["upper"]
    files = [*tmp_path.rglob("*.pkl")]
    for file in files: file.write_bytes(file.read_bytes()[:100])
    assert files and complete(own(env=cache), chain)["matches"] == ["upper"]

# -- beside IPython with jedi

@pytest.mark.slow
@pytest.mark.parametrize("theme", ["first cells", "names", "attributes", "arguments", "keys and paths", "one cell"])
def test_nothing_that_ipython_lists_with_jedi_is_missing(own, theme):
    "Of every third cursor; `tools/completions` takes all"
    kc = own()
    comparing.prepare(kc, [theme])
    outcomes = [comparing.compare(kc, case) for case in comparing.cases([theme])[::3]]
    assert any(outcome.found for outcome in outcomes)
    unexplained = {outcome.case.shown: lost for outcome in outcomes
        if (lost := {text for text in outcome.missing if not comparing.explain(outcome, text)})}
    assert unexplained == {}
