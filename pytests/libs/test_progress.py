"Progress bars and live text"
import pytest
from test_magics import plain
from test_plots import shown

pytestmark = pytest.mark.libs

widget = "application/vnd.jupyter.widget-view+json"

def values(r):
    "What each comm message sets"
    return [m["content"]["data"].get("state", {}) for m in r.msgs if m["msg_type"] == "comm_msg"]

def test_tqdm_auto_shows_a_widget(kc):
    r = kc.run("from tqdm.auto import tqdm\nfor i in tqdm(range(3)): pass", timeout=60)
    assert any(widget in o for o in shown(r)) and "TqdmWarning" not in r.stderr
    assert any(v.get("bar_style") == "success" for v in values(r)), values(r)

def test_tqdm_notebook_shows_a_widget(kc):
    assert any(widget in o for o in shown(kc.run("from tqdm.notebook import tqdm, trange\nfor i in trange(3): pass")))

def test_tqdm_plain_writes_to_stderr(kc):
    r = kc.run("import tqdm as t\nfor i in t.tqdm(range(3)): pass")
    assert "100%" in r.stderr and "\r" in r.stderr and r.stdout == ""

def test_tqdm_gathers_coroutines(kc):
    r = kc.run(
        "import asyncio\n"
        "from tqdm.asyncio import tqdm as at\n"
        "async def f(i): return i\n"
        "await at.gather(*[f(i) for i in range(3)])")
    assert r.result == "[0, 1, 2]" and "100%" in r.stderr

def test_tqdm_follows_a_thread_pool(kc):
    r = kc.run(
        "from tqdm.auto import tqdm\n"
        "from concurrent.futures import ThreadPoolExecutor\n"
        "with ThreadPoolExecutor(2) as p: print(list(tqdm(p.map(abs, [-1, -2]), total=2)))")
    assert r.stdout == "[1, 2]\n"

def test_rich_prints_html(kc):
    r = kc.run("from rich import print as rprint\nrprint('[bold]hi[/bold]')", timeout=60)
    assert r.of("display_data")[0]["data"].keys() == {"text/html", "text/plain"}
    assert "hi" in r.of("display_data")[0]["data"]["text/plain"]

def test_rich_shows_a_table(kc):
    r = kc.run("from rich.table import Table\nt = Table('a')\nt.add_row('1')\nt")
    assert any("text/html" in o for o in shown(r))

def test_rich_pretty_prints(kc):
    r = kc.run("from rich import pretty\npretty.install()\n[1, 2]")
    assert "[1, 2]" in [plain(c["data"]["text/plain"]).strip() for c in r.of("display_data")+r.of("execute_result")]

def test_rich_shows_tracebacks(fresh):
    r = fresh().run("from rich.traceback import install\ninstall()\n1/0", timeout=60)
    assert r.status == "error" and "ZeroDivisionError" in str([c["data"] for c in r.of("display_data")]) + r.stderr, r

def test_rich_shows_progress_in_place(kc):
    r = kc.run("from rich.progress import track\nfor i in track(range(3)): pass")
    assert r.status == "ok" and r.stdout == "" and any(widget in o for o in shown(r)), r

def test_rich_shows_live_text(kc):
    r = kc.run("from rich.live import Live\nwith Live('a') as l: l.update('b')")
    assert r.status == "ok" and any(widget in o for o in shown(r)), r

def test_fastprogress_shows_progress_in_place(kc):
    r = kc.run("from fastprogress import progress_bar\nfor i in progress_bar(range(3)): pass", timeout=60)
    assert r.stdout == "" and len(r.of("update_display_data")) >= 3, r

def test_loguru_keeps_colours(kc):
    r = kc.run("from loguru import logger\nlogger.info('hi')", timeout=60)
    assert "\x1b[32m" in r.stderr and "hi" in r.stderr, r

def test_click_keeps_colours(kc): assert "\x1b[31m" in kc.run("import click\nclick.secho('red', fg='red')").stdout
