// [data-return="address"] inside a living part (live.js): when it newly appears there, the page goes to that address by itself.
//
// It is seen for a moment first. Somebody who comes back to a page that says so already stays: there is a link to go on.
(() => {
  const SEEN_MS = 2500;
  document.addEventListener("live:swapped", (event) => {
    const address = event.detail.querySelector("[data-return]")?.dataset.return;
    if (address) setTimeout(() => location.assign(address), SEEN_MS);
  });
})();
