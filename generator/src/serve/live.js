// Keeps a page of the preview up to date, and shows what is wrong with the content. No part of the site.
(function () {
  'use strict';
  var tag = document.currentScript.dataset.tag;
  var hidden = '';

  function make(name, className, text) {
    var element = document.createElement(name);
    if (className) element.className = className;
    if (text) element.textContent = text;
    return element;
  }

  function place(problem) {
    var parts = [problem.path, problem.line, problem.column];
    return parts.filter(function (part) { return part !== null && part !== undefined; }).join(':');
  }

  function show(state, problems) {
    var old = document.getElementById('dmf-problems');
    if (old) old.remove();
    if (!problems.length || state === hidden) return;
    var panel = make('section');
    panel.id = 'dmf-problems';
    panel.setAttribute('role', 'alert');
    panel.setAttribute('aria-label', 'Problems of the content');
    var head = make('header');
    head.append(make('strong', '', problems.length === 1 ? '1 problem' : problems.length + ' problems'));
    var close = make('button', '', 'Hide');
    close.type = 'button';
    close.addEventListener('click', function () { hidden = state; panel.remove(); });
    head.append(close);
    var list = make('ul');
    problems.forEach(function (problem) {
      var item = make('li', problem.level);
      item.append(make('b', '', problem.level), ' ' + problem.message);
      if (problem.check) item.append(' ', make('small', '', problem.check));
      if (problem.path) item.append(make('code', '', place(problem)));
      if (problem.help) item.append(make('p', '', problem.help));
      list.append(item);
    });
    panel.append(head, list);
    document.body.append(panel);
  }

  document.addEventListener('keydown', function (event) {
    var close = document.querySelector('#dmf-problems button');
    if (event.key === 'Escape' && close) close.click();
  });

  // The page reloads when its own bytes changed, not when another page did.
  function refresh() {
    fetch(location.href, { method: 'HEAD', cache: 'no-store' }).then(function (answer) {
      var now = (answer.headers.get('etag') || '').replace(/"/g, '');
      if (now && now !== tag) location.reload();
    });
  }

  new EventSource('/.dmf/events').addEventListener('state', function (event) {
    show(event.data, JSON.parse(event.data).problems);
    refresh();
  });
})();
