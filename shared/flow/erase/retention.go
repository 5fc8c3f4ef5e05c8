package erase

// How long the places that keep copies of what passed through them do so, in
// days: the stack deploys by these numbers, and receipts promise them (A35, E30).
const (
	StreamDays  = 1  // DynamoDB's own, not ours to choose (developer guide, "Change data capture for DynamoDB Streams")
	FailureDays = 7  // payloads that no handler could work
	LogDays     = 30 // hold nothing personal in the first place
	BackupDays  = 35 // point-in-time recovery
)
