// Keys for an amount: `components/keypad.html`. What it shows is only shown; the server reads the form and counts for itself.
// A part of the page that comes in later says so with the event "page:changed".
(() => {
  const MOST_DIGITS = 13, SAT_PER_BTC = 1e8, PRICES_MS = 60000;
  const language = document.documentElement.lang || undefined;

  class Keypad {
    constructor(form) {
      this.form = form;
      this.amount = form.elements.amount;
      this.text = /^\d*(\.\d*)?$/.test(this.amount.value) ? this.amount.value : "";
      this.prices = {};
      // The screen is written by the keys; a phone must not put its own keyboard over them.
      this.amount.readOnly = true;
      this.amount.inputMode = "none";
      form.classList.add("kp-live");
      form.addEventListener("click", (event) => this.clicked(event));
      form.addEventListener("change", (event) => this.changed(event));
      form.addEventListener("input", (event) => this.wrote(event.target));
      form.addEventListener("submit", (event) => this.submitted(event));
      this.step(form.hasAttribute("data-at-tip") ? "tip" : "amount", false);
      this.fits();
      this.ask();
    }

    get currency() {
      const chosen = this.form.querySelector("[name=currency]:checked");
      return { code: chosen.value, decimals: Number(chosen.dataset.decimals), symbol: chosen.dataset.symbol };
    }

    get minor() {
      return this.read(this.text);
    }

    get tip() {
      const wanted = this.form.querySelector("[name=tip]:checked")?.value;
      if (wanted === "own") return this.read(this.form.elements.tip_amount.value);
      return wanted ? this.share(wanted) : 0;
    }

    share(percent) {
      return Math.floor((this.minor * Number(percent) + 50) / 100);
    }

    read(text) {
      const [whole, rest = ""] = text.split(".");
      return Number(whole || 0) * 10 ** this.currency.decimals + Number(rest.slice(0, this.currency.decimals).padEnd(this.currency.decimals, "0") || 0);
    }

    key(name) {
      const { decimals } = this.currency;
      const [, rest] = this.text.split(".");
      if (name === "clear") this.text = "";
      else if (name === "back") this.text = this.text.slice(0, -1);
      else if (name === "point" && decimals) this.text = this.text.includes(".") ? this.text : `${this.text || "0"}.`;
      else {
        for (const digit of name === "point" ? "00" : name) {
          if (this.text.replace(".", "").length >= MOST_DIGITS || (rest !== undefined && this.text.split(".")[1].length >= decimals)) break;
          this.text = this.text === "0" ? digit : this.text + digit;
        }
        if (/^0+$/.test(this.text)) this.text = "0";
      }
      this.show();
    }

    // An amount that the new currency cannot have is not rounded behind anybody's back.
    fits() {
      if ((this.text.split(".")[1] || "").length > this.currency.decimals || (this.text.includes(".") && !this.currency.decimals)) this.text = "";
      const point = this.form.querySelector("[data-key=point]");
      point.textContent = this.currency.decimals ? "." : "00";
      // A name that is spoken begins with what is seen, for those who say what they want pressed.
      point.setAttribute("aria-label", this.currency.decimals ? point.dataset.point : `00 (${point.dataset.zeros})`);
      this.show();
    }

    money(minor, { code, decimals, symbol }) {
      const number = (minor / 10 ** decimals).toLocaleString(language, { minimumFractionDigits: decimals, maximumFractionDigits: decimals });
      if (code === "SAT") return `${number}\u00a0sat`;
      return symbol + (/[a-z]$/i.test(symbol) ? "\u00a0" : "") + number;
    }

    beside(minor) {
      const { code, decimals } = this.currency;
      const other = code === "SAT" ? this.form.dataset.other : code;
      const price = Number(this.prices[other]);
      if (!price || !minor) return "\u00a0";
      if (code !== "SAT") return `≈ ${this.money(Math.ceil((minor / 10 ** decimals / price) * SAT_PER_BTC), { code: "SAT", decimals: 0 })}`;
      const worth = ((minor / SAT_PER_BTC) * price).toLocaleString(language, { minimumFractionDigits: 2, maximumFractionDigits: 2 });
      return `≈ ${worth} ${other}`;
    }

    show() {
      const { minor, tip, currency, form } = this;
      this.amount.value = this.text;
      const beside = form.querySelector("[data-beside]");
      if (beside.textContent !== this.beside(minor)) beside.textContent = this.beside(minor);
      for (const place of form.querySelectorAll("[data-tip-of]")) place.textContent = this.money(this.share(place.dataset.tipOf), currency);
      for (const place of form.querySelectorAll("[data-unit]")) place.textContent = currency.code === "SAT" ? "sats" : currency.code;
      const total = form.querySelector("[data-total]");
      if (total) total.textContent = this.money(minor + tip, currency);
      form.classList.toggle("kp-tips-own", form.querySelector("[name=tip]:checked")?.value === "own");
      for (const button of form.querySelectorAll("[data-next], [data-go]")) button.disabled = !minor;
    }

    step(name, focus = true) {
      this.at = name;
      for (const step of this.form.querySelectorAll("[data-step]")) step.hidden = step.dataset.step !== name;
      if (focus) this.form.querySelector(name === "tip" ? "[name=tip]:checked" : "#amount")?.focus({ preventScroll: true });
      scrollTo(0, 0);
      this.show();
    }

    get hasTip() {
      return this.form.querySelector("[data-step=tip]") !== null;
    }

    clicked(event) {
      const key = event.target.closest("[data-key]");
      if (key) this.key(key.dataset.key);
      else if (event.target.closest("[data-next]")) this.step("tip");
      else if (event.target.closest("[data-before]")) this.step("amount");
    }

    // What is shown as the sum must be what the server reads: digits, one point, and no more decimals than there are.
    wrote(field) {
      if (field.name === "tip_amount") {
        const [whole, ...rest] = field.value.replaceAll(",", ".").replace(/[^\d.]/g, "").split(".");
        const point = rest.length && this.currency.decimals ? "." : "";
        const tidy = whole.slice(0, MOST_DIGITS) + point + rest.join("").slice(0, this.currency.decimals);
        if (tidy !== field.value) field.value = tidy;
      }
      this.show();
    }

    changed(event) {
      if (event.target.name === "currency") {
        this.fits();
        if (this.form.elements.tip_amount) this.form.elements.tip_amount.value = "";
      }
      if (event.target.value === "own") this.form.elements.tip_amount.focus();
      this.show();
    }

    submitted(event) {
      const early = this.hasTip && this.at === "amount";
      if (!early && this.minor) return;
      // Enter on the first step leads to the second; nothing is sent for nothing.
      event.preventDefault();
      event.stopPropagation();
      if (this.minor) this.step("tip");
    }

    typed(event) {
      if (event.ctrlKey || event.metaKey || event.altKey || this.at !== "amount") return;
      const into = event.target;
      if (into !== this.amount && into.matches("input:not([type=radio]), textarea, select")) return;
      const name = { Backspace: "back", Delete: "clear", c: "clear", C: "clear", Escape: "clear", ".": "point", ",": "point" }[event.key] || event.key;
      if (name === "Enter" && !into.closest("button, a, summary")) {
        event.preventDefault();
        this.form.requestSubmit();
      } else if (/^(\d|back|clear|point)$/.test(name) && !(name === "point" && !this.currency.decimals)) {
        event.preventDefault();
        this.key(name);
      }
    }

    async ask() {
      if (!this.form.isConnected) return;
      if (!document.hidden) {
        try {
          const answer = await fetch(this.form.dataset.prices, { cache: "no-store" });
          if (answer.ok && !answer.redirected) this.prices = await answer.json();
          this.show();
        } catch { /* offline: the amount stands alone */ }
      }
      setTimeout(() => this.ask(), PRICES_MS);
    }
  }

  let keypad;
  const begin = () => {
    const form = document.querySelector("[data-keypad]:not(.kp-live)");
    if (form) keypad = new Keypad(form);
  };
  document.addEventListener("keydown", (event) => keypad?.form.isConnected && keypad.typed(event));
  document.addEventListener("page:changed", begin);
  // The back button may bring the page back with what was typed before: a new sale begins at nothing.
  addEventListener("pageshow", (event) => event.persisted && keypad?.key("clear"));
  begin();
})();
