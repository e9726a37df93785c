"""A named environment as a virtual environment: what `ipymini env` does by uv, where there is no container engine.

The functions raise NoEnvironment."""

import os, shutil, subprocess
from . import kernelspecs, lending
from .engine import install_podman
from .kernelspecs import Kernel
from .make import NoEnvironment, make_private, run
from .named import package_name, with_version
from .pythons import inspect_python

def build(env, settings=None):
    "Make the virtual environment of `env` anew, and its kernelspec. Containers alone have `settings`."
    print(f"There is no podman or docker to use: uv makes {env.name} a virtual environment, from the same requirements.txt.")
    if settings and any(settings.values()):
        raise NoEnvironment(f"--network, --memory, --cpus and --option are for containers, which need an engine. {install_podman}")
    version = env.python()
    if not version: raise NoEnvironment(f"{env.name} starts from the image {env.base()}, which needs podman or docker. {install_podman}")
    make_private(env.venv.parent)
    run(["venv", "--clear", "--python", version, str(env.venv)], print)
    if env.packages(): run(["pip", "install", "--python", env.interpreter, "--requirement", str(env.requirements)], print)
    install(env)

def install(env):
    "Write the kernelspec of `env`."
    python = inspect_python(env.interpreter)
    lent = lending.prepare(python, print)
    folder = kernelspecs.kernels_folder()/env.kernel
    spec = kernelspecs.packaged()
    spec["argv"] = [python.executable, "-P", "-Xfrozen_modules=off", str(folder/"start.py"), "-f", "{connection_file}"]
    spec["display_name"] = env.title
    spec["metadata"] |= dict(ipymini=dict(environment=str(env.folder), python=python.version))
    start = lending.start_code(lent, f"ipymini env build {env.name}")
    kernelspecs.write(Kernel(env.kernel, folder, "lent", python.executable), spec, {"start.py": start})

def pinned(env, packages):
    "The requirements `packages`, each for the version that uv finds."
    wanted = env.venv/"wanted.txt"
    wanted.write_text("".join(f"{package}\n" for package in packages))
    words = ["pip", "compile", "--quiet", "--no-deps", "--no-header", "--no-annotate", "--python", env.interpreter]
    try: out = run([*words, str(wanted)])
    finally: wanted.unlink()
    lines = [line.partition("==") for line in out.splitlines()]
    versions = {package_name(name): version.split(";")[0].strip() for name,_,version in lines}
    return [with_version(package, versions.get(package_name(package))) for package in packages]

def shell(env, command):
    "Run `command`, or a shell, with the environment's programs first; its exit status."
    programs = os.path.dirname(env.interpreter)
    path = os.pathsep.join([programs, os.environ.get("PATH", "")])
    words = list(command) or [os.environ.get("SHELL", "sh")]
    program = shutil.which(words[0], path=path)
    if not program: raise NoEnvironment(f"There is no program {words[0]} in {env.name}")
    variables = dict(os.environ, VIRTUAL_ENV=str(env.venv), PATH=path)
    return subprocess.run([program, *words[1:]], env=variables).returncode

def size(env):
    "The bytes that the virtual environment takes, or None if there is none."
    if not env.venv.exists(): return None
    return sum(file.lstat().st_size for file in env.venv.rglob("*"))

def remove(env):
    "Remove the virtual environment, if it is there."
    if env.venv.exists(): shutil.rmtree(env.venv)

def save(env, file):
    "Say what to do instead: there is no image."
    advice = f"copy {env.folder}; there: ipymini env build {env.name}"
    raise NoEnvironment(f"An image can be saved, and for that podman or docker is needed. Or {advice}")

def load(env, file):
    "Say what is needed."
    raise NoEnvironment(f"An image is loaded by podman or docker. {install_podman}")
