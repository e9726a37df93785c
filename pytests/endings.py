"What a kernel may be at when it has to go, `cells` and `stubborn` children, and how its end is seen"
from pathlib import Path

head = "import asyncio, atexit, ctypes, os, signal, subprocess, sys, threading, time\n"
cells = {
    "idle": "", "sleep": "print('on'); time.sleep(60)", "loop": "print('on')\nwhile True: pass",
    "C code": "import hashlib; print('on', flush=True); hashlib.pbkdf2_hmac('sha256', b'', b'', 10**9)",
    "C code with the GIL": "print('on', flush=True); ctypes.PyDLL(None).usleep(900_000)",
    "await": "print('on'); await asyncio.sleep(60)",
    "await event": "print('on'); await asyncio.Event().wait()",
    "asyncio.run": "print('on'); asyncio.run(asyncio.sleep(60))", "input": "print('on'); input()",
    "pdb": "print('on'); breakpoint()", "lock": "l = threading.Lock(); l.acquire(); print('on'); l.acquire()",
    "subprocess": "print('on'); subprocess.run(['sleep', '60'])",
    "shell line": "print('on')\n!sleep 60", "flood": "print('on')\nwhile True: print('x'*50)",
    "swallowing": "print('on')\nwhile True:\n    try: time.sleep(60)\n    except: pass",
    "finally": "print('on')\ntry: time.sleep(60)\nfinally: time.sleep(60)",
    "threads": "[threading.Thread(target=time.sleep, args=[60]).start() for i in range(3)]; print('on')",
    "busy thread": "def f():\n    while True: pass\nthreading.Thread(target=f).start(); print('on')",
    "pool":"from concurrent.futures import ThreadPoolExecutor\n"
    "p = ThreadPoolExecutor(2); p.submit(time.sleep, 60); print('on')",
    "task": "t = asyncio.create_task(asyncio.sleep(60)); print('on')",
    "child": "p = subprocess.Popen(['sleep', '60']); print('on')", "forked child": "pid = os.fork()\n"
    "if not pid: time.sleep(60); os._exit(0)\n"
    "print('on')",
    "process": "import multiprocessing\n"
    "p = multiprocessing.get_context('fork').Process(target=time.sleep, args=[60]); p.start(); print('on')",
    "process pool": "import multiprocessing\npool = multiprocessing.get_context('fork').Pool(2); print('on')"}
stubborn = {
    "shell": "p = subprocess.Popen(['sh', '-c', 'trap \"\" TERM INT HUP; echo on; while true; do sleep 1; done'])",
    "python": "p = subprocess.Popen([sys.executable, '-c', 'import signal, time; signal.signal(15, signal.SIG_IGN); "
    "print(\"on\", flush=True); time.sleep(60)'])",
    "forked child": "pid = os.fork()\n"
    "if not pid:\n"
    "    signal.signal(15, signal.SIG_IGN); os.write(1, b'on'); time.sleep(60); os._exit(0)"}

def begin(kc, code):
    "Run `code` to where it prints 'on'; the id of its cell"
    id = kc.cell(head+code, allow_stdin=True)
    kc.wait(id, until=lambda r: "on" in r.stdout or not code and r.reply)
    if "input()" in code or "breakpoint()" in code: kc.prompt()
    return id

def group(pid):
    "pids of the process group `pid` that are alive"
    found = []
    for p in Path("/proc").glob("[0-9]*"):
        try: state,_,pgid = (p/"stat").read_text().rpartition(")")[2].split()[:3]
        except OSError: continue
        if int(pgid) == pid and state != "Z": found.append(int(p.name))
    return found

def alive(pid):
    try: return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError: return False

def gone(kc, code):
    "True once the kernel has ended with exit code `code` and nothing of its group is left; what hangs in `cells` and `stubborn` hangs for longer"
    assert kc.proc.wait(30) == code
    assert group(kc.proc.pid) == []
    return True

def shutdown(kc, restart=False, channel="control"):
    return kc.wait(kc.submit("shutdown_request", dict(restart=restart), channel=channel), channel)
