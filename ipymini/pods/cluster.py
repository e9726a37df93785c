"""Pods on the workers of an existing dask.distributed cluster, for `pool(dask=client)`.

Scheduling, transport and failures are dask's: on each worker an actor, `Far`, holds a pod of that machine and relays
pickled calls to it. Read `FarCore.do`. What a pod shows comes as dask's events, and is shown by the caller while it waits;
an interrupt is a method of the actor that runs beside the call. Questions of a pod's, `input()`, are an EOFError there."""
import asyncio, pickle, time, uuid
from collections import deque
from concurrent.futures import TimeoutError as NotYet
from itertools import count
from queue import Empty, SimpleQueue
from types import SimpleNamespace
from distributed import get_worker
from .client import Core, pod
from .errors import PodError
from .link import grace
from .show import show, show_text
from .wire import Frame

looks = .05  # s between looks for what a pod shows, and for an interrupt, while a call runs
last_words = 5  # s for events that are behind the reply

def cluster_cores(client, number, kwargs):
    "A FarCore for each worker of dask's client, or for the first `number`."
    workers = sorted(client.scheduler_info(n_workers=-1)["workers"])
    if not workers: raise PodError("the dask cluster has no workers")
    cores = [FarCore(client, worker, kwargs) for worker in workers[:number]]
    for core in cores: core.start()
    return cores

class FarLink:
    "What a `Link` is to other parts of pods, for one that lives in another process: its token, and whether it has ended."
    reason = None  # a pod that is gone may be made anew

    def __init__(self, token, close, interrupt):
        self.token = token
        self.close = close
        self.ended = None
        self.writer = SimpleNamespace(forgotten=deque())  # ids of handles that nobody here holds any more
        self.sent = {}  # number: the call that is running
        self.interrupt = interrupt  # called with a number

class FarCore(Core):
    "A pod on a worker of dask's."
    def __init__(self, client, worker, kwargs):
        super().__init__([], None, kwargs.get("name"), {}, None)
        self.client = client
        self.worker = worker
        self.kwargs = kwargs
        self.numbers = count(1)
        self.topic = f"pod-{uuid.uuid4().hex}"
        self.shown = SimpleQueue()  # (number, kind, content) of what the pod shows
        self.over = 0  # number of the newest call whose end has come
        client.subscribe_topic(self.topic, lambda event: self.shown.put(event[1]))

    def start(self):
        "Have dask make the actor on the worker, and send it the functions that an earlier one had."
        submitted = self.client.submit(Far, self.kwargs, self.topic, actor=True, workers=[self.worker], pure=False)
        self.actor = submitted.result()
        token,self.about = self.actor.hello().result()
        self.link = FarLink(token, self.close, self.actor.interrupt)
        for source in self.sources: self.do("define", *source)

    def close(self):
        if self.link.ended: return
        self.link.ended = PodError("the pod was ended: it was closed")
        try: self.actor.close().result(timeout=grace)
        except (NotYet, OSError, RuntimeError): pass  # the worker has gone, and its pod with it

    def do(self, *request, timeout=None):
        "Have the pod do something; what comes of it."
        __tracebackhide__ = True
        if self.link.ended: raise self.link.ended
        buffers = []
        body = pickle.dumps(request, 5, buffer_callback=buffers.append)
        number = next(self.numbers)
        dropped = self.link.writer.forgotten
        forgotten = [dropped.popleft() for _ in range(len(dropped))]
        self.link.sent[number] = number
        try:
            future = self.actor.perform(number, body, [bytes(o.raw()) for o in buffers], forgotten)
            reply,interrupted = self.wait(future, number, timeout)
            self.show_rest(number)
        finally: del self.link.sent[number]
        return self.result(self.link, self.frame(*reply), interrupted)

    def wait(self, future, number, timeout):
        "The reply, and whether there was a KeyboardInterrupt."
        interrupted = False
        end = None if timeout is None else time.monotonic() + timeout
        while True:
            try:
                self.show_some()
                return future.result(timeout=looks),interrupted
            except NotYet: pass
            except KeyboardInterrupt:
                interrupted = True
                self.actor.interrupt(number)
            except (OSError, RuntimeError, ValueError) as error: self.lost(error)
            if end is not None and time.monotonic() > end: self.overdue(future, number)

    def overdue(self, future, number):
        self.actor.interrupt(number)
        try: future.result(timeout=grace)
        except NotYet: self.close()
        raise TimeoutError("the call took too long; it was interrupted")

    def lost(self, error):
        "The worker is gone."
        self.link.ended = PodError(f"the worker {self.worker} is gone, and its pod with it: {error}")
        raise self.link.ended from None

    def frame(self, kind, body, buffers):
        "The reply as `Core.result` wants it; of the pod's death only a text comes, which is raised."
        if kind is None:
            self.link.ended = PodError(body)
            return self.link.ended
        return Frame(kind, 0, bytearray(body), [bytearray(o) for o in buffers])

    def show_some(self):
        "Show what has come."
        try:
            while True: self.show_next(0)
        except Empty: pass

    def show_next(self, timeout):
        "Show what comes next. Raises: Empty, after `timeout` seconds."
        number,kind,content = self.shown.get(timeout=timeout)
        if kind == "end": self.over = max(self.over, number)
        elif kind == "text": show_text(*content)
        else: show(*content)

    def show_rest(self, number):
        "Show what the pod had shown before its reply: events go by the scheduler, and may be later."
        end = time.monotonic() + last_words
        while self.over < number and time.monotonic() < end:
            try: self.show_next(looks)
            except Empty: pass  # another thread may have shown it

    async def do_async(self, *request):
        "As `do`, on a thread."
        return await asyncio.to_thread(self.do, *request)

class Far:
    "The actor: a pod of this worker's machine."
    def __init__(self, kwargs, topic):
        self.worker = get_worker()
        self.topic = topic
        self.core = pod(**kwargs)._core
        self.calls = {}  # number: the Call that runs
        self.core.screen.show = lambda *content: self.tell("show", content)
        self.core.screen.text = lambda *content: self.tell("text", content)

    def hello(self): return self.core.link.token,self.core.about

    def tell(self, kind, content=()):
        number = next(iter(list(self.calls)), 0)
        self.worker.log_event(self.topic, (number, kind, content))

    def perform(self, number, body, buffers, forgotten):
        "Relay a call: kind, body and buffers of the reply, or None and why the pod is gone."
        link = self.core.link
        link.writer.forgotten.extend(forgotten)
        call = self.calls[number] = link.pickled_call(body, [memoryview(o) for o in buffers])
        try: link.perform(call)
        finally:
            self.tell("end")
            del self.calls[number]
        if isinstance(call.reply, PodError): return None,str(call.reply),()
        return call.reply.kind,bytes(call.reply.body),[bytes(o) for o in call.reply.buffers]

    async def interrupt(self, number):
        "Runs on the worker's loop, beside a call."
        if number in self.calls: self.core.link.interrupt(self.calls[number])

    async def close(self): self.core.link.close()
