"Eight subshells and the main shell at once, with prompts and interrupts"
import os, pytest, random, time
from subshell_helpers import framed, number

class Load:
    "Eight subshells and the main shell under load; `tick` sends cells, answers prompts and interrupts, `check` looks at what came"
    def __init__(self, kc, seed):
        self.kc,self.rnd,self.sent,self.answered = kc,random.Random(seed),{},0
        self.shells = [None, *(kc.subshell() for _ in range(8))]
        self.controls = []

    def kinds(self, tok):
        """Code of a cell by name, and what it puts out when nobody interrupts it.

        The names that it sets are its own: the shells share their namespace."""
        return dict(
            stdout=(f"for {tok} in range(20): print('{tok}', {tok}); time.sleep(.001)",
                "".join(f"{tok} {i}\n" for i in range(20))),
            display=(f"for i in range(5): display('{tok}'); print('{tok}')", f"<'{tok}'>{tok}\n"*5),
            error=(f"print('{tok}'); raise ValueError('{tok}')", f"{tok}\n<ValueError {tok}>"),
            ask=(f"print('{tok}'); print(input('{tok}'))", f"{tok}\nanswer to {tok}\n"),
            awaits=(f"for i in range(5): print('{tok}'); await asyncio.sleep(.01)", f"{tok}\n"*5),
            # code of the cell, whose thread keeps it, also where that was interrupted before the thread printed
            thread=(f"{tok} = threading.Thread(target=lambda: print('{tok}')); {tok}.start(); {tok}.join(); '{tok}'",
                f"{tok}\n"
                f"<'{tok}'>"),
            task=(
                f"async def f_{tok}():\n"
                "    await asyncio.sleep(.02)\n"
                f"    print('{tok}')\n"
                f"await asyncio.gather(*(f_{tok}() for _ in range(3)));", f"{tok}\n"*3),
            stderr=(f"import sys; print('{tok}', file=sys.stderr); print('{tok}')", f"{tok}\n"*2),
            burst=(f"print('{tok} '*5000)", f"{tok} "*5000+"\n"))

    def send(self, shell):
        tok = f"t{len(self.sent):05}"
        if self.rnd.random() < .15:
            id,want = self.kc.submit("complete_request", dict(code=f"{tok} = pri", cursor_pos=12), subshell=shell), None
        else:
            code,want = self.rnd.choice(list(self.kinds(tok).values()))
            id = self.kc.cell(code, subshell=shell, allow_stdin=True, stop_on_error=False)
        self.sent[id] = tok,want,shell

    def waiting(self, shell):
        return sum(1 for id,(_,_,s) in self.sent.items() if s == shell and not (id in self.kc.held and self.kc.held[id].idle))

    def tick(self, send):
        if send:
            for o in self.shells:
                if self.waiting(o) < 3: self.send(o)
            if self.rnd.random() < .03: self.controls.append(self.kc.submit("interrupt_request", {}, "control"))
        for ch in ("control", "shell"): self.kc.collect(ch, .005)
        while self.kc.stdin_channel.msg_ready():
            m = self.kc.get_stdin_msg(timeout=0)
            tok = self.sent[m["parent_header"]["msg_id"]][0]
            assert m["content"]["prompt"] == tok
            self.kc.session.send(self.kc.stdin_channel.socket, "input_reply", dict(value=f"answer to {tok}"),
                parent=m["header"])
            self.answered += 1

    @property
    def hits(self):
        "How many cells an interrupt has ended"
        results = list(self.kc.held.values())
        return sum(r.of("error")[-1:] != [] and r.error["ename"] == "KeyboardInterrupt" for r in results)

    def was_enough(self): return len(self.sent) > 300 and self.answered > 20 and self.hits > 10

    def run(self, seconds):
        "Send for `seconds`, and until there was enough of everything; then wait for all"
        begin = time.monotonic()
        while (passed := time.monotonic()-begin) < seconds or not self.was_enough():
            if passed > seconds+60: raise TimeoutError(f"{passed} s passed: waited for 300 requests, 20 prompts, 10 interrupted cells")
            self.tick(True)
        end = time.monotonic()+60
        while (left := [id for id in self.sent
            if not ((r := self.kc.held.get(id)) and r.replies and r.idle)]) and time.monotonic() < end:
            self.tick(False)
        assert not left, f"no reply or no idle: {[(self.sent[id], self.kc.held.get(id)) for id in left[:3]]} of {len(left)}"
        for id in self.controls: self.kc.wait(id, "control")

    def faults(self):
        "What is wrong with the results, in words"
        for id,(tok,want,shell) in self.sent.items():
            r = self.kc.held[id]
            got = put_out(r).partition("\nStill running after an interrupt")[0].replace("\nKeyboardInterrupt\n\n", "")  # IPython's, of a traceback in the making
            hit = r.reply["msg_type"] == "execute_reply" and r.content.get("ename") == "KeyboardInterrupt"
            if not framed(r, hit) or len(r.replies) != 1: yield f"{tok} in {shell}: {len(r.replies)} replies, {r}"
            if want is not None and got != want and not hit:
                yield f"{tok} in {shell}: {got[:200]!r} instead of {want[:200]!r}, {r.content}"
            if r.status == "error" and r.content["ename"] not in [c["ename"] for c in r.of("error")]:
                yield f"{tok} in {shell}: no message of its error: {r}"
            if foreign := [w for w in words(got) if w != tok]: yield f"{tok} in {shell} has output of {foreign[:3]}"
        ns = [number(r) for id,r in self.kc.held.items() if id in self.sent and r.of("execute_input")]
        if len(set().union(*ns)) != len(ns): yield "a number that was given twice, or two to one cell"
        if strays := [o for o in self.kc.others if o["content"] != dict(execution_state="starting")]:
            yield f"messages without a parent: {strays[:3]}"
        if strays := [r for id,r in self.kc.held.items() if id not in self.sent and id not in self.controls
            and not framed(r)]:
            yield f"others: {strays[:3]}"

def words(text):
    return [w for w in text.replace("<", " ").replace(">", " ").replace("'", " ").split() if w[:1] == "t" and w[1:].isdigit()]

def put_out(r):
    "All that a cell put out, in order, in one string"
    def text(m):
        c,t = m["content"],m["msg_type"]
        if t == "stream": return c["text"]
        if t in ("display_data", "execute_result"): return f"<{c['data']['text/plain']}>"
        return f"<{c['ename']} {c['evalue']}>" if t == "error" else ""
    return "".join(map(text, r.msgs))

@pytest.mark.slow
@pytest.mark.timeout(180)
def test_eight_at_once(own_kc):
    load = Load(own_kc, 7)
    own_kc.run("import asyncio, threading, time")
    load.run(float(os.environ.get("IPYMINI_LOAD_SECONDS", 6)))
    faults = list(load.faults())
    print(f"{len(load.sent)} requests, {load.answered} prompts answered, {len(load.controls)} interrupts hit {load.hits} cells")
    assert not faults, "\n".join([f"{len(faults)} faults", *faults[:20]])
    assert all(own_kc.run("1+1", subshell=o).result == "2" for o in load.shells)
