"What was measured, as JSON and as a table for people and READMEs."

import os, platform, re, time
from collections import Counter
from kernels import old, ours
from pathlib import Path

allowed = 1.05  # a row of CPU time that is worse than that, new tree by old, is told

# -- as data

def report(results, peers):
    "Everything measured, as JSON will have it."
    return dict(  # chkstyle: ignore-node  (a key a line)
        date=time.strftime("%Y-%m-%d"),
        machine=machine(),
        kernels={peer.name: peer.version for peer in peers},
        rows=[row_data(key, stats, results.notes) for key,stats in results.stats.items()])

def machine():
    "The processor, its cores and the Linux that this runs on."
    found = re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text())
    processor = found[1] if found else platform.machine()
    return f"{processor}, {os.cpu_count()} cores, Linux {platform.release()}"

def row_data(key, stats, notes):
    "One metric of one row, for all kernels."
    group,name,metric,unit = key
    counts = notes.get((group, name), {})
    medians = {kernel: stat.median for kernel,stat in stats.items()}
    remarks = {kernel: dict(count) for kernel,count in counts.items()}
    kernels = {kernel: stat_data(kernel, stat, medians) for kernel,stat in stats.items()}
    return dict(group=group, row=name, metric=metric, unit=unit, notes=remarks, kernels=kernels)

def stat_data(kernel, stat, medians):
    "One metric of one kernel, and its ratios to others."
    others = [value for name,value in medians.items() if value is not None and name not in (kernel, "floor")]
    best = min(others, default=None)
    return dict(  # chkstyle: ignore-node  (a key a line)
        median=stat.median,
        p95=stat.p95,
        n=len(stat.numbers),
        word=stat.word,
        words=Counter(stat.words),
        samples=stat.numbers,
        to_old=ratio(stat.median, medians.get(old)),
        to_ipykernel=ratio(stat.median, medians.get("ipykernel")),
        to_best_other=ratio(stat.median, best))

def ratio(value, base):
    "`value` by `base` with four digits, or None where one is missing."
    if value is None or not base: return None
    return float(f"{value/base:.4g}")


# -- as a table

def print_table(data):
    "Print the table, the versions, and what was odd."
    names = [*data["kernels"]]
    subject = ours if ours in names else names[0]
    base = "to_old" if old in names else "to_ipykernel"
    print(f"\nMedian (95th percentile), {data['date']}, {data['machine']}.")
    print(f"Less is better. Ratios are of {subject}. *: some turns gave nothing, see below.\n")
    head = ["", "unit", *names, base.replace("_", " "), "to best other"]
    body = [cells(row, names, subject, base) for row in data["rows"]]
    print_lines(head, body)
    versions = [f"{name}: {version}" for name,version in data["kernels"].items() if version]
    print(f"\nVersions: {', '.join(versions)}")
    print("\n".join(dict.fromkeys(remarks(data["rows"]))))

def print_lines(head, body):
    "Print a Markdown table, all columns but the first aligned to the right."
    widths = [max(map(len, column)) for column in zip(head, *body)]
    rule = [f"{'-'*width}-:" for width in widths]
    rule[0] = rule[0].replace(":", "-")
    print(lined(head, widths))
    print(f"|{'|'.join(rule)}|")
    for line in body: print(lined(line, widths))

def lined(line, widths):
    "A line of the table."
    first,*others = zip(line, widths)
    columns = [first[0].ljust(first[1])] + [text.rjust(width) for text,width in others]
    return f"| {' | '.join(columns)} |"

def cells(row, names, subject, base):
    "The cells of one line of the table; the ratios are those of the kernel `subject`."
    title = [row["group"], row["row"], row["metric"]]
    shown = [shown_stat(row["kernels"].get(name)) for name in names]
    mine = row["kernels"].get(subject, {})
    ratios = [shown_ratio(mine.get(name)) for name in (base, "to_best_other")]
    return [": ".join(filter(None, title)), row["unit"], *shown, *ratios]

def shown_stat(stat):
    "Median and 95th percentile, a word where there is none, a star where some turns gave none."
    if stat is None: return ""
    if stat["median"] is None: return stat["word"]
    text = number(stat["median"])
    if stat["p95"] is not None: text += f" ({number(stat['p95'])})"
    if stat["words"]: text += "*"
    return text

def number(value):
    "A number with three digits at least."
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"

def shown_ratio(value):
    "A ratio, with fewer digits where it is small."
    if not value: return ""
    return f"{value:.2f}x" if value >= .1 else f"{value:.1g}x"

def remarks(rows):
    "A line for each remark of a row, and for each metric of which some turns gave a word and no number."
    for row in rows:
        title = f"- {row['group']}, {row['row']}"
        for kernel,notes in row["notes"].items():
            yield from (f"{title}, {kernel}: {note} ({count}x)" for note,count in notes.items())
        for kernel,stat in row["kernels"].items():
            yield from word_remarks(f"{title} {row['metric']}, {kernel}", stat)

def word_remarks(title, stat):
    "A line for each word that stands for a turn without a number, where the table shows a number."
    if stat["median"] is None: return
    for word,count in stat["words"].items(): yield f"{title}: {word} ({count} of {count + stat['n']})"

def print_verdict(data):
    "Print the rows of CPU time in which the new tree is worse than the old one; True if there is none."
    costs = [row for row in data["rows"] if row["group"] == "CPU"]
    ratios = {row["row"]: row["kernels"].get(ours, {}).get("to_old") for row in costs}
    worse = {name: value for name,value in ratios.items() if value is None or value > allowed}
    texts = [f"{name} {shown_ratio(value) or 'not measured'}" for name,value in worse.items()]
    if costs: print(f"\nCPU time of the new tree by the old one, over {allowed}: {', '.join(texts) or 'no row'}.")
    return not worse
