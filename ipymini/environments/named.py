"""Named environments: folders with a Dockerfile and a requirements.txt, of which `images` or `virtual` make something, and a kernel.

There is no file of ours in such a folder: it can be copied, committed, and built by hand."""

import getpass, hashlib, os, re, sys
from dataclasses import dataclass
from pathlib import Path

from .make import make_private

class BadName(ValueError):
    "A name that is no environment's, or cannot be one; the text says why."

dockerfile = """\
FROM {image}
ARG USER={user}
ARG UID={uid}
RUN id "$USER" || useradd --non-unique --create-home --uid "$UID" "$USER" || adduser -D -u "$UID" "$USER"
ENV PIP_BREAK_SYSTEM_PACKAGES=1
COPY Dockerfile requirements.txt /environment/
RUN if [ -s /environment/requirements.txt ]; then python3 -m pip install --no-cache-dir -r /environment/requirements.txt; fi
USER $USER
WORKDIR /home/$USER
"""

@dataclass(frozen=True)
class Environment:
    "The environment `name` in `folder`; `project` is the folder in whose .ipymini it lies, or None for one of the user's own."
    name: str
    folder: Path
    project: "Path | None" = None

    @property
    def kernel(self):
        "The name of its kernelspec; two projects may each have a `lab`."
        return f"{self.name}-{plain(self.project.name)}" if self.project else self.name

    @property
    def title(self):
        "What menus call its kernel."
        return f"{self.name} ({self.project.name})" if self.project else self.name

    @property
    def image(self):
        "The name of its image. A project's ends with a digest of the folder, as images are the whole machine's."
        if not self.project: return f"ipymini-{self.name}"
        digest = hashlib.sha256(str(self.folder).encode()).hexdigest()[:8]
        return f"ipymini-{self.name}-{digest}"

    @property
    def home(self):
        "The folder that is the home of its kernels: history, startup scripts, caches."
        return data()/"homes"/self.image

    @property
    def venv(self):
        "The folder of its virtual environment, where there is no engine."
        return data()/"venvs"/self.image

    @property
    def interpreter(self):
        "The path of the Python of its virtual environment."
        return str(self.venv/("Scripts/python.exe" if os.name == "nt" else "bin/python"))

    @property
    def dockerfile(self): return self.folder/"Dockerfile"

    @property
    def requirements(self): return self.folder/"requirements.txt"

    def write(self, image):
        "Write the two files, for an environment on `image`."
        self.make_folder()
        self.dockerfile.write_text(dockerfile.format(image=image, user=plain(getpass.getuser()), uid=os.getuid()))
        self.requirements.write_text("")

    def make_folder(self):
        "Make the folder; the user's own are his alone, whatever the umask, a project's are as its other folders."
        if self.project: self.folder.mkdir(parents=True, exist_ok=True)
        else: make_private(self.folder)

    def lines(self):
        "The lines of requirements.txt."
        return self.requirements.read_text().splitlines() if self.requirements.exists() else []

    def packages(self):
        "The requirements among the lines."
        return [line for line in self.lines() if package_name(line)]

    def base(self):
        "The image that the Dockerfile starts from, or None."
        text = self.dockerfile.read_text() if self.dockerfile.exists() else ""
        found = re.search(r"^FROM\s+(?:--\S+\s+)*(\S+)", text, re.MULTILINE)
        return found[1] if found else None

    def python(self):
        "The version of Python that the Dockerfile names, or None where it starts from another image than Python's own."
        found = re.search(r"(?:^|/)python:(\d+\.\d+(?:\.\d+)?)", self.base() or "")
        return found[1] if found else None

def python_image(version):
    "The image of Python `version`."
    if not re.fullmatch(r"3\.\d+(\.\d+)?", version): raise BadName(f"{version!r} is no version of Python such as 3.12")
    return f"docker.io/library/python:{version}-slim"

# -- where they lie

def data():
    "The folder for what is the user's to keep."
    if os.environ.get("XDG_DATA_HOME"): base = Path(os.environ["XDG_DATA_HOME"])
    elif sys.platform == "darwin": base = Path.home()/"Library/Application Support"
    elif os.name == "nt": base = Path(os.environ.get("APPDATA", Path.home()/"AppData/Roaming"))
    else: base = Path.home()/".local/share"
    return base/"ipymini"

def place(local=None) -> "tuple[Path, Path | None]":
    "The folder of environments and, if `local`, its project: the current folder. None: local where ./.ipymini is."
    here = Path.cwd()
    if local is None: local = (here/".ipymini").is_dir()
    return (here/".ipymini/envs", here) if local else (data()/"envs", None)

def new(name, local=None):
    "The `Environment` called `name`, which is still to be made. Raises BadName."
    if not re.fullmatch(r"[a-z0-9]+([._-][a-z0-9]+)*", name):
        raise BadName(f"{name!r} cannot name an environment: small letters and digits can, with . _ or - between them")
    folder,project = place(local)
    return Environment(name, folder/name, project)

def every(local=None):
    "All environments: of the current folder, and the user's own; only of one of the two if `local` is True or False."
    wanted = [True, False] if local is None else [local]
    places = [(folder, project) for folder,project in map(place, wanted) if folder.is_dir()]
    found = [Environment(path.name, path, project) for folder,project in places for path in sorted(folder.iterdir())]
    return [env for env in found if env.dockerfile.exists() or env.requirements.exists()]

def find(name, local=None):
    "The `Environment` called `name`; the current folder's comes before the user's own. Raises BadName."
    known = every(local)
    found = next((env for env in known if env.name == name), None)
    if found: return found
    names = ", ".join(sorted({env.name for env in known}))
    rest = f"; there are {names}" if names else f". To make it: ipymini env create {name}"
    raise BadName(f"There is no environment {name!r}{rest}")

# -- names and requirements

def plain(text):
    "`text` as engines spell names: small letters, digits, dots, dashes."
    return re.sub(r"[^a-z0-9._-]+", "-", text.lower()).strip("-._") or "x"

def package_name(line):
    "The name of the package that a line of requirements.txt asks for, as indexes spell it; None for another line."
    found = re.match(r"\s*([A-Za-z0-9][\w.-]*)", line)
    return re.sub(r"[-_.]+", "-", found[1]).lower() if found else None

def with_packages(lines, pinned):
    "Requirement `lines` with the requirements `pinned` in place of those of the same packages, new ones at the end."
    wanted = {package_name(line): line for line in pinned}
    kept = [wanted.pop(package_name(line), line) for line in lines]
    return kept + list(wanted.values())

def without_packages(lines, packages):
    "Requirement `lines` without those of `packages`. Raises BadName for a package that has none."
    names = {package_name(package) for package in packages}
    absent = names - {package_name(line) for line in lines}
    if absent: raise BadName(f"requirements.txt does not name {', '.join(sorted(map(str, absent)))}; nothing was changed")
    return [line for line in lines if package_name(line) not in names]

def with_version(line, version):
    "The requirement `line` for just `version`, if that is known; its extras and its condition stay."
    if not version: return line
    name,semicolon,condition = line.partition(";")
    end = re.search(r"\s*[<>=!~@(]|\s*$", name).start()
    return f"{name[:end]}=={version}{semicolon}{condition}"
