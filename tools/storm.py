#!/usr/bin/env python3
"""Interrupts by the thousand, in each state of the table in `ipymini.interrupts`; prints how many were lost.

`tools/storm.py [number] [state ...]`. An interrupt is lost when its cell, which runs for ever, has not ended 3 s later. Run it by the Python whose kernel is meant."""
import random, sys, time
from about import answer
from pathlib import Path

if __name__ == "__main__": answer(__doc__)
import zmq
sys.path.insert(0, str(Path(__file__).resolve().parent.parent/"pytests"))
from helpers import start

# state: the cell, the type of the message that is waited for before the interrupt is sent, the longest pause after that in seconds
states = {
    "busy, before user code": ("while True: time.sleep(60)", "status", 0),
    "busy, a moment later": ("while True: time.sleep(60)", "status", .002),
    "execute_input": ("time.sleep(60)", "execute_input", 0),
    "execute_input, a moment later": ("time.sleep(60)", "execute_input", .002),
    "in user code": ("print(1)\nwhile True: pass", "stream", .001),
    "awaiting": ("print(1)\nwhile True: await asyncio.sleep(60)", "stream", .001),
    "short awaits": ("print(1)\nwhile True: await asyncio.sleep(0)", "stream", .001),
    "in our code": ("while True: print(1)", "stream", .001),
    "in delicate code": ("print(1)\nwhile True: json.dumps([1], indent=1)", "stream", .001),
    "in displays": ("while True:\n    display(1)\n    time.sleep(.0005)", "display_data", .001),  # more would be read for minutes
    "locks": ("lock = threading.Condition()\nprint(1)\nwhile True:\n    with lock: pass", "stream", .001),
    "between cells": None, "idle": None}

class Storm:
    "A kernel, and a client that reads raw messages, as fast as they come"
    def __init__(self, how):
        self.how,self.kc,self.rng = how,start(),random.Random(1)
        self.poller = zmq.Poller()
        for name in ("iopub", "shell", "control"): self.poller.register(getattr(self.kc, f"{name}_channel").socket, zmq.POLLIN)
        self.kc.run("import asyncio, json, threading, time\nmain = get_ipython().kernel.k.subshells.main\nget_ipython().run_line_magic('xmode', 'Minimal')")

    def until(self, done, seconds):
        "True once `done(message)` is true of a message that has come, False after so many seconds"
        end = time.monotonic()+seconds
        while (left := end-time.monotonic()) > 0:
            for sock,_ in self.poller.poll(left*1000):
                msg = self.kc.session.recv(sock)[1]
                if done(msg): return True
        return False

    def one(self, state):
        "True if the interrupt of a cell in `state` landed"
        code,type,pause = states[state]
        id = self.kc.cell(code)
        ours = lambda m: m["parent_header"].get("msg_id") == id
        if not self.until(lambda m: ours(m) and m["msg_type"] == type, 20): raise TimeoutError(f"20 s passed: waited for {type}")
        if pause: time.sleep(self.rng.random()*pause)
        self.interrupt()
        return self.ended(id)

    def ended(self, id):
        "True if the cell `id` has ended by KeyboardInterrupt within 3 s; ends it otherwise"
        replies = []
        def replied(m):
            if m["parent_header"].get("msg_id") == id and m["msg_type"] == "execute_reply": replies.append(m["content"].get("ename"))
            return bool(replies)
        landed = self.until(replied, 3)
        while not replies:
            self.kc.interrupt("signal")
            self.until(replied, 1)
        if replies != ["KeyboardInterrupt"]: print("   ended by", replies)
        return landed and replies == ["KeyboardInterrupt"]

    def interrupt(self):
        if self.how == "signal": return self.kc.interrupt("signal")
        self.kc.submit("interrupt_request", channel="control")

    def between(self):
        "True if an interrupt that comes while a short cell ends and one that runs for ever is queued ends the second, or else the first"
        # the second is there when the first ends: an interrupt before it has come finds an idle kernel
        first = self.kc.cell("while not main.queue: time.sleep(.0001)\n1", stop_on_error=False)
        second = self.kc.cell("while True: time.sleep(60)")
        replies = []
        def seen(type):
            "A test for a message of `type` that answers the first; its reply is kept whenever it comes"
            def test(m):
                if m["parent_header"].get("msg_id") != first: return False
                if m["msg_type"] == "execute_reply": replies.append(m["content"])
                return m["msg_type"] == type or bool(replies)
            return test
        self.until(seen("execute_result"), 20)
        time.sleep(self.rng.random()*.0005)
        self.interrupt()
        if not replies: self.until(seen("execute_reply"), 20)
        if replies[0]["status"] == "error": self.interrupt()  # it was the first one's: the second needs its own
        return self.ended(second)

    def idle(self):
        "True if an interrupt of the idle kernel does nothing to the cell behind it"
        self.interrupt()
        self.kc.submit("kernel_info_request")  # the main thread answers, so it has handled the signal
        self.until(lambda m: m["msg_type"] == "kernel_info_reply", 20)
        id,replies = self.kc.cell("1"),[]
        self.until(lambda m: m["msg_type"] == "execute_reply" and m["parent_header"].get("msg_id") == id and not replies.append(m["content"]), 20)
        return bool(replies) and replies[0]["status"] == "ok"

def main():
    args = sys.argv[1:]
    number = int(args.pop(0)) if args and args[0].isdigit() else 10_000
    for how in ("signal", "message"):
        storm = Storm(how)
        try:
            for state in args or states:
                ask = dict(idle=storm.idle, **{"between cells": storm.between}).get(state) or (lambda: storm.one(state))
                lost = sum(not ask() for _ in range(number))
                print(f"{state}, by {how}: {lost} of {number} lost", flush=True)
        finally: storm.kc.stop()

if __name__ == "__main__": main()
