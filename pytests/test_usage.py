"What a usage_request tells of the processor, read from texts as Linux has them"
import builtins, io
from ipymini.system import usage

def test_waiting_for_a_disk_is_idleness(monkeypatch):
    text = "cpu  10 1 9 60 20 0 0 0 5 5\n"  # user nice system idle iowait irq softirq steal; guests are in user already
    monkeypatch.setattr(builtins, "open", lambda *args, **kw: io.StringIO(text))
    assert usage.host_cpu() == (100, 80)
