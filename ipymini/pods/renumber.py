"""A program between a pod's caller and podman, which passes on descriptors 3, 4, 5 and so on alone: it gives ours these
numbers and becomes podman. Its arguments: the descriptors, with commas, and podman's command line.

A program of its own, for a process with threads may run no Python between fork and exec."""
import fcntl, os, sys

first = 3

def main(fds, words):
    "Become the program `words`, with the descriptors `fds` as 3, 4, 5 and so on."
    fds = [int(fd) for fd in fds.split(",")]
    above = first + len(fds)
    copies = [fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, above) for fd in fds]  # out of the way of the numbers to be given
    for target,copy in enumerate(copies, first): os.dup2(copy, target)
    for fd in fds:
        if fd >= above: os.set_inheritable(fd, False)
    os.execv(words[0], words)

if __name__ == "__main__": main(sys.argv[1], sys.argv[2:])
