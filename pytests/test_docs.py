"The documentation says what the code has: settings, messages, names, links; and it stands for itself."

import ast, re
from helpers import root
import pytest

pages = [*sorted(root.glob("*.md")), *sorted((root/"docs").glob("*.md")), *sorted((root/".github").rglob("*.md"))]
sources = {path: path.read_text() for path in sorted((root/"ipymini").rglob("*.py"))}
trees = {path: ast.parse(text) for path,text in sources.items()}

def page(name): return (root/"docs"/name).read_text()

def section(text, head): return text.split(f"\n## {head}\n")[1].split("\n## ")[0]

def first_cells(text):
    "What stands in backquotes in the first column of the tables of `text`."
    rows = [line.split(" | ")[0] for line in text.splitlines() if line.startswith("| ")]
    return {name for row in rows for name in re.findall(r"`([^`]+)`", row)}

# -- settings

def variable(node):
    "The name of the variable of the environment that `node` reads, or None."
    if isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Load): owner,key = node.value,node.slice
    elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "get" and node.args:
        owner,key = node.func.value,node.args[0]
    elif isinstance(node, ast.Compare) and isinstance(node.ops[0], (ast.In, ast.NotIn)):
        owner,key = node.comparators[0],node.left
    else: return None
    is_environment = ast.unparse(owner) in ("os.environ", "environ", "env")
    return key.value if is_environment and isinstance(key, ast.Constant) else None

read = {name for tree in trees.values() for name in map(variable, ast.walk(tree)) if name}
told = first_cells(section(page("configure.md"), "Variables of the environment"))

def test_every_variable_of_ours_that_the_code_reads_is_told():
    assert {o for o in read if o.startswith("IPYMINI_")} <= told

def test_no_variable_is_told_that_the_code_does_not_read(): assert told <= read

def traits(tree):
    "`Class.trait` of each setting of traitlets' that a class of `tree` has."
    for owner in (o for o in ast.walk(tree) if isinstance(o, ast.ClassDef)):
        for o in owner.body:
            if isinstance(o, ast.Assign) and re.search(r"config=True", ast.unparse(o.value)):
                yield f"{owner.name}.{o.targets[0].id}"

def test_every_setting_of_ours_is_told_and_no_other():
    ours = {name for tree in trees.values() for name in traits(tree)}
    assert first_cells(section(page("configure.md"), "Settings of ours")) == {re.sub("^Application", "IPKernelApp",
        name) for name in ours}

def test_every_option_of_the_kernel_is_told_and_no_other():
    from ipymini.__main__ import bare, trait
    told = {name.split()[0].lstrip("-")
        for name in first_cells(section(page("configure.md"), "Options of the kernel's command line"))}
    assert told == {*trait, *bare, "Class.trait=VALUE"}

# -- messages

messages = sorted(o for o in first_cells(page("troubleshooting.md")) if " " in o)

@pytest.mark.parametrize("message", [o for o in messages if o not in ("No module named ipymini",)])
def test_a_message_of_troubleshooting_is_in_the_code(message):
    said = re.sub(r"\{+[^{}]*\}+", "", "".join(sources.values()))
    assert re.sub(r"\{[^{}]*\}", "", message) in said

# -- names

def names(tree):
    "Functions and classes of `tree`, methods by `Class.method`."
    for o in tree.body:
        if not isinstance(o, (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)): continue
        yield o.name
        if isinstance(o, ast.ClassDef): yield from (f"{o.name}.{inner}" for inner in names(o))

def test_the_life_of_a_cell_names_what_is_there():
    drawn = set(re.findall(r"\b([a-z]+)\.([A-Z]\w+\.\w+|execute)\b", section(page("how.md"), "The life of a cell")))
    there = {(path.stem, name) for path,tree in trees.items() for name in names(tree)}
    assert len(drawn) > 10 and drawn <= there, drawn - there

# -- the pages

@pytest.mark.parametrize("path", pages, ids=[str(o.relative_to(root)) for o in pages])
def test_links_to_files_lead_somewhere(path):
    linked = re.findall(r"\]\((?!\w+:)([^)#\s]+)", path.read_text())
    assert [o for o in linked if not (path.parent/o).exists()] == []

def slug(head): return re.sub(r"[^\w\- ]", "", re.sub(r"[`*]", "", head).lower()).replace(" ", "-")

@pytest.mark.parametrize("path", pages, ids=[str(o.relative_to(root)) for o in pages])
def test_links_to_headings_lead_somewhere(path):
    for name,anchor in re.findall(r"\]\((?!\w+:)([^)#\s]*)#([^)\s]+)\)", path.read_text()):
        target = path.parent/name if name else path
        assert anchor in {slug(o) for o in re.findall(r"^#+ (.+)$", target.read_text(), re.M)}, (name, anchor)

def test_nothing_refers_to_a_folder_outside_of_the_repository():
    folders = [root/o for o in (".ci", ".github", "docker", "docs", "examples", "ipymini", "pytests", "tools")]
    files = [*(o for o in root.iterdir() if o.is_file()), *(o for folder in folders for o in folder.rglob("*") if o.is_file())]
    outside = "shared/" + "reference"
    assert [str(o) for o in files if o.suffix != ".pyc" and outside in o.read_text(errors="replace")] == []

def test_the_dependencies_of_the_site_are_pinned_in_one_way():
    import tomllib
    extras = tomllib.loads((root/"pyproject.toml").read_text())["project"]["optional-dependencies"]
    assert all("==" in o for o in extras["docs"]) and set(extras["docs"]) <= set(extras["e2e"])
