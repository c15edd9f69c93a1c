// Everything can be read without this: it remembers the language, goes there from the first page, and narrows long lists.
(function () {
  "use strict";
  var NAME = "yuefu-docs-language";
  function kept() { try { return localStorage.getItem(NAME); } catch { return null; } }
  function keep(language) { try { localStorage.setItem(NAME, language); } catch { /* a browser that keeps nothing */ } }
  document.querySelectorAll("[data-language]").forEach(function (link) {
    link.addEventListener("click", function () { keep(link.dataset.language); link.hash = location.hash; });
  });
  if ("choose" in document.body.dataset) {
    var language = kept() || (/^zh/i.test(navigator.language || "") ? "zh" : "en");
    location.replace(language + "/index.html");
    return;
  }
  var menu = document.querySelector(".menu");
  if (menu && matchMedia("(max-width: 899px)").matches) menu.open = false;
  var field = document.querySelector(".find");
  if (!field) return;
  field.parentElement.hidden = false;
  var rows = Array.from(document.querySelectorAll("[data-find]"), function (row) { return [row, row.textContent.toLowerCase()]; });
  field.addEventListener("input", function () {
    var words = field.value.toLowerCase().split(/\s+/).filter(Boolean);
    rows.forEach(function (pair) { pair[0].hidden = !words.every(function (word) { return pair[1].includes(word); }); });
  });
})();
