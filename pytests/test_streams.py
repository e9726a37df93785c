"Results that `;` hides; streams that a cell puts in the place of ours, wraps, closes; C code that holds the GIL and prints"
import pytest, sys

# -- results

sql = "from IPython.core.magic import register_line_cell_magic\n@register_line_cell_magic\ndef sql(line, cell=None): return 'table'"

@pytest.mark.parametrize("code", ["%sql SELECT 1;", "%%sql\nSELECT *\nFROM t;", "%%sql\nSELECT 1;\n-- SELECT 'two';",
    "%sql SELECT ';'"])
def test_a_magics_result_is_shown_though_its_text_ends_in_a_semicolon(kc, code):
    kc.run(sql)
    assert kc.run(code).result == "'table'"

@pytest.mark.parametrize("code", ["1;", "1; # note", "'a;b';\n", "x = %sql SELECT 1\nx;"])
def test_a_semicolon_hides_a_result(kc, code):
    kc.run(sql)
    assert kc.run(code).result is None

# -- sys.stdout wrapped, replaced, closed

wrap = "import io, sys\nsys.stdout = io.TextIOWrapper(sys.{0}.buffer, encoding='utf-8')\nprint('wrapped')"

@pytest.fixture
def streams(kc):
    "A kernel that gets its streams back"
    kc.run("import sys; streams = sys.stdout,sys.stderr")
    yield kc
    kc.run("sys.stdout,sys.stderr = streams")

@pytest.mark.parametrize("name", ["stdout", "stderr"])
def test_a_wrapper_of_a_stream_shows_what_it_buffers_at_the_end_of_the_cell(streams, name):
    r = streams.run(wrap.format(name))
    assert (r.status, r.text(name)) == ("ok", "wrapped\n")

def test_a_stream_can_be_wrapped_again_and_again(streams):
    for _ in range(3): assert streams.run(wrap.format("stdout")).stdout == "wrapped\n"
    assert streams.run("print('after')").stdout == "after\n"

@pytest.mark.parametrize("code", ["sys.stdout = io.TextIOWrapper(sys.stdout.detach(), encoding='utf-8')",
    "sys.stdout = codecs.getwriter('utf-8')(sys.stdout.detach())",
    "sys.stdout = codecs.getwriter('utf-8')(sys.stdout.buffer)",
    "sys.stdout = io.TextIOWrapper(io.BufferedWriter(sys.stdout.buffer))",
    "sys.stdout = open(sys.stdout.fileno(), 'w', encoding='utf-8', closefd=False)",
    "sys.stdout = os.fdopen(sys.stdout.fileno(), 'w')",
    "sys.stdout = os.fdopen(1, 'w', closefd=False)", "sys.stdout = sys.__stdout__"])
def test_what_scripts_put_in_the_place_of_stdout_shows(streams, code):
    for word in ("one", "two"):
        assert streams.run(f"import codecs, io, os, sys\n{code}\nprint('{word}')").stdout == word+"\n"
        streams.run("sys.stdout = streams[0]")
    assert streams.run("import os; print('after'); os.write(1, b'fd'); None").stdout == "after\nfd"

@pytest.mark.parametrize("name", ["stdout", "stderr"])
def test_what_is_written_to_pythons_first_streams_shows_at_the_end_of_the_cell(kc, name):
    for word in ("one", "two"):
        assert kc.run(f"import sys; print('{word}', file=sys.__{name}__)").text(name) == word+"\n"

def test_what_a_stream_buffers_comes_before_the_reply_even_of_a_cell_that_fails(streams):
    r = streams.run("import sys\nsys.stdout = sys.__stdout__\nprint('one')\n1/0")
    assert (r.stdout, r.status) == ("one\n", "error")

@pytest.mark.parametrize("close",
    ["sys.stdout.close()", "sys.stdout.buffer.close()", "import os; os.close(sys.stdout.fileno())",
        "with sys.stdout: pass",
        "with open(sys.stdout.fileno(), 'w'): pass", "import os; os.close(1)"])
def test_nothing_that_a_cell_closes_is_ours(kc, close):
    kc.run(f"import sys\n{close}")
    r = kc.run(
        "import os, subprocess\n"
        "print('a'); sys.stdout.buffer.write(b'b\\n'); os.write(1, b'c\\n'); subprocess.run(['echo', 'd']); "
        "subprocess.run(['echo', 'e'], stdout=sys.stdout); None")
    assert (r.status, r.stdout) == ("ok", "a\nb\nc\nd\ne\n")

def test_a_closed_stream_of_the_users_is_replaced_by_ours_in_the_next_cell(kc):
    kc.run("import io, sys; sys.stdout = io.StringIO(); sys.stdout.close()")
    assert kc.run("print('x')").stdout == "x\n"

def test_a_stream_that_cannot_be_flushed_is_told(streams):
    r = streams.run(
        "class Full:\n"
        "    def write(self, s): return len(s)\n"
        "    def flush(self): raise OSError(28, 'No space left on device')\n"
        "import sys; sys.stdout = Full()")
    assert (r.status, r.error["ename"]) == ("ok", "OSError")

@pytest.mark.parametrize("how", ["encoding='utf-8'", "line_buffering=True", "errors='replace'", "newline=''",
    "write_through=True"])
def test_a_stream_can_be_reconfigured(kc, how):
    assert kc.run(f"import sys; sys.stdout.reconfigure({how}); print('é')").stdout == "é\n"

def test_the_buffer_decodes_as_its_stream_is_configured(own):
    r = own().run("import sys; sys.stdout.reconfigure(encoding='latin-1'); sys.stdout.buffer.write(b'\\xe9'); "
        "sys.stdout.encoding")
    assert (r.stdout, r.result) == ("é", "'latin-1'")

def test_an_unknown_encoding_is_refused(kc):
    assert kc.run("import sys; sys.stdout.reconfigure(encoding='nosuch')").content["ename"] == "LookupError"

# -- wurlitzer and its like, which read file descriptor 1 themselves if that is not sys.stdout's

@pytest.mark.parametrize("name", ["stdout", "stderr"])
def test_the_descriptor_of_a_stream_is_one_of_its_own(kc, name):
    assert kc.run(f"import sys; sys.{name}.fileno() != sys.__{name}__.fileno()").result == "True"

@pytest.mark.parametrize("name", ["stdout", "stderr"])
def test_what_goes_to_the_descriptor_of_a_stream_is_output(kc, name):
    assert kc.run(f"import os, sys; os.write(sys.{name}.fileno(), b'x'); None").text(name) == "x"

def test_a_forked_child_prints_where_its_descriptor_1_leads(kc, tmp_path):
    r = kc.run(
        "import os\n"
        "pid = os.fork()\n"
        "if not pid:\n"
        f"    os.dup2(os.open({str(tmp_path/'f')!r}, os.O_WRONLY|os.O_CREAT), 1); print('x', flush=True); os._exit(0)\n"
        "os.waitpid(pid, 0); None")
    assert (r.stdout, (tmp_path/"f").read_text()) == ("", "x\n")

# -- C code that holds the GIL

@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere a pipe cannot be made bigger")
@pytest.mark.parametrize("fd, name", [(1, "stdout"), (2, "stderr")])
def test_c_code_that_holds_the_gil_prints_half_a_megabyte(own, fd, name):
    "More than a pipe has room for as a rule: nobody could read it meanwhile"
    kc = own()
    id = kc.cell(f"import ctypes\nn = ctypes.PyDLL(None).write({fd}, b'1'*500_000, 500_000)\nn")
    r = kc.wait(id)
    assert (r.result, len(r.text(name))) == ("500000", 500_000)

# -- hooks

hooked = """import os, sys
def hook(msg): return msg
sys.stdout.register_hook(hook)
for i in range(1000):
    os.write(1, b'C\\n')
    print('Python')
sys.stdout.unregister_hook(hook)"""

def test_a_line_that_passes_a_hook_comes_behind_what_c_code_wrote_before_it(kc):
    assert kc.run(hooked).stdout == "C\nPython\n"*1000
