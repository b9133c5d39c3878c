// The demo's consent switch: keeps the reader's choice under its own key, inserts the Pulso tag with it, and tells Pulso when it changes.
// `?consent=full` in the address does the same, for tests and for the curious.
(() => {
  const KEY = "demo.consentimento";
  const MODES = ["cookieless", "full", "off"];
  const here = document.currentScript;

  const keep = (mode) => {
    try {
      // The default needs no memory: who wants nothing kept on the device has nothing kept.
      if (mode === "cookieless") localStorage.removeItem(KEY);
      else localStorage.setItem(KEY, mode);
    } catch {
      // Without storage the choice holds for this page only.
    }
  };
  const kept = () => {
    try {
      return localStorage.getItem(KEY);
    } catch {
      return null;
    }
  };
  const address = new URL(location.href);
  const asked = address.searchParams.get("consent");
  const mode = [asked, kept(), "cookieless"].find((candidate) => MODES.includes(candidate));

  if (asked === mode) {
    keep(mode);
    // Said once: a reload must not undo what the reader chooses afterwards.
    address.searchParams.delete("consent");
    history.replaceState(history.state, "", address);
  }

  // A choice made before the script is there waits in line.
  window.pulso ??= new Proxy([], { get: (q, k) => (k == "q" ? q : (...a) => new Promise((r) => q.push([k, a, r]))) });
  const script = document.createElement("script");
  script.async = true;
  script.src = "/pulso.js";
  Object.assign(script.dataset, here.dataset, { consent: mode });
  document.head.append(script);

  document.addEventListener("DOMContentLoaded", () => {
    for (const input of document.querySelectorAll("input[name=consent]")) {
      input.checked = input.value === mode;
      input.addEventListener("change", () => {
        keep(input.value);
        window.pulso.consent(input.value);
      });
    }
    for (const link of document.querySelectorAll("[data-portal-link]")) {
      const portal = link.dataset.portalLink;
      if (location.hostname.endsWith(".localhost")) {
        link.href = `${location.protocol}//${portal}.localhost${location.port ? `:${location.port}` : ""}/${portal}/`;
      }
    }
  });
})();
