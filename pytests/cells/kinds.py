"Forty kinds of objects that a session may hold: what %snapshot keeps, and how it is seen that it came back."
import array, collections, dataclasses, datetime, decimal, enum, fractions, functools, math, pathlib, re, types, uuid
import numpy as np
from collections import OrderedDict

class Colour(enum.Enum): RED = 1

@dataclasses.dataclass
class Point:
    x: int
    def twice(self): return Point(2*self.x)

class Sub(Point):
    def thrice(self): return 3*self.x

class Node:
    "One of two that know each other."
    def __init__(self): self.other = None

def add(a, b=2): return a + b

def thousand(function):
    @functools.wraps(function)
    def more(*args): return function(*args) + 1000
    return more

@thousand
def decorated(x): return x

def factorial(n): return n*factorial(n-1) if n else 1
async def later(): return 7
def counting():
    yield 1
    yield 2

one, other = Node(), Node()
one.other, other.other = other, one
kinds = dict(number=1, large=10**50, real=1.5, nan=math.nan, complex=1j, text="é\U0001f389", surrogate="\ud800", raw=b"\0\xff",
    none=None, truth=True, many=[1, [2]], pair=(1, "a"), names={"a": {1, 2}}, frozen=frozenset("ab"), mutable=bytearray(b"x"),
    numbers=array.array("d", [1, 2]), span=range(3), ordered=OrderedDict(a=1), counter=collections.Counter("aab"),
    queue=collections.deque([1], 3), default=collections.defaultdict(list, a=[1]),
    day=datetime.datetime(2026, 1, 2, tzinfo=datetime.timezone.utc), exact=decimal.Decimal("0.1"), third=fractions.Fraction(1, 3),
    id=uuid.UUID(int=1), path=pathlib.PurePosixPath("/a/b"), pattern=re.compile("a+"), partial=functools.partial(add, 1),
    error=ValueError("x"), colour=Colour.RED, point=Point(3), derived=Sub(4), space=types.SimpleNamespace(a=1), vector=np.arange(5.),
    matrix=np.eye(3)[::2], objects=np.array([1, "a"], dtype=object), empty=np.zeros((0, 3)), masked=np.ma.array([1, 2], mask=[0, 1]),
    when=np.datetime64("2026-01-01"), record=np.array([(1, 2.)], dtype=[("a", int), ("b", float)]))
globals().update({f"k_{name}": o for name,o in kinds.items()})
alias = k_many
