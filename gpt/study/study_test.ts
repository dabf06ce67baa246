import { assertEquals, assertThrows } from "@std/assert";
import { parseStudy, studyAsJson, studyRuns } from "./study.ts";

Deno.test("all combinations of values are rows, and each seed goes through all of them", () => {
  const study = parseStudy("x", {
    fixed: { "max-seq-len": 16 },
    vary: { "target-flops": [1e12, 2.15e12], depth: [2, 3] },
    seeds: [7, 8],
  });
  const runs = studyRuns(study);
  assertEquals(runs.map(({ tag }) => tag), [
    "x-target-flops1e12-depth2-s7",
    "x-target-flops1e12-depth3-s7",
    "x-target-flops2.15e12-depth2-s7",
    "x-target-flops2.15e12-depth3-s7",
    "x-target-flops1e12-depth2-s8",
    "x-target-flops1e12-depth3-s8",
    "x-target-flops2.15e12-depth2-s8",
    "x-target-flops2.15e12-depth3-s8",
  ]);
  assertEquals(runs[5], {
    tag: "x-target-flops1e12-depth3-s8",
    row: 1,
    seed: 8,
    settings: { "max-seq-len": 16, "target-flops": 1e12, depth: 3 },
  });
  assertEquals(parseStudy("x", JSON.parse(studyAsJson(study))), study);
});

Deno.test("rows may be listed, with values of every kind", () => {
  const rows = [{ data: "a/b c.txt", "no-blas": true }, { data: "stories", "no-blas": false }];
  const study = parseStudy("own", { vary: rows });
  assertEquals(study.rows, rows);
  assertEquals(studyRuns(study).map(({ tag }) => tag), [
    "own-dataa_b_c.txt-no-blastrue-s42",
    "own-datastories-no-blasfalse-s42",
  ]);
  assertEquals(parseStudy("own", JSON.parse(studyAsJson(study))), study);
  const alike = parseStudy("own", { vary: { data: ["a/b", "a b"] } });
  assertThrows(() => studyRuns(alike), Error, "wanted rows that differ, got own-dataa_b-s42 twice");
});

Deno.test("a description that is no study is refused, with what was wanted", () => {
  const vary = { depth: [2] };
  const cases: [file: unknown, message: string][] = [
    [[], "wanted an object, got []"],
    [{}, "wanted vary to be lists of values by flag, or a list of rows, got none"],
    [{ vary: {} }, "wanted vary to be lists"],
    [{ vary: [] }, "wanted vary to be lists"],
    [{ vary: { depth: 2 } }, "wanted vary to be lists"],
    [{ vary: { depth: [null] } }, "wanted vary to be lists"],
    [{ vary: [{ depth: 2 }, { seed: 2 }] }, 'wanted rows of depth, got {"seed":2}'],
    [
      { vary, fixed: { depth: 3 } },
      'wanted a setting to be in fixed or in vary, got "depth" in both',
    ],
    [{ vary, fixed: { rates: [1] } }, "wanted fixed to be settings by flag"],
    [{ vary, seeds: [] }, "wanted seeds to be different whole numbers"],
    [{ vary, seeds: [1, 1] }, "wanted seeds to be different whole numbers"],
    [{ vary, seeds: [0.5] }, "wanted seeds to be different whole numbers"],
    [{ vary, hours: 0 }, "wanted hours to be a number above 0"],
    [{ vary, "vocab-size": "1k" }, "wanted vocab-size to be a whole number, got 1k"],
    [{ vary, "scaling-laws": 1 }, "wanted scaling-laws to be true or false"],
    [{ vary, about: 1 }, "wanted about to be a text"],
    [{ vary, steps: 1 }, "hours, scaling-laws, got steps"],
  ];
  for (const [file, message] of cases) {
    assertThrows(() => parseStudy("x", file), SyntaxError, message, message);
  }
  assertThrows(() => parseStudy("../x", { vary }), SyntaxError, "wanted a name of letters");
});
