"Another user of the machine, who holds no key: Python that runs as him"
import os, pytest, subprocess, sys
from helpers import root

nobody = 65534  # no user's number, who owns nothing and may do nothing

def numbers():
    "User and group: of the account that IPYMINI_STRANGER names, as CI makes one; else of nobody, who is to Linux as good as an account"
    name = os.environ.get("IPYMINI_STRANGER")
    if not name: return nobody,nobody
    from pwd import getpwnam
    account = getpwnam(name)
    return account.pw_uid,account.pw_gid

needs_root = pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0,
    reason="NOT TESTED: a second user, whom only root can become")
# our Python may lie in a folder that only its owner enters: it begins as root, imports what the code is to use, and goes down
begin = """import json, os, resource, socket, stat, sys, time, zmq
folder, args = sys.argv[1], [json.loads(arg) for arg in sys.argv[2:]]
os.setgroups([])
os.setresgid(*[%(group)d]*3)
os.setresuid(*[%(user)d]*3)
os.chdir(folder)
"""

def as_stranger(folder, code, *args):
    "What the `code` prints, run as another user in `folder`; it finds `args` under this name"
    from json import dumps
    user,group = numbers()
    command = [sys.executable, "-c", begin % dict(user=user, group=group) + code, str(folder), *map(dumps, args)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, cwd=root, stdin=subprocess.DEVNULL)
    assert done.returncode == 0, done.stderr
    return done.stdout
