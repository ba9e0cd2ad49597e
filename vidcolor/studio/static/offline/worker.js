/**
 * Service worker that shows a page of its own if the studio is opened or loaded again while its
 * server does not answer, instead of the error of the browser.
 *
 * It stores nothing. It sees only requests for the start page: all others, such as those for modules,
 * pictures, data and one-time links, go to the network as if there was no worker. Browsers without
 * such rules (`addRoutes`) do not keep it, because it would delay every request.
 */

const PAGE = "{page}";
const POLICY = "{policy}";
/** Header of the start page by which the studio is recognized. */
const MARK = "X-Vidcolor";
/** Statuses of proxies whose server does not answer. */
const GATEWAY = [502, 503, 504];

self.addEventListener("install", (event) => {
  void self.skipWaiting();
  event.waitUntil(event.addRoutes ? limitTo(event) : self.registration.unregister());
});

function limitTo(event) {
  return event.addRoutes([
    {
      condition: { urlPattern: { pathname: "/", search: "" }, requestMode: "navigate" },
      source: "fetch-event",
    },
    { condition: { urlPattern: { pathname: "/*" } }, source: "network" },
  ]);
}

// The browser makes the request itself, so that its cookies and headers are those of a request
// without worker: from another site, one of the worker would be refused.
self.addEventListener("activate", (event) => {
  event.waitUntil(self.registration.navigationPreload.enable());
});

self.addEventListener("fetch", (event) => {
  const { mode, method, url } = event.request;
  const { pathname, search } = new URL(url);
  if (mode !== "navigate" || method !== "GET" || pathname !== "/" || search) return;
  event.respondWith(openStudio(event));
});

async function openStudio(event) {
  let response;
  try {
    response = (await event.preloadResponse) ?? (await fetch(event.request));
  } catch {
    return makePage();
  }
  // A proxy may lead to its own page for passwords.
  if (response.headers.has(MARK) || response.type === "opaqueredirect") return response;
  if (GATEWAY.includes(response.status)) return makePage();
  // Another program has this address now.
  await self.registration.unregister();
  return response;
}

function makePage() {
  return new Response(PAGE, {
    status: 503,
    headers: {
      "Cache-Control": "no-store",
      "Content-Security-Policy": POLICY,
      "Content-Type": "text/html; charset=utf-8",
      "Cross-Origin-Opener-Policy": "same-origin",
      "Referrer-Policy": "no-referrer",
      "X-Content-Type-Options": "nosniff",
    },
  });
}
