"""Compares what the kernel completes with what IPython with jedi does, at some 390 cursors in lines of notebooks: `tools/completions [THEME...]`.

Prints, for each cursor, what only IPython lists, with the reason where it is meant, and exits 1 if anything is missing without one.
The themes that need numpy, matplotlib or pandas are left out where those are not installed."""
import sys
from importlib.util import find_spec
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parent), str(Path(__file__).resolve().parents[2]/"pytests")]
from comparing import cases, compare, explain, libraries, prepare
from helpers import start

def main(names):
    "Compare, and print; True if nothing is missing without a reason."
    themes = [theme for theme in dict.fromkeys(case.theme for case in cases()) if not names or theme in names]
    present = [theme for theme in themes if theme not in libraries or find_spec(theme)]
    kc = start()
    try:
        prepare(kc, present)
        outcomes = [compare(kc, case) for case in cases(present)]
    finally: kc.stop()
    unexplained = sum(map(show, outcomes))
    more = sum(len(outcome.found - outcome.expected) for outcome in outcomes)
    print(f"{len(outcomes)} cursors, {sum(len(outcome.expected) for outcome in outcomes)} completions of IPython's with jedi;"
        f" {more} that it has not; {unexplained} missing without a reason")
    return not unexplained

def show(outcome):
    "Print what is missing; how many of them have no reason."
    by_reason = {}
    for text in sorted(outcome.missing): by_reason.setdefault(explain(outcome, text), []).append(text)
    for reason,texts in by_reason.items():
        print(f"{outcome.case.theme}: {outcome.case.shown}  lacks {len(texts)}: {', '.join(texts[:8])}  ({reason or 'NO REASON'})")
    return len(by_reason.get(None, ()))

if __name__ == "__main__": sys.exit(0 if main(sys.argv[1:]) else 1)
