// Starts each part; one that fails leaves the others alone.
[theme, menu, names, placeholders, tabs, copyButtons, anchors, regions, scrollSpy, filter, versions, search, suggest].forEach(function (part) {
  try {
    part();
  } catch (error) {
    console.error(error);
  }
});
var closed = [];
window.addEventListener('beforeprint', function () {
  closed = all('main details:not([open]):not(.toc-small):not(.fill)');
  closed.forEach(function (details) { details.open = true; });
});
window.addEventListener('afterprint', function () {
  closed.forEach(function (details) { details.open = false; });
});
