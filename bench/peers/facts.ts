/** The machine and the versions of the libraries. */

export function machineFacts(): Record<string, string | number> {
  let processor = "unknown processor";
  try {
    const text = Deno.readTextFileSync("/proc/cpuinfo");
    processor = /model name\s*:\s*(.+)/.exec(text)?.[1] ?? processor;
  } catch {
    // Only Linux has this file.
  }
  return {
    processor,
    threads: navigator.hardwareConcurrency,
    memoryGB: Math.round(Deno.systemMemoryInfo().total / 2 ** 30),
    system: `${Deno.build.os} ${Deno.build.arch}`,
  };
}

export const versionsUsed: Readonly<Record<string, string>> = {
  Deno: Deno.version.deno,
  V8: Deno.version.v8,
  "jax-js": "0.1.25",
  "TensorFlow.js": "4.22.0",
  "node-llama-cpp": "3.22.1",
  "gpt-tokenizer": "4.0.0",
  tiktoken: "1.0.22",
};
