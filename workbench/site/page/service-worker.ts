// SPDX-License-Identifier: GPL-2.0-only
/**
 * The site without a network: keeps the files of one build, and answers only from them. Each build
 * has its own name for its cache; the old cache is deleted.
 */

/** The digest of all files, and their names; scripts/build.mjs puts them in. */
declare const SITE_VERSION: string;
declare const SITE_FILES: readonly string[];

/** A service worker's own global, which the types of a page do not have. */
interface ServiceWorkerScope {
  addEventListener(
    kind: 'install' | 'activate',
    listener: (event: { waitUntil(work: Promise<unknown>): void }) => void,
  ): void;
  addEventListener(
    kind: 'fetch',
    listener: (event: { readonly request: Request; respondWith(answer: Promise<Response>): void }) => void,
  ): void;
  skipWaiting(): Promise<void>;
  readonly clients: { claim(): Promise<void> };
}
const scope = globalThis as unknown as ServiceWorkerScope;

const NAME = `levitate-${SITE_VERSION}`;

scope.addEventListener('install', (event) => {
  event.waitUntil(
    caches
      .open(NAME)
      .then((cache) => cache.addAll(SITE_FILES))
      .then(() => scope.skipWaiting()),
  );
});

scope.addEventListener('activate', (event) => {
  const forget = caches
    .keys()
    .then((names) =>
      Promise.all(
        names.filter((name) => name.startsWith('levitate-') && name !== NAME).map((name) => caches.delete(name)),
      ),
    );
  event.waitUntil(forget.then(() => scope.clients.claim()));
});

scope.addEventListener('fetch', (event) => {
  if (event.request.method !== 'GET') return;
  const kept = caches.open(NAME).then((cache) => cache.match(event.request, { ignoreSearch: true }));
  event.respondWith(kept.then((response) => response ?? fetch(event.request)));
});
