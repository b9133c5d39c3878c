// Firefox over WebDriver BiDi. A process has one window in front, so readers at the same time have one process each.

import puppeteer from "puppeteer-core";

import { display } from "./display.mjs";
import { sleepFor } from "./processes.mjs";
import { Tab } from "./tab.mjs";

const PREFS = {
  "network.proxy.type": 1, "network.proxy.no_proxies_on": "localhost, 127.0.0.1, .localhost",
  // The driver's default lets every window believe that it has the focus.
  "focusmanager.testmode": false,
  "browser.sessionstore.resume_from_crash": false, "media.autoplay.default": 0,
};

export class Firefox {
  name = "firefox";
  lanes = 4;
  cannot = { prerender: "Firefox does not prerender" };
  #port;
  #idle = [];
  #screen;

  constructor({ proxyPort }) {
    this.#port = proxyPort;
  }

  /** A reader with a device of their own. */
  async reader(wish = {}) {
    const isPlain = Object.keys(wish).length === 0;
    const browser = (isPlain && this.#idle.pop()) || (await this.#launch(wish));
    const context = await browser.createBrowserContext();
    const screen = wish.headed ? await this.#screen : undefined;
    return {
      newTab: async () => new Tab(await context.newPage()),
      activate: (title) => screen.activate(title),
      otherWindow: async () => {
        const page = await context.newPage({ type: "window" });
        await page.setContent("<title>Outra janela</title>");
        await screen.activate("Outra janela");
      },
      sleepFor: (ms) => sleepFor(browser.process().pid, ms),
      close: async () => {
        if (!isPlain) return browser.close();
        await context.close();
        this.#idle.push(browser);
        return undefined;
      },
    };
  }

  async close() {
    for (const browser of this.#idle) await browser.close();
    this.#screen?.then((screen) => screen.stop());
  }

  async #launch({ headed = false, denyStorage = false, gpc = false }) {
    const screen = headed ? await (this.#screen ??= display()) : undefined;
    const proxy = { "network.proxy.http": "127.0.0.1", "network.proxy.http_port": this.#port, "network.proxy.ssl": "127.0.0.1", "network.proxy.ssl_port": this.#port };
    return puppeteer.launch({
      browser: "firefox",
      executablePath: process.env.FIREFOX || "/usr/bin/firefox-esr",
      headless: !headed,
      defaultViewport: null,
      args: ["--width=1280", "--height=900"],
      extraPrefsFirefox: {
        ...PREFS, ...proxy,
        ...(denyStorage ? { "network.cookie.cookieBehavior": 2 } : {}),
        ...(gpc ? { "privacy.globalprivacycontrol.enabled": true, "privacy.globalprivacycontrol.functionality.enabled": true } : {}),
      },
      env: screen?.env ?? process.env,
    });
  }
}
