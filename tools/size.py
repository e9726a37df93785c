#!/usr/bin/env python3
"""Lines of ipymini by file, its longest functions, its import cycles; exits 1 when a function is over 40 lines or there is a cycle

Lines in all are shown, not bounded. Tests use `files`, `functions`, `imports`, `cycles`."""

import ast, sys
from pathlib import Path
from statistics import median

package = Path(__file__).resolve().parent.parent/"ipymini"
max_function = 40

def files(): return sorted(package.glob("**/*.py"))

def functions(f):
    "(lines, name, first line) of each function in the file `f`, decorators included, inner functions counted on their own as well"
    def walk(node, names):
        for o in ast.iter_child_nodes(node):
            named = isinstance(o, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef))
            inner = names + [o.name] if named else names
            if named and not isinstance(o, ast.ClassDef):
                first = min([o.lineno] + [d.lineno for d in o.decorator_list])
                yield o.end_lineno - first + 1, ".".join(inner), first
            yield from walk(o, inner)
    return list(walk(ast.parse(f.read_text()), []))

def room(f):
    "The name by which the package knows the file `f`: kernel, environments.make; a folder's `__init__` goes by the folder's"
    parts = f.relative_to(package).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" and parts[:-1] else parts)

def imports(f):
    "The modules of the package that the file `f` imports, in functions as well"
    res,rooms = set(),{room(o) for o in files()}
    folder = list(f.relative_to(package).parts[:-1])
    for o in ast.walk(ast.parse(f.read_text())):
        if isinstance(o, ast.Import): found = [a.name.split(".") for a in o.names]
        elif not isinstance(o, ast.ImportFrom): continue
        else:
            above = [package.name, *folder][:len(folder)+2-o.level] if o.level else []
            found = [[*above, *filter(None, (o.module or "").split(".")), a.name] for a in o.names]
        for parts in found:
            if parts[0] != package.name: continue
            # the longest beginning of the dotted name that is a module; the rest is a name in it
            names = (".".join(parts[1:n]) for n in range(len(parts), 1, -1))
            res.add(next((n for n in names if n in rooms), "__init__"))
    return res

def cycles():
    "Each import cycle, as a list of modules, once"
    arrows,res = {room(f):imports(f) for f in files()},set()
    def follow(path):
        for o in arrows.get(path[-1], ()):
            if o in path: res.add(frozenset(path[path.index(o):]))
            else: follow(path + [o])
    for o in arrows: follow([o])
    return [sorted(o) for o in res]

def main():
    bad,lines = [],{f:len(f.read_text().splitlines()) for f in files()}
    total,funcs = sum(lines.values()),sorted((*o, room(f)) for f in lines for o in functions(f))
    for f,n in sorted(lines.items(), key=lambda o: -o[1]): print(f"{n:6}  {f.relative_to(package.parent)}")
    print(f"{total:6}  in all\n\nlongest of {len(funcs)} functions; median {median(o[0] for o in funcs):g}")
    for n,name,line,stem in funcs[:-9:-1]: print(f"{n:6}  {stem}.{name}, line {line}")
    bad += [f"{stem}.{name}: {n} lines, {max_function} allowed" for n,name,_,stem in funcs if n > max_function]
    bad += [f"import cycle: {' > '.join(o)}" for o in cycles()]
    if bad: sys.exit("\n" + "\n".join(f"over budget: {o}" for o in bad))

if __name__ == "__main__": main()
