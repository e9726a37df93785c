"""A notebook of 40 cells about pods, as text, and what runs it as a script: `python pod_notebook.py` prints, as JSON, what each cell gave.

A cell's outcome: its stdout and displays as text, in order, its stderr, its error."""
import ast, asyncio, io, json, linecache, sys

cells = '''
from ipymini import PodError, pod
import asyncio, os, signal, threading
---
p = pod(name="first")
p.abs(-3)
---
print(p.os.path.join("a", "b"), p["os.sep"])
---
p["x"] = [1, 2, 3]
print(p["x"], p.len(p["x"]))
---
p.run("""
total = 0
def add(n):
    global total
    total += n
    return total
""")
---
print(p.add(2), p.add(3), p["total"])
---
@p
def greet(name, mark="!"):
    print("greeting", name)
    return f"Hello, {name}{mark}"
---
print(greet("Ada"), p.greet("Bob", mark="?"))
---
p.print("one line")
---
p.run("import sys\\nfor i in range(3):\\n    print('out', i)\\n    print('err', i, file=sys.stderr)")
---
p.run("import os\\nprint('a')\\nos.system('echo b')\\nprint('c')")
---
p.run("import ctypes\\nprint(1)\\nctypes.CDLL(None).puts(b'from C')\\nprint(2)")
---
p.run("for i in range(2000): print(i)")
---
p.int("nothing")
---
p.run("class Odd(Exception): pass\\nraise Odd('strange')")
---
try: p.run("1/0")
except ZeroDivisionError as error: print("in <module>" in str(error.__cause__), type(error.__cause__).__name__)
---
p.missing()
---
h = p.open(os.devnull)
print(repr(h)[:23], h.read(), p.callable(h))
---
p.run("class Row:\\n    def __len__(self): return 3\\n    def __getitem__(self, i): return i * 10")
row = p.Row()
print(len(row), row[4])
---
print(p.map(p.abs, [-1, -2]), p.map(greet, ["x"]))
---
threading.Timer(.3, os.kill, (os.getpid(), signal.SIGINT)).start()
p.time.sleep(30)
---
print(p["total"], "kept")
---
p.time.sleep.timeout_(.1)(30)
---
print(await p.abs.async_(-8))
---
q = pod(name="second")
print(await asyncio.gather(*(each.abs.async_(-i) for i, each in enumerate([p, q, p, q]))))
---
async def cancelled():
    task = asyncio.create_task(q.time.sleep.async_(30))
    await asyncio.sleep(.3)
    task.cancel()
    try: await task
    except asyncio.CancelledError: return "cancelled"
print(await cancelled(), q.abs(-1))
---
%%pod p
y = 20
y + 1
---
%%pod p
print("in a cell", y)
---
%%pod second
import math
print(math.floor(2.5))
"a value"
---
%%pod p
1/0
---
%%pod p
from IPython.display import HTML, display
print("before")
display(HTML("<b>bold</b>"))
print("after")
---
p.run("""
def show():
    from IPython.display import display
    print(1)
    display(2)
    print(3)
""")
p.show()
---
%%pod p
import matplotlib.pyplot as plt
lines = plt.plot([1, 2])
---
p.run("""
def plot():
    import matplotlib.pyplot as plt
    plt.plot([1, 2])
    print("plotted")
""")
p.plot()
---
print(p.input())
---
p.run("import sys\\nfor i in range(5): sys.stderr.write(f'\\\\r{i}')")
---
def work():
    print(q.abs(-5))
thread = threading.Thread(target=work)
thread.start()
thread.join()
---
q.os.abort()
---
q.restart()
print(q.abs(-2))
---
q.close()
p.close()
print("ended" in repr(p), "ended" in repr(q))
'''.strip("\n").split("\n---\n")

answer = "typed"  # what the one cell that asks is answered

def run(code, namespace):
    "Run a cell as Python's prompt would; %%pod goes to the pod itself."
    if code.startswith("%%pod"): return run_in_pod(code, namespace)
    file = f"cell of {len(code)} characters"
    linecache.cache[file] = len(code),None,code.splitlines(True),file
    tree = ast.parse(code)
    last = tree.body.pop() if isinstance(tree.body[-1], ast.Expr) else None
    evaluate(compile(tree, file, "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT), namespace)
    if last is None: return
    value = evaluate(compile(ast.Expression(last.value), file, "eval", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT), namespace)
    if value is not None: print(repr(value))

def evaluate(code, namespace):
    value = eval(code, namespace)
    return asyncio.run(value) if asyncio.iscoroutine(value) else value

def run_in_pod(code, namespace):
    first,_,rest = code.partition("\n")
    from ipymini.pods.client import cores
    core = getattr(namespace.get(first.split()[1]), "_core", None)
    if core is None: core = next(o for o in cores if o.name == first.split()[1])
    core.do("cell", rest)

def outcome(code, namespace):
    "What a cell gave."
    old,error = (sys.stdout, sys.stderr),None
    out,err = sys.stdout,sys.stderr = io.StringIO(),io.StringIO()
    try: run(code, namespace)
    except BaseException as e: error = f"{type(e).__name__}: {e}".splitlines()[0]
    finally: sys.stdout,sys.stderr = old
    return [out.getvalue(), err.getvalue(), error]

if __name__ == "__main__":
    sys.stdin = io.StringIO(answer + "\n")
    namespace = {"__name__": "__main__"}
    print(json.dumps([outcome(code, namespace) for code in cells]))
