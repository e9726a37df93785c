"""Kernels in containers: the provisioner that a kernelspec names, in the Jupyter server.

There is no network and no port: kernel and clients meet at unix sockets, in a folder that both see. The kernel's standard input is a
pipe from the server; when the server dies, the kernel ends, and its container with it. Read `ContainerProvisioner` first."""

import asyncio, os, secrets, shutil, subprocess, sys
from jupyter_client.provisioning import LocalProvisioner
from traitlets import Bool, Dict, List, Unicode
from .engine import EngineError, find_engine, install_podman, unreachable
from .folder import Folder
from .options import container_options, home_target, mount, owner

# where things of ours are mounted in a container
start_target = "/opt/ipymini/start.py"
lent_target = "/opt/ipymini/lent"  # and a number
bytecode = f"{home_target}/.cache/ipymini"  # of what is lent

class ContainerProvisioner(LocalProvisioner):
    "Starts a kernel as a container, and lets signals and the end reach it. `process` is the engine's client that is attached to it."
    image = Unicode(config=True, help="The image.")
    python = Unicode("python3", config=True, help="The image's Python, 3.11 or newer.")
    home = Unicode(config=True, help="A folder of this machine that is the kernel's home: history, startup scripts, caches.")
    lent = Dict(config=True, help="Folders of this machine with what is lent to the kernel, and where each is mounted.")
    network = Bool(False, config=True, help="True gives the kernel the engine's usual network.")
    options = List(Unicode(), config=True, help="More options for the engine's command `create`, as --memory=2g.")
    engine = Unicode(config=True, help="podman or docker; without it whichever is there.")
    folder = None  # the `Folder` of this kernel alone, from its first start to its end
    container = None  # name of the container, new at each start

    async def pre_launch(self, **kwargs):
        "Make the folder that kernel and clients share, with the connection file."
        if not self.folder: self.folder = Folder()
        manager = self.parent
        manager.transport = "ipc"
        manager.ip = f"{self.folder.path}/s"
        kwargs = await super().pre_launch(**kwargs)
        cwd = kwargs["cwd"] = os.path.abspath(kwargs.get("cwd") or os.getcwd())
        shutil.copy(manager.connection_file, self.folder.connection_file)
        self.folder.give_to(owner(cwd))
        return kwargs

    async def launch_kernel(self, cmd, **kwargs):
        "Start the kernel in a container, or here one that says why there is none."
        try: command = await self.create(kwargs)
        except EngineError as error:
            self.log.error("%s", error)
            self.container = None
            self.folder.give_to((os.getuid(), os.getgid()))  # back: a kernel puts its sockets into no folder of another user
            return await super().launch_kernel(standin(error, self.folder.connection_file), **kwargs)
        return await super().launch_kernel(command, **kwargs, stdin=subprocess.PIPE)

    async def create(self, kwargs):
        "Make the container, which says at once what is wrong with it; the command that starts it and stays attached."
        engine = self.find()
        self.container = f"ipymini-{self.kernel_id}-{secrets.token_hex(2)}"
        options = ["--name", self.container, "--interactive", "--pull=never", *self.container_options(engine, kwargs)]
        kernel = [self.python, "-P", "-Xfrozen_modules=off", start_target, "-f", self.folder.connection_file]
        await asyncio.to_thread(engine.run, "create", *options, "--entrypoint=", self.image, *kernel)
        return [engine.path, "start", "--attach", "--interactive", self.container]

    def container_options(self, engine, kwargs):
        "The options that make the container this kernel's."
        session = kwargs["env"].get("JPY_SESSION_NAME", "")
        variables = {**self.kernel_spec.env, "JPY_SESSION_NAME": session, "IPYMINI_EXIT_ON_STDIN_EOF": "1"}
        options = container_options(engine, kwargs["cwd"], self.home, self.lent)
        if not self.network: options.append("--network=none")
        options += mount(f"{self.kernel_spec.resource_dir}/start.py", start_target, readonly=True)
        options += mount(self.folder.path)
        options += [f"--env={name}={value}" for name,value in variables.items()]
        return options + self.options

    def find(self):
        "The engine. Raises EngineError if a kernel cannot be started by it."
        engine,why = find_engine(self.engine),unreachable()
        if why: raise EngineError(why)
        if not engine: raise EngineError(f"This kernel runs in a container, and neither podman nor docker is there. {install_podman}")
        gone = next((folder for folder in self.lent if not os.path.exists(folder)), None)
        if gone: raise EngineError(f"{gone} is gone, where ipymini was. Run: ipymini env build {self.kernel_spec.display_name}")
        return engine

    async def kill(self, restart=False):
        "Kill the container; the engine's client, which is attached to it, ends by itself."
        if self.container: await self.try_engine("kill", self.container)
        else: await super().kill(restart)

    async def wait(self):
        "Wait for the end; then there is no container, in whatever state it was."
        status = await super().wait()
        if self.container: await self.try_engine("rm", "--force", self.container)
        self.container = None
        return status

    async def try_engine(self, *args):
        "Run an engine's command for a container that may be gone."
        try: await asyncio.to_thread(find_engine(self.engine).run, *args)
        except EngineError as error: self.log.debug("%s", error)

    async def cleanup(self, restart=False):
        "Remove the kernel's folder, but leave it to a kernel that starts anew there: it says what happened to the one before."
        await super().cleanup(restart=restart)
        if self.folder and not restart:
            self.folder.remove()
            self.folder = None

def standin(error, connection_file):
    "The command for a kernel that answers each cell with `error`."
    text = f"The container of this kernel could not be started, so nothing is run:\n\n{error}\n\nThen restart the kernel."
    return [sys.executable, "-P", "-m", "ipymini", f"--stand-in={text}", "-f", connection_file]
