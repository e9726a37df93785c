"A pod on each worker of a dask cluster."
import os, signal, threading, time
import pytest
from ipymini import PodError, pool

distributed = pytest.importorskip("distributed")


@pytest.fixture(scope="module")
def client():
    with distributed.LocalCluster(n_workers=2, threads_per_worker=2, processes=True, dashboard_address=None) as cluster:
        with distributed.Client(cluster) as client: yield client

@pytest.fixture(scope="module")
def ps(client):
    with pool(dask=client) as ps: yield ps

def square(x): return x * x

def test_there_is_a_pod_on_each_worker(client, ps):
    parents = {p.os.getppid() for p in ps}
    assert len(ps) == 2 and parents == set(client.run(os.getpid).values())

def test_calls_values_and_state(ps):
    ps[0]["x"] = [1]
    assert ps[0]["x"] == [1] and ps[0].abs(-3) == 3
    with pytest.raises(NameError): ps[1]["x"]

def test_a_map(ps): assert ps.map(square, range(10), progress=False) == [x * x for x in range(10)]

def test_an_array(ps):
    np = pytest.importorskip("numpy")
    ps.run("def echo(x): return x")
    res = ps[0].echo(np.arange(200_000))
    assert res.flags.writeable and (res == np.arange(200_000)).all()

def test_an_error_keeps_its_class_and_traceback(ps):
    with pytest.raises(ZeroDivisionError) as e: ps[0].run("def bad(): 1/0\nbad()")
    assert "in bad" in str(e.value.__cause__)

def test_handles(ps): assert ps[0].open(os.devnull).read() == ""

def test_output_comes_to_the_caller_in_order(ps, capsys):
    ps[0].run("for i in range(300): print(i)")
    assert capsys.readouterr().out == "".join(f"{i}\n" for i in range(300))

def test_an_interrupt_ends_the_call_and_keeps_the_state(ps):
    ps[0]["kept"] = 1
    timer = threading.Timer(.5, os.kill, (os.getpid(), signal.SIGINT))
    timer.start()
    with pytest.raises(KeyboardInterrupt) as e: ps[0].time.sleep(60)
    assert e.value.__cause__ is not None and ps[0]["kept"] == 1

def test_a_time_limit(ps):
    with pytest.raises(TimeoutError): ps[0].time.sleep.timeout_(.2)(60)
    assert ps[0].abs(-1) == 1

def test_a_pod_s_death_is_told_and_it_can_be_restarted(ps):
    with pytest.raises(PodError, match="the pod died: SIGKILL"): ps[0].os.kill(ps[0].pid, 9)
    with pytest.raises(PodError, match="the pod died: SIGKILL"): ps[0].abs(1)
    ps[0].restart()
    assert ps[0].abs(-1) == 1

def test_a_map_outlives_a_pod(ps, tmp_path):
    path = str(tmp_path/"died")
    assert ps.map(die_once, [(path, n) for n in range(6)], progress=False) == list(range(6))

def die_once(value):
    import os
    path,n = value
    if n == 3 and not os.path.exists(path):
        open(path, "w").close()
        os.kill(os.getpid(), 9)
    return n

def test_pods_end_with_their_workers(client):
    with distributed.LocalCluster(n_workers=1, processes=True,
        dashboard_address=None) as cluster, distributed.Client(cluster) as other:
        pid = pool(dask=other)[0].pid
        assert os.path.exists(f"/proc/{pid}")
    end = time.monotonic() + 20
    while os.path.exists(f"/proc/{pid}") and time.monotonic() < end: time.sleep(.01)
    assert not os.path.exists(f"/proc/{pid}")
