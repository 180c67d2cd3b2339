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
    if (span.classList.contains('is-example') && !examples[span.dataset.name]) examples[span.dataset.name] = span.textContent;
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
    // The field would hide line breaks.
    take(name, asked.get(name) || '');
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
