"The measures of tools/laws.py on small sources: what counts, and what does not."

import subprocess, sys
from helpers import root
import pytest

sys.path.insert(0, str(root/"tools"))
import laws, measures
from measures import Source

def values(count, text):
    "The numbers that `count` finds in the module `text`, in order of size."
    return sorted(found.value for found in count(Source(text)))

# -- the package

@pytest.fixture(scope="module")
def sources():
    "The package, which takes a while to be read."
    return laws.read_package(root/"ipymini")

@pytest.mark.parametrize("law", laws.laws, ids=lambda law: law.name)
def test_the_package_keeps(law, sources):
    result = law.count(sources)
    assert result.value <= law.limit, f"the worst places: {sorted(result.places, reverse=True)[:5]}"

def test_a_cell_enters_few_functions():
    entries = laws.profiled(root)
    assert laws.cell_law.count(entries).value <= laws.cell_law.limit, "tools/laws.py --list enters shows them"

# -- nodes and lines

def test_expression_contexts_are_no_nodes(): assert len(Source("x").nodes()) == 3  # Module, Expr, Name

def test_docstrings_are_no_nodes(): assert len(Source('"A module."\nx').nodes()) == 3

@pytest.mark.parametrize("text", ["# why\n\nx = 1", '"A module."\nx = 1', 'x = 1  # why',
    '"""A module.\n'
    '\n'
    'More."""\n'
    'x = 1'])
def test_comments_and_docstrings_are_no_code_lines(text): assert len(measures.code_lines(Source(text))) == 1

def test_a_text_that_is_no_docstring_is_a_code_line(): assert len(measures.code_lines(Source('x = 1\n"said"'))) == 2

def test_nodes_per_line_are_of_all_modules_together():
    one,two = Source("x"),Source("x\ny\nz")
    assert laws.nodes_per_line([one, two]).value == (3 + 7)/4

def test_nodes_are_counted_on_the_line_where_they_begin():
    assert values(measures.nodes_by_line, "f(\n    a, b)") == [2, 3]

def test_inner_functions_count_in_the_outer_one_and_on_their_own():
    outer,inner = "def f():\n    def g(): pass", "def g(): pass"
    assert values(measures.function_nodes, outer) == [*values(measures.function_nodes, inner), 3 + 2]

def test_the_share_is_of_functions_over_the_limit():
    assert laws.share(measures.widths, over=3)([Source("1\n12\n1234\n12345")]).value == 50

def test_the_largest_comes_with_its_place():
    assert laws.largest(measures.widths)([Source("x\nyyy", "a/b.py")]).places[0] == (3, "a/b.py:2")

# -- classes and functions

@pytest.mark.parametrize("body, count", [
    ("def f(self): self.a = self.b = 1", 2),
    ("def f(self): self.a, (self.b, c) = 1, (2, 3)", 2),
    ("def f(self): self.a = 1\n    def g(me): me.a = 2", 1),
    ("def f(self): self.a.b = 1", 0),
    ("def f(self, other): other.a = 1", 0),
    ("def f(self): return self.a", 0),
    ("a: int = 0\n    b: str", 2),
    ("def __init__(self, a, b, c): store_attr()", 3),
    ("def __init__(self, a, b, c): store_attr('a, b')", 2)],
    ids=["set", "unpacked", "once", "of an attribute", "of another", "read", "fields", "stored", "stored by name"])
def test_attributes_of_a_class(body, count):
    assert values(measures.attribute_counts, f"class A:\n    {body}") == [count]

def test_methods_are_those_in_the_body():
    assert values(measures.method_counts,
        "class A:\n"
        "    def f(self):\n"
        "        def g(): pass\n"
        "    async def h(self): pass") == [2]

@pytest.mark.parametrize("text, count", [
    ("def f(a, /, b, *c, d, **e): pass", 5),
    ("class A:\n    def f(self, a): pass", 1),
    ("class A:\n    @staticmethod\n    def f(a): pass", 1),
    ("class A:\n    @classmethod\n    def f(cls, a): pass", 1)],
    ids=["function", "method", "static method", "class method"])
def test_parameters_of_a_function(text, count): assert values(measures.parameter_counts, text) == [count]

@pytest.mark.parametrize("room, compat", [("compat/names.py", True), ("compat.py", True), ("kernel.py", False)])
def test_compat_has_a_limit_of_its_own(room, compat):
    source = Source("def f(a): pass", room)
    assert laws.parameters_in(compat)([source]).value == 1 and laws.parameters_in(not compat)([source]).value == 0

# -- statements

@pytest.mark.parametrize("text, count", [
    ("a,b,c = 1,2,3", 1), ("a.x,b[0],c = 1,2,3", 1), ("a,b = 1,2", 0), ("a,b,c = f()", 0), ("a = b = c = 1", 0),
    ("a = 1,2,3", 0)],
    ids=["three", "attributes", "two", "one value unpacked", "one value named thrice", "a tuple"])
def test_three_things_assigned_in_one_statement(text, count):
    assert len(measures.crowded_assignments(Source(text))) == count

@pytest.mark.parametrize("text, count", [
    ("a or f()", 1), ("a and f()", 1), ("f() if a else None", 1), ("f(a or b)", 0), ("x = a or b", 0),
    ("if a: f()", 0)])
def test_expression_statements_that_decide(text, count): assert len(measures.deciding_statements(Source(text))) == count

# -- names and words

@pytest.mark.parametrize("text, short", [
    ("k = 1", [1]), ("key = 1", [0]), ("fd = 1", [0]), ("for k in x: pass", [1]), ("def f(k, key): pass", [0, 1]),
    ("a.k = 1", []), ("print(k)", [])],
    ids=["short", "long", "of the field", "loop", "parameters", "attribute", "read"])
def test_names_under_three_letters(text, short): assert values(measures.bound_names, text) == short

@pytest.mark.parametrize("text, good", [
    ("The next number.", True), ("`None` if there is none.", True),
    ("A sentence\nof two lines.\n\nMore: without a stop", True), ("Really?", True),
    ("The next number", False), ("the next number.", False), ("The next number:\n\nmore.", False)])
def test_a_docstring_is_a_sentence_that_ends_with_a_stop(text, good): assert measures.is_sentence(text) == good

big = "x = [" + "1, "*40 + "]"

@pytest.mark.parametrize("text, count", [
    ("'A module.'\nclass A: pass", 1), (f"'A module.'\ndef f(): {big}", 1),
    (f"'A module.'\ndef f():\n    'What f does.'\n    {big}", 0),
    ("'A module.'\ndef f(): pass", 0), (f"'A module.'\nclass A:\n    'What A is.'\n    def __init__(self): {big}", 0),
    ("x = 1", 1)],
    ids=["class", "large function", "with one", "small function", "special method", "module"])
def test_who_owes_a_docstring(text, count): assert len(measures.undocumented(Source(text))) == count

# -- the profile

entries = [["a.py", "f", False], ["a.py", "g", False], ["b.py", "h", False], ["a.py", "f", True], ["a.py", "g", False]]

def test_a_function_counts_once_and_a_resumed_coroutine_again(): assert len(laws.functions_entered(entries)) == 4

def test_moves_are_changes_of_file(): assert laws.moves(entries) == 2

# -- the command

@pytest.fixture
def package(tmp_path):
    "A package with a fault in a folder of its own."
    (tmp_path/"pack/room").mkdir(parents=True)
    (tmp_path/"pack/room/one.py").write_text("'A module.'\na or f()\n")
    return tmp_path/"pack"

def run(package, *args):
    "Run tools/laws.py on `package`, without a kernel."
    return subprocess.run([sys.executable, root/"tools/laws.py", "--no-profile", "--package", package, *args],
        capture_output=True, text=True, timeout=60)

def test_a_law_that_is_broken_in_a_folder_fails_the_command(package):
    r = run(package)
    assert r.returncode == 1 and "Past the limit: expression statements that decide." in r.stdout

def test_a_report_fails_nobody(package): assert run(package, "--report").returncode == 0

def test_places_are_listed(package): assert "room/one.py:2" in run(package, "--list", "decide").stdout

def test_a_package_that_keeps_all_passes(package):
    (package/"room/one.py").write_text("'A module.'\nname = 1\n")
    assert run(package).returncode == 0
