"Results that `;` hides; streams that a cell puts in the place of ours, wraps, closes; C code that holds the GIL and prints"
import pytest

# -- results

sql = "from IPython.core.magic import register_line_cell_magic\n@register_line_cell_magic\ndef sql(line, cell=None): return 'table'"

@pytest.mark.parametrize("code", ["%sql SELECT 1;", "%%sql\nSELECT *\nFROM t;", "%%sql\nSELECT 1;\n-- SELECT 'two';", "%sql SELECT ';'"])
def test_a_magics_result_is_shown_though_its_text_ends_in_a_semicolon(kc, code):
    kc.run(sql)
    assert kc.run(code).result == "'table'"

@pytest.mark.parametrize("code", ["1;", "1; # note", "'a;b';\n", "x = %sql SELECT 1\nx;"])
def test_a_semicolon_hides_a_result(kc, code):
    kc.run(sql)
    assert kc.run(code).result is None
