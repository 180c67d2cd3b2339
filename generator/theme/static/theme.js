// Sets the theme before the first paint. Loaded in the head, blocking, so it stays this small.
(function () {
  'use strict';
  var html = document.documentElement;
  html.classList.add('js');
  try {
    var theme = localStorage.getItem('dmf-theme');
    if (theme === 'light' || theme === 'dark') html.dataset.theme = theme;
  } catch (blocked) {
    // Storage can be switched off; then the theme follows the system.
  }
})();
