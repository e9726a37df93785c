"A comm whose messages the kernel answers, and what a frontend says on it; the kernel has imported `comm`"
from textwrap import indent
from uuid import uuid4

answering = """
def opened(c, msg):
    def answer(m):
        data = m['content']['data']
{}
    c.on_msg(answer)
comm.get_comm_manager().register_target('talk', opened)
"""

def talk(kc, body):
    "The id of a comm whose messages the kernel answers with the lines `body`: `c` is the comm, `m` the message, `data` its data"
    kc.run(answering.format(indent(body, " "*8)))
    id = uuid4().hex
    kc.request("comm_open", dict(comm_id=id, target_name="talk", data={}))
    return id

def say(kc, id, data=None, wait=True, **kw):
    "Send `data` on the comm `id`"
    return (kc.request if wait else kc.submit)("comm_msg", dict(comm_id=id, data=data or {}), **kw)

def comms(kc, **kw):
    "The comms that the kernel tells of"
    return kc.request("comm_info_request", kw).content["comms"]
