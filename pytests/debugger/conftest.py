"Sessions on the file's kernel, ended after each test; a session on a kernel of its own"
import pytest
from dap import Client
from helpers import start
from uuid import uuid4

@pytest.fixture
def idle(kc):
    "A client that has not started the debugger"
    yield (dbg := Client(kc))
    dbg.ask("disconnect")
    kc.run("go = False")

@pytest.fixture
def dbg(idle):
    "A client that has started the debugger"
    idle.start()
    return idle

@pytest.fixture
def own_dbg():
    "A client of a kernel of its own, which `name` tells from others in the environment of its children"
    name = f"test-{uuid4()}"
    client = Client(start(env=dict(JPY_SESSION_NAME=name)))
    client.name = name
    yield client
    client.kc.stop()
