package events

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// SESEvent is what Amazon EventBridge delivers for one sending event of Amazon
// SES. The envelope is EventBridge's ("Amazon EventBridge User Guide, Events");
// the detail is SES's event record ("Amazon SES Developer Guide, Contents of
// event data that Amazon SES publishes").
//
// Headers, subjects, IP addresses and user agents stand in the record, too.
// They are personal and nothing here needs them, so they are not even decoded.
type SESEvent struct {
	Version    string    `json:"version"`
	ID         string    `json:"id"`
	DetailType string    `json:"detail-type"`
	Source     string    `json:"source"`
	Account    string    `json:"account"`
	Time       time.Time `json:"time"`
	Region     string    `json:"region"`
	Resources  []string  `json:"resources"`
	Detail     SESDetail `json:"detail"`
}

// SESSource is the envelope's source. Rules match it, and Decode demands it.
const SESSource = "aws.ses"

// Values of SESDetail.EventType.
const (
	SESSend             = "Send"
	SESDelivery         = "Delivery"
	SESBounce           = "Bounce"
	SESComplaint        = "Complaint"
	SESDeliveryDelay    = "DeliveryDelay"
	SESReject           = "Reject"
	SESOpen             = "Open"
	SESClick            = "Click"
	SESRenderingFailure = "Rendering Failure"
	SESSubscription     = "Subscription"
)

// SESDetailTypes gives the envelope's detail-type of each event type, as the
// "Amazon EventBridge Events Reference, Amazon Simple Email Service" lists them.
var SESDetailTypes = map[string]string{
	SESSend:             "Email Sent",
	SESDelivery:         "Email Delivered",
	SESBounce:           "Email Bounced",
	SESComplaint:        "Email Complaint Received",
	SESDeliveryDelay:    "Email Delivery Delayed",
	SESReject:           "Email Rejected",
	SESOpen:             "Email Opened",
	SESClick:            "Email Clicked",
	SESRenderingFailure: "Email Rendering Failed",
	SESSubscription:     "Email Subscribed",
}

// Tags that Kesher puts on every mail. Their values are opaque (B27).
const (
	TagMessage  = "kesher_message"
	TagCustomer = "kesher_customer"
	TagJourney  = "kesher_journey"
)

// SESDetail is SES's event record. The part named like EventType is set.
type SESDetail struct {
	EventType        string            `json:"eventType"`
	Mail             SESMail           `json:"mail"`
	Send             *struct{}         `json:"send,omitempty"`
	Delivery         *SESDeliveryInfo  `json:"delivery,omitempty"`
	Bounce           *SESBounceInfo    `json:"bounce,omitempty"`
	Complaint        *SESComplaintInfo `json:"complaint,omitempty"`
	DeliveryDelay    *SESDelayInfo     `json:"deliveryDelay,omitempty"`
	Reject           *SESRejectInfo    `json:"reject,omitempty"`
	Open             *SESOpenInfo      `json:"open,omitempty"`
	Click            *SESClickInfo     `json:"click,omitempty"`
	RenderingFailure *SESFailureInfo   `json:"failure,omitempty"`
	Subscription     *SESTopicInfo     `json:"subscription,omitempty"`
}

// SESMail is the mail that the event is about.
type SESMail struct {
	Timestamp   time.Time           `json:"timestamp"`
	MessageID   string              `json:"messageId"`
	Destination []Personal          `json:"destination"`
	Tags        map[string][]string `json:"tags"`
}

// Tag is the one value of a tag, or "".
func (m SESMail) Tag(name string) string {
	if values := m.Tags[name]; len(values) > 0 {
		return values[0]
	}
	return ""
}

// SESRecipient is one recipient in a bounce, complaint or delay.
type SESRecipient struct {
	EmailAddress Personal `json:"emailAddress"`
	Status       string   `json:"status,omitempty"` // RFC 3463
}

// SESDeliveryInfo: the recipient's server took the mail.
type SESDeliveryInfo struct {
	Timestamp            time.Time  `json:"timestamp"`
	ProcessingTimeMillis int64      `json:"processingTimeMillis"`
	Recipients           []Personal `json:"recipients"`
}

// Values of SESBounceInfo.BounceType.
const (
	BouncePermanent    = "Permanent"
	BounceTransient    = "Transient"
	BounceUndetermined = "Undetermined"
)

// ComplaintNotSpam is the SESComplaintInfo.FeedbackType that takes a complaint back
// (RFC 5965 section 3.5, IANA's registry of feedback types).
const ComplaintNotSpam = "not-spam"

// SESBounceInfo: the mail came back.
type SESBounceInfo struct {
	BounceType        string         `json:"bounceType"`
	BounceSubType     string         `json:"bounceSubType"`
	BouncedRecipients []SESRecipient `json:"bouncedRecipients"`
	Timestamp         time.Time      `json:"timestamp"`
	FeedbackID        string         `json:"feedbackId"`
}

// SESComplaintInfo: the recipient called the mail spam, or took that back with
// ComplaintNotSpam.
type SESComplaintInfo struct {
	ComplainedRecipients []SESRecipient `json:"complainedRecipients"`
	Timestamp            time.Time      `json:"timestamp"`
	FeedbackID           string         `json:"feedbackId"`
	SubType              string         `json:"complaintSubType,omitempty"`
	FeedbackType         string         `json:"complaintFeedbackType,omitempty"`
}

// SESDelayInfo: the mail waits at SES.
type SESDelayInfo struct {
	Timestamp         time.Time      `json:"timestamp"`
	DelayType         string         `json:"delayType"`
	ExpirationTime    time.Time      `json:"expirationTime"`
	DelayedRecipients []SESRecipient `json:"delayedRecipients"`
}

// SESRejectInfo: SES accepted the mail, and then did not send it.
type SESRejectInfo struct {
	Reason string `json:"reason"`
}

// SESOpenInfo: a pixel of SES was fetched.
type SESOpenInfo struct {
	Timestamp time.Time `json:"timestamp"`
}

// SESClickInfo: a link wrapped by SES was followed.
type SESClickInfo struct {
	Timestamp time.Time           `json:"timestamp"`
	Link      Personal            `json:"link"`
	LinkTags  map[string][]string `json:"linkTags,omitempty"`
}

// SESFailureInfo: a template of SES could not be rendered.
type SESFailureInfo struct {
	TemplateName string `json:"templateName"`
	ErrorMessage string `json:"errorMessage"`
}

// SESTopicInfo: the recipient used SES's own subscription page.
type SESTopicInfo struct {
	ContactList         string    `json:"contactList"`
	Timestamp           time.Time `json:"timestamp"`
	Source              string    `json:"source"`
	NewTopicPreferences SESTopics `json:"newTopicPreferences"`
	OldTopicPreferences SESTopics `json:"oldTopicPreferences"`
}

// SESTopics are the preferences of a contact in a list of SES.
type SESTopics struct {
	UnsubscribeAll          bool `json:"unsubscribeAll"`
	TopicSubscriptionStatus []struct {
		TopicName          string `json:"topicName"`
		SubscriptionStatus string `json:"subscriptionStatus"`
	} `json:"topicSubscriptionStatus,omitempty"`
}

// maxSES is EventBridge's limit of an event (256 KB, "PutEvents" quota).
const maxSES = 256 << 10

// DecodeSES reads one event and refuses what is none, or lacks the part that its
// type promises. The error never quotes the input, which is personal.
func DecodeSES(b []byte) (*SESEvent, error) {
	if len(b) > maxSES {
		return nil, fmt.Errorf("ses event: %d bytes, at most %d", len(b), maxSES)
	}
	var e SESEvent
	if err := json.Unmarshal(b, &e); err != nil {
		return nil, fmt.Errorf("ses event: %w", quiet(err))
	}
	if e.Source != SESSource {
		return nil, errors.New("ses event: source is not " + SESSource)
	}
	if e.ID == "" {
		return nil, errors.New("ses event: no id")
	}
	if _, ok := e.Detail.record(); !ok {
		return nil, errors.New("ses event: the record of its eventType is missing, or the type is unknown")
	}
	return &e, nil
}

// record is the time in the part that the event type promises; ok is false if
// the part is missing or the type is unknown. Send carries an empty object, and
// neither it nor a reject or a failure has a time of its own.
func (d SESDetail) record() (at time.Time, ok bool) {
	switch {
	case d.EventType == SESSend:
		return at, true
	case d.EventType == SESDelivery && d.Delivery != nil:
		return d.Delivery.Timestamp, true
	case d.EventType == SESBounce && d.Bounce != nil:
		return d.Bounce.Timestamp, true
	case d.EventType == SESComplaint && d.Complaint != nil:
		return d.Complaint.Timestamp, true
	case d.EventType == SESDeliveryDelay && d.DeliveryDelay != nil:
		return d.DeliveryDelay.Timestamp, true
	case d.EventType == SESReject:
		return at, d.Reject != nil
	case d.EventType == SESOpen && d.Open != nil:
		return d.Open.Timestamp, true
	case d.EventType == SESClick && d.Click != nil:
		return d.Click.Timestamp, true
	case d.EventType == SESRenderingFailure:
		return at, d.RenderingFailure != nil
	case d.EventType == SESSubscription && d.Subscription != nil:
		return d.Subscription.Timestamp, true
	}
	return at, false
}

// At is when the thing happened at SES: the record's own time, or else the
// envelope's.
func (e *SESEvent) At() time.Time {
	if at, ok := e.Detail.record(); ok && !at.IsZero() {
		return at
	}
	return e.Time
}

// quiet keeps of a JSON error what can't be personal: where, not what.
func quiet(err error) error {
	var syntax *json.SyntaxError
	if errors.As(err, &syntax) {
		return fmt.Errorf("not JSON at byte %d", syntax.Offset)
	}
	var kind *json.UnmarshalTypeError
	if errors.As(err, &kind) {
		return fmt.Errorf("field %s has the wrong type", kind.Field)
	}
	return errors.New("a value has the wrong form")
}
