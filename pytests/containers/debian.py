"""An image made of this machine's own Debian packages, without network: Python 3 with pip, a shell, users. Some seconds, 150 MB.

The files of the packages and of all that they depend on are copied as they lie here; nothing is configured but what a Python image has."""

import os, re, subprocess, tarfile
from pathlib import Path

wanted = "base-files bash ca-certificates coreutils dash findutils grep libc-bin libstdc++6 login passwd procps sed".split()
wanted += "python3 python3-pip python3-venv".split()
# of python3-pip's dependencies: what builds C extensions
unwanted = {"python3-dev", "build-essential", "python3-wheel"}

def installed():
    "What dpkg knows: a dict from each installed package, and each name that it provides, to its name and dependencies."
    fields = "${Package}\t${Pre-Depends}, ${Depends}\t${Provides}\n"
    lines = subprocess.run(["dpkg-query", "-W", "-f", fields], capture_output=True, text=True, check=True).stdout.splitlines()
    res = {}
    for line in lines:
        package,depends,provides = line.split("\t")
        for name in [package, *names(provides)]: res.setdefault(name, (package, names(depends)))
    return res

def names(field):
    "The package names in a dependency field, alternatives one after the other."
    return [re.sub(r"[ :(].*", "", part.strip()) for part in re.split(r"[,|]", field) if part.strip()]

def closure(packages):
    "`packages` and all that they depend on, as far as it is installed."
    known,found,left = installed(),set(),list(packages)
    while left:
        name = left.pop()
        if name in unwanted or name not in known: continue
        package,depends = known[name]
        if package in found: continue
        found.add(package)
        left += depends
    return sorted(found)

def files(packages):
    "The files and folders of `packages`, without documentation."
    out = subprocess.run(["dpkg-query", "-L", *packages], capture_output=True, text=True, check=True).stdout.splitlines()
    skip = "/usr/share/doc", "/usr/share/man", "/usr/share/locale", "/usr/share/info", "/usr/share/lintian"
    return sorted({o for o in out if o.startswith("/") and o != "/." and not o.startswith(skip)})

def make_tar(path, more):
    "Write the file system of the image to the tar file `path`. `more`: {place in the image: file or folder here}."
    links = ["/bin", "/sbin", "/lib", "/lib64"]  # into /usr
    unowned = ["/etc/ld.so.cache", "/etc/ssl/certs/ca-certificates.crt", *map(str, Path("/etc/alternatives").iterdir())]
    texts = accounts()
    names = {real(o) for o in files(closure(wanted))} | {*links, *unowned}
    with tarfile.open(path, "w") as tar:
        for name in sorted(names):
            if os.path.lexists(name) and name[1:] not in texts: tar.add(name, recursive=False)
        for name,source in more.items(): tar.add(source, name)
        for name,text in texts.items(): add_text(tar, name, text)

def real(name):
    "`name` with its folder's links followed: /bin/sh lies in /usr/bin."
    return str(Path(name).parent.resolve()/Path(name).name)

def accounts():
    "Files that no package owns."
    passwd = "root:x:0:0:root:/root:/bin/bash\nnobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n"
    switch = "passwd: files\ngroup: files\nhosts: files dns\n"
    return {"etc/passwd": passwd, "etc/group": "root:x:0:\nnogroup:x:65534:\n",
        "etc/shadow": "root:*:19000:0:99999:7:::\n",
        "etc/nsswitch.conf": switch, "root/.keep": ""}

def add_text(tar, name, text):
    "Add a file with `text` to `tar`."
    from io import BytesIO
    info = tarfile.TarInfo(name)
    info.size = len(text)
    info.mode = 0o644
    tar.addfile(info, BytesIO(text.encode()))
