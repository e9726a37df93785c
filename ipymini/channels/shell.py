"The shell channel: requests; while one comes, iopub waits for a moment for what follows its busy."
from .channel import Channel

class Shell(Channel):
    "Requests; `iopub_waker` is what rouses iopub."
    iopub_waker = None

    def take(self, frames):
        self.iopub_waker.hold()
        super().take(frames)

    def due(self):
        left = self.iopub_waker.left()
        return super().due() if left is None else left
