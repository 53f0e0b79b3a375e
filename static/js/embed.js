// The checkout inside another page: it tells that page how it stands, and never listens to it.
//
//   "loaded"                 it can be seen
//   { invoiceId, status }    new, processing, settled, expired or invalid: at first, and whenever it changes
//   { invoiceId, height }    how many pixels it needs, for a frame that grows with it
//   "close"                  its reader wants to close it (Escape, or the button of ?modal=1)
//
// It tells whoever shows it: they chose the address and so know the invoice, and its state is open to all who know that.
(() => {
  if (window.parent === window) return;
  const invoiceId = document.querySelector("[data-invoice]").dataset.invoice;
  const tell = (message) => window.parent.postMessage(message, "*");
  let told = "";

  const tellStatus = () => {
    const status = document.querySelector("[data-status]")?.dataset.status;
    if (!status || status === told) return;
    told = status;
    tell({ invoiceId, status });
  };
  const tellHeight = () => tell({ invoiceId, height: Math.ceil(document.body.getBoundingClientRect().height) });

  tell("loaded");
  tellStatus();
  document.addEventListener("live:swapped", tellStatus);
  if (window.ResizeObserver) new ResizeObserver(tellHeight).observe(document.body);
  else tellHeight();
  document.addEventListener("click", (event) => event.target.closest("[data-embed-close]") && tell("close"));
  document.addEventListener("keydown", (event) => event.key === "Escape" && tell("close"));
})();
