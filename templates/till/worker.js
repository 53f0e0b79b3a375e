{% load static %}// Keeps one page, which says that there is no connection, and what it is drawn with. Nothing about money is ever kept.
const KEPT = "flashpay-offline-{{ flashpay_version }}";
const PAGE = "{% url 'till:offline' %}";
const PARTS = [PAGE, "{% static 'css/tokens.css' %}", "{% static 'css/components.css' %}", "{% static 'css/public.css' %}", "{% static 'js/theme.js' %}"];

self.addEventListener("install", (event) => {
  event.waitUntil(caches.open(KEPT).then((cache) => cache.addAll(PARTS)).then(() => self.skipWaiting()));
});
self.addEventListener("activate", (event) => {
  event.waitUntil(caches.keys().then((names) => Promise.all(names.filter((name) => name.startsWith("flashpay-") && name !== KEPT).map((name) => caches.delete(name)))));
});
self.addEventListener("fetch", (event) => {
  const { request } = event;
  if (request.method !== "GET") return;
  if (request.mode === "navigate") event.respondWith(fetch(request).catch(() => caches.match(PAGE)));
  else if (PARTS.includes(new URL(request.url).pathname)) event.respondWith(fetch(request).catch(() => caches.match(request)));
});
