"""What every container of ours is like: who it runs as, what it sees of this machine, what it may. Standard library only, as pods use it
in whatever process they are called from."""

import os
from pathlib import Path

home_target = "/opt/ipymini/home"  # where its home is mounted

def container_options(engine, cwd, home, lent) -> list:
    """Options for the engine's commands `create` and `run`: who it runs as, what it sees of this machine, what it may.

    `home`: the folder that is its home, or None for an empty one in memory. `lent`: {folder of ours: where it is mounted}.
    Whether it has a network, the caller says."""
    uid,gid = owner(cwd)
    options = ["--rm", "--label=ipymini", "--cap-drop=ALL", "--security-opt=no-new-privileges", "--security-opt=label=disable"]
    options.append(f"--user={uid}:{gid}")
    if engine.name == "podman" and os.getuid(): options.append("--userns=keep-id")
    options += [f"--workdir={cwd}", *mount(cwd)]
    options.append(f"--env=HOME={home_target}")
    if home: options += mount(home_of(home, uid, gid), home_target)
    else: options.append(f"--tmpfs={home_target}:mode=1777")
    for folder,target in lent.items(): options += mount(folder, target, readonly=True)
    return options

def owner(cwd):
    "User and group that own what is written in `cwd`: we, or where we are root those whose folder it is."
    if os.getuid(): return os.getuid(), os.getgid()
    info = os.stat(cwd)
    return info.st_uid, info.st_gid

def home_of(home, uid, gid):
    "The folder `home`, or where we are root one beside it for each other user; it is made if need be."
    path = Path(home if uid == os.getuid() else f"{home}-{uid}")
    if not path.exists():
        path.mkdir(parents=True, mode=0o700)
        if os.getuid() == 0: os.chown(path, uid, gid)
    return path

def mount(source, target=None, readonly=False):
    "Options that show the file or folder `source` of this machine at `target`, by default at the same place."
    rest = ",readonly" if readonly else ""
    return ["--mount", f"type=bind,source={source},target={target or source}{rest}"]
