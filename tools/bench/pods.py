"""Pods beside their peers: start, call, 100 MB there and back, prints, interrupts, each peer in turn within a round.

`python tools/bench pods` makes an environment of its own once, with the peers in it, and moves there. What the machine itself takes, memcpy and a round
trip over a socketpair, is measured in the same rounds. Read `rows`, then the peers, one class each."""

import argparse, gc, os, signal, socket, statistics, sys, tempfile, threading, time
from contextlib import contextmanager
from pathlib import Path

here = Path(__file__).resolve().parent
sys.path[:0] = [str(here), str(here.parent), str(here.parent.parent)]
peer_packages = "numpy", "execnet", "rpyc", "loky", "appose", "ipyparallel", "pypods"
size = 100_000_000
limit = 20  # s for one turn

def main(argv):
    options = arguments(argv)
    move(argv)
    peers = [peer() for peer in (*floors, *all_peers) if not options.peers or peer.name in options.peers.split(",")]
    table = {}
    for row in rows: table[row.__name__] = measure(row, peers, options)
    show(table, peers)
    for peer in peers: peer.end()
    os._exit(0)  # whatever peers have left running

def arguments(argv):
    parser = argparse.ArgumentParser(prog="python tools/bench pods", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7, help="turns of each peer in a row (default: 7)")
    parser.add_argument("--peers", help="only these, as pod,loky")
    return parser.parse_args(argv)

def move(argv):
    "Go on in the environment that has the peers."
    from venvs import install, make, venvs
    venv = venvs/"bench-pods"
    if sys.prefix == str(venv): return
    done = venv/"bench-ready"
    if not done.exists():
        make(venv, sys.executable)
        install(venv, "the peers of pods", *peer_packages)
        done.touch()
    os.environ["PATH"] = f"{venv/'bin'}:{os.environ['PATH']}"  # Appose starts what is called python there
    python = str(venv/"bin/python")
    os.execv(python, [python, str(here/"pods.py"), *argv])

# -- rows: each returns what one turn of a peer took

def start(peer):
    "s from nothing to the first call's result"
    peer.end()
    begin = time.perf_counter()
    peer.start()
    peer.call(-1)
    return time.perf_counter() - begin

def call(peer):
    "µs of a call of abs"
    return 1e6 * statistics.median(timed(peer.call, -1) for _ in range(500 if peer.quick else 5))

def send(peer):
    "ms of a call with 100 MB"
    return best(peer.send)

def back(peer):
    "ms of a call that returns 100 MB"
    return best(peer.back)

def both(peer):
    "ms of a call with 100 MB that returns them"
    return best(peer.both)

def prints(peer):
    "s of 100,000 prints that reach the caller's stdout"
    with quiet(): return timed(peer.prints)

def interrupt(peer):
    "ms from SIGINT to the end of the call, state kept"
    return 1e3 * peer.interrupt()

rows = start, call, send, back, both, prints, interrupt

@contextmanager
def quiet():
    "What is printed, here and by children, goes nowhere."
    sys.stdout.flush()
    kept,nowhere = os.dup(1),os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    try: yield
    finally:
        sys.stdout.flush()
        os.dup2(kept, 1)
        for fd in (kept, nowhere): os.close(fd)

def timed(function, *args):
    begin = time.perf_counter()
    function(*args)
    return time.perf_counter() - begin

def best(function): return 1e3 * min(timed(function) for _ in range(3))

def measure(row, peers, options):
    "{peer's name: the samples, or a word that says why there are none}"
    samples = {peer.name: [] for peer in peers}
    for turn in range(options.rounds if row is not start else min(3, options.rounds)):
        for peer in peers:
            if isinstance(samples[peer.name], list): sample(row, peer, samples)
        print(f"{row.__name__}: round {turn + 1}", file=sys.stderr)
    return samples

def sample(row, peer, samples):
    gc.collect()
    try:
        with deadline(): samples[peer.name].append(row(peer))
    except NotImplementedError: samples[peer.name] = "no"
    except TimeoutError:
        samples[peer.name] = f"over {limit} s"
        peer.end()
    except Exception as error:  # a peer's fault is an entry of the table
        print(f"{peer.name}, {row.__name__}: {type(error).__name__}: {error}", file=sys.stderr)
        samples[peer.name] = "fails"

@contextmanager
def deadline():
    "TimeoutError in the block after `limit` seconds."
    def ring(*args): raise TimeoutError
    signal.signal(signal.SIGALRM, ring)
    signal.alarm(limit)
    try: yield
    finally: signal.alarm(0)

def show(table, peers):
    "The table: medians, minima behind them, and for ours the ratio to the machine's own."
    print("| median (least) |", " | ".join(row.__doc__ for row in rows), "|")
    print("|---|" + "---|" * len(rows))
    for peer in peers: print(f"| {peer.name} |", " | ".join(text(table[row.__name__][peer.name]) for row in rows), "|")
    ours = next((peer.name for peer in peers if peer.name == "pod"), None)
    if not ours: return
    trip = statistics.median(table["call"]["socketpair"])
    print(f"\na call of a pod is {statistics.median(table['call'][ours]) / trip:.1f} round trips of a socketpair")
    for row in ("send", "back", "both"):
        ratio = statistics.median(table[row][ours]) / statistics.median(table[row]["memcpy"])
        print(f"{row}: {ratio:.2f} times memcpy into used memory")

def text(samples):
    if isinstance(samples, str): return samples
    middle,least = statistics.median(samples),min(samples)
    return f"{middle:.3g} ({least:.3g})" if middle < 1000 else f"{middle:,.0f} ({least:,.0f})"

# -- the machine

class Peer:
    "A peer that can do nothing yet; `quick`: its calls take less than a millisecond."
    name = ""
    quick = True
    running = False
    def start(self): raise NotImplementedError
    def call(self, x): raise NotImplementedError
    def send(self): raise NotImplementedError
    def back(self): raise NotImplementedError
    def both(self): raise NotImplementedError
    def prints(self): raise NotImplementedError
    def interrupt(self): raise NotImplementedError
    def end(self): pass

class Memcpy(Peer):
    "Copies 100 MB into memory that has been used."
    name = "memcpy"
    def __init__(self): self.target,self.again = array().copy(),array().copy()
    def send(self): self.target[:] = array()
    back = send

    def both(self):
        self.target[:] = array()
        self.again[:] = self.target

class Socketpair(Peer):
    "Sends 8 bytes to a forked process and back."
    name = "socketpair"

    def __init__(self):
        self.mine,theirs = socket.socketpair()
        if os.fork(): return theirs.close()
        self.mine.close()
        while True:
            data = theirs.recv(64)
            if not data: os._exit(0)
            theirs.send(data)

    def call(self, x):
        self.mine.send(b"8 bytes.")
        self.mine.recv(64)

floors = Memcpy, Socketpair
arrays = []

def array():
    "The 100 MB that all send."
    import numpy
    if not arrays: arrays.append(numpy.ones(size // 8))
    return arrays[0]

# -- peers

functions = """
import numpy
kept = numpy.ones(12_500_000)
def length(x): return len(x)
def give(): return kept
def echo(x): return x
def shout():
    for i in range(100_000): print(i)
def sleep():
    import time
    time.sleep(60)
"""

class OurPod(Peer):
    name = "pod"

    def start(self):
        from ipymini import pod
        self.p = pod()
        self.running = True

    def ready(self):
        if not self.running: self.start()
        if "give" not in dir(self.p): self.p.run(functions)
        return self.p

    def call(self, x): return self.p.abs(x)
    def send(self): self.ready().length(array())
    def back(self): self.ready().give()
    def both(self): self.ready().echo(array())
    def prints(self): self.ready().shout()

    def interrupt(self):
        p = self.ready()
        threading.Timer(.3, os.kill, (os.getpid(), signal.SIGINT)).start()
        begin = time.perf_counter()
        try: p.sleep()
        except KeyboardInterrupt: took = time.perf_counter() - begin - .3
        assert p.abs(-1) == 1
        return took

    def end(self):
        if self.running: self.p.close()
        self.running = False

class Multiprocessing(Peer):
    name = "multiprocessing"

    def start(self):
        import multiprocessing
        context = multiprocessing.get_context("spawn")
        self.pipe,theirs = context.Pipe()
        self.process = context.Process(target=answer, args=(theirs,), daemon=True)
        self.process.start()
        self.running = True

    def ask(self, *request):
        if not self.running: self.start()
        self.pipe.send(request)
        return self.pipe.recv()

    def call(self, x): return self.ask("abs", x)
    def send(self): self.ask("length", array())
    def back(self): self.ask("give")
    def both(self): self.ask("echo", array())
    def prints(self): self.ask("shout")

    def end(self):
        if self.running: self.process.kill()
        self.running = False

def answer(pipe):
    "The loop of multiprocessing's child."
    namespace = dict(abs=abs)
    exec(functions, namespace)
    while True:
        name,*args = pipe.recv()
        pipe.send(namespace[name](*args))

class Loky(Multiprocessing):
    name = "loky"

    def start(self):
        from loky import ProcessPoolExecutor
        self.executor = ProcessPoolExecutor(max_workers=1)
        self.running = True

    def ask(self, name, *args):
        if not self.running: self.start()
        return self.executor.submit(run_here, name, *args).result()

    def end(self):
        if self.running: self.executor.shutdown(kill_workers=True)
        self.running = False

namespace = {}

def run_here(name, *args):
    "A function by its name, in loky's or ipyparallel's child."
    if name == "abs": return abs(*args)
    if not namespace: exec(functions, namespace)
    return namespace[name](*args)

class Execnet(Multiprocessing):
    "Arrays go as bytes: execnet sends builtin types only. Its child's stdout is closed."
    name = "execnet"

    def start(self):
        import execnet
        self.gateway = execnet.makegateway(f"popen//python={sys.executable}")
        self.channel = self.gateway.remote_exec(functions + execnet_loop)
        self.running = True

    def ask(self, name, *args):
        import numpy
        if not self.running: self.start()
        self.channel.send((name, tuple(o.tobytes() if hasattr(o, "tobytes") else o for o in args)))
        res = self.channel.receive(limit)
        return numpy.frombuffer(res) if isinstance(res, bytes) else res

    def prints(self): raise NotImplementedError

    def end(self):
        if self.running: self.gateway.exit()
        self.running = False

execnet_loop = """
for name, args in channel:
    function = abs if name == "abs" else globals()[name]
    args = [numpy.frombuffer(o) if isinstance(o, bytes) else o for o in args]
    res = function(*args)
    channel.send(res.tobytes() if hasattr(res, "tobytes") else res)
"""

class Rpyc(Multiprocessing):
    "Classic mode, arrays by deliver and obtain."
    name = "rpyc"

    def start(self):
        import rpyc
        server = str(Path(sys.executable).parent/"rpyc_classic.py")
        self.connection = rpyc.classic.connect_subproc(server)
        self.connection._config["sync_request_timeout"] = None
        self.running = True

    def ready(self):
        if not self.running: self.start()
        if "give" not in self.connection.namespace: self.connection.execute(functions)
        return self.connection

    def call(self, x): return self.connection.builtins.abs(x)

    def send(self):
        import rpyc
        self.ready().namespace["length"](rpyc.classic.deliver(self.connection, array()))

    def back(self):
        import rpyc
        rpyc.classic.obtain(self.ready().namespace["give"]())

    def both(self):
        import rpyc
        rpyc.classic.obtain(self.ready().namespace["echo"](rpyc.classic.deliver(self.connection, array())))

    def prints(self): raise NotImplementedError

    def end(self):
        if self.running: self.connection.close()
        self.running = False

class Appose(Peer):
    "Arrays by its shared NDArray, into which the caller copies and out of which the caller copies."
    name = "Appose"

    def start(self):
        import appose
        self.service = appose.system().python()
        self.running = True

    def ready(self):
        if not self.running: self.start()
        return self.service

    def run(self, script, **inputs):
        task = self.ready().task(script, inputs)
        task.wait_for()
        return task.outputs.get("result")

    def call(self, x): return self.run("abs(x)", x=x)

    def shared(self):
        import appose
        return appose.NDArray("float64", [size // 8])

    def send(self):
        with self.shared() as mine:
            mine.ndarray()[:] = array()
            self.run("len(x.ndarray())", x=mine)

    def back(self):
        with self.shared() as mine:
            self.run("x.ndarray()[:] = 1", x=mine)
            mine.ndarray().copy()

    def both(self):
        with self.shared() as mine:
            mine.ndarray()[:] = array()
            self.run("len(x.ndarray())", x=mine)
            mine.ndarray().copy()

    def end(self):
        if self.running: self.service.kill()
        self.running = False

class Ipyparallel(Multiprocessing):
    name = "ipyparallel"
    quick = False

    def start(self):
        import ipyparallel
        self.cluster = ipyparallel.Cluster(n=1, log_level=40)
        self.client = self.cluster.start_and_connect_sync()
        self.engine = self.client[0]
        self.running = True

    def ready(self):
        if not self.running: self.start()
        return self.engine

    def ask(self, name, *args):
        if name == "abs": return self.ready().apply_sync(abs, *args)
        if name != "shout": return self.ready().apply_sync(of_engine(name), *args)
        self.ready().execute(functions, block=True)
        result = self.engine.execute("shout()")
        result.wait_for_output()
        print(result.stdout[0])

    def end(self):
        if self.running: self.cluster.stop_cluster_sync()
        self.running = False

def of_engine(name):
    "A function that an engine can unpickle."
    import numpy
    kept = dict(length=lambda x: len(x), echo=lambda x: x, give=lambda: __import__("numpy").ones(12_500_000))
    assert numpy
    return kept[name]

class Pypods(Peer):
    "A process a call; values are those of BSON. The venv that it wants is ours, with a link."
    name = "PyPods"
    quick = False

    def start(self):
        from pypods.pods import PodLoader
        self.folder = tempfile.mkdtemp()
        folder = Path(self.folder)/"pods/peer"
        folder.mkdir(parents=True)
        (folder.parent/"__init__.py").touch()  # this very file would be the module `pods` else
        sys.path.insert(0, self.folder)
        import pypods
        template = (Path(pypods.__file__).parent/"template/pod.py").read_text()
        (folder/"pod.py").write_text("def absolute(x): return abs(x)\ndef shout():\n    for i in range(100_000): print(i)\n" + template)
        (folder/"venv").symlink_to(sys.prefix)
        self.names = {}
        os.chdir(self.folder)
        PodLoader("peer", self.names).load_pod()
        self.running = True

    def call(self, x):
        if not self.running: self.start()
        os.chdir(self.folder)
        return self.names["peer"].absolute(x)

    def end(self): self.running = False

all_peers = OurPod, Multiprocessing, Execnet, Loky, Rpyc, Appose, Ipyparallel, Pypods

if __name__ == "__main__": main(sys.argv[1:])
