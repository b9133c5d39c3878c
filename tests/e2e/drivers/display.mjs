// A screen of our own with a small window manager, for browsers that need real windows.

import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { promisify } from "node:util";

import { until } from "../browser.mjs";

/** `windowactivate --sync` waits for ever for a window that is gone. */
const TOOL_MS_MAX = 2500;
const ACTIVATE_MS_MAX = 10_000;

/** Starts Xvfb on a free number, and openbox, which gives the focus to the window that was activated. */
export async function display() {
  const server = spawn("Xvfb", ["-displayfd", "1", "-screen", "0", "1400x1000x24", "-nolisten", "tcp"], { stdio: ["ignore", "pipe", "ignore"] });
  const [number] = await once(server.stdout, "data");
  const name = `:${String(number).trim()}`;
  const env = { ...process.env, DISPLAY: name };
  const manager = spawn("openbox", ["--config-file", "/dev/null"], { env, stdio: "ignore" });
  const tool = async (...words) => {
    const { stdout } = await promisify(execFile)("xdotool", words, { env, timeout: TOOL_MS_MAX });
    return stdout.trim();
  };
  // A window is there a little after its browser says so, and the manager needs a moment to hand over the focus.
  const activate = async (...search) => {
    const isActive = await until(() => tool("search", "--onlyvisible", ...search)
      .then((found) => tool("windowactivate", "--sync", found.split("\n").sort((a, b) => a - b).at(-1)))
      .then(() => true, () => false), ACTIVATE_MS_MAX);
    if (!isActive) throw new Error(`no window ${search} takes the focus`);
  };
  return {
    name,
    env,
    /** Gives the focus to the window whose title has these words, as a click on it would. */
    activate: (title) => activate("--name", title),
    /** The same for the window of a program that was opened last. */
    activateLast: (program) => activate("--class", program),
    stop() {
      manager.kill();
      server.kill();
    },
  };
}
