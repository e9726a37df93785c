"""What a cell may do to its kernel. Whatever it was, its reply and idle come, the user sees what is said here, and the next cell runs as if nothing had been

`harmless` cases share a kernel, `grave` ones have one each. Each case: name, code, what the user sees of it."""
import json, pytest

def each(cls, body, shows, **kw):
    return [(f"{cls} {k}", f"class C{cls}:\n    def {body.format(v[0])}\n{shows}", v[1]) for k,v in kw.items()]

raisers = dict(ValueError=("raise ValueError('no')", "ValueError"), RecursionError=("raise RecursionError", "RecursionError"),
    MemoryError=("raise MemoryError", "MemoryError"), KeyboardInterrupt=("raise KeyboardInterrupt", "KeyboardInterrupt"),
    SystemExit=("raise SystemExit", "SystemExit"), StopIteration=("raise StopIteration", "StopIteration"),
    GeneratorExit=("raise GeneratorExit", "GeneratorExit"), BaseException=("raise BaseException", "BaseException"))
in_the_child = dict(_exit="os._exit(0)", exit="sys.exit(3)", error="1/0",
    await_="await asyncio.sleep(.01); os._exit(0)", exec="os.execvp('true', ['true'])", sigterm="os.kill(os.getpid(), signal.SIGTERM)")

harmless = [
    *each("repr", "__repr__(self): {}", "Crepr()", **raisers, number=("return 5", "TypeError"),
        recursion=("return repr(self)", "RecursionError")),
    *each("html", "_repr_html_(self): {}", "Chtml()", **raisers, number=("return 5", "Chtml object"),
        object=("return object()", "Chtml object")),
    *each("json", "_repr_json_(self): {}", "Cjson()", object=("return object()", "Cjson object"),
        dict=("return dict(a=float('nan'))", "Cjson at")),
    *each("bundle", "_repr_mimebundle_(self, **kw): {}", "Cbundle()", list=("return [1]", "Cbundle object"),
        triple=("return 1,2,3", "Cbundle object"),
        junk=("return {5: object()}", "TypeError"), interrupt=("raise KeyboardInterrupt", "KeyboardInterrupt")),
    *each("display", "_ipython_display_(self): {}", "Cdisplay()", error=("raise BaseException", "BaseException"),
        exit=("raise SystemExit", "SystemExit")),
    *each("attr", "__getattribute__(self, n): {}", "Cattr()", error=("raise ValueError", "ValueError"),
        base=("raise BaseException", "BaseException")),
    *each("any", "__getattr__(self, n): {}", "Cany()", self=("return self", "Cany at")),
    *each("class", "f(self): {}\n    __class__ = property(f)", "Cclass()", error=("raise ValueError", "ValueError")),
    *each("str", "__str__(self): {}", "print(Cstr())", **raisers, number=("return 5", "TypeError")),
    ("string that raises",
        "class S(str):\n"
        "    def __str__(self): 1/0\n"
        "    def __len__(self): 1/0\n"
        "display({'text/plain': S('x')}, raw=True); print(S('x'))", "ZeroDivisionError"),
    ("list that holds itself", "l = []; l.append(l); l", "[[...]]"),
    ("deep list", "l = []\nfor i in range(100_000): l = [l]\nl", "RecursionError"),
    ("a million elements", "list(range(10**6))", "999,"), ("a huge number", "10**5000", "ValueError"),
    ("nan in display data", "display({'application/json': float('nan')}, raw=True)", "ok"),
    ("odd metadata", "display({'text/plain': 'x'}, metadata={5: float('inf'), None: b'x'}, raw=True)", "ok"),
    ("a generator as data", "display({'text/plain': (c for c in 'ab')}, raw=True)", "ok"),
    ("a lock as data", "import threading; display({'text/plain': threading.Lock()}, raw=True)", "TypeError"),

    ("text of an error is a number", "class E(Exception):\n    def __str__(self): return 5\nraise E", "E"),
    ("a huge error", "raise ValueError('x'*10**7)", "ValueError"),
    ("error without traceback", "class E(Exception):\n    __traceback__ = property(lambda self: 1/0)\nraise E", "E"),
    ("error without args", "class E(Exception):\n    args = property(lambda self: 1/0)\nraise E('x')", "E"),
    ("error without a name",
        "class M(type):\n"
        "    __name__ = property(lambda self: 1/0)\n"
        "class E(Exception, metaclass=M): pass\n"
        "raise E", "ZeroDivisionError"),
    ("error that caused itself", "e = ValueError('x'); e.__cause__ = e; raise e", "ValueError"),
    ("causes in a circle", "a,b = ValueError('a'),ValueError('b'); a.__cause__ = b; b.__cause__ = a; raise a",
        "ValueError"),
    ("contexts in a circle", "a,b = ValueError('a'),ValueError('b'); a.__context__ = b; b.__context__ = a; raise a",
        "ValueError"),
    *[(f"raise {e}", f"class Own(BaseException): pass\nraise {e}",
        e.partition("(")[0]) for e in ("BaseException('x')", "Own", "GeneratorExit", "StopIteration(5)",
            "StopAsyncIteration", "SystemExit(3)", "KeyboardInterrupt")],
    *[(f"await, then raise {e}", f"import asyncio; await asyncio.sleep(0); raise {e}",
        e.rpartition(".")[2]) for e in ("BaseException", "SystemExit", "StopIteration", "KeyboardInterrupt",
            "asyncio.CancelledError")],

    ("surrogates", "print('\\ud800 x'); '\\udfff'", "\ud800 x"), ("a zero byte", "print('a\\0b')", "a\0b"),
    ("a zero byte in code", "x = '\0'", "null bytes"),
    ("brackets", "("*100_000, "SyntaxError"), ("nested brackets", "("*150 + "1" + ")"*150, "ok"),
    ("a very long sum", "+".join(["1"]*5000), "o"),
    ("minus signs", "-"*20_000+"1", "Error"),
    ("recursion", "def f(): f()\nf()", "RecursionError"),
    ("deep recursion",
        "import sys; sys.setrecursionlimit(10**5)\n"
        "def f(): f()\n"
        "try: f()\n"
        "finally: sys.setrecursionlimit(3000)", "RecursionError"),
    ("recursion in await", "async def f(): await f()\nawait f()", "RecursionError"),
    ("recursion in a task", "import asyncio\nasync def f(): await f()\nawait asyncio.gather(f())", "RecursionError"),

    ("a finaliser that raises", "class D:\n    def __del__(self): 1/0\nD(); None", "ZeroDivisionError"),
    ("a finaliser that exits", "class D:\n    def __del__(self): raise SystemExit\nD(); None", "SystemExit"),
    ("a task that exits",
        "import asyncio, sys\n"
        "async def f(): sys.exit(3)\n"
        "asyncio.create_task(f()); await asyncio.sleep(0)", "ok"),
    ("a callback that exits", "import asyncio, sys; asyncio.get_running_loop().call_soon(sys.exit); None", "ok"),
    ("a callback that raises",
        "import asyncio\n"
        "def f(): raise BaseException('oh')\n"
        "asyncio.get_running_loop().call_soon(f); None", "ok"),
    ("a thread that exits", "import threading, sys; t = threading.Thread(target=sys.exit); t.start(); t.join()", "ok"),
    ("a thread that raises",
        "import threading\n"
        "def f(): raise BaseException('oh')\n"
        "t = threading.Thread(target=f); t.start(); t.join()", "oh"),
    ("500 threads",
        "import threading\n"
        "ts = [threading.Thread(target=print, args=(i,)) for i in range(500)]\n"
        "for t in ts: t.start()\n"
        "for t in ts: t.join()", "499"),
    ("a trace function", "import sys; sys.settrace(lambda *a: 1/0); len('x')\ndef f(): pass\nf()", "ZeroDivisionError"),
    ("a profile function", "import sys; sys.setprofile(lambda *a: 1/0); len('x')", "ZeroDivisionError"),
    ("itself cancelled", "import asyncio; asyncio.current_task().cancel(); await asyncio.sleep(1)", "CancelledError"),
    ("the loop stopped", "import asyncio; asyncio.get_running_loop().stop()", "ok"),
    ("the loop stopped and awaited", "import asyncio; asyncio.get_running_loop().stop(); await asyncio.sleep(.01)",
        "ok"),
    ("the loop closed", "import asyncio; asyncio.get_running_loop().close()", "RuntimeError"),
    ("all tasks cancelled", "import asyncio\nfor t in asyncio.all_tasks(): t.cancel()", ""),
    ("all tasks cancelled and awaited",
        "import asyncio\n"
        "for t in asyncio.all_tasks(): t.cancel()\n"
        "await asyncio.sleep(0)", "CancelledError"),
    ("no event loop", "import asyncio; asyncio.set_event_loop(None)", "ok"),
    ("all variables deleted", "%reset -f", "ok"), ("get_ipython deleted", "del get_ipython, In, Out", "ok"),
    ("a raised atexit", "import atexit; atexit.register(lambda: 1/0)", "ok"),

    *[(f"fork, then {name}",
        "import os, sys, asyncio, signal, warnings\n"
        "warnings.simplefilter('ignore')\n"
        "pid = os.fork()\n"
        f"if not pid: {code}\n"
        "os.waitpid(pid, 0)[1]", "ok") for name,code in in_the_child.items()],
    ("fork, then fall through", "import os\npid = os.fork()\nif pid: os.waitpid(pid, 0)", "ok"),
    ("fork 50 times",
        "import os\n"
        "pids = []\n"
        "for i in range(50):\n"
        "    pids.append(os.fork())\n"
        "    if not pids[-1]: os._exit(0)\n"
        "for p in pids: os.waitpid(p, 0)\n"
        "len(pids)", "50")]

grave = [
    ("descriptor 0 closed", "import os; os.close(0)", "ok"), ("descriptors 0, 1 and 2 closed",
        "import os\n"
        "for i in range(3): os.close(i)", "ok"),
    ("stdout deleted", "import sys; del sys.stdout, sys.stderr", ""),
    ("no stdout", "import sys; sys.stdout = sys.stderr = sys.stdin = None; print('x')", "ok"),
    ("stdout is a number", "import sys; sys.stdout = sys.stderr = 5", "ok"),
    ("stdout raises when it is looked at",
        "import sys\n"
        "class Stream:\n"
        "    def __getattr__(self, name): raise SystemExit\n"
        "sys.stdout = Stream()", "SystemExit"),
    ("stdout closed", "import sys; sys.stdout.close(); print('x')", "x"),
    ("__stdout__ deleted", "import sys; del sys.__stdout__, sys.__stderr__", "ok"),
    ("a display hook that raises", "import sys; sys.displayhook = lambda o: 1/0\n5", "ZeroDivisionError"),
    ("no display hook", "import sys; del sys.displayhook\n5", "RuntimeError"),
    ("an except hook that raises", "import sys; sys.excepthook = lambda *a: int('x')\n1/0", "ZeroDivisionError"),
    ("a thread's except hook that raises",
        "import threading\n"
        "threading.excepthook = lambda *a: int('x')\n"
        "t = threading.Thread(target=lambda: 1/0); t.start(); t.join()", "excepthook"),
    ("an unraisable hook that raises",
        "import sys\n"
        "sys.unraisablehook = lambda *a: int('x')\n"
        "class D:\n"
        "    def __del__(self): 1/0\n"
        "D(); None", "ok"),
    ("a custom exception handler that raises",
        "get_ipython().set_custom_exc((Exception,), lambda *a, **kw: int('x'))\n"
        "1/0", "Error"),
    ("a collector callback that raises", "import gc; gc.callbacks.append(lambda *a: 1/0); gc.collect()",
        "ZeroDivisionError"),
    ("cwd deleted", "import os, tempfile; d = tempfile.mkdtemp(); os.chdir(d); os.rmdir(d)", "ok"),
    ("cwd not writable", "%cd /proc", "/proc"),
    ("no environment", "import os; os.environ.clear()", "ok"), ("a umask for nobody", "import os; os.umask(0o777)", ""),
    ("a low recursion limit", "import sys; sys.setrecursionlimit(60)", ""),
    ("a long switch interval", "import sys; sys.setswitchinterval(1000)", "ok"),
    ("collector off", "import gc; gc.disable()", "ok"),
    ("warnings are errors", "import warnings; warnings.simplefilter('error')", "ok"),
    ("3,000 warnings", "import warnings; warnings.simplefilter('always')\nfor i in range(3000): open('/dev/null')",
        "ResourceWarning"),
    ("signals ignored", "import signal\nfor s in (signal.SIGINT, signal.SIGTERM): signal.signal(s, signal.SIG_IGN)",
        "ok"),
    ("signals blocked", "import signal; signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals()); None", "ok"),
    ("no wake-up descriptor", "import signal; signal.set_wakeup_fd(-1)", "ok"),
    ("an alarm", "import signal, time\nsignal.signal(signal.SIGALRM, lambda *a: 1/0); signal.alarm(1); time.sleep(5)",
        "ZeroDivisionError"),
    ("time replaced", "import time; "
        "time.time = time.monotonic = time.sleep = time.strftime = time.perf_counter = lambda *a: 1/0", "ok"),
    ("json replaced", "import json\nfor n in list(vars(json)):\n    if n[:2] != '__': setattr(json, n, None)", "ok"),
    ("hmac replaced", "import hmac, hashlib; hmac.new = hmac.compare_digest = hashlib.sha256 = None", "ok"),
    ("threading replaced", "import threading; "
        "threading.Thread = threading.Lock = threading.RLock = threading.Event = threading.get_ident = threading.current_thread = None", "ok"),
    ("sys functions replaced", "import sys; sys._current_frames = sys.exc_info = None", "ok"),
    ("collections replaced", "import collections; collections.deque = collections.OrderedDict = None", "ok"),
    ("traceback replaced", "import traceback; traceback.format_exception = traceback.extract_tb = None; 1/0",
        "ZeroDivisionError"),
    ("a number for every builtin, in the namespace", "str = int = len = list = dict = type = isinstance = 5", "ok"),
    ("nothing to import from", "import sys; sys.path.clear(); sys.meta_path.clear(); sys.path_hooks.clear()", "ok"),
    ("no path", "import sys; sys.path = None", "ok"),
    ("a negative execution_count", "get_ipython().execution_count = -5", "ok"),
    ("an execution_count that is no whole number", "get_ipython().execution_count = 2.5", "TypeError"),
    ("history closed", "get_ipython().history_manager.db.close()", "ok"),
    ("zmq's global context ended", "import zmq; zmq.Context.instance().term()", "ok"),
    ("event loop policy reset", "import asyncio; asyncio.set_event_loop_policy(None)", "ok"),
    ("a loop handler that raises",
        "import asyncio\n"
        "asyncio.get_running_loop().set_exception_handler(lambda *a: 1/0)\n"
        "async def f(): 1/0\n"
        "t = asyncio.create_task(f()); await asyncio.sleep(0); del t", "ok"),
    ("a task factory that raises", "import asyncio; "
        "asyncio.get_running_loop().set_task_factory(lambda *a, **kw: 1/0)", "ok"),
    ("a loop in debug mode", "import asyncio; asyncio.get_running_loop().set_debug(True)", "ok"),
    ("context variables overwritten", "import contextvars\nfor v in contextvars.copy_context(): v.set(None)", ""),
    ("faulthandler off", "import faulthandler; faulthandler.disable()", ""),
    ("memory used up",
        "import resource; resource.setrlimit(resource.RLIMIT_AS, (1_500_000_000, resource.getrlimit(resource.RLIMIT_AS)[1]))\n"
        "x = []\n"
        "while True: x.append(bytearray(10**8))", "MemoryError"),
    ("descriptors used up",
        "import resource; resource.setrlimit(resource.RLIMIT_NOFILE, (200, 200))\n"
        "f = []\n"
        "while True: f.append(open('/dev/null'))", "OSError"),
    ("no more descriptors", "import resource; resource.setrlimit(resource.RLIMIT_NOFILE, (5, 5))", "ok"),
    ("no more writing", "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))", "ok"),
    ("no more processes", "import resource; resource.setrlimit(resource.RLIMIT_NPROC, (1, 1))", "ok")]

def seen(r):
    return f"{'ok' if r.status == 'ok' else r.content['ename']+' '+r.content['evalue'][:1000]} {r.result} {r.stdout} {r.stderr}"

def check(kc, code, want):
    r = kc.run(code)
    assert r.idle and want in seen(r)
    if r.status == "error": assert r.error["ename"] == r.content["ename"]
    r = kc.run("print('on'); 6*7")
    assert (r.status, r.stdout, r.stderr, r.result) == ("ok", "on\n", "", "42")

def ids(cases): return [o[0].replace(" ", "-") for o in cases]

@pytest.mark.parametrize("name, code, want", harmless, ids=ids(harmless))
def test_harmless(kc, name, code, want): check(kc, code, want)

@pytest.mark.parametrize("name, code, want", grave, ids=ids(grave))
def test_grave(own, name, code, want): check(own(), code, want)

def raw(kc, code):
    "Run a cell whose code has what jupyter_client cannot encode"
    kc.session.pack,pack = (lambda o: json.dumps(o, default=str).encode()),kc.session.pack
    try: return kc.wait(kc.cell(code))
    finally: kc.session.pack = pack

@pytest.mark.parametrize("code", ["x = '\ud800'", "def f\udfff(): pass", "# \ud800"], ids=ascii)
def test_surrogates_in_code_get_an_answer(kc, code):
    r = raw(kc, code)
    assert r.idle and r.status in ("ok", "error")
    assert kc.run("6*7").result == "42"

mendable = [
    ("print", "import builtins; p = print; builtins.print = None", "builtins.print = p"),
    ("open", "import builtins; o = open; builtins.open = None", "builtins.open = o"),
    ("stdout",
        "import sys; out = sys.stdout\n"
        "class Full:\n"
        "    def write(self, s): raise OSError(28, 'No space left on device')\n"
        "sys.stdout = Full()", "sys.stdout = out"),
    ("write", "import sys; sys.stdout.write = lambda s: 1/0", "del sys.stdout.write"),
    ("re", "import re; sub = re.sub; re.sub = None", "re.sub = sub"),
    ("number", "get_ipython().display_formatter.formatters['text/plain'].for_type(int, lambda *a: 1/0)",
        "del get_ipython().display_formatter.formatters['text/plain'].type_printers[int]")]
@pytest.mark.parametrize("code, mend", [o[1:] for o in mendable], ids=[o[0] for o in mendable])
def test_what_a_cell_breaks_it_can_mend(own, code, mend):
    "Each cell between the two is answered, one way or the other"
    kc = own()
    kc.run(code)
    for c in ("1", "print(1)", "1/0", "%pwd"): assert kc.run(c).idle
    kc.run(mend)
    assert kc.run("print('on')").stdout == "on\n"
    assert kc.run("6*7").result == "42"

ruin = dict(imports="import builtins\ndef no(*a, **kw): raise ImportError('no')\nbuiltins.__import__ = no",
    modules="import sys; sys.modules.clear()",
    variables="globals().clear()", shell="ip = get_ipython(); "
    "ip.history_manager = ip.events = ip.display_formatter = None",
    transformer="get_ipython().input_transformers_post.append(lambda lines: 5)",
    events="def f(*a): raise BaseException\nget_ipython().events.register('pre_execute', f)",
    exit_functions="import atexit; atexit._run_exitfuncs()",
    descriptors="import os\n"
    "for f in map(int, os.listdir('/proc/self/fd')):\n"
    "    try:\n"
    "        if 'pipe' in os.readlink(f'/proc/self/fd/{f}'): os.close(f)\n"
    "    except OSError: pass")
@pytest.mark.parametrize("name", ruin)
def test_what_a_cell_ruins_for_good_is_still_answered(own, name):
    "No cell can work any more, but each gets its reply, and the kernel ends when it is told to"
    kc = own()
    kc.run(ruin[name])
    for c in ("1", "print(1)", "1/0"): assert kc.run(c).status in ("ok", "error")
    assert kc.request("kernel_info_request", channel="control").status == "ok"
    assert kc.request("shutdown_request", dict(restart=False), "control").status == "ok"
    kc.proc.wait(10)

@pytest.mark.parametrize("how", ["signal", "message"])
def test_an_interrupt_lands_though_a_cell_took_the_signals(own, how):
    kc = own()
    kc.run("import signal; signal.set_wakeup_fd(-1); signal.signal(signal.SIGINT, signal.SIG_IGN); "
        "signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])")
    id = kc.cell("print('in')\nwhile True: pass")
    kc.wait(id, until=lambda r: r.stdout)
    kc.interrupt(how)
    assert kc.wait(id).error["ename"] == "KeyboardInterrupt"

def test_a_frozen_clock_stops_nothing(own):
    "As freezegun does it: every name of a clock in every module"
    kc = own()
    kc.run("""import sys, time
clocks = {getattr(time, n): n for n in ("time", "monotonic", "perf_counter")}
for m in list(sys.modules.values()):
    for k,v in list(vars(m).items()):
        try: n = clocks.get(v)
        except TypeError: continue
        if n: setattr(m, k, lambda t=v(): t)""")
    assert kc.run("import asyncio; print('on'); await asyncio.sleep(.01); 6*7").stdout == "on\n"
    assert kc.run("6*7").result == "42"
    assert kc.request("kernel_info_request", channel="control").status == "ok"

@pytest.mark.slow
def test_50_MB_of_source(own):
    kc = own()
    assert kc.run("x = '" + "a"*50_000_000 + "'", timeout=60).status == "ok"
    assert kc.run("len(x)").result == "50000000"

@pytest.mark.slow
def test_100_MB_of_output_arrive(own):
    assert len(own().run("print('x' * 100_000_000)", timeout=60).stdout) == 100_000_001
