"The floor: a loop around `InteractiveShell.run_cell` behind one ROUTER socket, without IOPub; no kernel that runs IPython can be quicker."

import hmac, json, sys, uuid, zmq
from IPython.core.interactiveshell import InteractiveShell

def main():
    "Answer requests for ever."
    with open(sys.argv[1]) as file: config = json.load(file)
    key = config["key"].encode()
    socket = zmq.Context().socket(zmq.ROUTER)
    socket.bind(f"tcp://{config['ip']}:{config['shell_port']}")
    shell = InteractiveShell.instance()
    while True:
        client, _, _, header, *_, content = socket.recv_multipart()
        frames = reply(shell, header, json.loads(content))
        signature = hmac.digest(key, b"".join(frames), "sha256").hex()
        socket.send_multipart([client, b"<IDS|MSG>", signature.encode(), *frames])

def reply(shell, header, content):
    "The frames of the reply to the request with this `header`."
    request = json.loads(header)
    kind = request["msg_type"]
    res = run(shell, content) if kind == "execute_request" else dict(status="ok")
    own_header = dict(request, msg_id=uuid.uuid4().hex, msg_type=kind.replace("request", "reply"))
    return [json.dumps(own_header).encode(), header, b"{}", json.dumps(res).encode()]

def run(shell, content):
    "Run a cell; the content of its reply."
    res = shell.run_cell(content["code"], store_history=content["store_history"], silent=content["silent"])
    status = "ok" if res.success else "error"
    return dict(status=status, execution_count=res.execution_count, user_expressions={}, payload=[])

if __name__ == "__main__": main()
