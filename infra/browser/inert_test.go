package browser

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kesher-io/kesher/infra/onebox"
	"github.com/kesher-io/kesher/shared/testkit/chromium"
)

// hostile are texts that somebody may store by a form or a call, each a way to
// run a script or to lead a form or a link astray where a page forgets to escape
// (after OWASP's XSS Filter Evasion Cheat Sheet, and mXSS by Heiderich et al.).
var hostile = []string{
	`<script>pwned=1</script>`,
	`"><script>pwned=1</script>`,
	`'"><img src=x onerror=pwned=1>`,
	`</title><svg onload=pwned=1>`,
	`</style></textarea></pre></iframe><script>pwned=1</script>`,
	`" onfocus=pwned=1 autofocus="`,
	`<a href="javascript:pwned=1">read it</a>`,
	`javascript:pwned=1`,
	`{{ "<script>pwned=1</script>" }}`,
	`{% raw %}<script>pwned=1</script>{% endraw %}`,
	`<!--<img src="--><img src=x onerror=pwned=1//">`,
	`&lt;script&gt;pwned=1&lt;/script&gt;`,
	`<iframe srcdoc="<script>parent.pwned=1</script>"></iframe>`,
	`<math><mtext><table><mglyph><style><!--</style><img title="--&gt;&lt;img src onerror=pwned=1&gt;">`,
	`<base href="https://evil.example/"><meta http-equiv=refresh content="0;url=https://evil.example/">`,
	`<form action="https://evil.example/"><button>Unsubscribe</button></form>`,
	"<scr\u0131pt>pwned=1</scr\u0131pt>\uff1cscript\uff1epwned=1\uff1c/script\uff1e",
}

// astray finds what no page of ours has, nor the mail in its frame, unless
// somebody's text became markup.
const astray = `[document, ...[...document.querySelectorAll('iframe')].map(f => f.contentDocument)]
	.flatMap(d => [...d.querySelectorAll('script, math, svg[onload], [onerror], [onfocus], iframe[srcdoc], base[href], meta[http-equiv=refresh], [href^="javascript:" i], [action*="evil"]')])
	.map(e => e.outerHTML.slice(0, 200)).concat(window.pwned ? ["a script ran"] : [])`

// E14: whatever a customer calls herself, whatever a product is called, it is text
// on every page, in every mail and in the frame that shows it.
func TestE14StoredMarkupIsTextWhereverItIsShown(t *testing.T) {
	data := t.TempDir()
	playHostile(t, data)
	s, b := serve(t, onebox.Config{Data: data}), chromium.Start(t)
	p := b.Tab(t)
	inert := func(name string) {
		t.Helper()
		for _, found := range chromium.Eval[[]string](p, astray) {
			t.Errorf("%s holds %s", name, found)
		}
		quiet(t, p, name)
	}
	p.Open(s.url + "/")
	inert("the console")
	if !chromium.Eval[bool](p, `document.body.innerText.includes("<script>")`) {
		t.Error("the console shows none of it, so this test shows nothing of the console")
	}
	mails := s.mails("")
	if len(mails) < len(hostile) {
		t.Fatalf("%d mails left", len(mails))
	}
	for _, m := range mails {
		if !strings.Contains(m.HTML, "pwned") && !strings.Contains(m.HTML, "evil.example") {
			t.Errorf("%s to %s shows none of it", m.Subject, m.To)
		}
		p.Open(s.url + "/mailbox?id=" + m.ID)
		inert("the mail to " + m.To)
	}
	s.lives("centre", strings.Join(hostile, " "), "en")
	s.centre(p, "centre")
	if !chromium.Eval[bool](p, `document.body.innerText.includes("<script>")`) {
		t.Error("the centre does not show her name")
	}
	inert("the centre")
}

// playHostile makes a folder in which somebody lives by each of the texts, and
// left a cart that is called so, too.
func playHostile(t *testing.T, data string) {
	t.Helper()
	var lines bytes.Buffer
	encoder := json.NewEncoder(&lines)
	call := func(at int, body map[string]any) {
		body["timestamp"] = fmt.Sprintf("2026-11-03T09:%02d:00Z", at) // a weekday morning in the brand's zone
		body["time"] = body["timestamp"]
		if err := encoder.Encode(body); err != nil {
			t.Fatal(err)
		}
	}
	for i, text := range hostile {
		call(0, map[string]any{"type": "identify", "userId": text, "traits": map[string]any{"email": address(fmt.Sprint("h", i)), "first_name": text}})
		call(1, map[string]any{"type": "consent", "userId": text, "purpose": "marketing", "channel": "email", "state": "granted", "notice": "newsletter"})
		call(1, map[string]any{"type": "consent", "userId": text, "purpose": "personalization", "state": "granted", "notice": "newsletter"})
		call(2, map[string]any{"type": "track", "userId": text, "event": "Product Added", "properties": map[string]any{"product_id": text, "name": text, "price": 90}})
	}
	file := filepath.Join(t.TempDir(), "hostile.ndjson")
	if err := os.WriteFile(file, lines.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	var told bytes.Buffer
	if err := onebox.Run(t.Context(), onebox.Config{Data: data, Play: file, EventClock: true, UntilIdle: true, ExitWhenIdle: true}, &told, os.Stderr); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(told.String(), `"rejected":{}`) {
		t.Errorf("some of it was not taken: %s", told.String())
	}
}
