// A Chromium with real windows on a screen of its own (Xvfb), spoken to in its own protocol. A driver would hold every page
// visible and focused for ever, and a tracker measures just that.

import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";

import { sleep } from "../../e2e/browser.mjs";

const FLAGS = [
  "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update",
  "--disable-sync", "--no-default-browser-check", "--password-store=basic", "--disable-blink-features=AutomationControlled",
  "--remote-debugging-port=0", "--window-size=900,700", "--window-position=0,0",
];

export class Screen {
  #processes = [];
  #calls = new Map();
  #listeners = new Set();
  #nextId = 1;

  /** Starts the screen and the browser; `stop` ends both. */
  static async start() {
    const screen = new Screen();
    try {
      await screen.#open();
    } catch (error) {
      await screen.stop();
      throw error;
    }
    return screen;
  }

  async #open() {
    // The screen's own pointer rests in its middle. It must not be over a window: each that opens or closes there would move it.
    const xvfb = this.#spawn("Xvfb", ["-displayfd", "1", "-screen", "0", "3000x2000x24", "-nolisten", "tcp"], "stdout");
    const display = await said(xvfb.stdout, /^(\d+)\n/);
    this.profile = mkdtempSync(`${tmpdir()}/pulso-screen-`);
    const chromium = this.#spawn(process.env.CHROMIUM ?? "/usr/bin/chromium", [...FLAGS, `--user-data-dir=${this.profile}`, "about:blank"], "stderr", {
      DISPLAY: `:${display}`,
    });
    this.socket = new WebSocket(await said(chromium.stderr, /DevTools listening on (ws:\S+)/));
    await new Promise((resolve, reject) => {
      this.socket.onopen = resolve;
      this.socket.onerror = () => reject(new Error("the browser does not answer"));
    });
    this.socket.onmessage = ({ data }) => this.#hear(JSON.parse(data));
    this.version = (await this.send("Browser.getVersion")).product;
  }

  #spawn(program, args, pipe, env = {}) {
    const stdio = ["ignore", pipe === "stdout" ? "pipe" : "ignore", pipe === "stderr" ? "pipe" : "ignore"];
    const child = spawn(program, args, { stdio, env: { ...process.env, ...env } });
    child.on("error", () => {});
    this.#processes.push(child);
    return child;
  }

  #hear(message) {
    const call = this.#calls.get(message.id);
    if (!call) return this.#listeners.forEach((listener) => listener(message));
    this.#calls.delete(message.id);
    if (message.error) call.reject(new Error(`${call.method}: ${message.error.message}`));
    else call.resolve(message.result);
  }

  send(method, params = {}, sessionId = undefined) {
    const id = this.#nextId++;
    this.socket.send(JSON.stringify({ id, method, params, sessionId }));
    return new Promise((resolve, reject) => this.#calls.set(id, { method, resolve, reject }));
  }

  /** A tab in a window of its own, or beside another tab of the same reader. */
  async tab(browserContextId, newWindow) {
    const { targetId } = await this.send("Target.createTarget", { url: "about:blank", browserContextId, newWindow });
    const { sessionId } = await this.send("Target.attachToTarget", { targetId, flatten: true });
    return new Tab(this, targetId, sessionId);
  }

  async stop() {
    this.socket?.close();
    // The browser first: it would complain of a lost screen.
    for (const child of this.#processes.reverse()) {
      child.kill();
      for (let i = 0; i < 50 && child.exitCode === null && child.signalCode === null && child.pid; i += 1) await sleep(100);
    }
    if (this.profile) rmSync(this.profile, { recursive: true, force: true, maxRetries: 5 });
  }
}

class Tab {
  constructor(screen, targetId, sessionId) {
    Object.assign(this, { screen, targetId, sessionId });
  }

  send(method, params) {
    return this.screen.send(method, params, this.sessionId);
  }

  async evaluate(expression) {
    return (await this.send("Runtime.evaluate", { expression, returnByValue: true, awaitPromise: true })).result.value;
  }

  /** To the front of its window, as by a click on its tab. */
  front() {
    return this.screen.send("Target.activateTarget", { targetId: this.targetId });
  }

  /** Of the windows on a screen only one has the focus; this one behaves as if it were alone. It also holds a page visible. */
  focus(enabled) {
    return this.send("Emulation.setFocusEmulationEnabled", { enabled });
  }

  wheel(deltaY) {
    return this.send("Input.dispatchMouseEvent", { type: "mouseWheel", x: 300, y: 300, deltaX: 0, deltaY });
  }

  move(x, y) {
    return this.send("Input.dispatchMouseEvent", { type: "mouseMoved", x, y });
  }

  close() {
    return this.screen.send("Target.closeTarget", { targetId: this.targetId });
  }
}

/** Waits until a program says something, at most 20 s. */
function said(stream, pattern) {
  return new Promise((resolve, reject) => {
    let text = "";
    const timer = setTimeout(() => reject(new Error(`waited for ${pattern}: ${text.slice(-300)}`)), 20_000);
    stream.on("data", (chunk) => {
      text += chunk;
      const found = text.match(pattern);
      if (found) {
        clearTimeout(timer);
        resolve(found[1]);
      }
    });
    stream.on("close", () => reject(new Error(`ended: ${text.slice(-300)}`)));
  });
}
