"""The command `ipymini env`: named environments, as images where podman or docker is there, else as virtual environments of uv.

Each command is a function of its name; `main` reads the command line."""

import shutil, sys
from contextlib import ExitStack
from fastcore.script import anno_parser, call_parse
from pathlib import Path
from sysconfig import get_python_version
from typing import Annotated
from . import images, kernelspecs, named, virtual
from .engine import EngineError, find_engine
from .install import may_replace, show_table
from .make import NoEnvironment
from .named import BadName

def option(metavar): return Annotated[str, dict(metavar=metavar)]
rest = Annotated[str, dict(nargs="...")]
repeated = Annotated[str, dict(action="append", metavar="OPTION")]

@call_parse
def create(
    name:str, # small letters, digits, and . _ - between them
    python:option("VERSION")=None, # of Python, as 3.12; by default that of ipymini's own
    network:bool=False, # the kernel has a network
    memory:option("SIZE")=None, # the most memory that the kernel may use, as 2g
    cpus:option("NUMBER")=None, # how many processors the kernel may use, as 1.5
    option:repeated=None, # an option for the engine's command `create`, as --option=--gpus=all; repeatable
    From:option("IMAGE")=None, # start from this image instead of Python's own
    Local:bool=False, # in ./.ipymini/envs, to be committed with the project
    Global:bool=False, # in your own data folder; by default local where ./.ipymini is
    Yes:bool=False, # answer questions with yes
):
    "Write a Dockerfile and a requirements.txt, make an image of them, and add it to the menus of Jupyter as a kernel."
    if python and From: raise BadName("--python and --from exclude each other: the image brings its Python")
    env = named.new(name, where(Local, Global))
    if env.folder.exists(): raise BadName(f"There is {env.folder} already. To renew its image: ipymini env build {name}")
    if not Yes: may_replace(images.kernel_of(env), True, "Choose another name, or replace it with --yes")
    env.write(From or named.python_image(python or get_python_version()))
    with ExitStack() as failing:
        failing.callback(shutil.rmtree, env.folder)
        maker().build(env, settings_of(network, memory, cpus, option))
        failing.pop_all()
    tell(env)

@call_parse
def build(
    name:str, # of the environment
    network:bool=False, # the kernel has a network
    memory:option("SIZE")=None, # the most memory that the kernel may use, as 2g
    cpus:option("NUMBER")=None, # how many processors the kernel may use, as 1.5
    option:repeated=None, # an option for the engine's command `create`, as --option=--gpus=all; repeatable
    Local:bool=False, # only in ./.ipymini/envs
    Global:bool=False, # only in your own data folder
):
    "Make the image of an environment again, after its files were changed or copied here. The kernel keeps its options if none are given."
    env = named.find(name, where(Local, Global))
    settings = settings_of(network, memory, cpus, option)
    maker().build(env, settings if any(settings.values()) else None)
    tell(env)

@call_parse
def install(
    name:str, # of the environment
    *packages:str, # requirements, as pandas or "pandas<3"
    Local:bool=False, # only in ./.ipymini/envs
    Global:bool=False, # only in your own data folder
):
    "Add packages to requirements.txt, with the versions that are found, and build the image again."
    env,made = named.find(name, where(Local, Global)),maker()
    if not packages: raise BadName(f"Which packages? As in: ipymini env install {name} pandas")
    pinned = made.pinned(env, packages)
    change(env, made, named.with_packages(env.lines(), pinned))
    print(f"{env.requirements} has {', '.join(pinned)}")

@call_parse
def uninstall(
    name:str, # of the environment
    *packages:str, # their names
    Local:bool=False, # only in ./.ipymini/envs
    Global:bool=False, # only in your own data folder
):
    "Take packages out of requirements.txt, and build the image again."
    env = named.find(name, where(Local, Global))
    change(env, maker(), named.without_packages(env.lines(), packages))

@call_parse
def shell(
    name:str, # of the environment
    *command:rest, # what to run instead of a shell, as ipython or python file.py
    Local:bool=False, # only in ./.ipymini/envs
    Global:bool=False, # only in your own data folder
):
    "Run a shell in an environment, in this folder."
    return maker().shell(named.find(name, where(Local, Global)), command)

@call_parse
def list_(
    Local:bool=False, # only in ./.ipymini/envs
    Global:bool=False, # only in your own data folder
):
    "Show the environments: those of this folder, then your own."
    rows = [("NAME", "WHERE", "KIND", "PYTHON", "PACKAGES", "SIZE", "KERNEL")]
    show_table([*rows, *map(described, named.every(where(Local, Global)))])

@call_parse
def save(
    name:str, # of the environment
    file:Path, # to write
    Local:bool=False, # only in ./.ipymini/envs
    Global:bool=False, # only in your own data folder
):
    "Write the image of an environment to a file, for `ipymini env load` or `docker load` elsewhere."
    maker().save(named.find(name, where(Local, Global)), file)
    print(f"Saved in {file}, {megabytes(file.stat().st_size)}. Where it is wanted: ipymini env load {name} {file.name}")

@call_parse
def load(
    name:str, # of the environment that is made
    file:Path, # that `ipymini env save` wrote
    Local:bool=False, # in ./.ipymini/envs
    Global:bool=False, # in your own data folder
    Yes:bool=False, # answer questions with yes
):
    "Make an environment of an image in a file."
    env = named.new(name, where(Local, Global))
    if env.folder.exists(): raise BadName(f"There is {env.folder} already. Choose another name, or: ipymini env remove {name}")
    if not file.exists(): raise BadName(f"There is no file {file}")
    if not Yes: may_replace(images.kernel_of(env), True, "Choose another name, or replace it with --yes")
    maker().load(env, file)
    tell(env)

@call_parse
def remove(
    name:str, # of the environment
    Local:bool=False, # in ./.ipymini/envs
    Global:bool=False, # in your own data folder
    Yes:bool=False, # answer questions with yes
):
    "Remove an environment: its folder, its image, its kernel, and the home of that, with history and startup scripts."
    env = named.find(name, where(Local, Global))
    question = f"Remove {env.folder}, what was made of it, and its home {env.home}? [y/N] "
    if sys.stdin.isatty() and not Yes and not confirmed(question): return 1
    maker().remove(env)
    virtual.remove(env)
    kernel = kernelspecs.ours(env.kernel, images.kernel_of(env).folder)
    if kernel: kernelspecs.remove(kernel)
    shutil.rmtree(env.folder)
    for home in env.home.parent.glob(f"{env.image}*"):
        if home.name.removeprefix(env.image).lstrip("-").isdigit() or home == env.home: shutil.rmtree(home)
    print(f"Removed {env.name}")

commands = dict(create=create, list=list_, install=install, uninstall=uninstall, shell=shell, build=build,
    save=save, load=load, remove=remove)

# -- what commands share

def where(local, anywhere):
    "True for environments of this folder, False for the user's own, None for both. Raises BadName."
    if local and anywhere: raise BadName("--local and --global exclude each other")
    return True if local else False if anywhere else None

def maker():
    "What makes things of environments here. Raises EngineError."
    engine = find_engine()
    return images.Images(engine) if engine else virtual

def settings_of(network, memory, cpus, option):
    "What the command line asks for, as settings of the provisioner."
    options = [f"--memory={memory}"] if memory else []
    if cpus: options.append(f"--cpus={cpus}")
    return dict(network=network, options=options + (option or []))

def change(env, made, lines):
    "Write the requirements `lines` and build; if that fails, they are as before."
    with ExitStack() as failing:
        failing.callback(env.requirements.write_text, env.requirements.read_text())
        env.requirements.write_text("".join(f"{line}\n" for line in lines))
        made.build(env)
        failing.pop_all()

def tell(env):
    "Say what there is now."
    print(f"The environment {env.name} is in {env.folder}, the kernel in Jupyter's menus is {env.title}.")

def described(env):
    "The row of `env` in the list."
    spec = kernelspecs.read(images.kernel_of(env).folder)
    about = spec.get("metadata", {}).get("ipymini", {})
    if about.get("environment") != str(env.folder): about,spec = {},{}
    kind = images.config_of(env).get("engine", "uv") if spec else "-"
    where = "local" if env.project else "global"
    packages = str(len(env.packages()))
    kernel = env.kernel if spec else "-"
    return env.name, where, kind, about.get("python", "-"), packages, size(env, kind), kernel

def size(env, kind):
    "The size of what was made of `env`, for a person."
    if kind == "-": return "-"
    bytes = virtual.size(env) if kind == "uv" else images.Images(find_engine(kind)).size(env)
    return megabytes(bytes) if bytes else "gone"

def megabytes(bytes): return f"{bytes/1e6:.0f} MB"

def confirmed(question): return input(question).strip().lower() in ("y", "yes")

# -- the command line

def usage():
    "What `ipymini env --help` says."
    lines = [f"  {name:10} {command.__doc__}" for name,command in commands.items()]
    return "\n".join(["usage: ipymini env COMMAND ...    (ipymini env COMMAND --help tells more)", "", *lines])

def main(argv):
    "Run the command that `argv` names. Ends the process where it fails."
    name = argv[0] if argv else "--help"
    if name in ("-h", "--help"): return print(usage())
    if name not in commands: sys.exit(f"ipymini: no command {name!r} of env; ipymini env --help tells what there is")
    command = commands[name]
    values = vars(anno_parser(command, prog=f"ipymini env {name}").parse_args(argv[1:]))
    words = [values.pop("name")] if "name" in values else []
    words += next((values.pop(many) for many in ("packages", "command") if many in values), [])
    options = {key: value for key,value in values.items() if key not in ("pdb", "xtra")}
    try: return command(*words, **options)
    except (BadName, EngineError, NoEnvironment, OSError) as error: sys.exit(f"ipymini: {error}")
