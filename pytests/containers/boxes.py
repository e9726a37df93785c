"podman, a package index in a folder, our commands as a person types them, a kernel in a container: what tests of containers share."

import os, subprocess, sys
from base64 import urlsafe_b64encode
from hashlib import sha256
from jupyter_client import KernelManager
from zipfile import ZipFile

base = "localhost/tests/debian-python"

def engine(*args):
    "What podman prints for `args`."
    out = subprocess.run(["podman", *map(str, args)], capture_output=True, text=True, stdin=subprocess.DEVNULL)
    assert out.returncode == 0, f"podman {args}: {out.stdout}{out.stderr}"
    return out.stdout.strip()

def containers():
    "The names of all containers."
    return engine("ps", "--all", "--format", "{{.Names}}").split()

# -- packages

def make_wheels(folder):
    "Write small packages into `folder`: moon 1.0 and 1.1, tide 2.0, which needs moon."
    folder.mkdir()
    make_wheel(folder, "moon", "1.0", "phase = 'new'\n")
    make_wheel(folder, "moon", "1.1", "phase = 'full'\n")
    make_wheel(folder, "tide", "2.0", "from moon import phase\n", needs="moon")

def make_wheel(folder, name, version, code, needs=None):
    "Write a wheel with one module."
    metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n" + (f"Requires-Dist: {needs}\n" if needs
        else "")
    files = {f"{name}.py": code, f"{name}-{version}.dist-info/METADATA": metadata,
        f"{name}-{version}.dist-info/WHEEL": "Wheel-Version: 1.0\n"
        "Generator: tests\n"
        "Root-Is-Purelib: true\n"
        "Tag: py3-none-any\n"}
    record = "".join(f"{path},sha256={urlsafe_b64encode(sha256(text.encode()).digest()).rstrip(b'=').decode()},{len(text)}\n" for path,text in files.items())
    files[f"{name}-{version}.dist-info/RECORD"] = record + f"{name}-{version}.dist-info/RECORD,,\n"
    with ZipFile(folder/f"{name}-{version}-py3-none-any.whl", "w") as wheel:
        for path,text in files.items(): wheel.writestr(path, text)

# -- our commands

class Place:
    "A user's folders, and `ipymini` as he types it in `cwd`."
    def __init__(self, folder):
        self.folder = folder
        self.cwd = folder/"work"
        self.cwd.mkdir()
        self.kernels = folder/"jupyter/kernels"
        names = dict(XDG_DATA_HOME="data", JUPYTER_DATA_DIR="jupyter", JUPYTER_RUNTIME_DIR="runtime",
            JUPYTER_CONFIG_DIR="config")
        self.variables = {name: str(folder/path) for name,path in names.items()}

    def ipymini(self, *args, status=0, input=None, **variables):
        "What the command prints, stdout and stderr together, once its exit status is `status`."
        env = {**os.environ, **self.variables, **variables}
        out = subprocess.run([sys.executable, "-m", "ipymini", *map(str, args)], cwd=self.cwd, env=env, text=True,
            input=input, stdin=None if input else subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=100)
        assert out.returncode == status, out.stdout
        return out.stdout

# -- kernels

class Kernel:
    "A kernel of a kernelspec, and a client of it."
    def __init__(self, cwd, name="lab"):
        self.manager = KernelManager(kernel_name=name)
        self.manager.start_kernel(cwd=str(cwd))
        self.client = self.manager.client()
        self.client.start_channels()
        self.client.wait_for_ready(timeout=60)

    def run(self, code, timeout=30):
        "The reply to a cell, and what it printed or returned, as one text."
        out = []
        def show(msg):
            content = msg["content"]
            out.append(content.get("text") or content.get("data", {}).get("text/plain")
                or "\n".join(content.get("traceback", [])))
        reply = self.client.execute_interactive(code, output_hook=show, timeout=timeout)["content"]
        return reply, "".join(out)

    def value(self, code):
        "What a cell printed or returned; it must not fail."
        reply,text = self.run(code)
        assert reply["status"] == "ok", text
        return text.strip()

    @property
    def container(self): return self.manager.provisioner.container

    def stop(self):
        self.client.stop_channels()
        if self.manager.has_kernel: self.manager.shutdown_kernel(now=True)
