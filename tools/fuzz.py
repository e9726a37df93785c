#!/usr/bin/env python3
"""Coverage-guided fuzzing with atheris of what reads foreign bytes: `tools/fuzz.py [--minutes 10] [frames|signed|file|dap ...]`

Works in an environment of its own, .venvs/fuzz, where inputs that found new paths are kept for the next run; an input that crashes is kept there, too, and
shown. The minutes are shared among the targets. A target passes if it returns, or raises what its function is documented to raise."""

import argparse, json, subprocess, sys, tempfile
from importlib import import_module
from pathlib import Path

def frames(data):
    "Any frames, unsigned and signed: a message or BadMessage, and a message can be answered"
    answer(wire.Wire(), data.split(b"\xff\xfe"))
    answer(wire.Wire(b"k"), data.split(b"\xff\xfe"))

def signed(data):
    "Four parts that somebody signed, identities and buffers"
    w = wire.Wire(b"k")
    parts = data.split(b"\xff\xfe")[:4]
    parts += [b"{}"]*(4-len(parts))
    head = b'{"msg_id":"1","msg_type":"x"}' if len(data) % 2 else parts[0]
    answer(w, [b"id"]*(len(data) % 9) + [wire.delim, w.sign([head, *parts[1:]]), head, *parts[1:], data[:9]])

def answer(w, frames):
    try: msg = w.parse(frames)
    except wire.BadMessage as e: return str(e)
    out = w.pack("x", dict(msg["content"], more=msg["metadata"]), msg, ids=msg.ids)
    assert json.loads(bytes(out[len(msg.ids)+3])) == json.loads(bytes(msg.raw)) or b"NaN" in msg.raw

def file(data):
    "Any connection file: a configuration or BadConnection"
    with open(path, "wb") as f: f.write(data)
    try: cfg = wire.read_connection(path)
    except wire.BadConnection as e: return str(e)
    assert all(0 <= cfg[p] <= 65535 for p in wire.ports)

def dap(data):
    "Any debug request before a session: a response"
    try: msg = json.loads(data)
    except (ValueError, RecursionError): return
    if not isinstance(msg, dict) or msg.get("command") in ("initialize", "attach"): return  # these start debugpy
    res = debugger.request(msg)
    assert res["type"] == "response" and isinstance(res["success"], bool)

seeds = dict(frames=[b'id\xff\xfe<IDS|MSG>\xff\xfe\xff\xfe{"msg_id":"1","msg_type":"x"}\xff\xfe{}\xff\xfe{}\xff\xfe{"code":"1"}'], signed=[b'{"msg_id":"1","msg_type":"execute_request"}\xff\xfe{}\xff\xfe{}\xff\xfe{"code":"1"}'],
    file=[b'{"shell_port":1,"iopub_port":2,"stdin_port":3,"control_port":4,"hb_port":5,"ip":"127.0.0.1","key":"k","transport":"tcp","signature_scheme":"hmac-sha256"}'],
    dap=[json.dumps(dict(seq=1, type="request", command=c, arguments=a)).encode() for c,a in dict(
        debugInfo={}, dumpCell=dict(code="1"), source=dict(source=dict(path="x")), inspectVariables={}, variables=dict(variablesReference=1),
        richInspectVariables=dict(variableName="x", frameId=1),
        copyToGlobals=dict(srcVariableName="a", dstVariableName="b", srcFrameId=1), modules=dict(startModule=0),
        setBreakpoints=dict(source=dict(path="x"), breakpoints=[dict(line=1)]),
        evaluate=dict(expression="1"), disconnect={}, threads={}, configurationDone={}).items()])
targets = dict(frames=frames, signed=signed, file=file, dap=dap)

def fuzz(name, folder, seconds):
    "In the environment: run one target; does not return"
    global wire, debugger, path
    import atheris
    with atheris.instrument_imports(include=["ipymini", "json"]):
        wire = import_module("ipymini.wire")
        if name == "dap":
            from ipymini.debugger import Debugger
            from IPython.core.interactiveshell import InteractiveShell
            debugger = Debugger(InteractiveShell.instance(), lambda *a, **kw: None)
    path = f"{tempfile.mkdtemp()}/k.json"
    args = [sys.argv[0], f"-max_total_time={seconds}", "-timeout=20", "-rss_limit_mb=4000", f"-artifact_prefix={folder}-crash-", "-print_final_stats=1", "-verbosity=1", folder]
    atheris.Setup(args, targets[name])
    atheris.Fuzz()

def main():
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument("targets", nargs="*", choices=[[], *targets], help="default: all")
    p.add_argument("--minutes", type=float, default=10)
    p.add_argument("--python", metavar="PATH", help="an interpreter that atheris has a wheel for")
    p.add_argument("--inside", nargs=3, help=argparse.SUPPRESS)
    a = p.parse_args()
    if a.inside: return fuzz(*a.inside)
    sys.path.insert(0, str(Path(__file__).parent))
    from venvs import env, install, ready, venvs
    python,venv = ready("fuzz", "try", a.python),venvs/"fuzz"
    if not list(venv.glob("lib/python*/site-packages/atheris")): install(venv, "atheris", "atheris")
    failed,names = [],a.targets or list(targets)
    for name in names:
        folder = venv/"corpus"/name
        folder.mkdir(parents=True, exist_ok=True)
        for i,b in enumerate(seeds[name]): (folder/f"seed-{i}").write_bytes(b)
        cmd = [python, __file__, "--inside", name, str(folder), str(int(a.minutes*60/len(names)))]
        res = subprocess.run(cmd, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace", env=env(venv, IPYTHONDIR=tempfile.mkdtemp()))
        lines = res.stdout.splitlines()
        done = [l for l in lines if "cov:" in l][-1:] + [l for l in lines if l.startswith("stat::number_of_executed_units")]
        print(f"{name}: {'ok' if not res.returncode else 'FAILED'}", *done, sep="  ", flush=True)
        if res.returncode: failed.append(print(*lines[-40:], sep="\n"))
    sys.exit(bool(failed))

if __name__ == "__main__": main()
