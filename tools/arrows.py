#!/usr/bin/env python3
"""Who imports whom in the package, folders included: `tools/arrows.py` prints each room with its arrows, and exits 1 if there is a cycle.

A room is a module by its dotted name within the package, `kernel` or `environments.make`; a folder's `__init__` goes by the folder's name.
Imports inside functions count as well. Standard library only."""

import ast, sys
from about import answer
from pathlib import Path

package = Path(__file__).resolve().parent.parent/"ipymini"

def main():
    arrows = all_arrows(package)
    for room,targets in arrows.items(): print(f"{room:28} {' '.join(sorted(targets)) or '-'}")
    found = cycles(arrows)
    for cycle in found: print(f"import cycle: {' > '.join(cycle)}")
    sys.exit(bool(found))

def all_arrows(package):
    "Room by room of the folder `package`, the set of rooms that it imports."
    rooms = {room(path, package): path for path in files(package)}
    return {name: imports(path, package) for name,path in rooms.items()}

def files(package):
    "The modules of the folder `package`, in order."
    return sorted(package.rglob("*.py"))

def room(path, package):
    "The name by which the package knows the file `path`."
    parts = path.relative_to(package).with_suffix("").parts
    is_folder = parts[-1] == "__init__" and len(parts) > 1
    return ".".join(parts[:-1] if is_folder else parts)

def imports(path, package):
    "The rooms of the package that the file `path` imports."
    rooms = {room(other, package) for other in files(package)}
    names = imported_names(path, package)
    inside = [name.split(".")[1:] for name in names if name.split(".")[0] == package.name]
    return {longest(parts, rooms) for parts in inside}

def longest(parts, rooms):
    "The longest beginning of the dotted name `parts` that is one of `rooms`: what follows is a name in it. The package itself, if there is none."
    beginnings = [".".join(parts[:end]) for end in range(len(parts), 0, -1)]
    return next((name for name in beginnings if name in rooms), "__init__")

def libraries(path, package):
    "The top-level names that the file `path` imports from outside of the package."
    tops = {name.partition(".")[0] for name in imported_names(path, package)}
    return tops - {package.name}

def imported_names(path, package):
    "The full dotted names that the file `path` imports, each with the name that is taken out of the module."
    folder = [package.name, *path.relative_to(package).parts[:-1]]
    names = []
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import): names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom): names += from_names(node, folder)
    return names

def from_names(node, folder):
    "The full dotted names of `from module import ...`, in a file of `folder`, a list of names from the package down."
    above = folder[:len(folder) + 1 - node.level] if node.level else []
    module = node.module.split(".") if node.module else []
    return [".".join([*above, *module, alias.name]) for alias in node.names]

def cycles(arrows):
    "Each import cycle in `arrows`, as a sorted list of rooms, once."
    found = set()
    def follow(path):
        for target in arrows.get(path[-1], ()):
            if target in path: found.add(frozenset(path[path.index(target):]))
            else: follow([*path, target])
    for room in arrows: follow([room])
    return [sorted(cycle) for cycle in found]

if __name__ == "__main__":
    answer(__doc__)
    main()
