"""The command line: run a kernel, install the kernelspec, or help a person.

Every kernel starts here: nothing but `sys` is imported on the way to `lifecycle.main`, and no other kernel's option is an error."""

import sys

# a `random.py` beside the notebook must not be what we import; `lifecycle` puts the cwd back in front for user code
if __name__ == "__main__" and not sys.flags.safe_path: del sys.path[0]

import gc, os  # which are there already

usage = """\
usage: ipymini [-f FILE] [options]    run a kernel; Jupyter does this for you
       ipymini install [options]      add a kernel to Jupyter: of this Python, of another environment, of a project
       ipymini kernels                show the kernels that were added
       ipymini uninstall NAME         take one away
       ipymini env COMMAND            named environments, as images of podman or docker
       ipymini session                a kernel that a terminal, JupyterLab and VS Code share

Each has its --help. Where the command ipymini is not on PATH, python -m ipymini is the same.

ipymini runs Python for Jupyter's notebooks and consoles. `pip install` has made it known to the Jupyter of its own environment.

  -f FILE                  connection file; one that is missing is made, with free ports. Without -f: one in Jupyter's runtime folder
  -c CODE                  run CODE at the start
  --profile NAME           take configuration and startup files from this IPython profile
  --matplotlib [BACKEND]   set up matplotlib; --pylab [BACKEND] also imports its names and numpy's
  --no-fd-capture          leave the output of subprocesses and C code where the kernel was started
  --debug                  tell more on stderr
  --Class.trait=VALUE      any IPython setting, as in --HistoryManager.hist_file=:memory:
  -h, --help               this text
  -V, --version            the version

Options that no one here knows are ignored."""

# options that take a word, and what IPython calls them; options that can do without, and what they then stand for
trait = dict(f="f", c="InteractiveShellApp.code_to_run", profile="BaseIPythonApplication.profile",
    matplotlib="InteractiveShellApp.matplotlib", pylab="InteractiveShellApp.pylab")
bare = {"matplotlib": (trait["matplotlib"], "auto"), "pylab": (trait["pylab"], "auto"),
    "debug": ("Application.log_level", "10"), "no-fd-capture": ("IPKernelApp.capture_fd_output", "False")}

def parse(argv):
    """The connection file that `argv` names, or None, and a dict of its other options, `{"Class.trait": "value"}`.

    An unknown option goes by its name without dashes, with True for a missing value. The last of a name wins. Stray words are dropped."""
    opts,words = {},list(argv)
    while words:
        name,eq,val = words.pop(0).partition("=")
        if not name.startswith("-"): continue
        name = name.lstrip("-")
        if not eq and takes_next(name, words): eq,val = True,words.pop(0)
        opts.update([(trait.get(name, name), val) if eq else bare.get(name, (name, True))])
    return opts.pop("f", None), opts

def takes_next(name, words):
    "True if the option `name` takes the first of `words`, which stand behind it, for its value."
    if name not in trait or not words: return False
    return name not in bare or not words[0].startswith("-")

def open_standard_descriptors():
    "Open /dev/null as those of 0, 1 and 2 that a supervisor has closed: else a socket of ours could become one, and get output."
    fd = 0
    while fd < 3:
        fd = os.open(os.devnull, os.O_RDWR)
        os.set_inheritable(fd, True)
    os.close(fd)

def main(argv):
    "Do what the command line `argv` asks for; where it names no command, that is to run a kernel."
    open_standard_descriptors()
    if argv[:1] == ["spare"]:
        from . import spare
        argv = spare.wait()
    if argv and not argv[0].startswith("-"): return run_command(*argv)
    file,options = parse(argv)
    if options.keys() & {"h", "help"}: return print(usage)
    if options.keys() & {"V", "version"}: return print("ipymini", sys.modules["ipymini"].__version__)
    return run_kernel(file, options)

def run_kernel(file, options):
    "Run a kernel on the connection file `file`; None for a new one. Ends the process."
    if file in (True, ""): sys.exit("ipymini: -f needs the name of a connection file")
    on_terminal = os.isatty(0)  # a person starts it; Jupyter never gives a kernel its terminal to read from
    if on_terminal: refuse_unknown(options)
    if not file or not (os.path.dirname(file) or os.path.exists(file)):
        from .environments.kernelspecs import runtime_file
        file = runtime_file(file or f"kernel-{os.getpid()}.json")
    try: os.getcwd()
    except OSError: os.chdir("/")  # IPython does not start in a folder that is gone
    gc.disable()  # until all is loaded: nothing of what is imported dies
    from . import lifecycle
    return lifecycle.main(file, options, on_terminal)

def run_command(name, *argv):
    "Run one of the commands that are no kernel."
    if name in ("install", "kernels", "uninstall"):
        from .environments import install
        return install.main(list(argv), name)
    modules = dict(run="launch", env="commands", session="session")
    if name not in modules: sys.exit(f"ipymini: no command {name!r}; ipymini --help tells what there is")
    from importlib import import_module
    return import_module(f"ipymini.environments.{modules[name]}").main(list(argv))

def refuse_unknown(options):
    "Exit where a person has mistyped an option; to Jupyter, which gives other kernels' options as well, an unknown one is no error."
    known = {name for name,_ in bare.values()}
    for name in options:
        if "." not in name and name not in known: sys.exit(f"ipymini: no option --{name}; ipymini --help tells what there is")

def command():
    "The console script `ipymini`."
    sys.exit(main(sys.argv[1:]))

if __name__ == "__main__": command()
