"Where the threads that run user code are, as text."
import os, sys, threading

package = os.path.dirname(os.path.dirname(__file__))  # the folder of our own code

def stacks():
    "Where each thread that runs user code is, as text."
    from traceback import format_list
    threads = {thread.ident: thread for thread in threading.enumerate()}
    parts = ["\nStill running after an interrupt. Where each thread is:\n"]
    for ident,frame in sys._current_frames().items():
        thread = threads.get(ident)
        calls = user_calls(frame)
        if not calls or is_ours(thread): continue
        parts.append(f"\nThread {thread.name if thread else ident}, most recent call last:\n")
        parts += format_list(calls)
    return "".join(parts)

def user_calls(frame):
    "What `traceback` knows of the calls up to `frame`, from behind the last one of ours."
    from traceback import extract_stack
    calls = extract_stack(frame)
    last = max((i for i,call in enumerate(calls) if call.filename.startswith(package)), default=-1)
    return calls[last+1:]

def is_ours(thread):
    "True if `thread`, or None, runs no user code."
    return getattr(thread, "pydev_do_not_trace", False) or type(thread).__module__.startswith("zmq.")
