// Finds pages for a query, and pages whose name is like another.

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
      if (!(whole.length > 2 && page.compact.includes(whole)) && !(whole.length > 4 && almostIn(whole, page.compact))) return;
      score = 0;
    }
    if (whole.length > 2 && page.compact.includes(whole)) score += page.compact === whole ? 100 : 50;
    // Who searches in a hurry wants a runbook.
    if (page.kind === 'runbook') score += 60;
    if (page.kind === 'metrics') score -= 30;
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
