"Comms: the `comm` package, which is loaded when somebody needs it, bound to `publish`"

def manager():
    "The one that holds all comms"
    return __import__("comm").get_comm_manager()

def bind(comm, publish, kernel):
    "Give the module `comm` comms of ours, which have `kernel`: anywidget and the Output widget of ipywidgets look for it"
    from comm.base_comm import BaseComm, CommManager
    class Comm(BaseComm):
        "A comm whose messages go out on iopub; `home`: the subshell whose cell sent the last of them, or None"
        def publish_msg(self, msg_type, data=None, metadata=None, buffers=None, **keys):
            if kernel.get_parent().get("msg_type") == "execute_request": self.home = kernel.sub
            publish(msg_type, dict(data={} if data is None else data, comm_id=self.comm_id, **keys), metadata=metadata, buffers=buffers or (), topic=self.topic)

    Comm.kernel,Comm.home,ours = kernel,None,CommManager()
    comm.create_comm,comm.get_comm_manager = Comm,lambda: ours
