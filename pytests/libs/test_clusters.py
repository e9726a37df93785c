"""ipyparallel: what engines print and show belongs to the cell that runs, not to the one that made the client

Its engines need ipykernel, so on an ipymini that sees it alone."""
import pytest

pytestmark = pytest.mark.libs

make = """
import ipyparallel as ipp
_cluster = ipp.Cluster(n=1, log_level=40)
client = _cluster.start_and_connect_sync()
view = client[:]
"""

@pytest.fixture(scope="module")
def cluster(beside):
    "A kernel with a client of one engine"
    r = beside.run(make, timeout=100)
    assert r.status == "ok", r
    yield beside
    beside.run("_cluster.stop_cluster_sync()", timeout=60)

def shown(r): return r.stdout+r.stderr+"".join(c["data"]["text/plain"] for c in r.of("display_data"))

def test_px_prints_into_the_cell(cluster): assert "of this cell" in shown(cluster.run("%px print('of this cell')"))

def test_px_shows_results_in_the_cell(cluster): assert "42" in shown(cluster.run("%%px\n6*7"))

def test_px_shows_an_error_in_the_cell(cluster):
    r = cluster.run("%%px\n1/0")
    assert "ZeroDivisionError" in shown(r)
    assert r.status == "error"

def test_prints_of_an_asynchronous_call_go_to_the_cell_that_shows_them(cluster):
    cluster.run("call = view.apply_async(lambda: print('of the call'))")
    assert "of the call" in shown(cluster.run("call.wait()\ncall.display_outputs()"))
