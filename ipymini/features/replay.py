"""`%replay`: outputs of cells that nobody watched, shown again as outputs of the cell that asks.

The journal has the messages as they were published. Here they are folded into what was to be seen in the end: text in one piece, cleared outputs gone, displays as
they were last updated, widgets in their plain form. Read `Replay`, then `fold`."""
from copy import deepcopy

widget = "application/vnd.jupyter.widget-view+json"  # of no use without the widget's comm, which may be gone
usage = "%replay, %replay NUMBER, %replay -COUNT, %replay --all, %replay --list, or %replay --last-kernel"

class BadArgument(ValueError): "A word after %replay that it does not know; says what it knows."

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
