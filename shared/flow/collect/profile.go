package collect

import (
	"context"
	"encoding/json"
	"strings"
	"time"

	"github.com/kesher-io/kesher/shared/core/consent"
	"github.com/kesher-io/kesher/shared/core/item"
	"github.com/kesher-io/kesher/shared/core/profile"
	"github.com/kesher-io/kesher/shared/flow"
)

// Profile is what is known of a customer, as POST /v1/profiles/get answers.
type Profile struct {
	UserID   string                `json:"userId"`
	Traits   map[string]Trait      `json:"traits"`
	Consent  map[string]Permission `json:"consent"`
	Segments []string              `json:"segments"`
	Locale   string                `json:"locale,omitempty"`
	Zone     string                `json:"timezone,omitempty"`
}

// Trait is one thing known.
type Trait struct {
	Value    any        `json:"value"`
	Origin   string     `json:"origin"`
	Purposes []string   `json:"purposes"`
	At       time.Time  `json:"at"`
	Expires  *time.Time `json:"expires,omitempty"`
}

// Permission is the present state of a purpose, or of purpose/channel.
type Permission struct {
	State   consent.State `json:"state"`
	At      time.Time     `json:"at"`
	Expires *time.Time    `json:"expires,omitempty"`
	Ledger  string        `json:"ledger,omitempty"`
}

// Profile reads a customer; nil when nobody is known by this userId.
func (s *Service) Profile(ctx context.Context, userID string) (*Profile, error) {
	st, err := s.open(ctx, s.customer(userID))
	if err != nil || st.Profile == nil && st.Stored.Gate == nil || st.Gate.Erased != 0 {
		return nil, err
	}
	known := profile.Profile{} // of one who only stated consent: nothing
	if st.Profile != nil {
		known = *st.Profile
	}
	p := &Profile{
		UserID: userID, Traits: map[string]Trait{}, Consent: map[string]Permission{},
		Locale: known.Locale, Zone: known.Zone,
	}
	for name, t := range known.Traits {
		if t.Expires == 0 || st.now.UnixMilli() < t.Expires {
			p.Traits[name] = Trait{t.Value, t.Origin, t.Purposes, at(t.At), ends(t.Expires)}
		}
	}
	for name, c := range st.Gate.States {
		p.Consent[name] = Permission{c.State, at(c.At), ends(c.Expires), c.Ledger}
	}
	p.Segments, err = s.segments(ctx, st)
	return p, err
}

func at(ms int64) time.Time { return time.UnixMilli(ms).UTC() }

func ends(ms int64) *time.Time {
	if ms == 0 {
		return nil
	}
	t := at(ms)
	return &t
}

// segments she is in. Membership is an item per segment, kept after she left.
func (s *Service) segments(ctx context.Context, st *state) ([]string, error) {
	in := []string{}
	q := flow.Query{Table: item.Customers, PK: st.pk, Prefix: item.PrefixSegment, Consistency: flow.Strong}
	err := flow.Each(ctx, s.Store, q, func(it item.Item) error {
		if it.E >= st.Epoch && it.IK != "" { // listed while she is in
			in = append(in, item.Unpart(strings.TrimPrefix(it.SK, item.PrefixSegment)))
		}
		return nil
	})
	return in, err
}

// Export is everything that is stored of a customer, in every partition that
// holds something of hers: complete by construction, since it lists items and
// not kinds of them.
type Export struct {
	Profile *Profile        `json:"profile"`
	Items   []ExportedItem  `json:"items"`
	Ledger  []consent.Entry `json:"ledger"`
}

// ExportedItem is one stored item.
type ExportedItem struct {
	Partition string            `json:"partition"` // customer | visitor | address
	Key       string            `json:"key"`
	Expires   *time.Time        `json:"expires,omitempty"`
	Document  json.RawMessage   `json:"document"`
	Trace     []json.RawMessage `json:"trace,omitempty"` // what was decided about her
}

// Export reads it; nil when nobody is known by this userId.
func (s *Service) Export(ctx context.Context, userID string) (*Export, error) {
	p, err := s.Profile(ctx, userID)
	if err != nil || p == nil {
		return nil, err
	}
	st, err := s.open(ctx, s.customer(userID))
	if err != nil {
		return nil, err
	}
	x := &Export{Profile: p, Items: []ExportedItem{}, Ledger: []consent.Entry{}}
	visitors, err := s.exportPartition(ctx, x, "customer", item.Customers, st.pk, st.Epoch)
	if err != nil {
		return nil, err
	}
	for _, v := range visitors {
		if err := s.exportVisitor(ctx, x, st, item.PrefixVisitor+v); err != nil {
			return nil, err
		}
	}
	if st.Profile != nil && st.Profile.AddressHash != "" && !st.Profile.Shared {
		if _, err := s.exportPartition(ctx, x, "address", item.Customers, item.PrefixAddress+st.Profile.AddressHash, 0); err != nil {
			return nil, err
		}
	}
	return x, s.exportLedger(ctx, x, st.pk)
}

// exportVisitor adds a visitor who was nobody else: where two people used one
// browser, what is hers was copied to her, and the rest is not hers to read.
func (s *Service) exportVisitor(ctx context.Context, x *Export, st *state, pk string) error {
	items, err := s.Store.Get(ctx, flow.Strong, item.Key{Table: item.Customers, PK: pk, SK: skAlias})
	if err != nil || items[0] == nil {
		return err
	}
	var a alias
	if err := items[0].Decode(&a); err != nil || a.Customer != st.key || a.Since != 0 {
		return err
	}
	for _, table := range []item.Table{item.Customers, item.Ledger} {
		if _, err := s.exportPartition(ctx, x, "visitor", table, pk, 0); err != nil {
			return err
		}
	}
	return nil
}

func (s *Service) exportPartition(ctx context.Context, x *Export, kind string, table item.Table, pk string, epoch int64) (visitors []string, err error) {
	q := flow.Query{Table: table, PK: pk, Consistency: flow.Strong}
	err = flow.Each(ctx, s.Store, q, func(it item.Item) error {
		if it.E < epoch {
			return nil
		}
		if v, ok := strings.CutPrefix(it.SK, item.PrefixVisitorOf); ok {
			visitors = append(visitors, v)
		}
		out := ExportedItem{Partition: kind, Key: it.SK, Document: json.RawMessage(it.Body)}
		if it.TTL != 0 {
			out.Expires = ends(it.TTL * 1000)
		}
		for line := range strings.Lines(it.Trace) {
			out.Trace = append(out.Trace, json.RawMessage(line))
		}
		x.Items = append(x.Items, out)
		return nil
	})
	return visitors, err
}

func (s *Service) exportLedger(ctx context.Context, x *Export, pk string) error {
	q := flow.Query{Table: item.Ledger, PK: pk, Prefix: item.PrefixLedger, Consistency: flow.Strong}
	return flow.Each(ctx, s.Store, q, func(it item.Item) error {
		var e consent.Entry
		if err := it.Decode(&e); err != nil {
			return err
		}
		x.Ledger = append(x.Ledger, e)
		return nil
	})
}
