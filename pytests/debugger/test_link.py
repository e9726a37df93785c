"The wire to debugpy, without a kernel"
import json, pytest, socket
from ipymini.debugger.link import Link

class Peer:
    "The other end of a `Link`"
    def __init__(self):
        self.heard,self.asked = [],[]
        self.sock,other = socket.socketpair()
        self.link = Link(other, lambda e: self.heard.append((e["event"], [f.done() for f in self.asked])))

    def ask(self, n): self.asked = [self.link.send(f"c{i}", {}) for i in range(n)]
    def frame(self, **msg):
        b = json.dumps(msg, ensure_ascii=False).encode()
        return b"Content-Length: %d\r\n\r\n" % len(b) + b
    def response(self, seq, body): return self.frame(type="response", request_seq=seq, success=True, body=body)

@pytest.fixture
def peer():
    yield (peer := Peer())
    peer.link.close()
    peer.sock.close()

def test_responses_go_to_who_asked(peer):
    peer.ask(2)
    peer.sock.sendall(peer.response(2, "b") + peer.response(1, "a"))
    assert [f.result(5)["body"] for f in peer.asked] == ["a", "b"]

def test_a_message_in_pieces(peer):
    peer.ask(1)
    for b in peer.response(1, "é🎉"): peer.sock.send(bytes([b]))
    assert peer.asked[0].result(5)["body"] == "é🎉"

def test_events_are_handled_before_the_response_they_precede(peer):
    peer.ask(1)
    peer.sock.sendall(peer.frame(type="event", event="e") + peer.response(1, ""))
    peer.asked[0].result(5)
    assert peer.heard == [("e", [False])]

def test_a_lost_connection_is_the_end_of_the_session(peer):
    peer.sock.close()
    peer.link.thread.join(5)
    assert peer.heard == [("terminated", [])]

def test_hanging_up_is_no_event(peer):
    peer.link.close()
    peer.link.thread.join(5)
    assert peer.heard == []

def test_a_lost_connection_answers_all(peer):
    peer.ask(2)
    peer.sock.close()
    assert [f.result(5)["success"] for f in peer.asked] == [False, False]
