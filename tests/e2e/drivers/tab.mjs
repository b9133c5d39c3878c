// One tab of a browser that puppeteer drives: the verbs that scenarios speak. Input is real; nothing emulates focus.

export class Tab {
  constructor(page) {
    this.page = page;
  }

  /** Does not wait for the page's own scripts; `until` a condition is the scenario's business. */
  async goto(url) {
    await this.page.goto(url, { waitUntil: "load" });
  }

  async wheel(deltaY) {
    await this.page.mouse.wheel({ deltaY });
  }

  async move(x, y) {
    await this.page.mouse.move(x, y, { steps: 2 });
  }

  async click(selector, { button = "left", ctrl = false } = {}) {
    const place = await this.page.evaluate(placeOf, selector);
    if (!place) throw new Error(`${selector} is not there`);
    if (ctrl) await this.page.keyboard.down("Control");
    await this.page.mouse.click(place.x, place.y, { button });
    if (ctrl) await this.page.keyboard.up("Control");
  }

  async key(name) {
    await this.page.keyboard.press(name);
  }

  /** A history step back. The driver's own way waits for a load that a return from the cache does not have. */
  async back() {
    await this.page.evaluate(() => {
      setTimeout(() => history.back(), 0);
    });
  }

  async toFront() {
    await this.page.bringToFront();
  }

  async close() {
    await this.page.close({ runBeforeUnload: false });
  }

  async offline(isOff) {
    await this.page.setOfflineMode(isOff);
  }

  evaluate(work, argument) {
    return this.page.evaluate(work, argument);
  }
}

/** Runs in the page: scrolls an element into view, when it is not, and says where its middle is. Reaches into open shadow trees. */
export function placeOf(selector) {
  const find = (root) => {
    const found = root.querySelector(selector);
    if (found) return found;
    for (const each of root.querySelectorAll("*")) {
      const inner = each.shadowRoot && find(each.shadowRoot);
      if (inner) return inner;
    }
    return null;
  };
  const element = find(document);
  if (!element) return null;
  let box = element.getBoundingClientRect();
  if (box.top < 0 || box.bottom > innerHeight) {
    element.scrollIntoView({ block: "center", behavior: "instant" });
    box = element.getBoundingClientRect();
  }
  return { x: Math.round(box.x + box.width / 2), y: Math.round(box.y + box.height / 2) };
}
