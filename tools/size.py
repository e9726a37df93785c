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

def imports(f):
    "The modules of the package that the file `f` imports, in functions as well"
    res,rooms = set(),{o.stem for o in files()}
    for o in ast.walk(ast.parse(f.read_text())):
        if isinstance(o, ast.Import): parts = [a.name.split(".") for a in o.names]
        elif not isinstance(o, ast.ImportFrom): continue
        elif o.level or (o.module or "").split(".")[0] == package.name:
            at = (o.module or "").split(".")[0 if o.level else 1:]
            parts = [[package.name, *filter(None, at), a.name] for a in o.names]
        else: continue
        for p in parts:
            if p[0] == package.name: res.add(p[1] if len(p) > 1 and p[1] in rooms else "__init__")
    return res

def cycles():
    "Each import cycle, as a list of modules, once"
    arrows,res = {f.stem:imports(f) for f in files()},set()
    def follow(path):
        for o in arrows.get(path[-1], ()):
            if o in path: res.add(frozenset(path[path.index(o):]))
            else: follow(path + [o])
    for o in arrows: follow([o])
    return [sorted(o) for o in res]

def main():
    bad,lines = [],{f:len(f.read_text().splitlines()) for f in files()}
    total,funcs = sum(lines.values()),sorted((*o, f.stem) for f in lines for o in functions(f))
    for f,n in sorted(lines.items(), key=lambda o: -o[1]): print(f"{n:6}  {f.relative_to(package.parent)}")
    print(f"{total:6}  in all\n\nlongest of {len(funcs)} functions; median {median(o[0] for o in funcs):g}")
    for n,name,line,stem in funcs[:-9:-1]: print(f"{n:6}  {stem}.{name}, line {line}")
    bad += [f"{stem}.{name}: {n} lines, {max_function} allowed" for n,name,_,stem in funcs if n > max_function]
    bad += [f"import cycle: {' > '.join(o)}" for o in cycles()]
    if bad: sys.exit("\n" + "\n".join(f"over budget: {o}" for o in bad))

if __name__ == "__main__": main()
