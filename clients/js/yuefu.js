/**
 * Yuefu in the pages of a shop: what goods cost by the month, a calculator, and the button to our checkout.
 *
 *   import { Yuefu } from "./yuefu.js";
 *   const yuefu = Yuefu("pk_test_…", { baseUrl: "https://pay.example", locale: "en" });
 *   yuefu.priceLabel(document.querySelector("#price"), { amount: 199900 });
 *
 * Everything stands in a shadow root of its own; nothing that is answered is taken for HTML. Colours and font are CSS variables of the page
 * (--yuefu-ink, --yuefu-paper, --yuefu-line, --yuefu-accent, --yuefu-on-accent, --yuefu-radius, --yuefu-font); light and dark follow the
 * page's `color-scheme`. Amounts are whole minor units: 199900 is 1,999.00 CNY.
 *
 * @typedef {{amount: number, currency?: string, product?: string, periods?: number}} Wish
 * @typedef {{product: string, periods: number, amount: number, currency: string, instalments: {count: number, amount: number}[],
 *   largest_instalment: number, total_payable: number, total_interest: number, annual_cost_pct: string, first_due_on: string,
 *   label: string, disclosure: string, lender: string}} Plan
 * @typedef {{update: (wish: Partial<Wish>) => Promise<void>, ready: Promise<void>, remove: () => void}} Mounted
 */

const TEXTS = {
  zh: {
    periods: (count) => `${count} 期`,
    each: (money, same) => `每期${same ? "" : "至多"} ${money}`,
    free: "免息",
    yearly: (pct) => `年化综合成本 ${pct}%`,
    choose: "选择期数",
    no: "期次",
    instalment: "每期应还",
    first: (on) => `首期应还日 ${on}`,
    total: "应还总额",
    cost: "利息与费用",
    annual: "年化综合成本",
    loading: "正在计算…",
    none: "此金额没有分期方案。",
    failed: "暂时无法计算。",
    again: "重试",
    pay: "月付",
    going: "正在前往…",
    stuck: "未能打开付款页面，请再试一次。",
  },
  en: {
    periods: (count) => `${count} months`,
    each: (money, same) => `${same ? "" : "up to "}${money} each`,
    free: "interest-free",
    yearly: (pct) => `${pct}% a year`,
    choose: "Choose how many instalments",
    no: "No.",
    instalment: "Instalment",
    first: (on) => `First due on ${on}`,
    total: "Total to be repaid",
    cost: "Interest and fees",
    annual: "Annual cost, all-in",
    loading: "Working it out…",
    none: "There is no plan for this amount.",
    failed: "This cannot be worked out at the moment.",
    again: "Try again",
    pay: "Pay monthly",
    going: "On the way…",
    stuck: "The payment page could not be opened. Please try again.",
  },
};

const CSS = `
:host{--ink:var(--yuefu-ink,CanvasText);--paper:var(--yuefu-paper,Canvas);--accent:var(--yuefu-accent,light-dark(#1d4ed8,#a5bfff));
--on:var(--yuefu-on-accent,light-dark(#fff,#0b1020));--line:var(--yuefu-line,light-dark(#c9ced6,#4a5160));--radius:var(--yuefu-radius,6px);
display:block;color:var(--ink);font:var(--yuefu-font,inherit)}
[hidden],:host([hidden]){display:none}
*{box-sizing:border-box}
p{margin:0}
small{display:block;font-size:.85em;line-height:1.4}
form,fieldset{margin:0;padding:0;border:0;min-width:0}
form{background:var(--paper);border:1px solid var(--line);border-radius:var(--radius);padding:1em}
legend{padding:0;font-weight:600}
.plans{display:flex;flex-wrap:wrap;gap:.5em;margin:.5em 0 1em}
.plan{display:flex;gap:.5em;align-items:center;border:1px solid var(--line);border-radius:var(--radius);padding:.5em .75em;min-height:44px;cursor:pointer}
.plan:has(:checked){border-color:var(--accent);box-shadow:inset 0 0 0 1px var(--accent)}
.plan:has(:focus-visible),button:focus-visible{outline:3px solid var(--accent);outline-offset:2px}
input{accent-color:var(--accent);margin:0}
output{display:block;font-weight:600}
table{border-collapse:collapse;width:100%;margin:.5em 0;font-variant-numeric:tabular-nums}
th,td{padding:.35em 0;border-bottom:1px solid var(--line);text-align:start;font-weight:400}
td,thead th+th{text-align:end}
.sum th,.sum td{font-weight:600}
button{font:inherit;font-weight:600;min-height:44px;padding:.5em 1.25em;border:0;border-radius:var(--radius);background:var(--accent);color:var(--on);cursor:pointer}
button:disabled{opacity:.6;cursor:progress}
[role=alert]:not(:empty){margin-top:.5em}
`;

let sheet;

/**
 * @param {string} publishableKey pk_test_… or pk_live_…: it may look at what is offered and nothing else
 * @param {{baseUrl: string, locale?: string}} options where Yuefu is; the language, by default that of the page
 */
export function Yuefu(publishableKey, { baseUrl, locale } = {}) {
  if (!/^pk_\w+$/.test(publishableKey)) throw new TypeError("give a publishable key, pk_…");
  const base = new URL(baseUrl, location.href).href.replace(/\/$/, "");
  const spoken = locale || document.documentElement.lang || navigator.language || "";
  const language = /^zh/i.test(spoken) ? "zh" : "en";
  const say = TEXTS[language], tag = language === "zh" ? "zh-CN" : "en-GB";
  const asked = new Map();

  /** The plans for a wish; those who ask the same share an answer. @param {Wish} wish @returns {Promise<Plan[]>} */
  function plans(wish) {
    if (!Number.isSafeInteger(wish.amount) || wish.amount < 1) throw new TypeError("amount is in whole minor units");
    const query = new URLSearchParams({ amount: String(wish.amount), language });
    for (const name of ["currency", "product", "periods"]) if (wish[name] !== undefined) query.set(name, wish[name]);
    const url = `${base}/v1/price_labels?${query}`;
    if (!asked.has(url)) {
      const answer = ask(url);
      asked.set(url, answer);
      answer.catch(() => asked.delete(url));
    }
    return asked.get(url);
  }

  async function ask(url) {
    const headers = { Authorization: `Bearer ${publishableKey}` };
    const response = await fetch(url, { headers, credentials: "omit", redirect: "error", signal: AbortSignal.timeout(15000) });
    const body = await response.json();
    if (!response.ok) throw Object.assign(new Error(String(body.detail)), { code: String(body.code) });
    return body.data;
  }

  /** An amount as people read it. */
  function money(minor, currency) {
    const format = new Intl.NumberFormat(tag, { style: "currency", currency, currencyDisplay: "narrowSymbol" });
    return format.format(minor / 10 ** format.resolvedOptions().maximumFractionDigits);
  }

  /** What a plan costs, in a few words. */
  function brief(plan) {
    const cost = plan.total_interest ? say.yearly(plan.annual_cost_pct) : say.free;
    return `${say.periods(plan.periods)} · ${say.each(money(plan.largest_instalment, plan.currency), !plan.instalments[1])} · ${cost}`;
  }

  /** Keeps something in the page in step with a wish: `show` is told the plans, `failed` what went wrong; an answer that comes late is dropped. */
  function mounted(element, wish, host, show, failed) {
    let turn = 0;
    async function update(changes = {}) {
      const mine = ++turn;
      wish = { ...wish, ...changes };
      try {
        const found = await plans(wish);
        if (mine === turn) show(found);
      } catch (error) {
        if (mine !== turn) return;
        failed(error);
        tell(element, "error", { code: error.code || error.name, message: error.message });
      }
    }
    return { update, ready: update(), remove: () => { turn = -1; host.remove(); } };
  }

  return {
    /**
     * What the amount costs by the month, with the annual cost beside it: of all plans the one that costs least, of those the longest.
     * Where there is no plan, or no answer, there is nothing.
     * @param {Element} element @param {Wish} wish @returns {Mounted}
     */
    priceLabel(element, wish) {
      const [host, root] = opened(element, tag);
      const label = make("p"), more = make("small");
      root.append(label, more);
      host.hidden = true;
      const show = (found) => {
        const plan = best(found);
        host.hidden = !plan;
        label.textContent = plan ? brief(plan) : "";
        more.textContent = plan ? `${plan.label}　${plan.disclosure}` : "";
      };
      return mounted(element, wish, host, show, () => show([]));
    },

    /**
     * A form in which a plan is chosen and shown whole. `yuefu:change` is told of each choice, the plan being its `detail`.
     * @param {Element} element @param {Wish} wish @returns {Mounted}
     */
    calculator(element, wish) {
      const [host, root] = opened(element, tag);
      const form = make("form"), choices = make("div", { className: "plans" }), set = make("fieldset");
      const said = make("output"), shown = make("div"), failure = make("p"), again = make("button", { type: "button", textContent: say.again, hidden: true });
      let chosen;
      failure.setAttribute("role", "alert");
      set.append(make("legend", { textContent: say.choose }), choices);
      set.hidden = true;
      form.append(set, said, shown, failure, again);
      form.addEventListener("submit", (event) => event.preventDefault());
      root.append(form);
      said.textContent = say.loading;

      function choose(plan) {
        chosen = plan;
        said.textContent = brief(plan); // What a screen reader says of each choice; the table is there to be read.
        shown.replaceChildren(...whole(plan));
        tell(element, "change", plan);
      }
      function show(found) {
        set.hidden = !found.length;
        again.hidden = true;
        failure.textContent = "";
        const same = (plan) => chosen && plan.product === chosen.product && plan.periods === chosen.periods;
        const first = found.find(same) || best(found);
        choices.replaceChildren(...found.map((plan) => {
          const radio = make("input", { type: "radio", name: "plan", checked: plan === first });
          const choice = make("label", { className: "plan" });
          radio.addEventListener("change", () => choose(plan));
          choice.append(radio, make("span", { textContent: brief(plan) }));
          return choice;
        }));
        if (first) choose(first);
        else {
          said.textContent = say.none;
          shown.replaceChildren();
        }
      }
      function failed() {
        set.hidden = true;
        said.textContent = "";
        shown.replaceChildren();
        failure.textContent = say.failed;
        again.hidden = false;
      }
      const kept = mounted(element, wish, host, show, failed);
      again.addEventListener("click", () => kept.update());
      return kept;
    },

    /**
     * A button that opens a checkout session and takes the consumer there. `createSession` asks the shop's own server, which alone has
     * the secret key. While it runs the button is disabled; what goes wrong is told beside it, and as `yuefu:error`.
     * @param {Element} element @param {{createSession: () => Promise<{url: string}>, text?: string}} options @returns {{remove: () => void}}
     */
    checkoutButton(element, { createSession, text = say.pay }) {
      const [host, root] = opened(element, tag);
      const button = make("button", { type: "button", textContent: text }), failure = make("p");
      failure.setAttribute("role", "alert");
      root.append(button, failure);
      const free = (isFree) => {
        button.disabled = !isFree;
        button.textContent = isFree ? text : say.going;
        button.setAttribute("aria-busy", String(!isFree));
      };
      button.addEventListener("click", async () => {
        if (button.disabled) return;
        free(false);
        failure.textContent = "";
        try {
          const url = new URL((await createSession()).url, location.href);
          if (!/^https?:$/.test(url.protocol)) throw new TypeError("no address of the web");
          location.assign(url);
        } catch (error) {
          free(true);
          button.focus();
          failure.textContent = say.stuck;
          tell(element, "error", { code: error.code || error.name, message: error.message });
        }
      });
      const back = (event) => event.persisted && free(true);
      addEventListener("pageshow", back); // Whoever comes back by the browser's own button finds the page as it was left.
      return { remove: () => { removeEventListener("pageshow", back); host.remove(); } };
    },
  };

  /** All of a plan: each instalment, the total, the cost. */
  function whole(plan) {
    const table = make("table"), head = table.createTHead().insertRow(), body = table.createTBody(), sums = table.createTFoot();
    head.append(th(say.no, "col"), th(say.instalment, "col"));
    let no = 0;
    for (const { count, amount } of plan.instalments)
      for (let left = count; left > 0; left--) row(body, String(++no), money(amount, plan.currency));
    row(sums, say.total, money(plan.total_payable, plan.currency)).className = "sum";
    row(sums, say.cost, money(plan.total_interest, plan.currency));
    row(sums, say.annual, `${plan.annual_cost_pct}%`);
    const day = new Intl.DateTimeFormat(tag, { dateStyle: "long", timeZone: "UTC" });
    const first = say.first(day.format(new Date(`${plan.first_due_on}T00:00Z`)));
    return [make("p", { textContent: first }), table, make("small", { textContent: `${plan.lender}　${plan.disclosure}` })];
  }
}

/** Of all plans the one that costs least, of those the longest. @param {Plan[]} found @returns {Plan | undefined} */
function best(found) {
  return [...found].sort((a, b) => a.total_interest - b.total_interest || b.periods - a.periods)[0];
}

/** A place of our own inside an element, which the styles of the page do not reach. */
function opened(element, lang) {
  const host = make("div", { lang });
  const root = host.attachShadow({ mode: "open" });
  if (!sheet) (sheet = new CSSStyleSheet()).replaceSync(CSS);
  root.adoptedStyleSheets = [sheet];
  element.append(host);
  return [host, root];
}

/** What is made has properties and texts, never HTML. */
function make(tag, properties = {}) {
  return Object.assign(document.createElement(tag), properties);
}

function th(text, scope) {
  return make("th", { textContent: text, scope });
}

function row(part, name, value) {
  const made = part.insertRow();
  made.append(th(name, "row"));
  made.insertCell().textContent = value;
  return made;
}

function tell(element, name, detail) {
  element.dispatchEvent(new CustomEvent(`yuefu:${name}`, { detail, bubbles: true }));
}
