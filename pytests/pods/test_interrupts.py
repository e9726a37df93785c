"Interrupts, time limits, threads and tasks."
import asyncio, os, signal, threading, time
import pytest
from ends import deaf, interrupts
from ipymini import PodError, pod
from ipymini.pods.link import Call, Link
from types import SimpleNamespace


@pytest.fixture(scope="module")
def p():
    with pod() as p: yield p

@pytest.mark.parametrize("code", ["import time\ntime.sleep(60)", "while True: pass",
    "import threading\n"
    "threading.Lock().acquire()\n"
    "threading.Event().wait()",
    "import subprocess\nsubprocess.run(['sleep', '60'])", "import asyncio\nasyncio.run(asyncio.sleep(60))"])
def test_an_interrupt_ends_the_call_and_keeps_the_state(p, code):
    p["kept"] = 1
    with interrupts(.3), pytest.raises(KeyboardInterrupt) as e: p.run(code)
    assert "cell" in str(e.value.__cause__)
    assert p["kept"] == 1

def test_a_pod_that_is_started_with_signals_blocked_is_interrupted():
    before = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
    try: p = pod()
    finally: signal.pthread_sigmask(signal.SIG_SETMASK, before)
    with p, pytest.raises(TimeoutError, match="keeps its state"): p.time.sleep.timeout_(.2)(60)

def test_the_interrupt_is_the_remote_one(p):
    @p
    def f():
        try: __import__("time").sleep(60)
        finally: print("cleaned up")
    with interrupts(.3), pytest.raises(KeyboardInterrupt) as e: f()
    assert "in f" in str(e.value.__cause__)

def test_an_interrupt_that_is_caught_there_is_still_raised(p):
    p.run("def f():\n import time\n try: time.sleep(60)\n except KeyboardInterrupt: return 'caught'")
    with interrupts(.3), pytest.raises(KeyboardInterrupt): p.f()
    assert p.abs(-1) == 1

def test_a_builtin_is_interrupted(p):
    with interrupts(.3), pytest.raises(KeyboardInterrupt): p.time.sleep(60)

def test_a_call_is_interrupted_where_waits_begin_again_behind_a_signal(p):
    "As they do in a process that has imported polars"
    signal.siginterrupt(signal.SIGINT, False)
    try:
        with interrupts(.3), pytest.raises(KeyboardInterrupt) as e: p.time.sleep(60)
    finally: signal.siginterrupt(signal.SIGINT, True)
    assert e.value.__cause__

@pytest.mark.slow
def test_the_third_interrupt_ends_a_deaf_pod():
    with pod() as p:
        p.run(deaf)
        with interrupts(.3, .9, 1.5), pytest.raises(PodError, match="it did not heed three interrupts"): p.deaf()

@pytest.mark.slow
def test_interrupts_in_quick_succession_count_as_one():
    with pod() as p:
        p.run(deaf.replace("while True", "for i in range(8)").replace("60", ".3"))
        with interrupts(.2, .25, .3, .35, .4), pytest.raises(KeyboardInterrupt): p.deaf()
        assert p.abs(-1) == 1

# -- time limits

def test_a_call_that_takes_too_long_is_interrupted(p):
    with pytest.raises(TimeoutError, match="the pod keeps its state"): p.time.sleep.timeout_(.2)(60)
    assert p.abs(-1) == 1

def test_a_call_that_is_quick_enough_is_not(p): assert p.abs.timeout_(20)(-1) == 1

@pytest.mark.slow
def test_a_deaf_pod_is_ended_by_its_time_limit():
    with pod() as p:
        p.run(deaf)
        with pytest.raises(TimeoutError, match="the pod was ended"): p.deaf.timeout_(.2)()
        with pytest.raises(PodError, match="a call that took too long"): p.abs(1)

# -- threads and tasks

def test_threads_that_call_one_pod_queue(p):
    p.run("running = 0\n"
        "def alone():\n"
        " global running\n"
        " running += 1\n"
        " assert running == 1\n"
        " import time\n"
        " time.sleep(.01)\n"
        " running -= 1\n"
        " return True")
    results = []
    threads = [threading.Thread(target=lambda: results.append(p.alone())) for _ in range(10)]
    for o in threads: o.start()
    for o in threads: o.join()
    assert results == [True] * 10

def test_calls_that_threads_send_in_another_order_than_they_began_are_all_answered(p):
    "One may have its number before another, and be sent behind it"
    link = p._core.link
    calls = [link.new_call(("call", name, args, {})) for name,args in (("abs", (-1,)), ("time.sleep", (.2,)))]
    for call in reversed(calls): link.writer.dispatch(call)
    for call in calls: assert link.follow(call, time.monotonic()+30), f"30 s passed: waited for the reply to call {call.number}"

def test_calls_of_one_task_after_the_other_keep_their_order(p):
    p.run("seen = []")
    async def main(): return await asyncio.gather(*(p.seen.append.async_(i) for i in range(50)))
    asyncio.run(main())
    assert p["seen"] == list(range(50))

def test_pods_run_beside_each_other_in_tasks():
    "Each waits for the others, so that all must run at the same time."
    with pod() as a, pod() as b:
        async def main():
            path = f"/tmp/pods-{os.getpid()}"
            code = "def meet(mine, other):\n import os, time\n open(mine, 'w').close()\n while not os.path.exists(other): time.sleep(.01)\n return True"
            a.run(code)
            b.run(code)
            try:
                return await asyncio.wait_for(asyncio.gather(a.meet.async_(path+"a", path+"b"),
                    b.meet.async_(path+"b", path+"a")), 30)
            finally:
                for end in "ab": os.remove(path+end)
        assert asyncio.run(main()) == [True, True]

def test_to_cancel_a_task_interrupts_its_call(p):
    p.run("import time\n"
        "ended = None\n"
        "def f():\n"
        " global ended\n"
        " try: time.sleep(60)\n"
        " except KeyboardInterrupt: ended = 'interrupted'; raise")
    async def main():
        task = asyncio.create_task(p.f.async_())
        while not p._core.link.sent: await asyncio.sleep(.01)
        await asyncio.sleep(.1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError): await task
        return await p.abs.async_(-1)
    assert asyncio.run(main()) == 1
    assert p["ended"] == "interrupted"

def test_an_exception_reaches_the_task(p):
    async def main(): await p.int.async_("x")
    with pytest.raises(ValueError, match="invalid literal"): asyncio.run(main())

def test_text_of_a_task_is_shown(p, capsys):
    async def main(): await p.print.async_("from a task")
    asyncio.run(main())
    assert capsys.readouterr().out == "from a task\n"

def test_a_pod_does_not_work_in_a_forked_process(p):
    r,w = os.pipe()
    pid = os.fork()
    if not pid:
        try: p.abs(-1)
        except PodError as error: os.write(w, str(error).encode())
        finally: os._exit(0)
    os.waitpid(pid, 0)
    assert os.read(r, 1000).startswith(b"this pod belongs to the process that made it")
    assert p.abs(-1) == 1
    for fd in (r, w): os.close(fd)

def test_a_fork_in_the_pod_cannot_speak(p):
    p.run("import os\ndef f():\n pid = os.fork()\n if pid: os.waitpid(pid, 0)\n return pid")
    assert p.f() > 0
    assert p.abs(-1) == 1

def test_multiprocessing_works_in_a_pod(p):
    code = "import multiprocessing as m, os\ndef f():\n with m.get_context('fork').Pool(2) as pool: return pool.map(abs, [-1, 2])"
    p.run(code)
    assert p.f() == [1, 2]

def test_an_interrupt_goes_to_the_calls_that_its_thread_left_behind_too():
    "They may be what the pod is at; those of a task are its own, and later ones have not begun."
    calls = [Call(number, b"", ()) for number in range(1, 5)]
    calls[1].owner = None
    told = []
    link = SimpleNamespace(sent={call.number: call for call in calls}, tell=lambda kind, number: told.append(number))
    Link.interrupt(link, calls[2])
    assert told == [1, 3]

def test_a_call_that_an_interrupt_left_unsent_is_forgotten_with_the_reply_to_the_next(p):
    "Else the pod would count as busy ever after: no call would be sent by its caller, and its end would be a kill"
    link = p._core.link
    left = link.new_call(None)
    link.sent[left.number] = left  # as `Writer.dispatch` does before it sends
    link.leave(left)
    assert p.abs(-1) == 1
    assert link.sent == {}
