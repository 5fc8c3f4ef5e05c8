package pump

import (
	"encoding/json"
	"fmt"

	"github.com/kesher-io/kesher/shared/local/embedded"
)

// whole stands for the failure of a batch as a whole.
const whole = -1

// readAnswer says at which of the records the function's answer places the first
// failure, len(entries) if nowhere (Lambda developer guide, "Configuring partial
// batch response with DynamoDB and Lambda", "Success and failure conditions").
func readAnswer(answer []byte, entries []*entry) (failed int, err error) {
	if len(answer) == 0 {
		return len(entries), nil
	}
	var response *struct {
		BatchItemFailures []struct {
			ItemIdentifier *string `json:"itemIdentifier"`
		} `json:"batchItemFailures"`
	}
	if err := json.Unmarshal(answer, &response); err != nil {
		return whole, fmt.Errorf("the answer is no batch response: %w", err)
	}
	failed = len(entries)
	if response == nil {
		return failed, nil
	}
	places := map[string]int{}
	for i, e := range entries {
		places[embedded.Sequence(e.n)] = i
	}
	for _, failure := range response.BatchItemFailures {
		if failure.ItemIdentifier == nil {
			return whole, fmt.Errorf("the answer names a failure without itemIdentifier")
		}
		place, known := places[*failure.ItemIdentifier]
		if !known {
			return whole, fmt.Errorf("the answer names record %q, which is not in the batch", *failure.ItemIdentifier)
		}
		failed = min(failed, place)
	}
	if failed < len(entries) {
		err = fmt.Errorf("the function reports record %d of %d", failed+1, len(entries))
	}
	return failed, err
}
