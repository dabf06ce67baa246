/** A function of an object that computes its result once, and keeps it as long as the object. */
export function memoize<Key extends WeakKey, Result extends object>(
  compute: (key: Key) => Result,
): (key: Key) => Result {
  const known = new WeakMap<Key, Result>();
  return (key) => {
    let result = known.get(key);
    if (result === undefined) known.set(key, result = compute(key));
    return result;
  };
}
