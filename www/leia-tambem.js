// Fills "Leia também" with the edge's recommendations. Text nodes only: titles come from outside.
(() => {
  const SOURCES = {
    personal: "escolhidas pelo que você leu",
    similar: "quem leu esta página também leu",
    trending: "em alta agora",
    top_pages: "mais lidas",
    built_in: "lista fixa do portal",
  };
  const READ_KEY = "demo.lidas";
  const READ_MAX = 5;
  const LIMIT = 6;
  const TIMEOUT_MS = 4000;

  const box = document.querySelector(".leia-tambem");
  if (!box) return;
  const { portal, item } = box.dataset;
  const list = box.querySelector("ol");
  const state = box.querySelector(".estado");
  const source = box.querySelector(".fonte");
  const hasConsent = document.documentElement.dataset.consent === "full";

  // What was read is context for the edge, and kept only with consent, only for this tab.
  const readItems = () => {
    if (!hasConsent) return [];
    try {
      return JSON.parse(sessionStorage.getItem(READ_KEY) ?? "[]").filter((read) => typeof read === "string");
    } catch {
      return [];
    }
  };
  const rememberRead = () => {
    if (!hasConsent || !item.includes("/noticia/")) return;
    const read = [...readItems().filter((other) => other !== item), item].slice(-READ_MAX);
    try {
      sessionStorage.setItem(READ_KEY, JSON.stringify(read));
    } catch {
      // No storage: the edge answers without context.
    }
  };

  const address = (url) => {
    try {
      const absolute = new URL(url, location.href);
      return ["http:", "https:"].includes(absolute.protocol) ? absolute.href : null;
    } catch {
      return null;
    }
  };

  const row = (recommendation, position, recId) => {
    const href = address(recommendation.url);
    if (!href) return null;
    const entry = document.createElement("li");
    entry.dataset.pulsoRecId = recId;
    entry.dataset.pulsoPosition = position;
    const image = recommendation.image && address(recommendation.image);
    if (image) {
      const picture = document.createElement("img");
      Object.assign(picture, { src: image, alt: "", loading: "lazy", width: 88, height: 55 });
      entry.append(picture);
    } else {
      entry.className = "bare";
    }
    const text = document.createElement("div");
    if (recommendation.section) {
      const section = document.createElement("small");
      section.textContent = recommendation.section;
      text.append(section);
    }
    const link = document.createElement("a");
    link.href = href;
    link.textContent = recommendation.title;
    text.append(link);
    entry.append(text);
    return entry;
  };

  const show = (answer) => {
    const rows = answer.items.map((recommendation, position) => row(recommendation, position, answer.rec_id)).filter(Boolean);
    list.replaceChildren(...rows);
    state.hidden = rows.length > 0;
    state.textContent = rows.length > 0 ? "" : "Nenhuma sugestão por enquanto.";
    source.textContent = rows.length > 0 ? `fonte: ${SOURCES[answer.source] ?? answer.source}` : "";
  };

  const load = async () => {
    const query = new URLSearchParams({ portal, item, limit: LIMIT });
    const read = readItems().filter((other) => other !== item);
    if (read.length > 0) query.set("read", read.join(","));
    box.setAttribute("aria-busy", "true");
    try {
      const answer = await fetch(`/recommendations?${query}`, { signal: AbortSignal.timeout(TIMEOUT_MS) });
      if (!answer.ok) throw new Error(`status ${answer.status}`);
      show(await answer.json());
    } catch {
      list.replaceChildren();
      source.textContent = "";
      state.hidden = false;
      state.textContent = "As sugestões não estão disponíveis agora.";
    }
    box.removeAttribute("aria-busy");
  };

  box.querySelector("button").addEventListener("click", load);
  load();
  rememberRead();
})();
