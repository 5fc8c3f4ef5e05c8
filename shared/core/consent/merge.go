package consent

import (
	"maps"
)

// strictness orders states from what permits to what forbids. Unknown is no
// state: who never said anything takes nothing from who did.
var strictness = map[State]int{Unknown: 0, Granted: 1, Pending: 2, Denied: 3, Withdrawn: 4}

// Stricter is the more restrictive of two permissions: the one that binds when
// two records turn out to be one person (A40).
func Stricter(a, b Permission) Permission {
	switch {
	case strictness[a.State] != strictness[b.State]:
		if strictness[a.State] < strictness[b.State] {
			return b
		}
		return a
	case a.State.Refused():
		if a.At < b.At {
			return b
		}
		return a
	}
	p := shorter(a, b)
	p.No = max(a.No, b.No)
	return p
}

// shorter of two equal permissions is the one that ends first; of two without an
// end, the one given first.
func shorter(a, b Permission) Permission {
	if a.Expires != b.Expires {
		if a.Expires == 0 || b.Expires != 0 && b.Expires < a.Expires {
			return b
		}
		return a
	}
	if b.At < a.At {
		return b
	}
	return a
}

// Merge takes the most restrictive state of every permission that either knows.
func Merge(a, b map[string]Permission) map[string]Permission {
	merged := maps.Clone(a)
	if merged == nil {
		merged = make(map[string]Permission, len(b))
	}
	for name, p := range b {
		merged[name] = Stricter(merged[name], p)
	}
	return merged
}
