"Containers through a real Jupyter server: as a person's notebook starts them, and a session that the server did not start."

import json, os, socket, subprocess, sys, urllib.request
from boxes import containers
from helpers import until
from uuid import uuid4
import pytest

websocket = pytest.importorskip("websocket", reason="NOT TESTED: jupyter_server is not installed")

class Server:
    "jupyter_server in `folder`, as `variables` say."
    def __init__(self, folder, variables):
        with socket.socket() as s:
            s.bind(("127.0.0.1", 0))
            self.port = s.getsockname()[1]
        options = [f"--ServerApp.port={self.port}", "--ServerApp.disable_check_xsrf=True", "--IdentityProvider.token=",
            "--ServerApp.password=", "--ServerApp.allow_external_kernels=True", "--ServerApp.ip=127.0.0.1", "--allow-root", "--no-browser"]
        self.log = folder.parent/"server.txt"
        with open(self.log, "w") as log:
            command = [sys.executable, "-m", "jupyter_server", *options, f"--ServerApp.root_dir={folder}"]
            self.proc = subprocess.Popen(command, env={**os.environ, **variables}, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        until(self.up, "jupyter_server to answer", 60)

    def up(self):
        assert self.proc.poll() is None, self.log.read_text()
        try: return self.api("status")
        except OSError: return None

    def api(self, url, method="GET", **body):
        "What the server's API says."
        data = json.dumps(body).encode() if body else None
        with urllib.request.urlopen(urllib.request.Request(f"http://127.0.0.1:{self.port}/api/{url}", data,
            method=method), timeout=60) as reply:
            return json.loads(reply.read() or "null")

    def send(self, kernel, code):
        "Send a cell through the server's websocket; the websocket, and the message's id."
        ws = websocket.create_connection(f"ws://127.0.0.1:{self.port}/api/kernels/{kernel}/channels", timeout=60)
        header = dict(msg_id=uuid4().hex, msg_type="execute_request", session=uuid4().hex, username="me",
            version="5.3", date="2026-01-01T00:00:00Z")
        content = dict(code=code, silent=False, store_history=True, user_expressions={}, allow_stdin=False, stop_on_error=True)
        ws.send(json.dumps(dict(header=header, parent_header={}, metadata={}, content=content, channel="shell",
            buffers=[])))
        return ws, header["msg_id"]

    def run(self, kernel, code):
        "What a cell printed or returned, or its error."
        ws,id = self.send(kernel, code)
        out,done = [],False
        while not done:
            msg = json.loads(ws.recv())
            if msg["parent_header"].get("msg_id") != id: continue
            content = msg["content"]
            out.append(content.get("text") or content.get("data", {}).get("text/plain") or content.get("evalue", ""))
            done = content.get("execution_state") == "idle"
        ws.close()
        return "".join(out)

@pytest.fixture(scope="module")
def server(lab):
    folder = lab.folder/"books"
    folder.mkdir()
    os.chown(folder, 1000, 1000)
    res = Server(folder, lab.variables)
    yield res
    res.proc.terminate()
    res.proc.wait(30)

def test_a_notebooks_kernel_is_a_container_that_restarts_interrupts_and_ends(server, lab):
    kernel = server.api("kernels", "POST", name="lab", path="book.ipynb")["id"]
    assert server.run(kernel, "import os; os.getuid()") == "1000"
    server.api(f"kernels/{kernel}/interrupt", "POST")
    server.run(kernel, "x = 1")
    server.api(f"kernels/{kernel}/restart", "POST")
    assert server.run(kernel, "'x' in globals()") == "False"
    mine = [name for name in containers() if kernel in name]
    assert len(mine) == 1
    server.api(f"kernels/{kernel}", "DELETE")
    assert not any(kernel in name for name in containers())

def test_a_kernel_that_dies_is_started_again_by_the_server_and_says_why(server):
    kernel = server.api("kernels", "POST", name="lab", path="book.ipynb")["id"]
    before = [name for name in containers() if kernel in name]
    ws,_ = server.send(kernel, "import os; os._exit(9)")
    until(lambda: [name for name in containers() if kernel in name] not in ([], before), "another container", 60)
    assert "The kernel before this one died" in server.run(kernel, "1")
    ws.close()
    server.api(f"kernels/{kernel}", "DELETE")

def test_a_session_in_a_container_is_among_the_servers_kernels(server, lab):
    lab.ipymini("session", "--env", "lab", "--name", "tides")
    assert "environment lab  runs" in lab.ipymini("session", "--list")
    try:
        known = {kernel["name"]: kernel["id"] for kernel in server.api("kernels")}
        server.run(known["lab"], "level = 7")
        assert server.run(known["lab"], "level") == "7"
        assert server.run(known["lab"], "import os; os.listdir('/sys/class/net')") == "['lo']"
    finally: lab.ipymini("session", "--stop", "tides")
    assert server.api("kernels") == [] and not any("session" in name for name in containers())

def test_no_container_outlives_a_server_that_is_killed(server):
    kernel = server.api("kernels", "POST", name="lab", path="book.ipynb")["id"]
    server.run(kernel, "import threading; threading.Thread(target=threading.Event().wait).start()")
    assert any(kernel in name for name in containers())
    server.proc.kill()
    until(lambda: not any(kernel in name for name in containers()), "the container to go")
