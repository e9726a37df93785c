"What tools/bench makes of its samples, and in which order it takes them."

import subprocess, sys
from helpers import root
from types import SimpleNamespace
import pytest

sys.path += [str(root/"tools/bench"), str(root/"tools")]
import measuring, showing
from measuring import Stat
from rows import Row

def stat(*values):
    "A Stat with these samples."
    res = Stat()
    for value in values: res.add(value)
    return res

def peer(name, is_floor=False):
    "A kernel that is none."
    return SimpleNamespace(name=name, is_floor=is_floor, notes=[], version="1", drop=lambda: None)

def measured(row, *peers): return measuring.measure(peers, [row], quick=False)

def test_a_list_is_many_samples(): assert stat([1, 2, 3]).median == 2

def test_a_median_needs_more_numbers_than_words():
    assert stat(1, "never").median is None and stat(1, 2, "never").median == 1.5

def test_a_word_stands_where_there_is_no_number(): assert showing.shown_stat(dict(median=None, word="never")) == "never"

def test_kernels_take_turns_and_change_order():
    taken = []
    def note(peer):
        taken.append(peer.name)
        return 1
    measured(Row("g", "r", note, "ms", turns=3), peer("a"), peer("b"))
    assert taken == ["a", "b", "b", "a", "a", "b"]

def test_what_fails_twice_is_not_asked_again():
    taken = []
    def fail(peer):
        taken.append(peer.name)
        raise measuring.Lost("never")
    results = measured(Row("g", "r", fail, "ms", turns=5), peer("a"))
    assert len(taken) == 2 and results.stats["g", "r", "", "ms"]["a"].word == "never"

@pytest.mark.parametrize("floor, names", [("yes", ["a", "floor"]), ("no", ["a"]), ("only", ["floor"])])
def test_the_floor_is_measured_where_it_can_be(floor, names):
    row = Row("g", "r", None, "ms", floor=floor)
    assert [o.name for o in measuring.measurable(row, [peer("a"), peer("floor", is_floor=True)])] == names

@pytest.mark.parametrize("new, verdict", [(104, True), (106, False)])
def test_a_row_of_cpu_time_is_told_if_over_5_percent_worse(new, verdict, capsys):
    row = Row("CPU", "trip", lambda peer: dict(ipymini=new, old=100)[peer.name], "ms", turns=1)
    data = showing.report(measured(row, peer("ipymini"), peer("old")), [peer("ipymini"), peer("old")])
    assert showing.print_verdict(data) is verdict
    assert ("trip 1.06x" in capsys.readouterr().out) is not verdict

def test_the_table_has_a_ratio_to_the_old_tree(capsys):
    row = Row("CPU", "trip", lambda peer: dict(ipymini=2, old=4)[peer.name], "ms", turns=1)
    showing.print_table(showing.report(measured(row, peer("ipymini"), peer("old")), [peer("ipymini"), peer("old")]))
    assert "| CPU: trip |   ms |       2 |   4 |  0.50x |         0.50x |" in capsys.readouterr().out

def test_rows_are_chosen_by_a_pattern():
    r = subprocess.run([sys.executable, root/"tools/bench", "--list", "--rows", "^shutdown"], capture_output=True,
        text=True, timeout=60)
    assert r.stdout.splitlines() == ["shutdown: idle", "shutdown: busy", "shutdown: with a live child"], r
