package runtime

import (
	"crypto/rand"
	"sync"
	"time"

	"github.com/kesher-io/kesher/shared/flow"
)

var (
	_ flow.Clock  = wall{}
	_ flow.Tokens = (*tokens)(nil)
)

// wall is the clock on Lambda: business time is real time, for everybody.
type wall struct{}

func (wall) Now(string) time.Time { return time.Now().UTC().Truncate(time.Millisecond) }
func (wall) Real() time.Time      { return time.Now() }

// tokens are new by chance and by the wall clock. It is safe for concurrent use.
type tokens struct {
	mu   sync.Mutex
	last int64
}

// Token is 128 random bits.
func (*tokens) Token() string { return rand.Text() }

// Seq is the time in microseconds, or one more than the last. Two instances can
// only give the same one within the same microsecond; then their facts' keys,
// which hold message ids, still differ.
func (t *tokens) Seq() int64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.last = max(t.last+1, time.Now().UnixMicro())
	return t.last
}

// Secret is n random bytes.
func (*tokens) Secret(n int) []byte {
	b := make([]byte, n)
	rand.Read(b) // never fails (crypto/rand)
	return b
}
