// What needs JavaScript's own grammar: patching `history`, and a module that is loaded only where it is needed.

/** `pushState` and `replaceState` fire no event of their own. Answers how to undo it. */
export const watchHistory = (told) => {
  const undo = ["pushState", "replaceState"].map((name) => {
    const original = history[name];
    const patched = (history[name] = (...values) => {
      original.apply(history, values);
      told?.();
    });
    // Unless the page has patched it since.
    return () => history[name] == patched && (history[name] = original);
  });
  return () => {
    told = 0;
    undo.forEach((put) => put());
  };
};

/** What the module of recommendations needs of us. */
export const hostOf = (portal, edge, emit, head) => ({ portal, edge, emit: (...said) => emit(said), head });

const listsOf = (host) => (host.lists ||= import("../script/recommendations.js").then((module) => module.default(host)));
/** Lists that the page has: the module finds them itself. */
export const load = (host) => void listsOf(host).catch(() => {});
export const ask = (host, options) => listsOf(host).then((ask) => ask(options));
