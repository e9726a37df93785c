"""What mkdocs is to know of the files beside docs/: the changelog, DEVLOG and CONTRIBUTING are pages, the tour's notebook is a file.

mkdocs calls these functions, as mkdocs.yml names this module."""

import re
from pathlib import Path
from mkdocs.structure.files import File

root = Path(__file__).resolve().parent.parent
pages = {"CHANGELOG.md": "changelog.md", "DEVLOG.md": "devlog.md", "CONTRIBUTING.md": "contributing.md", "CODE_OF_CONDUCT.md": "conduct.md"}
others = {"examples/tour.ipynb": "tour.ipynb"}

def on_files(files, config):
    "Add what lies outside of docs/."
    for source,name in pages.items(): files.append(File.generated(config, name, content=(root/source).read_text()))
    for source,name in others.items(): files.append(File.generated(config, name, abs_src_path=str(root/source)))
    return files

def on_page_markdown(markdown, page, config, files):
    "Have links between docs/ and the files outside of it lead to the pages made of these."
    return re.sub(r"\]\((?!\w+:)([^)#\s]+)", lambda match: f"]({goal(match[1])}", markdown)

def goal(path):
    "What the site calls the file that a page names as `path`."
    moved = {**pages, **others}
    return moved.get(path.removeprefix("../"), path.removeprefix("docs/"))
