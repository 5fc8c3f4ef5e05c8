package console

import (
	"bytes"
	"cmp"
	"context"
	_ "embed"
	"errors"
	"html/template"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/kesher-io/kesher/shared/core/engine"
	"github.com/kesher-io/kesher/shared/core/release"
	"github.com/kesher-io/kesher/shared/flow"
	"github.com/kesher-io/kesher/shared/flow/explain"
	"github.com/kesher-io/kesher/shared/flow/insights"
	"github.com/kesher-io/kesher/shared/flow/report"
)

var (
	//go:embed page.html
	pageText string
	//go:embed style.css
	styleText []byte

	pageTemplate = template.Must(template.New("page").Funcs(template.FuncMap{
		"day":  func(t time.Time) string { return t.UTC().Format("2 Jan 2006") },
		"hour": func(t time.Time) string { return t.UTC().Format("15:04") },
		"iso":  func(t time.Time) string { return t.UTC().Format(time.RFC3339) },
	}).Parse(pageText))
)

// view is what the page shows.
type view struct {
	Release string
	Now     time.Time
	Target  string
	Mailbox bool
	Surveys []string // hosted forms
	Done    string   // what the last press did
	Empty   bool

	Tiles    []tile
	Days     []day
	Journeys []journeyView
	Reasons  []count // why mails were not sent
	Stayed   []count // why facts started no run
	Refused  []count // calls, by code
	Look     []row
	Faults   []Fault
	Partial  bool // there are more customers than the page looked at
	Looked   int
}

// tile is one figure at the top.
type tile struct {
	Name  string
	N     int
	Kind  string // colours it
	About string
}

// day groups rows.
type day struct {
	At   time.Time
	Rows []row
}

// row is one thing that happened.
type row struct {
	At      time.Time
	Who     string
	Journey string
	Text    string
	Kind    string // colours it: sent, not, in, out, wait, bad
	Mail    string // id, if it can be read in the mailbox
	Dated   bool   // stands under no day
}

// count is one name and how often.
type count struct {
	Name string
	N    int
}

// journeyView is one journey in figures.
type journeyView struct {
	Name string
	report.Runs
	Bars    []bar
	Sends   []count
	Skipped []count
}

// bar is one part of a journey's runs, in hundredths from X.
type bar struct {
	Kind string
	X, W float64
}

func (h *handler) page(w http.ResponseWriter, r *http.Request) {
	if !h.Page(r) {
		w.Header().Set("WWW-Authenticate", `Bearer realm="kesher"`)
		http.Error(w, "needs the admin token", http.StatusUnauthorized)
		return
	}
	v, err := h.view(r.Context())
	if err != nil {
		h.Log.Error("console", "path", r.URL.Path, "error", err)
		http.Error(w, "the page can't be made now: "+err.Error(), http.StatusServiceUnavailable)
		return
	}
	if r.URL.Query().Has("retried") {
		v.Done = "Sent to be worked once more. If it fails again it comes back here."
	}
	var page bytes.Buffer
	if err := pageTemplate.Execute(&page, v); err != nil {
		h.Log.Error("console", "path", r.URL.Path, "error", err)
		http.Error(w, "the page can't be made now", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	_, _ = w.Write(page.Bytes()) // whoever asked is gone
}

func serveStyle(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/css; charset=utf-8")
	_, _ = w.Write(styleText) // whoever asked is gone
}

// pressRetry is the button beside a fault.
func (h *handler) pressRetry(w http.ResponseWriter, r *http.Request) {
	if !h.Page(r) || !ownOrigin(r) {
		http.Error(w, "posts from elsewhere are refused", http.StatusForbidden)
		return
	}
	r.Body = http.MaxBytesReader(w, r.Body, maxBody)
	if _, err := h.retry(r.Context(), r.PostFormValue("key")); err != nil {
		status, failed := h.failed(r, err)
		http.Error(w, failed.Error.Error(), status)
		return
	}
	http.Redirect(w, r, "/console?retried", http.StatusSeeOther)
}

func (h *handler) view(ctx context.Context) (*view, error) {
	v := &view{Now: h.Clock.Now("").UTC(), Target: h.Target, Mailbox: h.Mailbox}
	live, err := h.Releases.Live(ctx)
	if errors.Is(err, flow.ErrNoRelease) {
		return v, nil
	}
	if err != nil {
		return nil, err
	}
	v.Release, v.Surveys = live.ID, slices.Sorted(maps.Keys(live.Surveys))
	recent, err := h.explain.Recent(ctx, pageBounds, headline)
	if err != nil {
		return nil, err
	}
	v.Partial, v.Looked, v.Empty = recent.Partial, recent.Customers, len(recent.Lines) == 0
	for _, t := range recent.Lines {
		v.put(h.row(t))
	}
	for _, t := range recent.Look {
		r := h.row(t)
		r.Dated = true
		v.Look = append(v.Look, r)
	}
	if v.Faults, err = h.allFaults(ctx); err != nil {
		return nil, err
	}
	if v.Stayed, err = h.stayed(ctx, live); err != nil {
		return nil, err
	}
	if recent.Partial {
		return v, nil // counting everybody takes longer than a page may
	}
	counts, err := h.counts(ctx)
	if err != nil {
		return nil, err
	}
	v.count(counts, recent.Skipped)
	return v, nil
}

// headline: what a marketer wants to see; the rest is for explain.
func headline(l *explain.Line) bool {
	return l.Decision != engine.KindBranch.Word() && (l.Decision != engine.KindSet.Word() || l.Journey == "")
}

// kinds colour decisions by what they mean.
var kinds = map[string]string{
	engine.KindSent.Word(): "sent", engine.KindSkipped.Word(): "not", engine.KindHeld.Word(): "not",
	engine.KindUnknown.Word(): "bad", engine.KindFailed.Word(): "bad", engine.KindEntered.Word(): "in",
	engine.KindExit.Word(): "out", engine.KindEnd.Word(): "out", engine.KindWait.Word(): "wait",
}

func (h *handler) row(t explain.Told) row {
	r := row{At: t.At, Who: t.UserID, Journey: t.Journey, Text: t.Sentence(), Kind: kinds[t.Decision]}
	if r.Who == "" {
		r.Who = t.Customer[:min(8, len(t.Customer))]
	}
	if id, ok := t.Values[explain.ValueMessage].(string); ok && h.Mailbox && r.Kind == "sent" {
		r.Mail = id
	}
	return r
}

// put adds a row, the newest first, under its day.
func (v *view) put(r row) {
	if n := len(v.Days); n == 0 || v.Days[n-1].At.Format(time.DateOnly) != r.At.Format(time.DateOnly) {
		v.Days = append(v.Days, day{At: r.At})
	}
	last := &v.Days[len(v.Days)-1]
	last.Rows = append(last.Rows, r)
}

func (v *view) count(r *report.Report, skipped map[string]map[string]int) {
	m := r.Messages
	v.Tiles = []tile{
		{"Events", r.Events, "", "calls taken"},
		{"Sent", m.Sent, "sent", "mails"},
		{"Not sent", sum(m.Skipped), "not", "with a reason"},
		{"Held", m.Held, "wait", "will be tried again"},
		{"Unknown", m.Unknown, "bad", "may or may not have left"},
		{"Failed", m.Failed, "bad", "refused for good"},
	}
	v.Reasons, v.Refused = counts(m.Skipped), counts(r.Rejected)
	for _, name := range slices.Sorted(maps.Keys(r.Runs)) {
		j := journeyView{Name: name, Runs: *r.Runs[name], Sends: counts(r.Sends[name]), Skipped: counts(skipped[name])}
		j.Bars = bars(j.Runs)
		v.Journeys = append(v.Journeys, j)
	}
}

// stayed counts why facts started no run of the live journeys, by what was counted
// when it was decided: nothing is stored of a run that never was.
func (h *handler) stayed(ctx context.Context, live *release.Release) ([]count, error) {
	by := map[string]int{}
	for _, j := range live.Journeys {
		sums, err := insights.Sums(ctx, h.Store, j.Name, j.Version)
		if err != nil {
			return nil, err
		}
		for what, n := range sums {
			reason, ok := strings.CutPrefix(what, engine.KindNotEntered.Word()+": ")
			if ok {
				by[j.Name+": "+reason] += int(n)
			}
		}
	}
	return counts(by), nil
}

func bars(r report.Runs) []bar {
	var list []bar
	x := 0.0
	for _, part := range []struct {
		kind string
		n    int
	}{{"ended", r.Ended}, {"exited", r.Exited}, {"active", r.Active}, {"parked", r.Parked}} {
		if part.n > 0 && r.Started > 0 {
			w := 100 * float64(part.n) / float64(r.Started)
			list = append(list, bar{part.kind, x, w})
			x += w
		}
	}
	return list
}

func sum(by map[string]int) (n int) {
	for _, c := range by {
		n += c
	}
	return n
}

// counts, the most frequent first.
func counts(by map[string]int) []count {
	var list []count
	for name, n := range by {
		list = append(list, count{name, n})
	}
	slices.SortFunc(list, func(a, b count) int { return cmp.Or(cmp.Compare(b.N, a.N), cmp.Compare(a.Name, b.Name)) })
	return list
}
