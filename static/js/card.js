// Pay with a card: an NFC card (Web NFC), a code before the camera, or a pasted link, sent to the form's address; the living
// part of the page shows how it goes on. Each way appears only where the browser has it; NFC works in no frame of another page.
(() => {
  const SCAN_MS = 250;
  const CARD = /^(lnurlw:|lightning:|lnurl1|https?:)/i;

  class Card {
    constructor(element) {
      this.element = element;
      this.part = (name) => element.querySelector(`[data-card-${name}]`);
      element.addEventListener("submit", (event) => { event.preventDefault(); this.send(); });
      element.addEventListener("toggle", () => element.open || this.stop());
      addEventListener("pagehide", () => this.stop());
      if ("NDEFReader" in window && window.top === window) this.offer("nfc", () => this.tap());
      if ("BarcodeDetector" in window && navigator.mediaDevices) this.offer("scan", () => this.scan());
      if ("cardAuto" in element.dataset) this.tapIfAllowed();
    }

    offer(name, act) {
      this.part(name).hidden = false;
      this.part(name).addEventListener("click", act);
    }

    say(text) {
      this.part("says").textContent = text || "";
    }

    async tapIfAllowed() {
      try {
        if ("NDEFReader" in window && (await navigator.permissions.query({ name: "nfc" })).state === "granted") {
          this.element.open = true;
          this.tap();
        }
      } catch { /* this browser does not tell: the button does it */ }
    }

    async tap() {
      this.stop();
      this.ending = new AbortController();
      const { hold, unread, denied, foreign } = this.element.dataset;
      try {
        const reader = new NDEFReader();
        reader.addEventListener("readingerror", () => this.say(unread));
        reader.addEventListener("reading", ({ message }) => {
          const texts = [...message.records].map(({ data }) => data ? new TextDecoder().decode(data) : "");
          const text = texts.find((one) => CARD.test(one));
          if (text) this.take(text);
          else this.say(foreign);
        });
        await reader.scan({ signal: this.ending.signal });
        this.say(hold);
      } catch (error) {
        if (error.name !== "AbortError") this.say(denied);
      }
    }

    async scan() {
      this.stop();
      const view = this.part("view"), ending = (this.ending = new AbortController());
      try {
        const detector = new BarcodeDetector({ formats: ["qr_code"] });
        view.srcObject = await navigator.mediaDevices.getUserMedia({ video: { facingMode: "environment" } });
        view.hidden = false;
        await view.play();
        while (!ending.signal.aborted) {
          const found = (await detector.detect(view)).map((code) => code.rawValue).find((text) => CARD.test(text));
          if (found) return this.take(found);
          await new Promise((done) => setTimeout(done, SCAN_MS));
        }
      } catch {
        if (!ending.signal.aborted) this.say(this.element.dataset.dark);
      }
      if (ending.signal.aborted) this.dark(view);
    }

    take(text) {
      this.stop();
      this.element.querySelector("[name=lnurlw]").value = text;
      this.send();
    }

    stop() {
      this.ending?.abort();
      this.dark(this.part("view"));
      this.say("");
    }

    dark(view) {
      for (const track of view.srcObject?.getTracks() || []) track.stop();
      view.srcObject = null;
      view.hidden = true;
    }

    async send() {
      if (this.busy) return;
      this.busy = true;
      const form = this.part("form");
      try {
        const answer = await fetch(form.action, { method: "POST", body: new FormData(form), headers: { "X-Fragment": "1" } });
        const fresh = document.createElement("template");
        fresh.innerHTML = await answer.text();
        const next = fresh.content.querySelector("[data-card-form]");
        if (!next) throw new Error("not the form");
        form.replaceWith(next);
        this.element.open = !answer.ok;
        this.say("");
      } catch {
        delete form.dataset.sent;  // page.js may let it go once more
        form.querySelector("button").removeAttribute("aria-busy");
        this.say(this.element.dataset.lost);
      }
      this.busy = false;
    }
  }

  const living = new WeakSet();
  const begin = () => {
    for (const element of document.querySelectorAll("[data-card]")) {
      if (!living.has(element)) living.add(element) && new Card(element);
    }
  };
  begin();
  // A page that has brought in another's content without leaving (till.js) says so.
  document.addEventListener("page:changed", begin);
})();
