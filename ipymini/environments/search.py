"The environments of this user: where tools put theirs, and virtual environments below folders that a person names."

import os
from glob import glob
from pathlib import Path

from .make import NoEnvironment
from .pythons import find_python, inspect_python

depth = 4  # how many folders deep a virtual environment may lie below a folder that is named
skipped = {"node_modules", "site-packages", "__pycache__", ".git"}

# who makes them, the variable that moves their folder, what of that folder holds them, where they are without the variable
homes = """
    conda   CONDA_ENVS_PATH        .            ~/miniconda3/envs ~/anaconda3/envs ~/miniforge3/envs ~/micromamba/envs
    uv      UV_PYTHON_INSTALL_DIR  .            ~/.local/share/uv/python
    uv      UV_TOOL_DIR            .            ~/.local/share/uv/tools
    pyenv   PYENV_ROOT             versions     ~/.pyenv/versions
    pipx    PIPX_HOME              venvs        ~/.local/share/pipx/venvs ~/.local/pipx/venvs
    poetry  POETRY_CACHE_DIR       virtualenvs  ~/.cache/pypoetry/virtualenvs ~/Library/Caches/pypoetry/virtualenvs
    virtualenvwrapper  WORKON_HOME  .           ~/.virtualenvs
"""

def find_environments(folders):
    "The `Python` of each environment, with what made it, once; those of `folders` first."
    found = {}
    for made_by,folder in [*(("venv", o) for folder in folders for o in venvs_below(folder)), *known_places()]:
        try: python = inspect_python(find_python(str(folder)))
        except NoEnvironment: continue  # a folder that is no environment, or one that is broken
        if os.path.realpath(python.prefix) not in found: found[os.path.realpath(python.prefix)] = python,made_by
    return list(found.values())

def venvs_below(folder):
    "The virtual environments below `folder`."
    start = Path(folder).expanduser().absolute()
    for path,names,files in os.walk(start):
        if "pyvenv.cfg" in files:
            yield path
            names.clear()
        if len(Path(path).relative_to(start).parts) >= depth: names.clear()
        names[:] = sorted(set(names) - skipped)

def known_places():
    "What made an environment, and its folder, for all in the usual places."
    for line in homes.strip().splitlines():
        made_by,variable,inside,*usual = line.split()
        named = os.environ.get(variable)
        places = [os.path.join(named, inside)] if named else usual
        for place in places:
            folders = sorted(glob(os.path.expanduser(f"{place}/*")))
            yield from ((made_by, folder) for folder in folders)
    # conda's own list of all that it ever made
    listed = Path.home()/".conda/environments.txt"
    if listed.exists(): yield from (("conda", folder) for folder in listed.read_text().splitlines() if folder)
