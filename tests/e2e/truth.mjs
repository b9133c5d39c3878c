// What a reader really did, kept by who gave the input: the measure of what the tracker says.

import { engagedTruth } from "./browser.mjs";

export class Truth {
  #spans = [];
  #idleMs;

  constructor(idleMs = 5000) {
    this.#idleMs = idleMs;
  }

  /** A showing begins, or the reader comes back to it: each is a sign of the reader. */
  here(at = Date.now()) {
    if (this.#open()) return;
    this.#spans.push({ signs: [at], until: undefined });
  }

  /** A sign of the reader. */
  sign(at = Date.now()) {
    this.#open()?.signs.push(at);
  }

  /** The page is hidden, loses the focus, or is left. */
  away(at = Date.now()) {
    const span = this.#open();
    if (span) span.until = at;
  }

  /** Whether the reader is there. */
  isHere() {
    return this.#open() !== undefined;
  }

  get engagedMs() {
    return this.#spans.reduce((sum, span) => sum + engagedTruth(span.signs, span.until ?? Date.now(), this.#idleMs), 0);
  }

  #open() {
    const last = this.#spans.at(-1);
    return last && last.until === undefined ? last : undefined;
  }
}
