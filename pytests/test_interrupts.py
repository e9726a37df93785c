"Which code an interrupt may hit, asked of `ipymini.interrupts` without a kernel: a module of each kind, called by user code"
import pytest, sys
from types import SimpleNamespace
from ipymini import wait_until
from ipymini.interrupts import UserCode
from ipymini.subshell import Subshell, here

code = UserCode(SimpleNamespace(msg=None, queue=[], tid=None))

def run_as_user_code(function):
    "What `function()` returns, called below the frame of `drive`"
    async def call(): return function()
    try: next(code.drive(call()))
    except StopIteration as e: return e.value

def is_delicate_in(module):
    "True if code of `module`, called by user code, is delicate"
    names = dict(__name__=module, code=code, sys=sys)
    return run_as_user_code(lambda: eval("code.is_delicate(sys._getframe())", names))

@pytest.mark.parametrize("module", ["ipymini.kernel", "ipymini.subshell", "ipymini.channels.iopub", "logging", "json.encoder", "IPython.core.history"])
def test_code_that_an_interrupt_could_break_is_delicate(module): assert is_delicate_in(module)

@pytest.mark.parametrize("module", ["ipymini.features.terminal", "ipymini.features.pools", "ipymini.pods.link", "__main__", "numpy"])
def test_features_and_pods_are_interrupted_as_a_library_is(module): assert not is_delicate_in(module)

@pytest.mark.parametrize("module", ["ipymini.kernel", "logging"])
def test_code_that_no_user_code_calls_is_not_delicate(module):
    names = dict(__name__=module, code=code, sys=sys)
    assert eval("code.is_delicate(sys._getframe())", names) is False

def test_an_interrupt_of_wait_until_does_not_come_again():
    found = []
    def condition():
        found.append(code.is_delicate(sys._getframe(1)))
        return True
    here.subshell = Subshell(None)
    try: assert run_as_user_code(lambda: wait_until(condition))
    finally: here.subshell.loop.close()
    assert found == [False]
