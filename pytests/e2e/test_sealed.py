"Kernels that other users of the machine can neither read nor reach, in JupyterLab, as docs/security.md says: sockets of ipc, and encryption"
import json, pytest, stat
from pages import Book, Server, write_book
from pathlib import Path
from processes import doors
from tempfile import TemporaryDirectory

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]  # a server of its own each

settings = dict(ipc=dict(KernelManager=dict(transport="ipc")), ours=dict(SpareProvisioner=dict(ipc=True)))
settings["curve"] = dict(KernelManager=dict(transport_encryption="required"))

@pytest.fixture(params=settings)
def sealed(request, env, tmp_path):
    "A server whose kernels are sealed, and how"
    (tmp_path/"config").mkdir()
    (tmp_path/"config/jupyter_server_config.json").write_text(json.dumps(settings[request.param]))
    (tmp_path/"work").mkdir()
    with TemporaryDirectory(dir="/tmp") as runtime:  # the path of a socket has 107 bytes at most
        server = Server({**env, "JUPYTER_CONFIG_DIR": str(tmp_path/"config"), "JUPYTER_RUNTIME_DIR": runtime}, tmp_path/"work")
        yield server,Path(runtime),request.param
        server.end_kernels()
        server.stop()

@pytest.mark.ours("ipykernel's sockets follow the umask")
def test_a_notebook_on_a_sealed_kernel(sealed, browser, kernel, title):
    server,runtime,how = sealed
    write_book(server.folder/"book.ipynb", kernel)
    book = Book(browser, server, "doc/tree/book.ipynb", title)
    try:
        assert book.text(book.run("print(6*7)")) == "42"
        pid = int(book.text(book.run("import os; print(os.getpid())")))
        book.run("import time\nprint('on')")
    finally: book.close()
    file = json.loads(next(runtime.glob("kernel-*.json")).read_text())
    if how == "curve": assert len(file["curve_secretkey"]) == 40
    else:
        assert not [door for door in doors(pid) if isinstance(door, int)]  # no port
        sockets = [path for path in Path(file["ip"]).parent.iterdir() if stat.S_ISSOCK(path.stat().st_mode)]
        assert [stat.S_IMODE(path.stat().st_mode) for path in sockets] == [0o700]*5
