"The reply of a cell behind its output"
import pytest

count_pauses = """
from ipymini.system.clock import clock
pauses = []
clock.sleep = pauses.append
"""

@pytest.mark.parametrize("code", ["print(1)", "1", "display(1)", "1/0", "import os; os.system('echo 1')"])
def test_a_batch_client_can_read_the_output_before_the_reply(own_kc, code):
    "It may take the reply for the end of the cell, as euporie's preview does"
    own_kc.run(count_pauses)
    own_kc.run(code, allow_stdin=False)
    assert pauses_in(own_kc) == 1

@pytest.mark.parametrize("code, allow_stdin", [("1", True), ("print(1)", True), ("x = 1", False)])
def test_other_replies_do_not_wait(own_kc, code, allow_stdin):
    own_kc.run(count_pauses)
    own_kc.run(code, allow_stdin=allow_stdin)
    assert pauses_in(own_kc) == 0

def pauses_in(kc):
    "How often a reply has waited; what is asked so is not counted"
    return int(kc.run("print(len(pauses))", allow_stdin=True).stdout)
