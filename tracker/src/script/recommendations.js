// What both shells load on a page that shows recommendations: asks the edge, fills `<div data-pulso-recommendations>`,
// tells which entries were seen and which one was followed. The names in capitals are the core's own limits.

const ASK_MS_MAX = 4000;
/** The reader's context: the articles read last, kept only with consent. */
const READ_KEY = "pulso.read";
const READ_MAX = 5;

const pathOf = (address) => new URL(address, location.href).pathname;

/**
 * `edge`: its origin; `emit(kind, fields)` writes an event; `head()` answers what the tracker says of the page.
 * Answers the function that asks for recommendations.
 */
export default (edge, emit, head) => {
  const ask = async (options = {}) => {
    const { portal, item, url, referrer } = head();
    const read = readItems(head()).filter((other) => other != pathOf(item || url));
    const query = new URLSearchParams({ portal, item: pathOf(item || url), ...(read.length && { read }), ...(referrer && { referrer: new URL(referrer).origin }), ...options });
    const answer = await fetch(`${edge}/recommendations?${query}`, { signal: AbortSignal.timeout?.(ASK_MS_MAX) });
    if (!answer.ok) throw new Error(`pulso: /recommendations answered ${answer.status}`);
    return answer.json();
  };
  const impressions = watchImpressions(emit, head);
  const scan = () => {
    for (const box of document.querySelectorAll("[data-pulso-recommendations]")) box.dataset.pulsoRecommendations ||= fill(box, ask);
    impressions.observe();
  };
  let frame = 0;
  new MutationObserver(() => {
    frame ||= requestAnimationFrame(() => {
      frame = 0;
      scan();
    });
  }).observe(document.documentElement, { childList: true, subtree: true, attributeFilter: ["data-pulso-rec-id", "data-pulso-recommendations"] });
  scan();
  remember(head());
  return ask;
};

const readItems = ({ consent }) => {
  try {
    return consent == "full" ? JSON.parse(localStorage[READ_KEY] || "[]").filter((item) => typeof item == "string") : [];
  } catch {
    return [];
  }
};

const remember = (page) => {
  if (page?.consent != "full" || page.page != "article") return;
  const here = pathOf(page.item || page.url);
  try {
    localStorage[READ_KEY] = JSON.stringify([...readItems(page).filter((item) => item != here), here].slice(-READ_MAX));
  } catch {
    // No room: the edge answers without context.
  }
};

/**
 * Fills a box, and says in its attribute by what. A page that empties the attribute has it filled anew: the old list stays
 * until the new one is there. Text nodes only: titles come from outside.
 */
const fill = (box, ask) => {
  const { limit, section, placement = "recommendations", heading = "Leia também" } = box.dataset;
  box.setAttribute("aria-busy", "true");
  ask({ ...(limit && { limit }), ...(section && { section }) })
    .then((answer) => {
      const list = document.createElement("ol");
      list.append(...answer.items.map(entry).filter(Boolean));
      if (!list.children.length) return;
      box.dataset.pulsoRecId = answer.rec_id;
      box.dataset.pulsoPlacement = placement;
      if (!box.hasAttribute("role")) box.setAttribute("role", "region");
      if (!box.hasAttribute("aria-labelledby")) box.setAttribute("aria-label", heading);
      box.querySelector("[data-pulso-item]")?.parentNode.remove();
      box.append(list);
      box.dataset.pulsoRecommendations = answer.source;
    })
    // The portal's page is whole without; its own style may hide a box without a list.
    .catch((error) => console.warn(error))
    .finally(() => box.removeAttribute("aria-busy"));
  return "asked";
};

const entry = ({ item, url, title, section, image }, position) => {
  const link = document.createElement("a");
  link.href = url;
  if (!/^https?:$/.test(link.protocol)) return null;
  if (image) link.append(Object.assign(document.createElement("img"), { src: image, alt: "", loading: "lazy" }));
  for (const [name, text] of [["section", section], ["title", title]]) {
    // The space keeps the two apart where nothing styles them.
    if (text) link.append(Object.assign(document.createElement("span"), { className: `pulso-${name}`, textContent: text }), " ");
  }
  const row = document.createElement("li");
  row.dataset.pulsoPosition = position;
  row.dataset.pulsoItem = item;
  row.append(link);
  return row;
};

const watchImpressions = (emit, head) => {
  /** Entries in view, with the time since when; the page's own clock stops while it is hidden. */
  const inView = new Map();
  /** The pageview that an entry was told in. */
  const told = new WeakMap();
  let timer = 0;
  const arm = () => {
    timer ||= inView.size && !document.hidden && setTimeout(tell, IMPRESSION_MS);
  };
  const tell = () => {
    timer = 0;
    const lists = {};
    for (const [element, since] of inView) {
      if (document.hidden || performance.now() - since < IMPRESSION_MS) continue;
      inView.delete(element);
      if (told.get(element) == head().pageview) continue;
      told.set(element, head().pageview);
      const list = element.closest("[data-pulso-rec-id]");
      const link = element.querySelector("a[href]");
      const item = element.dataset.pulsoItem || (link && pathOf(link.href));
      if (list && item) ((lists[list.dataset.pulsoRecId] ||= {})[list.dataset.pulsoPlacement || "recommendations"] ||= []).push(item);
    }
    for (const [rec_id, placements] of Object.entries(lists)) {
      for (const [placement, items] of Object.entries(placements)) emit("impression", { rec_id, placement, items: items.slice(0, IMPRESSION_ITEMS_MAX) });
    }
    arm();
  };
  const observer = new IntersectionObserver(
    (entries) => {
      for (const { target, isIntersecting } of entries) {
        if (isIntersecting) inView.set(target, performance.now());
        else inView.delete(target);
      }
      arm();
    },
    { threshold: IMPRESSION_RATIO },
  );
  document.addEventListener("visibilitychange", () => {
    for (const element of inView.keys()) inView.set(element, performance.now());
    arm();
  });
  return {
    observe: () => {
      for (const element of document.querySelectorAll("[data-pulso-position]")) observer.observe(element);
      arm();
    },
  };
};
