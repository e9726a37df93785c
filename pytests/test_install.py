"""The kernelspec: what `install` writes, and that a wheel alone makes the kernel one that Jupyter finds and runs

The wheel is the one that tools/test built, IPYMINI_WHEEL; without it a new one."""

import json, os, struct, subprocess, sys, zipfile
from contextlib import contextmanager
from ipymini.environments import install
from ipymini.__main__ import parse
from jupyter_client.kernelspec import KernelSpecManager
from jupyter_client.manager import KernelManager
from pathlib import Path
import pytest

root = Path(__file__).resolve().parent.parent
clean = {k:v for k,v in os.environ.items() if not k.startswith(("PYTHON", "JUPYTER", "IPYTHON"))}

def run(*cmd, **kw):
    return subprocess.run(list(map(str, cmd)), capture_output=True, text=True, env=clean, timeout=300, **kw)

@pytest.fixture
def spec(tmp_path):
    "Install with the given options into a folder of its own; what kernel.json says there, and its folder's name in `name`"
    def inner(*opts):
        install.main(["--prefix", str(tmp_path), *opts])
        path, = tmp_path.glob("share/jupyter/kernels/*/kernel.json")
        return dict(json.loads(path.read_text()), name=path.parent.name)
    return inner

# -- install

def test_defaults(spec):
    s = spec()
    assert s["argv"] == [sys.executable, "-P", "-Xfrozen_modules=off", "-m", "ipymini", "-f", "{connection_file}"]
    assert (s["name"], s["display_name"], s["language"]) == ("ipymini", "Python 3 (ipymini)", "python")
    assert (s["interrupt_mode"], s["kernel_protocol_version"]) == ("signal", "5.5")
    assert s["metadata"] == dict(debugger=True, supported_encryption=["curve"])
    assert "env" not in s

def test_name_is_the_display_name(spec):
    s = spec("--name", "My.Kernel-2")
    assert (s["name"], s["display_name"]) == ("my.kernel-2", "My.Kernel-2")

def test_display_name(spec):
    s = spec("--name", "mine", "--display-name", "Python für mich")
    assert (s["name"], s["display_name"]) == ("mine", "Python für mich")

def test_env(spec): assert spec("--env", "A", "1", "--env", "B", "x=y ${HOME}")["env"] == dict(A="1", B="x=y ${HOME}")

def test_profile(spec):
    s = spec("--profile", "lab")
    assert s["argv"][-2:] == ["--profile", "lab"]
    assert s["display_name"] == "Python 3 (ipymini) [profile=lab]"

def test_profile_leaves_a_given_display_name(spec):
    assert spec("--profile", "lab", "--display-name", "Lab")["display_name"] == "Lab"

def test_frozen_modules(spec):
    s = spec("--frozen-modules")
    assert s["argv"] == [sys.executable, "-P", "-m", "ipymini", "-f", "{connection_file}"]
    assert s["env"] == dict(PYDEVD_DISABLE_FILE_VALIDATION="1")

def test_given_env_wins(spec):
    assert spec("--frozen-modules", "--env", "PYDEVD_DISABLE_FILE_VALIDATION",
        "0")["env"]["PYDEVD_DISABLE_FILE_VALIDATION"] == "0"

def test_existing_spec_is_replaced(spec, tmp_path):
    spec("--env", "A", "1")
    (tmp_path/"share/jupyter/kernels/ipymini/stale").touch()
    assert "env" not in spec()
    assert not (tmp_path/"share/jupyter/kernels/ipymini/stale").exists()

def test_says_where(tmp_path, capsys):
    install.main(["--prefix", str(tmp_path), "--name", "Mine"])
    assert capsys.readouterr().out == f"Installed kernelspec mine in {tmp_path}/share/jupyter/kernels/mine\n"

def test_user_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("JUPYTER_DATA_DIR", str(tmp_path))
    install.main(["--user"])
    assert (tmp_path/"kernels/ipymini/kernel.json").exists()

def test_sys_prefix(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "prefix", str(tmp_path))
    install.main(["--sys-prefix"])
    assert (tmp_path/"share/jupyter/kernels/ipymini/kernel.json").exists()

def test_logos_have_their_sizes(spec, tmp_path):
    spec()
    d = tmp_path/"share/jupyter/kernels/ipymini"
    for n in (32, 64): assert struct.unpack(">II", (d/f"logo-{n}x{n}.png").read_bytes()[16:24]) == (n, n)
    assert (d/"logo-svg.svg").read_text().startswith("<svg")

@pytest.mark.parametrize("name", ["", "a b", "a/b", "..", ".", "ü", "a\n"])
def test_bad_name_is_one_clear_error(name, tmp_path):
    with pytest.raises(SystemExit) as e: install.main(["--prefix", str(tmp_path), "--name", name])
    assert "cannot name a kernel" in str(e.value) and "\n" not in str(e.value)
    assert not any(tmp_path.iterdir())

def test_folder_that_cannot_be_written_gives_a_hint(tmp_path):
    (tmp_path/"share").write_text("a file where a folder has to be")
    r = run(sys.executable, "-m", "ipymini", "install", "--prefix", tmp_path)
    assert r.returncode == 1
    assert r.stderr.startswith("ipymini: cannot install the kernelspec")
    assert "--user" in r.stderr
    assert "Traceback" not in r.stderr

def test_a_zip_file_is_one_clear_line(tmp_path):
    with zipfile.ZipFile(tmp_path/"packages.zip", "w") as packages:
        for file in (root/"ipymini").rglob("*.py"): packages.write(file, file.relative_to(root))
    lines = [f"import sys; sys.path.insert(0, {str(tmp_path/'packages.zip')!r})",
        "from ipymini.environments import install", f"install.main(['--prefix', {str(tmp_path)!r}])"]
    r = run(sys.executable, "-c", "\n".join(lines))
    assert (r.returncode, r.stdout, r.stderr.count("\n")) == (1, "", 1), r.stderr
    assert "packages.zip" in r.stderr and "pip install" in r.stderr
    assert not (tmp_path/"share").exists()

def test_one_place_only(capsys):
    with pytest.raises(SystemExit) as e: install.main(["--user", "--sys-prefix"])
    assert e.value.code == 2
    assert "not allowed with" in capsys.readouterr().err

# -- the command line of the kernel

@pytest.mark.parametrize("line, file, opts", [
    ("",                                             None,   {}),
    ("-f k.json",                                    "k.json", {}),
    ("-f=k.json",                                    "k.json", {}),
    ("--f=/a=b/k.json",                              "/a=b/k.json", {}),
    ("--f k.json",                                   "k.json", {}),
    ("-f k.json --HistoryManager.hist_file=:memory:", "k.json", {"HistoryManager.hist_file": ":memory:"}),
    ("--profile p -f k.json",                        "k.json", {"BaseIPythonApplication.profile": "p"}),
    ("--profile=p --debug -f k.json",                "k.json",
        {"BaseIPythonApplication.profile": "p", "Application.log_level": "10"}),
    ("--matplotlib -f k.json",                       "k.json", {"InteractiveShellApp.matplotlib": "auto"}),
    ("--matplotlib inline --pylab=agg -f k.json",    "k.json",
        {"InteractiveShellApp.matplotlib": "inline", "InteractiveShellApp.pylab": "agg"}),
    ("--no-fd-capture -f k.json",                    "k.json", {"IPKernelApp.capture_fd_output": "False"}),
    ("--IPKernelApp.capture_fd_output=False",        None,     {"IPKernelApp.capture_fd_output": "False"}),
    ("-c a=1 -f k.json",                             "k.json", {"InteractiveShellApp.code_to_run": "a=1"}),
    ("-c a -c b -f=1 -f=2",                          "2",    {"InteractiveShellApp.code_to_run": "b"}),
    ("-c --a -f k.json",                             "k.json", {"InteractiveShellApp.code_to_run": "--a"}),
    ("--foo bar -f k.json --x=1 baz -y",             "k.json", dict(foo=True, x="1", y=True)),
    ("-f",                                           True,     {})])
def test_parse(line, file, opts): assert parse(line.split()) == (file, opts)

def cli(*argv, **kw): return run(sys.executable, "-m", "ipymini", *argv, **kw)

def test_version():
    from ipymini import __version__
    assert cli("--version").stdout == f"ipymini {__version__}\n"

def test_help():
    r = cli("--help")
    for o in ("-f FILE", "install", "--profile", "--matplotlib", "--debug", "--no-fd-capture"): assert o in r.stdout
    assert r.returncode == 0 and max(map(len, r.stdout.split("\n"))) <= 140

@pytest.mark.parametrize("argv", [["instal"], ["-f"], ["-f="]])
def test_mistakes_get_one_line(argv):
    r = cli(*argv)
    assert r.returncode == 1
    assert r.stderr.startswith("ipymini: ") and r.stderr.count("\n") == 1

@pytest.mark.parametrize("argv", [["--version"], ["install", "--help"]])
def test_modules_beside_the_notebook_are_not_imported(argv, tmp_path):
    for o in ("random", "argparse", "json", "socket", "zmq", "asyncio"):
        (tmp_path/f"{o}.py").write_text("raise SystemExit('imported')")
    assert cli(*argv, cwd=tmp_path).returncode == 0

# -- what was installed, run

@contextmanager
def started(kernels, name="ipymini", **kw):
    "A function that gives the text of an expression's value in a kernel, the one that a spec in the folder `kernels` calls `name`"
    km = KernelManager(kernel_name=name,
        kernel_spec_manager=KernelSpecManager(kernel_dirs=[str(kernels)], ensure_native_kernel=False))
    km.start_kernel(**kw)
    kc = km.blocking_client()
    kc.start_channels()
    try:
        kc.wait_for_ready(timeout=30)
        ask = lambda code: kc.execute_interactive("", user_expressions=dict(v=code),
            timeout=30)["content"]["user_expressions"]["v"]
        yield lambda code: ask(code).get("data", {}).get("text/plain")
    finally:
        kc.stop_channels()
        km.shutdown_kernel(now=True)

def test_options_reach_the_kernel(spec, tmp_path, monkeypatch):
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path/"ipython"))
    (tmp_path/"ipython/profile_lab").mkdir(parents=True)
    spec("--name", "mine", "--env", "A_B", "x", "--profile", "lab")
    with started(tmp_path/"share/jupyter/kernels", "mine", extra_arguments=["-c", "c = 41"]) as value:
        assert value("__import__('os').environ['A_B']") == "'x'"
        assert value("get_ipython().profile") == "'lab'"
        assert value("c + 1") == "42"
        assert value("__import__('sys').executable") == repr(sys.executable)

def test_modules_beside_the_notebook_are_the_users_alone(spec, tmp_path):
    for o in ("random", "json", "socket", "zmq", "asyncio", "traitlets", "IPython", "tempfile"):
        (tmp_path/f"{o}.py").write_text("raise SystemExit('imported')")
    (tmp_path/"this.py").write_text("zen = 1")
    spec()
    with started(tmp_path/"share/jupyter/kernels", cwd=str(tmp_path)) as value:
        assert value("__import__('this').zen") == "1"

# -- the wheel

@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    if os.environ.get("IPYMINI_WHEEL"): return Path(os.environ["IPYMINI_WHEEL"])
    d = tmp_path_factory.mktemp("wheel")
    run(sys.executable, "-m", "pip", "wheel", "--no-deps", "-w", d, root, check=True)
    return next(d.glob("*.whl"))

one_and_one = """
from jupyter_client.manager import start_new_kernel
km,kc = start_new_kernel(kernel_name='ipymini')
kc.execute_interactive('1+1', timeout=60, output_hook=lambda m: print(m['content'].get('data', {}).get('text/plain', ''), end=''))
kc.stop_channels()
km.shutdown_kernel()
"""

@pytest.mark.slow
@pytest.mark.timeout(600)
def test_wheel_alone_gives_a_kernel_and_uninstall_takes_it(wheel, tmp_path):
    "With what it depends on and nothing else: no ipykernel either"
    venv = tmp_path/"venv"
    py,jupyter = venv/"bin/python",venv/"bin/jupyter"
    specs = lambda: json.loads(run(jupyter, "kernelspec", "list", "--json", check=True).stdout)["kernelspecs"]
    run(sys.executable, "-m", "venv", venv, check=True)
    run(py, "-m", "pip", "install", wheel, check=True)
    assert "ipykernel" not in run(py, "-m", "pip", "list", check=True).stdout
    assert specs()["ipymini"]["resource_dir"] == str(venv/"share/jupyter/kernels/ipymini")
    r = run(py, "-c", one_and_one, cwd=tmp_path)
    assert (r.stdout, r.stderr) == ("2", "")
    r = run(py, "-m", "ipymini", "install", "--prefix", tmp_path/"else", "--name", "other", check=True)
    assert json.loads((tmp_path/"else/share/jupyter/kernels/other/kernel.json").read_text())["argv"][0] == str(py)
    run(py, "-m", "pip", "uninstall", "-y", "ipymini", check=True)
    assert "ipymini" not in specs()
    assert not (venv/"share/jupyter/kernels/ipymini").exists()
