// A copy button on each block of code.
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
    var what = caption ? caption.firstChild.textContent.trim() : (figure.dataset.lang || 'code');
    button.setAttribute('aria-label', 'Copy ' + what);
    function shows(word, blocked) {
      text.textContent = word;
      figure.classList.toggle('is-blocked', blocked);
      clearTimeout(back);
      back = setTimeout(function () {
        figure.classList.remove('is-copied', 'is-blocked');
        text.textContent = 'Copy';
        button.querySelector('use').setAttribute('href', '#i-copy');
      }, blocked ? 6000 : 2500);
    }
    var back;
    button.addEventListener('click', function () {
      // A command with a blank, or in a runbook with the example of somebody else's server, is not copied.
      var blank = '.placeholder:not(.is-filled)' + (examplesArePlain ? ':not(.is-example)' : '');
      var open = all(blank, code).map(function (span) { return span.dataset.name; });
      if (open.length) {
        shows('Fill in ' + open[0], true);
        say('Not copied: fill in ' + open.filter(function (name, at) { return open.indexOf(name) === at; }).join(', '));
        ask(open[0], figure);
        return;
      }
      copyText(code.textContent.replace(/\n$/, '')).then(function () {
        figure.classList.add('is-copied');
        button.querySelector('use').setAttribute('href', '#i-check');
        shows('Copied', false);
        say('Copied');
      }, function () {
        shows('Not copied', false);
        say('The browser did not allow copying');
      });
    });
    figure.append(button);
  });
}
