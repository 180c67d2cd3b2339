// The dialog of the search. Sets window.dmfFind.

function element(tag, className, text) {
  var made = document.createElement(tag);
  if (className) made.className = className;
  if (text !== undefined) made.textContent = text;
  return made;
}

function severityIcon(name) {
  var svg = document.createElementNS('http://www.w3.org/2000/svg', 'svg');
  var use = document.createElementNS('http://www.w3.org/2000/svg', 'use');
  svg.setAttribute('class', 'icon severity-' + name);
  svg.setAttribute('aria-hidden', 'true');
  use.setAttribute('href', '#i-' + name);
  svg.append(use);
  return svg;
}

// The text with the words found in it marked.
function marked(target, text, asked) {
  var pattern = asked.filter(function (word) { return word.length > 1; })
    .sort(function (a, b) { return b.length - a.length; })
    .map(function (word) { return word.replace(/[^\p{L}\p{N}]/gu, ''); }).join('|');
  if (!pattern) { target.append(text); return target; }
  text.split(new RegExp('(' + pattern + ')', 'iu')).forEach(function (part, i) {
    if (i % 2) target.append(element('mark', '', part));
    else if (part) target.append(part);
  });
  return target;
}

function snippet(section, asked) {
  var at = -1;
  asked.some(function (word) { at = section.low.indexOf(word); return at >= 0; });
  if (at < 0) at = 0;
  var start = Math.max(0, at - 50);
  var end = Math.min(section.text.length, at + 110);
  if (start > 0) start = section.text.indexOf(' ', start) + 1;
  if (end < section.text.length) end = Math.max(section.text.lastIndexOf(' ', end), at);
  return (start > 0 ? '… ' : '') + section.text.slice(start, end) + (end < section.text.length ? ' …' : '');
}

var dialog = null;
var input;
var list;
var count;

function build() {
  dialog = element('dialog', 'search');
  dialog.setAttribute('aria-label', 'Search');
  var form = element('form', 'search-form');
  form.setAttribute('role', 'search');
  var label = element('label', 'visually-hidden', 'Search');
  input = element('input');
  input.type = 'search';
  input.id = 'search-input';
  input.autocomplete = 'off';
  input.spellcheck = false;
  input.setAttribute('autocapitalize', 'off');
  input.placeholder = 'Alert, metric, error message…';
  label.htmlFor = input.id;
  var close = element('button', 'search-close', 'Close');
  close.type = 'button';
  close.addEventListener('click', function () { dialog.close(); });
  form.append(label, input, close);
  count = element('p', 'search-count');
  count.setAttribute('role', 'status');
  list = element('ol', 'search-hits');
  var help = element('p', 'search-help', 'Arrow keys move, Enter opens, Escape closes');
  dialog.append(form, count, list, help);
  document.body.append(dialog);
  form.addEventListener('submit', function (event) {
    event.preventDefault();
    var first = list.querySelector('a');
    if (first) first.click();
  });
  input.addEventListener('input', function () { show(); });
  dialog.addEventListener('click', function (event) {
    if (event.target === dialog || event.target.closest('.search-hits a')) dialog.close();
  });
  dialog.addEventListener('keydown', function (event) {
    var links = Array.prototype.slice.call(list.querySelectorAll('a'));
    var at = links.indexOf(document.activeElement);
    if (event.key === 'ArrowDown' || event.key === 'ArrowUp') {
      event.preventDefault();
      var to = event.key === 'ArrowDown' ? at + 1 : at - 1;
      (links[Math.min(to, links.length - 1)] || input).focus();
    } else if (at >= 0 && (event.key.length === 1 || event.key === 'Backspace') && !event.ctrlKey && !event.metaKey && !event.altKey && event.key !== ' ') {
      input.focus();
    }
  });
}

function show() {
  if (!index) return;
  var query = input.value.trim();
  list.replaceChildren();
  if (!query) { count.textContent = ''; return; }
  var found = find(query, 20);
  found.hits.forEach(function (hit) {
    var item = element('li');
    var link = element('a', 'hit');
    link.href = root + hit.page.path;
    if (hit.page.severity) link.append(severityIcon(hit.page.severity));
    link.append(marked(element('span', 'hit-title'), hit.page.title, found.asked));
    var about = [hit.page.severity, hit.page.component || hit.page.kind].filter(Boolean).join(' · ');
    link.append(element('small', '', about));
    item.append(link);
    if (hit.sections.length) {
      var inner = element('ul');
      hit.sections.forEach(function (section) {
        var entry = element('li');
        var to = element('a', 'hit-section');
        to.href = root + hit.page.path + (section.anchor ? '#' + section.anchor : '');
        if (section.anchor) to.append(marked(element('span', 'hit-heading'), section.heading, found.asked));
        to.append(marked(element('span', 'hit-text'), snippet(section, found.asked), found.asked));
        entry.append(to);
        inner.append(entry);
      });
      item.append(inner);
    }
    list.append(item);
  });
  list.scrollTop = 0;
  count.textContent = !found.total ? 'Nothing found for “' + query + '”'
    : found.total === 1 ? '1 page' : found.total + ' pages' + (found.total > found.hits.length ? ', the best ' + found.hits.length + ' are shown' : '');
}

function open() {
  if (!dialog) build();
  if (dialog.open) { input.select(); return; }
  dialog.showModal();
  input.focus();
  input.select();
  if (!index) count.textContent = 'Loading…';
  load().then(function () {
    count.textContent = '';
    show();
  }, function () {
    count.textContent = 'The search index could not be loaded.';
  });
}

window.dmfFind = {
  open: open,
  near: nearest,
  find: function (query) { return load().then(function () { return find(query, 20); }); }
};
