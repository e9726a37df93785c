"""Pods of images and of named environments: `pod(image=...)` and `pod(env="NAME")`. Loaded by the first of these.

The container has no network and no capabilities, and sees the folder where the pod runs, that of its file of functions,
and this one. Podman passes the pod's descriptors on to it; docker cannot."""
import os, secrets, sys
from pathlib import Path
from ..environments.engine import Engine, EngineError, find_engine, install_podman, unreachable
from ..environments.named import BadName, find
from ..environments.options import container_options
from .errors import PodError
from .process import Process, start_file
from .renumber import first

def container_command(python, file, env, cwd, image=None, **needs):
    """The words that start the Python of an image, or of the environment that the str `env` names, and the class of the
    process that they become. Raises: PodError"""
    others = [name for name,value in dict(needs, python=python, image=image).items() if value is not None]
    place = Place(file, cwd)
    try:
        if image is None: return named_command(env, others, place)
        if isinstance(env, str): raise PodError("image= and the name of an environment in env= are two places: give one of them")
        if needs: raise PodError(f"an image has its own packages: image= does not go with {', '.join(needs)}=")
        return image_command(image, python, env or {}, place),ContainerProcess
    except (BadName, EngineError) as error: raise PodError(str(error)) from None

def named_command(name, others, place):
    "The words and the class for the environment `name`, whose image comes before its virtual environment."
    if others: raise PodError(f"env={name!r} names an environment, which has its own Python and packages: it does not go with {others[0]}=")
    env = find(name)
    engine = find_engine()
    if engine and engine.has("image", env.image):
        return place.command(podman(env.image), env.image, env.home),ContainerProcess
    if os.path.exists(env.interpreter): return [env.interpreter],Process
    raise PodError(f"the environment {name} has not been built here; run: ipymini env build {name}")

def image_command(image, python, variables, place):
    "The words for the program `python` of `image`, which is not fetched."
    engine = podman(image)
    if not engine.has("image", image): raise PodError(f"there is no image {image} here; fetch it: podman pull {image}")
    options = [f"--env={name}={value}" for name,value in variables.items()]
    return place.command(engine, image, None, python or "python3", options)

def podman(image):
    "The engine. Raises: PodError, if it cannot pass descriptors on to a pod of `image`."
    why = unreachable()
    if why: raise PodError(why)
    engine = find_engine()
    if engine and engine.name == "podman": return engine
    has = f"{engine.name} cannot pass sockets on to a container" if engine else "there is none"
    raise PodError(f"a pod of the image {image} needs podman, and {has}. {install_podman}")

class Place:
    "The folders that a pod sees: where it runs, to write, and to read that of its file of functions and ours; all where they are here."
    def __init__(self, file, cwd):
        self.cwd = os.path.abspath(cwd or os.getcwd())
        self.seen = [str(start_file.parent)]
        folder = os.path.dirname(file or "")
        if folder and not Path(folder).is_relative_to(self.cwd): self.seen.append(folder)

    def command(self, engine, image, home, python="python3", options=()):
        "The words that run Python in a container of `image`. `home`: see `container_options`."
        usual = container_options(engine, self.cwd, home, {folder: folder for folder in self.seen})
        return [engine.path, "run", "--pull=never", "--network=none", *usual, *options, "--entrypoint=", image, python]

class ContainerProcess(Process):
    "A child in a container. `popen` is podman, which is attached to it and has its exit code."
    patience = 10  # as podman clears its container away
    is_contained = True

    def open(self, words, fds, token, place):
        "Start podman, which passes the descriptors on under numbers of its own."
        podman,run,*rest = words
        self.engine = Engine(podman)
        self.container = f"ipymini-pod-{os.getpid()}-{secrets.token_hex(4)}"
        command = [podman, run, "--name", self.container, f"--preserve-fds={len(fds)}", *rest]
        start = [sys.executable, "-IS", str(start_file.with_name("renumber.py")), ",".join(map(str, fds)), *command]
        return self.launch(start, fds, range(first, first + len(fds)), token, place)

    def kill(self):
        "End the child and what it has started: the kernel kills them when the pipe is closed, and with them the container ends."
        self.life.close()

    def reap(self):
        "The exit code. A container that is still there when time is over is removed."
        self.kill()
        self.wait_for_end()
        if self.popen.poll() is None: self.remove()
        return self.popen.wait()

    def remove(self):
        "Remove the container, which podman may have done meanwhile."
        try: self.engine.run("rm", "--force", "--time=0", self.container)
        except EngineError as error:
            if "no such container" not in error.words.lower(): raise
