"""`%replay`: outputs of cells that nobody watched, shown again as outputs of the cell that asks.

The journal has the messages as they were published. Here they are folded into what was to be seen in the end: text in one
piece, cleared outputs gone, displays as they were last updated, widgets in their plain form. Read `replay`, then `fold`."""
from copy import deepcopy

from ..channels.journal import Follower

widget = "application/vnd.jupyter.widget-view+json"  # of no use without the widget's comm, which may be gone
words = "msg_id","number","since","last_kernel"  # of a replay_request
nothing = "nothing is kept: IPYMINI_JOURNAL_MB is 0"
usage = "%replay, %replay NUMBER, %replay -COUNT, %replay --all, %replay --list, or %replay --last-kernel"

class BadArgument(ValueError): "Words after %replay that cannot be served; says why."

def replay(shell, argument):
    """Show again what `argument`, the words after %replay, asks for. Raises: BadArgument.

    The output of a cell that still runs follows until that has ended."""
    kernel,asking = shell.kernel.k,shell.kernel.get_parent()
    journal = kernel.iopub.journal
    if not journal: raise BadArgument(nothing)
    kernel.iopub.drain()  # what was written before is recorded
    with Follower(journal) as follower:
        records = [record for record in journal.records(argument == "--last-kernel") if record[1].get("msg_id") != asking["msg_id"]]
        pasts = [past for past in fold(records) if past.is_shown]
        if argument == "--list": return print_list(pasts, journal)
        chosen = select(argument, pasts, str(asking["header"].get("session")), journal.heard)
        if not chosen: print("There is nothing to replay." + lost(journal))
        for past in chosen: show(kernel, past)
        shown = {header["msg_id"] for header,*_ in records}
        follow(kernel, follower, {past.id for past in chosen}, shown)

def show(kernel, past):
    "Publish the outputs of `past` for the cell that runs."
    print(past.title, flush=True)
    for kind,content,metadata in past.messages(): kernel.output(kind, content, metadata=metadata)

def follow(kernel, follower, ids, shown):
    "Publish what comes from the cells `ids`, but for the messages `shown`, until none of them runs."
    def pass_on(record):
        if not record: return
        header,parent,*_ = record
        is_new = parent.get("msg_id") in ids and header["msg_id"] not in shown
        if is_new: publish_again(kernel, *record)
    ids = ids & kernel.subshells.running
    if not ids: return
    for record in follower:
        pass_on(record)
        if record is None and not ids & kernel.subshells.running: break
    kernel.iopub.drain()
    for record in follower.rest(): pass_on(record)

def publish_again(kernel, header, parent, metadata, content):
    "Publish a message that has just come from another cell."
    kind = header["msg_type"]
    if kind == "execute_result":
        kind = "display_data"
        content = plain(content)
    if kind != "execute_input": kernel.output(kind, content, metadata=metadata)

def print_list(pasts, journal):
    "Print which cells are kept, the newest last."
    for past in pasts:
        time = past.last[11:19]
        print(f"{time}  {len(past.outputs):3} outputs  {past.title}")
    print(lost(journal).strip() or f"{len(pasts)} cells with output")

def lost(journal):
    "How much had to go, in words; nothing if all is there."
    return f" {journal.dropped/1e6:.1f} MB that were older are no longer kept." if journal.dropped else ""

def find(journal, content):
    """The messages that a replay_request asks for, oldest first, as dicts with header, parent_header, metadata and content.

    `content` may name a cell by `msg_id` or `number`, a time by `since`, the kernel before this one by `last_kernel`.
    Raises: ValueError."""
    if not journal: raise ValueError(nothing)
    unknown = next((key for key in content if key not in words), None)
    if unknown: raise ValueError(f"a replay_request has no {unknown!r}; it knows {', '.join(words)}")
    records = list(journal.records(bool(content.get("last_kernel"))))
    ids,since = ids_of(records, content),content.get("since") or ""
    def is_asked(header, parent, *_): return header["date"] >= since and (ids is None or parent.get("msg_id") in ids)
    found = [record for record in records if is_asked(*record)]
    return [dict(zip(("header", "parent_header", "metadata", "content"), record)) for record in found]

def ids_of(records, content):
    "The ids of the requests that `content`, of a replay_request, names; None if it names none."
    id,number = content.get("msg_id"),content.get("number")
    if number is not None: return {past.id for past in fold(records) if past.number == number}
    return None if id is None else {id}

class Past:
    "What one cell has published: `outputs` are (type, content, metadata) in the order in which they are to be seen."
    def __init__(self, header):
        self.id = header.get("msg_id")
        self.session = str(header.get("session"))
        self.number = None   # None of a cell that was not counted
        self.code = ""
        self.outputs = []
        self.clears = False  # True if the next output clears those before it
        self.last = ""       # date of the newest output

    @property
    def title(self):
        "Its number and the first line of its source."
        line = next((line.strip() for line in self.code.splitlines() if line.strip()), "")
        return f"In [{self.number if self.number else ' '}]: {line}"

    @property
    def is_shown(self):
        "True if it has outputs of its own, which those of %replay are not."
        return bool(self.outputs) and not self.code.lstrip().startswith("%replay")

    def add(self, kind, content, metadata, date):
        "Take in an output message, which was published at `date`."
        self.last = date
        if kind == "clear_output":
            if content.get("wait"): self.clears = True
            else: self.outputs.clear()
            return
        if self.clears: self.outputs.clear()
        self.clears = False
        if kind == "stream": self.add_text(**content)
        else: self.outputs.append((kind, content, metadata))

    def add_text(self, name, text):
        "Take in text of the stream `name`: what comes in a row is one output."
        kind,content,_ = self.outputs[-1] if self.outputs else (None, {}, None)
        if kind == "stream" and content["name"] == name: content["text"].append(text)
        else: self.outputs.append(("stream", dict(name=name, text=[text]), {}))

    def messages(self):
        "Type, content and metadata of each output, as it can be published for another cell."
        for kind,content,metadata in self.outputs:
            if kind == "stream": yield kind, dict(content, text=resolved("".join(content["text"]))), metadata
            elif kind == "error": yield kind, content, metadata
            else: yield "display_data", plain(content), metadata

def fold(records):
    "The cells of the journal's `records`, as a list of `Past` in the order in which they began."
    pasts,displays = {},{}
    for header,parent,metadata,content in records:
        if parent.get("msg_type") != "execute_request": continue  # of a comm message, or of nobody
        kind = header["msg_type"]
        content = deepcopy(content)
        past = pasts.get(parent["msg_id"])
        if not past: past = pasts[parent["msg_id"]] = Past(parent)
        if kind == "execute_input":
            past.number = content.get("execution_count")
            past.code = content.get("code", "")
        elif kind == "update_display_data":
            update = dict(data=content["data"], metadata=content.get("metadata", {}))
            for shown in displays.get(display_id(content), ()): shown.update(update)
            past.last = header["date"]
        else:
            past.add(kind, content, metadata, header["date"])
            if display_id(content): displays.setdefault(display_id(content), []).append(content)
    return list(pasts.values())

def display_id(content): return (content.get("transient") or {}).get("display_id")

def plain(content):
    "A display without what only a living comm can show, and without a name that later updates could hit."
    data = {kind: value for kind,value in content["data"].items() if kind != widget}
    return dict(data=data, metadata=content.get("metadata", {}), transient={})

def resolved(text):
    "`text` as a terminal leaves it where lines go back by \\r: of a progress bar its last state."
    if "\r" not in text: return text
    lines = (line.rstrip("\r").rpartition("\r")[2] for line in text.replace("\r\n", "\n").split("\n"))
    return "\n".join(lines)

def unwatched(pasts, session, heard):
    """Those of `pasts` that another session than `session` ran, and that went on after that session was heard of last.

    `heard`: by session the date of its last request, as headers have it."""
    return [past for past in pasts if past.session != session and past.last > heard.get(past.session, "")]

def select(argument, pasts, session, heard):
    "The cells that the words after `%replay` ask for. Raises: BadArgument."
    if not argument: return unwatched(pasts, session, heard)
    if argument in ("--all", "--last-kernel"): return pasts
    try: number = int(argument)
    except ValueError: raise BadArgument(f"%replay does not know {argument!r}: {usage}") from None
    if number > 0: return [past for past in pasts if past.number == number]
    return [past for past in pasts if past.number][number or len(pasts):]
