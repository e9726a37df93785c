"How much a kernel takes, of strangers and of those who have its key; docs/security.md lists these."
frame = 2**30       # bytes of a frame of a message: who sends a larger one is cut off before there is memory for it
topic = 2**10       # bytes of a subscription, a heartbeat, a handshake: zmq needs 50 bytes of memory for each byte of a topic
handshake = 5       # seconds that a connection may take to become one: each costs a descriptor
queue = 1000        # messages of one connection that wait to be read, complete ones: who sends more waits
in_a_row = 1000     # messages: then replies get their turn, even in a flood
signatures = 65536  # that are known to have been seen, so that no message runs twice
subshells = 1000    # at once: each costs a thread
comms = 100_000     # at once: each costs about 1 KB
