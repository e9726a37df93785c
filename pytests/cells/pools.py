"What the tests of pools define in a cell, as a user would."
import dataclasses, functools, multiprocessing as mp

state = None
step = 1

@dataclasses.dataclass
class Point:
    x: int
    def twice(self): return Point(2*self.x)

class Bad(Exception): pass

class Worker(mp.Process):
    "A process of a class that a cell defines."
    def __init__(self, queue):
        super().__init__()
        self.queue = queue
    def run(self): self.queue.put("ran")

class SpawnedWorker(Worker, mp.get_context("spawn").Process): pass
class ServedWorker(Worker, mp.get_context("forkserver").Process): pass

def set_state(value):
    global state
    state = value

def get_state(_): return state
def add(x): return x + step
def square(x): return add(x)*x
def twice(point): return point.twice()
def fail(x): raise Bad(x)
def say(text): print(text, flush=True)

def thousand(function):
    @functools.wraps(function)
    def more(*args): return function(*args) + 1000
    return more

@thousand
def decorated(x): return x

def adder(n):
    def inner(x): return x + n
    return inner

def factorial(n): return n*factorial(n-1) if n else 1
