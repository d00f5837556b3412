"""A real browser for tests of pages: headless Chromium, driven by Debian's chromedriver and Selenium, that can reach nothing.

    with Browser(folder) as browser:
        browser.open(path)
        browser.script("return document.title")
        browser.requests()   # what the page asked for, itself not counted
        browser.messages()   # what it wrote to the console: refusals by its own policy are there too
"""
import base64
import json
import os
import shutil
import tempfile
import time
from pathlib import Path

from selenium import webdriver
from selenium.webdriver.chrome.service import Service

CHROMIUM, DRIVER = "/usr/bin/chromium", "/usr/bin/chromedriver"


class Browser:
    def __init__(self, folder):
        """`folder` gets what is downloaded."""
        self.folder = Path(folder)
        self.profile = tempfile.mkdtemp(prefix="mb-browser-")
        options = webdriver.ChromeOptions()
        options.binary_location = CHROMIUM
        # A proxy that is not there: whatever the page, or the browser for itself, asks the network for fails and is recorded.
        for word in ("--headless=new", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-component-update",
                     "--disable-sync", "--disable-quic", "--disable-extensions", "--disable-dev-shm-usage", "--force-color-profile=srgb",
                     "--proxy-server=127.0.0.1:9", f"--user-data-dir={self.profile}", "--window-size=1280,1000"):
            options.add_argument(word)
        if os.geteuid() == 0:
            options.add_argument("--no-sandbox")
        options.add_experimental_option("prefs", {"download.default_directory": str(self.folder), "download.prompt_for_download": False})
        options.set_capability("goog:loggingPrefs", {"performance": "ALL", "browser": "ALL"})
        environment = {**os.environ, "HOME": self.profile, "LC_ALL": "C.UTF-8"}
        try:
            self.driver = webdriver.Chrome(service=Service(DRIVER, env=environment), options=options)
        except BaseException:
            shutil.rmtree(self.profile, ignore_errors=True)
            raise

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.driver.quit()
        shutil.rmtree(self.profile, ignore_errors=True)

    def open(self, path):
        for kind in ("performance", "browser"):
            self.driver.get_log(kind)  # forget what was before
        self.driver.get(Path(path).resolve().as_uri())

    def script(self, text, *arguments):
        return self.driver.execute_script(text, *arguments)

    def devtools(self, command, **arguments):
        return self.driver.execute_cdp_cmd(command, arguments)

    def color_scheme(self, name):
        self.devtools("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": name}])

    def width(self, pixels, height=900):
        self.devtools("Emulation.setDeviceMetricsOverride", width=pixels, height=height, deviceScaleFactor=1, mobile=pixels < 500)

    def picture(self, path):
        """The whole page as PNG."""
        found = self.devtools("Page.captureScreenshot", format="png", captureBeyondViewport=True)
        Path(path).write_bytes(base64.b64decode(found["data"]))

    def pdf(self):
        return base64.b64decode(self.devtools("Page.printToPDF", printBackground=True)["data"])

    def requests(self):
        """Addresses that were asked for since open(), but for the page's own."""
        found = []
        for entry in self.driver.get_log("performance"):
            message = json.loads(entry["message"])["message"]
            if message["method"] in ("Network.requestWillBeSent", "Network.webSocketCreated"):
                found.append(message["params"].get("request", message["params"])["url"])
        return [url for url in found if url != self.driver.current_url]

    def messages(self):
        return [entry["message"] for entry in self.driver.get_log("browser")]

    def downloaded(self, name, seconds=120):
        """The bytes of a download, as soon as it is whole."""
        path = self.folder / name
        until = time.monotonic() + seconds
        while not path.exists():
            if time.monotonic() > until:
                raise AssertionError(f"nothing was downloaded to {path}: {list(self.folder.iterdir())}")
            time.sleep(0.05)
        return path.read_bytes()
