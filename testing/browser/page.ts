/**
 * What a page runs: the tests of the file that its address names, as in `/?tests=nn/layers_test.ts`.
 *
 * @module
 */

import { runTests, type TestResult } from "./deno_tests.ts";

const file = new URL(location.href).searchParams.get("tests");

/** How the tests ended, for whoever drives the browser. */
const results: Promise<TestResult[]> = import(`/nanodino/${file}`).then(runTests);
Reflect.set(globalThis, "results", results);
