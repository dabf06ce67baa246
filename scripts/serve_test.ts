import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { serveScript } from "./testing/served.ts";
import { command, makeCorpus, makeHome, runScript, tinyFlags } from "./testing/run_script.ts";

const corpus = await makeCorpus();
const home = await makeHome(corpus);
const trained = await runScript("base_train.ts", [...tinyFlags, "--data", corpus], home);
if (trained.code !== 0) throw new Error(trained.stderr);

const onCpu = ["--device", "cpu", "--threads", "1", "--no-blas", "--no-page"];
const permissions = ["--allow-read", "--allow-write", "--allow-env", "--allow-ffi"];

/** The port of a server that listens everywhere, and what it has printed to standard error. */
async function startEverywhere(args: readonly string[]) {
  const all = ["--host", "0.0.0.0", "--port", "0", ...onCpu, ...args];
  const allowed = [...permissions, "--allow-net"];
  const server = command("serve.ts", all, home, { permissions: allowed }).spawn();
  const reader = server.stdout.pipeThrough(new TextDecoderStream()).getReader();
  const line = (await reader.read()).value ?? "";
  return {
    port: Number(/:(\d+)\/v1/.exec(line)![1]),
    async stop(): Promise<string> {
      server.kill("SIGINT");
      const [errors] = await Promise.all([
        new Response(server.stderr).text(),
        reader.cancel(),
        server.status,
      ]);
      return errors;
    },
  };
}

/** The status of a request that names a host. */
async function statusFor(
  port: number,
  headers: Record<string, string>,
  path = "/v1/models",
): Promise<number> {
  using connection = await Deno.connect({ hostname: "127.0.0.1", port });
  const lines = Object.entries({ connection: "close", ...headers })
    .map(([name, value]) => `${name}: ${value}\r\n`);
  const request = `GET ${path} HTTP/1.1\r\n${lines.join("")}\r\n`;
  await connection.write(new TextEncoder().encode(request));
  const buffer = new Uint8Array(1000);
  const count = await connection.read(buffer) ?? 0;
  return Number(new TextDecoder().decode(buffer.subarray(0, count)).split(" ")[1]);
}

Deno.test("a server for other machines answers addresses and allowed names, and warns without a key", async () => {
  const server = await startEverywhere(["--allow-host", "Chat.example.com"]);
  const { port } = server;
  const cases: [headers: Record<string, string>, status: number][] = [
    [{ host: `192.0.2.2:${port}` }, 200],
    [{ host: "[2001:db8::1]" }, 200],
    [{ host: "chat.example.com" }, 200],
    [{ host: "chat.example.com", origin: "https://chat.example.com" }, 200],
    [{ host: "chat.example.com", origin: "https://evil.example" }, 403],
    [{ host: "evil.example" }, 403],
    [{ host: "evil.example", "x-forwarded-host": "chat.example.com" }, 403],
    [{ host: "192.0.2.2.evil.example" }, 403],
  ];
  for (const [headers, status] of cases) {
    assertEquals(await statusFor(port, headers), status, JSON.stringify(headers));
  }
  assertStringIncludes(
    await server.stop(),
    "Warning: anyone who can reach 0.0.0.0 can use the model",
  );
});

Deno.test("the key comes from a file or the environment, too, and is not shown", async () => {
  const path = `${home}/key`;
  await Deno.writeTextFile(path, "secret-word\n");
  const server = await startEverywhere(["--api-key-file", path]);
  const host = "127.0.0.1";
  assertEquals(await statusFor(server.port, { host }), 401);
  assertEquals(await statusFor(server.port, { host, authorization: "Bearer secret-word" }), 200);
  assertEquals((await server.stop()).includes("Warning"), false);

  Deno.env.set("NANODINO_API_KEY", "other-word");
  try {
    const other = await startEverywhere([]);
    assertEquals(await statusFor(other.port, { host, authorization: "Bearer other-word" }), 200);
    assertEquals(await statusFor(other.port, { host, authorization: "Bearer x" }), 401);
    assertEquals((await other.stop()).includes("Warning"), false);
  } finally {
    Deno.env.delete("NANODINO_API_KEY");
  }
  for (const [key, got] of [["my key", "several"], ["schlüssel", "other characters"]] as const) {
    const { code, stderr } = await runScript("serve.ts", ["--api-key", key, ...onCpu], home);
    assertEquals([code, stderr], [
      1,
      `Cannot use --api-key: wanted a key in one word of ASCII, got ${got}\n`,
    ]);
  }
  await Deno.writeTextFile(path, "\n");
  const refused = await runScript("serve.ts", ["--api-key-file", path, ...onCpu], home);
  assertEquals([refused.code, refused.stderr], [
    1,
    `Cannot use ${path}: wanted a key in one word of ASCII, got none\n`,
  ]);
});

Deno.test("without the permission to listen somewhere, one line says which it takes", async () => {
  const args = ["--host", "0.0.0.0", "--port", "8311", ...onCpu];
  const { code, stderr } = await runScript("serve.ts", args, home, {
    permissions: [...permissions, "--allow-net=127.0.0.1"],
  });
  assertEquals(code, 1);
  assertMatch(
    stderr,
    /^Cannot listen on 0\.0\.0\.0:8311: wanted --allow-net=0\.0\.0\.0:8311, got no such permission[^\n]*\n$/,
  );
});

Deno.test("the lesson is handed out to pages of this machine only", async () => {
  await using lesson = await serveScript("learn.ts", ["--no-model"], home);
  const port = Number(new URL(lesson.url).port);
  assertEquals(await statusFor(port, { host: `127.0.0.1:${port}` }, "/"), 200);
  assertEquals(await statusFor(port, { host: "evil.example" }, "/"), 403);
  const origin = "https://evil.example";
  assertEquals(await statusFor(port, { host: `127.0.0.1:${port}`, origin }), 403);
});
