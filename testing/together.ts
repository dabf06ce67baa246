/**
 * Imports test files, which are the arguments, into one isolate. In an isolate of its own, as `deno test` runs it, a
 * file takes longer to load than most take to run.
 *
 * @module
 */

for (const file of Deno.args) {
  // One that does not load fails by itself, and the tests of the others run.
  await import(new URL(`../${file}`, import.meta.url).href).catch((error) =>
    Deno.test(`${file} loads`, () => {
      throw error;
    })
  );
}
