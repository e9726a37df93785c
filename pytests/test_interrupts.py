"Which code an interrupt may hit, asked of `ipymini.interrupts` without a kernel: a module of each kind, called by user code"
import pytest, sys
from types import SimpleNamespace
from ipymini import wait_until
from ipymini.interrupts import UserCode, patience
from ipymini.signals import Signals
from ipymini.subshell import Subshell, here
from ipymini.system import processes
from ipymini.wire import Msg

code = UserCode(SimpleNamespace(msg=None, queue=[], tid=None))

def run_as_user_code(function):
    "What `function()` returns, called below the frame of `drive`"
    async def call(): return function()
    try: next(code.drive(call()))
    except StopIteration as e: return e.value

def is_delicate_in(module):
    "True if code of `module`, called by user code, is delicate"
    names = dict(__name__=module, code=code, sys=sys)
    return run_as_user_code(lambda: eval("code.is_delicate(sys._getframe())", names))

@pytest.mark.parametrize("module", ["ipymini.kernel", "ipymini.subshell", "ipymini.channels.iopub", "logging",
    "json.encoder", "IPython.core.history"])
def test_code_that_an_interrupt_could_break_is_delicate(module): assert is_delicate_in(module)

@pytest.mark.parametrize("module", ["ipymini.features.terminal", "ipymini.features.pools", "ipymini.pods.link",
    "__main__", "numpy"])
def test_features_and_pods_are_interrupted_as_a_library_is(module): assert not is_delicate_in(module)

@pytest.mark.parametrize("module", ["ipymini.kernel", "logging"])
def test_code_that_no_user_code_calls_is_not_delicate(module):
    names = dict(__name__=module, code=code, sys=sys)
    assert eval("code.is_delicate(sys._getframe())", names) is False

def test_an_interrupt_of_wait_until_does_not_come_again():
    found = []
    def condition():
        found.append(code.is_delicate(sys._getframe(1)))
        return True
    here.subshell = Subshell(None)
    try: assert run_as_user_code(lambda: wait_until(condition))
    finally: here.subshell.loop.close()
    assert found == [False]

look = "waits.append(must_wait(sys._getframe()))"

def waits_in(module, *lines, name="f", call=run_as_user_code):
    "Whether an interrupt has to wait, asked 300 times in each of `lines` of a function `name` of `module` that `call` calls"
    must_wait = UserCode(code.subshell).must_wait
    names = dict(__name__=module, sys=sys, waits=[], must_wait=must_wait)
    body = "".join(f"        {line}\n" for line in lines)
    exec(f"def {name}():\n    for _ in range(300):\n{body}", names)
    call(names[name])
    return names["waits"]

@pytest.mark.parametrize("module", ["ipymini.channels.backlog", "logging"])
def test_delicate_code_that_takes_locks_is_not_interrupted_there_however_often(module):
    assert all(waits_in(module, look, look, name="__enter__"))

def test_delicate_code_that_goes_on_is_interrupted_in_the_end():
    "As a cell that prints is hardly ever seen elsewhere"
    assert waits_in("ipymini.channels.backlog", look, look).index(False) == patience

def test_delicate_code_that_blocks_is_interrupted_in_the_end():
    assert waits_in("ipymini.channels.backlog", look).index(False) == patience

@pytest.mark.parametrize("name", ["__enter__", "__exit__", "_acquire_restore"])
def test_code_that_takes_or_gives_back_a_lock_is_not_interrupted_at_once(name):
    assert waits_in("threading", look, name=name)[0]

def test_a_finaliser_is_not_interrupted_at_once():
    "Many swallow whatever is raised in them"
    assert waits_in("__main__", look, name="__del__")[0]

def test_an_endless_enter_of_a_with_is_interrupted_in_the_end():
    assert waits_in("__main__", look, look, name="__enter__").index(False) == patience

def test_an_interrupt_within_our_signal_handler_is_not_raised_there():
    "It would come out where the handler has hit our code: on Python 3.14 between the taking of a lock and its block"
    names = dict(__name__="ipymini.signals")
    exec("def on_signal(later): return later()", names)
    assert waits_in("asyncio.base_events", look,
        call=lambda later: run_as_user_code(lambda: names["on_signal"](later)))[0]

@pytest.mark.parametrize("name", ["showtraceback", "trigger", "load_lazy"])
def test_endless_code_that_IPython_calls_where_an_interrupt_is_lost_is_interrupted_in_the_end(name):
    "To show a traceback, as a hook, or to load magics, which it would never try again"
    names = dict(__name__="IPython.core.interactiveshell")
    exec(f"def {name}(function): return function()", names)
    waits = waits_in("__main__", look, look, call=lambda function: run_as_user_code(lambda: names[name](function)))
    assert waits.index(False) == patience

def test_delicate_code_is_interrupted_at_once_when_the_kernel_ends():
    assert not any(waits_in("ipymini.channels.backlog", look.replace("())", "(), is_late=True)"),
        look.replace("())", "(), is_late=True)")))

# -- which cell it means

def test_an_interrupt_that_had_to_wait_does_not_hit_the_cell_behind_the_one_that_it_meant():
    done = []
    cells = [Msg(dict(msg_id=id, msg_type="execute_request")) for id in ("meant", "later")]
    main = SimpleNamespace(msg=cells[0], waiting=lambda: [], tid=None)
    main.user_code = UserCode(main)
    main.user_code.must_wait = lambda frame, is_late: main.msg is cells[0]
    main.user_code.interrupt = lambda frame: done.append("interrupted")
    subshells = SimpleNamespace(main=main, are_open=True, later=lambda seconds, function: done.append("put off"))
    lifecycle = SimpleNamespace(ending=SimpleNamespace(is_overdue=False, is_stopping=False))
    signals = SimpleNamespace(kernel=SimpleNamespace(subshells=subshells), lifecycle=lifecycle, meant=[], try_again=None, land=lambda: done.append("landed"))
    Signals.interrupt_main(signals, sys._getframe(), is_new=True)
    main.msg = cells[1]
    Signals.interrupt_main(signals, sys._getframe(), is_new=False)
    assert done == ["put off", "landed"]

# -- calling the main thread

def test_the_main_thread_is_called_before_the_children_that_it_may_wait_for(monkeypatch):
    "Else a child may end, and the cell with it, before the interrupt is there: without the GIL that takes no longer"
    called = []
    monkeypatch.setattr(processes, "signal_all", lambda pids, number: called.append("children"))
    Signals.nudge(SimpleNamespace(is_put_off=True, calls=SimpleNamespace(call=lambda: called.append("main"))))
    assert called == ["main", "children"]
