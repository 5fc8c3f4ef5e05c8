package message

import (
	"slices"
	"time"

	"github.com/kesher-io/kesher/shared/core/consent"
)

// Claims in the gate: who may send what, and until when nobody else may say
// anything about it.

const (
	// MaxGate bounds the GATE item (QUALITY section 3).
	MaxGate = 8 << 10
	// keepClaims is as long as a stream record can still come again by any
	// recovery, and longer than every cap's window.
	keepClaims = 15 * 24 * time.Hour
	// keepSends is the longest cap window, with room for a customer who moves to
	// a zone a day away.
	keepSends = (week + 2) * 24 * time.Hour
)

// ClaimOf finds the claim of a message.
func ClaimOf(g *consent.Gate, message string) *consent.Claim {
	for i := range g.Claims {
		if g.Claims[i].Message == message {
			return &g.Claims[i]
		}
	}
	return nil
}

// Claim is the gate with c recorded, in place of an earlier claim of the same
// message, which makes c its second try. What is too old to matter goes.
func Claim(g *consent.Gate, c consent.Claim, now time.Time) *consent.Gate {
	next := *g
	next.Claims = make([]consent.Claim, 0, len(g.Claims)+1)
	oldest := now.Add(-keepClaims).UnixMilli()
	for _, old := range g.Claims {
		switch {
		case old.Message == c.Message:
			c.Again = true
		case old.At >= oldest:
			next.Claims = append(next.Claims, old)
		}
	}
	next.Claims = append(next.Claims, c)
	next.Sends = slices.DeleteFunc(slices.Clone(g.Sends), func(ms int64) bool {
		return ms < now.Add(-keepSends).UnixMilli()
	})
	return &next
}

// Release is the gate without this very claim; false if it is not there (any
// more), for then it is another worker's business. Of a second try, which took the
// first one's place, the first remains, its lease over: there is no third.
func Release(g *consent.Gate, c consent.Claim) (*consent.Gate, bool) {
	i := placeOf(g, c)
	if i < 0 {
		return g, false
	}
	next := *g
	next.Claims = slices.Clone(g.Claims)
	if first := &next.Claims[i]; first.Again {
		first.Again, first.Lease, first.Token = false, 0, ""
		return &next, true
	}
	next.Claims = slices.Delete(next.Claims, i, i+1)
	return &next, true
}

// Holds says whether this very claim stands in the gate.
func Holds(g *consent.Gate, c consent.Claim) bool { return placeOf(g, c) >= 0 }

func placeOf(g *consent.Gate, c consent.Claim) int {
	return slices.IndexFunc(g.Claims, func(held consent.Claim) bool {
		return held.Message == c.Message && held.Token == c.Token
	})
}

// Shed makes an overfull GATE item small again by letting claims go whose
// message is stored: deliver finds that MSG instead. The oldest go first; a send
// that counts for the caps leaves its time behind. fits tells when to stop.
func Shed(g *consent.Gate, stored map[string]bool, now time.Time, fits func(*consent.Gate) bool) *consent.Gate {
	next := *g
	next.Claims, next.Sends = slices.Clone(g.Claims), slices.Clone(g.Sends)
	for i := 0; i < len(next.Claims) && !fits(&next); {
		c := next.Claims[i]
		if !stored[c.Message] {
			i++
			continue
		}
		next.Claims = slices.Delete(next.Claims, i, i+1)
		if c.Capped && c.At >= now.Add(-keepSends).UnixMilli() {
			next.Sends = append(next.Sends, c.At)
		}
	}
	return &next
}
