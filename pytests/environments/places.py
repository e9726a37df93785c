"Environments for the tests, made by uv, and kernels in them; what a test calls by name. Fixtures are in conftest.py."

import hashlib, json, os, socket, subprocess, sys, urllib.request
from helpers import connect, until
from jupyter_client.kernelspec import KernelSpecManager
from pathlib import Path
import pytest

from ipymini.environments.kernelspecs import kernels_folder
from ipymini.environments.make import NoEnvironment, find_uv, run

def run_uv(*args):
    return subprocess.run([find_uv(), *map(str, args)], check=True, capture_output=True, text=True, timeout=300)

def find(version):
    "The interpreter of `version`, a path, or a skip that says that it was not tested."
    try: return run(["python", "find", "--system", "--no-project", "--no-python-downloads", version])
    except NoEnvironment: pytest.skip(f"NOT TESTED: Python {version} is not there")

def cli(*argv, python=sys.executable, **kw):
    "Run `ipymini` with `argv`."
    env = {**os.environ, "COLUMNS": "120", **kw.pop("env", {})}
    return subprocess.run([python, "-m", "ipymini", *map(str, argv)], capture_output=True, text=True, timeout=300,
        stdin=subprocess.DEVNULL, env=env, **kw)

def install(*argv, **kw):
    "Install a kernel with the options `argv`; its name."
    out = cli("install", *argv, **kw)
    assert out.returncode == 0, out.stderr
    return next(line.split()[2] for line in out.stdout.splitlines() if line.startswith("Installed kernelspec"))

def folder_of(name):
    "The folder of the kernelspec `name`."
    return Path(KernelSpecManager().get_kernel_spec(name).resource_dir)

def contents(folder):
    "What the files below `folder` hold, by name, for comparison; bytecode is left out."
    found = {}
    for path in sorted(Path(folder).rglob("*")):
        if "__pycache__" in path.parts: continue
        if path.is_symlink(): found[str(path)] = os.readlink(path)
        elif path.is_file(): found[str(path)] = hashlib.sha256(path.read_bytes()).hexdigest()
        else: found[str(path)] = "folder"
    return found

def spec_of(name): return json.loads((folder_of(name)/"kernel.json").read_text())

def foreign(name, argv=("/bin/other", "{connection_file}")):
    "A kernelspec that is not ours, in this user's folder; its folder."
    folder = kernels_folder()/name
    folder.mkdir(parents=True, exist_ok=True)
    (folder/"kernel.json").write_text(json.dumps(dict(argv=argv, display_name="Other", language="python")))
    return folder

class Server:
    "A jupyter_server with our extension, in `folder`."
    def __init__(self, folder, **env):
        folder.mkdir()
        with socket.socket() as s:
            s.bind(("127.0.0.1", 0))
            port = s.getsockname()[1]
        self.url,self.log,self.folder = f"http://127.0.0.1:{port}",folder.with_suffix(".log"),folder
        self.env = {**os.environ, "JUPYTER_RUNTIME_DIR": str(folder/"runtime"), **env}
        options = dict(port=port, port_retries=0, root_dir=folder, disable_check_xsrf=True,
            **{"jpserver_extensions": "{'ipymini.environments.server': True}"})
        argv = [f"--ServerApp.{name}={value}" for name,value in options.items()]
        argv += ["--IdentityProvider.token=", "--no-browser", "--allow-root", "--ip=127.0.0.1",
            "--SpareProvisioner.refill_after=0"]
        with open(self.log, "w") as log:
            self.proc = subprocess.Popen([sys.executable, "-m", "jupyter_server", *argv], env=self.env,
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=folder)
        until(self.is_up, "jupyter_server to answer", 60)

    def is_up(self):
        assert self.proc.poll() is None, self.log.read_text()[-3000:]
        try: return self.api("status")
        except OSError: return None

    def api(self, path, method="GET", **content):
        "What the server's API says at `path`."
        data = json.dumps(content).encode() if method == "POST" else None
        with urllib.request.urlopen(urllib.request.Request(f"{self.url}/api/{path}", method=method, data=data),
            timeout=60) as reply:
            return json.loads(reply.read() or "null")

    def start(self, name): return self.api("kernels", "POST", name=name)["id"]
    def restart(self, id): self.api(f"kernels/{id}/restart", "POST")

    def client(self, id):
        "A client of the kernel `id`."
        return connect(self.folder/f"runtime/kernel-{id}.json", timeout=60)

    def value(self, id, code):
        "The value of an expression in the kernel `id`."
        kc = self.client(id)
        try: return eval(kc.run(code, store_history=False).result)
        finally: kc.stop_channels()

    def spares(self):
        "The pids of spares that the server has."
        return [pid for pid,words in children(self.proc.pid).items() if "spare" in words]

    def ready(self, count=1):
        "Wait for `count` spares that have imported all they import; their pids."
        return until(lambda: len(pids := self.spares()) == count and all(map(waits, pids)) and pids,
            f"{count} spares, not {self.spares()}")

    def stop(self):
        self.proc.terminate()
        try: self.proc.wait(20)
        except subprocess.TimeoutExpired: self.proc.kill()

def children(parent):
    "The command lines of the processes that `parent` has started, by pid."
    found = {}
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            if int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1]) != parent: continue
            found[int(pid)] = Path(f"/proc/{pid}/cmdline").read_text().split("\0")
        except OSError: pass
    return found

def waits(pid):
    "True if the process `pid` waits for a pipe to be written."
    try: return "pipe" in Path(f"/proc/{pid}/wchan").read_text()
    except OSError: return False
