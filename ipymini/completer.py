"""IPython's completer, with a look at what lives before it asks jedi, which takes a hundred times as long.

IPython's matchers, settings and hooks stay as they are: `LiveCompleter` stands in the place of its jedi matcher alone. Names,
attributes and keyword arguments are read from live objects where those are what the code means; for the rest, as names that
the cell itself assigns and chains through calls, jedi is asked. `cursor` says what the code asks for, `held` what of objects is
shown. Read `LiveCompleter._jedi_matches`, `find`, and what that calls. Imported with the first completion."""
import builtins, keyword, re, sys
from copy import copy
from pkgutil import iter_modules
from threading import RLock

from IPython.core.completer import IPCompleter, cursor_to_position
from IPython.core.guarded_eval import EvaluationContext, guarded_eval
from IPython.utils.dir2 import dir2

from .cursor import Cursor
from .held import Live, attributes, instance_dict, kind, read_signature, runs_once
from .system.packages import import_package

within_line = set("and as async await else for from if import in is lambda not or yield None True False".split())
abbreviation = re.compile(r"[^_]_([^_]_)*[^_]?")  # as `d_f` for `data_frame`
last_step = re.compile(r"(?P<owner>.+) (?: \.(?P<name>\w+) | \[[^\[\]]*\] )", re.VERBOSE | re.DOTALL)  # of a chain
not_found = object()
unsafe = "unsafe", "dangerous"  # values of the setting `evaluation` that let code of the user's run
warm_code = "str().upp"  # a chain through a call
asking = RLock()  # held by the thread that asks jedi: two that have it read the same file spoil what it keeps of that, for good

class LiveCompleter(IPCompleter):
    "IPython's completer; what jedi would be asked for is read from live objects, if it can be."

    def _jedi_matches(self, cursor_column, cursor_line, text):
        "Completions of what lives, then those that only jedi knows of; IPython asks this for those of jedi."
        code = text[:cursor_to_position(text, cursor_line, cursor_column)]
        cursor = Cursor(code)
        live,is_all = self.find(cursor)
        if is_all: return iter(sorted(live, key=rank))
        found = {match.name_with_symbols: match for match in self.ask_jedi(cursor, cursor_column, cursor_line, text)}
        more = [match for match in live if match.name not in found]
        return iter(sorted([*found.values(), *more], key=rank) if more else found.values())

    def ask_jedi(self, cursor, cursor_column, cursor_line, text):
        "What jedi completes; of the namespace it gets what the code mentions, as it takes some time for each name."
        asked = copy(self)
        names = {**(self.global_namespace or {}), **self.namespace}
        asked.namespace = {name: names[name] for name in cursor.words if name in names}
        asked.global_namespace = None
        with asking:
            jedi = import_package("jedi")
            jedi.settings.allow_unsafe_interpreter_executions = self.evaluation in unsafe  # else it would run properties
            return list(IPCompleter._jedi_matches(asked, cursor_column=cursor_column, cursor_line=cursor_line, text=text))

    def global_matches(self, text, *context):
        "IPython's, which takes long among many names to look for abbreviations: here only where `text` can begin one."
        if context or abbreviation.fullmatch(text): return super().global_matches(text, *context)
        known = keyword.kwlist, list(vars(builtins)), list(self.namespace), list(self.global_namespace or ())
        found = [name for names in known for name in names if name.startswith(text)]
        return [name for name in dict.fromkeys(found) if name != "__builtins__"]

    # -- what lives: each returns completions, and whether those are all

    def find(self, cursor):
        "What lives of what `cursor` asks for."
        if cursor.quote: return [],self.is_known(cursor)
        if cursor.owner: return self.find_attributes(cursor)
        if cursor.source: return find_imports(cursor)
        if cursor.package is not None: return find_modules(cursor)
        return self.find_names(cursor) if cursor.is_name else ([], False)

    def is_known(self, cursor):
        "True if other matchers of IPython's know what is completed in a string: keys of what lives, paths."
        if cursor.owner: return self.meant(cursor, cursor.owner, cursor.root) is not not_found
        is_joined = cursor.text.rstrip().endswith(("[", ",", "+"))  # jedi puts paths together from several strings
        return len(cursor.quote) == 1 and not is_joined

    def find_attributes(self, cursor):
        "The attributes of an object that lives."
        owner = self.meant(cursor, cursor.owner, cursor.root)
        if owner is not_found: return [],False
        names = dir2(owner)
        if not cursor.typed: names = [name for name in names if not self.omits(name)]
        return attributes(owner, names, cursor.typed),True

    def omits(self, name):
        "True if `name` is not shown behind a dot alone, by the setting `omit__names`."
        if self.omit__names == 1: return name.startswith("__") and name.endswith("__")
        return self.omit__names == 2 and name.startswith("_")

    def find_names(self, cursor):
        "Names, builtins, keywords, and what the function called may be given by keyword."
        typed,call = cursor.typed,cursor.call
        values = self.values(typed)
        imported = {name: import_loaded(*what) for name,what in cursor.imports.items() if name.startswith(typed)}
        values.update({name: value for name,value in imported.items() if value is not not_found})
        arguments = self.find_arguments(cursor, call) if call else []
        given,coming = cursor.given
        others = {word for word in cursor.words if word.startswith(typed)}.difference(values, keyword.kwlist)
        fresh = [Live(name, typed, "statement") for name in others & given]
        is_all = arguments is not None and others <= given | coming
        return [*keywords(cursor), *named(values, typed), *fresh, *(arguments or ())],is_all

    def values(self, typed):
        "Builtins and names that begin with `typed`, with their values."
        found = {}
        namespaces = [vars(builtins), self.global_namespace or {}, self.namespace]
        if self.global_namespace is self.namespace: namespaces.pop()
        for namespace in namespaces:
            names = [name for name in list(namespace) if name.startswith(typed)]
            found.update({name: namespace[name] for name in names if name in namespace})
        found.pop("__builtins__", None)
        return found

    def find_arguments(self, cursor, call):
        "What may be given by keyword to the function called; None if it does not live or does not tell."
        function = self.meant(cursor, call.owner, call.root) if call.owner else not_found
        found = read_signature(function) if kind(function) in ("function", "class") else None
        if not found: return None
        parameters = list(found.parameters.values())
        by_place = [one for one in parameters if one.kind in (one.POSITIONAL_ONLY, one.POSITIONAL_OR_KEYWORD)]
        by_name = [one for one in parameters if one.kind is one.KEYWORD_ONLY]
        free = [one.name for one in (*by_place[call.count:], *by_name) if one.kind is not one.POSITIONAL_ONLY]
        names = [name for name in free if name.startswith(cursor.typed) and name not in call.used]
        return [Live(f"{name}=", cursor.typed, "param") for name in names]

    def meant(self, cursor, code, root):
        "The object that `code` at `cursor`, which begins with the name `root`, means; `not_found` if it does not live yet."
        if root in cursor.bound: return not_found
        imported = cursor.imports.get(root)
        if not imported: return self.live(code)
        value = import_loaded(*imported)
        if value is not_found: return not_found
        inside = copy(self)
        inside.namespace = {root: value}
        return inside.live(code)

    def live(self, code):
        "The object that `code` means, as far as the setting `evaluation` allows to look; else `not_found`."
        if not self.may_look(code): return not_found
        settings = dict(evaluation=self.evaluation)
        if hasattr(self, "policy_overrides"): settings["policy_overrides"] = self.policy_overrides  # from IPython 9.3 on
        context = EvaluationContext(globals=self.global_namespace or {}, locals=self.namespace, **settings)
        try: found = guarded_eval(code, context)
        except Exception: return not_found  # refused, no such name, or an error of the user's code where that may run
        stands_in = type(found).__module__ == guarded_eval.__module__  # for what may not be looked at
        return not_found if stands_in else found

    def may_look(self, code):
        "False if a cached property would run, which IPython lets; other properties it does not."
        found = last_step.fullmatch(code)
        if self.evaluation in unsafe or not found: return True
        owner = self.live(found["owner"])
        return owner is not not_found and not (found["name"] and runs_once(owner, found["name"]))

def import_loaded(module, name):
    "What an import of `name` from `module`, or of `module` itself, gives; `not_found` if that is not loaded."
    found = sys.modules.get(module, not_found)
    return found if name is None or found is not_found else instance_dict(found).get(name, not_found)

def keywords(cursor):
    "The keywords that can stand at `cursor`."
    words = keyword.kwlist if cursor.begins_line else within_line
    return [Live(word, cursor.typed, "keyword") for word in words if word.startswith(cursor.typed)]

def named(values, typed):
    "Completions for names with `values`; the type is looked at once for all values of a class: there can be many names."
    kinds = {type(value): kind(value) for value in values.values()}
    names = [name for name in values if not keyword.iskeyword(name)]  # builtins have `None`, `True` and `False`
    return [Live(name, typed, kinds[type(values[name])], values[name]) for name in names]

def find_imports(cursor):
    "What can be imported from a module; IPython's completer of modules has it loaded by now, if it can be."
    module = sys.modules.get(cursor.source)
    if module is None: return [],False
    found = {match.name: match for match in attributes(module, dir2(module), cursor.typed)}
    more = [match for match in modules_of(cursor.source, cursor.typed) if match.name not in found]
    return [*found.values(), *more],True

def find_modules(cursor):
    "The modules of a package that is loaded, or those of no package."
    is_known = not cursor.package or cursor.package in sys.modules
    return modules_of(cursor.package, cursor.typed) if is_known else [],is_known

def modules_of(package, typed):
    "The modules of `package`, or those of no package, whose names begin with `typed`."
    path = getattr(sys.modules[package], "__path__", []) if package else None
    names = {module.name for module in iter_modules(path)}
    if not package: names.update(sys.builtin_module_names)
    start = f"{package}." if package else ""
    loaded = [name.removeprefix(start) for name in list(sys.modules) if name.startswith(start)]
    names.update(name.partition(".")[0] for name in loaded)
    return [Live(name, typed, "module") for name in names if name.startswith(typed)]

def rank(match):
    "What completions are sorted by, as jedi sorts them: those that begin with underscores last."
    name = match.name_with_symbols
    return name.startswith("__"), name.startswith("_"), name.lower()

def warm_up(completer):
    "Have loaded what jedi loads for its first answer, if `completer` asks jedi at all."
    if not completer.use_jedi: return
    asked = copy(completer)
    asked.namespace = asked.global_namespace = {}
    with asking:
        for match in asked._jedi_matches(len(warm_code), 0, warm_code): match.get_signatures()
