// A part of the page that stays true by itself:
//
//   <div data-live="/events/invoice:ID" data-live-fragment="/i/ID" [data-live-every="20"]>…</div>
//
// On an event the fragment is fetched (header X-Fragment: 1) and swapped in. Without events it is fetched every few seconds.
// `data-live-every` fetches it besides, every so many seconds while somebody looks. The fragment's [data-announce] is spoken
// when it changes; the same [data-version] as before leaves the page alone; a [data-final] ends the watching.
// The answer may also be the whole page: then the part with the same id is taken. What people type into belongs outside.
// While the server does not answer, it is asked again every few seconds, and the page's [data-live-lost] is shown. A
// [data-title] becomes the page's title, and `<data data-fills="id" value="…">` the value of a field that nobody has changed.
// `data-live-gather` (ms) waits for more news before looking, `data-live-poll` (ms) is the pace without events.
(() => {
  const POLL_MS = 2500, RETRY_MS = 30000, GATHER_MS = 80, BUSY_MS = 2000, LOST_MS = 3000;

  class Live {
    constructor(element) {
      this.element = element;
      this.polling = this.failures = 0;
      this.said = this.announcement();
      this.connect();
      const every = Number(element.dataset.liveEvery);
      if (every) this.beat = setInterval(() => this.look(), every * 1000);
      element.addEventListener("countdown:over", () => this.look());
      document.addEventListener("visibilitychange", () => this.look());
      addEventListener("online", () => this.look());
      addEventListener("pageshow", (event) => event.persisted && this.look());
      this.endIfFinal();
    }

    connect() {
      if (!window.EventSource || !this.element.dataset.live) return this.poll(true);
      this.source = new EventSource(this.element.dataset.live);
      // Said on each (re)connection: whatever was missed in between is fetched now.
      this.source.addEventListener("hello", () => { this.poll(false); this.soon(); });
      this.source.addEventListener("message", () => this.soon());
      this.source.addEventListener("error", () => {
        this.poll(true);
        if (this.source.readyState === EventSource.CLOSED) setTimeout(() => this.over || this.connect(), RETRY_MS);
      });
    }

    poll(on) {
      clearInterval(this.polling);
      this.polling = on && !this.over ? setInterval(() => this.look(), Number(this.element.dataset.livePoll) || POLL_MS) : 0;
    }

    soon(ms = Number(this.element.dataset.liveGather) || GATHER_MS) {
      clearTimeout(this.gathering);
      this.gathering = setTimeout(() => this.look(), ms);
    }

    async look() {
      // Nobody looks at a hidden page, and a look may cost something: a checkout asks Flash for a code. Once seen, it looks.
      if (this.over || document.hidden) return;
      if (this.busy) { this.again = true; return; }
      this.busy = true;
      try {
        const answer = await fetch(this.element.dataset.liveFragment, { headers: { "X-Fragment": "1" }, cache: "no-store" });
        if (answer.status >= 500) throw new Error(answer.statusText);
        if (answer.ok && !answer.redirected) this.swap((await answer.text()).trim());
        this.lost(0);
      } catch {
        this.lost(this.failures + 1);
        this.soon(LOST_MS);
      }
      this.busy = false;
      if (this.again) { this.again = false; this.soon(); }
    }

    // Once may be a tunnel; whoever is told of it twice a minute believes nothing any more.
    lost(failures) {
      this.failures = failures;
      for (const note of document.querySelectorAll("[data-live-lost]")) note.hidden = failures < 2;
    }

    fill() {
      const title = this.element.querySelector("[data-title]")?.dataset.title;
      if (title) document.title = title;
      for (const given of this.element.querySelectorAll("data[data-fills]")) {
        const field = document.getElementById(given.dataset.fills);
        if (field && field.value === field.defaultValue) field.value = field.defaultValue = given.value;
      }
    }

    swap(html) {
      const fresh = document.createElement("template");
      fresh.innerHTML = html;
      const same = this.element.id && fresh.content.querySelector(`#${this.element.id}`);
      if (same) fresh.content.replaceChildren(...same.childNodes);
      const version = this.version(fresh.content);
      if (version && version === this.version(this.element)) return;
      // Somebody is in the middle of something here.
      if (this.element.querySelector("dialog[open], details[open], input:focus, select:focus, textarea:focus")) return this.soon(BUSY_MS);
      const focused = this.element.contains(document.activeElement) ? document.activeElement.id : "";
      this.element.replaceChildren(fresh.content);
      this.fill();
      if (focused) document.getElementById(focused)?.focus({ preventScroll: true });
      const says = document.getElementById("fp-says"), news = this.announcement();
      if (says && news && news !== this.said) says.textContent = this.said = news;
      document.dispatchEvent(new CustomEvent("live:swapped", { detail: this.element }));
      this.endIfFinal();
    }

    version(root) {
      return root.querySelector("[data-version]")?.dataset.version;
    }

    announcement() {
      return this.element.querySelector("[data-announce]")?.dataset.announce || "";
    }

    endIfFinal() {
      if (!this.element.querySelector("[data-final]")) return;
      this.over = true;
      this.poll(false);
      clearInterval(this.beat);
      this.source?.close();
    }
  }

  const living = new WeakSet();
  const begin = () => {
    for (const element of document.querySelectorAll("[data-live-fragment]")) {
      if (!living.has(element)) living.add(element) && new Live(element);
    }
  };
  begin();
  // A page that has brought in another's content without leaving (till.js) says so.
  document.addEventListener("page:changed", begin);
})();
