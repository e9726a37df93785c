"Pools of pods: a map that shares work, and outlives a pod."
import os, signal, threading
import pytest
from ipymini import PodError, pool


@pytest.fixture(scope="module")
def ps():
    with pool(3) as ps: yield ps

def square(x): return x * x

def test_a_pool_has_pods_of_their_own(ps): assert len(ps) == 3 and len({p.pid for p in ps}) == 3

def test_map_of_a_local_function(ps): assert ps.map(square, range(20), progress=False) == [x * x for x in range(20)]

def test_map_of_a_name(ps): assert ps.map(ps.abs, [-1, 2], progress=False) == [1, 2]

def test_map_of_nothing(ps): assert ps.map(square, []) == []

def test_all_pods_take_part(ps):
    @ps
    def who(x):
        import os, time
        time.sleep(.05)
        return os.getpid()
    assert set(ps.map(who, range(12), progress=False)) == {p.pid for p in ps}

def test_not_ordered_is_as_they_are_done(ps):
    @ps
    def wait(x):
        import time
        time.sleep(x)
        return x
    assert ps.map(wait, [1, .1, .3], ordered=False, progress=False) == [.1, .3, 1]

def test_an_exception_ends_the_map(ps):
    ps.run("def one_over(x): return 1/x")
    with pytest.raises(ZeroDivisionError): ps.map("one_over", [1, 0, 2], progress=False)
    assert ps.map(square, [3], progress=False) == [9]

def test_a_death_is_survived_by_trying_elsewhere(tmp_path):
    with pool(2) as ps:
        assert ps.map(die_once, [(str(tmp_path/"died"), n) for n in range(6)], progress=False) == list(range(6))
        assert (tmp_path/"died").exists() and len(ps) == 2

def die_once(value):
    import os
    path,n = value
    if n == 3 and not os.path.exists(path):
        open(path, "w").close()
        os.kill(os.getpid(), 9)
    return n

def test_a_second_death_is_told():
    with pool(2) as ps:
        with pytest.raises(PodError, match="the pod died: SIGKILL"): ps.map(suicide, [1], progress=False)

def suicide(x):
    import os
    os.kill(os.getpid(), 9)

def test_an_interrupt_goes_to_all(ps):
    ps.run("import time\n"
        "n = 0\n"
        "def sleep(x):\n"
        " global n\n"
        " try: time.sleep(60)\n"
        " except KeyboardInterrupt: n += 1; raise")
    timer = threading.Timer(.5, os.kill, (os.getpid(), signal.SIGINT))
    timer.start()
    with pytest.raises(KeyboardInterrupt): ps.map("sleep", range(10), progress=False)
    assert [p["n"] for p in ps] == [1, 1, 1]

def test_a_progress_bar_is_drawn_and_wiped(ps, capsys):
    @ps
    def wait(x): __import__("time").sleep(.1)
    ps.map(wait, range(9))
    err = capsys.readouterr().err
    assert "/9 [" in err and err.endswith("\r")
