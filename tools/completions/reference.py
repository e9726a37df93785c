"What IPython with jedi completes, in the kernel that is asked. Run as a cell."
import json as _json, warnings as _warnings

def _make_reference():
    from IPython.core.completer import IPCompleter
    shell = get_ipython()
    made = IPCompleter(shell=shell, namespace=shell.user_ns, global_namespace=shell.user_global_ns, parent=shell)
    made.custom_completers = shell.Completer.custom_completers
    made.jedi_compute_type_timeout = 0  # types are not compared
    return made

def _complete(code, pos, completer):
    "The start, and the texts, of what `completer` finds at `pos`; with jedi set as it sets itself."
    import jedi
    from IPython.core.completer import rectify_completions
    jedi.settings.allow_unsafe_interpreter_executions = True
    with _warnings.catch_warnings():
        _warnings.simplefilter("ignore")
        found = list(rectify_completions(code, completer.completions(code, pos)))
    return _json.dumps([found[0].start if found else pos, [match.text for match in found]])

_reference = _make_reference()
