"Rows about the life of a kernel: start, memory, idling, shutdown. Each takes a Peer and returns a value for each metric of its row."

import process, subprocess
from client import Kernel, Lost
from kernels import clean_env
from time import monotonic, sleep

ms = 1000

def start(peer):
    "Milliseconds to kernel_info_reply and to the first result, and ms of CPU until then."
    with peer.fresh(warm=False) as kernel:
        info = kernel.ask("kernel_info_request", timeout=60)
        result = first_result(kernel)
        return (info.time - kernel.begin)*ms, (result.time - kernel.begin)*ms, process.cpu_time(kernel.pid)*ms

def first_result(kernel):
    "The first result of a kernel; its reply, where there is no result."
    outcome = kernel.run("1", 60)
    results = outcome.of("execute_result")
    if not results and not kernel.peer.is_floor: kernel.peer.notes.append("first result lost, time of its reply")
    return results[0] if results else outcome.reply

def bare_imports(peer):
    "Milliseconds that Python takes to import what a kernel cannot do without."
    begin = monotonic()
    subprocess.run([peer.argv[0], "-c", "import zmq, IPython"], env=clean_env(HOME=peer.home), check=True)
    return (monotonic() - begin)*ms

def footprint(peer):
    "USS and PSS in MB, threads, descriptors and modules, a second after the first result."
    with peer.fresh(warm=False) as kernel:
        kernel.ask("kernel_info_request", timeout=60)
        outcome = kernel.run("import sys; len(sys.modules)")
        sleep(1)
        modules = int(outcome.of("execute_result")[0].content["data"]["text/plain"])
        return *process.memory(kernel.pid), *process.held(kernel.pid), modules

def left_alone(peer):
    "USS in MB, threads and descriptors, 5 seconds after the first result."
    with peer.fresh(warm=False) as kernel:
        kernel.run("1", 60)
        sleep(5)
        return process.memory(kernel.pid)[0], *process.held(kernel.pid)

def eight(peer):
    "Seconds until eight kernels that start at once have given a result, and the PSS of all in MB."
    kernels = [Kernel(peer) for _ in range(8)]
    try:
        cells = [ask_both(kernel) for kernel in kernels]
        last = max(kernel.answer(request, timeout=90).time for kernel,request in zip(kernels, cells))
        return last - kernels[0].begin, sum(process.memory(kernel.pid)[1] for kernel in kernels)
    finally:
        for kernel in kernels: kernel.kill()

def ask_both(kernel):
    "Send what a client asks first, and a cell; the msg_id of the cell."
    kernel.send("shell", "kernel_info_request")
    return kernel.execute("1")

def idle(peer, seconds=10):
    "Milliseconds of CPU and context switches of a kernel that has nothing to do."
    with peer.fresh() as kernel:
        sleep(3)
        cpu,switches = process.cpu_time(kernel.pid),process.switches(kernel.pid)
        sleep(seconds)
        return (process.cpu_time(kernel.pid) - cpu)*ms, process.switches(kernel.pid) - switches

def shutdown(peer, code):
    "Milliseconds from shutdown_request to the end of the process; no interrupt before it, unlike jupyter_client, which tries one first."
    with peer.fresh() as kernel:
        request = kernel.execute(code)
        kernel.begun(request)
        if "while" not in code: kernel.answer(request)
        sleep(.5)
        begin = monotonic()
        kernel.send("control", "shutdown_request", dict(restart=False))
        if not kernel.ends_within(6): raise Lost("never")
        took = (monotonic() - begin)*ms
        sleep(.3)
        if set(process.session(kernel.pid)) - {kernel.pid}: peer.notes.append("left a child alive")
        return took
