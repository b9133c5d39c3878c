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

/**
 * What the module of recommendations needs of us. The package brings it as a file of its own;
 * else the edge has it at `module`.
 */
export const hostOf = (edge, emit, head, module) => ({ edge, emit: (...said) => emit(said), head, module });

const listsOf = (host) =>
  (host.lists ||= (host.module ? import(host.module) : import("../script/recommendations.js")).then((lists) => lists.default(host.edge, host.emit, host.head)));
/** Lists that the page has: the module finds them itself. */
export const load = (host) => void listsOf(host).catch(() => {});
export const ask = (host, options) => listsOf(host).then((ask) => ask(options));
