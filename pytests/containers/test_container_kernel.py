"A kernel in a container of podman, started by its kernelspec as a Jupyter server does."

import os, subprocess, sys
from boxes import base, containers, engine
from helpers import until
from pathlib import Path
import pytest

def folders(): return set(Path("/tmp").glob("ipymini-*"))

def interrupted(kernel, code):
    "The reply to a cell that is interrupted once it has said `now`, and its text."
    id = kernel.client.execute(f"print('now', flush=True)\n{code}")
    until(lambda: "now" in str(kernel.client.get_iopub_msg(timeout=20)["content"].get("text")), "the cell to run")
    kernel.manager.interrupt_kernel()
    return kernel.client._recv_reply(id, timeout=20)["content"]

def test_a_cell_runs_with_the_images_python_and_nothing_of_ours_is_installed_in_it(kernel):
    k = kernel()
    assert k.value("import sys; sys.executable") == "'/usr/bin/python3'"
    assert k.value("import subprocess; "
        "subprocess.run([sys.executable, '-c', 'import IPython'], capture_output=True).returncode") == "1"

def test_it_has_no_network(kernel):
    k = kernel()
    assert k.value("import os; os.listdir('/sys/class/net')") == "['lo']"
    reply,text = k.run("import socket; socket.create_connection(('192.0.2.1', 80), timeout=5)")
    assert reply["status"] == "error" and "unreachable" in text

def test_it_is_not_root_and_has_no_capabilities(kernel):
    k = kernel()
    assert k.value("import os; os.getuid()") == "1000"
    status = k.value("print(open('/proc/self/status').read())")
    assert "CapEff:\t0000000000000000" in status and "NoNewPrivs:\t1" in status

def test_a_file_that_it_writes_beside_the_notebook_is_the_owners_of_the_folder(kernel, tmp_path):
    kernel().value("open('made.txt', 'w').write('x')")
    info = (tmp_path/"notebooks/made.txt").stat()
    assert (info.st_uid, info.st_gid) == (1000, 1000)

def test_it_sees_only_the_notebooks_folder_of_this_machine(kernel, tmp_path):
    (tmp_path/"secret.txt").write_text("x")
    k = kernel()
    assert k.value("import os; os.path.exists('../secret.txt')") == "False"
    assert k.value("os.getcwd()") == repr(str(tmp_path/"notebooks"))

def test_history_and_startup_scripts_are_kept_in_its_home(kernel, lab):
    k = kernel()
    k.value("answer = 42")
    k.manager.shutdown_kernel()
    profile = lab.folder/"data/ipymini/homes/ipymini-lab-1000/.ipython/profile_default"
    (profile/"startup/first.py").write_text("greeting = 'hello'\n")
    again = kernel()
    assert again.value("greeting") == "'hello'"
    assert "answer = 42" in again.value("%history -g answer")
    (profile/"startup/first.py").unlink()

@pytest.mark.parametrize("code", ["import time; time.sleep(60)", "while True: pass",
    "import subprocess; subprocess.run(['sleep', '60'])"])
def test_an_interrupt_lands(kernel, code):
    assert interrupted(kernel(), code)["ename"] == "KeyboardInterrupt"

def test_a_restart_has_no_old_names_and_one_container(kernel):
    k = kernel()
    k.value("x = 1")
    before = k.container
    k.manager.restart_kernel()
    k.client.wait_for_ready(timeout=60)
    assert k.value("'x' in globals()") == "False"
    assert before not in containers() and k.container in containers()

def test_restart_now_ends_a_cell_that_does_not_listen(kernel):
    k = kernel()
    k.client.execute(
        "import signal, time; signal.pthread_sigmask(signal.SIG_BLOCK, range(1, 30)); print('deaf', flush=True)\n"
        "while True: time.sleep(1)")
    until(lambda: "deaf" in str(k.client.get_iopub_msg(timeout=20)["content"].get("text")), "the cell to run")
    before = k.container
    k.manager.restart_kernel(now=True)
    k.client.wait_for_ready(timeout=60)
    assert k.value("1+1").endswith("2")
    assert before not in containers()

def test_shutdown_leaves_no_container_and_no_folder(kernel):
    before = folders()
    k = kernel()
    name = k.container
    assert folders() != before
    k.manager.shutdown_kernel()
    assert name not in containers()
    assert folders() == before

def test_a_kernel_that_ends_by_itself_leaves_no_container(kernel):
    k = kernel()
    name = k.container
    k.client.execute("import os; os._exit(3)")
    until(lambda: not k.manager.is_alive(), "the kernel to end")
    until(lambda: name not in containers(), "the container to go")

server = """
import sys, time
from jupyter_client import KernelManager
manager = KernelManager(kernel_name="lab")
manager.start_kernel(cwd=sys.argv[1])
client = manager.client()
client.start_channels()
client.wait_for_ready(timeout=60)
client.execute("import time; time.sleep(100)")
print(manager.provisioner.container, manager.provisioner.folder.path, flush=True)
time.sleep(100)
"""

def test_when_the_server_is_killed_the_container_goes_and_the_next_start_removes_its_folder(kernel, tmp_path):
    (tmp_path/"there").mkdir()
    with subprocess.Popen([sys.executable, "-c", server, tmp_path/"there"], stdout=subprocess.PIPE, text=True) as proc:
        name,folder = proc.stdout.readline().split()
        assert name in containers()
        proc.kill()
    until(lambda: name not in containers(), "the container to go")
    kernel()
    assert not Path(folder).exists()

def test_out_of_memory_is_a_death_that_the_next_kernel_reports(kernel, lab):
    lab.ipymini("env", "build", "lab", "--memory", "200m", "--option=--memory-swap=200m")
    k = kernel()
    k.client.execute("hoard = bytearray(400_000_000)")
    until(lambda: not k.manager.is_alive(), "the kernel to be killed", 60)
    k.manager.restart_kernel(now=True)
    k.client.wait_for_ready(timeout=60)
    reply,text = k.run("1")
    assert "ran out of memory" in text and "hoard" in text

def test_twenty_kernels_in_turn_leave_no_container_mount_or_file(kernel):
    storage = str(Path(os.environ["CONTAINERS_STORAGE_CONF"]).parent)  # that of other tests, which run meanwhile, is not ours
    def mounts():
        return [line for line in Path("/proc/mounts").read_text().splitlines() if storage in line
            and "overlay" in line.split()[2]]
    before = folders(), mounts(), set(Path(os.environ["JUPYTER_RUNTIME_DIR"]).glob("*")), containers()
    for i in range(20):
        k = kernel()
        assert k.value(f"{i}+1") == str(i+1)
        k.stop()
    assert (folders(), mounts(), set(Path(os.environ["JUPYTER_RUNTIME_DIR"]).glob("*")), containers()) == before

def test_a_missing_image_is_said_in_the_notebook_by_the_engine(lab, kernel, tmp_path):
    engine("tag", "ipymini-lab", "kept")
    engine("untag", "ipymini-lab", "ipymini-lab")
    try:
        k = kernel()
        reply,text = k.run("1")
        assert reply["status"] == "error" and "podman create failed" in text and "image not known" in text
        assert "ipymini env build" in text
    finally:
        engine("tag", "kept", "ipymini-lab")
        engine("untag", "kept", "kept")
    k.manager.restart_kernel()
    k.client.wait_for_ready(timeout=60)
    assert k.value("1+1") == "2"

def test_an_option_that_the_engine_refuses_is_said_in_the_notebook(lab, kernel):
    lab.ipymini("env", "build", "lab", "--option=--no-such-option")
    reply,text = kernel().run("1")
    lab.ipymini("env", "build", "lab", "--option=--pids-limit=2000")
    assert "unknown flag: --no-such-option" in text

def test_a_program_that_knows_no_provisioners_runs_a_kernel_that_says_so(lab, own):
    import json
    argv = json.loads((lab.kernels/"lab/kernel.json").read_text())["argv"]
    kc = own(args=argv[argv.index("ipymini")+1:argv.index("-f")])
    assert "runs in a container, which this program cannot start" in kc.run("1").error["evalue"]

def test_a_python_of_another_version_is_lent_what_fits_it(lab, kernel, tmp_path):
    "pyzmq for it is fetched from the index. The image is the tests' own with an interpreter that lies on this machine."
    found = [path for path in Path.home().glob(".pyenv/versions/3.1[2-9]*")
        if path.name.split(".")[1] != str(sys.version_info[1])]
    if not found: pytest.skip("NOT TESTED: there is no other Python in ~/.pyenv/versions")
    number = ".".join(found[0].name.split(".")[:2])
    engine("build", "--tag=localhost/tests/other", f"--volume={found[0]}:/other:ro", "--file",
        dockerfile(tmp_path, number), tmp_path)
    lab.ipymini("env", "create", "other", "--from", "localhost/tests/other")
    k = kernel(name="other")
    assert k.value("import sys, zmq; sys.version_info[:2]") == str(tuple(map(int, number.split("."))))
    k.stop()
    lab.ipymini("env", "remove", "other")

def dockerfile(folder, number):
    "A Dockerfile whose python3 is the one of /other, copied."
    copies = [f"cp /other/bin/python{number} bin/", f"cp -r /other/lib/python{number} lib/", "cp -P /other/lib/libpython3* lib/",
        f"ln -s /opt/other/bin/python{number} /usr/local/bin/python3"]
    folders = "mkdir -p /opt/other/bin /opt/other/lib /usr/local/bin && cd /opt/other"
    lines = [f"FROM {base}", "ENV LD_LIBRARY_PATH=/opt/other/lib", f"RUN {' && '.join([folders, *copies])}"]
    (folder/"Dockerfile").write_text("\n".join(lines))
    return folder/"Dockerfile"
