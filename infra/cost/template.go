package cost

import (
	"encoding/json"
	"fmt"
	"maps"
	"strings"
)

// Template is what of CloudFormation templates costs money.
type Template struct {
	Resources map[string]struct {
		Type       string
		Properties struct{ MemorySize float64 }
	}
}

// ReadTemplates joins the templates of a stage's stacks.
func ReadTemplates(texts ...[]byte) (Template, error) {
	var all Template
	for _, text := range texts {
		var t Template
		if err := json.Unmarshal(text, &t); err != nil {
			return all, fmt.Errorf("template: %w", err)
		}
		if all.Resources == nil {
			all = t
			continue
		}
		maps.Copy(all.Resources, t.Resources)
	}
	return all, nil
}

// MemoryMB of a function, by the beginning of its logical id.
func (t Template) MemoryMB(function string) float64 {
	for id, r := range t.Resources {
		if r.Type == "AWS::Lambda::Function" && strings.HasPrefix(strings.ToLower(id), function) {
			return r.Properties.MemorySize
		}
	}
	return 0
}

func (t Template) count(kind string) (n float64) {
	for _, r := range t.Resources {
		if r.Type == kind {
			n++
		}
	}
	return n
}

// Month in minutes: 365 days, shared by twelve.
const Month = 365 * 24 * 60 / 12.0

// Idle is a month of a stage that nothing happens to: what stands in its
// template, and a minute of its clock as often as it comes. metrics are those that
// it measures all the same.
func (p Prices) Idle(t Template, minute Usage, metrics float64) Bill {
	beyond := func(n, free float64) float64 { return max(0, n-free) }
	alarms, boards := t.count("AWS::CloudWatch::Alarm"), t.count("AWS::CloudWatch::Dashboard")
	secrets, keys := t.count("AWS::SecretsManager::Secret"), t.count("AWS::KMS::Key")
	b := Bill{Lines: []Line{
		{"alarms", alarms, beyond(alarms, p.FreeAlarms) * p.Alarm},
		{"dashboards", boards, beyond(boards, p.FreeDashboards) * p.Dashboard},
		{"metrics", metrics, beyond(metrics, p.FreeMetrics) * p.Metric},
		{"secrets", secrets, secrets * p.Secret},
		{"customer-managed keys", keys, keys * p.Key},
	}}
	for _, l := range p.Bill(minute.Times(Month)).Lines {
		l.What = "clock, every minute: " + strings.TrimPrefix(l.What, "clock: ")
		b.Lines = append(b.Lines, l)
	}
	return b
}
