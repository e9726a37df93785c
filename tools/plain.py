"""Notebook outputs as text for a terminal: tables become columns, pictures a line that tells their size

Read downwards from `outputs`. Standard library only."""

import base64, json, re, struct
from html.parser import HTMLParser

def outputs(outs, colour):
    "The text of a cell's outputs, dicts as in a notebook file; each begins a line, unless it goes on with the last one's stream; `colour`: keep it"
    res,last = "",None
    for o in outs:
        stream = o.get("name")
        if res and not res.endswith("\n") and (not stream or stream != last): res += "\n"
        res,last = res + output(o),stream
    if not colour: res = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", res)
    return res + "\n" if res and not res.endswith("\n") else res

def output(o):
    if o["output_type"] == "stream": return joined(o["text"])
    if o["output_type"] == "error": return "\n".join(o["traceback"])
    return bundle({k:v if "json" in k else joined(v) for k,v in o["data"].items()})

def joined(s): return s if isinstance(s, str) else "".join(s)

def bundle(data):
    "The most telling part of a mime bundle that text can show"
    text = data.get("text/plain", "")
    for k,v in data.items():
        if k.startswith("image/"): return picture(k, v)
        if k == "application/vnd.jupyter.widget-view+json": return f"[widget] {text}"
    if "text/html" in data: return html(data["text/html"]) or text
    return data.get("text/markdown") or data.get("text/latex") or text or f"[{', '.join(data)}]\n{json.dumps(data)[:200]}"

def picture(kind, data):
    "A line about an image: its type, pixels if it is a PNG, bytes"
    raw = data.encode() if "svg" in kind else base64.b64decode(data)
    pixels = " {}x{},".format(*struct.unpack(">II", raw[16:24])) if kind == "image/png" else ""
    return f"[{kind},{pixels} {max(1, len(raw) // 1000)} kB]"

def html(s):
    p = Text()
    p.feed(s)
    p.close()
    return re.sub(r"\n{3,}", "\n\n", "".join(p.res)).strip("\n")

class Text(HTMLParser):
    "Gathers the text of HTML in `res`, each table as columns"
    hidden = {"style", "script", "head", "template"}
    breaks = {"br", "p", "div", "li", "h1", "h2", "h3", "h4", "pre"}

    def __init__(self):
        super().__init__()
        self.res,self.rows,self.hide,self.cell = [],[],0,False

    def handle_starttag(self, tag, attrs):
        if tag in self.hidden: self.hide += 1
        elif tag == "tr": self.rows.append([])
        elif tag in ("td", "th") and self.rows: self.cell = not self.rows[-1].append("")
        elif tag in self.breaks: self.res.append("\n")

    def handle_endtag(self, tag):
        if tag in self.hidden: self.hide -= 1
        elif tag in ("td", "th"): self.cell = False
        elif tag == "table" and self.rows: self.res,self.rows = self.res + ["\n", columns(self.rows), "\n"],[]

    def handle_data(self, data):
        if self.hide: return
        if self.cell: self.rows[-1][-1] += data.strip()
        elif data.strip() or not self.rows: self.res.append(data)

def columns(rows):
    widths = [max(len(r[i]) if i < len(r) else 0 for r in rows) for i in range(max(map(len, rows)))]
    return "\n".join("  ".join(c.rjust(w) for c,w in zip(r, widths)).rstrip() for r in rows)
