"What a release is made of: the tools that make it, what is in the wheel and the sdist, the workflows of the forge."

import os, re, shutil, subprocess, sys, tarfile, zipfile
from email import message_from_string
from helpers import root
import pytest

yaml = pytest.importorskip("yaml")
tomllib = pytest.importorskip("tomllib")
project = tomllib.loads((root/"pyproject.toml").read_text())["project"]

# -- tools/release and tools/pr

def git(folder, *words):
    return subprocess.run(["git", "-C", folder, *words], check=True, capture_output=True, text=True).stdout.strip()

@pytest.fixture
def checkout(tmp_path):
    "A small checkout on the branch main, with the tools, a version and a changelog."
    folder = tmp_path/"checkout"
    shutil.copytree(root/"tools", folder/"tools", ignore=shutil.ignore_patterns("__pycache__"))
    (folder/"ipymini").mkdir()
    (folder/"ipymini/__init__.py").write_text('"A package."\n\n__version__ = "0.2.9"\n')
    (folder/"CHANGELOG.md").write_text("# Changes\n\n## Unreleased\n\n- New.\n\n## 0.2.9, 1 May 2026\n\n- Old.\n")
    (folder/".gitignore").write_text("__pycache__/\n")
    git(tmp_path, "init", "-q", "-b", "main", folder)
    for name,value in (("user.name", "a"), ("user.email", "a@b")): git(folder, "config", name, value)
    git(folder, "add", "-A")
    git(folder, "commit", "-q", "-m", "Begin")
    return folder

def use(checkout, tool, *words):
    "Run a tool of `checkout`, where no program is but git and Python."
    programs = checkout.parent/"programs"
    programs.mkdir(exist_ok=True)
    if not (programs/"git").exists(): (programs/"git").symlink_to(shutil.which("git"))
    return subprocess.run([sys.executable, checkout/"tools"/tool, *words], capture_output=True, text=True,
        env={**os.environ, "PATH": str(programs)}, timeout=60)

@pytest.mark.parametrize("part, new", [("patch", "0.2.10"), ("minor", "0.3.0"), ("major", "1.0.0")])
def test_a_dry_run_says_what_would_be_and_changes_nothing(checkout, part, new):
    r = use(checkout, "release", part, "--dry-run")
    assert r.returncode == 0 and f"git push origin HEAD v{new}" in r.stdout and r.stdout.count("would ") == 4
    assert not git(checkout, "status", "--porcelain")
    assert not git(checkout, "tag")
    assert "0.2.9" in (checkout/"ipymini/__init__.py").read_text()

def test_a_release_writes_version_changelog_commit_and_tag(checkout):
    r = use(checkout, "release", "minor", "--skip-tests")
    assert r.returncode == 0, r.stderr
    assert '__version__ = "0.3.0"' in (checkout/"ipymini/__init__.py").read_text()
    assert re.search(r"## Unreleased\n\n## 0\.3\.0, \d+ \w+ 20\d\d\n\n- New\.", (checkout/"CHANGELOG.md").read_text())
    assert git(checkout, "tag") == "v0.3.0"
    assert git(checkout, "log", "-1", "--format=%s") == "Version 0.3.0"
    assert not git(checkout, "status", "--porcelain")
    assert use(checkout, "release", "--check-tag", "v0.3.0").returncode == 0

def change(checkout): (checkout/"new.txt").write_text("x")
def branch(checkout): git(checkout, "switch", "-q", "-c", "side")

def tell_nothing(checkout):
    (checkout/"CHANGELOG.md").write_text("# Changes\n\n## Unreleased\n\n## 0.2.9\n\n- Old.\n")
    git(checkout, "commit", "-q", "-a", "-m", "x")

@pytest.mark.parametrize("spoil, said", [(change, "not committed"), (branch, "the branch side"),
    (tell_nothing, "says nothing below")])
def test_a_fault_ends_the_release_before_anything_is_written(checkout, spoil, said):
    spoil(checkout)
    r = use(checkout, "release", "patch", "--skip-tests")
    assert r.returncode == 1 and said in r.stderr and r.stderr.count("\n") == 1
    assert not git(checkout, "tag") and "0.2.9" in (checkout/"ipymini/__init__.py").read_text()

def test_a_tag_of_another_version_is_refused(checkout):
    assert "is not that of version 0.2.9" in use(checkout, "release", "--check-tag", "v0.3.0").stderr

def test_a_pull_request_begins_a_branch_of_its_message(checkout):
    change(checkout)
    r = use(checkout, "pr", "docs", "A page, told!", "--dry-run")
    told = [line.removeprefix("would run: ") for line in r.stdout.splitlines() if line.startswith("would")]
    assert told == ["git switch -c a-page-told", "git add -A", "git commit -m 'A page, told!'",
        "git push -u origin HEAD"]
    assert git(checkout, "status", "--porcelain") == "?? new.txt"

def test_a_pull_request_pushes_what_it_has_committed(checkout):
    git(checkout.parent, "init", "-q", "--bare", "hub.git")
    git(checkout, "remote", "add", "origin", checkout.parent/"hub.git")
    change(checkout)
    r = use(checkout, "pr", "A page")
    assert r.returncode == 0 and "There is no gh" in r.stdout
    assert git(checkout.parent/"hub.git", "log", "-1", "--format=%s", "a-page") == "A page"

def test_a_pull_request_of_main_needs_a_message(checkout): assert "give a message" in use(checkout, "pr").stderr

# -- wheel and sdist

@pytest.fixture(scope="module")
def built(tmp_path_factory):
    "The wheel and the sdist of this checkout."
    folder = tmp_path_factory.mktemp("dist")
    pytest.importorskip("hatchling", reason="NOT TESTED: hatchling is not installed; tools/test has it")
    code = "import sys; from hatchling import build; print(build.build_wheel(sys.argv[1])); print(build.build_sdist(sys.argv[1]))"
    out = subprocess.run([sys.executable, "-c", code, folder], cwd=root, check=True, capture_output=True, text=True,
        timeout=100).stdout
    return [folder/name for name in out.split()]

def test_the_wheel_has_the_package_and_the_kernelspec_and_nothing_else(built):
    names = zipfile.ZipFile(built[0]).namelist()
    tops = {name.split("/")[0] for name in names}
    assert tops == {"ipymini", *(o for o in tops if re.fullmatch(r"ipymini-[\d.]+\.(data|dist-info)", o))}
    package = {name for name in names if name.startswith("ipymini/") and name.endswith(".py")}
    assert package == {str(o.relative_to(root)) for o in (root/"ipymini").rglob("*.py")}
    for end in ("data/share/jupyter/kernels/ipymini/kernel.json",
        "data/etc/jupyter/jupyter_server_config.d/ipymini.json", "licenses/LICENSE"):
        assert any(name.endswith(end) for name in names), end

def test_the_sdist_has_all_that_the_tests_and_the_documentation_need(built):
    names = {name.split("/", 1)[1] for name in tarfile.open(built[1]).getnames() if "/" in name}
    needed = ["README.md", "CHANGELOG.md", "CONTRIBUTING.md", "LICENSE", "mkdocs.yml", "docs/index.md", "docs/jupyterlab.png", "docker/Dockerfile", "examples/tour.ipynb",
        "pytests/conftest.py", "tools/test", "share/jupyter/kernels/ipymini/kernel.json", "etc/jupyter/jupyter_server_config.d/ipymini.json"]
    assert [o for o in needed if o not in names] == []
    assert not [o for o in names if ".venvs" in o or "__pycache__" in o]

def test_the_metadata_has_the_version_of_the_package_and_says_what_was_run(built):
    from ipymini import __version__
    text = next(o for o in zipfile.ZipFile(built[0]).namelist() if o.endswith("METADATA"))
    metadata = message_from_string(zipfile.ZipFile(built[0]).read(text).decode())
    assert metadata["Version"] == __version__ and metadata["Requires-Python"] == project["requires-python"]
    named = {o.rpartition(" ")[2] for o in metadata.get_all("Classifier") if re.search(r":: 3\.\d+$", o)}
    assert named == set(re.findall(r"^\| (3\.\d+) \|", (root/"docs/pythons.md").read_text(), re.M))

def test_the_version_stands_in_one_place():
    from ipymini import __version__
    assert "version" in project["dynamic"] and "version" not in project
    assert f'"{__version__}"' in (root/"ipymini/__init__.py").read_text()

def test_the_lock_has_a_version_of_each_library_of_the_tests():
    locked = {name.lower().replace("_", "-") for name in re.findall(r"^([\w.-]+)==", (root/"tools/lock.txt").read_text(), re.M)}
    wanted = [*project["dependencies"], *(o for extra in project["optional-dependencies"].values() for o in extra)]
    names = {re.match(r"[\w.-]+", o)[0].lower().replace("_", "-") for o in wanted}
    assert names - locked == {project["name"]}  # one extra has another in it

# -- workflows

workflows = sorted((root/".github/workflows").glob("*.yml"))

@pytest.mark.slow
@pytest.mark.parametrize("path", workflows, ids=[o.name for o in workflows])
def test_a_workflow_is_what_the_schema_asks_for(path):
    pytest.importorskip("check_jsonschema", reason="NOT TESTED: check-jsonschema is not installed, see the extra `test`")
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.github-workflows", path]
    r = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert r.returncode == 0, r.stdout

def steps(path):
    "The shell lines of a workflow."
    jobs = yaml.safe_load(path.read_text())["jobs"]
    return [step["run"] for job in jobs.values() for step in job["steps"] if "run" in step]

def test_the_matrix_has_each_system_and_each_python():
    matrix = yaml.safe_load((root/".github/workflows/tests.yml").read_text())["jobs"]["smoke"]["strategy"]["matrix"]
    assert [o.partition("-")[0] for o in matrix["os"]] == ["ubuntu", "macos", "windows"]
    assert matrix["python"] == ["3.11", "3.12", "3.13", "3.14", "3.15"]
    assert [row["python"] for row in matrix["include"]] == ["3.14t"]

@pytest.mark.parametrize("path", workflows, ids=[o.name for o in workflows])
def test_what_a_workflow_runs_is_there(path):
    named = re.findall(r"(?:tools|\.ci)/[\w.]+", "\n".join(steps(path)))
    assert [o for o in named if not (root/o).exists()] == []

@pytest.mark.slow
@pytest.mark.timeout(1500)
def test_the_steps_of_the_package_workflow_run_in_a_clean_clone(tmp_path):
    if not (root/".git").exists(): pytest.skip("NOT TESTED: this is no checkout of git")
    git(tmp_path, "clone", "-q", root, "clone")
    subprocess.run([sys.executable, "-m", "venv", tmp_path/"venv"], check=True, timeout=120)
    kept = {k:v for k,v in os.environ.items() if not k.startswith("PYTHON")}
    env = {**kept, "PATH": f"{tmp_path}/venv/bin:{os.environ['PATH']}", "GITHUB_REF_NAME": f"v{own_version()}"}
    for line in dict.fromkeys(line for name in ("package.yml", "release.yml")
        for line in steps(root/".github/workflows"/name)):
        r = subprocess.run(["bash", "-e", "-c", line], cwd=tmp_path/"clone", env=env, capture_output=True, text=True,
            timeout=300)
        assert r.returncode == 0, f"{line}\n{r.stdout[-2000:]}{r.stderr[-2000:]}"

def own_version():
    from ipymini import __version__
    return __version__
