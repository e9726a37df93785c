"A page that plays the frontend of widgets"
import time
from comm_talk import say
from helpers import connect
from queue import Empty
from uuid import uuid4

view = "application/vnd.jupyter.widget-view+json"

class Page:
    """What JupyterLab does with comms: a model for each, `models[id]`, that follows the kernel's; changes by the user go to the kernel

    way: the setting commsOverSubshells. The outputs of what an Output widget captures end in its model, all others in `outputs`."""
    def __init__(self, kc, way):
        self.kc,self.way,self.eye = kc,way,connect(kc.file)
        self.models,self.targets,self.shells,self.custom,self.outputs,self.captures = {},{},{},[],[],{}
        self.on = dict(comm_open=self.opened, comm_msg=self.told, comm_close=self.closed,
            **dict.fromkeys("stream display_data execute_result error clear_output".split(), self.put))

    def stop(self):
        for id in list(self.targets): self.forget(id)
        self.eye.stop_channels()

    def read(self, timeout=0):
        "Take in what the kernel has published"
        try:
            while True:
                m = self.eye.get_iopub_msg(timeout=timeout)
                if m["msg_type"] in self.on: self.on[m["msg_type"]](m, m["content"])
                timeout = 0
        except Empty: pass

    def see(self, cond, what, timeout=60):
        "Read until `cond()` is true; its value"
        end = time.monotonic()+timeout
        while not (res := cond()):
            assert time.monotonic() < end, f"{timeout} s passed: waited for {what}, have {self.models}, {self.outputs}"
            self.read(.05)
        return res

    def opened(self, m, c):
        self.targets[c["comm_id"]],self.models[c["comm_id"]] = c["target_name"],{}
        self.shell(c["comm_id"])
        if "state" in c["data"]: self.take(m, c["comm_id"], c["data"])

    def told(self, m, c):
        data = c["data"]
        method = data.get("method") if isinstance(data, dict) else None
        if method in ("update", "echo_update"): self.take(m, c["comm_id"], data)
        else:
            self.custom.append((c["comm_id"], data["content"] if method == "custom" else data,
                [bytes(b) for b in m["buffers"]]))

    def take(self, m, id, data):
        model = self.models.setdefault(id, {})
        model.update(data["state"])
        for path,b in zip(data.get("buffer_paths", ()), m["buffers"]):
            o = model
            for k in path[:-1]: o = o[k]
            o[path[-1]] = bytes(b)
        if "msg_id" in data["state"]:
            self.captures = {k: v for k,v in self.captures.items() if v != id}
            if data["state"]["msg_id"]: self.captures[data["state"]["msg_id"]] = id

    def closed(self, m, c):
        self.models.pop(c["comm_id"], None)
        self.forget(c["comm_id"])

    def forget(self, id):
        "Delete the subshell that was for the comm `id`, if it was the last"
        key = self.key(id)
        self.targets.pop(id, None)
        if key in self.shells and not any(self.key(o) == key for o in self.targets):
            self.kc.request("delete_subshell_request", dict(subshell_id=self.shells.pop(key)), channel="control")

    def put(self, m, c):
        id = self.captures.get(m["parent_header"].get("msg_id"))
        if not id: return self.outputs.append((m["msg_type"], c))
        old = self.models[id].get("outputs", [])
        self.set(id, wait=False, outputs=[] if m["msg_type"] == "clear_output"
            else [*old, dict(c, output_type=m["msg_type"])])

    def key(self, id): return dict(disabled=None, perCommTarget=self.targets.get(id), perComm=id)[self.way]

    def shell(self, id):
        "The subshell for the comm `id`, made for the first message"
        key = self.key(id)
        if key and key not in self.shells: self.shells[key] = self.kc.subshell()
        return self.shells.get(key)

    def send(self, id, data, wait=True, **kw): return say(self.kc, id, data, wait, subshell=self.shell(id), **kw)

    def set(self, id, wait=True, **state):
        "The user changes what the widget shows"
        self.models[id].update(state)
        return self.send(id, dict(method="update", state=state, buffer_paths=[]), wait)

    def event(self, model, wait=True, buffers=None, **content):
        return self.send(model, dict(method="custom", content=content), wait, buffers=buffers)

    def click(self, id, wait=True): return self.event(id, wait, event="click")

    def open(self, target, data, version):
        "The frontend opens a comm; its id"
        id = uuid4().hex
        self.targets[id],self.models[id] = target,{}
        self.kc.request("comm_open", dict(comm_id=id, target_name=target, data=data), subshell=self.shell(id),
            metadata=dict(version=version))
        return id

    def run(self, code, timeout=60):
        r = self.kc.run(code, timeout=timeout)
        assert r.status == "ok", r
        return r

    def show(self, code):
        "Run `code`; the id of the model of the last widget that it shows"
        r = self.run(code)
        data = [c["data"] for t in ("display_data", "execute_result") for c in r.of(t) if view in c["data"]]
        assert data, f"no widget in {r}"
        id = data[-1][view]["model_id"]
        self.see(lambda: id in self.models and "_model_name" in self.models[id], f"the model {id}")
        return id

    def find(self, name, **state):
        "The id of the model called `name` with these values, which is there soon"
        def found():
            return [k for k,m in self.models.items() if m.get("_model_name") == name
                and all(m.get(a) == v for a,v in state.items())]
        return self.see(found, f"a {name} with {state}")[-1]

    def model(self, ref): return ref.removeprefix("IPY_MODEL_")
