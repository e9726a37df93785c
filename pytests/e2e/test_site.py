"The documentation's site: built without a warning, and clicked through by a person who looks for something"

import os, subprocess, sys, threading
from functools import partial
from helpers import root
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
import pytest
try: from playwright.sync_api import expect
except ImportError: pass  # then there is no browser, and nothing here is used

pytestmark = pytest.mark.e2e

class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *args): pass

@pytest.fixture(scope="module")
def built(tmp_path_factory):
    "The folder of the site. A warning of mkdocs is an error."
    pytest.importorskip("mkdocs", reason="NOT TESTED: mkdocs is not installed, see the extra `e2e`")
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", folder]
    r = subprocess.run(command, cwd=root, capture_output=True, text=True, timeout=120,
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1"})
    assert r.returncode == 0, r.stdout + r.stderr
    return folder

@pytest.fixture(scope="module")
def site(built):
    "The address of the site, served."
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(built)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()

@pytest.fixture
def page(site, browser):
    "The site's first page, in a browser. What is asked of other servers, or is not there, is a fault."
    page = browser.new_page()
    page.set_default_timeout(20_000)
    faults = []
    page.on("response", lambda r: r.status >= 400 and faults.append(r.url))
    page.on("request", lambda r: r.url.startswith((site, "data:", "blob:")) or faults.append(r.url))
    page.on("pageerror", lambda e: faults.append(str(e)))
    page.goto(site)
    yield page
    page.close()
    assert faults == []

def test_the_first_page_leads_to_each_other_one(page):
    for name in ("A tour", "Environments", "Troubleshooting", "Configure", "How it works"):
        page.locator("article table").get_by_role("link", name=name, exact=True).click()
        expect(page.locator("article h1")).to_be_visible()
        page.go_back()
        expect(page.locator("article h1")).to_contain_text("ipymini")

def test_every_page_of_the_menu_opens(page):
    links = page.locator(".md-nav--primary a.md-nav__link[href]")
    addresses = dict.fromkeys(links.evaluate_all("all => all.map(a => a.href.split('#')[0])"))
    assert len(addresses) > 20
    for address in addresses:
        page.goto(address)
        expect(page.locator("article h1").first).to_be_visible()

def test_pictures_are_shown(page):
    picture = page.locator("article img").first
    expect(picture).to_be_visible()
    page.wait_for_function("() => [...document.querySelectorAll('article img')].every(o => o.complete && o.naturalWidth > 100)")

def test_search_finds_a_setting(page):
    page.locator(".md-search__input").click()
    page.locator(".md-search__input").press_sequentially("IPYMINI_SPARE")
    found = page.locator(".md-search-result__link[href*='/configure/']").first
    expect(found).to_be_visible()
    found.click()
    expect(page.locator("article h1")).to_contain_text("Configure")

def test_a_link_into_a_page_leads_to_its_heading(page, site):
    page.goto(f"{site}/tour/")
    page.locator("article").get_by_role("link", name="Whose output it is").click()
    expect(page.locator("#whose-output-it-is")).to_be_in_viewport()
