"""Black-box benchmark of Jupyter kernels: start, round trips, output, interrupts, answers while busy, shutdown, CPU time.

Each kernel is started from its kernelspec (or a plain argv) and spoken to over its sockets; nothing of it is imported.
Kernels take turns within every row.
Read `rows.py` for what is measured, `measuring.py` for how, `client.py` for the kernel that is spoken to."""

import argparse, atexit, json, os, re, signal, sys
from importlib.util import find_spec
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parent.parent))  # where venvs.py is
from about import add_version
from kernels import find_peer, floor_peer, install_kernel, is_stale, known, old, ours, setup, venv_of
from venvs import root

command = "python tools/bench"
usage = f"""{command} setup [NAME...]   make an environment for each kernel to compare
       {command} [OPTIONS]         measure, the kernels taking turns, and print a table
       {command} pods            compare pods with their peers, in an environment of their own
       {command} restarts        compare restarts in a Jupyter server: with our spare, without, ipykernel
       {command} show FILE         print the table of an earlier --json FILE again, or --plot it"""
more = f"""setup makes environments in .venvs/, once; our own tree is installed anew each time.

examples:
  {command} setup && {command} --quick
  {command} --kernels ipymini,ipykernel --rows 'spawn|interrupt' --json out.json --plot out.svg
  {command} --old ../before --rows CPU   (two trees of ours in one run; exits 1 if a row is worse by over 5 %)
  {command} --kernel mine='python -m mykernel -f {{connection_file}}' --kernels mine,ipykernel

What a cell of the table says when there is no number:
  never    no answer within the deadline: 1 s while busy, 5 s for an interrupt,
           6 s for a shutdown, as jupyter_client kills after 5, else 30 s
  died     the process ended
  lost     a request or its output never arrived
  no idle  the cell's idle status did not arrive
  > 30     a slow reader was not through after 30 s

A slow reader sleeps 2 ms after each message, a stalled one reads nothing for 5 s; both have ZeroMQ's usual limit of
1,000 messages. Memory is growth over the row. CPU is that of the kernel's processes alone. The floor is a loop around
InteractiveShell.run_cell behind one ROUTER socket, without IOPub."""

def main():
    "Set up, measure or show, as the command line says."
    if sys.argv[1:2] == ["pods"]:
        from pods import main as compare_pods
        return compare_pods(sys.argv[2:])
    if sys.argv[1:2] == ["restarts"]:
        from restarts import main as compare_restarts
        return compare_restarts(sys.argv[2:])
    options = arguments()
    if options.what == "setup": return setup(options.names, options.python, options.upgrade)
    if options.what == "show": data = json.loads(Path(options.names[0]).read_text())
    else: data = measured(options)
    from showing import print_table, print_verdict
    if options.json: Path(options.json).write_text(json.dumps(data, indent=1))
    print_table(data)
    if options.plot: draw(data, options.plot)
    if options.old and not print_verdict(data): sys.exit(1)

def draw(data, file):
    "Write the picture that --plot asks for."
    from drawing import plot
    plot(data, file)

def arguments():
    "The options of the command line."
    parser = argparse.ArgumentParser(prog=command, usage=usage, description=__doc__, epilog=more,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    add_version(parser)
    add = parser.add_argument
    add("what", nargs="?", choices=("run", "setup", "show"), default="run", help=argparse.SUPPRESS)
    add("names", nargs="*", help=argparse.SUPPRESS)
    add("--kernels", metavar="A,B", help=f"which to measure (default: those set up of {', '.join(known)})")
    add("--kernel", metavar="NAME=WHAT", action="append", default=[], help="a kernel by venv, kernel.json or command line")
    add("--old", metavar="WHEEL|FOLDER", help="measure our tree beside another one of ours, both installed anew")
    add("--rows", metavar="REGEX", default="", help="only rows whose 'group: name' matches (see --list)")
    add("--quick", action="store_true", help="few turns: 12 minutes for all rows of six kernels, not most of an hour")
    add("--no-floor", action="store_true", help="leave out the bare loop")
    add("--json", metavar="FILE", help="write all results, samples included")
    add("--plot", metavar="FILE", help="write a PNG or SVG of the headlines (matplotlib gets an environment of its own)")
    add("--list", action="store_true", help="list the rows and stop")
    add("--upgrade", action="store_true", help="setup: take the newest releases")
    add("--python", default=sys.executable, help="setup, --old: Python for the environments (default: this one)")
    return parser.parse_args()

def measured(options):
    "Measure as the options say; what showing.py shows."
    if not find_spec("zmq"): move()
    from client import Kernel
    from measuring import measure
    from rows import rows
    from showing import report
    chosen = [row for row in rows if re.search(options.rows, row.title)]
    if options.list: sys.exit(print(*(row.title for row in chosen), sep="\n"))
    atexit.register(lambda: [kernel.kill() for kernel in [*Kernel.living]])
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    peers = find_peers(options)
    warn(options)
    return report(measure(peers, chosen, options.quick), peers)

def move():
    "Go on in the environment that has pyzmq."
    python = venv_of("client")/"bin/python"
    if not python.exists(): setup(["client"], sys.executable, upgrade=False)
    os.execv(python, [str(python), *sys.argv])

def find_peers(options):
    "The kernels to measure, of which each has started once."
    from measuring import prepare
    if options.old: install_trees(options)
    given = dict(pair.split("=", 1) for pair in options.kernel)
    peers = [find_peer(name, given.get(name)) for name in names_of(options, given)]
    if not peers: sys.exit(f"No kernels to measure: run `{command} setup` first, or give --kernel")
    if not options.no_floor: peers.append(floor_peer(peers))
    started = [peer for peer in peers if prepare(peer)]
    return started or sys.exit("No kernel starts")

def install_trees(options):
    "Install our tree and the one that --old names, both as they are now."
    requirement = Path(options.old).resolve()
    if not requirement.exists(): sys.exit(f"--old: there is no {requirement}")
    install_kernel(ours, str(root), options.python)
    install_kernel(old, str(requirement), options.python)

def names_of(options, given):
    "Which kernels were asked for; else our two trees with --old; else those that are set up and those given."
    if options.kernels: return options.kernels.split(",")
    if options.old: return [ours, old, *given]
    return [*dict.fromkeys([*(name for name in known if venv_of(name).exists()), *given])]

def warn(options):
    "Say on stderr what makes figures doubtful."
    load = os.getloadavg()[0]
    notes = []
    if not options.old and is_stale(): notes.append(f"{ours} as installed is not the tree; `{command} setup {ours}` installs it anew")
    if load > .5: notes.append(f"others are at work here (load {load:.1f}): trust ratios, not times")
    for note in notes: print(f"Note: {note}", file=sys.stderr)

if __name__ == "__main__": main()
