// What the pages do beyond HTML and CSS. Every page can be read and used without this file.
(function () {
  'use strict';
  var html = document.documentElement;
  var root = html.dataset.root || '';
  var narrow = window.matchMedia('(max-width: 63.99rem)');

  function all(selector, within) {
    return Array.prototype.slice.call((within || document).querySelectorAll(selector));
  }

  function make(tag, properties, children) {
    var element = document.createElement(tag);
    Object.keys(properties || {}).forEach(function (key) {
      if (key in element) element[key] = properties[key];
      else element.setAttribute(key, properties[key]);
    });
    (children || []).forEach(function (child) { element.append(child); });
    return element;
  }

  function icon(name) {
    var svg = document.createElementNS('http://www.w3.org/2000/svg', 'svg');
    var use = document.createElementNS('http://www.w3.org/2000/svg', 'use');
    svg.setAttribute('class', 'icon');
    svg.setAttribute('aria-hidden', 'true');
    use.setAttribute('href', '#i-' + name);
    svg.append(use);
    return svg;
  }

  function remember(key, value) {
    try {
      if (value === undefined) return localStorage.getItem(key);
      if (value === null) localStorage.removeItem(key);
      else localStorage.setItem(key, value);
    } catch (blocked) { /* works for this page only */ }
    return null;
  }

  function addScript(src, done, failed) {
    document.head.append(make('script', { src: src, onload: done, onerror: failed }));
  }

  var status = make('p', { className: 'visually-hidden', role: 'status' });
  document.body.append(status);
  function say(text) {
    status.textContent = '';
    requestAnimationFrame(function () { status.textContent = text; });
  }

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

  // Long alert names break between their words.
  function soften(element) {
    var parts = element.textContent.replace(/([a-z])([A-Z])/g, '$1\n$2').split('\n');
    if (element.children.length || parts.length < 2) return;
    element.replaceChildren();
    parts.forEach(function (part, index) {
      if (index) element.append(make('wbr'));
      element.append(part);
    });
  }
  function names() {
    all('.neighbours span, .related a, .breadcrumbs span, .used-by a').forEach(soften);
  }

  // A link beside each heading, for copying its address.
  function anchors() {
    all('.prose h2[id], .prose h3[id], .prose h4[id], .metric-group h2[id]').forEach(function (heading) {
      heading.append(make('a', { className: 'anchor', href: '#' + heading.id, 'aria-label': 'Link to this section' }, ['#']));
    });
  }

  // Regions that scroll sideways can be reached by keyboard; those that do not are no tab stop.
  function regions() {
    all('pre[tabindex], .table-scroll[tabindex], .timeline-scroll[tabindex]').forEach(function (region) {
      var scrolls = region.scrollWidth > region.clientWidth + 1;
      region.tabIndex = scrolls ? 0 : -1;
      region.parentElement.classList.toggle('scrolls', scrolls);
    });
  }

  function copyText(text) {
    if (navigator.clipboard && window.isSecureContext) return navigator.clipboard.writeText(text);
    return new Promise(function (resolve, reject) {
      var area = make('textarea', { value: text, className: 'visually-hidden', readOnly: true });
      document.body.append(area);
      area.select();
      var copied = document.execCommand('copy');
      area.remove();
      if (copied) resolve();
      else reject(new Error('not copied'));
    });
  }

  function copyButtons() {
    all('figure.code').forEach(function (figure) {
      var code = figure.querySelector('code');
      var text = make('span', { textContent: 'Copy' });
      var button = make('button', { type: 'button', className: 'copy' }, [icon('copy'), text]);
      var caption = figure.querySelector('figcaption');
      var what = caption ? caption.textContent.trim() : (figure.dataset.lang || 'code');
      button.setAttribute('aria-label', 'Copy ' + what);
      button.addEventListener('click', function () {
        var open = all('.placeholder:not(.is-filled)', code).map(function (span) { return span.textContent; });
        copyText(code.textContent.replace(/\n$/, '')).then(function () {
          figure.classList.add('is-copied');
          text.textContent = 'Copied';
          button.querySelector('use').setAttribute('href', '#i-check');
          say(open.length ? 'Copied. Still to be replaced: ' + open.join(', ') : 'Copied');
        }, function () {
          text.textContent = 'Not copied';
          say('The browser did not allow copying');
        });
        setTimeout(function () {
          figure.classList.remove('is-copied');
          text.textContent = 'Copy';
          button.querySelector('use').setAttribute('href', '#i-copy');
        }, 2500);
      });
      figure.append(button);
    });
  }

  // Tabs: sections one below the other become tabs, and all tabs of a group stay in step.
  var tabSets = [];
  function tabs() {
    all('.tabs').forEach(function (box, number) {
      var panels = Array.prototype.filter.call(box.children, function (child) { return child.classList.contains('tab'); });
      if (panels.length < 2) return;
      var list = make('div', { className: 'tab-list', role: 'tablist' });
      list.setAttribute('aria-label', box.dataset.label || 'Variants');
      var set = { box: box, group: box.dataset.group || '', buttons: [], panels: panels };
      panels.forEach(function (panel, index) {
        var id = 'tab-' + number + '-' + index;
        var title = panel.querySelector('.tab-title');
        var button = make('button', { type: 'button', id: id, role: 'tab', textContent: title.textContent });
        panel.id = panel.id || id + '-panel';
        panel.setAttribute('role', 'tabpanel');
        panel.setAttribute('aria-labelledby', id);
        panel.tabIndex = 0;
        button.setAttribute('aria-controls', panel.id);
        title.hidden = true;
        button.addEventListener('click', function () { choose(set, button.textContent, button); });
        set.buttons.push(button);
        list.append(button);
      });
      list.addEventListener('keydown', function (event) {
        var at = set.buttons.indexOf(document.activeElement);
        var last = set.buttons.length - 1;
        var to = { ArrowRight: at === last ? 0 : at + 1, ArrowLeft: at === 0 ? last : at - 1, Home: 0, End: last }[event.key];
        if (at < 0 || to === undefined) return;
        event.preventDefault();
        set.buttons[to].focus();
        set.buttons[to].click();
      });
      box.prepend(list);
      box.classList.add('is-tabs');
      tabSets.push(set);
      select(set, 0);
      var kept = set.group && remember('dmf-tab-' + set.group);
      if (kept) showTitle(set, kept);
    });
  }
  function select(set, index) {
    set.buttons.forEach(function (button, at) {
      button.setAttribute('aria-selected', String(at === index));
      button.tabIndex = at === index ? 0 : -1;
      set.panels[at].hidden = at !== index;
    });
  }
  function showTitle(set, title) {
    set.buttons.forEach(function (button, index) { if (button.textContent === title) select(set, index); });
  }
  function choose(chosen, title, button) {
    var before = button.getBoundingClientRect().top;
    tabSets.forEach(function (set) {
      if (set === chosen || (chosen.group && set.group === chosen.group)) showTitle(set, title);
    });
    if (chosen.group) remember('dmf-tab-' + chosen.group, title);
    window.scrollBy(0, button.getBoundingClientRect().top - before);
    regions();
  }

  // The table of contents follows the reader.
  function scrollSpy() {
    var links = all('.toc a[href^="#"]');
    var headings = links.map(function (link) { return document.getElementById(decodeURIComponent(link.hash.slice(1))); });
    if (!links.length) return;
    var waiting = false;
    function mark() {
      waiting = false;
      var line = window.innerHeight / 4;
      var current = -1;
      headings.forEach(function (heading, index) {
        if (heading && heading.getBoundingClientRect().top <= line) current = index;
      });
      if (window.innerHeight + window.scrollY >= html.scrollHeight - 4) current = links.length - 1;
      links.forEach(function (link, index) {
        if (index === current) link.setAttribute('aria-current', 'true');
        else link.removeAttribute('aria-current');
      });
      if (current >= 0) {
        var box = links[current].closest('.toc');
        var top = links[current].offsetTop;
        if (top < box.scrollTop + 40 || top > box.scrollTop + box.clientHeight - 60) box.scrollTop = top - box.clientHeight / 2;
      }
    }
    window.addEventListener('scroll', function () {
      if (!waiting) { waiting = true; requestAnimationFrame(mark); }
    }, { passive: true });
    mark();
  }

  // Placeholders in commands are filled from the address: ?target=db1
  var SAFE = /^[A-Za-z0-9_.:\/@][A-Za-z0-9_.:\/@-]{0,252}$/;
  function placeholders() {
    var spans = all('.placeholder[data-name]');
    var slot = document.querySelector('.fill-slot');
    if (!spans.length) return;
    var asked = new URLSearchParams(location.search);
    var names = [];
    var examples = {};
    all('[data-name]', slot || make('div')).forEach(function (known) { examples[known.dataset.name] = known.dataset.example; });
    spans.forEach(function (span) {
      span.dataset.empty = span.textContent;
      if (names.indexOf(span.dataset.name) < 0) names.push(span.dataset.name);
    });
    var wanted = names.filter(function (name) { return asked.get(name); });
    if (!slot) {
      if (!wanted.length) return;
      slot = make('div');
      document.querySelector('article h1').after(slot);
    }
    var summary = make('summary');
    var fields = make('div', { className: 'fill-fields' });
    var box = make('details', { className: 'fill', open: wanted.length > 0 && !narrow.matches }, [summary, fields]);
    var values = {};
    var refused = {};

    function apply() {
      spans.forEach(function (span) {
        var value = values[span.dataset.name];
        span.textContent = value || span.dataset.empty;
        span.classList.toggle('is-filled', Boolean(value));
      });
      var filled = names.filter(function (name) { return values[name]; });
      var bad = names.filter(function (name) { return refused[name]; });
      var text = filled.length
        ? 'Commands are filled in: ' + filled.map(function (name) { return name + ' = ' + values[name]; }).join(', ')
        : 'Fill in the commands: ' + names.join(', ');
      if (bad.length) text += '. Not filled in, because of unusual characters: ' + bad.join(', ');
      summary.textContent = text;
      box.classList.toggle('has-refused', bad.length > 0);
      box.classList.toggle('has-filled', filled.length > 0);
      return text;
    }
    function take(name, value) {
      var fine = SAFE.test(value);
      values[name] = fine ? value : '';
      refused[name] = value !== '' && !fine;
    }
    function keep() {
      var query = new URLSearchParams(location.search);
      names.forEach(function (name) {
        if (values[name]) query.set(name, values[name]);
        else query.delete(name);
      });
      var text = query.toString();
      try {
        history.replaceState(null, '', location.pathname + (text ? '?' + text : '') + location.hash);
      } catch (refusedByBrowser) { /* file:// in some browsers */ }
    }
    names.forEach(function (name, index) {
      var input = make('input', {
        id: 'fill-' + index, type: 'text', autocomplete: 'off', spellcheck: false, maxLength: 253,
        placeholder: examples[name] || '', value: asked.get(name) || ''
      });
      input.setAttribute('autocapitalize', 'off');
      take(name, input.value);
      input.setAttribute('aria-invalid', String(refused[name]));
      input.addEventListener('input', function () {
        take(name, input.value.trim());
        input.setAttribute('aria-invalid', String(refused[name]));
        apply();
        keep();
      });
      input.addEventListener('change', function () { say(apply()); });
      fields.append(make('div', {}, [make('label', { htmlFor: input.id, textContent: name }), input]));
    });
    fields.append(make('p', { textContent: 'Letters, digits and _ . : / @ - are allowed, and no - at the start. Nothing leaves your browser.' }));
    var text = apply();
    slot.replaceChildren(box);
    slot.className = '';
    slot.hidden = false;
    if (wanted.length) say(text);
  }

  // Filter of the reference tables. What is chosen stands in the address.
  function filter() {
    var box = document.querySelector('[data-filter]');
    if (!box) return;
    var form = box.querySelector('form.filters');
    var count = box.querySelector('.filter-count');
    var none = box.querySelector('.filter-none');
    var lists = all('[data-items]', box);
    var items = [];
    lists.forEach(function (list) {
      var group = list.closest('section');
      var around = group ? group.textContent.slice(0, 400) : '';
      Array.prototype.forEach.call(list.children, function (item) {
        items.push({ element: item, list: list, text: (item.textContent + (group ? ' ' + around.split('\n').slice(0, 4).join(' ') : '')).toLowerCase() });
      });
    });
    var boxes = all('input[type=checkbox]', form);
    var asked = new URLSearchParams(location.search);
    form.q.value = asked.get('q') || '';
    boxes.forEach(function (input) { input.checked = asked.getAll(input.name).indexOf(input.value) >= 0; });

    function apply() {
      var words = form.q.value.toLowerCase().split(/\s+/).filter(Boolean);
      var chosen = {};
      boxes.forEach(function (input) {
        if (input.checked) (chosen[input.name] = chosen[input.name] || []).push(input.value);
      });
      var shown = 0;
      var filledLists = new Set();
      items.forEach(function (item) {
        var fits = words.every(function (word) { return item.text.indexOf(word) >= 0; }) &&
          Object.keys(chosen).every(function (name) { return chosen[name].indexOf(item.element.dataset[name]) >= 0; });
        item.element.hidden = !fits;
        if (fits) { shown += 1; filledLists.add(item.list); }
      });
      lists.forEach(function (list) {
        var section = list.closest('section');
        if (section) section.hidden = !filledLists.has(list);
      });
      var noun = count.dataset.noun;
      count.textContent = shown === items.length ? shown + ' ' + noun : shown + ' of ' + items.length + ' ' + noun;
      none.hidden = shown > 0;
      html.classList.toggle('is-filtered', shown !== items.length);
    }
    function changed() {
      apply();
      var query = new URLSearchParams();
      if (form.q.value.trim()) query.set('q', form.q.value.trim());
      boxes.forEach(function (input) { if (input.checked) query.append(input.name, input.value); });
      var text = query.toString();
      try {
        history.replaceState(null, '', location.pathname + (text ? '?' + text : '') + location.hash);
      } catch (refusedByBrowser) { /* file:// in some browsers */ }
    }
    form.addEventListener('input', changed);
    form.addEventListener('submit', function (event) { event.preventDefault(); });
    form.addEventListener('reset', function () { setTimeout(changed, 0); });
    box.querySelector('[data-filter-reset]').addEventListener('click', function () {
      form.reset();
      form.q.focus();
    });
    apply();
    if (location.hash.length > 1) {
      var target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
      if (target) target.scrollIntoView();
    }
  }

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
          location.href = new URL('../' + select.value + '/' + page, here).href + location.search + location.hash;
        });
        place.replaceChildren(select);
      });
    });
  }

  // Search opens on / and Ctrl+K; search.js does the rest and is loaded when it is first needed.
  function withSearch(then) {
    if (window.dmfFind) return then(window.dmfFind);
    addScript(root + 'static/search.js', function () { then(window.dmfFind); }, function () { say('The search could not be loaded'); });
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

  [theme, menu, names, placeholders, tabs, copyButtons, anchors, regions, scrollSpy, filter, versions, search, suggest].forEach(function (part) {
    try {
      part();
    } catch (error) {
      console.error(error);
    }
  });
  window.addEventListener('resize', regions);
  document.addEventListener('toggle', regions, true);
  var closed = [];
  window.addEventListener('beforeprint', function () {
    closed = all('main details:not([open]):not(.toc-small):not(.fill)');
    closed.forEach(function (details) { details.open = true; });
  });
  window.addEventListener('afterprint', function () {
    closed.forEach(function (details) { details.open = false; });
  });
})();
