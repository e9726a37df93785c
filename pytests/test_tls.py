"TLS, which asyncio is given only when it asks for it"
import pytest

pem = """\
-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgH5GX+MKZQZCxwxQT
zEoUffxAgvdX3uH/M4Mgg+yw08GhRANCAAQVFrKfr0lxtXrBqlCEfhR7n/yoV80F
WMTIvtpY5jRbGS2nc7cik1mX65d791ca9XHV4MWYRjcuAtYHICHeLPGp
-----END PRIVATE KEY-----
-----BEGIN CERTIFICATE-----
MIIBljCCATugAwIBAgIUbtyia/uEiEVaLikDoZZKRtJcL0gwCgYIKoZIzj0EAwIw
FDESMBAGA1UEAwwJbG9jYWxob3N0MCAXDTI2MTEyMTE4NTM1MFoYDzIxMjYxMDI4
MTg1MzUwWjAUMRIwEAYDVQQDDAlsb2NhbGhvc3QwWTATBgcqhkjOPQIBBggqhkjO
PQMBBwNCAAQVFrKfr0lxtXrBqlCEfhR7n/yoV80FWMTIvtpY5jRbGS2nc7cik1mX
65d791ca9XHV4MWYRjcuAtYHICHeLPGpo2kwZzAdBgNVHQ4EFgQUDxl5wePsUqo9
Hskho+gCAzwR0hIwHwYDVR0jBBgwFoAUDxl5wePsUqo9Hskho+gCAzwR0hIwDwYD
VR0TAQH/BAUwAwEB/zAUBgNVHREEDTALgglsb2NhbGhvc3QwCgYIKoZIzj0EAwID
SQAwRgIhAJ3vyg3PCOHHDVoeR4LbKwz9JkOoVpEqE3dCuMDmTzKfAiEAj3sbjna4
CkdW4p8ecip/RaE23BG74yJ2Jl+DegBAlcw=
-----END CERTIFICATE-----
"""
tls = """
import asyncio, ssl
server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
server.load_cert_chain({0!r})
client = ssl.create_default_context(cafile={0!r})
async def echo(r, w):
    w.write(await r.readline())
    w.close()
s = await asyncio.start_server(echo, "127.0.0.1", 0, ssl=server)
r,w = await asyncio.open_connection(*s.sockets[0].getsockname(), ssl=client, server_hostname="localhost")
w.write(b"hello\\n")
print(await r.readline())
w.close()
s.close()
"""

def test_tls(own_kc, tmp_path):
    (tmp_path/"pem").write_text(pem)
    assert own_kc.run(tls.format(str(tmp_path/"pem"))).stdout == "b'hello\\n'\n"

def test_tls_without_an_import_of_ssl(own_kc):
    r = own_kc.run(
        "import asyncio\n"
        "async def answer(r, w): w.write(b'this is no TLS')\n"
        "s = await asyncio.start_server(answer, '127.0.0.1', 0)\n"
        "await asyncio.open_connection(*s.sockets[0].getsockname(), ssl=True, server_hostname='x')")
    assert r.content["ename"] == "SSLError"

@pytest.mark.parametrize("code,shown", [
    ("import ssl; type(ssl).__name__, ssl.__spec__.name",                                    "('module', 'ssl')"),
    ("import asyncio, asyncio.sslproto as p; type(p).__name__, p is asyncio.sslproto, p.ssl.__name__",
        "('module', True, 'ssl')"),
    ("from asyncio import sslproto; sslproto.SSLProtocol.__name__",                           "'SSLProtocol'"),
    ("import asyncio.base_events as b, ssl; b.ssl.SSLContext is ssl.SSLContext",              "True")])
def test_the_modules_of_tls_are_the_real_ones(own_kc, code, shown): assert own_kc.run(code).result == shown

def test_many_threads_may_be_the_first_to_need_ssl(own_kc):
    code = """
import asyncio.base_events as b
from concurrent.futures import ThreadPoolExecutor
with ThreadPoolExecutor(8) as pool: names = list(pool.map(lambda _: b.ssl.create_default_context().__class__.__name__, range(32)))
set(names)"""
    assert own_kc.run(code).result == "{'SSLContext'}"
