"""What every tool says about itself on a bare Python, before it imports what it needs: its help and the version of this checkout.

Standard library only."""

import re, sys
from pathlib import Path

root = Path(__file__).resolve().parent.parent

def version():
    "The version of this checkout: it stands in ipymini/__init__.py alone."
    return re.search(r'__version__ *= *"([^"]+)"', (root/"ipymini/__init__.py").read_text())[1]

def add_version(parser):
    "Let the argparse `parser` answer -V."
    parser.add_argument("-V", "--version", action="version", version=f"{parser.prog} of ipymini {version()}")

def answer(text):
    "Print `text` for --help, the version for -V, and exit; go on if neither is asked for."
    asked = set(sys.argv[1:])
    if asked & {"-h", "--help"}: sys.exit(print(text))
    if asked & {"-V", "--version"}: sys.exit(print(f"tools/{Path(sys.argv[0]).name} of ipymini {version()}"))
