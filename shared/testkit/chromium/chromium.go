// Package chromium shows pages in a real browser, without a screen, for tests. It
// knows how to find and start one and how to look, press and type as a person
// would; what a page should be like is the tests' to know.
package chromium

import (
	"context"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// names under which the browser is installed.
var names = []string{"chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome"}

// patience is how long a browser may take for what a test asks of it in all.
const patience = 2 * time.Minute

// Browser is one process with one profile, which ends with the test.
type Browser struct{ ctx context.Context }

// Start starts a browser that reaches this machine alone. Where none is
// installed the test is skipped, and fails in CI, which installs one.
func Start(t testing.TB) *Browser {
	t.Helper()
	path := find()
	if path == "" {
		const missing = "no browser is installed (Debian: apt-get install chromium)"
		if os.Getenv("CI") == "true" {
			t.Fatal(missing)
		}
		t.Skip("NOT TESTED: " + missing)
	}
	options := append(slices.Clone(chromedp.DefaultExecAllocatorOptions[:]),
		chromedp.ExecPath(path), chromedp.UserDataDir(t.TempDir()),
		chromedp.NoSandbox, // containers and root have no use for it, and the pages are ours
		chromedp.DisableGPU,
		chromedp.Flag("host-resolver-rules", "MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"),
	)
	ctx, stop := context.WithTimeout(context.Background(), patience)
	t.Cleanup(stop)
	ctx, stop = chromedp.NewExecAllocator(ctx, options...)
	t.Cleanup(stop)
	ctx, stop = chromedp.NewContext(ctx)
	t.Cleanup(stop)
	if err := chromedp.Do(ctx); err != nil {
		t.Fatalf("%s does not start: %v", path, err)
	}
	return &Browser{ctx: ctx}
}

func find() string {
	for _, name := range names {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	return ""
}

// Tab is one page as somebody sees it.
type Tab struct {
	t   testing.TB
	ctx context.Context

	mu    sync.Mutex
	wrong []string
}

// Tab opens another, which closes with the test that it was opened for.
func (b *Browser) Tab(t testing.TB) *Tab {
	t.Helper()
	ctx, stop := chromedp.NewContext(b.ctx)
	t.Cleanup(stop)
	p := &Tab{t: t, ctx: ctx}
	p.must(chromedp.Listen(ctx, p.hear))
	return p
}

// hear keeps what the browser complains of: exceptions, errors of scripts, what a
// policy blocked, what did not load.
func (p *Tab) hear(event any) {
	said := ""
	switch e := event.(type) {
	case *log.EventEntryAdded:
		if e.Entry.Level == log.EntryLevelError || e.Entry.Level == log.EntryLevelWarning {
			said = e.Entry.Text + " " + e.Entry.URL
		}
	case *runtime.EventExceptionThrown:
		said = e.ExceptionDetails.Text
		if thrown := e.ExceptionDetails.Exception; thrown != nil {
			said += " " + thrown.Description
		}
	case *runtime.EventConsoleAPICalled:
		if e.Type == runtime.ConsoleAPICalledTypeError || e.Type == runtime.ConsoleAPICalledTypeWarning {
			said = "console." + e.Type.String()
			for _, arg := range e.Args {
				said += " " + string(arg.Value) + arg.Description
			}
		}
	}
	if said == "" {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.wrong = append(p.wrong, said)
}

// Wrong is what the browser complained of since it was last asked.
func (p *Tab) Wrong() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	said := p.wrong
	p.wrong = nil
	return said
}

// Window sets how wide the page is shown, and whether dark. Nothing moves in it: what
// a page fades to is there at once, if it heeds who asks for that.
func (p *Tab) Window(width int64, dark bool) {
	p.t.Helper()
	scheme := "light"
	if dark {
		scheme = "dark"
	}
	p.must(chromedp.Do(p.ctx, chromedp.EmulateViewport(width, 800)))
	_, err := chromedp.Call(p.ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
		Features: []*emulation.MediaFeature{
			{Name: "prefers-color-scheme", Value: scheme}, {Name: "prefers-reduced-motion", Value: "reduce"},
		},
	})
	p.must(err)
}

// Open loads a page and gives the status of the answer.
func (p *Tab) Open(url string) int64 {
	p.t.Helper()
	answer, err := chromedp.Run(p.ctx, chromedp.NavigateResponse(url))
	p.must(err)
	return answer.Status
}

// Keys presses keys, one after another.
func (p *Tab) Keys(keys string) {
	p.t.Helper()
	p.must(chromedp.Do(p.ctx, chromedp.KeyEvent(keys)))
}

// Enter presses Enter and waits for the page that it leads to.
func (p *Tab) Enter() {
	p.t.Helper()
	_, err := chromedp.RunResponse(p.ctx, chromedp.KeyEvent(kb.Enter))
	p.must(err)
}

// TabTo presses Tab until the focus is on what the selector names.
func (p *Tab) TabTo(selector string) {
	p.t.Helper()
	const most = 100
	for range most {
		p.Keys(kb.Tab)
		if Eval[bool](p, `document.activeElement.matches(`+strconv.Quote(selector)+`)`) {
			return
		}
	}
	p.t.Fatalf("%d times Tab do not lead to %s", most, selector)
}

// Eval is the value of an expression in the page.
func Eval[T any](p *Tab, expression string) T {
	p.t.Helper()
	v, err := chromedp.Run(p.ctx, chromedp.Evaluate[T](expression))
	if err != nil {
		p.t.Fatalf("%s: %v", expression, err)
	}
	return v
}

func (p *Tab) must(err error) {
	p.t.Helper()
	if err != nil {
		p.t.Fatal(err)
	}
}
