"What lives when the lines of notebooks.txt are completed. Run as a cell."
import enum, functools
from collections import Counter
from pathlib import Path

class Model:
    "A class as notebooks have it."
    kind = "linear"

    def __init__(self, depth=1, weights=()):
        self.depth = depth
        self.weights = list(weights)
        self._hidden = 0

    @property
    def score(self): return self.depth/2

    def fit(self, data, epochs=1, *, verbose=False): return self

    def predict(self, data): return list(data)

    @classmethod
    def load(cls, path): return cls()

class Enumeration(enum.Enum):
    RED = 1
    GREEN = 2

def scale(values, factor=2): return [value*factor for value in values]

@functools.wraps(scale)
def wrapped(*args, **kwargs): return scale(*args, **kwargs)

number = 3
numbers = [1, 2, 3]
names = ["a", "bb"]
name = "a"
text = "some text"
args = ("a", "b")
path = Path("/usr/lib")
config = dict(key=1, kind="x", inner=dict(deep=dict(deeper=1)))
records = [{"name": "a", "size": 1}]
matrix = [[1.5, 2.5], [3.5, 4.5]]
counter = Counter("abracadabra")
complex_number = 1+2j
model = Model(2, numbers)
data = {"alpha": 1}
data_frame = _private = None
