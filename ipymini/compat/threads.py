"""Which cell the output of threads belongs to: changes in `threading`, `concurrent.futures` and `multiprocessing.pool`.

A thread that runs code of a cell writes for the cell that started it, and what is handed to a pool for the cell that
handed it on; `Parent.handed` has the rule. Read `carry_requests`, then the change for each library, then how code of a
cell is told."""
import threading
from functools import partial, wraps
from types import CoroutineType, FunctionType, MethodType

from ..parent import parent

mark = "ipymini_request"  # the attribute that carries a request from one thread to another

def carry_requests():
    "Let threads write for the cell that started them, and callbacks of futures for the cell that added them."
    from concurrent.futures import Future
    carry_into_threads(threading.Thread)
    carry_into_callbacks(Future)

def carry_into_threads(Thread):
    "Have a `Thread` take over the request that its starter left on it, before any code that a traceback could show."
    start = Thread.start
    bootstrap = Thread._bootstrap_inner

    @wraps(start)
    def starting(thread):
        vars(thread)[mark] = parent.handed(runs_code_of_a_cell(thread))
        try: start(thread)
        except BaseException as e:
            hide_frame(e)
            raise

    @wraps(bootstrap)
    def bootstrapping(thread):
        "Take the request over, and go on as ever."
        request = vars(thread).pop(mark, None)
        parent.set(request)
        context = getattr(thread, "_context", None)  # from Python 3.14 on `run` has one of its own
        if context is not None: context.run(parent.set, request)
        bootstrap(thread)

    Thread.start = starting
    Thread._bootstrap_inner = bootstrapping

def carry_into_work(module):
    """Have what is submitted to a ThreadPoolExecutor of `module`, which is `concurrent.futures.thread`, run for the cell that submitted it.

    The callable is left alone, its `_WorkItem` changed: it may be a proxy, or go to another interpreter."""
    WorkItem = module._WorkItem
    init = WorkItem.__init__
    run = WorkItem.run

    @wraps(init)
    def made(item, *args, **kw):
        init(item, *args, **kw)
        vars(item)[mark] = parent.handed(True)

    @wraps(run)
    def running(item, *args):
        parent.set(vars(item)[mark])
        run(item, *args)

    WorkItem.__init__ = made
    WorkItem.run = running

def carry_into_callbacks(Future):
    "Have the callbacks of a `Future`, which the thread of a pool calls, run for the cell that added them."
    add = Future.add_done_callback

    @wraps(add)
    def add_done_callback(future, fn): return add(future, on_behalf(fn))

    Future.add_done_callback = add_done_callback

def carry_into_pools(module):
    """Have work of the pools of `module`, which is `multiprocessing.pool`, run for the cell that handed it on.

    That is functions of a ThreadPool; callbacks and iterables of a Pool, too, which runs these on threads of its own."""
    Pool = module.Pool
    Result = module.ApplyResult
    apply = Pool.apply_async
    generate = Pool._guarded_task_generation
    init = Result.__init__

    def function(pool, fn): return on_behalf(fn) if isinstance(pool, module.ThreadPool) else fn

    @wraps(apply)
    def apply_async(pool, func, *args, **kw):
        try: return apply(pool, function(pool, func), *args, **kw)
        except BaseException as e:
            hide_frame(e)
            raise

    @wraps(generate)
    def generating(pool, job, func, iterable):
        return generate(pool, job, function(pool, func), items(iterable, parent.handed(True)))

    @wraps(init)
    def made(result, pool, callback, error_callback):
        init(result, pool, on_behalf(callback), on_behalf(error_callback))

    Pool.apply_async = apply_async
    Pool._guarded_task_generation = generating
    Result.__init__ = made


# -- calls on another thread

def on_behalf(fn):
    "`fn`, or None, for a call on another thread: for the cell that runs now, and without a frame of ours in a traceback."
    request = parent.handed(True)
    if fn is None or request is None: return fn
    def call(*args, **kw):
        before = parent.set(request)
        try: return fn(*args, **kw)
        except BaseException as e:
            hide_frame(e)
            raise
        finally: parent.reset(before)
    return call

def items(iterable, request):
    "The items of `iterable`, each of which is made on behalf of `request`."
    parent.set(request)
    try:
        for item in iterable: yield item  # not `yield from`, which would close a generator of the user's with ours
    except BaseException as e:
        hide_frame(e)
        raise

def hide_frame(error):
    "Take the frame that calls this out of the traceback of `error`, which it caught and raises again."
    traceback = BaseException.__traceback__.__get__(error)  # whatever its class makes of the name
    BaseException.with_traceback(error, traceback.tb_next)


# -- code of a cell

def runs_code_of_a_cell(thread):
    "True if the class of `thread`, its target, or what that is handed was defined in a cell."
    parts = [type(thread)]
    for value in vars(thread).values():
        if type(value) is dict: parts += value.values()
        elif type(value) in (tuple, list): parts += value
        else: parts.append(value)
    return any(map(is_of_a_cell, parts))

def is_of_a_cell(part):
    "True if `part` is code that was defined in a cell, or an object with such code; a proxy is asked for no attribute."
    kind = type(part)
    if kind is MethodType: return is_of_a_cell(part.__func__) or is_of_a_cell(part.__self__)
    if kind is partial: return any(map(is_of_a_cell, (part.func, *part.args)))
    if kind is CoroutineType: return bool(part.cr_frame) and part.cr_frame.f_globals.get("__name__") == "__main__"
    is_code = kind is FunctionType or issubclass(kind, type)
    owner = part if is_code else kind
    return owner.__module__ == "__main__"
