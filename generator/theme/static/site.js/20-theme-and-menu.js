// The theme, and the menu on narrow screens.

// Theme: auto, light, dark.
function theme() {
  var button = document.querySelector('.theme-toggle');
  if (!button) return;
  var order = ['auto', 'light', 'dark'];
  function now() { return html.dataset.theme || 'auto'; }
  function show() {
    button.querySelector('use').setAttribute('href', '#i-' + now());
    button.querySelector('span').textContent = 'Theme: ' + now();
    button.title = 'Theme: ' + now();
  }
  button.addEventListener('click', function () {
    var next = order[(order.indexOf(now()) + 1) % order.length];
    if (next === 'auto') delete html.dataset.theme;
    else html.dataset.theme = next;
    remember('dmf-theme', next === 'auto' ? null : next);
    show();
    say('Theme: ' + next);
  });
  show();
}

// The menu is a drawer on narrow screens. Without JavaScript, :target opens it.
function menu() {
  var nav = document.getElementById('menu');
  var opener = document.querySelector('.menu-open');
  if (!nav || !opener) return;
  var closer = nav.querySelector('.menu-close');
  var others = all('main, .toc, .bottom, .skip, .top');
  function set(open) {
    html.classList.toggle('menu-is-open', open);
    opener.setAttribute('aria-expanded', String(open));
    others.forEach(function (element) { element.inert = open; });
    if (open) (nav.querySelector('[aria-current]') || closer).focus();
    else opener.focus();
  }
  [opener, closer].forEach(function (link) {
    link.setAttribute('role', 'button');
    link.addEventListener('click', function (event) {
      event.preventDefault();
      set(link === opener);
    });
    link.addEventListener('keydown', function (event) {
      if (event.key === ' ') { event.preventDefault(); link.click(); }
    });
  });
  opener.setAttribute('aria-expanded', 'false');
  opener.setAttribute('aria-controls', 'menu');
  document.addEventListener('click', function (event) {
    var open = html.classList.contains('menu-is-open');
    if (open && !nav.contains(event.target) && !opener.contains(event.target)) set(false);
  });
  document.addEventListener('keydown', function (event) {
    if (event.key === 'Escape' && html.classList.contains('menu-is-open')) set(false);
  });
  narrow.addEventListener('change', function () {
    if (html.classList.contains('menu-is-open')) set(false);
  });
  var current = nav.querySelector('[aria-current]');
  var box = nav.querySelector('.menu-scroll');
  if (current && box) box.scrollTop = current.offsetTop - box.clientHeight / 3;
}
