"Comms: the `comm` package, bound to `publish`"
import comm
from comm.base_comm import BaseComm, CommManager

def bind(publish, kernel):
    "Give the `comm` package our comms; the manager that holds them"
    class Comm(BaseComm):
        "A comm whose messages go out on iopub"
        def publish_msg(self, msg_type, data=None, metadata=None, buffers=None, **keys):
            publish(msg_type, dict(data={} if data is None else data, comm_id=self.comm_id, **keys), metadata=metadata, buffers=buffers or (), topic=self.topic)

    Comm.kernel = kernel  # anywidget and the Output widget of ipywidgets look for it
    manager = CommManager()
    comm.create_comm,comm.get_comm_manager = Comm,lambda: manager
    return manager
