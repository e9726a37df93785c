#!/usr/bin/env python3
"""The measures of the house: prints each with its limit, and exits 1 where one is past it.

`tools/laws.py` reads the source of the package, folders included, and profiles `print(1); 2` on the main thread of a live kernel.
`--report` prints alone and exits 0; `--list WORD` shows the places behind the measures whose name has WORD in it, the worst first;
`--package FOLDER` measures another tree. Read `laws`, the table, first; what is counted is said in `measures.py` and `profiled.py`."""

import argparse, json, subprocess, sys
import measures
from about import add_version
from collections import Counter
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path
from signal import SIG_DFL, SIGPIPE, signal
from typing import Callable, NamedTuple
from measures import Found, Source
from venvs import ready, root


class Law(NamedTuple):
    "One measure: what it is called, its limit, how it is counted, how it is written."
    name: str
    limit: float
    count: Callable  # of a list of Sources; returns a `Result`
    form: str = "{:,.0f}"


class Result(NamedTuple):
    "What a measure came to, and the places that say where, each with a number of its own."
    value: float
    places: list


def main():
    signal(SIGPIPE, SIG_DFL)  # whoever pipes this into `head` has seen enough
    options = arguments()
    sources = read_package(options.package)
    broken = [law.name for law in laws if not kept(law, law.count(sources), options.list)]
    if options.profile: broken += profile(options)
    report_rooms(sources)
    if broken: print(f"\nPast the limit: {'; '.join(broken)}.")
    sys.exit(bool(broken) and not options.report)

def arguments():
    "The options of the command line."
    parser = argparse.ArgumentParser(prog="tools/laws.py", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_version(parser)
    parser.add_argument("--report", action="store_true", help="print and exit 0, whatever the measures are")
    parser.add_argument("--list", metavar="WORD", help="show the places behind the measures whose name has WORD in it")
    parser.add_argument("--package", metavar="FOLDER", type=Path, default=root/"ipymini", help="the package to measure (default: ours)")
    parser.add_argument("--no-profile", dest="profile", action="store_false", help="start no kernel")
    return parser.parse_args()

def read_package(package):
    "The Sources of all modules of the folder `package`."
    return [Source.read(path, package) for path in sorted(package.rglob("*.py"))]

def kept(law, result, listed=None):
    "Print the measure of `law` beside its limit, and its places if `listed` asks for them; True if it is kept."
    is_kept = result.value <= law.limit
    mark = " " if is_kept else "!"
    value,limit = (law.form.format(number) for number in (result.value, law.limit))
    print(f"{mark} {law.name:58} {value:>8}   at most {limit}")
    if listed and listed in law.name: show_places(result.places)
    return is_kept

def show_places(places):
    "Print `places`, the largest number first."
    for value,place in sorted(places, key=lambda found: -found.value): print(f"      {value:6,.0f}  {place}")

def report_rooms(sources):
    "Print the number of nodes of each room, and of all."
    rooms = {source.room: len(source.nodes()) for source in sources}
    print(f"\nnodes: {sum(rooms.values()):,} in {len(rooms)} rooms")
    for room,count in sorted(rooms.items(), key=lambda item: -item[1]): print(f"  {count:6,}  {room}")


# -- how the measures of all sources become one

def each(count, sources):
    "What `count` found in each of `sources`, as one list."
    return [found for source in sources for found in count(source)]

def largest(count):
    "A measure: the largest number that `count` finds; its places are the twenty largest."
    def measure(sources):
        found = sorted(each(count, sources), key=lambda o: -o.value)
        return Result(found[0].value if found else 0, found[:20])
    return measure

def number(count):
    "A measure: how many places `count` finds."
    def measure(sources):
        found = each(count, sources)
        return Result(len(found), found)
    return measure

def share(count, over=0):
    "A measure: per cent of the places whose number is over `over`."
    def measure(sources):
        found = each(count, sources)
        places = [o for o in found if o.value > over]
        return Result(100*len(places)/max(1, len(found)), places)
    return measure

def nodes_per_line(sources):
    "A measure: nodes in all by code lines in all."
    places = [room_density(source) for source in sources]
    nodes = sum(place.value for place in places)
    lines = sum(len(measures.code_lines(source)) for source in sources)
    return Result(nodes/max(1, lines), places)

def room_density(source):
    "The nodes of one module; its place says how many that is a line."
    nodes = len(source.nodes())
    lines = len(measures.code_lines(source))
    return Found(nodes, f"{source.room}: {nodes/max(1, lines):.1f} a line")

def parameters_in(compat):
    "A measure: the most parameters of a function, of those in `compat` or of all others."
    def count(source): return measures.parameter_counts(source) if source.room.startswith("compat") == compat else []
    return largest(count)

laws = [  # chkstyle: ignore-node  (a law a line)
    Law("nodes per code line", 7.5, nodes_per_line, "{:.2f}"),
    Law("nodes on the densest line", 22, largest(measures.nodes_by_line)),
    Law("nodes of the largest function", 150, largest(measures.function_nodes)),
    Law("functions over 100 nodes, %", 8, share(measures.function_nodes, over=100), "{:.1f}"),
    Law("columns of the widest line", 140, largest(measures.widths)),
    Law("lines over 120 columns, %", 3, share(measures.widths, over=120), "{:.1f}"),
    Law("attributes of a class", 12, largest(measures.attribute_counts)),
    Law("own methods of a class", 20, largest(measures.method_counts)),
    Law("parameters of a function", 6, parameters_in(compat=False)),
    Law("parameters of a function in compat", 9, parameters_in(compat=True)),
    Law("statements that assign three or more things", 0, number(measures.crowded_assignments)),
    Law("expression statements that decide", 0, number(measures.deciding_statements)),
    Law("names under three letters, % of names bound", 10, share(measures.bound_names), "{:.1f}"),
    Law("docstrings that are no sentence, %", 5, share(measures.docstrings), "{:.1f}"),
    Law("modules, classes, large functions without a docstring", 0, number(measures.undocumented))]


# -- the profile of a cell

def profile(options):
    "Print what a cell enters in a kernel of the package; the names of the laws that it breaks."
    entries = profiled(options.package.resolve().parent)
    is_kept = kept(cell_law, cell_law.count(entries), options.list)
    print(f"\n`print(1); 2` makes {len(entries)} entries into functions of the package, and {moves(entries)} moves between its files")
    return [] if is_kept else [cell_law.name]

def profiled(folder):
    "The entries that `profiled.py` saw in a kernel of the package in `folder`: file, function, whether a coroutine was resumed."
    python = sys.executable if find_spec("jupyter_client") else ready("test", "test")
    run = subprocess.run([python, root/"tools/profiled.py", folder], stdout=subprocess.PIPE, text=True)
    if run.returncode: sys.exit("The cell could not be profiled; --no-profile leaves it out.")
    return json.loads(run.stdout)

def functions_entered(entries):
    "The functions that were entered, once each, and a coroutine again for each time that it was resumed."
    resumed = [(file, name) for file,name,is_resumed in entries if is_resumed]
    return [*{(file, name) for file,name,_ in entries}, *resumed]

def entered_places(entries):
    "Each function with the number of its entries."
    counts = Counter(f"{file} {name}" for file,name,_ in entries)
    return [Found(count, place) for place,count in counts.items()]

def entered(entries):
    "How many functions a cell enters that made the `entries`."
    return Result(len(functions_entered(entries)), entered_places(entries))

cell_law = Law("functions that `print(1); 2` enters", 60, entered)

def moves(entries):
    "How often one entry is in another file than the one before it."
    return sum(before[0] != after[0] for before,after in pairwise(entries))

if __name__ == "__main__": main()
