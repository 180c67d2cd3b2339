// Ways to other pages: versions, search, and proposals where there is no page.

// Version switcher: ../versions.js sets window.dmfVersions = [{version, path, title, latest}].
function versions() {
  var places = all('.versions');
  if (!places.length) return;
  var here = new URL(root || '.', location.href).href;
  addScript(root + '../versions.js', function () {
    var list = window.dmfVersions || [];
    if (list.length < 2) return;
    places.forEach(function (place) {
      var select = make('select', { 'aria-label': 'Version' });
      list.forEach(function (entry) {
        var option = make('option', { value: entry.path, textContent: entry.title || entry.version });
        option.selected = entry.version === place.dataset.version;
        select.append(option);
      });
      select.addEventListener('change', function () {
        var page = location.href.slice(here.length).split(/[?#]/)[0];
        var start = new URL('../' + select.value + '/index.html', here).href;
        var same = new URL('../' + select.value + '/' + page, here).href;
        var go = function (found) { location.href = found ? same + location.search + location.hash : start; };
        // Not every page is in every version; files on a disk cannot be asked.
        if (!/^http/.test(location.protocol)) return go(false);
        fetch(same, { method: 'HEAD' }).then(function (answer) { go(answer.ok); }, function () { go(false); });
      });
      place.replaceChildren(select);
    });
  });
}

// Search opens on / and Ctrl+K; search.js and search.css do the rest and are loaded when they are first needed.
function withSearch(then) {
  if (window.dmfFind) return then(window.dmfFind);
  function script() {
    addScript(root + 'static/search.js', function () { then(window.dmfFind); }, function () { say('The search could not be loaded'); });
  }
  document.head.append(make('link', { rel: 'stylesheet', href: root + 'static/search.css', onload: script, onerror: script }));
}
function search() {
  var buttons = all('[data-search]');
  if (!buttons.length) return;
  function open() { withSearch(function (find) { find.open(); }); }
  buttons.forEach(function (button) {
    button.addEventListener('click', open);
  });
  document.addEventListener('keydown', function (event) {
    var typing = event.target.closest && event.target.closest('input, textarea, select, [contenteditable]');
    var slash = event.key === '/' && !typing && !event.ctrlKey && !event.metaKey && !event.altKey;
    var k = event.key.toLowerCase() === 'k' && (event.ctrlKey || event.metaKey) && !event.altKey && !event.shiftKey;
    if (slash || k) {
      event.preventDefault();
      open();
    }
  });
  if (/Mac|iPhone|iPad/.test(navigator.platform)) {
    all('.search-open kbd').forEach(function (key) { key.textContent = '⌘K'; });
  }
}

// The page for unknown addresses proposes pages whose names are near.
function suggest() {
  var page = document.querySelector('[data-suggest]');
  if (!page) return;
  var parts = decodeURIComponent(location.pathname).split('/').filter(function (part) {
    return part && !/^(index|404)\.html$/.test(part);
  });
  var last = (new URLSearchParams(location.search).get('page') || parts.pop() || '').replace(/\.(html|md)$/, '');
  if (!last) return;
  withSearch(function (find) {
    find.near(last, 5).then(function (pages) {
      var list = page.querySelector('.suggestions ul');
      pages.forEach(function (hit) {
        var link = make('a', { href: root + hit.path, textContent: hit.title });
        soften(link);
        list.append(make('li', {}, [link]));
      });
      page.querySelector('.suggestions').hidden = !pages.length;
      if (pages.length) say(pages.length + ' pages with a similar name');
    }, function () { /* no index, no suggestions */ });
  });
}
