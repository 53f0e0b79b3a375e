// FlashPay's checkout inside your own page. Needs nothing else; docs/embedding.md explains it.
//
//   <script src="https://pay.example.com/static/js/flashpay.js"></script>
//
//   FlashPay.show(invoice, options)               over the page; closes by Escape, its button, or close()
//   FlashPay.inline(element, invoice, options)    inside an element of yours, as high as it needs to be
//
// `invoice` is an invoice's id or its checkoutLink. All options may be left out:
//   language            "en", "es", "ht", "nl" or "fr"
//   title               what screen readers call the frame; "Payment" otherwise
//   onStatus(status)    new, processing, settled, expired, invalid
//   onPaid(invoiceId)   once, when it is settled
//   onClose()           when the modal was closed
// Both return { close, frame }. What a browser says is no proof: deliver when your server knows (webhook or API) that it is paid.
(() => {
  const home = new URL(document.currentScript.src).origin;

  const addressOf = (invoice, language, modal) => {
    const address = new URL(String(invoice).includes("/") ? invoice : `/i/${encodeURIComponent(invoice)}`, home);
    if (address.origin !== home || !address.pathname.startsWith("/i/")) throw new TypeError(`FlashPay: ${invoice} is no invoice of ${home}`);
    address.pathname = `/i/${address.pathname.split("/")[2]}/embed`;
    if (language) address.searchParams.set("lang", language);
    if (modal) address.searchParams.set("modal", "1");
    return address.href;
  };

  const embed = (into, invoice, options, modal, close) => {
    const frame = document.createElement("iframe");
    frame.src = addressOf(invoice, options.language, modal);
    frame.title = options.title || "Payment";
    frame.allow = "clipboard-write; autoplay";
    Object.assign(frame.style, { display: "block", width: "100%", height: modal ? "100%" : "640px", border: "0" });
    let paid = false;
    const hear = ({ source, origin, data }) => {
      if (source !== frame.contentWindow || origin !== home || !data) return;
      if (data === "close") close();
      else if (data.height && !modal) frame.style.height = `${data.height}px`;
      else if (data.status) {
        options.onStatus?.(data.status, data.invoiceId);
        if (data.status !== "settled" || paid) return;
        paid = true;
        options.onPaid?.(data.invoiceId);
      }
    };
    addEventListener("message", hear);
    into.append(frame);
    return { frame, end: () => { removeEventListener("message", hear); frame.remove(); } };
  };

  const inline = (element, invoice, options = {}) => {
    // There is nothing to close by Escape here; whoever put it there takes it away.
    const { frame, end } = embed(element, invoice, options, false, () => {});
    return { frame, close: end };
  };

  const show = (invoice, options = {}) => {
    const dialog = document.createElement("dialog");
    dialog.setAttribute("aria-label", options.title || "Payment");
    Object.assign(dialog.style, {
      width: "min(30rem, 100vw)", maxWidth: "100vw", height: "min(46rem, 100dvh)", maxHeight: "100dvh",
      margin: "auto", padding: "0", border: "0", borderRadius: "16px", overflow: "hidden",
    });
    const close = () => dialog.close();
    const { frame, end } = embed(dialog, invoice, options, true, close);
    // By Escape, by the button inside, by close(): all come here.
    dialog.addEventListener("close", () => {
      end();
      dialog.remove();
      options.onClose?.();
    });
    document.body.append(dialog);
    dialog.showModal();
    frame.focus();
    return { frame, close };
  };

  window.FlashPay = { show, inline };
})();
