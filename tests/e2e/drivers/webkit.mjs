// WebKitGTK's MiniBrowser by plain WebDriver, on a screen of its own; a session is a reader with an empty device.

import { spawn } from "node:child_process";
import { createServer } from "node:net";

import { until } from "../browser.mjs";
import { display } from "./display.mjs";
import { sleepFor } from "./processes.mjs";
import { placeOf } from "./tab.mjs";

const BROWSER = "/usr/lib/x86_64-linux-gnu/webkit2gtk-4.1/MiniBrowser";
const KEYS = { Enter: "\uE007", Tab: "\uE004", PageDown: "\uE00F", ArrowDown: "\uE015", Control: "\uE009" };
/** Longest answer of the driver: that of a page's load. */
const CALL_MS_MAX = 30_000;
const BEGIN_MS_MAX = 8_000;
const BUTTONS = { left: 0, middle: 1, right: 2 };

export class WebKit {
  name = "webkit";
  lanes = 3;
  cannot = {
    prerender: "WebKitGTK does not prerender",
    offline: "WebDriver has no verb to go offline",
    denyStorage: "MiniBrowser has no setting that denies storage",
    gpc: "WebKitGTK has no Global Privacy Control",
    toggle: "MiniBrowser's driver does not bring a tab to the front",
    buttons: "WebKitWebDriver lets go of every button as if it were the left one",
    interrupt: "WebKitWebDriver takes no command while a page loads",
  };
  #port;
  #idle = [];

  constructor({ proxyPort }) {
    this.#port = proxyPort;
  }

  async reader() {
    let seat = this.#idle.pop() ?? (await this.#seat());
    const proxy = {
      proxyType: "manual", httpProxy: `127.0.0.1:${this.#port}`, sslProxy: `127.0.0.1:${this.#port}`,
      noProxy: ["localhost", "127.0.0.1", ".localhost", "g1.localhost"],
    };
    const options = { binary: process.env.MINIBROWSER || BROWSER, args: ["--automation"] };
    const wanted = { capabilities: { alwaysMatch: { proxy, "webkitgtk:browserOptions": options } } };
    const begin = () => call(seat.port, "POST", "/session", wanted, BEGIN_MS_MAX);
    const { sessionId } = await begin().catch(async () => {
      // Now and then a browser starts and its driver does not hear of it.
      leave(seat);
      seat = await this.#seat();
      return begin();
    });
    const ask = (method, path, body) => call(seat.port, method, path, body);
    const session = (method, path, body) => ask(method, `/session/${sessionId}${path}`, body);
    await session("POST", "/window/rect", { width: 1280, height: 960 });
    let isFirst = true;
    const wheel = { turned: 0 };
    return {
      newTab: async () => {
        // The driver leaves a new tab in the background; a new window is in front, and has the focus.
        // Of the tabs that are left one has to be the current one.
        await session("POST", "/window", { handle: (await session("GET", "/window/handles"))[0] });
        const handle = isFirst ? await session("GET", "/window") : (await session("POST", "/window/new", { type: "window" })).handle;
        if (!isFirst) await seat.screen.activateLast("MiniBrowser");
        isFirst = false;
        return new WebKitTab(session, handle, wheel);
      },
      activate: (title) => seat.screen.activate(title),
      otherWindow: async () => {
        const { handle } = await session("POST", "/window/new", { type: "window" });
        const other = new WebKitTab(session, handle);
        await other.goto("about:blank");
        await other.evaluate(() => {
          document.title = "Outra janela";
        });
        await seat.screen.activate("Outra janela");
      },
      sleepFor: (ms) => sleepFor(seat.driver.pid, ms),
      close: async () => {
        // A session whose last tab was closed is gone already.
        const isHung = await session("DELETE", "").then(() => false, (error) => error.name === "TimeoutError");
        if (isHung) leave(seat);
        else this.#idle.push(seat);
      },
    };
  }

  async close() {
    this.#idle.forEach(leave);
  }

  async #seat() {
    const screen = await display();
    const port = await freePort();
    const env = { ...screen.env, WEBKIT_DISABLE_SANDBOX_THIS_IS_DANGEROUS: "1", WEBKIT_DISABLE_COMPOSITING_MODE: "1", NO_AT_BRIDGE: "1" };
    const driver = spawn("WebKitWebDriver", [`--port=${port}`, "--host=127.0.0.1"], { env, stdio: "ignore" });
    const isUp = await until(() => call(port, "GET", "/status").then(() => true, () => false), 10_000);
    if (!isUp) throw new Error("WebKitWebDriver does not come up");
    return { screen, driver, port };
  }
}

class WebKitTab {
  #session;
  #handle;
  #wheel;

  constructor(session, handle, wheel = { turned: 0 }) {
    this.#session = session;
    this.#handle = handle;
    this.#wheel = wheel;
  }

  async #ask(method, path, body) {
    await this.#session("POST", "/window", { handle: this.#handle });
    return this.#session(method, path, body);
  }

  async goto(url) {
    await this.#ask("POST", "/url", { url });
  }

  async wheel(deltaY) {
    // This driver takes the distance for a place, and turns the wheel by what has changed since.
    this.#wheel.turned += deltaY;
    const actions = [{ type: "scroll", x: 400, y: 400, deltaX: 0, deltaY: this.#wheel.turned, origin: "viewport" }];
    await this.#act([{ type: "wheel", id: "wheel", actions }]);
  }

  async move(x, y) {
    await this.#act([{ type: "pointer", id: "mouse", actions: [{ type: "pointerMove", x, y, origin: "viewport", duration: 0 }] }]);
  }

  async click(selector, { button = "left", ctrl = false } = {}) {
    const place = await this.evaluate(placeOf, selector);
    if (!place) throw new Error(`${selector} is not there`);
    const which = BUTTONS[button];
    const press = [
      { type: "pointerMove", ...place, origin: "viewport", duration: 0 }, { type: "pointerDown", button: which }, { type: "pointerUp", button: which },
    ];
    const wait = { type: "pause", duration: 0 };
    const held = [{ type: "keyDown", value: KEYS.Control }, wait, wait, { type: "keyUp", value: KEYS.Control }];
    const keys = { type: "key", id: "keys", actions: held };
    const mouse = { type: "pointer", id: "mouse", actions: ctrl ? [wait, ...press] : press };
    await this.#act(ctrl ? [keys, mouse] : [mouse]);
  }

  async key(name) {
    const value = KEYS[name] ?? name;
    await this.#act([{ type: "key", id: "keys", actions: [{ type: "keyDown", value }, { type: "keyUp", value }] }]);
  }

  async back() {
    await this.evaluate(() => {
      setTimeout(() => history.back(), 0);
    });
  }

  async close() {
    await this.#ask("DELETE", "/window");
  }

  evaluate(work, argument) {
    return this.#ask("POST", "/execute/sync", { script: `return (${work})(arguments[0])`, args: [argument ?? null] });
  }

  async #act(actions) {
    await this.#ask("POST", "/actions", { actions });
  }
}

function leave({ driver, screen }) {
  driver.kill();
  screen.stop();
}

async function call(port, method, path, body, msMax = CALL_MS_MAX) {
  const response = await fetch(`http://127.0.0.1:${port}${path}`, { method, body: body && JSON.stringify(body), signal: AbortSignal.timeout(msMax) });
  const { value } = await response.json();
  if (value?.error) throw new Error(`${value.error}: ${value.message}`.slice(0, 300));
  return value;
}

function freePort() {
  return new Promise((resolve) => {
    const probe = createServer().listen(0, "127.0.0.1", () => {
      const { port } = probe.address();
      probe.close(() => resolve(port));
    });
  });
}
