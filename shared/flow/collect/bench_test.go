package collect

import (
	"context"
	"fmt"
	"testing"

	"github.com/kesher-io/kesher/events"
)

// BenchmarkTrack decodes and stores one event of a known customer, in memory.
func BenchmarkTrack(b *testing.B) {
	f := setup(b)
	f.agrees("u1")
	f.taken(server, `{"type":"identify","userId":"u1","traits":{"first_name":"Dana"}}`)
	i := 0
	for b.Loop() {
		i++
		body := fmt.Sprintf(`{"type":"track","userId":"u1","messageId":"m%d","event":"Product Added","timestamp":"2027-03-01T09:00:00.000Z","properties":{"product_id":"p1","name":"Tent","price":90,"quantity":1},"context":{"library":{"name":"analytics-go","version":"3.3.0"},"locale":"he-IL"}}`, i)
		c, r := events.DecodeCall([]byte(body), "")
		if r != nil {
			b.Fatal(r)
		}
		if out, err := f.Collect(context.Background(), c, server); err != nil || out.Refused != nil {
			b.Fatal(err, out.Refused)
		}
	}
}
