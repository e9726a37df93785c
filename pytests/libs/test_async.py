"Libraries with event loops, clients and schedulers of their own"
import pytest

pytestmark = pytest.mark.libs

def test_nest_asyncio_runs_coroutines_in_plain_cells(fresh):
    kc = fresh()
    r = kc.run(
        "import nest_asyncio, asyncio\n"
        "nest_asyncio.apply()\n"
        "async def f(): return await asyncio.sleep(.01, 5)\n"
        "asyncio.get_event_loop().run_until_complete(f())")
    assert r.result == "5", r
    assert kc.run("asyncio.run(f())").result == "5"
    assert kc.run("await f()").result == "5"
    assert kc.run("t = asyncio.create_task(f())\nawait t").result == "5"

def test_nest_asyncio_runs_coroutines_inside_coroutines(fresh):
    kc = fresh()
    r = kc.run(
        "import nest_asyncio, asyncio\n"
        "nest_asyncio.apply()\n"
        "async def f(): return 5\n"
        "async def g(): return asyncio.run(f())\n"
        "await g()")
    assert r.result == "5", r

def test_trio_runs_and_awaits(fresh):
    kc = fresh()
    assert kc.run("import trio\nasync def f():\n    await trio.sleep(.01)\n    return 5\ntrio.run(f)",
        timeout=60).result == "5"
    assert kc.run("%autoawait trio").status == "ok"
    assert kc.run("await f()").result == "5"

server = """
import threading, http.server
class H(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"hello")
    def log_message(self, *args): pass
srv = http.server.ThreadingHTTPServer(("127.0.0.1", 0), H)
threading.Thread(target=srv.serve_forever, daemon=True).start()
url = f"http://127.0.0.1:{srv.server_port}"
"""

@pytest.fixture(scope="module")
def web(kc):
    assert kc.run(server).status == "ok"
    return kc

def test_httpx_gets_in_plain_and_awaiting_cells(web):
    assert web.run("import httpx\nhttpx.get(url).text", timeout=60).result == "'hello'"
    assert web.run("async with httpx.AsyncClient() as c: print((await c.get(url)).text)").stdout == "hello\n"

def test_aiohttp_gets(web):
    code = "import aiohttp\nasync with aiohttp.ClientSession() as s:\n    async with s.get(url) as r: print(await r.text())"
    assert web.run(code, timeout=60).stdout == "hello\n"

def test_tornado_serves_between_cells(kc):
    r = kc.run(
        "import tornado.web, tornado.httpserver, tornado.netutil\n"
        "class Hi(tornado.web.RequestHandler):\n"
        "    def get(self): self.write('hi')\n"
        "(sock,) = tornado.netutil.bind_sockets(0, '127.0.0.1')\n"
        "srv = tornado.httpserver.HTTPServer(tornado.web.Application([('/', Hi)]))\n"
        "srv.add_sockets([sock])\n"
        "sock.getsockname()[1]", timeout=60)
    from urllib.request import urlopen
    assert urlopen(f"http://127.0.0.1:{r.result}", timeout=60).read() == b"hi"

def test_dask_computes_in_this_process(fresh):
    kc = fresh()
    r = kc.run(
        "from dask.distributed import Client\n"
        "c = Client(processes=False, n_workers=1, threads_per_worker=1, dashboard_address=None)\n"
        "c.submit(lambda x: x+1, 1).result()", timeout=100)
    assert r.result == "2", r
    assert "text/html" in kc.run("c").of("execute_result")[0]["data"]
    r = kc.run("c.close()", timeout=60)
    assert r.status == "ok", r

def test_dask_is_awaited(fresh):
    code = (
        "from dask.distributed import Client\n"
        "async with Client(asynchronous=True, processes=False, n_workers=1, threads_per_worker=1, dashboard_address=None) as c:\n"
        "    print(await c.submit(lambda x: x+1, 1))")
    assert fresh().run(code, timeout=100).stdout == "2\n"

def test_dask_hands_functions_of_cells_to_processes(fresh):
    kc = fresh()
    r = kc.run(
        "from dask.distributed import Client\n"
        "c = Client(n_workers=1, threads_per_worker=1, dashboard_address=None)\n"
        "def f(x): return x*2\n"
        "res = c.gather(c.map(f, [1, 2]))\n"
        "c.close()\n"
        "res", timeout=110)
    assert r.result == "[2, 4]", r

def test_dask_knows_that_it_is_in_a_kernel(kc):
    assert kc.run("from distributed.utils import is_kernel\nis_kernel()", timeout=60).result == "True"

def test_dask_prints_its_progress_bar(kc):
    r = kc.run(
        "import dask\n"
        "from dask.diagnostics import ProgressBar\n"
        "with ProgressBar(): r = dask.delayed(sum)([1, 2]).compute(scheduler='threads')\n"
        "r", timeout=60)
    assert r.result == "3" and "100% Completed" in r.stdout, r

def test_context_variables_are_shared_by_cells(kc):
    kc.run("import contextvars\nv = contextvars.ContextVar('v', default=0)\n_ = v.set(5)")
    assert kc.run("v.get()").result == "5"
    kc.run("import decimal\ndecimal.getcontext().prec = 5")
    assert kc.run("decimal.Decimal(1)/3").result == "Decimal('0.33333')"

define_f = """
import asyncio, uvloop
async def f():
    await asyncio.sleep(.01)
    return type(asyncio.get_running_loop()).__module__
"""

@pytest.mark.only_ipymini("the kernel's loop is running")
@pytest.mark.parametrize("run", [
    "uvloop.new_event_loop().run_until_complete(f())",
    "uvloop.run(f())",
    "asyncio.Runner(loop_factory=uvloop.new_event_loop).run(f())"])
def test_uvloop_runs_coroutines_in_a_plain_cell(kc, run):
    kc.run(define_f)
    assert kc.run(run).result == "'uvloop'"
    assert kc.run("await asyncio.sleep(0, 5)").result == "5"
