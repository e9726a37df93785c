"""Arrays, tables and other big things: what arrives is equal, and belongs to whoever got it. Run twice: with shared memory, and as on a system
that has neither memfd nor passing of descriptors. Libraries that are not here are skipped."""
import gc, importlib.util, os, socket, sys, time
import pytest
from pathlib import Path
from ipymini import pod
from ipymini.pods import segments
from ipymini.pods.wire import CALL, REPLY, Wire, can_share

np = pytest.importorskip("numpy")


@pytest.fixture(scope="module", params=["shared", "inline"])
def p(request):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("IPYMINI_POD_SHARED", "1" if request.param == "shared" else "0")
        p = pod()
    with p:
        p.run("def echo(x): return x\ndef first(x):\n x[0] = 7\n return x")
        yield p

def arrays():
    rng = np.random.default_rng(0)
    yield "big", rng.random(2_000_000)
    yield "small", np.arange(10)
    yield "empty", np.zeros((0, 3))
    yield "scalar", np.float32(1.5)
    yield "sliced", rng.random((1000, 1000))[::2, ::3]
    yield "transposed", rng.random((1000, 500)).T
    yield "objects", np.array([1, "a", None], dtype=object)
    yield "structured", np.zeros(100_000, dtype=[("a", "i4"), ("b", "f8")])
    yield "bytes", np.frombuffer(bytes(1_000_000), dtype="u1")
    yield "dates", np.arange("2020", "2021", dtype="M8[D]")

@pytest.mark.parametrize("name,array", list(arrays()), ids=lambda o: o if isinstance(o, str) else "")
def test_an_array_comes_back_equal(p, name, array):
    res = p.echo(array)
    assert type(res) is type(array) and res.dtype == array.dtype
    np.testing.assert_array_equal(res, array)

def test_an_array_is_writable_at_both_ends(p):
    mine = np.zeros(1_000_000)
    res = p.first(mine)
    assert res[0] == 7 and mine[0] == 0 and res.flags.writeable
    res[1] = 5

def test_several_arrays_in_one_call(p):
    many = {i: np.full(100_000 + i, i) for i in range(20)}
    res = p.echo(many)
    assert all((res[i] == many[i]).all() and len(res[i]) == 100_000 + i for i in many)

def test_arrays_that_are_kept_do_not_change(p):
    kept = [p.echo(np.full(200_000, i)) for i in range(150)]
    assert [int(o[-1]) for o in kept] == list(range(150))

def test_an_array_that_the_pod_keeps_does_not_change(p):
    p.run("kept = []\ndef keep(x): kept.append(x)")
    for i in range(100): p.keep(np.full(200_000, i))
    assert p.run("assert [int(o[0]) for o in kept] == list(range(100))") is None
    p["kept"] = []

def test_a_view_keeps_its_memory(p):
    part = p.echo(np.arange(1_000_000.))[10:20]
    gc.collect()
    for _ in range(5): p.echo(np.zeros(1_000_000))
    assert part.tolist() == [float(i) for i in range(10, 20)]

@pytest.mark.parametrize("value",
    [b"x" * 3_000_000, bytearray(2_000_000), "ä" * 2_000_000, list(range(300_000)),
        {i: str(i) for i in range(10_000)}, None, -1.5, 2**100])
def test_big_plain_values(p, value): assert p.echo(value) == value

def table(library):
    if library == "pandas":
        import pandas
        return pandas.DataFrame(dict(a=np.arange(300_000.), b=["x", "y", None] * 100_000)), lambda a, b: a.equals(b)
    if library == "polars":
        import polars
        return polars.DataFrame(dict(a=np.arange(300_000.), b=["x", "y", None] * 100_000)), lambda a, b: a.equals(b)
    if library == "pyarrow":
        import pyarrow
        return pyarrow.table(dict(a=np.arange(300_000.), b=["x", "y", None] * 100_000)), lambda a, b: a.equals(b)
    import torch
    return torch.arange(600_000.).reshape(2, -1), lambda a, b: bool((a == b).all())

@pytest.mark.parametrize("library", ["pandas", "polars", "pyarrow", "torch"])
def test_tables_and_tensors(p, library):
    if not importlib.util.find_spec(library): pytest.skip(f"{library} is not installed here")
    mine,equal = table(library)
    assert equal(p.echo(mine), mine)

def test_a_pod_without_numpy_says_so():
    "Its `-S` leaves out site-packages."
    with pod([sys.executable, "-S"]) as p:
        with pytest.raises(ModuleNotFoundError, match="numpy"): p.len(np.zeros(3))
        assert p.abs(-1) == 1

def test_nothing_stays_in_dev_shm():
    before = set(os.listdir("/dev/shm"))
    with pod() as p: p.len(np.zeros(1_000_000))
    assert set(os.listdir("/dev/shm")) <= before

def test_memory_is_given_back_when_the_pod_is_idle(monkeypatch):
    from ipymini.pods import writer
    monkeypatch.setattr(writer, "idle_after", .3)
    with pod() as p:
        p.run("def echo(x): return x")
        before = mapped(os.getpid()),mapped(p.pid)
        p.echo(np.zeros(5_000_000))
        assert mapped(os.getpid()) > before[0]
        end = time.monotonic() + 20
        while (mapped(os.getpid()),mapped(p.pid)) != before:
            assert time.monotonic() < end, f"20 s passed: waited for the segments of both ends to go, {before}, {mapped(os.getpid())}, {mapped(p.pid)}"
            time.sleep(.05)

def mapped(pid): return Path(f"/proc/{pid}/maps").read_text().count("memfd:pod")

@pytest.mark.skipif(os.environ.get("IPYMINI_STORM") != "1", reason="takes 6 GB; IPYMINI_STORM=1 runs it")
def test_two_gigabytes(p):
    res = p.echo(np.ones(2 * 2**30, dtype="u1"))
    assert len(res) == 2 * 2**30 and res[-1] == 1

@pytest.mark.skipif(not can_share(), reason="this system shares no memory by descriptors")
def test_a_segment_that_is_used_again_is_not_mapped_again():
    a,b = socket.socketpair()
    with a, b:
        ours,theirs = Wire(a, shared=True), Wire(b, shared=True)
        mapped = []
        for _ in range(3):
            ours.send(CALL, buffers=[memoryview(bytes(2**20))])
            theirs.receive()
            mapped.append(theirs.incoming.maps[1])
            theirs.send(REPLY)  # which says that the segment is free again
            ours.receive()
    assert mapped[0] is mapped[1] is mapped[2] and list(theirs.incoming.maps) == [1]

@pytest.mark.skipif(not can_share(), reason="this system shares no memory by descriptors")
@pytest.mark.parametrize("limit, kept, retired", [("most_kept", [2], [1]), ("most_bytes", [2], [1]), (None, [1, 2], [])])
def test_of_segments_that_are_free_the_oldest_goes_if_they_are_too_many_or_too_large(monkeypatch, limit, kept, retired):
    if limit: monkeypatch.setattr(segments, limit, dict(most_kept=1, most_bytes=3*segments.page)[limit])
    ours = segments.Outgoing()
    taken = [ours.take(2*segments.page) for _ in range(2)]
    for segment in taken: ours.back(segment.id)
    assert [segment.id for segment in ours.kept] == kept
    assert list(ours.retired) == retired
    for segment in taken: segment.sent()
