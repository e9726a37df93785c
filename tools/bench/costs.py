"""Rows of CPU time, which other processes on the machine disturb less than they do the time on the clock.

Each takes a Peer and returns ms of CPU that the kernel's processes used, all threads together, for one of what the row names."""

import process
from client import Lost

ms = 1000

def cost(kernel, work, count=1):
    "ms of CPU that the kernel needs for each of the `count` things that `work()` does."
    before = process.cpu_time(kernel.pid)
    work()
    return (process.cpu_time(kernel.pid) - before)*ms/count

def start(peer):
    "CPU from the start to the first result."
    with peer.fresh(warm=False) as kernel:
        kernel.ask("kernel_info_request", timeout=60)
        kernel.run("1", 60)
        return process.cpu_time(kernel.pid)*ms

def round_trip(peer, count=200):
    "CPU of a stored cell, each sent when the one before it is idle."
    kernel = peer.live()
    def work():
        for _ in range(count): kernel.run("1")
    return cost(kernel, work, count)

def prints(peer, count=200):
    "CPU of a cell that prints a line and has a result."
    kernel = peer.live()
    def work():
        for _ in range(count): kernel.run("print(1); 2")
    return cost(kernel, work, count)

def flood(peer, count=100_000):
    "CPU of a cell that prints 100,000 lines to a reader who keeps up."
    kernel = peer.live()
    def work():
        outcome = kernel.run(f"for i in range({count}): print(i)")
        if not outcome.done: raise Lost("no idle")
    return cost(kernel, work)
