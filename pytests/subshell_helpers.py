"What tests of subshells ask and look at"

def control(kc, type, **content):
    "The Result of a request about subshells"
    return kc.request(f"{type}_subshell_request", content, channel="control")

def framed(r, late=False):
    "True if `r` has one reply at most, one idle, which is the last it says, `late` streams of a task left behind apart, and begins with busy"
    types = r.types
    while late and types[-1:] == ["stream"]: types.pop()
    return len(r.replies) <= 1 and types[0] == types[-1] == "status" and r.states[0] == "busy" and r.states.count("idle") == 1 and r.idle

def number(r):
    "The execution counts that `r` was told, as a set"
    return {c["execution_count"] for t in ("execute_input", "execute_result") for c in r.of(t)} | {r.content["execution_count"]}
