import { assertEquals } from "@std/assert";
import { transferLine } from "./transfer.ts";

Deno.test("a download says what has arrived, its rate, and the time left if the total is known", () => {
  const mebibyte = 2 ** 20;
  const cases: [done: number, total: number | null, rate: number, line: string][] = [
    [mebibyte, 91 * mebibyte, mebibyte, "1.0 MiB of 91.0 MiB, 1.0 MiB/s, 1:30 left"],
    [mebibyte, null, 512, "1.0 MiB, 512 bytes/s"],
    [0, mebibyte, 0, "0 bytes of 1.0 MiB, 0 bytes/s"],
    [mebibyte, mebibyte, 1024, "1.0 MiB of 1.0 MiB, 1.0 KiB/s"],
  ];
  for (const [done, total, rate, line] of cases) {
    assertEquals(transferLine(done, total, rate), line);
  }
});
