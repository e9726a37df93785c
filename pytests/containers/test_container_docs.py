"The commands of docs/containers.md, in their order. What needs a network is replaced: Python's image by the tests' own, pandas by a small package."

import re, shlex
from boxes import base
from helpers import root
import pytest

pytestmark = pytest.mark.timeout(400)  # each builds several images

page = (root/"docs/containers.md").read_text()
replaced = {"--python 3.12": f"--from {base}", "pandas": "moon", "docker.io/osgeo/gdal:ubuntu-small-3.9.0": base,
    "~/forecast": "forecast"}

def commands(head):
    "The commands of a section of the page, as a person types them here."
    section = page.split(f"## {head}\n")[1].split("\n## ")[0]
    lines = [line.strip().partition("   #")[0] for line in re.findall(r"^    (ipymini .*)", section, re.MULTILINE)]
    for old,new in replaced.items(): lines = [line.replace(old, new) for line in lines]
    return [shlex.split(line)[1:] for line in lines]

def test_a_first_environment_goes_from_create_to_remove(place):
    typed = commands("A first environment")
    assert [words[1] for words in typed] == "create list install uninstall shell shell shell build create save load remove".split()
    said = [place.ipymini(*words, input="exit\n") for words in typed]
    assert "datascience  global  podman  3.11.2" in said[1]
    assert said[5] == "42\n"
    assert "theirs" in place.ipymini("env", "list")
    assert not (place.folder/"data/ipymini/envs/datascience").exists()
    for name in ("maps", "theirs"): place.ipymini("env", "remove", name)

def test_sessions_are_started_listed_and_stopped(place):
    place.ipymini("env", "create", "datascience", "--from", base)
    (place.cwd/"forecast").mkdir()
    (place.cwd/"forecast/pyproject.toml").write_text(
        '[project]\n'
        'name = "forecast"\n'
        'version = "1"\n'
        'requires-python = ">=3.11"\n')
    said = [place.ipymini(*words) for words in commands("Sessions")]
    assert [line.split()[0] for line in said[3].splitlines()[1:]] == ["datascience", "forecast", "session"]
    assert "The session forecast has ended." in said[5]
    for name in ("session", "datascience"): place.ipymini("session", "--stop", name)
    place.ipymini("env", "remove", "datascience")
