"What is said of code that has not run: complete_request, inspect_request, is_complete_request"
import pytest, re

first_cell = """
zebra_1 = zebra_2 = 0
def with_source():
    'its docstring'
    return 'its body'
"""

# -- complete

def complete(kc, code, pos=None, **kw):
    return kc.request("complete_request",
        dict(dict(code=code) if pos is None else dict(code=code, cursor_pos=pos), **kw)).content

def test_complete(kc):
    c = complete(kc, "print(zeb", 9)
    assert set(c) == {"status", "matches", "cursor_start", "cursor_end", "metadata"}
    assert (c["status"], sorted(c["matches"]), c["cursor_start"], c["cursor_end"]) == ("ok", ["zebra_1", "zebra_2"],
        6, 9)

def test_types_are_parallel_to_matches(kc):
    c = complete(kc, "zebra_")
    found = c["metadata"]["_jupyter_types_experimental"]
    assert [t["text"] for t in found] == c["matches"]
    assert all(set(t) == {"start", "end", "text", "type", "signature"} for t in found)
    assert {t["type"] for t in found} == {"instance"}

@pytest.mark.parametrize("code, pos, span",
    [("'🎉🎉'; zeb", 9, (6, 9)), ("é = zeb + 1", 7, (4, 7)), ("zeb\nzebra", 3, (0, 3)), ("'𝒳' + zeb", 9, (6, 9))])
def test_positions_are_code_points(kc, code, pos, span):
    c = complete(kc, code, pos)
    assert ((c["cursor_start"], c["cursor_end"]), set(c["matches"])) == (span, {"zebra_1", "zebra_2"})

@pytest.mark.parametrize("extra", [{}, dict(cursor_pos=None), dict(cursor_pos=1000)], ids=str)
def test_cursor_is_at_the_end_by_default(kc, extra):
    assert sorted(complete(kc, "zeb", **extra)["matches"]) == ["zebra_1", "zebra_2"]

@pytest.mark.parametrize("code", ["nothing_like_it_", "", "1 + "])
def test_no_matches_is_ok(kc, code):
    c = complete(kc, code)
    assert (c["status"], isinstance(c["matches"], list), isinstance(c["metadata"], dict)) == ("ok", True, True)

def test_nothing_found_is_at_the_cursor(kc):
    c = complete(kc, "nothing_like_it_", 5)
    if not c["matches"]: assert (c["cursor_start"], c["cursor_end"]) == (5, 5)

@pytest.mark.parametrize("code", ["a.b", "%tim", "%%ba", "import o", "from os import pa", "d['", "open('/et", "x.\n",
    "a"*5000, "(((((", "'''", "\0", "é."])
def test_completion_always_answers(kc, code): assert complete(kc, code)["status"] == "ok"

@pytest.mark.parametrize("body",
    ["def __dir__(self): raise KeyboardInterrupt", "def __getattr__(self, n): 1/0",
        "def __dir__(self): return [1, None]", "__dict__ = property(lambda self: 1/0)"])
def test_a_hostile_object_is_completed(kc, body):
    kc.run(f"class Hostile:\n    {body}\nhostile = Hostile()")
    assert complete(kc, "hostile.a")["status"] == "ok"
    assert kc.run("1").status == "ok"

def test_magics_are_completed(kc): assert "%timeit" in complete(kc, "%timei")["matches"]

# -- inspect

def inspect(kc, code, pos=None, **kw):
    return kc.request("inspect_request",
        dict(dict(code=code) if pos is None else dict(code=code, cursor_pos=pos), **kw)).content

def test_inspect(kc):
    c = inspect(kc, "x = len", 7)
    assert set(c) == {"status", "found", "data", "metadata"}
    assert (c["status"], c["found"], c["metadata"]) == ("ok", True, {})
    assert "number of items" in c["data"]["text/plain"]
    assert "text/html" not in c["data"]

@pytest.mark.parametrize("code, pos", [("len(", 4), ("len([1, 2]", 9), ("len", 0), ("len", None)])
def test_the_name_at_the_cursor_is_inspected(kc, code, pos):
    assert "number of items" in inspect(kc, code, pos)["data"]["text/plain"]

@pytest.mark.parametrize("code", ["nosuchname", "", "1+", "nosuch.attr", "(("])
def test_not_found(kc, code): assert inspect(kc, code) == dict(status="ok", found=False, data={}, metadata={})

def test_detail_level_adds_the_source(kc):
    plain,more = (inspect(kc, "with_source", detail_level=n)["data"]["text/plain"] for n in (0, 1))
    assert "its docstring" in plain and "its body" not in plain
    assert "its body" in re.sub(r"\x1b\[[0-9;]*m", "", more)

def test_omitted_sections(kc):
    plain = lambda **kw: re.sub(r"\x1b\[[0-9;]*m", "", inspect(kc, "with_source", **kw)["data"]["text/plain"])
    assert "Type:" in plain() and "File:" in plain()
    assert "File:" not in plain(omit_sections=["file"]) and "Type:" in plain(omit_sections=["file"])

def test_magics_are_inspected(kc): assert "Time execution" in inspect(kc, "%timeit")["data"]["text/plain"]

# -- is_complete

@pytest.mark.parametrize("code, c", [("1", dict(status="complete")), ("", dict(status="complete")),
    ("for i in x:", dict(status="incomplete", indent=" "*4)),
    ("if 1:\n    if 2:", dict(status="incomplete", indent=" "*8)), ("'''", dict(status="incomplete", indent="")),
    ("f(", dict(status="incomplete", indent="")),
    ("import = 1", dict(status="invalid")), ("x x", dict(status="invalid")),
    ("%%bash\nls", dict(status="incomplete", indent="")),
    ("%time 1", dict(status="complete")), ("await x", dict(status="complete"))])
def test_is_complete(kc, code, c): assert kc.request("is_complete_request", dict(code=code)).content == c
