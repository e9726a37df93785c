"The five sockets of a kernel, bound to what its connection file says."
from .channel import Channel, Context, Heartbeat
from .connection import bind, is_local
from .iopub import IOPub
from .shell import Shell
from .stdin import Stdin

in_the_clear = "what goes to and from {ip} is not encrypted: whoever reads this network reads code and output, see docs/security.md"

class Sockets:
    "The channels of a kernel and its heartbeat; `died(channel, error)` is called when one of them cannot go on."
    def __init__(self, wire, log, died):
        self.wire = wire
        self.context = Context()
        self.iopub = IOPub("iopub", wire, self.context, log, None, died)
        self.control = Channel("control", wire, self.context, log, None, died)
        self.stdin = Stdin("stdin", wire, self.context, log, None, died)
        self.shell = Shell("shell", wire, self.context, log, None, died)
        self.shell.iopub_waker = self.iopub.waker
        self.heartbeat = Heartbeat(Context.shadow(self.context))  # `close` must not touch its socket, which is in use
        self.channels = self.iopub, self.control, self.stdin, self.shell

    def bind(self, connection):
        "Bind all to the ports of `connection`, and tell it which of these were free. Raises: BadConnection."
        for channel in (*self.channels, self.heartbeat): bind(channel.sock, connection.settings, f"{channel.name}_port")
        if not (is_local(self.shell.sock) or connection.is_encrypted): self.shell.log(in_the_clear.format(**connection.settings))
        connection.announce(self.context, self.wire)

    def start(self, on_shell, on_control):
        "Serve: call these functions with each message that comes, on the thread of its channel."
        self.shell.on_msg = on_shell
        self.control.on_msg = on_control
        for channel in (*self.channels, self.heartbeat): channel.start()

    def close(self):
        "Send what is left, and end."
        for channel in self.channels:  # iopub is the first: replies wait there for the output before them
            channel.stop()
            if not channel.is_current(): channel.join(.5)
        self.context.destroy(200)
