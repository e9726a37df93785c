"What was measured, as a picture of the headlines."

import json, subprocess, sys, tempfile
from kernels import clean_env, install_kernel, ours, tools, venv_of
from pathlib import Path
from showing import number

headlines = [  # chkstyle: ignore-node  (row and metric of one chart a line)
    ("spawn", "to kernel_info_reply"),
    ("spawn", "to first result"),
    ("execute 1, stored", "reply"),
    ("first output, cell sleeps on", ""),
    ("pure-Python loop", "complete"),
    ("await", ""),
    ("with a live child", ""),
    ("300,000 lines, slow reader", "lost"),
    ("footprint", "USS")]

def plot(data, file):
    "Draw the headlines as bars, one small chart each, in an environment that has matplotlib."
    try: import matplotlib.pyplot as plt
    except ImportError: return plot_elsewhere(data, file)
    charts = charts_of(data["rows"])
    lines = -(-len(charts)//3)
    height = 1.1 + .62*len(data["kernels"])*lines
    fig,axes = plt.subplots(lines, 3, figsize=(13, height), squeeze=False, layout="constrained")
    for ax in axes.flat[len(charts):]: ax.axis("off")
    for ax,row in zip(axes.flat, charts): draw(ax, row, data["kernels"])
    fig.savefig(file, dpi=150)
    print(f"wrote {file}")

def charts_of(rows):
    "The rows of the headlines; the first nine of all, where none of them was measured."
    by_name = {(row["row"], row["metric"]): row for row in rows}
    return [by_name[headline] for headline in headlines if headline in by_name] or rows[:9]

def draw(ax, row, kernels):
    "One chart: a bar a kernel, hatched and as long as the longest where there is no number, which is worse than any."
    names = [name for name in reversed([*kernels]) if name in row["kernels"] and name != "floor"]
    medians = [row["kernels"][name]["median"] for name in names]
    numbers = [value for value in medians if value is not None]
    longest = max(numbers, default=0) or 1
    colours = ["#2a78d6" if name == ours else "#b9bcc2" for name in names]
    bars = ax.barh(names, [longest if value is None else value for value in medians], color=colours)
    for bar,value in zip(bars, medians):
        if value is None: bar.set(fc="none", ec="#c0504d", hatch="///")
    ax.bar_label(bars, [label(row, name) for name in names], padding=3, fontsize=9)
    ax.set_xlim(0, longest*1.35)
    metric = f", {row['metric']}" if row["metric"] else ""
    ax.set_title(f"{row['group']}: {row['row']}{metric}", fontsize=10, loc="left")
    ax.tick_params(left=False, bottom=False, labelbottom=False, labelsize=9)
    ax.spines[:].set_visible(False)

def label(row, name):
    "What stands behind the bar of a kernel: its median, or a word for what went wrong."
    stat = row["kernels"][name]
    return stat["word"] if stat["median"] is None else f"{number(stat['median'])} {row['unit']}"

def plot_elsewhere(data, file):
    "Draw in an environment of its own, which is made if it is not there."
    install_kernel("plot", tools["plot"], sys.executable)
    with tempfile.NamedTemporaryFile("w", suffix=".json") as copy:
        json.dump(data, copy)
        copy.flush()
        command = [venv_of("plot")/"bin/python", Path(__file__).parent, "show", copy.name, "--plot", file]
        subprocess.run(command, check=True, env=clean_env(), stdout=subprocess.DEVNULL)
    print(f"wrote {file}")
