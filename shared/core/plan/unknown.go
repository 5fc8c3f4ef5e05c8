package plan

import "strings"

const keepPrefix = "keep: "

// KeepUnknown makes the value of UnknownEvents that keeps events the plan does
// not declare under a purpose.
func KeepUnknown(purpose string) string { return keepPrefix + purpose }

// KeepsUnknown is the purpose under which events are kept that the plan does not
// declare; ok is false when they are refused, which is the default.
func (p *Plan) KeepsUnknown() (purpose string, ok bool) {
	purpose, ok = strings.CutPrefix(p.UnknownEvents, keepPrefix)
	if !ok {
		return "", false
	}
	return purpose, true
}
