// A real Chromium, driven over its own protocol; pages get real input, never made-up DOM events.

import { chromium } from "playwright-core";

const FLAGS = [
  "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
  "--disable-component-update", "--disable-sync",
  // A driven browser calls itself one, and the tracker flags it as a bot; here it stands for a reader.
  "--disable-blink-features=AutomationControlled",
  // So does one without a window, in its user agent, and the edge flags it.
  "--user-agent=Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36",
];

export function launch() {
  return chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", headless: true, args: FLAGS });
}

/** Milliseconds in which a reader was engaged: within `idleMs` of a sign of life, and before leaving. */
export function engagedTruth(signsAtMs, leftAtMs, idleMs = 5000) {
  let engaged = 0;
  let coveredUntil = -Infinity;
  for (const sign of [...signsAtMs].sort((a, b) => a - b)) {
    const from = Math.max(sign, coveredUntil);
    const until = Math.min(sign + idleMs, leftAtMs);
    if (until > from) engaged += until - from;
    coveredUntil = Math.max(coveredUntil, until);
  }
  return engaged;
}

export const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** Asks until `question` gives something, at most `ms`. */
export async function until(question, ms) {
  const deadline = Date.now() + ms;
  for (;;) {
    const answer = await question();
    if (answer || Date.now() > deadline) return answer;
    await sleep(250);
  }
}
