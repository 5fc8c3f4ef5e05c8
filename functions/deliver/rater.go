package deliver

import (
	"context"

	"github.com/kesher-io/kesher/shared/aws/ses"
	"github.com/kesher-io/kesher/shared/flow/deliver"
)

// Accounts asks SES for what the account may send.
type Accounts interface {
	Account(ctx context.Context) (ses.Account, error)
}

// Rater makes SES's account the allowance that deliver keeps to.
type Rater struct{ SES Accounts }

var _ deliver.Rater = Rater{}

// Allowance is what SES allows now.
func (r Rater) Allowance(ctx context.Context) (deliver.Allowance, error) {
	a, err := r.SES.Account(ctx)
	if err != nil {
		return deliver.Allowance{}, err
	}
	allowed := deliver.Allowance{PerSecond: a.Rate, PerDay: max(a.Quota, 0), Used: a.Used} // -1 = no quota
	if !a.Enabled {
		allowed.Paused = "sending is paused (" + a.Health + ")"
	}
	return allowed, nil
}
