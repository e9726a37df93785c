#!/usr/bin/env python3
"""Coverage-guided fuzzing with atheris of what reads foreign bytes: `tools/fuzz.py [--minutes 10] [frames|signed|file|dap|report|journal ...]`.

Works in an environment of its own, .venvs/fuzz, where inputs that found new paths are kept for the next run; an input that crashes
is kept there, too, and shown. The minutes are shared among the targets. A target passes if it returns, or raises what its function is
documented to raise."""

import argparse, json, struct, subprocess, sys, tempfile
from about import add_version
from importlib import import_module
from venvs import env, install, ready, venvs

# -- targets; each takes bytes

def frames(data):
    "Any frames, unsigned and signed: a message or BadMessage, and a message can be answered."
    answer(wire.Wire(), data.split(b"\xff\xfe"))
    answer(wire.Wire(b"k"), data.split(b"\xff\xfe"))

def signed(data):
    "Four parts that somebody signed, identities and buffers."
    signer = wire.Wire(b"k")
    parts = data.split(b"\xff\xfe")[:4]
    parts += [b"{}"]*(4 - len(parts))
    if len(data) % 2: parts[0] = b'{"msg_id":"1","msg_type":"x"}'
    ids = [b"id"]*(len(data) % 9)
    answer(signer, [*ids, wire.delim, signer.sign(parts), *parts, data[:9]])

def answer(reader, frames):
    "Parse `frames`, and pack a message that answers them and repeats their header byte for byte."
    try: msg = reader.parse(frames)
    except wire.BadMessage as error: return str(error)
    out = reader.pack("x", dict(msg["content"], more=msg["metadata"]), msg, ids=msg.ids)
    header = bytes(out[len(msg.ids) + 3])
    assert json.loads(header) == json.loads(bytes(msg.raw)) or b"NaN" in msg.raw

def file(data):
    "Any connection file: a configuration or BadConnection."
    with open(path, "wb") as out: out.write(data)
    try: config = connection_file.read_connection(path)
    except connection_file.BadConnection as error: return str(error)
    assert all(0 <= config[port] <= 65535 for port in connection_file.ports)

def dap(data):
    "Any debug request before a session: a response."
    try: msg = json.loads(data)
    except (ValueError, RecursionError): return
    starts_debugpy = isinstance(msg, dict) and msg.get("command") in ("initialize", "attach")
    if not isinstance(msg, dict) or starts_debugpy: return
    response = debugger.request(msg)
    assert response["type"] == "response" and isinstance(response["success"], bool)

def report(data):
    "Any crash report: something to tell, or nothing."
    assert isinstance(crash.in_words(data), str)

def journal(data):
    "Any journal of a kernel before this one: what it holds, up to where it is none."
    with open(path, "wb") as out: out.write(data)
    with open(path, "rb") as file:
        try: records = list(journals.read_file(file.fileno(), len(data)))
        except (ValueError, RecursionError) as error: return str(error)
    assert sum(len(record) for record in records) == 4*len(records)

targets = dict(frames=frames, signed=signed, file=file, dap=dap, report=report, journal=journal)

request = b'{"msg_id":"1","msg_type":"execute_request"}'
connection = dict(shell_port=1, iopub_port=2, stdin_port=3, control_port=4, hb_port=5, ip="127.0.0.1", key="k", transport="tcp", signature_scheme="hmac-sha256")
commands = dict(  # chkstyle: ignore-node  (a command a line)
    debugInfo={},
    dumpCell=dict(code="1"),
    source=dict(source=dict(path="x")),
    inspectVariables={},
    variables=dict(variablesReference=1),
    richInspectVariables=dict(variableName="x", frameId=1),
    copyToGlobals=dict(srcVariableName="a", dstVariableName="b", srcFrameId=1),
    modules=dict(startModule=0),
    setBreakpoints=dict(source=dict(path="x"), breakpoints=[dict(line=1)]),
    evaluate=dict(expression="1"),
    disconnect={},
    threads={},
    configurationDone={})
seeds = dict(  # chkstyle: ignore-node  (a target a line)
    frames=[b'id\xff\xfe<IDS|MSG>\xff\xfe\xff\xfe' + b'\xff\xfe'.join([request, b"{}", b"{}", b'{"code":"1"}'])],
    signed=[b'\xff\xfe'.join([request, b"{}", b"{}", b'{"code":"1"}'])],
    file=[json.dumps(connection).encode()],
    report=[b"1/0".ljust(4096, b"\0") + b"Fatal Python error: Segmentation fault\n"],
    journal=[struct.pack("<4I", 2, 2, 2, 2) + b"{}"*4],
    dap=[json.dumps(dict(seq=1, type="request", command=name, arguments=args)).encode() for name,args in commands.items()])


# -- running them

def fuzz(name, folder, seconds):
    "Run one target, inside of the environment; does not return."
    global wire, connection_file, crash, journals, debugger, path
    import atheris
    with atheris.instrument_imports(include=["ipymini", "json"]):
        wire = import_module("ipymini.wire")
        connection_file = import_module("ipymini.channels.connection")
        crash = import_module("ipymini.system.crash")
        journals = import_module("ipymini.channels.journal")
        if name == "dap": debugger = make_debugger()
    path = f"{tempfile.mkdtemp()}/k.json"
    limits = [f"-max_total_time={seconds}", "-timeout=20", "-rss_limit_mb=4000"]
    atheris.Setup([sys.argv[0], *limits, f"-artifact_prefix={folder}-crash-", "-print_final_stats=1", "-verbosity=1", folder], targets[name])
    atheris.Fuzz()

def make_debugger():
    "A debugger without a kernel, which publishes nothing."
    from IPython.core.interactiveshell import InteractiveShell
    from ipymini.debugger.requests import Debugger
    return Debugger(InteractiveShell.instance(), lambda *args, **kw: None)

def main():
    options = arguments()
    if options.inside: return fuzz(*options.inside)
    python = ready("fuzz", "try", options.python)
    venv = venvs/"fuzz"
    if not list(venv.glob("lib/python*/site-packages/atheris")): install(venv, "atheris", "atheris")
    names = options.targets or [*targets]
    seconds = int(options.minutes*60/len(names))
    passed = [run(python, name, venv, seconds) for name in names]
    sys.exit(not all(passed))

def arguments():
    "The options of the command line."
    parser = argparse.ArgumentParser(prog="tools/fuzz.py", description=__doc__.splitlines()[0])
    add_version(parser)
    parser.add_argument("targets", nargs="*", choices=[[], *targets], help="default: all")
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--python", metavar="PATH", help="an interpreter that atheris has a wheel for")
    parser.add_argument("--inside", nargs=3, help=argparse.SUPPRESS)
    return parser.parse_args()

def run(python, name, venv, seconds):
    "Run one target in a process of its own, and print how it went; True if it passed."
    folder = venv/"corpus"/name
    folder.mkdir(parents=True, exist_ok=True)
    for i,seed in enumerate(seeds[name]): (folder/f"seed-{i}").write_bytes(seed)
    command = [python, __file__, "--inside", name, str(folder), str(seconds)]
    variables = env(venv, IPYTHONDIR=tempfile.mkdtemp())
    res = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace", env=variables)
    lines = res.stdout.splitlines()
    coverage = [line for line in lines if "cov:" in line][-1:]
    executed = [line for line in lines if line.startswith("stat::number_of_executed_units")]
    passed = res.returncode == 0
    print(f"{name}: {'ok' if passed else 'FAILED'}", *coverage, *executed, sep="  ", flush=True)
    if not passed: print(*lines[-40:], sep="\n")
    return passed

if __name__ == "__main__": main()
