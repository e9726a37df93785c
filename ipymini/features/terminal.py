"""`!command` on a terminal of its own: what it prints is output of the cell, and what it asks is asked in the notebook.

IPython reads commands through a terminal too, but nobody can answer there. POSIX alone: elsewhere IPython's own way
stays. Read `system`, then `Terminal` downwards; `waiting` tells a command that waits for input from one that thinks.
`ptyprocess`, which IPython brings, makes the terminal."""
import codecs, os, re, select, signal, sys, termios
from time import monotonic
from IPython.core.error import StdinNotImplementedError

from .waiting import find_wait, is_prompt, is_secret
from ..system.packages import import_package

first_look = .05  # seconds of silence after which we look whether the command waits for input; no event tells
last_look = .5    # the longest time between two looks
grace = .5        # seconds that an interrupted command has to end
refusals = 3      # ends of file after which a command that still asks is hung up on
rows = 30_000     # so high that what a pager shows fits on one screen: nobody could turn the page
environ = dict(LESS="-FRX", MANPAGER="cat", SYSTEMD_PAGER="cat")
# the other screen, or keys for a screen that is then cleared: what vim, top and their like begin with
full_screen = re.compile(r"\x1b\[\?(?:1049|1047|47)h|\x1b\[\?1h\x1b=(?:\x1b\[[?\d;]*[hlm])*\x1b\[H")
escape = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[()][A-Z0-9]|[=>])")  # colours and the like

def system(command, ask):
    """Run `command` in the user's shell, its output on sys.stdout; its exit status, or minus the signal that ended it.

    `ask(prompt, password)` gives the line that the user types. It may raise StdinNotImplementedError or EOFError: the
    command reads an end of file."""
    terminal = Terminal(command, ask)
    try:
        terminal.serve()
        terminal.process.wait()
    except FullScreen:
        print("A notebook has no full screen for this command, which was ended: run it in a terminal.", file=sys.stderr)
    except KeyboardInterrupt:
        terminal.interrupt()
        raise
    finally: status = terminal.close()
    return status

class FullScreen(Exception):
    "A command that draws on the whole screen."

class Terminal:
    "A command on its terminal, and the line that it has not finished yet."
    def __init__(self, command, ask):
        PtyProcess = import_package("ptyprocess").PtyProcess
        self.ask = ask
        self.line = ""       # what has come behind the last line end: perhaps a prompt, which is shown beside the input box
        self.shown = 0       # how much of it has been shown already, as it seemed to be none
        self.before = ""     # the end of what was read last: a sequence may come in two parts
        self.echo = ""       # what the terminal will repeat of our answer: the notebook shows that itself
        self.answered = None # the `turn` of the wait that was answered last
        self.refused = 0     # ends of file sent in answer to questions
        self.decode = codecs.getincrementaldecoder("utf8")("replace").decode
        env = {**environ, **os.environ}
        self.process = PtyProcess.spawn([shell(), "-c", command], env=env, dimensions=(rows, columns()))
        self.fd = self.process.fd
        self.device = terminal_of(self.process.pid)
        self.end_fd = end_of(self.process.pid)

    def serve(self):
        "Show what the command prints and answer what it asks, until it has ended."
        pause = first_look
        while True:
            came = self.wait(pause)
            if self.fd in came:
                if not self.read(): return
                pause = first_look
            elif came or not (self.end_fd or self.process.isalive()): return
            elif self.answer(): pause = first_look
            else:
                if pause > first_look or not is_prompt(self.line): self.show_line()
                pause = min(4*pause, last_look)

    def wait(self, seconds):
        "Which of the terminal and the command's end there is news of, within `seconds`."
        poll = select.poll()
        for fd in filter(None, (self.fd, self.end_fd)): poll.register(fd, select.POLLIN)
        came = {fd for fd,_ in poll.poll(seconds*1000)}
        return {self.fd} if self.fd in came else came  # its last words come before its end

    def read(self):
        "Take in what the command has printed; False once nothing can come any more."
        try: data = os.read(self.fd, 65536)
        except OSError: data = b""  # Linux: nobody has the terminal open
        text = self.line + self.without_echo(self.decode(data, not data))
        if full_screen.search(self.before + text): raise FullScreen
        self.before = text[-40:]
        end = max(text.rfind("\n"), text.rfind("\r")) + 1  # a progress bar goes back by \r: it is shown up to there
        if text.endswith("\r"): end -= 1  # perhaps half of a line end
        if end:
            write(text[self.shown:end])
            self.shown = max(0, self.shown-end)
        self.line = text[end:]
        return bool(data)

    def without_echo(self, text):
        "`text` without the answer that the terminal repeats at its beginning."
        size = len(os.path.commonprefix([text, self.echo]))
        done = size < len(text) or size == len(self.echo)
        self.echo = "" if done else self.echo[size:]
        return text[size:]

    def show_line(self):
        "Show what has not been shown of the unfinished line."
        write(self.line[self.shown:])
        self.shown = len(self.line)

    def answer(self):
        "Ask the user for what the command waits for; False if it does not wait, or has been answered already."
        try: wait = find_wait(os.tcgetpgrp(self.fd), self.device)
        except OSError: return False  # it is ending
        if not wait: return False
        if self.wait(0): return True  # what it printed before it began to wait comes first
        modes = termios.tcgetattr(self.fd)[3]
        if self.has_answered(wait) or not wait.asks(without_escapes(self.line), modes): return False
        self.answered = wait.turn
        prompt = without_escapes(self.line[self.shown:])
        try: line = self.ask(prompt, is_secret(modes))
        except (StdinNotImplementedError, EOFError): self.send_end()
        else: self.send_line(line, modes)
        return True

    def has_answered(self, wait):
        "True if `wait` was answered, as far as can be told: if the system tells no turn, until something new is printed."
        return not self.line if wait.turn is None else wait.turn == self.answered

    def send_line(self, line, modes):
        "Send the user's answer; `modes` are those of the terminal."
        self.line = ""  # the notebook shows it beside the answer
        self.shown = 0
        self.refused = 0
        if modes & termios.ECHO: self.echo = line + "\r\n"
        elif not modes & termios.ICANON: self.echo = line  # readline repeats what it reads
        end = b"\n" if modes & termios.ICANON else b"\r"
        os.write(self.fd, line.encode() + end)

    def send_end(self):
        "Nobody answers: an end of file, and after some of them the end of the terminal."
        self.show_line()
        self.refused += 1
        if self.refused <= refusals: os.write(self.fd, b"\4")
        else:
            self.kill(signal.SIGHUP)
            print("The command asks again and again where nobody can answer, and was ended.", file=sys.stderr)

    def interrupt(self):
        "Do what Ctrl-C does, and show what the command says then."
        self.kill(signal.SIGINT)
        end = monotonic() + grace
        while (left := end - monotonic()) > 0:
            came = self.wait(left)
            if self.fd not in came or not self.read(): return

    def kill(self, number):
        "Signal the process group that has the terminal, which is not always the shell's."
        try: os.killpg(os.tcgetpgrp(self.fd), number)
        except OSError: pass  # it has ended

    def close(self):
        "End what still runs, show what was left of the last line, and tell how the command ended: see `system`."
        self.show_line()
        if self.end_fd: os.close(self.end_fd)
        self.process.delayafterclose = 0
        self.process.close(force=True)
        status = self.process.exitstatus
        if status is None: return -(self.process.signalstatus or 0)
        return status if status <= 128 else 128 - status  # the shell tells a signal so

def without_escapes(text): return escape.sub("", text)

def write(text):
    if text: sys.stdout.write(text)

def shell():
    "The user's shell; plain sh if that cannot be run."
    from shutil import which
    return which(os.environ.get("SHELL", "sh")) or "/bin/sh"

def columns():
    "The width of the terminal: what COLUMNS says, else 80."
    width = os.environ.get("COLUMNS", "")
    return int(width) if width.isdigit() and 0 < int(width) < 2**16 else 80

def terminal_of(pid):
    "The device number of the terminal of the process `pid`; None where /proc does not tell, and nobody asks for it."
    try: return os.stat(f"/proc/{pid}/fd/0").st_rdev
    except OSError: return None

def end_of(pid):
    "A file descriptor that can be read once the process `pid` has ended; None where there is no such thing."
    try: return os.pidfd_open(pid)
    except (AttributeError, OSError): return None
