"`ipymini env`: environments that a Dockerfile and a requirements.txt describe, as images."

import json, os, shutil
from boxes import Place, base, engine
import pytest

def images(): return engine("images", "--format", "{{.Repository}}").split()

def untagged(): return engine("images", "--quiet", "--filter", "dangling=true").split()

def spec(place, name="one"): return json.loads((place.kernels/name/"kernel.json").read_text())

@pytest.fixture(scope="module")
def made(tmp_path_factory, podman):
    "A place with the environment `one`."
    place = Place(tmp_path_factory.mktemp("one"))
    place.ipymini("env", "create", "one", "--from", base)
    yield place
    place.ipymini("env", "remove", "one")

@pytest.fixture
def one(made):
    "That place, whatever the tests before did to its two files. What they installed in the image may be there."
    before = {path: path.read_text() for path in env_folder(made).iterdir()}
    yield made
    for path,text in before.items(): path.write_text(text)
    shutil.rmtree(made.cwd/".ipymini", ignore_errors=True)

def env_folder(place): return place.folder/"data/ipymini/envs/one"

def test_create_writes_two_files_of_standard_tools_and_nothing_else(one):
    assert sorted(path.name for path in env_folder(one).iterdir()) == ["Dockerfile", "requirements.txt"]
    assert f"FROM {base}" in (env_folder(one)/"Dockerfile").read_text()

def test_the_folder_can_be_built_by_hand(one):
    engine("build", "--tag", "by-hand", env_folder(one))
    engine("image", "rm", "by-hand")

def test_create_shows_the_engines_progress_and_says_where_all_is(place):
    text = place.ipymini("env", "create", "two", "--from", base)
    assert "STEP 1/" in text
    assert str(place.folder/"data/ipymini/envs/two") in text.splitlines()[-1]
    place.ipymini("env", "remove", "two")

def test_python_chooses_pythons_own_image(place):
    "The image cannot be had here: no network. The Dockerfile is not left behind, podman's own words are shown, and what to do."
    text = place.ipymini("env", "create", "two", "--python", "3.12", status=1)
    assert "docker.io/library/python:3.12-slim" in text and "podman build failed" in text
    assert not (place.folder/"data/ipymini/envs/two").exists()

def test_list_says_where_of_what_kind_and_how_big_each_is(one):
    (one.cwd/".ipymini").mkdir()
    one.ipymini("env", "create", "two", "--from", base)
    head,local,own = [line.split() for line in one.ipymini("env", "list").splitlines()]
    assert head == "NAME WHERE KIND PYTHON PACKAGES SIZE KERNEL".split()
    assert local[:5] == ["two", "local", "podman", "3.11.2", "0"] and local[-1] == "two-work"
    assert own[:5] == ["one", "global", "podman", "3.11.2", "0"] and own[-1] == "one"
    assert int(own[5]) > 50 and own[6] == "MB"
    one.ipymini("env", "remove", "two")

def test_install_pins_the_version_that_was_found_and_leaves_no_untagged_image(one):
    one.ipymini("env", "install", "one", "tide", "moon<1.1")
    assert (env_folder(one)/"requirements.txt").read_text() == "tide==2.0\nmoon==1.0\n"
    assert untagged() == []
    assert one.ipymini("env", "shell", "one", "python3", "-c", "import tide; print(tide.phase)") == "new\n"

def test_install_again_replaces_the_requirement_and_leaves_other_lines(one):
    (env_folder(one)/"requirements.txt").write_text("# the sky\nmoon==1.0\n")
    one.ipymini("env", "install", "one", "moon")
    assert (env_folder(one)/"requirements.txt").read_text() == "# the sky\nmoon==1.1\n"

def test_a_package_that_is_not_there_is_said_by_pip_and_changes_nothing(one):
    text = one.ipymini("env", "install", "one", "no-such-thing", status=1)
    assert "No matching distribution found for no-such-thing" in text
    assert (env_folder(one)/"requirements.txt").read_text() == ""

def test_a_build_that_fails_leaves_requirements_and_image_as_they_were(one):
    before = engine("image", "inspect", "--format", "{{.Id}}", "ipymini-one")
    (env_folder(one)/"Dockerfile").write_text((env_folder(one)/"Dockerfile").read_text() + "RUN echo broken; exit 7\n")
    text = one.ipymini("env", "install", "one", "moon", status=1)
    assert "broken" in text and "exit status 7" in text
    assert (env_folder(one)/"requirements.txt").read_text() == ""
    assert engine("image", "inspect", "--format", "{{.Id}}", "ipymini-one") == before

def test_uninstall_takes_packages_out(one):
    one.ipymini("env", "install", "one", "tide", "moon")
    one.ipymini("env", "uninstall", "one", "Tide")
    assert (env_folder(one)/"requirements.txt").read_text() == "moon==1.1\n"
    assert one.ipymini("env", "shell", "one", "python3", "-c", "import tide",
        status=1).splitlines()[-1].startswith("ModuleNotFoundError")
    assert "does not name tide" in one.ipymini("env", "uninstall", "one", "tide", status=1)

def test_shell_runs_a_command_in_this_folder_as_the_folders_owner(one):
    os.chown(one.cwd, 1000, 1000)
    one.ipymini("env", "shell", "one", "sh", "-c", "id -u > who; pwd >> who")
    assert (one.cwd/"who").read_text() == f"1000\n{one.cwd}\n"
    assert (one.cwd/"who").stat().st_uid == 1000

def test_shell_without_a_command_is_a_shell(one):
    assert one.ipymini("env", "shell", "one", input="echo I am $0\n") == "I am /usr/bin/bash\n"

def test_the_exit_status_of_shell_is_the_commands(one):
    one.ipymini("env", "shell", "one", "sh", "-c", "exit 5", status=5)

def test_shell_lends_ipython(one):
    assert one.ipymini("env", "shell", "one", "ipython", "-c",
        "print('in', get_ipython().__class__.__name__)") == "in TerminalInteractiveShell\n"

def test_build_makes_an_environment_of_a_copied_folder(one):
    folder = one.cwd/".ipymini/envs"
    folder.mkdir(parents=True)
    shutil.copytree(env_folder(one), folder/"copy")
    (folder/"copy/requirements.txt").write_text("moon\n")
    one.ipymini("env", "build", "copy")
    assert one.ipymini("env", "shell", "copy", "python3", "-c", "import moon; print(moon.phase)") == "full\n"
    assert spec(one, "copy-work")["display_name"] == "copy (work)"
    one.ipymini("env", "remove", "copy")

def test_build_keeps_the_kernels_options_and_takes_new_ones(one):
    def options():
        config = spec(one)["metadata"]["kernel_provisioner"]["config"]
        return config["network"], config["options"]
    one.ipymini("env", "build", "one", "--memory", "1g", "--cpus", "1.5", "--network", "--option=--pids-limit=99")
    assert options() == (True, ["--memory=1g", "--cpus=1.5", "--pids-limit=99"])
    one.ipymini("env", "build", "one")
    assert options() == (True, ["--memory=1g", "--cpus=1.5", "--pids-limit=99"])

def test_save_and_load_share_an_image_with_its_files(one):
    one.ipymini("env", "install", "one", "moon")
    assert "env load one" in one.ipymini("env", "save", "one", "one.tar")
    one.ipymini("env", "load", "theirs", "one.tar")
    folder = one.folder/"data/ipymini/envs/theirs"
    assert (folder/"requirements.txt").read_text() == "moon==1.1\n"
    assert (folder/"Dockerfile").read_text() == (env_folder(one)/"Dockerfile").read_text()
    assert one.ipymini("env", "shell", "theirs", "python3", "-c", "import moon; print(moon.phase)") == "full\n"
    assert not any("saved" in name for name in images())
    one.ipymini("env", "remove", "theirs")

def test_remove_leaves_nothing(place):
    place.ipymini("env", "create", "gone", "--from", base)
    place.ipymini("env", "remove", "gone")
    assert not any("gone" in name for name in images()) and untagged() == []
    assert not any("gone" in path.name for path in place.folder.rglob("*"))

def test_local_and_global_say_where(place):
    place.ipymini("env", "create", "two", "--local", "--from", base)
    place.ipymini("env", "create", "two", "--global", "--from", base)
    assert (place.cwd/".ipymini/envs/two").is_dir() and (place.folder/"data/ipymini/envs/two").is_dir()
    assert sorted(path.name for path in place.kernels.iterdir()) == ["two", "two-work"]
    place.ipymini("env", "remove", "two", "--local")
    place.ipymini("env", "remove", "two", "--global")

def test_the_name_of_another_kernel_is_asked_for(place):
    (place.kernels/"two").mkdir(parents=True)
    (place.kernels/"two/kernel.json").write_text(json.dumps(dict(argv=["julia"], display_name="Julia")))
    assert "is that of the kernel 'Julia'" in place.ipymini("env", "create", "two", "--from", base, status=1)

@pytest.mark.parametrize("args, words", [
    (["create", "Big Name"], "'Big Name' cannot name an environment"),
    (["create", "two", "--python", "twelve"], "'twelve' is no version of Python"),
    (["shell", "nobody"], "There is no environment 'nobody'"),
    (["build", "nobody"], "To make it: ipymini env create nobody"),
    (["load", "two", "no.tar"], "There is no file no.tar"),
    (["fly"], "no command 'fly' of env")])
def test_a_mistake_is_one_line(place, args, words):
    text = place.ipymini("env", *args, status=1)
    assert words in text and text.count("\n") == 1 and text.startswith("ipymini: ")

def test_kernels_and_uninstall_know_it(one):
    assert "container" in one.ipymini("kernels")
