"""Bytes and messages: what ipymini.wire packs, jupyter_client's Session reads, and the other way round; what is no message is refused

Session is the oracle. Hypothesis makes the messages; below them tables of bad bytes."""
import hashlib, json, pytest, re, threading
import numpy as np
from base64 import b64encode
from benches import good, signed
from datetime import date, datetime, timedelta, timezone
from decimal import Decimal
from fractions import Fraction
from hypothesis import HealthCheck, given, settings, strategies as st
from ipymini import limits
from ipymini.wire import BadMessage, Duplicate, Msg, UnknownScheme, Wire, delim, encode, solid
from jupyter_client.session import Session

settings.register_profile("wire", max_examples=60, deadline=None, derandomize=True,
    suppress_health_check=list(HealthCheck))
settings.load_profile("wire")

schemes = [f"hmac-{n}" for n in sorted(hashlib.algorithms_guaranteed) if not n.startswith("shake")]
texts = st.text(max_size=20)
loose = st.text(st.characters(exclude_categories=()), max_size=20)  # with lone surrogates
def values(text):
    leaves = st.none() | st.booleans() | st.integers(-2**70, 2**70) | st.floats(allow_nan=False, allow_infinity=False) | text
    return st.recursive(leaves, lambda o: st.lists(o, max_size=4) | st.dictionaries(text, o, max_size=4), max_leaves=12)

def objects(text=texts): return st.dictionaries(text, values(text), max_size=5)
ids = st.lists(st.binary(max_size=8).filter(lambda b: b != delim), max_size=3)
bufs = st.lists(st.binary(max_size=20), max_size=3)
types = st.text("abcdefghijklmnopqrstuvwxyz_", min_size=1, max_size=20)

def pair(key=b"secret", scheme="hmac-sha256"): return Wire(key, scheme), Session(key=key, signature_scheme=scheme)

def joined(o):
    "`o` with surrogates that make a pair as the character that they mean, as JSON has it"
    if isinstance(o, str): return o.encode("utf-16", "surrogatepass").decode("utf-16", "surrogatepass")
    if isinstance(o, dict): return {joined(k): joined(v) for k,v in o.items()}
    return [joined(v) for v in o] if isinstance(o, list) else o

def read(session, frames):
    "Identities, and the message that Session makes of `frames`"
    ids,rest = session.feed_identities(list(frames))
    return ids, session.deserialize(rest)

# -- ours to Session

@given(types, objects(), objects(), ids, bufs, st.sampled_from(schemes))
def test_session_reads_what_we_pack(type, content, metadata, ids, bufs, scheme):
    ours,session = pair(scheme=scheme)
    got_ids,m = read(session, [*ours.pack(type, content, None, metadata, ids), *map(solid, bufs)])
    assert (got_ids, m["msg_type"], m["content"], m["metadata"], m["parent_header"]) == (ids, type, content, metadata,
        {})
    assert [bytes(b) for b in m["buffers"]] == bufs

@given(objects(loose))
def test_lone_surrogates_come_through(content):
    ours,session = pair()
    assert joined(read(session, ours.pack("x", content))[1]["content"]) == joined(content)

@given(objects())
def test_parent_header_is_the_request_header_byte_for_byte(extra):
    ours,session = pair()
    more = {k:v for k,v in extra.items()
        if k not in ("msg_id", "msg_type", "session", "username", "date", "version", "id", "type")}
    assert ours.pack("x", {}, ours.parse(good(**more)))[3] == good(**more)[2]

def test_parent_header_is_an_object_when_there_is_no_parent(): assert Wire(b"k").pack("x", {})[3:5] == [b"{}", b"{}"]

def test_header_has_every_field_as_a_string():
    ours = Wire(b"k")
    h = json.loads(ours.pack("status", {})[2])
    assert set(h) == {"msg_id", "msg_type", "username", "session", "date", "version"}
    assert all(isinstance(v, str) for v in h.values())
    assert (h["msg_type"], h["session"], h["version"]) == ("status", ours.session, "5.5")

def test_date_is_now_in_utc_with_z_and_microseconds():
    d = json.loads(Wire().pack("x", {})[2])["date"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", d)
    assert abs(datetime.fromisoformat(d)-datetime.now(timezone.utc)) < timedelta(seconds=10)

def test_every_process_has_a_session_of_its_own(): assert Wire().session != Wire().session

def test_message_ids_are_unique_across_threads():
    ours,found = Wire(b"k"),[]
    def pack(): found.extend(json.loads(ours.pack("x", {})[2])["msg_id"] for _ in range(300))
    ts = [threading.Thread(target=pack) for _ in range(4)]
    for t in ts: t.start()
    for t in ts: t.join(20)
    assert len(set(found)) == len(found) == 1200

def test_empty_key_leaves_the_signature_empty():
    frames = Wire(b"").pack("x", {})
    assert frames[1] == b""
    assert read(Session(key=b""), frames)[1]["msg_type"] == "x"

def test_signature_covers_the_four_dicts_in_order():
    parts = [b'{"msg_id":"1"}', b"{}", b"{}", b'{"code":"1"}']
    assert Wire(b"secret").sign(parts) == b"260b97890d61eb0e6ad1283eaca56d59541c56327271b249b87dde0226568bfb"

# -- what JSON has no form for

class Scalar:
    "Has neither a JSON form nor elements"

same_as_session = [float("nan"), float("inf"), -float("inf"), [1.0, float("nan")], {"a": (float("inf"),)}, {1: "int key", 2.5: "float key"},
    {True: 1, None: 2}, {1: float("nan")}, b"\x89PNG\0\xff", {"image/png": b"raw"}, (1, (2, 3)), range(3), {3},
    frozenset([4]), Fraction(1, 2), np.float64(1.5), np.int64(7), np.float32(.5), np.uint8(255), np.arange(4), np.zeros((2, 2)),
    datetime(2026, 1, 2, 3, 4, 5, 6, timezone.utc), datetime(2026, 1, 2, tzinfo=timezone(timedelta(hours=2))),
    {"deep": [{"x": b"y", "t": (float("nan"), np.int8(1))}]}, "é🎉\0\u2028", 10**400]

@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("value", same_as_session, ids=lambda o: repr(o)[:40])
def test_encodes_as_session_does(value): assert json.loads(encode(value)) == json.loads(Session().pack(value))

@pytest.mark.parametrize("value, text", [(bytearray(b"ab"), b64encode(b"ab").decode()),
    (memoryview(b"ab"), b64encode(b"ab").decode()), (np.float64("nan"), "nan"),
    (date(2026, 1, 2), "2026-01-02"), (datetime(2026, 1, 2, 3), "2026-01-02T03:00:00"), (iter([1, 2]), [1, 2]),
    (dict(a=1).keys(), ["a"])],
    ids=lambda o: type(o).__name__)
def test_encodes_what_session_refuses_or_leaves_open(value, text): assert json.loads(encode(value)) == text

@pytest.mark.parametrize("value", [Scalar(), Decimal("1.5"), 1j, {"a": [Scalar()]}], ids=lambda o: type(o).__name__)
def test_what_has_no_form_is_an_error_that_names_it(value):
    try: assert json.loads(encode(value)) is not None  # a Decimal may become a number
    except (TypeError, ValueError) as e: assert re.search("Scalar|Decimal|complex", str(e))

def test_a_dict_that_holds_itself_is_an_error():
    d = {}
    d["d"] = d
    with pytest.raises((ValueError, RecursionError)): encode(d)

def mixtures(values): return st.recursive(values | st.none() | st.binary(max_size=4) | st.tuples(st.integers()) | texts,
    lambda o: st.lists(o, max_size=3) | st.dictionaries(texts, o, max_size=3), max_leaves=8)

@given(mixtures(st.floats()) | mixtures(st.datetimes(timezones=st.just(timezone.utc))))  # beside a NaN Session drops the time zone of a date
@pytest.mark.filterwarnings("ignore")
def test_encodes_any_mixture_as_session_does(value):
    assert json.loads(encode(value)) == json.loads(Session().pack(value))

def test_output_is_compact_utf8(): assert encode(dict(a="é", b=[1, 2])) == '{"a":"é","b":[1,2]}'.encode()

# -- buffers

@pytest.mark.parametrize("buf", [b"ab", bytearray(b"ab"), memoryview(b"ab"), np.frombuffer(b"ab", "u1"),
    np.array([0x6261], "<u2")], ids=lambda o: type(o).__name__)
def test_any_contiguous_buffer_goes_out_as_its_bytes(buf): assert solid(buf) == b"ab"

@pytest.mark.parametrize("buf", [memoryview(b"abcd")[::2], np.arange(10)[::2]], ids=["memoryview", "numpy"])
def test_a_buffer_with_gaps_is_a_clear_error(buf):
    with pytest.raises(ValueError, match="contiguous"): solid(buf)

def test_a_buffer_is_what_it_was_when_sent():
    buf = bytearray(b"before")
    frame = solid(buf)
    buf[:] = b"after!"
    assert frame == b"before"

def test_buffers_arrive_as_memoryviews(): assert isinstance(Wire().parse([delim, b"",
    b'{"msg_id":"1","msg_type":"x"}', b"{}", b"{}", b"{}",
    b"buf"])["buffers"][0], memoryview)

# -- Session to ours

@given(types, objects(), objects(), ids, bufs, st.sampled_from(schemes))
def test_we_read_what_session_packs(type, content, metadata, ids, bufs, scheme):
    ours,session = pair(scheme=scheme)
    msg = session.msg(type, content, metadata=metadata)
    m = ours.parse(session.serialize(msg, ident=ids) + bufs)
    assert (m.ids, m.type, m["content"], m["metadata"], m["parent_header"]) == (ids, type, content, metadata, {})
    assert m["header"]["msg_id"] == m["msg_id"] == msg["header"]["msg_id"]
    assert [bytes(b) for b in m["buffers"]] == bufs

def test_answers_go_back_and_forth():
    ours,session = pair()
    req = session.msg("kernel_info_request")
    rep = read(session, ours.pack("kernel_info_reply", {}, ours.parse(session.serialize(req, ident=b"me")), ids=[b"me"]))
    assert rep[0] == [b"me"]
    assert rep[1]["parent_header"] == req["header"]

def test_the_first_delimiter_counts():
    m = Wire(b"").parse([b"id", delim, b"", b'{"msg_id":"1","msg_type":"x"}', b"{}", b"{}", b"{}", delim, b"{}"])
    assert m.ids == [b"id"]
    assert [bytes(b) for b in m["buffers"]] == [delim, b"{}"]

def test_without_a_key_nothing_is_checked():
    m = Wire(b"").parse([delim, b"any signature", *good()[2:]])
    assert m.type == "execute_request"
    assert Wire(b"").seen == {}

@pytest.mark.parametrize("d", [None, {}])
def test_no_message_of_an_empty_dict(d): assert Msg.of(d) is None

def test_a_plain_dict_makes_a_message_again():
    m = Wire(b"secret").parse(good())
    assert Msg.of(m) is m
    again = Msg.of(json.loads(json.dumps(dict(header=m["header"], content=m["content"]))))
    assert (again.type, again["msg_id"], json.loads(again.raw)) == (m.type, m["msg_id"], m["header"])

# -- what is no message

@given(st.integers(0, 10**6), st.integers(1, 255))
def test_one_changed_byte_anywhere_is_a_bad_signature(where, xor):
    frames = good()
    at = [(i, j) for i in range(1, 6) for j in range(len(frames[i]))]
    i,j = at[where%len(at)]
    b = bytearray(frames[i])
    b[j] ^= xor
    frames[i] = bytes(b)
    with pytest.raises(BadMessage, match="bad signature"): Wire(b"secret").parse(frames)

@given(st.permutations(range(4)).filter(lambda p: p != [0, 1, 2, 3]))
def test_frames_in_another_order_are_a_bad_signature(order):
    parts = [good()[2], b'{"p":1}', b'{"m":1}', b'{"c":1}']
    frames = signed(*parts)
    with pytest.raises(BadMessage, match="bad signature"):
        Wire(b"secret").parse([*frames[:2], *(parts[i] for i in order)])

def test_identities_and_buffers_are_not_signed():
    assert Wire(b"secret").parse([b"any", *good(), b"buf"]).type == "execute_request"

@pytest.mark.parametrize("sig", [b"", b"0"*64, b"\xff"*64, "é".encode(), good()[1].upper(), good()[1]+b"0",
    good()[1][:-1]])
def test_bad_signature(sig):
    with pytest.raises(BadMessage, match="bad signature"): Wire(b"secret").parse([delim, sig, *good()[2:]])

def test_signed_with_another_key_or_scheme():
    for key,scheme in ((b"other", "hmac-sha256"), (b"secret", "hmac-sha512")):
        with pytest.raises(BadMessage, match="bad signature"): Wire(key, scheme).parse(good())

@pytest.mark.parametrize("n", range(6))
def test_truncated_frames(n):
    with pytest.raises(BadMessage, match="frames|delimiter"): Wire(b"secret").parse(good()[:n])

@pytest.mark.parametrize("frames", [[], [b""], [b"a", b"b"], good()[1:], [b"<ids|msg>", *good()[1:]],
    [b"<IDS|MSG> ", *good()[1:]]])
def test_no_delimiter(frames):
    with pytest.raises(BadMessage, match="delimiter"): Wire(b"secret").parse(frames)

no_json = [b"", b"{", b"nope", b"\xff\xfe", b"{'a':1}", b'{"a":1}{', b"[" * 100_000, b'{"a":' * 100_000,
    b'{"a":' + b"1" * 5000 + b"}", '{"a":1}'.encode("utf-16"), b'\xef\xbb\xbf{}', b"\0"]
@pytest.mark.parametrize("i", range(4))
@pytest.mark.parametrize("bad", no_json, ids=lambda b: repr(b[:8]))
def test_a_frame_that_is_no_json(bad, i):
    parts = good()[2:6]
    parts[i] = bad
    with pytest.raises(BadMessage): Wire(b"secret").parse(signed(*parts))

@pytest.mark.parametrize("i", range(4))
@pytest.mark.parametrize("bad", [b"[]", b"1", b"null", b'"a"', b"true"])
def test_a_frame_that_is_no_object(bad, i):
    parts = good()[2:6]
    parts[i] = bad
    with pytest.raises(BadMessage, match="object"): Wire(b"secret").parse(signed(*parts))

@pytest.mark.parametrize("header", [{}, dict(msg_id="1"), dict(msg_type="x"), dict(msg_id="1", msg_type=None),
    dict(msg_id="1", msg_type=["x"]),
    dict(msg_id=1, msg_type="x"), dict(msg_id="1", msg_type={"a": 1})], ids=str)
def test_a_header_without_type_or_id(header):
    with pytest.raises(BadMessage, match="header"): Wire(b"secret").parse(signed(encode(header), b"{}", b"{}", b"{}"))

@given(st.lists(st.binary(max_size=30) | st.sampled_from([delim, b"{}", b"[]", b'{"msg_id":"1"}', b""]), max_size=9),
    st.sampled_from([b"", b"secret"]))
def test_arbitrary_frames_are_a_message_or_bad(frames, key):
    try: assert isinstance(Wire(key).parse(frames), Msg)
    except BadMessage as e: assert "\n" not in str(e) and len(str(e)) < 300

@given(objects(), objects(), objects())
def test_arbitrary_signed_objects_are_a_message_or_bad(header, metadata, content):
    try: Wire(b"secret").parse(signed(*map(encode, (header, {}, metadata, content))))
    except BadMessage as e: assert "\n" not in str(e)

# -- replays

def test_a_replay_is_dropped():
    ours = Wire(b"secret")
    ours.parse(good())
    with pytest.raises(Duplicate): ours.parse(good())

def test_a_replay_for_another_identity_is_dropped():
    ours = Wire(b"secret")
    ours.parse([b"me", *good()])
    with pytest.raises(Duplicate): ours.parse([b"you", *good()])

def test_a_bad_signature_does_not_enter_the_history():
    ours = Wire(b"secret")
    bad = good("2")
    with pytest.raises(BadMessage): ours.parse([delim, good()[1], *bad[2:]])
    assert ours.seen == {}
    assert ours.parse(good()).type == "execute_request"

def test_history_is_bounded_and_forgets_the_oldest(monkeypatch):
    monkeypatch.setattr("ipymini.limits.signatures", 50)
    ours = Wire(b"secret")
    for i in range(120): ours.parse(good(str(i)))
    assert len(ours.seen) == 50
    for i in (70, 119):
        with pytest.raises(Duplicate): ours.parse(good(str(i)))
    assert ours.parse(good("3"))["msg_id"] == "3"

def test_history_is_as_large_as_jupyter_clients(): assert limits.signatures == 65536

# -- schemes

@pytest.mark.parametrize("scheme", ["hmac-nope", "nope", "", "hmac-", "hmac-shake_128", "hmac-shake_256"])
def test_unknown_scheme_is_refused(scheme):
    with pytest.raises(UnknownScheme, match="signature_scheme"): Wire(b"k", scheme)
