"""The command `ipymini session`: a kernel that lives until it is told to stop, for a terminal, JupyterLab and VS Code at once.

Its connection file lies where a Jupyter server looks for kernels that it has not started, with what we know of it under the key
`ipymini`. Read `session` first."""

import json, os, shutil, signal, subprocess, sys, tempfile, time
from fastcore.script import anno_parser, call_parse
from importlib.util import find_spec
from jupyter_client import BlockingKernelClient
from jupyter_client.connect import write_connection_file
from pathlib import Path
from typing import Annotated
from . import images, kernelspecs, named
from .container import start_target
from .engine import Engine, EngineError, find_engine
from .install import show_table
from .make import NoEnvironment
from .named import BadName
from .options import container_options, mount

def option(metavar): return Annotated[str, dict(metavar=metavar)]

@call_parse
def session(
    project:option("DIR")=None, # a folder with a pyproject.toml, whose environment uv makes
    env:option("NAME")=None, # an environment that `ipymini env` made
    name:option("NAME")=None, # of the session; by default that of the project or environment
    autoreload:bool=False, # modules are loaded again when their files have changed
    editing_mode:option("MODE")="emacs", # how lines are edited in the terminal: emacs or vi
    List:bool=False, # show the sessions
    attach:option("NAME")=None, # open a terminal on a session that runs
    stop:option("NAME")=None, # end a session
):
    "Start a kernel that lives until --stop, and a terminal on it. JupyterLab and VS Code can use it at the same time."
    if editing_mode not in ("emacs", "vi"): raise BadName(f"There is no editing mode {editing_mode!r}: emacs or vi")
    if List: return list_sessions()
    if stop: return end(found(stop))
    if attach: return open_terminal(found(attach), editing_mode)
    if project and env: raise BadName("--project and --env exclude each other")
    made = start(name, project, env, autoreload)
    print(told.format(name=made.name))
    open_terminal(made, editing_mode)

told = """\
The session {name} runs until: ipymini session --stop {name}
In JupyterLab: jupyter lab --ServerApp.allow_external_kernels=True    then choose it in a notebook, at Kernel > Change Kernel
In VS Code: Select Kernel > Existing Jupyter Server, the address of that JupyterLab, then choose it"""

class Session:
    "A session by its connection file. `about`: what it runs, its folder, its `pid` or the `engine` and name of its `container`."
    def __init__(self, file):
        self.file = Path(file)
        self.name = self.file.stem
        self.about = json.loads(self.file.read_text())["ipymini"]

    def client(self):
        "A client of the kernel."
        client = BlockingKernelClient(connection_file=str(self.file))
        client.load_connection_file()
        client.start_channels()
        return client

    def answers(self, patience=2):
        "True if the kernel answers within `patience` seconds."
        client = self.client()
        try: client.wait_for_ready(timeout=patience)
        except RuntimeError: return False
        finally: client.stop_channels()
        return True

    def is_over(self):
        "True if its process or container has gone."
        if "container" in self.about: return not Engine(self.about["engine"]).has("container", self.about["container"])
        try: return os.waitpid(self.about["pid"], os.WNOHANG)[0] != 0
        except ChildProcessError: return not is_running(self.about["pid"])

    def kill(self):
        "End it by force."
        if "container" in self.about: Engine(self.about["engine"]).run("rm", "--force", self.about["container"])
        else: os.kill(self.about["pid"], signal.SIGKILL)

    def remove(self):
        "Remove its files."
        self.file.unlink()
        shutil.rmtree(self.about["folder"], ignore_errors=True)

def is_running(pid):
    "True if there is a process `pid`."
    try: os.kill(pid, 0)
    except ProcessLookupError: return False
    return True

def folder():
    "Where a Jupyter server looks for kernels that it has not started."
    from jupyter_core.paths import jupyter_runtime_dir
    return Path(jupyter_runtime_dir())/"external_kernels"

def sessions():
    "All sessions, by name."
    files = [file for file in sorted(folder().glob("*.json")) if "ipymini" in json.loads(file.read_text())]
    return {file.stem: Session(file) for file in files}

def found(name):
    "The session called `name`. Raises BadName."
    known = sessions()
    if name in known: return known[name]
    raise BadName(f"There is no session {name!r}" + (f"; there are {', '.join(known)}" if known else ""))

def list_sessions():
    "Print the sessions."
    rows = [(name, one.about["what"], "runs" if one.answers() else "is gone, --stop removes it") for name,one in sessions().items()]
    show_table([("NAME", "RUNS", "STATE"), *rows])

# -- the start

# leaving the terminal by `exit` must not end the kernel; the names of the user stay as they are
stay = "get_ipython().ask_exit = lambda: get_ipython().payload_manager.write_payload(dict(source='ask_exit', keepkernel=True))"
reloading = "get_ipython().run_line_magic('load_ext', 'autoreload'); get_ipython().run_line_magic('autoreload', '2')"

def start(name, project, env, autoreload):
    "The Session that is started. Raises BadName, NoEnvironment, EngineError."
    environment = named.find(env) if env else None
    path = project_folder(project) if project else None
    name = unused_name(name or env or (path.name if path else "session"))
    place = tempfile.mkdtemp(prefix="session-ipymini-", dir="/tmp")  # the path of a socket has 107 bytes at most
    connection = make_connection(place, environment.kernel if environment else "ipymini")
    words = ["-f", connection, "-c", f"{stay}\n{reloading}" if autoreload else stay]
    if environment and images.config_of(environment): found_by = run_container(environment, place, words)
    else: found_by = run_process(command_for(environment, path), words, place)
    what = f"project {path}" if path else f"environment {env}" if env else "own Python"
    return ready(registered(name, connection, dict(found_by, folder=place, what=what)))

def project_folder(project):
    "The folder `project`, as a Path. Raises NoEnvironment if it is none of a project."
    path = Path(project).expanduser().absolute()
    if (path/"pyproject.toml").exists(): return path
    raise NoEnvironment(f"There is no pyproject.toml in {path}")

def unused_name(text):
    "A session's name, made of `text`. Raises BadName if there is one of that name."
    name = named.plain(text)
    if name not in sessions(): return name
    raise BadName(f"There is a session {name} already: ipymini session --attach {name}, or --stop {name}")

def make_connection(place, kernel_name):
    "The connection file that is made in the folder `place`, with sockets there."
    file = f"{place}/kernel.json"
    key = os.urandom(16).hex().encode()
    write_connection_file(file, transport="ipc", ip=f"{place}/s", key=key, kernel_name=kernel_name)
    return file

def command_for(environment, project):
    "The command that starts the kernel of an environment without a container, of a project, or our own."
    if not environment: return [sys.executable, "-P", "-m", "ipymini", *(["run", "--project", str(project)] if project else [])]
    argv = kernelspecs.read(images.kernel_of(environment).folder)["argv"]
    if argv: return argv[:argv.index("-f")]
    raise BadName(f"{environment.name} has no kernel yet: ipymini env build {environment.name}")

def run_process(command, words, place):
    "Start a kernel that does not end with us; its pid."
    env = {name: value for name,value in os.environ.items() if name != "JPY_PARENT_PID"}
    with open(f"{place}/log.txt", "w") as log:
        child = subprocess.Popen([*command, *words], env=env, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)
    return dict(pid=child.pid)

def run_container(environment, place, words):
    "Start a kernel in a container that nobody is attached to; what finds it again."
    config = images.config_of(environment)
    engine = find_engine(config["engine"])
    container = os.path.basename(place)
    options = ["--detach", "--name", container, "--pull=never", *container_options(engine, os.getcwd(), environment.home, config["lent"])]
    if not config.get("network"): options.append("--network=none")
    options += mount(place)
    options += mount(images.kernel_of(environment).folder/"start.py", start_target, readonly=True)
    options += config.get("options", [])
    command = [config["python"], "-P", "-Xfrozen_modules=off", start_target, *words]
    engine.run("run", *options, "--entrypoint=", config["image"], *command)
    return dict(engine=engine.path, container=container)

def registered(name, connection, about):
    "The Session of the kernel on the file `connection`, where servers find it."
    folder().mkdir(parents=True, exist_ok=True, mode=0o700)
    file = folder()/f"{name}.json"
    settings = json.loads(Path(connection).read_text()) | dict(ipymini=about)
    descriptor = os.open(file, os.O_WRONLY|os.O_CREAT|os.O_TRUNC, 0o600)
    with open(descriptor, "w") as out: json.dump(settings, out)
    return Session(file)

def ready(made):
    "The Session `made` once its kernel answers. Raises NoEnvironment if that ends before."
    while not made.answers():
        if not made.is_over(): continue
        log = Path(made.about["folder"])/"log.txt"
        words = log.read_text()[-2000:] if log.exists() else ""
        made.remove()
        raise NoEnvironment(f"The kernel ended before it answered.\n{words}")
    return made

# -- a terminal, the end

def open_terminal(made, editing_mode):
    "Become a jupyter console on the session, where we have a terminal; say what to install where there is none."
    if not sys.stdin.isatty(): return
    if not find_spec("jupyter_console"):
        return print(f"For a terminal on it: pip install jupyter_console, then: ipymini session --attach {made.name}")
    mode = f"--ZMQTerminalInteractiveShell.editing_mode={editing_mode}"
    os.execv(sys.executable, [sys.executable, "-m", "jupyter_console", "--existing", str(made.file), mode])

def end(made, patience=5):
    "End the session: ask it, and after `patience` seconds by force."
    client = made.client()
    client.shutdown()
    limit = time.monotonic()+patience
    while not made.is_over():
        if time.monotonic() > limit: made.kill()
        time.sleep(.05)  # no event tells of the end of a process that is not our child
    client.stop_channels()
    made.remove()
    print(f"The session {made.name} has ended.")

def main(argv):
    "Run the command with the options `argv`. Ends the process where it fails."
    values = vars(anno_parser(session, prog="ipymini session").parse_args(argv))
    options = {key: value for key,value in values.items() if key not in ("pdb", "xtra")}
    try: return session(**options)
    except (BadName, EngineError, NoEnvironment, OSError) as error: sys.exit(f"ipymini: {error}")
