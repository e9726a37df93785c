"The sockets, each with the one thread that touches it. The only user of zmq."
