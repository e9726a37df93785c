"The forms of plain values: those that IPython finds, though the formatters that have none are not asked"
import pytest
from IPython.core import formatters
from ipymini.output import DisplayFormatter, plain_classes

values = [None, True, 1, 1.5, 2j, "text", b"bytes", [1, "a"], (1, [2]), {"a": 1}, {1}, frozenset({1}), list(range(2000)), "x"*5000]
html = "text/html"

@pytest.fixture
def ours(): return DisplayFormatter()

def theirs(ours, value, **keys): return formatters.DisplayFormatter.format(ours, value, **keys)

def show(value): return f"<b>{value}</b>"

def test_each_plain_class_has_a_value_here(): assert {type(value) for value in values} == plain_classes

@pytest.mark.parametrize("value", values, ids=repr)
def test_a_plain_value_has_the_form_that_ipython_gives_it(ours, value): assert ours.format(value) == theirs(ours, value) != ({}, {})

@pytest.mark.parametrize("value", values, ids=repr)
def test_a_plain_value_is_shown_to_one_formatter(ours, value, monkeypatch):
    asked = []
    lookup = formatters.BaseFormatter.lookup
    monkeypatch.setattr(formatters.BaseFormatter, "lookup", lambda self, obj: asked.append(self) or lookup(self, obj))
    theirs(ours, value)
    count = len(asked)
    asked.clear()
    ours.format(value)
    assert len(asked) <= 1 < count  # that of plain text looks in its own way

class Own(formatters.BaseFormatter):
    "A formatter that asks nobody"
    format_type = "x/own"
    def __call__(self, obj): return "own"

class Text(formatters.PlainTextFormatter):
    "Text in its own way, with metadata"
    def __call__(self, obj): return "own", dict(isolated=True)

def as_bundle(value): return {html: show(value)}

taught = dict(  # chkstyle: ignore-node  (a way a line)
    cls=lambda ours: ours.formatters[html].for_type(int, show),
    base=lambda ours: ours.formatters[html].for_type(object, show),
    name=lambda ours: ours.formatters[html].for_type_by_name("builtins", "int", show),
    object=lambda ours: ours.formatters[html].singleton_printers.update({id(1): show}),
    bundle=lambda ours: ours.mimebundle_formatter.for_type(int, as_bundle),
    itself=lambda ours: ours.ipython_display_formatter.for_type(int, show),
    own=lambda ours: ours.formatters.update({"x/own": Own()}),
    text=lambda ours: ours.formatters.update({"text/plain": Text()}),
    nothing=lambda ours: ours.formatters.pop("text/plain"),
    plain=lambda ours: ours.formatters["text/plain"].for_type(int, lambda value, printer, cycle: printer.text("one")))

@pytest.mark.parametrize("how", taught)
def test_what_somebody_has_taught_a_formatter_is_shown(ours, how):
    usual = ours.format(1)
    taught[how](ours)
    assert ours.format(1) == theirs(ours, 1) != usual

def test_what_a_formatter_knows_of_a_base_class_is_shown(ours):
    ours.formatters[html].for_type(int, show)
    assert ours.format(True)[0][html] == "<b>True</b>"

@pytest.mark.parametrize("keys", [dict(include={html}), dict(exclude={"text/plain"}), dict(include={"text/plain"})], ids=str)
def test_forms_may_be_chosen(ours, keys): assert ours.format(1, **keys) == theirs(ours, 1, **keys)

class Number(int):
    def _repr_html_(self): return "number"

def test_a_subclass_is_not_plain(ours): assert ours.format(Number(1))[0][html] == "number"

def test_the_kernels_shell_has_this_formatter(kc):
    assert kc.run("type(get_ipython().display_formatter).__module__").result == "'ipymini.output'"

def test_config_names_it_as_ipythons(kc): assert "\n    DisplayFormatter\n" in kc.run("%config").stdout
