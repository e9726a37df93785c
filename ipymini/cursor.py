"""What the code before a cursor asks to be completed: an attribute, or a name, and in the call of what. Runs nothing.

Code at a cursor is hardly ever whole, so no parser reads it: strings and comments are blanked, and what is left is looked at
from its end. What is not recognized is said to be unknown; then jedi is asked, as IPython does for everything. Read `Cursor`."""
import keyword, re
from collections import namedtuple

quoted = re.compile(r'''
    \#[^\n]*
  | (?P<prefix> (?<!\w)[bBfFrRtTuU]{1,2} )?
    (?: (?P<long>"""|\'\'\') (?: \\.? | (?!(?P=long)). )* (?P<end>(?P=long))?
      | (?P<short>["\']) (?: \\.? | (?!(?P=short))[^\\\n] )* (?P<stop>(?P=short))? )''', re.VERBOSE | re.DOTALL)
field = re.compile(r".*(?<!\{)\{(?![{\s])(?=[^}]*\Z)", re.DOTALL)  # an f-string up to the field that is not closed
literal = r'''(?: "_*" | \[[-\d\s,._"]*\] | \{[-\d\s,.:_"]*\} )'''
steps = r'''(?: \.[^\W\d]\w* | \[(?: -?\d+ | "_*" )\] )*'''
chain = rf'''(?<![\w.)\]}}"]) (?: (?P<root>[^\W\d]\w*) | {literal} ) {steps}'''
attribute = re.compile(rf"(?P<owner>{chain}) \. (?P<typed>\w*) \Z", re.VERBOSE)
called = re.compile(rf"(?P<owner>{chain}) \Z", re.VERBOSE)
is_called = re.compile(r"[\w)\]\"}]\Z")  # before a bracket: what is no name, nor the end of anything, calls nothing
defined = re.compile(r"\b(?:def|class)\s+\w+\Z")
by_name = re.compile(r"\s*(\w+)\s*=(?!=)")
subscript = re.compile(rf"(?P<owner>{chain}) \[ \s* \Z", re.VERBOSE)
importing = re.compile(r'''
    (?: ^ | [;:] ) [ \t]*
    (?: from [ \t]+ (?P<source> \w[\w.]* ) [ \t]+ import \b [\s(]* (?: [\w\s,]* , \s* )?
      | (?: from | import ) [ \t]+ (?: [\w., \t]* , [ \t]* )? (?P<package> (?: \w+\. )* ) )
    (?P<typed> \w* ) \Z''', re.VERBOSE | re.MULTILINE)
name = re.compile(r"(?<![\w.]) (?P<typed> [^\W\d]\w* | ) \Z", re.VERBOSE)
word = re.compile(r"(?<![\w.]) [^\W\d]\w*", re.VERBOSE)
bracket = re.compile(r"[()\[\]{}]")
# what gives names a value: an assignment, or one of these words, up to a colon or the end of the line
binding = re.compile(r'''
    (?: ^ | [;:] ) [ \t]*+ (?P<targets> [\w ,*]++ ) (?: : [^=\n]{0,200}+ )? [-+*/%&|^@]?=(?!=)
  | \b (?: def | class | lambda ) \b (?P<parameters> [^:]* )
  | \b (?: import | as | for | global | nonlocal ) \b (?P<names> [\s(]* (?: (?! \bin\b ) [\w \t,.*] )* )
  | (?<!\w) (?P<walrus> \w++ ) \s*+ :=''', re.VERBOSE | re.MULTILINE)
# those of the import statements that stand by themselves, which say what the names will mean
plain_import = re.compile(r'''
    (?: ^ | ; ) [ \t]*
    (?: from [ \t]+ (?P<source> \w[\w.]* ) [ \t]+ )?
    import [ \t]+ (?P<names> \w[\w., \t]* ) (?= ; | \n )''', re.VERBOSE | re.MULTILINE)
statement = re.compile(r"[\n;]|:(?!=)")  # what stands before one
assigning = re.compile(r"[ \t]*(?:(?:async[ \t]+)?for[ \t]+(?P<names>[\w \t,*]+?)[ \t]+in\b|(?P<targets>[\w ,*]+)=(?!=))")
scope = re.compile(r"\b(?:def|class|lambda)\b")
groups = "targets","parameters","names","walrus"

# a call that is not closed: code of what is called, the name that this begins with, how many arguments stand before,
# and the names of those that have one
Call = namedtuple("Call", "owner root count used")
unknown = Call(None, None, 0, set())

class Cursor:
    "What `code`, which ends at the cursor, asks for."
    def __init__(self, code):
        self.code = code
        self.text,self.quote = blank(code)  # `quote`: of the string that is not closed, before which `text` ends
        self.owner = None     # code of the object of which an attribute, in a string a key, is asked for
        self.root = None      # the name that `owner` begins with
        self.source = None    # the module from which a name is imported
        self.package = None   # the package of which a module is to be imported; empty for those of none
        self.is_name = False  # True where a name is asked for that stands by itself
        self.typed = ""       # what is there of the name
        if self.quote: self.look_before_string()
        else: self.look()

    def look_before_string(self):
        "Find of what a key is asked for, if it is one."
        found = subscript.search(self.text)
        if found: self.own(found)

    def look(self):
        "Find what is asked for."
        found = importing.search(self.text)
        if found:
            self.source = found["source"]
            self.package = None if self.source else found["package"].rstrip(".")
        else:
            found = attribute.search(self.text)
            if found: self.own(found)
            else:
                found = name.search(self.text)
                self.is_name = bool(found) and self.begins_name(found.start())
        if found: self.typed = found["typed"]

    def own(self, found):
        "Note the `owner` of a match."
        self.owner = self.piece(found)
        self.root = found["root"]

    def begins_name(self, at):
        "True if a name that stands by itself can begin at `at`: not behind a dot, nor where something is named or imported."
        before = self.text[:at].rstrip(" \t")
        words = re.split(r"[\n;]", before)[-1].split()
        is_import = words[:1] in (["import"], ["from"])
        is_named = words[-1:] in (["def"], ["class"], ["as"])
        return not (before.endswith(".") or is_import or is_named)

    def piece(self, found):
        "The code of the `owner` of a match."
        return self.code[found.start("owner"):found.end("owner")]

    @property
    def before(self):
        "`text` without what is typed."
        return self.text[:len(self.text)-len(self.typed)]

    @property
    def begins_line(self):
        "True if what is typed is all there is of its statement."
        return not re.split(r"[\n;:]", self.before)[-1].strip()

    @property
    def words(self):
        "Names that the code has before the cursor, but for attributes and what is typed."
        return set(word.findall(self.before))

    @property
    def bound(self):
        "Names to which the code, before the cursor, seems to give a value, but for those of `imports`."
        return bound(self.text)

    @property
    def statements(self):
        "The statements before that of the cursor, and this one, without what is in brackets."
        text = outside_brackets(self.text)
        start = max((match.end() for match in statement.finditer(text)), default=0)
        return text[:start],text[start:]

    @property
    def given(self):
        """Names that have a value at the cursor, since a statement before gives them one; and names that have none yet.

        Neither is told where a function or a class begins, whose names are seen inside of it alone."""
        if scope.search(self.text): return set(),set()
        before,current = self.statements
        giving = assigning.match(current)
        return bound(before),set(word.findall(giving["names"] or giving["targets"])) if giving else set()

    @property
    def imports(self):
        "What names are imported as before the cursor: a module, and the name in it, or None for the module itself."
        found = {}
        for match in plain_import.finditer(self.text):
            parts = [part.split() for part in match["names"].split(",")]
            for words in filter(None, parts):
                package = words[0].partition(".")[0]
                if match["source"]: found[words[-1]] = match["source"],words[0]
                elif len(words) == 3: found[words[-1]] = words[0],None
                else: found[package] = package,None
        return found

    @property
    def call(self):
        "The `Call` in which an argument begins at the cursor, `unknown` if it is not known of what; else None."
        start = open_bracket(self.text)
        if start is None or self.text[start] != "(": return None
        callee = find_callee(self.text[:start].rstrip())
        arguments = split_arguments(self.before[start+1:])
        if not callee or arguments[-1].strip(): return None
        if callee is unknown: return unknown
        used = {name.group(1) for name in map(by_name.match, arguments) if name}
        return Call(self.piece(callee), callee["root"], len(arguments)-1-len(used), used)

def bound(text):
    "Names to which `text` seems to give a value, but for what its plain imports import."
    found = (match[group] for match in binding.finditer(plain_import.sub("", text)) for group in groups)
    return {name for part in found if part for name in word.findall(part)}

def outside_brackets(text):
    "`text` without what is in brackets, also in one that is not closed."
    pieces = []
    depth = end = 0
    for match in bracket.finditer(text):
        if not depth: pieces.append(text[end:match.start()])
        depth = max(0, depth + (1 if match[0] in "([{" else -1))
        end = match.end()
    if not depth: pieces.append(text[end:])
    return "".join(pieces)

def find_callee(text):
    "The match of what is called behind `text`; `unknown` if that is no chain of names, None if nothing is called."
    if not is_called.search(text) or defined.search(text): return None
    found = called.search(text)
    if not found: return unknown
    return None if keyword.iskeyword(found["root"] or "") else found

def blank(code):
    """`code` with strings and comments blanked, at the same length, and None.

    If it ends in a string: what stands before that, and its quote."""
    pieces = []
    end = 0
    for match in quoted.finditer(code):
        pieces.append(code[end:match.start()])
        end = match.end()
        is_closed = match["end"] or match["stop"] or end < len(code)
        if is_closed: pieces.append(blanked(match[0]))
        elif match[0].startswith("#"): pieces.append(f" {match[0][1:]}")  # in the comment at the cursor names are completed, too
        else:
            text,quote = blank_field(match)
            return "".join(pieces) + text,quote
    return "".join(pieces) + code[end:],None

def blanked(piece):
    "What stands for `piece`, a string or comment."
    return " "*len(piece) if piece.startswith("#") else '"' + "_"*(len(piece)-2) + '"'

def blank_field(match):
    "What `blank` returns for a string that is not closed: of an f-string, for the field of it that is not closed."
    prefix = (match["prefix"] or "").lower()
    opened = field.match(match[0]) if set(prefix) & set("ft") else None
    if not opened: return "",match["long"] or match["short"]
    text,quote = blank(match[0][opened.end():])
    return " "*opened.end() + text,quote

def open_bracket(text):
    "The index of the innermost bracket that is not closed at the end of `text`, or None."
    depth = 0
    for match in reversed(list(bracket.finditer(text))):
        depth += 1 if match[0] in ")]}" else -1
        if depth < 0: return match.start()
    return None

def split_arguments(text):
    "The arguments in `text`, which begins behind the bracket of a call; the last one is not whole."
    arguments = []
    depth = 0
    begin = 0
    for at,char in enumerate(text):
        if char in "([{": depth += 1
        elif char in ")]}": depth -= 1
        elif char == "," and not depth:
            arguments.append(text[begin:at])
            begin = at+1
    return [*arguments, text[begin:]]
