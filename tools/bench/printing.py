"Rows about what cells print and show. Each takes a Peer and returns a value for each metric of its row."

import process
from client import Lost

ms = 1000
slow = dict(pace=.002)  # a reader that sleeps 2 ms after each message
stalled = dict(stall=5)  # one that reads nothing for 5 s

def first_output(peer, then):
    "Milliseconds from a `print` to its message; the cell prints the time, which is the same clock as ours, and runs on."
    outcome = peer.live().run(f"import time; _t = time.monotonic(); print(_t)\nwhile time.monotonic() < _t + .6: {then}")
    streams = outcome.of("stream")
    if not streams: raise Lost("lost")
    printed = float(streams[0].content["text"].split()[0])
    return (streams[0].time - printed)*ms

def lines(peer, count, **reader):
    "What became of `count` printed lines."
    return shown(peer, f"for i in range({count}): print(i)", count, "stream", **reader)

def large(peer, size=10_000_000, limit=30):
    "What became of one `print` of `size` characters: messages, seconds to idle, growth of memory in MB."
    with peer.fresh() as kernel:
        with process.peak(kernel.pid) as peak: outcome = kernel.gather([kernel.execute(f"print('x'*{size})")], limit)
    texts = [message.content["text"] for message in outcome.of("stream")]
    if sum(map(len, texts)) != size + 1: raise Lost("lost")
    return len(texts), took(outcome, limit), peak[0]

def displays(peer, count=2000, **reader):
    "What became of `count` displays."
    return shown(peer, f"from IPython.display import display\nfor i in range({count}): display(i)", count, "display_data", **reader)

def shown(peer, code, count, kind, limit=30, **reader):
    "Run `code`, which should show the numbers up to `count`: how many were lost, messages, seconds to idle, growth of memory in MB."
    with peer.fresh() as kernel:
        with process.peak(kernel.pid) as peak: outcome = kernel.gather([kernel.execute(code)], limit, **reader)
    messages = [message for message in outcome.of(kind) if message.content.get("name") != "stderr"]
    got = "".join(map(text_of, messages)).split()
    wanted = [*map(str, range(count))]
    lost = count - len(set(got).intersection(wanted))
    if not lost and got != wanted: peer.notes.append("out of order")
    return lost, len(messages), took(outcome, limit), peak[0]

def text_of(message):
    "The text of a stream's message or of a display."
    if message.kind == "stream": return message.content["text"]
    return message.content["data"]["text/plain"] + "\n"

def took(outcome, limit):
    "Seconds to the idle, or words that say why there is no number: after `limit` the reader was not slow any more."
    if outcome.cut: return f"> {limit}"
    return outcome.idle.time - outcome.begin if outcome.idle else "no idle"
