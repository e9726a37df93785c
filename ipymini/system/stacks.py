"Where the threads that run user code are, as text."
import os, sys, threading

package = os.path.dirname(os.path.dirname(__file__))  # the folder of our own code

def stacks(heading, name_cell):
    """`heading`, and where each thread that runs user code is.

    `name_cell(filename)` tells what people call the file of a cell; None for another file."""
    threads = {thread.ident: thread for thread in threading.enumerate()}
    parts = [f"\n{heading} Where each thread is:\n"]
    for ident,frame in sys._current_frames().items():
        thread = threads.get(ident)
        calls = user_calls(frame, name_cell)
        if not calls or is_ours(thread): continue
        parts.append(f"\nThread {thread.name if thread else ident}, most recent call last:\n")
        parts += calls
    return "".join(parts)

def user_calls(frame, name_cell):
    "The calls up to `frame` as text, from the first one in a cell on; without one, from behind the last one of ours."
    from traceback import extract_stack
    calls = extract_stack(frame)
    cells = [i for i,call in enumerate(calls) if name_cell(call.filename)]
    ours = [i for i,call in enumerate(calls) if call.filename.startswith(package)]
    first = cells[0] if cells else ours[-1]+1 if ours else 0
    return [call_text(call, name_cell) for call in calls[first:]]

def call_text(call, name_cell):
    "A call as IPython's tracebacks name it, `Cell In[1], line 5`, or as Python's do."
    from traceback import format_list
    cell = name_cell(call.filename)
    if not cell: return format_list([call])[0]
    function = "" if call.name == "<module>" else f", in {call.name}"
    return f"  {cell}, line {call.lineno}{function}\n    {call.line}\n"

def is_ours(thread):
    "True if `thread`, or None, runs no user code."
    return getattr(thread, "pydev_do_not_trace", False) or type(thread).__module__.startswith("zmq.")
