// Chromium over its own protocol: one process for readers who need nothing special, each in a context of its own.

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import puppeteer from "puppeteer-core";

import { display } from "./display.mjs";
import { sleepFor } from "./processes.mjs";
import { Tab } from "./tab.mjs";

/** Defaults of the driver that would make pages behave otherwise than a reader's. */
const NOT_THESE = [
  "--disable-back-forward-cache", "--disable-background-timer-throttling", "--disable-backgrounding-occluded-windows",
  "--disable-renderer-backgrounding", "--enable-automation",
];
const FLAGS = [
  "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update",
  "--disable-sync", "--disable-blink-features=AutomationControlled", "--window-size=1280,900",
];
const DENY = JSON.stringify({ profile: { default_content_setting_values: { cookies: 2 } } });

export class Chromium {
  name = "chromium";
  lanes = 6;
  cannot = { gpc: "Chromium has no setting for Global Privacy Control" };
  #port;
  #shared;
  #screen;

  constructor({ proxyPort }) {
    this.#port = proxyPort;
  }

  /** A reader with a device of their own. */
  async reader(wish = {}) {
    const isPlain = Object.keys(wish).length === 0;
    if (isPlain) this.#shared ??= this.#launch({});
    const own = isPlain ? undefined : await this.#launch(wish);
    const browser = (own ?? (await this.#shared)).browser;
    // The settings of a profile hold for its own context only.
    const context = wish.denyStorage ? browser.defaultBrowserContext() : await browser.createBrowserContext();
    const screen = own?.screen;
    return {
      newTab: async () => new Tab(await context.newPage()),
      activate: (title) => screen.activate(title),
      otherWindow: async () => {
        const page = await (await browser.createBrowserContext()).newPage();
        await page.setContent("<title>Outra janela</title>");
        await screen.activate("Outra janela");
      },
      sleepFor: (ms) => sleepFor(browser.process().pid, ms),
      close: async () => (own ? this.#end(own) : context.close()),
    };
  }

  async close() {
    if (this.#shared) await this.#end(await this.#shared);
    this.#screen?.then((screen) => screen.stop());
  }

  async #launch({ headed = false, denyStorage = false }) {
    const screen = headed ? await (this.#screen ??= display()) : undefined;
    const folder = mkdtempSync(join(tmpdir(), "pulso-chromium-"));
    if (denyStorage) {
      mkdirSync(join(folder, "Default"));
      writeFileSync(join(folder, "Default", "Preferences"), DENY);
    }
    const browser = await puppeteer.launch({
      browser: "chrome",
      executablePath: process.env.CHROMIUM || "/usr/bin/chromium",
      headless: !headed,
      defaultViewport: null,
      userDataDir: folder,
      ignoreDefaultArgs: NOT_THESE,
      args: [...FLAGS, `--proxy-server=127.0.0.1:${this.#port}`],
      env: screen?.env ?? process.env,
    });
    return { browser, folder, screen };
  }

  async #end({ browser, folder }) {
    await browser.close();
    rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
  }
}
