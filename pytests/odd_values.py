"Values that nobody expects, for hypothesis, and how they become JSON."
import json, re
from hypothesis import HealthCheck, settings, strategies as st

fuzz = settings(max_examples=100, deadline=None, database=None, suppress_health_check=list(HealthCheck))
surrogates = st.text(st.characters(exclude_categories=[]), max_size=20)  # NUL and lone surrogates, too
values = st.recursive(st.none() | st.booleans() | st.integers() | st.just(10**400) | st.floats() | surrogates,
    lambda v: st.lists(v, max_size=4) | st.dictionaries(surrogates, v, max_size=4), max_leaves=8) | st.integers(1, 300).map("@{}@".format)  # lists in lists, see `dumps`

def dumps(o):
    "`o` as JSON, with NaN and lone surrogates; \"@n@\" becomes a list in a list, n deep, which neither json nor hypothesis could make"
    return re.sub(rb'"@(\d+)@"', lambda m: b"["*int(m[1]) + b"]"*int(m[1]), json.dumps(o).encode())
