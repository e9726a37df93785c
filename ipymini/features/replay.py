"""`%replay`: outputs of cells that nobody watched, shown again as outputs of the cell that asks.

The journal has the messages as they were published. Here they are folded into what was to be seen in the end: text in one piece, cleared outputs gone, displays as
they were last updated, widgets in their plain form. Read `replay`, then `fold`."""
from copy import deepcopy

from ..channels.journal import Follower

widget = "application/vnd.jupyter.widget-view+json"  # of no use without the widget's comm, which may be gone
usage = "%replay, %replay NUMBER, %replay -COUNT, %replay --all, %replay --list, or %replay --last-kernel"

class BadArgument(ValueError): "Words after %replay that cannot be served; says why."

def replay(shell, argument):
    "Show again what `argument`, the words after %replay, asks for; what goes on meanwhile follows until its cell has ended. Raises: BadArgument"
    kernel,asking = shell.kernel.k,shell.kernel.get_parent()
    journal = kernel.iopub.journal
    if not journal: raise BadArgument("nothing is kept: IPYMINI_JOURNAL_MB is 0")
    kernel.iopub.drain()  # what was written before is recorded
    with Follower(journal) as follower:
        records = [record for record in journal.records(argument == "--last-kernel") if record[1].get("msg_id") != asking["msg_id"]]
        pasts = [past for past in fold(records) if not past.code.lstrip().startswith("%replay")]
        if argument == "--list": return print_list(pasts, journal)
        chosen = select(argument, pasts, asking["header"].get("session"), journal.heard)
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
    ids = ids & kernel.subshells.running
    if not ids: return
    for record in follower:
        if record and record[1].get("msg_id") in ids and record[0]["msg_id"] not in shown: pass_on(kernel, *record)
        if record is None and not ids & kernel.subshells.running: break
    kernel.iopub.drain()
    for record in follower.rest():
        if record and record[1].get("msg_id") in ids and record[0]["msg_id"] not in shown: pass_on(kernel, *record)

def pass_on(kernel, header, parent, metadata, content):
    "Publish a message that has just come from another cell."
    kind = header["msg_type"]
    if kind == "execute_result": kind,content = "display_data",plain(content)
    if kind != "execute_input": kernel.output(kind, content, metadata=metadata)

def print_list(pasts, journal):
    "Print which cells are kept, the newest last."
    for past in pasts:
        if past.outputs: print(f"{past.last[11:19]}  {len(past.outputs):3} outputs  {past.title}")
    print(lost(journal).strip() or f"{len([past for past in pasts if past.outputs])} cells with output")

def lost(journal):
    "How much had to go, in words; nothing if all is there."
    return f" {journal.dropped/1e6:.1f} MB that were older are no longer kept." if journal.dropped else ""

def find(journal, content):
    """The messages that a replay_request asks for, oldest first, as dicts with header, parent_header, metadata and content.

    `content` may name a cell by `msg_id` or `number`, a time by `since`, and the kernel before this one by `last_kernel`. Raises: ValueError"""
    if not journal: raise ValueError("nothing is kept: IPYMINI_JOURNAL_MB is 0")
    known = "msg_id", "number", "since", "last_kernel"
    for key in content:
        if key not in known: raise ValueError(f"a replay_request has no {key!r}; it knows {', '.join(known)}")
    records = list(journal.records(bool(content.get("last_kernel"))))
    id,number,since = (content.get(key) for key in known[:3])
    if number is not None: ids = {past.id for past in fold(records) if past.number == number}
    else: ids = None if id is None else {id}
    names = "header", "parent_header", "metadata", "content"
    return [dict(zip(names, record)) for record in records
        if (ids is None or record[1].get("msg_id") in ids) and (since is None or record[0]["date"] >= since)]

class Past:
    "What one cell has published: `outputs` are (type, content, metadata) in the order in which they are to be seen."
    def __init__(self, header):
        self.id = header.get("msg_id")
        self.session = header.get("session")
        self.number = None   # None of a cell that was not counted
        self.code = ""
        self.outputs = []
        self.clears = False  # True if the next output clears those before it
        self.last = ""       # date of the newest output

    @property
    def title(self):
        line = next((line.strip() for line in self.code.splitlines() if line.strip()), "")
        return f"In [{self.number if self.number else ' '}]: {line}"

    def add(self, kind, content, metadata, date):
        self.last = date
        if kind == "clear_output":
            if content.get("wait"): self.clears = True
            else: self.outputs.clear()
            return
        if self.clears: self.outputs.clear()
        self.clears = False
        before = self.outputs[-1] if self.outputs else None
        if kind == "stream" and before and before[0] == "stream" and before[1]["name"] == content["name"]: before[1]["text"].append(content["text"])
        elif kind == "stream": self.outputs.append((kind, dict(name=content["name"], text=[content["text"]]), {}))
        else: self.outputs.append((kind, content, metadata))

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
        if parent.get("msg_type") not in ("execute_request", None) or not parent: continue
        kind,content = header["msg_type"],deepcopy(content)
        past = pasts.get(parent["msg_id"])
        if not past: past = pasts[parent["msg_id"]] = Past(parent)
        if kind == "execute_input": past.number,past.code = content.get("execution_count"),content.get("code", "")
        elif kind == "update_display_data":
            for shown in displays.get(display_id(content), ()): shown.update(data=content["data"], metadata=content.get("metadata", {}))
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
    return [past for past in pasts if past.outputs and past.session != session and past.last > heard.get(past.session, "")]

def select(argument, pasts, session, heard):
    "The cells that the words after `%replay` ask for. Raises: BadArgument"
    if not argument: return unwatched(pasts, session, heard)
    if argument in ("--all", "--last-kernel"): return [past for past in pasts if past.outputs]
    try: number = int(argument)
    except ValueError: raise BadArgument(f"%replay does not know {argument!r}: {usage}") from None
    if number > 0: return [past for past in pasts if past.number == number]
    return [past for past in pasts if past.number and past.outputs][number or len(pasts):]
