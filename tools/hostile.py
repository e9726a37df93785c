#!/usr/bin/env python3
"""The cases of pytests/test_cells.py, and junk on the ports, on any kernels: `tools/hostile.py NAME=KERNEL.JSON ...` prints a markdown table, survived/tried

A case is survived if its reply and idle come within 10 s, and the cell after it prints and returns what it should. Harmless cases share a kernel while it lives,
others get one each. Needs the environment of the tests; a kernel.json says how to start its kernel."""

import json, os, shutil, sys, tempfile, time
from itertools import groupby
from pathlib import Path
from queue import Empty
sys.path.insert(0, str(Path(__file__).resolve().parent.parent/"pytests"))
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
from jupyter_client import KernelManager
from jupyter_client.kernelspec import KernelSpecManager
import test_cells, test_hostile

# name of a group, and the case that it begins with
begins = {"repr ValueError": "broken reprs and displays", "text of an error is a number": "odd exceptions", "surrogates": "odd text, deep code", "a finaliser that raises": "finalisers, tasks, threads, the loop",
    "fork, then _exit": "forks", "descriptor 0 closed": "streams and descriptors", "a display hook that raises": "hooks that raise", "cwd deleted": "cwd, signals, process state", "time replaced": "modules replaced",
    "zmq's global context ended": "event loop and contexts", "memory used up": "limits"}

class Kernel:
    "A kernel by the folder of its kernel.json"
    def __init__(self, spec):
        self.dir = tempfile.mkdtemp()
        shutil.copytree(spec, f"{self.dir}/k")
        venv = Path(spec).parents[3]
        f = Path(f"{self.dir}/k/kernel.json")
        d = json.loads(f.read_text())
        if "/" not in d["argv"][0]: d["argv"][0] = str(venv/"bin"/d["argv"][0])
        f.write_text(json.dumps(d))
        self.km = KernelManager(kernel_name="k", kernel_spec_manager=KernelSpecManager(kernel_dirs=[self.dir], ensure_native_kernel=False))
        env = {k: v for k,v in os.environ.items() if k != "PYTHONPATH"}  # each kernel is its environment's
        self.km.start_kernel(env=env, stdout=open(os.devnull, "w"), stderr=open(os.devnull, "w"), cwd=self.dir)
        self.kc = self.km.client()
        self.kc.start_channels()
        self.kc.wait_for_ready(timeout=40)

    def run(self, code, timeout=10):
        "status, stdout and result, once reply and idle are there. Raises: TimeoutError"
        kc,end,out,result,reply,idle = self.kc,time.monotonic()+timeout,"",None,None,False
        id = kc.execute(code)
        while not (reply and idle):
            if time.monotonic() > end or not self.km.is_alive(): raise TimeoutError
            try: m = kc.get_iopub_msg(timeout=.05)
            except Empty: m = None
            if m and m["parent_header"].get("msg_id") == id:
                c = m["content"]
                if m["msg_type"] == "stream": out += c["text"]
                if m["msg_type"] == "execute_result": result = c["data"].get("text/plain")
                idle = idle or c.get("execution_state") == "idle"
            try:
                r = kc.get_shell_msg(timeout=0)
                if r["parent_header"].get("msg_id") == id: reply = r["content"]
            except Empty: pass
        return reply["status"],out,result

    def well(self):
        status,out,result = self.run("print('on'); 6*7")
        return status == "ok" and "on" in out and result == "42"

    def stop(self):
        self.kc.stop_channels()
        self.km.shutdown_kernel(now=True)
        shutil.rmtree(self.dir, ignore_errors=True)

def survives(k, f):
    try:
        f(k)
        return k.well()
    except (TimeoutError, OSError, AssertionError): return False

def junk(name):
    def send(k):
        socks = [test_hostile.plug(k.kc, ch) for ch in test_hostile.channels]
        for s in socks:
            try: s.sendall(test_hostile.junk[name])
            except ConnectionError: pass
        ok = k.well()
        for s in socks: s.close()
        assert ok
    return send

def forged(name):
    def send(k):
        frames = test_hostile.forged[name](test_hostile.signed(k.kc, "execute_request", test_hostile.hack)[1])
        for ch in (k.kc.shell_channel, k.kc.control_channel): ch.socket.send_multipart(frames)
        assert k.run("'hacked' in globals()")[2] == "False"
    return send

def identities(n):
    def send(k):
        with test_hostile.dealer(k.kc) as s:
            s.send_multipart([b"id"]*n + test_hostile.signed(k.kc, "kernel_info_request", {})[1])
            assert s.poll(5000)
    return send

def replay(k):
    k.run("runs = 0")
    frames = test_hostile.signed(k.kc, "execute_request", dict(code="runs += 1", silent=False, store_history=True, user_expressions={}, allow_stdin=False, stop_on_error=True))[1]
    for _ in range(3): k.kc.shell_channel.socket.send_multipart(frames)
    assert k.run("runs")[2] == "1"

def cases():
    "group, name, function of a kernel, whether it needs one of its own"
    group = None
    for name,code,_ in test_cells.harmless + test_cells.grave:
        group = begins.get(name, group)
        yield group, name, lambda k, code=code: k.run(code), (name, code, _) in test_cells.grave
    for n in test_hostile.junk: yield "bytes that are not ZMTP", n, junk(n), False
    for n in test_hostile.forged: yield "forged code, on shell and control", n, forged(n), False
    for n in (5, 8, 1000): yield "identities, replays", str(n), identities(n), True
    yield "identities, replays", "replay", replay, True

def test(spec):
    "Survived by group and name"
    k,res = None,{}
    for group,name,f,own in cases():
        if own and k:
            k.stop()
            k = None
        if not k:
            try: k = Kernel(spec)
            except (RuntimeError, Empty): k = Kernel(spec)
        res[group,name] = survives(k, f)
        if not res[group,name]:
            print(spec, group, name, file=sys.stderr, flush=True)
            k.stop()
            k = None
    if k: k.stop()
    return res

def main():
    kernels = dict(o.split("=", 1) for o in sys.argv[1:])
    res = {name: test(spec) for name,spec in kernels.items()}
    print("| survived/tried |", " | ".join(res), "|\n|---|" + "---|"*len(res))
    for g,names in groupby(next(iter(res.values())), lambda o: o[0]):
        names = list(names)
        print(f"| {g} |", " | ".join(f"{sum(r[n] for n in names)}/{len(names)}" for r in res.values()), "|")
    print("| all |", " | ".join(f"{sum(r.values())}/{len(r)}" for r in res.values()), "|")

if __name__ == "__main__": main()
