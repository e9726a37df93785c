"""Shows in the calling cell what a pod writes and displays, and asks there what it asks. Runs on the thread and in
the context of the call.

It uses what every Python has, print and input, and IPython's display where that is loaded: so a pod shows the same in
any kernel, and in a script."""
import sys

def show_text(stream, text):
    "Write what a pod wrote to `stream`, stdout or stderr."
    file = getattr(sys, stream)
    file.write(text)
    file.flush()

class Screen:
    "What shows a pod's text and displays; another one may send them on, or take the names of functions that were loaded."
    def text(self, stream, text): show_text(stream, text)
    def show(self, *content): show(*content)
    def names(self, names): pass

def shell():
    "IPython's shell, if this is one."
    core = sys.modules.get("IPython.core.getipython")
    return core.get_ipython() if core else None

def show(kind, *content):
    "Show a display or clear the output."
    functions = dict(display=display, clear=clear)
    functions[kind](*content)

def display(data, metadata, transient, update):
    "Publish a display; without IPython, print its text."
    ip = shell()
    if ip: ip.display_pub.publish(data=data, metadata=metadata, transient=transient, update=update)
    elif "text/plain" in data: show_text("stdout", data["text/plain"] + "\n")

def clear(wait):
    ip = shell()
    if ip: ip.display_pub.clear_output(wait)

def ask(prompt, password):
    "The line that the user types, and None; or None, and the name and text of the error to raise in the pod."
    try: return read_line(prompt, password),None
    except Exception as error:
        # a kernel's "no input here" is of a class that the pod may not have
        name = "EOFError" if isinstance(error, EOFError) else "RuntimeError"
        return None,(name, str(error))

def read_line(prompt, password):
    if not password: return input(prompt)
    from getpass import getpass
    return getpass(prompt)
