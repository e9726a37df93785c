"wurlitzer, which shows what C code prints: both kernels do that on their own, and its extension does no harm"
import pytest
from textwrap import indent

pytestmark = pytest.mark.libs

c_prints = "import ctypes\nlibc = ctypes.CDLL(None)\nlibc.printf(b'from C\\n'); libc.fflush(None); None"

@pytest.fixture(scope="module")
def loaded(fresh):
    kc = fresh()
    assert kc.run("%load_ext wurlitzer").status == "ok"
    return kc

def test_cells_run_as_ever_with_the_extension(loaded):
    r = loaded.run("print('a')\n1+1")
    assert (r.stdout, r.result, r.error, r.stderr) == ("a\n", "2", None, "")

def test_c_code_prints_into_the_cell_with_the_extension(loaded): assert loaded.run(c_prints).stdout == "from C\n"

def test_the_extension_can_be_unloaded(loaded):
    assert loaded.run("%unload_ext wurlitzer").error is None
    assert loaded.run("print('b')").stdout == "b\n"
    assert loaded.run("%load_ext wurlitzer").status == "ok"

def test_pipes_hold_what_c_code_prints(kc):
    r = kc.run(f"import wurlitzer\nwith wurlitzer.pipes() as (out, err):\n{indent(c_prints, '    ')}\nout.read()")
    assert (r.result, r.stdout) == ("'from C\\n'", "")
