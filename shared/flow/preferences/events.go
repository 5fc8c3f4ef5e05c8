package preferences

import (
	"time"

	"github.com/kesher-io/kesher/shared/core/fact"
	"github.com/kesher-io/kesher/shared/core/item"
	"github.com/kesher-io/kesher/shared/flow"
)

// keepEvents is how long what happened on these pages is kept: as long as the
// messages it is about.
const keepEvents = 400 * 24 * time.Hour

// event puts one event into the customer's log. The id makes it happen once:
// its key is built from the id and from at, so the caller repeats both or neither.
func (s *Service) event(p *person, name, id string, at time.Time, props map[string]any) (flow.Op, error) {
	e := fact.Event{ID: id, Name: name, At: at.UnixMilli(), In: s.stamp(p), Props: props}
	key := item.C(p.key, item.EventSK(name, at, id))
	it := (*item.Item)(nil).Next(key, s.Tokens.Token(), p.Epoch)
	it.TTL = p.now.Add(keepEvents).Unix()
	err := it.Encode(e)
	return flow.Put(it, flow.Absent), err
}
