"Notes in `order` when an interrupt is seen to by the control thread, and when that sends a reply."
import signal

signals = signal.getsignal(signal.SIGINT).__self__
control = signals.kernel.sockets.control
order = []

def noted(name, function):
    def call(*args):
        order.append(name)
        return function(*args)
    return call

signals.interrupt_subshells = noted("subshells", signals.interrupt_subshells)
control.send = noted("reply", control.send)
