"Where the threads that run user code are, as text."
import os, sys, threading

here = os.path.dirname(os.path.dirname(__file__))  # of the package

def stacks():
    "Where each thread that runs user code is, as text"
    import traceback
    names,parts = {t.ident: t for t in threading.enumerate()},[]
    for id,frame in sys._current_frames().items():
        t,calls = names.get(id),traceback.extract_stack(frame)
        ours = max((i for i,f in enumerate(calls) if f.filename.startswith(here)), default=-1)
        if not (getattr(t, "pydev_do_not_trace", False) or type(t).__module__.startswith("zmq.")) and calls[ours+1:]:
            parts += [f"\nThread {t.name if t else id}, most recent call last:\n", *traceback.format_list(calls[ours+1:])]
    return "\nStill running after an interrupt. Where each thread is:\n" + "".join(parts)
