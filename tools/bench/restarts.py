"""Restarts in a Jupyter server, to the first result after each: ipymini with its spare, ipymini without, ipykernel, in turns.

`python tools/bench restarts` makes an environment of its own with jupyter_server, ipykernel and ipymini as it is now, and moves
there. A restart is asked for as JupyterLab does, by the server's API; a client that stays connected then runs `1`."""

import argparse, json, os, socket, statistics, subprocess, sys, tempfile, time, urllib.request
from pathlib import Path

here = Path(__file__).resolve().parent
sys.path[:0] = [str(here), str(here.parent)]
between = 2  # s from a result to the next restart: a spare is made in them
columns = ("ipymini, spare", "ipymini", {}), ("ipymini, no spare", "ipymini", dict(IPYMINI_SPARE="0")), ("ipykernel", "python3", {})

def main(argv):
    "Measure and print a table; the environment is made if it is not there."
    options = arguments(argv)
    move(argv)
    runs = []
    try:
        for column in columns: runs.append(Run(*column))
        for run in runs: run.restarted()  # the first one has no spare, and compiles what is not compiled
        for _ in range(options.rounds):
            for run in runs: run.measure()
        show(runs)
    finally:
        for run in runs: run.server.stop()

def arguments(argv):
    parser = argparse.ArgumentParser(prog="python tools/bench restarts", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=10, help="restarts of each (default: 10)")
    return parser.parse_args(argv)

def move(argv):
    "Go on in the environment that has the server and the kernels."
    from venvs import install, make, root, venvs
    venv = venvs/"bench-restarts"
    if sys.prefix == str(venv): return
    if not (venv/"bench-ready").exists():
        make(venv, sys.executable)
        install(venv, "jupyter_server and ipykernel", "jupyter_server", "ipykernel", compiled=True)
        (venv/"bench-ready").touch()
    install(venv, "ipymini as it is now", "--reinstall-package", "ipymini", root, compiled=True)
    env = {key: value for key,value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
    python = str(venv/"bin/python")
    os.execve(python, [python, str(here/"restarts.py"), *argv], env)

class Run:
    "A column of the table: a server with a kernel, and what its restarts took."
    def __init__(self, name, kernel, env):
        self.name = name
        self.taken = []  # ms
        self.server = Server(env)
        try:
            self.id = self.server.api("kernels", dict(name=kernel))["id"]
            self.client = self.server.client(self.id)
            self.result()
        except BaseException:
            self.server.stop()
            raise

    def measure(self):
        "Restart once more, after a pause, and note what it took."
        time.sleep(between)
        self.taken.append(1000 * self.restarted())

    def restarted(self):
        "Seconds from asking for a restart to the first result."
        begin = time.perf_counter()
        self.server.api(f"kernels/{self.id}/restart", {})
        self.result()
        return time.perf_counter() - begin

    def result(self):
        "Run `1` until its reply is there: what is published reaches this client only when that has connected again."
        reply = self.client.execute("1", reply=True, timeout=60)
        assert reply["content"]["status"] == "ok", reply

class Server:
    "A jupyter_server in a folder of its own."
    def __init__(self, env):
        self.folder = Path(tempfile.mkdtemp(prefix="bench-restarts-"))
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{port}/api"
        names = ("JUPYTER_RUNTIME_DIR", "JUPYTER_DATA_DIR", "JUPYTER_CONFIG_DIR", "IPYTHONDIR")
        places = {name: str(self.folder/name.lower()) for name in names}
        options = dict(port=port, port_retries=0, root_dir=self.folder, disable_check_xsrf=True)
        words = [f"--ServerApp.{name}={value}" for name,value in options.items()]
        argv = [sys.executable, "-m", "jupyter_server", *words, "--IdentityProvider.token=", "--no-browser", "--allow-root", "--ip=127.0.0.1"]
        with open(self.folder/"log.txt", "w") as log:
            self.process = subprocess.Popen(argv, env={**os.environ, **places, **env}, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        self.wait()

    def wait(self):
        "Wait until the server answers."
        end = time.monotonic() + 60
        while time.monotonic() < end:
            try: return self.api("status")
            except OSError: time.sleep(.1)
        sys.exit(f"jupyter_server did not answer for 60 s:\n{(self.folder/'log.txt').read_text()[-2000:]}")

    def api(self, path, content=None):
        "What the server's API says at `path`, to which `content` is posted if it is given."
        data = None if content is None else json.dumps(content).encode()
        with urllib.request.urlopen(urllib.request.Request(f"{self.url}/{path}", data=data), timeout=60) as reply: return json.loads(reply.read())

    def client(self, id):
        "A client of the kernel `id`, which keeps its ports over restarts."
        from jupyter_client import BlockingKernelClient
        client = BlockingKernelClient()
        client.load_connection_file(str(self.folder/f"jupyter_runtime_dir/kernel-{id}.json"))
        client.start_channels(hb=False)
        client.wait_for_ready(timeout=60)
        return client

    def stop(self):
        self.process.terminate()
        self.process.wait(30)

def show(runs):
    "The table, as Markdown."
    print("| restart to the first result, ms | median | min | max |\n|---|---|---|---|")
    for run in runs: print(f"| {run.name} | {statistics.median(run.taken):.0f} | {min(run.taken):.0f} | {max(run.taken):.0f} |")

if __name__ == "__main__": main(sys.argv[1:])
