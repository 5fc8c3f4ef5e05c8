// Package metrics is flow.Metrics for Lambda: lines in CloudWatch's embedded
// metric format on standard output, which the log group turns into metrics
// (CloudWatch user guide, "Specification: Embedded metric format"). It knows
// the format and when to write; names, dimensions and that none is personal are
// the callers'.
package metrics

import (
	"cmp"
	"encoding/json"
	"io"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/kesher-io/kesher/shared/flow"
)

// Namespace of all metrics; alarms and the dashboard name it.
const Namespace = "Kesher"

// DimStage is the dimension that every metric of a deployed stage carries.
const DimStage = "Stage"

var _ flow.Metrics = (*Metrics)(nil)

// Metrics adds up until Flush, so that an invocation of a hundred records costs
// a line and not a hundred. It is safe for concurrent use.
type Metrics struct {
	out  io.Writer
	now  func() time.Time
	base []flow.Dim

	mu   sync.Mutex
	sets map[string]*set
}

// set is what shares its dimensions, and so a line.
type set struct {
	dims   []flow.Dim
	counts map[string]int64
	times  map[string][]float64 // ms
}

// maxValues is the longest list of values of one metric in one line.
const maxValues = 100

// New returns metrics that carry base besides their own dimensions. now is real
// time.
func New(out io.Writer, now func() time.Time, base ...flow.Dim) *Metrics {
	return &Metrics{out: out, now: now, base: base, sets: map[string]*set{}}
}

// Count adds n.
func (m *Metrics) Count(name string, n int64, dims ...flow.Dim) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.set(dims).counts[name] += n
}

// Observe keeps one duration, in milliseconds.
func (m *Metrics) Observe(name string, d time.Duration, dims ...flow.Dim) {
	m.mu.Lock()
	defer m.mu.Unlock()
	s := m.set(dims)
	s.times[name] = append(s.times[name], float64(d.Microseconds())/1000)
	if len(s.times[name]) == maxValues {
		m.write(s)
	}
}

// Flush writes everything since the last Flush.
func (m *Metrics) Flush() {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, s := range m.sets {
		if len(s.counts)+len(s.times) > 0 {
			m.write(s)
		}
	}
}

func (m *Metrics) set(dims []flow.Dim) *set {
	all := append(slices.Clone(m.base), dims...)
	slices.SortStableFunc(all, func(a, b flow.Dim) int { return cmp.Compare(a.Name, b.Name) })
	var key strings.Builder
	for _, d := range all {
		key.WriteString(d.Name + "\x00" + d.Value + "\x00")
	}
	s := m.sets[key.String()]
	if s == nil {
		s = &set{dims: all}
		s.clear()
		m.sets[key.String()] = s
	}
	return s
}

func (s *set) clear() { s.counts, s.times = map[string]int64{}, map[string][]float64{} }

// metadata is the member "_aws".
type metadata struct {
	Timestamp         int64       `json:"Timestamp"`
	CloudWatchMetrics []directive `json:"CloudWatchMetrics"`
}

type directive struct {
	Namespace  string       `json:"Namespace"`
	Dimensions [][]string   `json:"Dimensions"`
	Metrics    []definition `json:"Metrics"`
}

type definition struct {
	Name string `json:"Name"`
	Unit string `json:"Unit"`
}

// write writes one line, and begins the set anew. A line that cannot be written
// is lost: metrics never fail.
func (m *Metrics) write(s *set) {
	line := map[string]any{}
	d := directive{Namespace: Namespace, Dimensions: [][]string{{}}, Metrics: []definition{}}
	for _, dim := range s.dims {
		d.Dimensions[0] = append(d.Dimensions[0], dim.Name)
		line[dim.Name] = dim.Value
	}
	for name, n := range s.counts {
		d.Metrics = append(d.Metrics, definition{name, "Count"})
		line[name] = n
	}
	for name, values := range s.times {
		d.Metrics = append(d.Metrics, definition{name, "Milliseconds"})
		line[name] = values
	}
	slices.SortFunc(d.Metrics, func(a, b definition) int { return cmp.Compare(a.Name, b.Name) })
	line["_aws"] = metadata{Timestamp: m.now().UnixMilli(), CloudWatchMetrics: []directive{d}}
	if text, err := json.Marshal(line); err == nil {
		m.out.Write(append(text, '\n'))
	}
	s.clear()
}
