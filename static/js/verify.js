// The receipt's own check: does SHA-256 of the preimage give the payment hash that stands in the recipient's invoice?
// It trusts nothing that the page says but the invoice and the preimage, and asks the server for its answer beside it.
(() => {
  const CHARSET = "qpzry9x8gf2tvdw0s3jn54khce6mua7l";
  const TIMESTAMP = 7, SIGNATURE_AND_CHECKSUM = 104 + 6, PAYMENT_HASH = 1, HASH_GROUPS = 52;

  const hex = (bytes) => [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  const unhex = (text) => Uint8Array.from(text.match(/../g) ?? [], (pair) => parseInt(pair, 16));

  // BOLT 11: tagged fields of five-bit groups; field 1 ("p") of 52 groups is the payment hash.
  function paymentHash(bolt11) {
    const text = bolt11.toLowerCase();
    const groups = [...text.slice(text.lastIndexOf("1") + 1)].map((letter) => CHARSET.indexOf(letter));
    const end = groups.length - SIGNATURE_AND_CHECKSUM;
    for (let at = TIMESTAMP; at + 3 <= end; ) {
      const [type, length] = [groups[at], groups[at + 1] * 32 + groups[at + 2]];
      if (type === PAYMENT_HASH && length === HASH_GROUPS) {
        const bits = groups.slice(at + 3, at + 3 + length).map((group) => group.toString(2).padStart(5, "0")).join("");
        return hex(Uint8Array.from({ length: 32 }, (_, byte) => parseInt(bits.slice(byte * 8, byte * 8 + 8), 2)));
      }
      at += 3 + length;
    }
    return "";
  }

  async function browserSays({ preimage, bolt11 }) {
    // Browsers offer it on https and on this very machine alone.
    if (!globalThis.crypto?.subtle) return ["unable", ""];
    const found = hex(new Uint8Array(await crypto.subtle.digest("SHA-256", unhex(preimage))));
    return [found === paymentHash(bolt11) ? "proved" : "not-proved", found];
  }

  async function serverSays(form) {
    try {
      const answer = await fetch(form.action, { method: "POST", headers: { Accept: "application/json" } });
      return answer.ok ? (await answer.json()).says : "unable";
    } catch {
      return "unable";
    }
  }

  function show(form, who, says) {
    for (const line of document.querySelectorAll(`[data-${who}]`)) line.hidden = line.dataset[who] !== says;
    form.parentElement.querySelector("[data-results]").hidden = false;
  }

  for (const form of document.querySelectorAll("form[data-verify]")) {
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      event.stopPropagation();
      const [says, found] = await browserSays(form.dataset);
      const computed = document.querySelector("[data-computed]");
      if (computed) computed.textContent = found;
      show(form, "browser", says);
      show(form, "server", await serverSays(form));
      form.dataset.done = says;
    });
  }
})();
