package collect

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/kesher-io/kesher/events"
	"github.com/kesher-io/kesher/shared/core/consent"
	"github.com/kesher-io/kesher/shared/core/fact"
	"github.com/kesher-io/kesher/shared/core/ident"
	"github.com/kesher-io/kesher/shared/core/item"
	"github.com/kesher-io/kesher/shared/core/release"
	"github.com/kesher-io/kesher/shared/flow"
	"github.com/kesher-io/kesher/shared/flow/agenda"
	"github.com/kesher-io/kesher/shared/flow/history"
)

// alias is the document by which a visitor's partition says whose the visitor
// turned out to be, and (under VISITOR#) a customer's which visitors she was.
type alias struct {
	Customer string `json:"c"`
	// Since (ms): what arrived before belongs to somebody else, who used the same
	// browser and was identified first.
	Since int64 `json:"s,omitempty"`
	// Merged is the entry of the visitor's consent history up to which her
	// statements have been merged: they may arrive long after they were made.
	Merged int64 `json:"n,omitempty"`
	// At (ms) of the last identify.
	At int64 `json:"a"`

	// until (ms; 0: not yet) another had the browser.
	until int64
}

const (
	skAlias = "ALIAS"
	// recent is how old a visitor's fact may be to become the customer's.
	recent = 30 * 24 * time.Hour
	// again is when facts that raced the identify are copied as well.
	again = time.Minute
	// maxCopies bounds the work of one identify.
	maxCopies = 1000
)

// alias makes the visitor the customer: consent merges to the most restrictive,
// both partitions say who is whom, and recent facts are copied; once more a
// minute later, for facts that were on their way (I07).
func (w *work) alias(ctx context.Context, visitor string) error {
	v, err := w.open(ctx, subject{key: visitor, pk: item.PrefixVisitor + visitor, visitor: true})
	if err != nil {
		return err
	}
	for range maxAttempts {
		items, err := w.Store.Get(ctx, flow.Strong, v.at(skAlias))
		if err != nil {
			return err
		}
		a, fresh, err := w.whose(v, items[0])
		if err != nil {
			return err
		}
		if fresh { // before the alias, which makes the next attempt think that it is done
			if err := w.remindCopies(ctx); err != nil {
				return err
			}
		}
		if err := w.mergeConsent(ctx, v, a); err != nil {
			return err
		}
		err = w.sayAlias(ctx, v, items[0], a)
		if err == nil {
			return w.copyNowAndLater(ctx, v, a)
		}
		if _, conflict := flow.AsConflict(err); !conflict {
			return err
		}
	}
	return errContended
}

// whose reads the alias of a visitor for this customer. fresh: it was nobody's, or
// somebody else's until now, and what is there already stays hers.
func (w *work) whose(v *state, read *item.Item) (a alias, fresh bool, err error) {
	if read != nil {
		if err := read.Decode(&a); err != nil {
			return a, false, err
		}
	}
	switch a.Customer {
	case w.st.key:
		return a, false, nil
	case "":
		return alias{Customer: w.st.key}, true, nil
	}
	return alias{Customer: w.st.key, Since: w.st.now.UnixMilli(), Merged: v.Gate.Ledger.N}, true, nil
}

// sayAlias writes the alias into both partitions, unless that was done lately.
func (w *work) sayAlias(ctx context.Context, v *state, read *item.Item, a alias) error {
	now, news := w.st.now.UnixMilli(), v.Gate.Ledger.N > a.Merged
	if now-a.At < aliasStands.Milliseconds() && !news {
		return nil
	}
	a.At, a.Merged = now, v.Gate.Ledger.N
	// Neither has an end: by them an export and an erasure find all that lies there.
	of := read.Next(v.at(skAlias), w.Tokens.Token(), 0)
	was := (*item.Item)(nil).Next(w.st.at(item.PrefixVisitorOf+v.key), w.Tokens.Token(), w.st.Epoch)
	if err := errors.Join(of.Encode(a), was.Encode(a)); err != nil {
		return err
	}
	return w.Store.Write(ctx, flow.Put(of, flow.Is(read)), flow.Put(was, flow.Any))
}

// aliasStands is how long an alias needs no refreshing: a site identifies its
// visitor on every page.
const aliasStands = time.Hour

func (w *work) copyNowAndLater(ctx context.Context, v *state, a alias) error {
	n, err := w.copyFacts(ctx, v, a)
	if err != nil || n == 0 {
		return err
	}
	return w.remindCopies(ctx)
}

// remindCopies has it all copied once more when the facts of this identify have come,
// too: an earlier one's chore would be over by then.
func (w *work) remindCopies(ctx context.Context) error {
	return w.agenda().Postpone(ctx, w.st.key, w.st.Epoch, agenda.Copies, w.st.now.Add(again))
}

// mergeConsent lets what the visitor stated since the last merge bind the
// customer. It raises use of her data only where she never said anything;
// permission to contact her is hers to give.
func (w *work) mergeConsent(ctx context.Context, v *state, a alias) error {
	var said []consent.Statement
	for _, name := range slices.Sorted(maps.Keys(v.Gate.States)) {
		theirs := v.Gate.States[name]
		hers := w.st.Gate.States[name]
		purpose, channel := consent.Split(name)
		if theirs.Ledger <= consent.LedgerSK(a.Merged) || theirs.State == consent.Pending || consent.Stricter(hers, theirs).State == hers.State {
			continue
		}
		st := consent.Statement{
			ID: ident.Derive("visitor", v.key, name, theirs.Ledger), Purpose: purpose, Channel: channel, State: theirs.State, At: theirs.At, Expires: theirs.Expires,
			By: consent.Server, Surface: "identify", Mechanism: "visitor became known",
			Evidence: &consent.Evidence{Basis: "consent", Source: "stated as a visitor"},
		}
		if theirs.State == consent.Granted && channel != "" || st.Check(w.rel.Plan) != nil {
			continue
		}
		said = append(said, st)
	}
	if len(said) == 0 {
		return nil
	}
	if _, err := w.consents().Apply(ctx, w.st.key, w.rel, said); err != nil {
		return err
	}
	return w.reopen(ctx)
}

// copyFacts copies a visitor's recent facts to the customer, under the same keys,
// so that one that is there already is not doubled.
func (w *work) copyFacts(ctx context.Context, v *state, a alias) (n int, err error) {
	copies, err := w.copies(ctx, v, a)
	if err != nil {
		return 0, err
	}
	for _, c := range copies {
		if err := c.encode(w.st.stamp(w.Tokens)); err != nil {
			return n, err
		}
		err := w.Store.Write(ctx, flow.Put(c.it, flow.Absent))
		if _, conflict := flow.AsConflict(err); conflict {
			continue // it came over before, or came directly
		}
		n++
		if err == nil && c.response != nil {
			err = w.answered(ctx, c.response)
		}
		if err != nil {
			return n, err
		}
	}
	return n, nil
}

// copies are those of a visitor's facts that become the customer's, oldest first.
// Of more than maxCopies the newest do; the others are counted and stay.
func (w *work) copies(ctx context.Context, v *state, a alias) (list []*factCopy, err error) {
	left := 0
	trim := func() {
		slices.SortStableFunc(list, func(x, y *factCopy) int { return cmp.Compare(x.at, y.at) })
		over := max(len(list)-maxCopies, 0)
		list, left = slices.Delete(list, 0, over), left+over
	}
	for _, prefix := range []string{item.PrefixEvent, item.PrefixResponse} {
		q := flow.Query{Table: item.Customers, PK: v.pk, Prefix: prefix, Consistency: flow.Strong}
		err := flow.Each(ctx, w.Store, q, func(it item.Item) error {
			c, err := w.copyOf(&it)
			if err != nil || c == nil || !w.takes(c, a) {
				return err
			}
			if list = append(list, c); len(list) == 2*maxCopies { // anybody can be a visitor with a million facts
				trim()
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	if trim(); left > 0 {
		w.Metrics.Count(metricLeft, int64(left))
	}
	return list, nil
}

// factCopy is a visitor's fact as the customer would have it.
type factCopy struct {
	it       item.Item
	at, in   int64
	purposes []string
	event    *fact.Event // or
	response *fact.Response
}

// copyOf makes the copy; nil for what is not copied: consent, which is merged.
func (w *work) copyOf(it *item.Item) (*factCopy, error) {
	c := &factCopy{it: (*item.Item)(nil).Next(w.st.at(it.SK), w.Tokens.Token(), w.st.Epoch)}
	c.it.TTL = it.TTL
	if strings.HasPrefix(it.SK, item.PrefixResponse) {
		r := &fact.Response{}
		if err := it.Decode(r); err != nil {
			return nil, err
		}
		c.at, c.in, c.purposes, c.response = r.At, r.In.Milli(), surveyPurpose(w.rel, r.Survey), r
		return c, nil
	}
	e := &fact.Event{}
	if err := it.Decode(e); err != nil {
		return nil, err
	}
	switch e.Name {
	case fact.ConsentGranted, fact.ConsentWithdrawn:
		return nil, nil
	case fact.SurveyAnswered:
		name, _ := e.Props["survey"].(string)
		c.purposes = surveyPurpose(w.rel, name)
	default:
		c.purposes, _ = history.Purposes(w.rel.Plan, e.Name)
	}
	c.at, c.in, c.event = e.At, e.In.Milli(), e
	return c, nil
}

// encode writes the copy's document. Its times stay the fact's own but for its
// arrival, which is here and now.
func (c *factCopy) encode(in ident.Stamp) error {
	if c.response != nil {
		c.response.In = in
		return c.it.Encode(c.response)
	}
	c.event.In, c.event.Copied = in, true
	return c.it.Encode(c.event)
}

// takes: the fact is recent, of this customer's time with the browser, and its
// purpose is permitted by her.
func (w *work) takes(c *factCopy, a alias) bool {
	oldest := max(w.st.now.Add(-recent).UnixMilli(), w.st.Gate.Erased, w.st.Gate.Since)
	hers := c.in >= a.Since && (a.until == 0 || c.in < a.until)
	return c.at >= oldest && hers && w.st.mayUse(w.rel, c.purposes)
}

func surveyPurpose(rel *release.Release, name string) []string {
	if sv, ok := rel.Surveys[name]; ok {
		return []string{sv.Purpose}
	}
	return nil
}

// Copy copies facts that raced an identify: the chore agenda.Copies.
func (s *Service) Copy(ctx context.Context, customer string) error {
	rel, err := s.Releases.Live(ctx)
	if err != nil {
		return err
	}
	st, err := s.open(ctx, subject{key: customer, pk: item.CustomerPK(customer)})
	if err != nil || st.Gate.Erased != 0 || st.Profile == nil {
		return err
	}
	st.userID = st.Profile.UserID
	w := &work{Service: s, rel: rel, src: Source{Kind: Server}, c: &events.Call{}, st: st, m: moment{at: st.now.UnixMilli()}}
	q := flow.Query{Table: item.Customers, PK: st.pk, Prefix: item.PrefixVisitorOf, Consistency: flow.Strong}
	return flow.Each(ctx, s.Store, q, func(it item.Item) error {
		var a alias
		if it.E < st.Epoch {
			return nil
		}
		if err := it.Decode(&a); err != nil || a.At < st.now.Add(-copyWindow).UnixMilli() {
			return err
		}
		visitor := strings.TrimPrefix(it.SK, item.PrefixVisitorOf)
		v := &state{subject: subject{key: visitor, pk: item.PrefixVisitor + visitor, visitor: true}}
		if err := w.handedOn(ctx, v, &a); err != nil {
			return err
		}
		_, err := w.copyFacts(ctx, v, a)
		return err
	})
}

// handedOn finds out whether another has the browser by now: what comes since is
// not hers.
func (w *work) handedOn(ctx context.Context, v *state, a *alias) error {
	items, err := w.Store.Get(ctx, flow.Strong, v.at(skAlias))
	if err != nil || items[0] == nil {
		return err
	}
	var now alias
	if err := items[0].Decode(&now); err != nil {
		return err
	}
	if now.Customer != w.st.key {
		a.until = now.Since
	}
	return nil
}

// copyWindow is how long after an identify its chore may still be worked: clocks
// stand still during an outage, and facts do not.
const copyWindow = 24 * time.Hour
