"A named environment as an image: built, made a kernel, entered, shared as a file. Read `Images.build` first."

import json, os, sys
from tempfile import TemporaryDirectory
from . import boot, kernelspecs, lending
from .container import bytecode, lent_target
from .engine import EngineError
from .kernelspecs import Kernel
from .named import package_name, with_version
from .options import container_options
from .pythons import Python, asked, oldest

class Images:
    "What `ipymini env` does by a container engine. The methods raise EngineError."
    def __init__(self, engine): self.engine = engine

    def build(self, env, settings=None):
        "Make the image of `env` anew, in place of the one before, and its kernelspec. `settings`: see `install`."
        before = self.image_id(env.image)
        # podman's layers would be kept as images without a name
        layers = ["--layers=false"] if self.engine.name == "podman" else []
        self.engine.show("build", "--tag", env.image, "--label", "ipymini", "--force-rm", *layers, str(env.folder))
        if before and before != self.image_id(env.image): self.remove_image(before)
        self.install(env, settings)

    def install(self, env, settings=None):
        """Write the kernelspec of `env`, whose image is there, once what a kernel needs has been tried in it.

        `settings`: values for the provisioner's `network` and `options`; None leaves those that the kernel has. Also raises
        NoEnvironment."""
        python = self.python_in(env)
        if python.number < oldest: return print(too_old.format(version=python.version, name=env.name))
        lent = lending.prepare(python, print, lambda python,lent: self.try_out(env, python, lent))
        if settings is None: settings = {name: value for name,value in config_of(env).items() if name in ("network", "options")}
        folders = targets_of(lent)
        config = dict(image=env.image, engine=self.engine.name, python=python.executable, home=str(env.home), lent=folders)
        start = lending.start_code(command=f"ipymini env build {env.name}", **inside(lent, folders))
        write_spec(env, config | settings, python, start)

    def python_in(self, env):
        "The `Python` of the image of `env`."
        try: out = self.engine.run("run", "--rm", *offline, "--entrypoint=python3", env.image, "-I", "-c", asked)
        except EngineError as error:
            if "executable file not found" not in error.words: raise
            raise EngineError(f"The image {env.base()} has no python3. Install it in {env.dockerfile}, then: ipymini env build {env.name}")
        return Python(**json.loads(out))

    def try_out(self, env, python, lent):
        "Import in a container what a kernel needs, which compiles it as well; the last line of the error, or nothing."
        folders = targets_of(lent)
        code = lending.lending_code(**inside(lent, folders)) + lending.check
        with TemporaryDirectory() as cwd:
            options = [*offline, *container_options(self.engine, cwd, env.home, folders)]
            command = [env.image, python.executable, "-P", "-Xfrozen_modules=off", "-c", code]
            try: self.engine.run("run", *options, "--entrypoint=", *command)
            except EngineError as error: return error.words.splitlines()[-1]
        return ""

    def pinned(self, env, packages):
        "The requirements `packages`, each for the version that pip finds for the image of `env`."
        words = ["-m", "pip", "install", "--dry-run", "--quiet", "--ignore-installed", "--no-deps", "--report", "-", *packages]
        out = self.engine.run("run", "--rm", "--pull=never", "--entrypoint=python3", env.image, *words)
        report = json.loads(out[out.index("{"):])
        found = [item["metadata"] for item in report["install"]]
        versions = {package_name(item["name"]): item["version"] for item in found}
        return [with_version(package, versions.get(package_name(package))) for package in packages]

    def shell(self, env, command):
        "Run `command`, or a shell, in a container of `env` with this folder mounted and a network; its exit status."
        words = list(command) or ["sh", "-c", "exec $(command -v bash || command -v sh)"]
        folders = {}
        if words[0] == "ipython":
            lent = lending.prepare(self.python_in(env), print, lambda python,lent: "")
            folders = targets_of(lent)
            words[:1] = ["python3", "-P", "-c", lending.lending_code(**inside(lent, folders)) + ipython]
        options = container_options(self.engine, os.getcwd(), env.home, folders)
        terminal = ["--tty"] if sys.stdin.isatty() else []
        return self.engine.attach("run", "--pull=never", "--interactive", *terminal, *options, "--entrypoint=", env.image, *words)

    # -- images as such

    def image_id(self, image):
        "The id of `image`, or None if there is none."
        return self.engine.run("image", "inspect", "--format", "{{.Id}}", image) if self.engine.has("image", image) else None

    def size(self, env):
        "The bytes that the image of `env` takes, or None if there is none."
        if not self.engine.has("image", env.image): return None
        return int(self.engine.run("image", "inspect", "--format", "{{.Size}}", env.image))

    def remove_image(self, image):
        "Remove an image; what still runs in it keeps it, and that is said."
        try: self.engine.run("image", "rm", image)
        except EngineError as error: print(f"The image {image} is left. {error}", file=sys.stderr)

    def remove(self, env):
        "Remove the image of `env`, if it is there."
        if self.engine.has("image", env.image): self.remove_image(env.image)

    def save(self, env, file):
        "Write the image of `env` to `file`."
        # under a name of its own: where it is loaded, the environment's own may be another's
        digest = self.image_id(env.image) or ""
        name = f"ipymini-saved-{env.name}-{digest.split(':')[-1][:12]}"
        self.engine.run("tag", env.image, name)
        try: self.engine.run("save", "--output", str(file), name)
        finally: self.engine.run("image", "rm", name)

    def load(self, env, file):
        "Make `env` of the image in `file`: its image, the two files that this was built from, its kernelspec."
        out = self.engine.run("load", "--input", str(file))
        name = out.splitlines()[-1].partition(":")[2].strip()  # `Loaded image: NAME`
        self.engine.run("tag", name, env.image)
        self.engine.run("image", "rm", name)
        env.make_folder()
        for path in (env.dockerfile, env.requirements):
            text = self.engine.run("run", "--rm", *offline, "--entrypoint=cat", env.image, f"/environment/{path.name}")
            path.write_text(f"{text}\n" if text else "")
        self.install(env)

offline = ["--pull=never", "--network=none"]
too_old = "Python {version} is too old for a kernel, which needs 3.11; its functions can be called from one: pod(env={name!r})"
ipython = "import sys\nfrom IPython import start_ipython\nsys.exit(start_ipython())\n"

# -- what is lent

def targets_of(lent):
    "Where in a container each of our folders is mounted."
    return {folder: f"{lent_target}{number}" for number,folder in enumerate(lent["folders"])}

def inside(lent, folders):
    "Arguments of `lending.lending_code` for a container where our `folders` are mounted."
    folder = next(folder for folder in folders if boot.__file__.startswith(folder + os.sep))
    seen = lent | dict(folders=list(folders.values()), bytecode=bytecode)
    return dict(lent=seen, boot=boot.__file__.replace(folder, folders[folder], 1))

# -- the kernel

def kernel_of(env):
    "The `Kernel` of `env`."
    return Kernel(env.kernel, kernelspecs.kernels_folder()/env.kernel, "container", str(env.folder))

def config_of(env):
    "What the kernelspec of `env` says to the provisioner; empty if there is none."
    metadata = kernelspecs.read(kernel_of(env).folder).get("metadata", {})
    return metadata.get("kernel_provisioner", {}).get("config", {})

elsewhere = """This kernel runs in a container, which this program cannot start, so nothing is run.
A Jupyter server with ipymini in its environment can: start the kernel there, and connect to it."""

def write_spec(env, config, python, start):
    "Write the kernelspec of `env`: `config` for the provisioner, `start` the program that starts the kernel."
    spec = kernelspecs.packaged()
    # a frontend that knows no provisioners runs this, a kernel that says so
    spec["argv"] = [sys.executable, "-P", "-m", "ipymini", f"--stand-in={elsewhere}", "-f", "{connection_file}"]
    spec["display_name"] = env.title
    spec["interrupt_mode"] = "message"  # a signal to the engine's client would reach the kernel alone, not what it has started
    provisioner = dict(provisioner_name="ipymini-container", config=config)
    spec["metadata"] |= dict(kernel_provisioner=provisioner, ipymini=dict(environment=str(env.folder), python=python.version))
    kernelspecs.write(kernel_of(env), spec, {"start.py": start})
