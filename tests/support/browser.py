"""A page in a real browser, Chromium without a window: what a script sees of it."""

from __future__ import annotations

import html
import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome-headless-shell")
CHROMIUM = next((path for name in NAMES if (path := shutil.which(name))), None)
SECONDS = 120

_CATCH = "<script>window.caught = []; onerror = text => { caught.push(String(text)) }</script>"
_ASK = """<script>addEventListener("load", async () => {
  const pause = ms => new Promise(done => setTimeout(done, ms));
  let answer;
  try { answer = await (async () => { %s })() } catch (error) { answer = {failed: String(error)} }
  const element = document.createElement("pre");
  element.id = "answer";
  element.textContent = JSON.stringify({...answer, caught});
  document.body.append(element);
})</script>"""


def ask(page: Path, script: str, size: tuple[int, int], folder: Path) -> dict[str, Any]:
    """What a script returns, an object, in the page at a window of (width, height) pixels.

    `caught` in it are the errors of the page's own scripts. `pause(ms)` waits.
    """
    assert CHROMIUM is not None
    text = page.read_text(encoding="utf-8").replace("<head>", f"<head>{_CATCH}", 1)
    asked = folder / "asked.html"
    asked.write_text(text.replace("</body>", f"{_ASK % script}</body>"), encoding="utf-8")
    arguments = [
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        f"--user-data-dir={folder / 'profile'}",
        f"--window-size={size[0]},{size[1]}",
        "--virtual-time-budget=20000",
        "--dump-dom",
        asked.as_uri(),
    ]
    done = subprocess.run([CHROMIUM, *arguments], capture_output=True, timeout=SECONDS, check=True)
    found = re.search(r'<pre id="answer">(.*?)</pre>', done.stdout.decode(), re.DOTALL)
    assert found is not None, done.stderr.decode()[-2000:]
    answer: dict[str, Any] = json.loads(html.unescape(found[1]))
    return answer
