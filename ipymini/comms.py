"Comms: the `comm` package, which is loaded when somebody needs it, bound to `publish`"

def manager():
    "The one that holds all comms"
    import comm
    return comm.get_comm_manager()

def bind(comm, publish, kernel):
    "Give the module `comm` comms of ours, which have `kernel`: anywidget and the Output widget of ipywidgets look for it"
    from comm.base_comm import BaseComm, CommManager
    class Comm(BaseComm):
        "A comm whose messages go out on iopub; `home`: the subshell that made it"
        def __init__(self, *args, **kw):
            self.home = kernel.sub
            super().__init__(*args, **kw)

        def publish_msg(self, msg_type, data=None, metadata=None, buffers=None, **keys):
            publish(msg_type, dict(data={} if data is None else data, comm_id=self.comm_id, **keys), metadata=metadata, buffers=buffers or (), topic=self.topic)

    Comm.kernel,ours = kernel,CommManager()
    comm.create_comm,comm.get_comm_manager = Comm,lambda: ours
