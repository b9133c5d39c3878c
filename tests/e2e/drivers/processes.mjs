// The processes of a browser that run pages, by their place below the browser's own.

import { readFileSync, readdirSync } from "node:fs";

const RUNS_PAGES = /--type=renderer|-contentproc|WebKitWebProcess/;

/** Ids of the page processes below `root`. */
export function pageProcesses(root) {
  const parents = new Map();
  for (const name of readdirSync("/proc").filter((each) => /^\d+$/.test(each))) {
    try {
      // The name in brackets may hold blanks; the parent is the second word after it.
      const stat = readFileSync(`/proc/${name}/stat`, "utf8");
      parents.set(Number(name), Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[1]));
    } catch {
      // It has ended meanwhile.
    }
  }
  const isBelow = (id) => id === root || (parents.has(id) && isBelow(parents.get(id)));
  const runsPages = (id) => {
    try {
      return RUNS_PAGES.test(readFileSync(`/proc/${id}/cmdline`, "utf8"));
    } catch {
      return false;
    }
  };
  return [...parents.keys()].filter((id) => id !== root && isBelow(id) && runsPages(id));
}

/** The machine sleeps for the pages of a browser: every one of their processes is stopped, and goes on later. */
export async function sleepFor(root, ms) {
  const stopped = pageProcesses(root);
  if (stopped.length === 0) throw new Error("no page process was found");
  for (const id of stopped) process.kill(id, "SIGSTOP");
  await new Promise((resolve) => setTimeout(resolve, ms));
  for (const id of stopped) process.kill(id, "SIGCONT");
}
