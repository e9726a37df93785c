"""What a traceback shows: the user's frames without ours, and in Python's words what IPython cannot format.

Standard library alone. Read `trim` first."""

ours = "ipymini."
waiting = ours,"threading","asyncio","selectors"  # modules in which an interrupt finds code that waits
longest = 2000  # frames beyond which IPython would take seconds

def reader(name): return getattr(BaseException, name).__get__  # whatever a class makes of the name

traceback_of = reader("__traceback__")
cause_of = reader("__cause__")
context_of = reader("__context__")

def trim_all(error, traceback):
    "`traceback`, which is of `error`, without our frames; what a traceback of `error` shows as well loses them, too."
    for other in related(error):
        if other is not error: trim(other, traceback_of(other))
    return trim(error, traceback)

def trim(error, traceback):
    """`traceback`, which is of `error`, without our frames; `error` loses them, too.

    An interrupt ends where it hit the user's code, not in the lock or the loop that waited there.
    The middle of a traceback so long that IPython would take seconds is cut out."""
    kept = users_part(links(traceback), waiting if isinstance(error, KeyboardInterrupt) else ours)
    if not kept: return traceback
    if len(kept) > longest: kept[longest//2:-longest//2] = []
    join(kept)
    if kept[0] is not traceback and traceback_of(error) is traceback: BaseException.with_traceback(error, kept[0])
    return kept[0]

def links(traceback):
    "The traceback objects that `traceback` is a chain of, the outermost first."
    found = []
    while traceback:
        found.append(traceback)
        traceback = traceback.tb_next
    return found

def users_part(chain, ends):
    "The traceback objects of `chain` that are not ours, up to the last in none of the modules that begin with `ends`."
    kept = [link for link in chain if not module(link).startswith(ours)]
    while kept and module(kept[-1]).startswith(ends): kept.pop()
    return kept

def join(chain):
    "Make the list `chain` of traceback objects the chain that Python shows."
    for link,following in zip(chain, [*chain[1:], None]):
        if link.tb_next is not following: link.tb_next = following

def module(traceback): return traceback.tb_frame.f_globals.get("__name__") or ""

def related(error):
    "`error` and what a traceback of it shows as well: causes, contexts, members of groups."
    found = {}
    left = [error]
    while left:
        shown = left.pop()
        if shown is None or id(shown) in found: continue
        found[id(shown)] = shown
        members = shown.exceptions if isinstance(shown, BaseExceptionGroup) else ()
        left += [cause_of(shown), context_of(shown), *members]
    return found.values()

def needs_python(error):
    "True if IPython has no format for `error`, or would not survive it, so that Python has to format it."
    return is_grouped(error) or is_textless(error)

def is_grouped(error):
    "True if the contexts of `error` hold an ExceptionGroup, or go in a circle."
    seen = set()
    while error is not None and not isinstance(error, BaseExceptionGroup) and id(error) not in seen:
        seen.add(id(error))
        error = error.__context__
    return error is not None

def is_textless(error):
    "True if `error` cannot be turned into text."
    try: str(error)
    except BaseException: return True
    return False

def in_python_format(etype, value, traceback):
    "The lines of a traceback as Python shows it."
    from traceback import format_exception
    try: lines = format_exception(etype, value, traceback)
    except (ImportError, OSError): return in_bare_format(etype, value, traceback)  # Python 3.15 imports colours here
    return [line.rstrip("\n") for line in lines]

def in_bare_format(etype, value, traceback):
    "The lines of a traceback for which nothing need be imported and no file be opened: where it came through, and what it is."
    from traceback import walk_tb
    lines = ["Traceback (most recent call last):"]
    for frame,line in walk_tb(traceback):
        code = frame.f_code
        lines.append(f'  File "{code.co_filename}", line {line}, in {code.co_name}')
    return [*lines, f"{etype.__name__}: {value}"]

def or_python_format(formatter):
    """IPython's `formatter` of tracebacks; what it fails at, as where no file can be opened, Python formats.

    So it does where an interrupt ends a formatter that takes too long: the error is told all the same."""
    def structured_traceback(etype=None, value=None, tb=None, *args, **kw):
        try: return formatter(etype, value, tb, *args, **kw)
        except (Exception, KeyboardInterrupt): return in_python_format(etype, value, tb)
    return structured_traceback
