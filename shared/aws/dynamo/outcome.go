package dynamo

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/kesher-io/kesher/shared/aws/backoff"
	"github.com/kesher-io/kesher/shared/flow"
)

// unwrittenRetryer lets the SDK repeat a write only when DynamoDB said that it
// wrote nothing; the SDK's own list also repeats on timeouts, resets and 5xx,
// after which a failed condition no longer tells whose write made it fail.
func unwrittenRetryer(delay backoff.Delay) aws.Retryer {
	return retry.NewStandard(func(o *retry.StandardOptions) {
		o.MaxAttempts = backoff.Attempts
		o.Backoff = retry.BackoffDelayerFunc(func(attempt int, _ error) (time.Duration, error) { return delay(attempt), nil })
		o.Retryables = []retry.IsErrorRetryable{retry.IsErrorRetryableFunc(func(err error) aws.Ternary {
			return aws.BoolTernary(throttled(err))
		})}
	})
}

// throttled says whether DynamoDB asks to come back later and has written
// nothing. Contention between transactions counts: nothing was written either.
func throttled(err error) bool {
	var canceled *types.TransactionCanceledException
	if errors.As(err, &canceled) {
		return throttledReasons(canceled.CancellationReasons)
	}
	var api smithy.APIError
	if !errors.As(err, &api) {
		return false
	}
	switch api.ErrorCode() {
	case "ThrottlingException", "ProvisionedThroughputExceededException", "RequestLimitExceeded",
		"TransactionConflictException", "ReplicatedWriteConflictException":
		return true
	}
	return false
}

// throttledReasons: some part was throttled, and none failed for good.
func throttledReasons(reasons []types.CancellationReason) bool {
	some := false
	for _, r := range reasons {
		switch aws.ToString(r.Code) {
		case "None", "":
		case "TransactionConflict", "ProvisionedThroughputExceeded", "ThrottlingError":
			some = true
		default:
			return false
		}
	}
	return some
}

// outcome turns the error of a write into the port's words.
func (s *Store) outcome(ops []flow.Op, err error) error {
	var failed *types.ConditionalCheckFailedException
	var canceled *types.TransactionCanceledException
	switch {
	case throttled(err):
		return fmt.Errorf("%w: %w", flow.ErrThrottled, err)
	case errors.As(err, &failed):
		return s.conflict(ops, 0, failed.Item)
	case errors.As(err, &canceled):
		return s.cancellation(ops, canceled)
	case tooLarge(err):
		return fmt.Errorf("%w: %w", flow.ErrTooLarge, err)
	case refused(err):
		return err
	default:
		return fmt.Errorf("%w: %w", flow.ErrUnknown, err)
	}
}

func (s *Store) cancellation(ops []flow.Op, canceled *types.TransactionCanceledException) error {
	for i, r := range canceled.CancellationReasons {
		switch {
		case i < len(ops) && aws.ToString(r.Code) == "ConditionalCheckFailed":
			return s.conflict(ops, i, r.Item)
		case sizeMessage(aws.ToString(r.Message)):
			return fmt.Errorf("%w: %w", flow.ErrTooLarge, canceled)
		}
	}
	return canceled
}

func (s *Store) conflict(ops []flow.Op, i int, found row) error {
	key := ops[i].Item.Key
	current, err := s.live(key.Table, found)
	if err != nil {
		return err
	}
	return &flow.Conflict{Op: i, Key: key, Current: current}
}

// refused: DynamoDB read the request and would not have it (or it was never
// sent, its parameters being wrong), so nothing was written.
func refused(err error) bool {
	var api smithy.APIError
	if !errors.As(err, &api) {
		var invalid *smithy.InvalidParamsError
		return errors.As(err, &invalid)
	}
	var inProgress *types.TransactionInProgressException
	if errors.As(err, &inProgress) {
		return false
	}
	var response *smithyhttp.ResponseError
	return api.ErrorFault() != smithy.FaultServer &&
		errors.As(err, &response) && response.HTTPStatusCode() < 500
}

func tooLarge(err error) bool {
	var api smithy.APIError
	return errors.As(err, &api) && api.ErrorCode() == "ValidationException" && sizeMessage(api.ErrorMessage())
}

// sizeMessage knows the one way in which DynamoDB tells of an item too large:
// a ValidationException with this text.
func sizeMessage(message string) bool { return strings.HasPrefix(message, "Item size") }

// readError turns the error of a read into the port's words.
func readError(what string, err error) error {
	if throttled(err) {
		return fmt.Errorf("%s: %w: %w", what, flow.ErrThrottled, err)
	}
	return fmt.Errorf("%s: %w", what, err)
}
