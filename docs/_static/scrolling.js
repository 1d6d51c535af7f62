// What scrolls sideways, code, tables and drawings, can be reached and scrolled by the keyboard too.
const frames = new ResizeObserver((entries) => {
  for (const { target } of entries) {
    if (target.scrollWidth > target.clientWidth) target.tabIndex = 0;
    else target.removeAttribute("tabindex");
  }
});
addEventListener("DOMContentLoaded", () => {
  for (const frame of document.querySelectorAll("article :is(pre, .table-wrapper, .drawing)")) frames.observe(frame);
});
