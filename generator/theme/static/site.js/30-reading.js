// What helps to read: names that break, anchors, regions that scroll, a table of contents that follows.

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

// Regions that scroll sideways can be reached by keyboard; those that do not are no tab stop. A region is looked at
// whenever its size changes: with the window, and when a tab or details show it.
function regions() {
  var observer = new ResizeObserver(function (entries) {
    entries.forEach(function (entry) {
      var region = entry.target;
      var scrolls = region.scrollWidth > region.clientWidth;
      region.tabIndex = scrolls ? 0 : -1;
      region.parentElement.classList.toggle('scrolls', scrolls);
    });
  });
  all('pre[tabindex], .table-scroll[tabindex]').forEach(function (region) { observer.observe(region); });
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
