/// The console's script. Every page works without it; with it pages live, times are the viewer's, and keys work.
enum ConsoleScript {
    static let text = start + times + live + dialogs + keys + tail

    private static let start = #"""
        'use strict';
        const $ = (selector, root = document) => root.querySelector(selector);
        const $$ = (selector, root = document) => [...root.querySelectorAll(selector)];
        const keep = {
          get(name) { try { return localStorage.getItem('guardian-' + name); } catch { return null; } },
          set(name, value) { try { localStorage.setItem('guardian-' + name, value); } catch { /* a browser that keeps nothing */ } },
        };

        // Light and dark: as the system says, until somebody chooses.
        const theme = keep.get('theme');
        if (theme) document.documentElement.dataset.theme = theme;
        $('#theme')?.addEventListener('click', () => {
          const root = document.documentElement;
          const isDark = root.dataset.theme ? root.dataset.theme === 'dark' : matchMedia('(prefers-color-scheme: dark)').matches;
          root.dataset.theme = isDark ? 'light' : 'dark';
          keep.set('theme', root.dataset.theme);
        });

        """#

    private static let times = #"""
        // Times: in the viewer's zone, UTC on hover; countdowns tick.
        const format = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'medium' });
        const clock = new Intl.DateTimeFormat(undefined, { timeStyle: 'medium' });
        function span(milliseconds) {
          const s = Math.floor(Math.abs(milliseconds) / 1000);
          if (s < 60) return s + ' s';
          if (s < 3600) return Math.floor(s / 60) + ' min ' + (s % 60) + ' s';
          if (s < 86400) return Math.floor(s / 3600) + ' h ' + Math.floor(s / 60 % 60) + ' min';
          return Math.floor(s / 86400) + ' d ' + Math.floor(s / 3600 % 24) + ' h';
        }
        function showTimes(root) {
          for (const element of $$('time[datetime]', root)) {
            const at = new Date(element.dateTime);
            if (isNaN(at)) continue;
            const isToday = at.toDateString() === new Date().toDateString();
            element.textContent = isToday ? clock.format(at) : format.format(at);
          }
          tick(root);
        }
        function tick(root = document) {
          for (const element of $$('[data-until]', root)) {
            const rest = new Date(element.dataset.until) - Date.now();
            const text = rest > 0 ? 'in ' + span(rest + 999) : 'now';
            if (element.textContent !== text) element.textContent = text;
          }
          for (const element of $$('[data-ago]', root)) {
            const text = span(Date.now() - new Date(element.dataset.ago)) + ' ago';
            if (element.textContent !== text) element.textContent = text;
          }
        }
        showTimes(document);
        setInterval(tick, 1000);

        """#

    private static let live = #"""
        // Live: the server sends the parts of this page that have changed, as HTML, each time once. A part that somebody works in, or
        // whose dialog is open, changes when they leave it.
        const connection = $('#connection');
        let source = null, retryTimer = null, wait = 1000;
        function lost() {
          connection.className = 'connection lost';
          connection.textContent = 'Connection lost, trying again…';
        }
        const waiting = new Map();
        let openedBy = null;
        function isInUse(element) {
          return element.contains(openedBy) || (element.contains(document.activeElement) && document.activeElement !== element);
        }
        function replaceWaiting() {
          for (const [id, html] of [...waiting]) replace(id, html);
        }
        document.addEventListener('focusout', () => setTimeout(replaceWaiting));
        function replace(id, html) {
          const element = document.getElementById(id);
          if (!element) return;
          if (isInUse(element)) { waiting.set(id, html); return; }
          waiting.delete(id);
          const fresh = document.createElement('template');
          fresh.innerHTML = html;
          showTimes(fresh.content);
          // What is the same stays as it is, so that nothing is read out twice.
          if (fresh.innerHTML === element.innerHTML) return;
          element.replaceChildren(fresh.content);
        }
        // A server that is back may have ended the session: then the page leads to the login.
        async function comeBack() {
          let answer = null;
          try { answer = await fetch('/admin/session'); } catch { /* still away */ }
          if (answer?.status === 401) location.reload(); else connect();
        }
        function connect() {
          source?.close();
          source = new EventSource('/admin/live?of=' + encodeURIComponent(location.pathname + location.search));
          source.addEventListener('fragment', (event) => {
            const part = JSON.parse(event.data);
            replace(part.id, part.html);
          });
          source.addEventListener('beat', () => {
            wait = 1000;
            if (connection.classList.contains('lost')) connection.textContent = 'Connected again';
            connection.className = 'connection live';
            document.documentElement.dataset.connected = 'yes';
          });
          source.addEventListener('ended', () => { source.close(); location.reload(); });
          source.onerror = () => {
            document.documentElement.dataset.connected = 'no';
            lost();
            source.close();
            clearTimeout(retryTimer);
            retryTimer = setTimeout(comeBack, wait);
            wait = Math.min(wait * 2, 10000);
          };
        }
        if ('live' in document.body.dataset) {
          connect();
          document.addEventListener('visibilitychange', () => {
            if (document.hidden) { source?.close(); clearTimeout(retryTimer); } else connect();
          });
          addEventListener('online', connect);
          addEventListener('pagehide', () => { source?.close(); clearTimeout(retryTimer); });
        }

        // A search that its time has cut short goes on by itself until it has found something.
        async function searchFurther(link) {
          const note = $('#partial');
          while (link && 'searching' in link.dataset && !$('#results')) {
            const answer = await fetch(link.href, { headers: { Accept: 'text/html' } });
            if (!answer.ok) return;
            const page = new DOMParser().parseFromString(await answer.text(), 'text/html');
            const next = $('#next', page);
            if ($('#results', page) || !next) { location.replace(link.href); return; }
            link.href = next.href;
            if (note) note.textContent = 'Nothing yet; still searching…';
          }
        }
        searchFurther($('#next'));

        """#

    private static let dialogs = #"""
        // Confirmations: a page of its own without script, a dialog with it.
        const dialog = $('#dialog');
        function arm(root) {
          const phrase = $('[data-phrase]', root), button = $('#do', root);
          if (!phrase || !button || button.disabled) return;
          const check = () => { button.disabled = phrase.value.trim() !== phrase.dataset.phrase; };
          phrase.addEventListener('input', check);
          check();
        }
        arm(document);
        document.addEventListener('click', async (event) => {
          const close = event.target.closest('[data-close]');
          if (close && dialog?.open) { event.preventDefault(); dialog.close(); return; }
          const link = event.target.closest('a[data-dialog]');
          if (!link || !dialog?.showModal || event.ctrlKey || event.metaKey || event.shiftKey) return;
          event.preventDefault();
          link.setAttribute('aria-busy', 'true');
          try {
            const answer = await fetch(link.href, { headers: { Accept: 'text/html' } });
            const page = new DOMParser().parseFromString(await answer.text(), 'text/html');
            const content = $('#confirm', page);
            if (!content) { location.href = link.href; return; }
            dialog.replaceChildren(document.adoptNode(content));
            dialog.setAttribute('aria-label', $('h1', dialog)?.textContent ?? 'Confirmation');
            arm(dialog);
            openedBy = link;
            dialog.showModal();
            ($('[data-phrase]', dialog) ?? $('#do', dialog))?.focus();
          } catch { location.href = link.href; } finally { link.removeAttribute('aria-busy'); }
        });
        dialog?.addEventListener('close', () => {
          openedBy = null;
          replaceWaiting();
        });
        dialog?.addEventListener('submit', (event) => {
          // A download leaves the page as it is.
          if (event.target.action.endsWith('/export')) setTimeout(() => dialog.close(), 200);
        });

        """#

    private static let keys = #"""
        // Keys; they can be switched off, for those who speak or whose hands shake.
        const isOn = $('#shortcuts-on');
        if (isOn) {
          isOn.checked = keep.get('keys') !== 'off';
          isOn.addEventListener('change', () => keep.set('keys', isOn.checked ? 'on' : 'off'));
        }
        $('#help')?.addEventListener('click', () => $('#shortcuts').showModal());
        let selected = -1, pending = '';
        function select(step) {
          const rows = $$('table.rows tbody tr').filter((row) => $('a.open', row));
          if (!rows.length) return;
          rows[selected]?.classList.remove('selected');
          selected = Math.min(Math.max(selected + step, 0), rows.length - 1);
          rows[selected].classList.add('selected');
          $('a.open', rows[selected]).focus();
        }
        document.addEventListener('keydown', (event) => {
          const target = event.target;
          const isTyping = /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName);
          if (isTyping || event.ctrlKey || event.metaKey || event.altKey || $('dialog[open]') || isOn?.checked === false) return;
          if (pending === 'g') {
            pending = '';
            const link = $('[data-go="' + CSS.escape(event.key) + '"]');
            if (link) { event.preventDefault(); location.href = link.href; }
            return;
          }
          switch (event.key) {
            case 'g': pending = 'g'; setTimeout(() => { pending = ''; }, 1500); break;
            case '/': {
              const search = $('input[type=search]');
              if (search) { event.preventDefault(); search.focus(); search.select(); } else location.href = '/admin/operations';
              break;
            }
            case 'j': select(1); break;
            case 'k': select(-1); break;
            case 'n': { const next = $('#next'); if (next) location.href = next.href; break; }
            case '?': event.preventDefault(); $('#shortcuts')?.showModal(); break;
          }
        });

        """#

    private static let tail = #"""
        // The live tail of the log.
        const tailButton = $('#tail');
        let tailSource = null;
        tailButton?.addEventListener('click', () => {
          if (tailSource) {
            tailSource.close();
            tailSource = null;
            delete tailButton.dataset.connected;
          } else {
            tailSource = new EventSource(tailButton.dataset.tail);
            tailSource.onopen = () => { tailButton.dataset.connected = 'yes'; };
            tailSource.onerror = () => { delete tailButton.dataset.connected; };
            tailSource.addEventListener('line', (event) => {
              const row = document.createElement('template');
              row.innerHTML = JSON.parse(event.data).html;
              const lines = $('#lines');
              $('#nolines')?.remove();
              showTimes(row.content);
              lines.prepend(row.content);
              while (lines.rows.length > 1000) lines.deleteRow(-1);
            });
          }
          tailButton.setAttribute('aria-pressed', String(tailSource !== null));
          tailButton.textContent = tailSource ? 'Stop tail' : 'Live tail';
        });
        """#
}
