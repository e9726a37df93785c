"""Debug requests: the door to the debugger. Each is a request of the Debug Adapter Protocol, DAP, and gets its response.

Read `Debugger.request`; the tables at the end tell who answers what: `answers` without debugpy, `session` with it."""
import shutil
from itertools import count

from . import answers
from .cells import folder
from .link import Refused
from .session import Session
from .values import Variables

class Debugger:
    "Answers debug requests; `ip`: IPython's shell; `publish(type, content)`: the way out for events."
    def __init__(self, ip, publish):
        self.ip = ip
        self.publish = publish
        self.numbers = count(1)  # of responses and events
        self.session = Session(ip, self.publish_event)
        self.variables = Variables(ip)  # as they are shown while nothing is stopped

    def request(self, message):
        "The response to the DAP request `message`. On the thread for debug requests."
        command = message.get("command")
        args = message.get("arguments")
        response = dict(type="response", request_seq=message.get("seq"), command=command)
        try: body = self.answer(command, args if isinstance(args, dict) else {})
        except Refused as e: return self.failure(response, e)
        except KeyError as e: return self.failure(response, f"the arguments lack {e}")
        # whatever the arguments lead to: a frontend waits for a response
        except Exception as e: return self.failure(response, f"{type(e).__name__}: {e}")
        return dict(response, seq=next(self.numbers), success=True, body=body or {})

    def failure(self, response, why):
        "`response` as that of a request that fails."
        command = response["command"]
        body = blank.get(str(command), {})
        return dict(response, seq=next(self.numbers), success=False, message=f"{command}: {why}", body=body)

    def answer(self, command, args):
        "The body of the response. Raises: Refused."
        if command in always: return always[command](self, args)
        if not self.session.is_open: raise Refused("the debugger is not started, send initialize first")
        if command in in_session: return in_session[command](self, args)
        if command in passed_on: return self.session.pass_on(command, args)
        raise Refused("unknown request")

    def publish_event(self, event):
        "Publish an event of debugpy's under a number of ours."
        self.publish("debug_event", dict(event, seq=next(self.numbers)))

    def interrupt(self):
        "Let stopped threads go on, into the KeyboardInterrupt that is raised in them."
        self.session.interrupt()

    def close(self):
        "The end: leave nothing behind, wait for nothing."
        self.session.hang_up()
        shutil.rmtree(folder, ignore_errors=True)

def initialize(debugger, args):
    "Start a session; a client that went away without a word loses its own."
    disconnect(debugger, {})
    return debugger.session.initialize(args)

def disconnect(debugger, args):
    "End the session, not the process."
    try: return debugger.session.disconnect()
    finally: debugger.variables.forget()

def attach(debugger, args): return debugger.session.attach(args)
def set_breakpoints(debugger, args): return debugger.session.set_breakpoints(args)
def configuration_done(debugger, args): "`attach` did it."

# with and without a session; terminate would end the process, which a session never does
always = dict(debugInfo=answers.debug_info, dumpCell=answers.dump_cell, source=answers.source, modules=answers.modules,
    inspectVariables=answers.inspect_variables, variables=answers.variables, richInspectVariables=answers.rich_inspect,
    copyToGlobals=answers.copy_to_globals, launch=answers.not_launched, restart=answers.not_launched,
    initialize=initialize, disconnect=disconnect, terminate=disconnect)
in_session = dict(attach=attach, configurationDone=configuration_done, setBreakpoints=set_breakpoints)
# to others debugpy never answers, nor to what comes after
passed_on = set("""threads stackTrace scopes evaluate setVariable setExpression completions pause
    gotoTargets stepInTargets exceptionInfo setDebuggerProperty setFunctionBreakpoints setExceptionBreakpoints
    continue next stepIn stepOut goto""".split())
# bodies that a frontend looks into after a failure
blank = dict(stackTrace=dict(stackFrames=[]), richInspectVariables=answers.no_data)
