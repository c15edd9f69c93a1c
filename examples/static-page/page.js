import { Yuefu } from "./yuefu.js";
import { baseUrl, locale, publishableKey } from "./config.js";

const PIECE = 199900;
const yuefu = Yuefu(publishableKey, { baseUrl, locale });
const label = yuefu.priceLabel(document.querySelector("#label"), { amount: PIECE, product: "free" });
const calculator = yuefu.calculator(document.querySelector("#calculator"), { amount: PIECE });

document.querySelector("#pieces").addEventListener("change", (event) => {
  const amount = PIECE * event.target.valueAsNumber;
  if (!Number.isSafeInteger(amount) || amount < 1) return;
  label.update({ amount });
  calculator.update({ amount });
});

const chosen = document.querySelector("#chosen");
document.querySelector("#calculator").addEventListener("yuefu:change", ({ detail }) => {
  chosen.hidden = false;
  chosen.textContent = `${detail.product}: ${detail.periods}`;
});
