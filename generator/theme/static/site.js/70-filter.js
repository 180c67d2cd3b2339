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
