import os, pytest, sys
sys.path.insert(0, os.path.dirname(__file__))
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # else every kernel compiles all it imports

@pytest.fixture(scope="session", autouse=True)
def private_home(tmp_path_factory):
    "Histories and configuration of whoever runs the tests stay out of them"
    os.environ["IPYTHONDIR"] = str(tmp_path_factory.mktemp("ipython"))

@pytest.fixture(scope="module")
def kc():
    from helpers import start
    kc = start()
    yield kc
    kc.stop()

@pytest.fixture
def own():
    "Start kernels of the test's own, as helpers.start does"
    from helpers import start
    made = []
    def inner(**kw):
        made.append(start(**kw))
        return made[-1]
    yield inner
    for kc in made: kc.stop()
