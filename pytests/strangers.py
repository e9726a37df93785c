"Another user of the machine, who holds no key: Python that runs as him"
import os, pytest, subprocess, sys
from helpers import root

nobody = 65534  # no user's number, who owns nothing and may do nothing; to Linux as good as a second account
needs_root = pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0,
    reason="NOT TESTED: a second user, whom only root can become")
# our Python may lie in a folder that only its owner enters: it begins as root, imports what the code is to use, and goes down
begin = """import json, os, resource, socket, stat, sys, time, zmq
folder, args = sys.argv[1], [json.loads(arg) for arg in sys.argv[2:]]
os.setgroups([])
os.setresgid(*[%d]*3)
os.setresuid(*[%d]*3)
os.chdir(folder)
"""

def as_stranger(folder, code, *args):
    "What the `code` prints, run as another user in `folder`; it finds `args` under this name"
    from json import dumps
    command = [sys.executable, "-c", begin % (nobody, nobody) + code, str(folder), *map(dumps, args)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, cwd=root, stdin=subprocess.DEVNULL)
    assert done.returncode == 0, done.stderr
    return done.stdout
