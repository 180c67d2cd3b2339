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
}
