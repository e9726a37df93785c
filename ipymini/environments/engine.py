"""A container engine, podman or docker: found, its commands run, and what it says when one fails. Standard library only.

Whatever goes wrong is an `EngineError`: the engine's own words, then a line that says what to do."""

import os, shutil, subprocess, sys

class EngineError(Exception):
    "The engine failed; the text is what it said, and what to do. `words`: what it said, alone."
    def __init__(self, text, words=""):
        super().__init__(text)
        self.words = words

class Engine:
    "The engine at `path`, as its command line. The methods raise EngineError."
    def __init__(self, path):
        self.path = path
        self.name = os.path.basename(path).partition(".")[0]  # `docker.exe` is docker

    def run(self, *args) -> str:
        "Run a command; what it prints, without the last line's end."
        out = subprocess.run([self.path, *args], **pipes, capture_output=True)
        if out.returncode: raise self.error(args, out.stderr)
        return out.stdout.rstrip("\n")

    def show(self, *args):
        "Run a long command, whose lines are shown as they come."
        lines = []
        with subprocess.Popen([self.path, *args], **pipes, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as child:
            for line in child.stdout:
                print(line, end="", flush=True)
                lines.append(line)
        if child.returncode: raise self.error(args, "".join(lines[-20:]))

    def attach(self, *args) -> int:
        "Run a command on our own terminal; its exit status."
        return subprocess.run([self.path, *args]).returncode

    def has(self, kind, name) -> bool:
        "True if there is an image or a container (`kind`) called `name`."
        try: self.run(kind, "inspect", "--format", "{{.Id}}", name)
        except EngineError as error:
            if any(words in error.words.lower() for words in missing): return False
            raise
        return True

    def error(self, args, text):
        "The EngineError for `text`, which the engine said about the command `args`."
        words = text.strip() or "It said nothing."
        known = [line.split(" | ") for line in advices.strip().splitlines()]
        advice = next((advice for part,advice in known if part in words.lower()), unknown).format(engine=self.name)
        return EngineError(f"{self.name} {args[0]} failed:\n{words}\n{advice}", words)

pipes = dict(stdin=subprocess.DEVNULL, text=True, encoding="utf8", errors="replace")

# how podman and docker call what is not there
missing = "no such image", "no such object", "image not known", "no such container", "unable to inspect"

# what engines and pip say, in small letters, and what to do; the first line whose words are found counts
advices = """
cannot connect to the docker daemon | Docker does not run: sudo systemctl start docker. Or install podman, which needs no service.
error during connect | Docker does not run, or DOCKER_HOST names a place where it is not.
cannot connect to podman | Podman's machine does not run. Start it: podman machine start
permission denied while trying to connect | You may not use Docker. Join its group, or install podman.
no space left on device | The disk is full. What {engine} can free: {engine} system prune
newuidmap | Podman needs newuidmap for users other than root. On Debian: sudo apt-get install uidmap
short-name | Write the image's full name, as docker.io/library/python:3.12-slim
no such host | There is no network, or no name service. An image from a file needs none: ipymini env load NAME FILE
name resolution | There is no network in the build. Look at your connection, and at {engine}'s network settings.
connection refused | The image's registry does not answer. Look at the image's name, and at your connection.
manifest unknown | The registry has no such image. Look at its name and version.
pull access denied | The registry has no such image, or wants you to log in: {engine} login
image not known | There is no such image here. Fetch it ({engine} pull IMAGE), or build it (ipymini env build NAME).
no such image | There is no such image here. Fetch it ({engine} pull IMAGE), or build it (ipymini env build NAME).
no matching distribution | pip finds no such package, or none for this Python. Look at the names and versions that you gave.
image is in use by a container | Stop what runs in it first: {engine} ps
"""
unknown = "That is all that {engine} says. Whether it works at all: {engine} info"

def find_engine(name=None) -> "Engine | None":
    """The engine called `name`, else the one that IPYMINI_ENGINE names, else podman or docker, whichever is there.

    None if there is neither, or if IPYMINI_ENGINE is `uv`. Raises EngineError if the one that is named is not there."""
    wanted = name or os.environ.get("IPYMINI_ENGINE")
    if wanted == "uv": return None
    for engine in [wanted] if wanted else ["podman", "docker"]:
        path = shutil.which(engine)
        if path: return Engine(path)
    if wanted: raise EngineError(f"{wanted} is not there. Install it, or unset IPYMINI_ENGINE to use what is.")
    return None

install_podman = "On Debian and Ubuntu: sudo apt-get install podman"

def unreachable() -> "str | None":
    "Why containers cannot use this machine's folders and sockets, in one line; None where they can."
    place = os.environ.get("CONTAINER_HOST") or os.environ.get("DOCKER_HOST") or "unix://"
    if not place.startswith("unix://"):
        return f"Containers at {place} cannot use this machine's folders. Unset DOCKER_HOST and CONTAINER_HOST to use the engine here."
    if sys.platform == "linux": return None
    return "Here containers run in a virtual machine, into which unix sockets do not reach. Run Jupyter in a container, too: see docker/."
