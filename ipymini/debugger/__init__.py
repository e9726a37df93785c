"DAP: requests, session, the wire to debugpy, values shown without it."
