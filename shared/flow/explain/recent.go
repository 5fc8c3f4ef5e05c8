package explain

import (
	"cmp"
	"context"
	"slices"

	"github.com/kesher-io/kesher/shared/core/engine"
	"github.com/kesher-io/kesher/shared/core/item"
	"github.com/kesher-io/kesher/shared/core/message"
	"github.com/kesher-io/kesher/shared/flow"
)

// Told is a decision about one of many people. UserID is personal: it is for the
// eyes of who may see the console, and for no log.
type Told struct {
	Customer string `json:"customer"` // opaque key
	UserID   string `json:"userId,omitempty"`
	Line
}

// Bounds keep a look at everybody within the time of one request.
type Bounds struct {
	Customers int // how many are looked at, spread over the shards
	Lines     int // how many decisions are told
}

// Recent is what happened lately.
type Recent struct {
	Lines []Told // newest first
	// Look are people whose message is held, or may or may not have left, or
	// whose run waits for a person; newest first.
	Look []Told
	// Skipped counts what was not sent, by journey and reason.
	Skipped   map[string]map[string]int
	Customers int  // looked at
	Partial   bool // there are more customers
}

// Recent tells the newest decisions that want takes, over all customers or as
// many as the bounds allow.
func (s *Service) Recent(ctx context.Context, b Bounds, want func(*Line) bool) (*Recent, error) {
	r := &Recent{Skipped: map[string]map[string]int{}}
	for _, shard := range item.Shards {
		page, err := s.Store.Query(ctx, flow.Query{
			Table: item.Customers, List: item.AllList(string(shard)), Limit: max(1, b.Customers/len(item.Shards)),
		})
		if err != nil {
			return nil, err
		}
		r.Partial = r.Partial || page.Cursor != ""
		for _, it := range page.Items {
			customer, _ := item.CustomerOf(it.PK)
			p, err := s.read(ctx, customer)
			if err != nil {
				return nil, err
			}
			s.tell(ctx, r, p, want)
		}
	}
	r.Lines, r.Look = newestFirst(r.Lines, b.Lines), newestFirst(r.Look, b.Lines)
	return r, nil
}

func newestFirst(lines []Told, most int) []Told {
	slices.SortStableFunc(lines, func(a, b Told) int { return cmp.Compare(b.At.UnixMilli(), a.At.UnixMilli()) })
	return lines[:min(most, len(lines))]
}

func (s *Service) tell(ctx context.Context, r *Recent, p *person, want func(*Line) bool) {
	r.Customers++
	for i := range p.runs {
		run := &p.runs[i]
		lines := s.runLines(ctx, p, run, nil)
		slices.Reverse(lines) // at equal times the later decision is the newer
		for _, l := range lines {
			if want(&l) {
				r.Lines = append(r.Lines, told(p, l))
			}
		}
		if needsLook(p, run) && len(lines) > 0 {
			r.Look = append(r.Look, told(p, lines[0]))
		}
	}
	for i := range p.messages {
		if m := &p.messages[i]; m.State == message.Skipped {
			if r.Skipped[m.Journey] == nil {
				r.Skipped[m.Journey] = map[string]int{}
			}
			r.Skipped[m.Journey][m.Reason]++
		}
	}
}

func told(p *person, l Line) Told {
	return Told{Customer: p.key, UserID: p.userID.Reveal(), Line: l}
}

// needsLook: the run stands still by itself.
func needsLook(p *person, r *passage) bool {
	if r.State == engine.Parked {
		return true
	}
	m := p.message(r.ID, r.Step)
	return r.State.Live() && m != nil && (m.State == message.Held || m.State == message.Unknown)
}
