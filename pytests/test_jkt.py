"""jupyter_kernel_test 0.7 with every attribute filled in, and its welcome test: all pass, none is skipped

The kernel is the one that Jupyter finds by the name `ipymini`: what tools/test installed, or the checkout."""

import jupyter_kernel_test as jkt
from helpers import root
import pytest

@pytest.fixture(scope="module", autouse=True)
def found():
    "Have Jupyter find the kernelspec of the checkout if none is installed"
    from jupyter_client.kernelspec import KernelSpecManager
    with pytest.MonkeyPatch.context() as m:
        if "ipymini" not in KernelSpecManager().find_kernel_specs(): m.setenv("JUPYTER_PATH", str(root/"share/jupyter"))
        yield

class TestKernel(jkt.KernelTests):
    kernel_name,language_name,file_extension = "ipymini","python",".py"
    code_hello_world = "print('hello, world')"
    code_stderr = "import sys; print('test', file=sys.stderr)"
    completion_samples = [dict(text="zi", matches={"zip"}), dict(text="str.isal", matches={"isalnum", "isalpha"}),
        dict(text="import __fut", matches={"__future__"})]
    complete_code_samples = ["1", "print('hello, world')", "def f(x):\n  return x*2\n\n\n", "%time 1"]
    incomplete_code_samples = ["print('''hello", "def f(x):\n  x*2", "for i in range(3):"]
    invalid_code_samples = ["import = 7q", "x x", "}"]
    code_page_something = "zip?"
    code_generate_error = "raise ValueError('on purpose')"
    code_execute_result = [dict(code="1+2+3", result="6"), dict(code="'é🎉'", result="'é🎉'"), dict(code="[n*n for n in range(1, 4)]", result="[1, 4, 9]"),
        dict(code="from IPython.display import HTML; HTML('<b>b</b>')", result="<b>b</b>", mime="text/html")]
    code_display_data = [dict(code="from IPython.display import HTML, display; display(HTML('<b>test</b>'))", mime="text/html"),
        dict(code="from IPython.display import Math, display; display(Math(r'\\frac{1}{2}'))", mime="text/latex"),
        dict(code="from IPython.display import JSON, display; display(JSON(dict(a=1)))", mime="application/json")]
    supported_history_operations = "tail","range","search"
    code_history_pattern = "1?2*"
    code_inspect_sample = "zip"
    code_clear_output = "from IPython.display import clear_output; clear_output()"

class TestWelcome(jkt.IopubWelcomeTests):
    kernel_name,support_iopub_welcome = "ipymini",True

given = {k for k in vars(TestKernel) if not k.startswith("_")}

@pytest.mark.parametrize("name", sorted(k for k in vars(jkt.KernelTests) if not k.startswith(("_", "test_"))
    and not callable(getattr(jkt.KernelTests, k))))
def test_every_attribute_is_filled_in(name): assert name in given and getattr(TestKernel, name)

@pytest.fixture(autouse=True)
def none_skipped(monkeypatch):
    "A skip is a failure here"
    def fail(self, reason): raise AssertionError(f"jupyter_kernel_test would skip this: {reason}")
    monkeypatch.setattr(jkt.KernelTests, "skipTest", fail)
    monkeypatch.setattr(jkt.IopubWelcomeTests, "skipTest", fail)
