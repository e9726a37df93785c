"Floods of output, and readers who read slowly or not at all. `deaf` is a client who does not listen, with a `Reader` who alone does"
import pytest, time
from iopub_reader import Reader, dates, densest, flood, lines, stat

@pytest.fixture
def reader(kc):
    r = Reader(kc)
    yield r
    r.close()

@pytest.fixture
def deaf(own):
    "A client who does not listen to iopub, and a Reader who alone does"
    kc = own()
    kc.iopub_channel.socket.unsubscribe(b"")
    r = Reader(kc)
    yield kc,r
    r.close()

@pytest.fixture(scope="module")
def flooded(kc):
    "The Result of a flood that is read as it comes"
    return kc.run(flood, timeout=60)

def test_a_flood_arrives_whole_and_in_order(flooded): assert flooded.stdout == lines

def test_a_flood_takes_few_messages(flooded): assert densest(dates(flooded, "stdout")) <= 100

@pytest.mark.parametrize("code", ["import os\nfor i in range(100_000): os.write(1, b'%d\\n' % i)",
    "import os\n"
    "os.system('seq 0 99999') and None"])
def test_a_flood_of_file_descriptor_1_arrives_whole(kc, code):
    assert kc.run(code, timeout=60).stdout == "".join(f"{i}\n" for i in range(100_000))

def test_a_flood_reaches_a_slow_reader_whole(kc, reader):
    id = kc.cell(flood)
    assert reader.text(id, pause=.002) == lines

@pytest.mark.slow
def test_a_flood_reaches_a_reader_who_was_stuck_whole(deaf):
    kc,reader = deaf
    id = kc.cell(flood)
    time.sleep(4)  # a stuck reader, not a wait
    assert reader.text(id) == lines

@pytest.mark.slow
def test_2000_displays_reach_a_slow_reader_whole(kc, reader):
    id = kc.cell("for i in range(2000): display(i)")
    assert [c["data"]["text/plain"] for t,
        c in reader.cell(id, pause=.002) if t == "display_data"] == [str(i) for i in range(2000)]

@pytest.mark.slow
def test_a_slow_reader_slows_the_writer(deaf):
    kc,reader = deaf
    id = kc.cell("for i in range(150): print('x'*2**20)")
    assert sum(len(c["text"]) for t,c in reader.cell(id, pieces=20) if t == "stream") > 0
    held = kc.wait(id, idle=False, until=lambda r: True)
    assert held.reply is None  # 150 MB do not fit into 64
    assert sum(len(c["text"]) for t,c in reader.cell(id) if t == "stream") > 2**27

@pytest.mark.slow
def test_memory_is_bounded_while_nobody_reads(deaf):
    kc,reader = deaf
    before = stat(kc.proc.pid, "VmHWM")
    id = kc.cell("for i in range(300): print('x'*2**20)")
    for _ in reader.cell(id, pause=.01): pass
    assert stat(kc.proc.pid, "VmHWM")-before < 200*2**10

@pytest.mark.slow
def test_memory_is_bounded_for_displays(deaf):
    kc,reader = deaf
    before = stat(kc.proc.pid, "VmHWM")
    id = kc.cell("for i in range(300): display('x'*2**20)")
    for _ in reader.cell(id, pause=.01): pass
    assert stat(kc.proc.pid, "VmHWM")-before < 200*2**10

@pytest.mark.slow
def test_memory_is_bounded_for_children(deaf):
    kc,reader = deaf
    before = stat(kc.proc.pid, "VmHWM")
    id = kc.cell("import os; os.system('head -c 300000000 /dev/zero | tr \"\\\\0\" x') and None")
    assert sum(len(c["text"]) for t,c in reader.cell(id, pause=.005) if t == "stream") == 300_000_000
    assert stat(kc.proc.pid, "VmHWM")-before < 200*2**10

def held_up(kc, reader):
    "A cell that waits for a reader who has stopped reading; its id"
    id = kc.cell("while True: print('x'*2**20)")
    for _ in reader.cell(id, pieces=5): pass
    return id

def test_control_answers_while_a_writer_is_held_up(deaf):
    kc,reader = deaf
    held_up(kc, reader)
    for _ in range(20):
        assert kc.wait(kc.submit("kernel_info_request", channel="control"), "control", idle=False).status == "ok"

@pytest.mark.parametrize("how", ["signal", "message"])
def test_a_writer_that_is_held_up_can_be_interrupted(deaf, how):
    kc,reader = deaf
    id = held_up(kc, reader)
    if how == "signal": kc.interrupt()
    else: kc.submit("interrupt_request", channel="control")
    r = [(t, c) for t,c in reader.cell(id)]
    assert [c["ename"] for t,c in r if t == "error"] == ["KeyboardInterrupt"]
    assert kc.wait(id, idle=False).content["ename"] == "KeyboardInterrupt"

@pytest.mark.slow
def test_shutdown_while_a_writer_is_held_up(deaf):
    kc,reader = deaf
    held_up(kc, reader)
    assert kc.wait(kc.submit("shutdown_request", dict(restart=False), channel="control"), "control",
        idle=False).status == "ok"
    assert kc.proc.wait(20) == 0

@pytest.mark.slow
def test_a_reader_who_does_not_read_for_10_s_holds_up_nobody(own):
    kc = own(stderr=-1)
    stuck = Reader(kc)
    r = kc.run("for i in range(100): print('x'*2**20)", timeout=40)
    assert len(r.stdout) == 100*(2**20+1)
    assert kc.run("1").result == "1"
    kc.proc.kill()
    assert b"has not read for 10 s" in kc.proc.stderr.read()
    stuck.close()

@pytest.mark.slow
def test_a_reader_who_goes_away_holds_up_nobody(deaf):
    kc,reader = deaf
    kc.iopub_channel.socket.subscribe(b"")
    id = kc.cell("for i in range(200): print('x'*2**20)")
    for _ in reader.cell(id, pieces=5): pass
    reader.close()
    assert kc.wait(id, idle=False, timeout=30).status == "ok"
