"Calls while a thread sends this process SIGINT every 3 ms; prints how many were right, interrupted, wrong."
import os, signal, sys, threading, time
from ipymini import pod

calls = int(sys.argv[1])
counts = dict(right=0, interrupted=0, wrong=0)
armed = False  # True while a call runs: an interrupt elsewhere would hit this program instead
storming = True

def on_interrupt(signum, frame):
    if armed: raise KeyboardInterrupt

def storm():
    while storming:
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(.003)

def one(n):
    "The outcome of a call, as a key of `counts`."
    global armed
    try:
        armed = True
        value = p.square(n)
        armed = False
    except KeyboardInterrupt:
        armed = False
        return "interrupted"
    return "right" if value == n * n else "wrong"

p = pod()
p.run("def square(x):\n n = 0\n for _ in range(20_000): n += 1\n return x * x")
signal.signal(signal.SIGINT, on_interrupt)
thread = threading.Thread(target=storm)
thread.start()
for n in range(calls): counts[one(n)] += 1
storming = False
thread.join()
assert p.square(7) == 49, "the pod is not well"
print(*counts.values())
