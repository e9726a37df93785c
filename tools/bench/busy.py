"Rows about a kernel at work. Each takes a Peer and returns a value for each metric of its row."

from client import Lost, cell, to_warm_up
from gathering import Message
from time import monotonic, sleep
from trips import round_trips

ms = 1000
calibrate = """
import time
def _took(n):
    t = time.monotonic()
    sum(range(n))
    return time.monotonic() - t
_n = int(5e6*5.5/min(_took(5_000_000) for _ in range(3)))
"""
bodies = {  # chkstyle: ignore-node  (a cell a line)
    "pure-Python loop": "while time.monotonic() < _end: pass",
    "time.sleep": "time.sleep(5)",
    "C call that holds the GIL": "sum(range(_n))"}
questions = ("shell", "complete_request"), ("shell", "inspect_request"), ("control", "kernel_info_request"), ("hb", None)

def interrupt(peer, code):
    "Milliseconds from the interrupt to the error reply, with the kernel sound afterwards."
    kernel = peer.live()
    kernel.settle(kernel.execute("import time, asyncio"))
    request = kernel.execute(code)
    kernel.begun(request)
    if "input" in code: kernel.wait("stdin", lambda message: message.kind == "input_request", 5)
    sleep(.3)
    begin = monotonic()
    kernel.interrupt()
    reply = kernel.answer(request, timeout=5)
    check_interrupted(peer, reply.content)
    kernel.settle(request)
    if kernel.run("1", 5).reply.content["status"] != "ok": raise Lost("broken")
    return (reply.time - begin)*ms

def check_interrupted(peer, content):
    "Note what an interrupted cell's reply says, if it is not KeyboardInterrupt."
    if content["status"] == "ok": raise Lost("ignored")
    name = content.get("ename", "")
    if "KeyboardInterrupt" not in name: peer.notes.append(f"reply says {name or content['status']}")

def while_busy(peer, body):
    "Milliseconds of one question after the other while a cell runs for about 5 s; what is not answered within 1 s never is."
    kernel = peer.live()
    kernel.run(calibrate)
    request = kernel.execute(f"import time; _end = time.monotonic() + 5\n{body}")
    sleep(.4)  # not until its execute_input is here, which the GIL can hold back as long as the cell
    took = [question(kernel, channel, kind) for channel,kind in questions]
    if is_idle(kernel, request): raise Lost("cell too short")
    if not kernel.settle(request, 15): raise Lost("never ends")
    return took

def question(kernel, channel, kind):
    "Milliseconds to the answer, or a word for what went wrong."
    begin = monotonic()
    try: answered = kernel.beat(1) if channel == "hb" else kernel.ask(kind, to_warm_up[kind], channel, 1).time
    except Lost as error: return str(error)
    return (answered - begin)*ms

def subshells(peer):
    "Milliseconds of a loop in one subshell, and of that loop in two at once: the same where the two really run at once."
    kernel = peer.live()
    kernel.settle(kernel.execute("def _count():\n    n = 0\n    while n < 3_000_000: n += 1"))
    ids = [kernel.ask("create_subshell_request", {}, "control", 5).content["subshell_id"] for _ in range(2)]
    return loops_in(kernel, ids[:1]), loops_in(kernel, ids)

def loops_in(kernel, ids):
    "Milliseconds until a loop in each of the subshells `ids`, begun at once, is answered."
    begin = monotonic()
    requests = [kernel.send("shell", "execute_request", cell("_count()"), subshell=id) for id in ids]
    took = max(reply_time(kernel, requests) for _ in requests) - begin
    return took*ms

def reply_time(kernel, requests):
    "When the next reply to one of `requests` comes."
    return kernel.wait("shell", lambda message: message.parent in requests).time

def is_idle(kernel, request):
    "True if the idle of `request` is among the messages that have arrived."
    sock = kernel.sockets["iopub"]
    arrived = []
    while sock.poll(0): arrived.append(Message(sock.recv_multipart()))
    return any(message.is_idle and message.parent == request for message in arrived)

def debugged(peer):
    "Milliseconds of a cell of 300,000 calls before a debug session, in it, with a breakpoint in another cell, and after it."
    with peer.fresh() as kernel:
        never = calls(kernel)
        debug(kernel, "initialize", clientID="bench", adapterID="", pathFormat="path", linesStartAt1=True, columnsStartAt1=True)
        debug(kernel, "attach")
        attached = calls(kernel)
        path = debug(kernel, "dumpCell", code="a = 1")["sourcePath"]
        debug(kernel, "setBreakpoints", source=dict(path=path), breakpoints=[dict(line=1)], sourceModified=False)
        elsewhere = calls(kernel)
        debug(kernel, "disconnect", restart=False, terminateDebuggee=False)
        return never, attached, elsewhere, calls(kernel)

def debug(kernel, command, **args):
    "The body of the response to a debug_request."
    request = dict(type="request", seq=1, command=command, arguments=args)
    response = kernel.ask("debug_request", request, "control", 15).content
    if not response.get("success"): raise Lost("no debugger")
    return response.get("body")

def calls(kernel):
    "Milliseconds of a cell of 300,000 calls, the best of three."
    code = "def f(x): return x + 1\nfor _ in range(300_000): f(1)"
    return min(round_trips(kernel, "execute_request", cell(code), 3, 1)[0])
