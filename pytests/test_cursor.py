"What code asks for at a cursor, by its text alone"
import pytest

from ipymini.cursor import Cursor, unknown

@pytest.mark.parametrize("code, owner, typed",
    [("model.we", "model", "we"), ("x = data['a b'][0].me", "data['a b'][0]", "me"), ("''.up", "''", "up"),
        ("[1, 2].", "[1, 2]", ""),
        ("print(a, b.c.", "b.c", ""), ("f'{text.up", "text", "up"), ('f"{d[\'a\']} {df.he', "df", "he"),
        ("# text.up", "text", "up"), ("'''text.''' + b.", "b", "")])
def test_an_attribute_is_asked_for(code, owner, typed):
    assert (Cursor(code).owner, Cursor(code).typed) == (owner, typed)

@pytest.mark.parametrize("code", ["f().x", "a[i].x", "1.", "1.e", "(a).x", "'text.up", "f'text.up", "f'{{text.up",
    '"""\n'
    'text.up'])
def test_no_attribute_of_what_is_no_chain_of_names(code): assert Cursor(code).owner is None

@pytest.mark.parametrize("code, names", [("a, b = 1, 2\n", "a b"), ("x: int = 3\n", "x"), ("x += 1\n", "x"),
    ("for i, j in pairs: ", "i j"), ("with open(path) as f: ", "f"), ("if (m := 1): ", "m"),
    ("def f(a, b=1): ", "f a b"), ("lambda a, b: ", "a b"), ("from . import a\n", "a"),
    ("try: f()\nexcept E as e: ", "e"), ("x == 1\nf(x, y)\nx[0] = 1\nx.y = 2\n", ""), ("import a, b.c as d\n", "")])
def test_names_that_get_a_value(code, names): assert Cursor(code).bound == set(names.split())

def test_what_is_imported():
    code = "import a, b.c as d, e.f\nfrom g.h import i, j as k\n"
    assert Cursor(code).imports == dict(a=("a", None), d=("b.c", None), e=("e", None), i=("g.h", "i"), k=("g.h", "j"))

@pytest.mark.parametrize("code, call", [("f(", ("f", 0, set())), ("a.b(1, g(2, 3), c=4, ", ("a.b", 2, {"c"})),
    ("f([1, 2], na", ("f", 1, set()))])
def test_the_call_around_the_cursor(code, call):
    found = Cursor(code).call
    assert (found.owner, found.count, found.used) == call

@pytest.mark.parametrize("code", ["(", "f(a=", "f(1 + ", "def f(", "if (", "[", "f(1)"])
def test_no_call_around_the_cursor(code): assert Cursor(code).call is None

def test_a_call_of_what_a_call_returned_is_not_known(): assert Cursor("f().g(").call is unknown

@pytest.mark.parametrize("code", [" "*50_000 + "x", "a"*50_000, "a, "*20_000, "a: "*20_000, "("*20_000, "a."*20_000,
    "x = [" + "1, "*20_000, "'" + "\\"*20_001, "f'{"*20_000, "'''"*10_001,
    "import " + "a, "*20_000, "import a\n"*5_000, "f(" + "a=1, "*10_000], ids=lambda code: code[:8])
def test_long_code_is_read_in_no_time(code):
    "A search that goes back and forth would take hours"
    found = Cursor(code)
    assert found.words is not None and found.bound is not None and found.imports is not None
    assert not found.is_name or not found.call or found.call.count >= 0
