"What user code raises that is no Exception, where it is asked for something: the request is answered, and what waits behind it is served"
import pytest
from comm_talk import say, talk

raised = pytest.mark.parametrize("raised", ["SystemExit", "KeyboardInterrupt", "GeneratorExit", "asyncio.CancelledError", "BaseException",
    "Textless"])

first_cell = """
import asyncio, comm, time

class Textless(BaseException):
    def __str__(self): raise self
"""

escaping = """
class Thing:
    def __repr__(self): raise {0}
thing = Thing()

def transform(lines):
    if lines[0].startswith("asked"): raise {0}
    return lines
get_ipython().input_transformers_cleanup[:] = [transform]
"""

@raised
def test_an_inspection_is_answered(kc, raised):
    kc.run(escaping.format(raised))
    reply = kc.request("inspect_request", dict(code="thing", cursor_pos=5))
    assert (reply.status, reply.content["ename"], reply.states) == ("error", raised.split(".")[-1], ["busy", "idle"])

@raised
def test_is_complete_is_answered(kc, raised):
    kc.run(escaping.format(raised))
    reply = kc.request("is_complete_request", dict(code="asked"))
    assert (reply.status, reply.content["ename"]) == ("error", raised.split(".")[-1])

@raised
def test_a_callback_of_a_comm_holds_up_no_cell_behind_it(kc, raised):
    id = talk(kc, f"raise {raised}")
    kc.cell("time.sleep(.1)")
    said = say(kc, id, wait=False)
    assert kc.run("'goes on'").result == "'goes on'"
    errors = kc.wait(said, reply=False).of("error")
    assert [error["ename"] for error in errors] == [raised.split(".")[-1]]
