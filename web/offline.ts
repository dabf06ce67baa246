/// <reference lib="webworker" />
/**
 * The service worker: keeps the site for visits without a network, and isolates it, so that the engine
 * has threads on a host that cannot send headers. Works from the second visit on.
 *
 * The builder defines `FILES`, the paths of the site, and `VERSION`, which differs with every change of
 * a file: the browser then installs the new worker, whose files the next visit shows.
 *
 * @module
 */

declare const FILES: readonly string[];
declare const VERSION: string;
declare const self: ServiceWorkerGlobalScope;

const NAME = `nanodino ${VERSION}`;

async function install(): Promise<void> {
  const cache = await caches.open(NAME);
  // Past the browser's own cache, which may hold files of an older site.
  await cache.addAll(["./", ...FILES].map((path) => new Request(path, { cache: "reload" })));
  await self.skipWaiting();
}

async function activate(): Promise<void> {
  for (const name of await caches.keys()) if (name !== NAME) await caches.delete(name);
  await self.clients.claim();
}

async function respond(request: Request): Promise<Response> {
  const cache = await caches.open(NAME);
  const found = await cache.match(request, { ignoreSearch: true }) ?? await fetch(request);
  const headers = new Headers(found.headers);
  headers.set("cross-origin-opener-policy", "same-origin");
  headers.set("cross-origin-embedder-policy", "require-corp");
  return new Response(found.body, { status: found.status, headers });
}

self.oninstall = (event) => event.waitUntil(install());
self.onactivate = (event) => event.waitUntil(activate());
self.onfetch = (event) => {
  if (event.request.method === "GET") event.respondWith(respond(event.request));
};
