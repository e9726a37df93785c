"""Calling functions of another environment: `from ipymini import pod`. `client` is the caller's end, `child` the
other, `wire` is between."""
