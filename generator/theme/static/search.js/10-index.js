// The index, search-index.js, which is loaded when it is first needed, and how its words are compared.
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

// True when a part of the name is the word but for one letter.
function almostIn(word, name) {
  for (var i = 0; i + word.length <= name.length + 1; i += 1) {
    for (var length = word.length - 1; length <= word.length + 1; length += 1) {
      if (near(word, name.slice(i, i + length))) return true;
    }
  }
  return false;
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
