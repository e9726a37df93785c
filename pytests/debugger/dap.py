"A session of the debugger as JupyterLab and VS Code hold it: requests and events of DAP over the control channel and iopub"
from fastcore.basics import first
from helpers import until
from itertools import count

lab = dict(clientID="jupyterlab", clientName="JupyterLab", adapterID="ipymini", pathFormat="path", linesStartAt1=True, columnsStartAt1=True,
    supportsVariableType=True, supportsVariablePaging=True, supportsRunInTerminalRequest=True, locale="en")
gate = "import time\ngo = True\nprint('on')\nwhile go:\n    n = 1\n    time.sleep(.01)\nn = 2"  # a cell that runs until `go` is false


class Client:
    "Speaks DAP with the kernel of `kc`"
    def __init__(self, kc):
        self.kc = kc
        self.seq = count(1)
        self.read = len(self.events)  # how many events have been read; those of sessions before are none of ours

    def ask(self, command, timeout=60, **args):
        "The response to a request"
        msg = dict(type="request", seq=next(self.seq), command=command, arguments=args)
        res = self.kc.request("debug_request", msg, "control", timeout=timeout).content
        assert (res["type"], res["request_seq"], res["command"]) == ("response", msg["seq"], command)
        return res

    def ok(self, command, **args):
        "The body of a response that must be a success"
        res = self.ask(command, **args)
        assert res["success"], res
        return res["body"]

    def refused(self, command, **args):
        "The message of a response that must be a failure"
        res = self.ask(command, **args)
        assert not res["success"], res
        return res["message"]

    @property
    def events(self):
        "All events so far, in the order in which the kernel sent them"
        msgs = [m for r in self.kc.held.values() for m in r.msgs] + self.kc.others
        found = [m for m in msgs if m["msg_type"] == "debug_event"]
        return [m["content"] for m in sorted(found, key=lambda m: int(m["msg_id"].rsplit("_")[-1]))]

    def event(self, name, timeout=60):
        "Body of the next event of that name; others are skipped"
        def look():
            self.kc.collect("control", .01)
            while self.read < len(evs := self.events):
                self.read += 1
                if evs[self.read-1]["event"] == name: return evs[self.read-1]
        return until(look, f"the event {name}", timeout).get("body", {})

    def quiet(self):
        "True if no thread has stopped since the last event that was read"
        return not [e for e in self.events[self.read:] if e["event"] == "stopped"]

    def start(self, **args):
        self.read = len(self.events)
        self.ok("initialize", **lab)
        self.ok("attach", **args)

    def mark(self, code, *lines):
        "Set breakpoints, numbers or dictionaries; what debugpy made of them"
        path = self.ok("dumpCell", code=code)["sourcePath"]
        lines = [dict(line=o) if isinstance(o, int) else o for o in lines]
        return self.ok("setBreakpoints", source=dict(path=path), breakpoints=lines, sourceModified=False)["breakpoints"]

    def unmark(self):
        for o in self.ok("debugInfo")["breakpoints"]:
            self.ok("setBreakpoints", source=dict(path=o["source"]), breakpoints=[])

    def stop(self, code, *lines, **kw):
        "Run `code` up to a breakpoint; id of the cell, body of the event"
        self.mark(code, *lines)
        id = self.kc.cell(code, **kw)
        return id,self.event("stopped")

    def frames(self, tid=1): return self.ok("stackTrace", threadId=tid)["stackFrames"]
    def where(self, tid=1): return [(f["name"], f["line"]) for f in self.frames(tid)]
    def value(self, expr, **kw):
        return self.ok("evaluate", expression=expr, frameId=self.frames()[0]["id"], context="repl", **kw)["result"]
    def scope(self, name):
        return first(self.ok("scopes", frameId=self.frames()[0]["id"])["scopes"],
            lambda o: o["name"] == name)["variablesReference"]
    def go_on(self, tid=1): return self.ok("continue", threadId=tid)

    def step(self, how, tid=1):
        self.ok(how, threadId=tid)
        return self.event("stopped")

    def end(self, id, timeout=60): return self.kc.wait(id, timeout=timeout)

def texts(body): return {o["name"]: o["value"] for o in body["variables"]}

class IP:
    "Stands for IPython's shell, of which the debugger needs the namespace"
    def __init__(self, **ns): self.user_ns = ns
