// Debian's Chromium, driven by Playwright.

import { existsSync } from "node:fs";

import { chromium } from "playwright-core";

const PLACES = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];

/** Whether a browser is installed; if not, says so loudly, or fails where peers are required. */
export function browserIsThere() {
  if (PLACES.some(existsSync)) return true;
  const message = "skipped: Chromium is not installed (apt-get install chromium)";
  if (process.env.ARIA_REQUIRE_PEERS === "1") throw new Error(message);
  console.log(message);
  return false;
}

/** Starts the browser, with WebGL by software. */
export function launch() {
  return chromium.launch({
    executablePath: PLACES.find(existsSync),
    args: [
      "--no-sandbox",
      "--disable-quic",
      "--no-first-run",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
      "--use-angle=swiftshader",
      "--enable-unsafe-swiftshader",
      "--ignore-gpu-blocklist",
    ],
  });
}
