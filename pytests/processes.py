"What tests of a kernel's process ask: its connection file once it is written, its shutdown, its one line of complaint"
import json
from helpers import until
from pathlib import Path

ports = [f"{c}_port" for c in ("shell", "iopub", "stdin", "control", "hb")]

def written(path, timeout=60):
    "The connection file at `path`, once it is there with ports"
    def read():
        try: cfg = json.loads(Path(path).read_text())
        except (OSError, ValueError): return None
        return cfg if all(cfg.get(p) for p in ports) else None
    return until(read, f"ports in {path}", timeout)

def shut(kc, **kw):
    "Shut down by request; its Result and the exit status"
    r = kc.request("shutdown_request", dict(restart=False, **kw), "control")
    return r,kc.proc.wait(20)

def one_line(p):
    "What a kernel that could not start said"
    err = p.communicate(timeout=60)[1]
    assert p.returncode == 1
    assert err.startswith("ipymini: ") and err.count("\n") == 1
    return err

def doors(pid):
    "Where others could connect to the process `pid`: TCP ports, and unix sockets by their inodes, on which it listens"
    held = set()
    for fd in Path(f"/proc/{pid}/fd").iterdir():
        try: held.add(str(fd.readlink()))
        except OSError: pass  # closed
    def rows(name): return [row.split() for row in Path(f"/proc/{pid}/net/{name}").read_text().splitlines()[1:]]
    ports = {int(row[1].rpartition(":")[2], 16) for name in ("tcp", "tcp6") for row in rows(name) if row[3] == "0A"
        and f"socket:[{row[9]}]" in held}
    return ports | {row[6] for row in rows("unix") if row[3] == "00010000" and f"socket:[{row[6]}]" in held}
