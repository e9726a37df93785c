"""What a name or a handle is pickled as: a call of one of these functions. A pod's decoder puts its own in their
place.

So these run only where such a pickle does not belong: in a copy, in another process, in a cache."""

def refuse(*args):
    "Raise the error of a handle or name that was sent to something that is no pod."
    raise TypeError("a name or a handle of a pod means something to that pod only: "
        "it can be an argument of the pod's calls, and cannot be copied or stored")

def held(token, id): refuse()
def named(token, holder, path): refuse()
