/**
 * The part of `Deno` that tests use, for a page. The server puts these names in the scope of tests
 * only, so that product code sees a browser.
 */

interface TestContext {
  step(name: string, fn: TestFunction): Promise<boolean>;
}

type TestFunction = (t: TestContext) => void | Promise<void>;

interface TestDefinition {
  readonly name: string;
  readonly fn: TestFunction;
  readonly ignore?: boolean;
}

interface PlainRequest {
  open(method: string, url: URL, isAsynchronous: boolean): void;
  overrideMimeType(type: string): void;
  send(): void;
  readonly status: number;
  readonly responseText: string;
}

export interface TestResult {
  /** The test's name; steps follow it after a colon. */
  readonly name: string;
  /** The failure; `null` if it passed. */
  readonly failure: string | null;
  /** Whether it was skipped; its name says why. */
  readonly ignored: boolean;
  readonly milliseconds: number;
}

/** The tests of the file that is being loaded. */
const registered: TestDefinition[] = [];
/** By file: a module runs only once, however often it is imported. */
const testsOf = new Map<string, readonly TestDefinition[]>();

export function test(definition: string | TestDefinition, fn?: TestFunction): void {
  if (typeof definition !== "string") registered.push(definition);
  else if (fn !== undefined) registered.push({ name: definition, fn });
}

/** Registers what runs after all tests, and is not run: the page ends with them. */
test.afterAll = (_fn: () => Promise<void>): void => {};

/** Runs the tests of a file whose names match a regular expression. */
export async function runFile(file: string, only: string): Promise<TestResult[]> {
  if (!testsOf.has(file)) {
    await import(`/nanodino/${file}`);
    testsOf.set(file, registered.splice(0));
  }
  const results: TestResult[] = [];
  const run = async (name: string, fn: TestFunction): Promise<boolean> => {
    const start = performance.now();
    let failure: string | null = null;
    try {
      await fn({ step: (given, fn) => run(`${name}: ${given}`, fn) });
    } catch (error) {
      failure = error instanceof Error ? error.stack ?? error.message : String(error);
    }
    results.push({ name, failure, ignored: false, milliseconds: performance.now() - start });
    return failure === null;
  };
  const wanted = new RegExp(only);
  for (const { name, fn, ignore } of testsOf.get(file)!) {
    if (!wanted.test(name)) continue;
    if (ignore) results.push({ name, failure: null, ignored: true, milliseconds: 0 });
    else await run(name, fn);
  }
  return results;
}

/** The environment: the variables in the address of the page. */
export const env = {
  get: (name: string): string | undefined =>
    new URL(location.href).searchParams.get(name) ?? undefined,
};

export const errors = { NotFound: class extends Error {} };

export function statSync(url: URL): { readonly isDirectory: boolean } {
  request(url);
  return { isDirectory: url.href.endsWith("/") };
}

export function readFileSync(url: URL): Uint8Array<ArrayBuffer> {
  const text = request(url);
  return Uint8Array.from({ length: text.length }, (_, i) => text.charCodeAt(i) & 0xff);
}

export function readTextFileSync(url: URL): string {
  return new TextDecoder().decode(readFileSync(url));
}

/** A synchronous request, which can only return text. */
function request(url: URL): string {
  const Request: new () => PlainRequest = Reflect.get(globalThis, "XMLHttpRequest");
  const request = new Request();
  request.open("GET", url, false);
  // Each byte becomes a character that holds it in its low half:
  // https://encoding.spec.whatwg.org/#x-user-defined
  request.overrideMimeType("text/plain; charset=x-user-defined");
  request.send();
  if (request.status !== 200) throw new errors.NotFound(`${url} gave ${request.status}`);
  return request.responseText;
}

/** Formats a value as its class does. */
export function inspect(value: object): string {
  const print: unknown = Reflect.get(value, Symbol.for("nodejs.util.inspect.custom"));
  return typeof print === "function" ? print.call(value) : String(value);
}
