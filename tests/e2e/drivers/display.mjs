// A screen of our own with a small window manager, for browsers that need real windows.

import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";

import { until } from "../browser.mjs";

/** Starts Xvfb on a free number, and openbox, which gives the focus to the window that was activated. */
export async function display() {
  const server = spawn("Xvfb", ["-displayfd", "1", "-screen", "0", "1400x1000x24", "-nolisten", "tcp"], { stdio: ["ignore", "pipe", "ignore"] });
  const [number] = await once(server.stdout, "data");
  const name = `:${String(number).trim()}`;
  const env = { ...process.env, DISPLAY: name };
  const manager = spawn("openbox", ["--config-file", "/dev/null"], { env, stdio: "ignore" });
  const tool = (...words) => execFileSync("xdotool", words, { env, stdio: ["ignore", "pipe", "ignore"] }).toString().trim();
  return {
    name,
    env,
    /** Gives the focus to the window whose title has these words, as a click on it would. */
    async activate(title) {
      const window = await until(() => quietly(() => tool("search", "--onlyvisible", "--name", title).split("\n").at(-1)), 5000);
      if (!window) throw new Error(`no window ${title}`);
      tool("windowactivate", "--sync", window);
    },
    /** The same for the window of a program that was opened last. */
    async activateLast(program) {
      tool("windowactivate", "--sync", tool("search", "--onlyvisible", "--class", program).split("\n").sort((a, b) => a - b).at(-1));
    },
    stop() {
      manager.kill();
      server.kill();
    },
  };
}

function quietly(ask) {
  try {
    return ask();
  } catch {
    return undefined;
  }
}
