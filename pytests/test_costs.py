"What things cost, as counts that no load changes: calls of the operating system, threads that a request passes"
import shutil, signal, subprocess, pytest
from ast import literal_eval
from helpers import until
from ipymini.subshells import Subshells
from ipymini.wire import Msg
from types import SimpleNamespace

prints = 500

def calls(kc, tid, code, log):
    "How often the thread `tid` of the kernel asks what can be read while a cell runs `code`"
    if not shutil.which("strace"): pytest.skip("there is no strace")
    tracer = subprocess.Popen(["strace", "-p", str(tid), "-e",
        "trace=poll,ppoll,epoll_wait,epoll_pwait,select,pselect6,ioctl", "-o", log], stderr=subprocess.PIPE, text=True)
    first = tracer.stderr.readline()
    if "attached" not in first: pytest.skip(f"strace may not look: {first}")
    kc.run(code)
    tracer.send_signal(signal.SIGINT)
    tracer.communicate(timeout=30)
    return len(log.read_text().splitlines())

def test_a_write_asks_once_whether_a_child_has_written(own_kc, tmp_path):
    tid = int(own_kc.run("import threading; threading.get_native_id()").result)
    own_kc.run("1")
    rest = calls(own_kc, tid, "for i in range(2): print(i)", tmp_path/"few")
    count = calls(own_kc, tid, f"for i in range({prints}): print(i)", tmp_path/"many")
    assert count-rest < 3*prints  # a `print` writes its text and the end of the line

count_looks = """
import sys
_capture = sys.stdout.out.catch_up.__self__
_looks = []
_look = _capture.look
def _counting(*timeout):
    _looks.extend(timeout)
    return _look(*timeout)
_capture.look = _counting
"""

def test_a_write_looks_at_the_pipes_once(own_kc):
    "Where there is no strace, too: the looks of those that write do not wait, other than the one of the thread that reads"
    own_kc.run(count_looks)
    own_kc.run(f"_looks.clear()\nfor i in range({prints}): print(i)")
    assert 2*prints <= int(own_kc.run("len(_looks)").result) < 2*prints + 20

# -- errors

count_formatting = """
_tb = get_ipython().InteractiveTB
_formatted = []
_format = _tb.structured_traceback
def _counting(*args, **kw):
    _formatted.append(args[1])
    return _format(*args, **kw)
_tb.structured_traceback = _counting
"""

def test_an_error_is_formatted_once(own_kc):
    own_kc.run(count_formatting)
    own_kc.run("1/0")
    assert own_kc.run("_formatted").result == "[ZeroDivisionError('division by zero')]"

def test_what_ipython_keeps_of_an_error_is_what_was_shown(own_kc):
    res = own_kc.run("1/0")
    number = res.content["execution_count"]
    kept = own_kc.run(f"getattr(get_ipython().history_manager, 'exceptions', {{}}).get({number})").result
    assert kept == "None" or literal_eval(kept) == res.error  # IPython keeps it from 9.2 on

same_style = """
import stack_data
from pygments.formatters.terminal256 import Terminal256Formatter
def style(): return stack_data.style_with_executing_node("default", "bg:ansiyellow")
def colors(**options): return Terminal256Formatter(style=style(), **options).style_string
class Unchanged(Terminal256Formatter): _setup_styles = Terminal256Formatter._setup_styles.__wrapped__
"""

@pytest.mark.parametrize("fact", ["style() is style()", "colors() is colors()", "colors(nobold=True) is not colors()",
    "colors() == Unchanged(style=style()).style_string",
    "colors(nobold=True) == Unchanged(style=style(), nobold=True).style_string"])
def test_colors_of_a_style_are_worked_out_once(kc, fact):
    kc.run("try: 1/0\nexcept ZeroDivisionError: get_ipython().showtraceback()")  # which imports what is changed
    kc.run(same_style)
    assert kc.run(fact).result == "True"

# -- threads

note_threads = """
import threading, ipymini.kernel
_threads = []
def _noting(answer):
    def noted(*args):
        _threads.append(threading.current_thread().name)
        return answer(*args)
    return noted
for _type in ("kernel_info_request", "comm_info_request"): ipymini.kernel.shell_handlers[_type] = _noting(ipymini.kernel.shell_handlers[_type])
"""

@pytest.mark.parametrize("kind", ["kernel_info_request", "comm_info_request"])
def test_what_a_free_kernel_knows_by_heart_needs_no_other_thread_than_shells(own_kc, kind):
    own_kc.run(note_threads)
    until(lambda: own_kc.request(kind).status == "ok" and "'shell'" in own_kc.run("_threads").result, "an answer of the shell thread")

@pytest.mark.parametrize("is_free", [True, False])
@pytest.mark.parametrize("kind", ["kernel_info_request", "comm_info_request", "history_request"])
def test_what_the_kernel_knows_by_heart_waits_for_what_is_before_it(kind, is_free):
    queued = []
    subshells = Subshells(None)
    subshells.main = SimpleNamespace(is_free=lambda: is_free, enqueue=queued.append, queue=[], msg=None)
    subshells.open()
    msg = Msg(dict(msg_type=kind, msg_id="1"))
    answered_now = is_free and kind != "history_request"  # which may take long
    assert subshells.route(msg) is not answered_now
    assert queued == ([] if answered_now else [msg])
