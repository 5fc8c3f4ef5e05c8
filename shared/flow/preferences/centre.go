package preferences

import (
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/kesher-io/kesher/shared/core/consent"
	"github.com/kesher-io/kesher/shared/core/fact"
	"github.com/kesher-io/kesher/shared/core/item"
	"github.com/kesher-io/kesher/shared/core/plan"
	"github.com/kesher-io/kesher/shared/core/profile"
	"github.com/kesher-io/kesher/shared/core/release"
	"github.com/kesher-io/kesher/shared/core/survey"
	"github.com/kesher-io/kesher/shared/core/token"
	"github.com/kesher-io/kesher/shared/flow"
)

// Centre is everything that the preference centre shows. Times are Unix ms; 0 is
// none. Names and texts are in her language.
type Centre struct {
	Lang        string   // of the texts
	Languages   []string // that mail can come in, and
	Chosen      string   // the one it comes in
	Address     string   // enough of it to be recognised
	Pending     string   // as much of a new one that waits for its confirmation
	Permissions []Permission
	Topics      []Topic
	Paused      int64 // until
	Suppressed  bool
	Signal      int64 // when a privacy signal was honoured
	Traits      []Trait
	Zone        string
}

// Permission is one purpose and channel.
type Permission struct {
	Purpose, Channel string
	Title            string
	Contract         bool // needs no permission, and can't be stopped
	State            consent.State
	At               int64
	Notice           *Notice // what a grant would rest on; nil: can't be granted here
}

// Notice is a text by which something can be granted.
type Notice struct{ ID, Version, Text string }

// Topic she can turn off.
type Topic struct {
	Name, Title string
	On          bool
}

// Trait is one thing known of her.
type Trait struct {
	Name, Title string
	Value       any
	Spec        plan.Trait
	Origin      string
	Purposes    []string // titles
	At, Expires int64
	Options     []Option // where a survey asks for it
	Gives       string   // what she gets for it (A43)
}

// Option is a value with its name.
type Option struct{ Value, Title string }

// Centre reads what the centre shows; nil when the session is over. lang ""
// means hers.
func (s *Service) Centre(ctx context.Context, c token.Cookie, lang string) (*Centre, error) {
	p, err := s.session(ctx, c)
	if err != nil || p == nil {
		return nil, err
	}
	rel, err := s.Releases.Live(ctx)
	if err != nil {
		return nil, err
	}
	signal, err := s.signalled(ctx, p)
	if err != nil {
		return nil, err
	}
	chosen := rel.Settings.Brand.Language(p.locale())
	if lang == "" {
		lang = chosen
	}
	return &Centre{
		Lang: lang, Languages: rel.Settings.Brand.Languages, Chosen: chosen, Address: masked(p.address()), Pending: masked(p.pending()),
		Permissions: permissions(p, rel, lang), Topics: topics(p, rel, lang), Traits: traits(p, rel, lang),
		Paused: p.paused(), Suppressed: p.Gate.Suppressed != nil, Signal: signal, Zone: p.zone(rel),
	}, nil
}

func (p *person) locale() string {
	if p.Profile == nil {
		return ""
	}
	return p.Profile.Locale
}

func (p *person) address() string {
	if p.Profile == nil {
		return ""
	}
	return p.Profile.Address.Reveal()
}

// pending is a new address that waits for its confirmation.
func (p *person) pending() string {
	if p.Profile == nil || p.now.UnixMilli() >= p.Profile.PendingTill {
		return ""
	}
	return p.Profile.Pending.Reveal()
}

func (p *person) zone(rel *release.Release) string {
	if p.Profile == nil || p.Profile.Zone == "" {
		return rel.Settings.Brand.Zone
	}
	return p.Profile.Zone
}

func (p *person) paused() int64 {
	if p.Gate.Paused <= p.now.UnixMilli() {
		return 0
	}
	return p.Gate.Paused
}

// masked leaves enough of an address to be recognised by its owner.
func masked(address string) string {
	local, domain, ok := strings.Cut(address, "@")
	if !ok || local == "" {
		return ""
	}
	first := []rune(local)[0]
	return string(first) + "•••@" + domain
}

// permissions lists every purpose: what asks for permission first, then what
// does not need any. A contact permission covers data use under its purpose, so
// a purpose with channels has a line per channel and none of its own.
func permissions(p *person, rel *release.Release, lang string) []Permission {
	var list []Permission
	for _, name := range slices.Sorted(maps.Keys(rel.Plan.Purposes)) {
		purpose := rel.Plan.Purposes[name]
		channels := purpose.Contact
		if len(channels) == 0 {
			channels = []string{""}
		}
		for _, channel := range channels {
			list = append(list, permission(p, rel, lang, name, channel))
		}
	}
	slices.SortStableFunc(list, func(a, b Permission) int { return rank(a) - rank(b) })
	return list
}

func rank(p Permission) int {
	switch {
	case p.Contract:
		return 2
	case p.Channel == "":
		return 1
	}
	return 0
}

func permission(p *person, rel *release.Release, lang, purpose, channel string) Permission {
	given := p.Gate.States[consent.Name(purpose, channel)]
	if given.Expires != 0 && given.Expires <= p.now.UnixMilli() {
		given = consent.Permission{}
	}
	declared := rel.Plan.Purposes[purpose]
	out := Permission{
		Purpose: purpose, Channel: channel, Title: text(declared.Title, rel, lang, purpose),
		Contract: declared.Basis == plan.BasisContract, State: given.State, At: given.At,
	}
	if n := noticeFor(rel, purpose, channel); n != nil && !out.Contract {
		out.Notice = &Notice{ID: n.ID, Version: n.Version, Text: text(n.Text, rel, lang, "")}
	}
	return out
}

// noticeFor is the text a grant would rest on: the one that speaks of the least
// besides.
func noticeFor(rel *release.Release, purpose, channel string) *release.Notice {
	var best *release.Notice
	for _, id := range slices.Sorted(maps.Keys(rel.Notices)) {
		n := rel.Notices[id]
		if slices.Contains(n.Grants, release.Grant{Purpose: purpose, Channel: channel}) && (best == nil || len(n.Grants) < len(best.Grants)) {
			best = n
		}
	}
	return best
}

func topics(p *person, rel *release.Release, lang string) []Topic {
	var list []Topic
	for _, name := range slices.Sorted(maps.Keys(rel.Plan.Topics)) {
		_, off := p.Gate.Topics[name]
		list = append(list, Topic{Name: name, Title: text(rel.Plan.Topics[name], rel, lang, name), On: !off})
	}
	return list
}

// traits lists what is known and not expired, also what the plan no longer
// declares: it is stored, so she sees it and can delete it.
func traits(p *person, rel *release.Release, lang string) []Trait {
	if p.Profile == nil {
		return nil
	}
	var list []Trait
	for _, name := range slices.Sorted(maps.Keys(p.Profile.Traits)) {
		known := p.Profile.Traits[name]
		if known.Expires != 0 && known.Expires <= p.now.UnixMilli() {
			continue
		}
		list = append(list, trait(rel, lang, name, known))
	}
	return list
}

func trait(rel *release.Release, lang, name string, known profile.Trait) Trait {
	spec := rel.Plan.Traits[name]
	out := Trait{
		Name: name, Title: text(spec.Title, rel, lang, name), Value: known.Value, Spec: spec,
		Origin: known.Origin, At: known.At, Expires: known.Expires,
	}
	for _, purpose := range known.Purposes {
		out.Purposes = append(out.Purposes, text(rel.Plan.Purposes[purpose].Title, rel, lang, purpose))
	}
	if q := asks(rel, name); q != nil {
		out.Gives = text(q.Gives, rel, lang, "")
		for _, o := range q.Options {
			out.Options = append(out.Options, Option{Value: o.Value, Title: text(o.Title, rel, lang, o.Value)})
		}
	}
	return out
}

// asks is the first question, by survey name, whose answer sets the trait.
func asks(rel *release.Release, trait string) *survey.Question {
	for _, name := range slices.Sorted(maps.Keys(rel.Surveys)) {
		for i := range rel.Surveys[name].Questions {
			if q := &rel.Surveys[name].Questions[i]; q.Trait == trait {
				return q
			}
		}
	}
	return nil
}

// text is t in her language or the brand's first, or else the readable form of a
// name: first_name reads First name.
func text(t plan.Text, rel *release.Release, lang, name string) string {
	if s := t.In(lang, rel.Settings.Brand.First()); s != "" || name == "" {
		return s
	}
	words := strings.ReplaceAll(name, "_", " ")
	first := []rune(words)[:1]
	return strings.ToUpper(string(first)) + string([]rune(words)[1:])
}

// signalled is when a privacy signal of hers was first stored.
func (s *Service) signalled(ctx context.Context, p *person) (int64, error) {
	page, err := s.Store.Query(ctx, flow.Query{
		Table: item.Customers, PK: item.CustomerPK(p.key), Prefix: item.EventPrefix(fact.SignalReceived),
		Limit: 1, Consistency: flow.Strong,
	})
	if err != nil || len(page.Items) == 0 || page.Items[0].E < p.Epoch {
		return 0, err
	}
	var e fact.Event
	err = page.Items[0].Decode(&e)
	return e.At, err
}
