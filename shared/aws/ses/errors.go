package ses

import (
	"errors"
	"fmt"
	"net/http"
	"strings"

	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/smithy-go"

	"github.com/kesher-io/kesher/shared/flow"
)

// outcomes is what each error of SES API v2 means for a mail (ARCHITECTURE
// section 4 point 5). It holds every error of the service's model, also those
// that SendEmail does not name, and the errors common to all services
// (SES API v2 reference, "Common Error Types"). What is not here is unknown.
var outcomes = map[string]flow.Outcome{
	// This mail will never be accepted.
	"MessageRejected":     flow.OutcomeMessageFatal, // but see senderUnverified
	"BadRequestException": flow.OutcomeMessageFatal,
	"ValidationError":     flow.OutcomeMessageFatal,
	"ValidationException": flow.OutcomeMessageFatal,

	// Nothing of this sender is accepted until somebody or some time mends it.
	"AccountSuspendedException":          flow.OutcomeSenderWide,
	"SendingPausedException":             flow.OutcomeSenderWide,
	"MailFromDomainNotVerifiedException": flow.OutcomeSenderWide,
	"LimitExceededException":             flow.OutcomeSenderWide, // the day's quota
	"NotFoundException":                  flow.OutcomeSenderWide, // the configuration set is gone
	"AccessDeniedException":              flow.OutcomeSenderWide, // our role
	"NotAuthorized":                      flow.OutcomeSenderWide,
	"OptInRequired":                      flow.OutcomeSenderWide,
	"UnrecognizedClientException":        flow.OutcomeSenderWide,
	"InvalidClientTokenId":               flow.OutcomeSenderWide,
	"MissingAuthenticationToken":         flow.OutcomeSenderWide,
	"IncompleteSignature":                flow.OutcomeSenderWide,
	"SignatureDoesNotMatch":              flow.OutcomeSenderWide,

	// Surely not accepted now, and likely to be soon.
	"TooManyRequestsException": flow.OutcomeNotAccepted, // but see quotaSpent
	"ThrottlingException":      flow.OutcomeNotAccepted,
	"Throttling":               flow.OutcomeNotAccepted,
	"RequestExpired":           flow.OutcomeNotAccepted, // our clock was off
	"ExpiredTokenException":    flow.OutcomeNotAccepted, // the next invocation has a fresh one

	// The mail may have been accepted before SES failed.
	"InternalServiceErrorException":   flow.OutcomeUnknown,
	"ConcurrentModificationException": flow.OutcomeUnknown, // a 500, too
	"InternalFailure":                 flow.OutcomeUnknown,
	"ServiceUnavailable":              flow.OutcomeUnknown,

	// SendEmail has no business to answer these, so they say nothing of the mail.
	"AlreadyExistsException":    flow.OutcomeUnknown,
	"ConflictException":         flow.OutcomeUnknown,
	"InvalidNextTokenException": flow.OutcomeUnknown,
}

// classify turns any error of SendEmail into a *flow.SendError. The error that
// it holds leaves out what SES wrote, which may name addresses, and names the
// request instead, by which AWS and its logs can find it.
func classify(err error, from string, sent bool) error {
	var invalid *smithy.InvalidParamsError
	var api smithy.APIError
	switch {
	case errors.As(err, &invalid):
		return failed(flow.OutcomeMessageFatal, "InvalidParams", err)
	case errors.As(err, &api):
		return failed(meaning(api, err, from), api.ErrorCode(), err)
	case !sent:
		return failed(flow.OutcomeNotAccepted, "NotSent", err)
	default:
		return failed(flow.OutcomeUnknown, "NoAnswer", err)
	}
}

func meaning(api smithy.APIError, err error, from string) flow.Outcome {
	outcome, known := outcomes[api.ErrorCode()]
	switch {
	case !known && status(err) == http.StatusTooManyRequests:
		return flow.OutcomeNotAccepted
	case quotaSpent(api), senderUnverified(api, from):
		return flow.OutcomeSenderWide
	default:
		return outcome
	}
}

// quotaSpent: SES tells the day's quota and the second's rate apart by text
// only (SES developer guide, "Errors related to the sending quotas for your
// Amazon SES account").
func quotaSpent(api smithy.APIError) bool {
	return outcomes[api.ErrorCode()] == flow.OutcomeNotAccepted &&
		strings.Contains(strings.ToLower(api.ErrorMessage()), "daily")
}

// senderUnverified: "Email address is not verified. The following identities
// failed the check in region EU-WEST-1: a@example.com, b@example.com". A
// recipient stands there only in the sandbox; the sender concerns every mail.
func senderUnverified(api smithy.APIError, from string) bool {
	return api.ErrorCode() == "MessageRejected" &&
		strings.Contains(strings.ToLower(api.ErrorMessage()), strings.ToLower(from))
}

func status(err error) int {
	var response *awshttp.ResponseError
	if errors.As(err, &response) {
		return response.HTTPStatusCode()
	}
	return 0
}

func failed(outcome flow.Outcome, code string, err error) error {
	var response *awshttp.ResponseError
	said := fmt.Errorf("no answer from SES: %w", err)
	if errors.As(err, &response) {
		said = fmt.Errorf("SES answered %d to request %s", response.HTTPStatusCode(), response.ServiceRequestID())
	}
	return &flow.SendError{Outcome: outcome, Code: code, Err: said}
}
