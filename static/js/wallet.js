// The live test of a pasted credential: each step is asked for by itself, so that people see how far it is.
(() => {
  const button = document.querySelector("[data-wallet-test]");
  const steps = document.getElementById("wallet-test");
  if (!button || !steps) return;
  const form = button.form;
  const asked = { account: "Asking Flash whose this is", ways: "Trying the ways to Flash", clock: "Comparing the clocks" };

  const waiting = (text) => {
    const item = document.createElement("li");
    item.innerHTML = '<div class="wallet-waiting"><div class="fp-spinner" aria-hidden="true"></div><span></span></div>';
    item.querySelector("span").textContent = `${text} …`;
    steps.append(item);
    return item;
  };

  // True when the test goes on.
  const run = async (step) => {
    const item = waiting(asked[step]);
    try {
      const answer = await fetch(button.dataset.walletTest.replace("STEP", step), { method: "POST", body: new FormData(form) });
      if (answer.redirected || ![200, 422].includes(answer.status)) throw new Error(answer.status);
      item.innerHTML = await answer.text();
      return answer.ok;
    } catch {
      item.textContent = "The test could not be finished: this server did not answer. Nothing was saved. Please try again.";
      return false;
    }
  };

  button.addEventListener("click", async () => {
    if (!form.reportValidity() || button.getAttribute("aria-busy")) return;
    button.setAttribute("aria-busy", "true");
    steps.replaceChildren();
    for (const step of Object.keys(asked)) if (!(await run(step))) break;
    button.removeAttribute("aria-busy");
  });
  // What was found belongs to what was pasted then.
  form.addEventListener("input", () => steps.replaceChildren());
})();
