import { Yuefu } from "/yuefu.js";

const { key, base, csrf } = document.querySelector("#shop").dataset;
const yuefu = Yuefu(key, { baseUrl: base });

for (const place of document.querySelectorAll("[data-label]")) yuefu.priceLabel(place, { amount: Number(place.dataset.label) });
for (const place of document.querySelectorAll("[data-calculator]")) yuefu.calculator(place, { amount: Number(place.dataset.calculator) });
for (const place of document.querySelectorAll("[data-checkout]")) {
  yuefu.checkoutButton(place, {
    createSession: async () => {
      const answer = await fetch(place.dataset.checkout, { method: "POST", headers: { "X-CSRF": csrf } });
      if (!answer.ok) throw new Error(`the shop answered ${answer.status}`);
      return answer.json();
    },
  });
}
