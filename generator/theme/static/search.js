// Search over search-index.js, which is loaded when it is first needed. Sets window.dmfFind.
(function () {
  'use strict';
  var root = document.documentElement.dataset.root || '';
  var index = null;
  var loading = null;

  function load() {
    loading = loading || new Promise(function (resolve, reject) {
      var script = document.createElement('script');
      script.src = root + 'search-index.js';
      script.onload = function () {
        if (!window.dmfSearch) return reject(new Error('empty index'));
        index = prepare(window.dmfSearch);
        resolve(index);
      };
      script.onerror = function () { loading = null; reject(new Error('no index')); };
      document.head.append(script);
    });
    return loading;
  }

  // "PostgreSQLMaxConnections" has the words postgresql, max, connections, and sql.
  function words(text) {
    var split = text
      .replace(/PostgreSQL/g, ' Postgresql ')
      .replace(/\b(RDS|SQL|AWS)(?=[A-Z])/g, '$1 ')
      .replace(/([a-z0-9])([A-Z])/g, '$1 $2')
      .replace(/([A-Z]+)([A-Z][a-z])/g, '$1 $2');
    return split.toLowerCase().split(/[^\p{L}\p{N}]+/u).filter(Boolean);
  }

  function compact(text) {
    return text.toLowerCase().replace(/[^\p{L}\p{N}]+/gu, '');
  }

  function prepare(data) {
    var pages = data.pages.map(function (page) {
      return {
        title: page[0], path: page[1], kind: page[2] || '', severity: page[3], component: page[4] || '',
        compact: compact(page[0]), words: words(page[0]),
        facts: [page[2], page[3], page[4]].filter(Boolean).map(function (fact) { return fact.toLowerCase(); }), sections: []
      };
    });
    (data.sections || []).forEach(function (section) {
      var page = pages[section[0]];
      if (page) {
        page.sections.push({
          heading: section[1], anchor: section[2], text: section[3],
          words: words(section[1]), low: section[3].toLowerCase()
        });
      }
    });
    return { pages: pages, vocabulary: null };
  }

  function wordScore(list, word, exact, prefix, inside) {
    var best = 0;
    for (var i = 0; i < list.length; i += 1) {
      if (list[i] === word) return exact;
      if (list[i].startsWith(word)) best = Math.max(best, prefix);
      else if (word.length > 2 && list[i].includes(word)) best = Math.max(best, inside);
    }
    return best;
  }

  function textScore(low, word) {
    var at = low.indexOf(word);
    if (at < 0) return 0;
    while (at >= 0) {
      if (at === 0 || !/[\p{L}\p{N}]/u.test(low[at - 1])) return 4;
      at = low.indexOf(word, at + 1);
    }
    return word.length > 2 ? 2 : 0;
  }

  // Best over the spellings of one word; a corrected spelling counts a little less.
  function best(spellings, score) {
    var top = 0;
    for (var i = 0; i < spellings.length; i += 1) {
      var value = score(spellings[i]);
      if (i > 0) value *= 0.7;
      if (value > top) top = value;
    }
    return top;
  }

  function pageWord(page, word) {
    var score = wordScore(page.words, word, 40, 30, 14);
    if (!score && word.length > 2 && page.compact.includes(word)) score = 18;
    if (page.facts.includes(word)) score = Math.max(score, 10);
    return score;
  }

  function sectionWord(section, word) {
    return Math.max(wordScore(section.words, word, 12, 9, 6), textScore(section.low, word));
  }

  function known(word) {
    return index.pages.some(function (page) {
      return pageWord(page, word) || page.sections.some(function (section) { return sectionWord(section, word); });
    });
  }

  // True when one inserted, lost, changed or swapped letter makes a into b.
  function near(a, b) {
    if (Math.abs(a.length - b.length) > 1) return false;
    var i = 0;
    while (i < a.length && i < b.length && a[i] === b[i]) i += 1;
    var restA = a.slice(i);
    var restB = b.slice(i);
    return restA.slice(1) === restB.slice(1) || restA === restB.slice(1) || restA.slice(1) === restB ||
      (restA[0] === restB[1] && restA[1] === restB[0] && restA.slice(2) === restB.slice(2));
  }

  function vocabulary() {
    if (index.vocabulary) return index.vocabulary;
    var seen = new Set();
    index.pages.forEach(function (page) {
      page.words.forEach(function (word) { seen.add(word); });
      page.sections.forEach(function (section) {
        section.words.forEach(function (word) { seen.add(word); });
        (section.low.match(/[\p{L}\p{N}]{3,}/gu) || []).forEach(function (word) { seen.add(word); });
      });
    });
    index.vocabulary = Array.from(seen);
    return index.vocabulary;
  }

  function spellings(word) {
    if (word.length < 4 || known(word)) return [word];
    var whole = [];
    var starts = [];
    vocabulary().forEach(function (candidate) {
      if (near(word, candidate)) whole.push(candidate);
      else if (near(word, candidate.slice(0, word.length)) || near(word, candidate.slice(0, word.length + 1))) starts.push(candidate);
    });
    return [word].concat(whole, starts).slice(0, 12);
  }

  function find(query, limit) {
    var asked = words(query).slice(0, 8);
    var whole = compact(query);
    if (!asked.length) return { asked: [], hits: [] };
    var alternatives = asked.map(spellings);
    var hits = [];
    index.pages.forEach(function (page) {
      var score = 0;
      var scores = alternatives.map(function (spelled) {
        return best(spelled, function (word) { return pageWord(page, word); });
      });
      var sections = page.sections.map(function (section) {
        var each = alternatives.map(function (spelled) {
          return best(spelled, function (word) { return sectionWord(section, word); });
        });
        return { section: section, each: each, found: each.filter(Boolean).length, sum: each.reduce(function (a, b) { return a + b; }, 0) };
      });
      for (var i = 0; i < asked.length; i += 1) {
        var top = scores[i];
        for (var j = 0; j < sections.length; j += 1) top = Math.max(top, sections[j].each[i]);
        if (!top) { score = -1; break; }
        score += top;
      }
      if (score < 0) {
        if (whole.length < 3 || !page.compact.includes(whole)) return;
        score = 0;
      }
      if (whole.length > 2 && page.compact.includes(whole)) score += page.compact === whole ? 100 : 50;
      if (page.kind === 'runbook') score += 3;
      var most = sections.reduce(function (a, b) { return Math.max(a, b.found); }, 0);
      var inTitle = scores.every(Boolean);
      sections = sections.filter(function (entry) { return entry.found && entry.found === most && (!inTitle || entry.found === asked.length); });
      sections.sort(function (a, b) { return b.sum - a.sum; });
      hits.push({ page: page, score: score, sections: sections.slice(0, inTitle ? 2 : 3).map(function (entry) { return entry.section; }) });
    });
    hits.sort(function (a, b) { return b.score - a.score || a.page.title.length - b.page.title.length; });
    return { asked: [].concat.apply([], alternatives), total: hits.length, hits: hits.slice(0, limit) };
  }

  // Pages whose name is like the given one: for the 404 page.
  function nearest(name, limit) {
    return load().then(function () {
      var wanted = words(name);
      var whole = compact(name);
      function alike(word, list) {
        return list.some(function (other) { return other === word || (word.length > 2 && (near(word, other) || other.startsWith(word))); });
      }
      return index.pages.map(function (page) {
        var own = page.words.concat(words(page.path));
        var both = wanted.filter(function (word) { return alike(word, own); }).length;
        var score = both / Math.max(wanted.length, page.words.length, 1);
        if (page.compact === whole) score += 2;
        else if (near(page.compact, whole)) score += 1.5;
        else if (whole.length > 3 && (page.compact.includes(whole) || whole.includes(page.compact))) score += 0.7;
        return { title: page.title, path: page.path, score: score };
      }).filter(function (hit) { return hit.score >= 0.34; })
        .sort(function (a, b) { return b.score - a.score || a.title.localeCompare(b.title); })
        .slice(0, limit);
    });
  }

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
})();
