// Package doctor looks for what keeps Kesher from working and names the cure. It
// reads what every function reads, and changes nothing. What only the machine
// knows (folders, ports, DNS, the AWS account) is the command's to look at; it
// reports in the same words.
package doctor

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/kesher-io/kesher/shared/core/engine"
	"github.com/kesher-io/kesher/shared/core/item"
	"github.com/kesher-io/kesher/shared/core/message"
	"github.com/kesher-io/kesher/shared/core/plan"
	"github.com/kesher-io/kesher/shared/core/release"
	"github.com/kesher-io/kesher/shared/flow"
	"github.com/kesher-io/kesher/shared/flow/deliver"
	"github.com/kesher-io/kesher/shared/flow/faults"
	"github.com/kesher-io/kesher/shared/flow/releases"
)

// Finding is one thing that is wrong.
type Finding struct {
	Name  string `json:"name"`  // of the ailment: no-release, missing-sender, ...
	What  string `json:"what"`  // is wrong
	Where string `json:"where"` // it is wrong
	Cure  string `json:"cure"`
	// Warning: Kesher works, but somebody should know.
	Warning bool `json:"warning,omitempty"`
}

// Report is what was looked at and what was found.
type Report struct {
	Findings []Finding `json:"findings"`
	// Senders are the domains that mail leaves from, for who looks at DNS.
	Senders []string `json:"senders"`
}

// Service examines one stage.
type Service struct {
	Store    flow.Store
	Clock    flow.Clock
	Releases flow.Releases
	// Failures counts the payloads that outlived every attempt; nil: none are kept.
	Failures func(context.Context) (int, error)
	// Domain is where every sender's address must lie; "" = anywhere.
	Domain string
	// Target is how the command is told to reach this stage: "" on one machine,
	// " --target aws:prod" on AWS. Cures quote it.
	Target string
}

// Examine looks everywhere. Its error is the store's: then nothing else counts.
func (s *Service) Examine(ctx context.Context) (*Report, error) {
	r := &Report{Findings: []Finding{}, Senders: []string{}}
	live, err := s.Releases.Live(ctx)
	switch {
	case errors.Is(err, flow.ErrNoRelease):
		r.add(Finding{
			Name: "no-release", What: "nothing has been published yet: every function refuses its work",
			Where: "catalog", Cure: "kesher publish" + s.Target + " DIR",
		})
	case errors.Is(err, releases.ErrWrongSecret):
		r.add(Finding{
			Name: "wrong-secret", What: "this is not the secret that the data was written under", Where: "the stack's secret",
			Cure: "restore the secret from its backup (it is never rotated); do not publish under the new one",
		})
	case err != nil:
		return nil, err
	default:
		s.senders(r, live)
	}
	for _, look := range []func(context.Context, *Report) error{s.brake, s.parked, s.stuck, s.faults, s.failures} {
		if err := look(ctx, r); err != nil {
			return nil, err
		}
	}
	return r, nil
}

func (r *Report) add(f Finding) { r.Findings = append(r.Findings, f) }

// senders holds every purpose that sends against settings.yaml. A checked catalog
// has them all, but the stage's domain is known only here.
func (s *Service) senders(r *Report, live *release.Release) {
	for _, purpose := range sendingPurposes(live) {
		from, ok := live.Settings.SenderFor(purpose)
		if !ok {
			r.add(Finding{
				Name: "missing-sender", What: fmt.Sprintf("%s mails have no sender", purpose), Where: "settings.yaml: sender",
				Cure: fmt.Sprintf("add `%s: Name <address>` to sender, and publish", purpose),
			})
			continue
		}
		domain := domainOf(from)
		if !slices.Contains(r.Senders, domain) {
			r.Senders = append(r.Senders, domain)
		}
		if s.Domain != "" && domain != s.Domain && !strings.HasSuffix(domain, "."+s.Domain) {
			r.add(Finding{
				Name: "foreign-sender", What: fmt.Sprintf("%s mails leave from %s, which this stage may not send from", purpose, domain),
				Where: "settings.yaml: sender", Cure: fmt.Sprintf("use an address in %s, or deploy with -c domain=%s", s.Domain, domain),
			})
		}
	}
}

func sendingPurposes(live *release.Release) []string {
	purposes := []string{plan.PurposeService} // confirmations and links
	for _, j := range live.Journeys {
		if !slices.Contains(purposes, j.Purpose) {
			purposes = append(purposes, j.Purpose)
		}
	}
	slices.Sort(purposes)
	return purposes
}

// domainOf an address, as `Name <a@b>` or alone.
func domainOf(from string) string {
	from = strings.TrimSuffix(strings.TrimSpace(from), ">")
	return strings.ToLower(from[strings.LastIndexByte(from, '@')+1:])
}

// brake tells that the provider takes nothing.
func (s *Service) brake(ctx context.Context, r *Report) error {
	items, err := s.Store.Get(ctx, flow.Strong, deliver.PaceKey)
	if err != nil || items[0] == nil {
		return err
	}
	var pace message.Pace
	if err := items[0].Decode(&pace); err != nil {
		return err
	}
	now := s.Clock.Real()
	if left := pace.Left(now); left > 0 {
		r.add(Finding{
			Name: "brake", What: fmt.Sprintf("the mail service refuses everything (%s); messages are held and leave by themselves", pace.Reason),
			Where: "sending", Cure: fmt.Sprintf("lift the cause at the mail service; the next try is in %s", left.Round(time.Second)),
		})
	}
	if pace.Quota > 0 && pace.Used >= 0.9*pace.Quota {
		r.add(Finding{
			Name: "quota", What: fmt.Sprintf("%.0f of %.0f mails of the daily quota are used", pace.Used, pace.Quota), Where: "SES account",
			Cure: "ask AWS for a higher sending quota", Warning: true,
		})
	}
	return nil
}

// parked runs wait for a person.
func (s *Service) parked(ctx context.Context, r *Report) error {
	f := faults.Service{Store: s.Store, Clock: s.Clock}
	keys, err := f.Parked(ctx)
	if err != nil || len(keys) == 0 {
		return err
	}
	journeys := map[string]int{}
	for _, k := range keys {
		journeys[journeyOf(k.SK)]++
	}
	r.add(Finding{
		Name: "parked", What: fmt.Sprintf("%d runs are set aside for a person", len(keys)), Where: counted(journeys),
		Cure: "the console lists them with their reasons; kesher explain" + s.Target + " USER tells each story",
	})
	return nil
}

// journeyOf is the journey in a RUN's sort key.
func journeyOf(sk string) string {
	name, _, _ := strings.Cut(strings.TrimPrefix(sk, item.PrefixRun), "#")
	return item.Unpart(name)
}

// longLook is how long a message may be due before somebody should know.
const longLook = time.Hour

// mostLooks bounds how many outstanding runs of a shard are read.
const mostLooks = 200

// stuck tells of messages whose outcome is unknown or late.
func (s *Service) stuck(ctx context.Context, r *Report) error {
	unknown, late := map[string]int{}, map[string]int{}
	for _, shard := range item.Shards {
		page, err := s.Store.Query(ctx, flow.Query{Table: item.Customers, List: item.LookList(string(shard)), Limit: mostLooks})
		if err != nil {
			return err
		}
		for _, entry := range page.Items {
			run, err := s.run(ctx, entry.Key)
			if err != nil {
				return err
			}
			switch customer, _ := item.CustomerOf(entry.PK); {
			case run == nil || run.State != engine.Sending:
			case run.Looks > 0:
				unknown[run.Journey]++
			case s.Clock.Now(customer).UnixMilli()-run.Due > longLook.Milliseconds():
				late[run.Journey]++
			}
		}
	}
	if len(unknown) > 0 {
		r.add(Finding{
			Name: "unknown", What: "nobody can tell whether these messages left", Where: counted(unknown),
			Cure: "wait for the mail service's own report, which settles them; they are never sent again blindly",
		})
	}
	if len(late) > 0 {
		r.add(Finding{
			Name: "stuck", What: "messages have been due for more than an hour", Where: counted(late),
			Cure: "look at the errors of the function deliver; what is due is tried again by itself",
		})
	}
	return nil
}

func (s *Service) run(ctx context.Context, key item.Key) (*engine.Run, error) {
	items, err := s.Store.Get(ctx, flow.Strong, key)
	if err != nil || items[0] == nil || !strings.HasPrefix(key.SK, item.PrefixRun) {
		return nil, err
	}
	run := new(engine.Run)
	return run, items[0].Decode(run)
}

func (s *Service) faults(ctx context.Context, r *Report) error {
	f := faults.Service{Store: s.Store, Clock: s.Clock}
	list, err := f.List(ctx)
	if err != nil || len(list) == 0 {
		return err
	}
	by := map[string]int{}
	for _, fault := range list {
		by[fault.Consumer]++
	}
	r.add(Finding{
		Name: "faults", What: fmt.Sprintf("%d records could not be worked", len(list)), Where: counted(by),
		Cure: "kesher faults" + s.Target + " tells why; when the cause is gone: kesher faults" + s.Target + " retry KEY",
	})
	return nil
}

func (s *Service) failures(ctx context.Context, r *Report) error {
	if s.Failures == nil {
		return nil
	}
	n, err := s.Failures(ctx)
	if err != nil || n == 0 {
		return err
	}
	r.add(Finding{
		Name: "failure-objects", What: fmt.Sprintf("%d payloads outlived every attempt (kept for 7 days)", n), Where: "failure bucket",
		Cure: "kesher faults" + s.Target + " lists them; when the cause is gone: kesher faults" + s.Target + " retry KEY",
	})
	return nil
}

// counted writes counts by name, in the order of names.
func counted(by map[string]int) string {
	var parts []string
	for name, n := range by {
		parts = append(parts, fmt.Sprintf("%s (%d)", name, n))
	}
	slices.Sort(parts)
	return strings.Join(parts, ", ")
}
