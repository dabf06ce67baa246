import { assertEquals } from "@std/assert";
import { alignColumns, bytes, count, duration, percent, short } from "./format.ts";

Deno.test("large numbers have commas, or three digits and a letter", () => {
  assertEquals([count(0), count(1234567.6)], ["0", "1,234,568"]);
  assertEquals([short(512), short(26_240_000), short(1.85e12)], ["512", "26.2 M", "1.85 T"]);
  assertEquals([short(999_400), short(999_900), short(999_999_999)], ["999 k", "1.00 M", "1.00 G"]);
});

Deno.test("bytes are counted in units of 1,024", () => {
  assertEquals([bytes(0), bytes(1023), bytes(1536), bytes(5 * 2 ** 30)], [
    "0 bytes",
    "1023 bytes",
    "1.5 KiB",
    "5.0 GiB",
  ]);
  assertEquals([bytes(1024 * 1023.9), bytes(2 ** 20 - 1), bytes(5000 * 2 ** 40)], [
    "1023.9 KiB",
    "1.0 MiB",
    "5000.0 TiB",
  ]);
});

Deno.test("durations are rounded before they are divided into minutes and hours", () => {
  assertEquals([duration(0), duration(59.94), duration(59.96), duration(405)], [
    "0.0 s",
    "59.9 s",
    "1:00",
    "6:45",
  ]);
  assertEquals([duration(3599.6), duration(7389)], ["1:00:00", "2:03:09"]);
});

Deno.test("shares have a decimal only where they are small", () => {
  assertEquals([percent(0), percent(0.034), percent(0.48), percent(1)], [
    "0.0 %",
    "3.4 %",
    "48 %",
    "100 %",
  ]);
});

Deno.test("columns are as wide as their widest cell, numbers to the right", () => {
  assertEquals(alignColumns([["text", "bytes"], ["a", "12"]]), "text  bytes\na        12");
});
