// The rate-limit binding for raw workerd, which has none: counts what each key asks for in a window. No part of the product.
export default function ({ limit, period_s }) {
  let window, counts;
  return {
    async limit({ key }) {
      const now = Math.floor(Date.now() / (1_000 * Number(period_s)));
      if (now !== window) [window, counts] = [now, new Map()];
      const count = (counts.get(key) ?? 0) + 1;
      counts.set(key, count);
      return { success: count <= Number(limit) };
    },
  };
}
