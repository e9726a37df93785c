"""The outputs of a notebook's cell as text for a terminal: pictures and widgets become a line that tells what they are.

Read downwards from `text_of`. Standard library only."""

import base64, html, re, struct

escapes = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")

def text_of(outputs, colour):
    "The text of `outputs`, dicts as in a notebook file; `colour` keeps escape sequences. Each output begins a line, unless it goes on with a stream."
    res = ""
    last = None
    for output in outputs:
        stream = output.get("name")
        goes_on = stream and stream == last
        if res and not goes_on: res = ended(res)
        res += shown(output)
        last = stream
    if not colour: res = escapes.sub("", res)
    return ended(res) if res else res

def ended(text):
    "`text` with a line's end behind it."
    return text if text.endswith("\n") else f"{text}\n"

def shown(output):
    "One output as text: what a stream said, a traceback, or the most telling part of a display."
    if output["output_type"] == "stream": return joined(output["text"])
    if output["output_type"] == "error": return "\n".join(output["traceback"])
    return bundle({kind: part if "json" in kind else joined(part) for kind,part in output["data"].items()})

def joined(text):
    "A text that a notebook file may keep as a list of lines."
    return text if isinstance(text, str) else "".join(text)

def bundle(data):
    "The most telling part of a mime bundle that a terminal can show."
    text = data.get("text/plain", "")
    image = next((kind for kind in data if kind.startswith("image/")), None)
    if image: return picture(image, data[image])
    if "application/vnd.jupyter.widget-view+json" in data: return f"[widget] {text}"
    if "text/html" in data and (not text or text.startswith("<")): return without_tags(data["text/html"])  # its text is a repr that says nothing
    return data.get("text/markdown") or data.get("text/latex") or text or f"[{', '.join(data)}]"

def without_tags(source):
    "The words of the HTML `source`."
    return html.unescape(re.sub("<[^>]*>", "", source)).strip()

def picture(kind, data):
    "A line about an image: its type, its pixels if it is a PNG, its bytes."
    raw = data.encode() if "svg" in kind else base64.b64decode(data)
    width,height = struct.unpack(">II", raw[16:24]) if kind == "image/png" else (None, None)
    pixels = f" {width}x{height}," if width else ""
    return f"[{kind},{pixels} {max(1, len(raw)//1000)} kB]"
