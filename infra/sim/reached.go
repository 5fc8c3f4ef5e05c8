package sim

// Reached is a place of the protocol that histories must come to, or they prove
// nothing: "sometimes assertions".
type Reached string

const (
	Entered             Reached = "a run began"
	MovedWithoutRecord  Reached = "a run or message whose record was lost went on"
	DecidedAgain        Reached = "a decision was made again on its record"
	Erased              Reached = "a customer was erased"
	ErasedAmidClaims    Reached = "a customer with claims was erased"
	LeftAfterErasure    Reached = "a mail claimed before an erasure left after it"
	LeftAfterWithdrawal Reached = "a mail claimed before a withdrawal left after it"
	ClaimReleased       Reached = "a claim was let go"
	ExitAfterReads      Reached = "an exit came after the gate's reads"
	ExitWhileDue        Reached = "an exit waited for a due message"
	AfterPause          Reached = "a mail left after a pause was over"
	WeekFull            Reached = "a week's last place was taken"
	TooLate             Reached = "a link was followed too late"
	CapFull             Reached = "a day's last place was taken"
	BecameUnknown       Reached = "a message became unknown"
	UnknownSettled      Reached = "a report settled an unknown message"
	SkippedLeftAfterAll Reached = "a message skipped by one worker had left by another"
	SkippedUnsaid       Reached = "a message skipped by one worker had left by another, who died, and SES never said"
	ReportFirst         Reached = "a report came before anything was stored"
	BecameFailed        Reached = "a message failed for good"
	PastErasure         Reached = "something was written past an erasure, by who read before"
	WasVisitor          Reached = "what a visitor did became the customer's"
	BorrowedBrowser     Reached = "a customer was known at another's browser"
	Confirmed           Reached = "an address was confirmed"
	Unconfirmed         Reached = "an address that nobody confirmed was forgotten"
	SignedUp            Reached = "what a form asked for was granted by a link"
	SignedUpAnew        Reached = "an erased customer signed up again"
	CameBack            Reached = "an erased customer came back"
	Parked              Reached = "a run was parked"
	SetAside            Reached = "an older binary set aside what a newer one wrote"
	NewVersion          Reached = "a run went on under the version it began with, another being live"
)

// MustReach are the places that a thousand seeds must come to.
var MustReach = []Reached{
	Entered, MovedWithoutRecord, DecidedAgain, Erased, ErasedAmidClaims, LeftAfterErasure, LeftAfterWithdrawal,
	ClaimReleased, ExitAfterReads, ExitWhileDue, AfterPause, WeekFull, TooLate, CapFull, BecameUnknown, UnknownSettled, BecameFailed, Parked,
	NewVersion, SetAside, PastErasure, WasVisitor, BorrowedBrowser, Confirmed, Unconfirmed, SignedUp, SignedUpAnew, CameBack,
	"held: quiet hours", "held: cap", "held: brake", "held: throttled",
	"skipped: no consent", "skipped: paused by the customer", "skipped: topic turned off", "skipped: suppressed", "skipped: cap", "skipped: late", "skipped: exit seen at the gate",
	"skipped: address belongs to another customer",
}
